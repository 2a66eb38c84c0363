"""Django with its ORM and its templates, gunicorn's sync worker, PyMySQL."""

import mimetypes
from typing import Any

import django
import pymysql
from django.conf import settings

from benchmarks.peers import common

pymysql.install_as_MySQLdb()  # pure Python, as the other peers' drivers are
where = common.database()
settings.configure(
    SECRET_KEY="of a peer in a benchmark",  # noqa: S106 - nothing is kept behind it
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_I18N=False,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.mysql", "NAME": where["db"], "USER": where["user"],
        "PASSWORD": where["password"], "HOST": where["host"], "PORT": str(where["port"]),
        "CONN_MAX_AGE": None,
    }},
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [common.TEMPLATES],
    }],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)  # fmt: skip
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - once it is set up
from django.db import models, transaction  # noqa: E402
from django.http import (  # noqa: E402
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseForbidden,
)
from django.shortcuts import get_object_or_404, redirect, render  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.safestring import mark_safe  # noqa: E402


class Table(models.Model):  # type: ignore[misc]  # Django is untyped here
    class Meta:
        abstract = True
        app_label = "peer"
        managed = False


class Person(Table):
    name = models.CharField(max_length=80)

    class Meta(Table.Meta):
        db_table = "people"


class Session(Table):
    token = models.CharField(max_length=64, primary_key=True)
    person = models.ForeignKey(Person, models.CASCADE)

    class Meta(Table.Meta):
        db_table = "sessions"


class Book(Table):
    title = models.CharField(max_length=300)
    author = models.CharField(max_length=800)
    year = models.IntegerField(null=True)
    language = models.CharField(max_length=8, null=True)
    category = models.CharField(max_length=24)
    condition = models.CharField(max_length=12)
    price = models.IntegerField()
    stock = models.IntegerField()
    on_sale = models.BooleanField()
    cover = models.CharField(max_length=80, null=True)
    description = models.TextField()
    seller = models.ForeignKey(Person, models.CASCADE)

    class Meta(Table.Meta):
        db_table = "books"

    @property
    def amount(self) -> str:
        return common.amount(self.price)

    @property
    def tint(self) -> int:
        return int(self.id) % 8

    @property
    def seller_name(self) -> str:
        return str(self.seller.name)


class BasketItem(Table):
    person = models.ForeignKey(Person, models.CASCADE)
    book = models.ForeignKey(Book, models.CASCADE)
    quantity = models.IntegerField()

    class Meta(Table.Meta):
        db_table = "basket_items"


class Order(Table):
    person = models.ForeignKey(Person, models.CASCADE)
    state = models.CharField(max_length=16)
    total = models.IntegerField()
    name = models.TextField()
    address = models.TextField()
    country = models.CharField(max_length=2)

    class Meta(Table.Meta):
        db_table = "orders"


class OrderLine(Table):
    order = models.ForeignKey(Order, models.CASCADE)
    book = models.ForeignKey(Book, models.CASCADE)
    title = models.TextField()
    price = models.IntegerField()
    quantity = models.IntegerField()

    class Meta(Table.Meta):
        db_table = "order_lines"


class Payment(Table):
    order = models.ForeignKey(Order, models.CASCADE)
    amount = models.IntegerField()
    card = models.CharField(max_length=4)

    class Meta(Table.Meta):
        db_table = "payments"


def _person(request: HttpRequest) -> tuple[Any, str]:
    token = request.COOKIES.get("session", "")
    found = Session.objects.select_related("person").filter(token=token).first() if token else None
    return (found.person, token) if found else (None, "")


def _page(request: HttpRequest, template: str, person: Any, token: str, **more: Any) -> Any:
    values = common.context(template, person.name if person else None, token, **more)
    values["padding"] = mark_safe(values["padding"])  # noqa: S308
    return render(request, f"{template}.html", values)


def index(request: HttpRequest) -> Any:
    person, token = _person(request)
    words, prices = common.wish(request.GET)
    found = Book.objects.filter(on_sale=True)
    if words:
        found = found.extra(where=["MATCH(title, author) AGAINST (%s IN BOOLEAN MODE)"],
                            params=[words])  # fmt: skip
    if prices:
        found = found.filter(price__range=prices)
    books = list(found.order_by("-id").defer("description")[: common.PAGE + 1])
    return _page(
        request, "catalogue", person, token, cards=books[: common.PAGE], matches=found.count(),
        categories=common.CATEGORIES, conditions=common.CONDITIONS,
        next_page=f"/?after={books[common.PAGE - 1].id}" if len(books) > common.PAGE else None,
    )  # fmt: skip


def book(request: HttpRequest, book_id: int) -> Any:
    person, token = _person(request)
    found = get_object_or_404(Book.objects.select_related("seller"), id=book_id)
    return _page(request, "book", person, token, book=found)


def basket(request: HttpRequest) -> Any:
    person = _required(request)
    if person is None:
        return HttpResponseForbidden()
    BasketItem.objects.update_or_create(
        person=person, book_id=request.POST["book_id"],
        defaults={"quantity": request.POST["quantity"]},
    )  # fmt: skip
    return _see_other("/basket")


def checkout(request: HttpRequest) -> Any:
    if request.method == "POST":
        return _place(request)
    person, token = _person(request)
    items = list(BasketItem.objects.select_related("book").filter(person=person))
    total = sum(item.book.price * item.quantity for item in items)
    lines = [
        {"quantity": item.quantity, "title": item.book.title, "author": item.book.author,
         "amount": item.book.amount} for item in items
    ]  # fmt: skip
    return _page(request, "checkout", person, token, countries=common.COUNTRIES, lines=lines,
                 total=common.amount(total))  # fmt: skip


def _place(request: HttpRequest) -> Any:
    person = _required(request)
    if person is None:
        return HttpResponseForbidden()
    with transaction.atomic():
        items = list(BasketItem.objects.select_related("book").filter(person=person))
        for item in items:
            taken = Book.objects.filter(id=item.book_id, stock__gte=item.quantity).update(
                stock=models.F("stock") - item.quantity
            )
            if taken != 1:
                raise RuntimeError("sold out")
        order = Order.objects.create(
            person=person, state="placed", name=request.POST["name"],
            total=sum(item.book.price * item.quantity for item in items),
            address=request.POST["address"], country=request.POST["country"],
        )  # fmt: skip
        OrderLine.objects.bulk_create(
            OrderLine(order=order, book=item.book, title=item.book.title, price=item.book.price,
                      quantity=item.quantity) for item in items
        )  # fmt: skip
        BasketItem.objects.filter(person=person).delete()
    return _see_other(f"/orders/{order.id}/pay")


def pay(request: HttpRequest, order_id: int) -> Any:
    if request.method != "POST":
        person, token = _person(request)
        order = get_object_or_404(Order, id=order_id, person=person)
        return _page(request, "pay", person, token, order_id=order_id,
                     total=common.amount(order.total))  # fmt: skip
    person = _required(request)
    if person is None:
        return HttpResponseForbidden()
    with transaction.atomic():
        order = get_object_or_404(Order, id=order_id, person=person)
        Payment.objects.create(
            order=order, amount=order.total, card=request.POST["card_number"][-4:]
        )
        Order.objects.filter(id=order_id, state="placed").update(state="paid")
    return _see_other(f"/orders/{order_id}")


def static(_request: HttpRequest, name: str) -> FileResponse:
    kind = mimetypes.guess_type(name)[0]
    return FileResponse((common.STATIC / name).open("rb"), content_type=kind)


def _required(request: HttpRequest) -> Any:
    person, token = _person(request)
    return person if person and common.genuine(request.POST["csrf_token"], token) else None


def _see_other(address: str) -> HttpResponse:
    response = redirect(address)
    response.status_code = 303
    return response


urlpatterns = [
    path("", index),
    path("books/<int:book_id>", book),
    path("basket", basket),
    path("checkout", checkout),
    path("orders/<int:order_id>/pay", pay),
    path("static/<path:name>", static),
]
app = get_wsgi_application()
