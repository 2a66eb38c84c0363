"""Django with its ORM and its templates, gunicorn's threads, PyMySQL."""

import mimetypes
from collections.abc import Callable
from typing import Any

import django
import pymysql
from django.conf import settings

from benchmarks.peers import common, selling
from benchmarks.peers.common import Visitor

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
        "CONN_MAX_AGE": None, "OPTIONS": {"charset": "utf8mb4"},
    }},
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [common.TEMPLATES],
    }],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)  # fmt: skip
django.setup()

from django.core.exceptions import BadRequest, PermissionDenied  # noqa: E402 - once it is set up
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import IntegrityError, transaction  # noqa: E402
from django.db.models import F, OuterRef, Subquery, Sum  # noqa: E402
from django.db.models.functions import Coalesce  # noqa: E402
from django.http import FileResponse, HttpRequest, HttpResponse  # noqa: E402
from django.shortcuts import get_object_or_404, redirect  # noqa: E402
from django.template.loader import render_to_string  # noqa: E402
from django.urls import path  # noqa: E402

from benchmarks.peers.django_forms import AddForm, CheckoutForm, PaymentForm  # noqa: E402
from benchmarks.peers.django_models import (  # noqa: E402
    Answer,
    BasketItem,
    Book,
    Hold,
    Order,
    OrderLine,
    Payment,
    Session,
    Shipment,
)

CARD_FIELDS = ("id", "title", "author", "condition", "price", "cover")


class Conflict(Exception):
    """The form came too late: nothing of it is kept."""

    status = 409


class KeyReused(Conflict):
    """This idempotency key stands for another form."""

    status = 422


def visitor(request: HttpRequest) -> Visitor:
    """Return who asks by the session cookie, nobody for an unknown or ended one."""
    token = request.COOKIES.get("session", "")
    found = (
        Session.objects.select_related("person")
        .filter(token=token, expires_at__gt=common.now()).first() if token else None
    )  # fmt: skip
    if found is None:
        return Visitor(None, None, token)
    return Visitor(found.person.id, found.person.name, token)


def page(request: HttpRequest, template: str, who: Visitor, status: int = 200, **more: Any) -> Any:
    """Return a template in the shop's layout, compressed as the browser takes it."""
    layout = common.context(who, f"{request.scheme}://{request.get_host()}", request.path)
    shown = render_to_string(f"{template}.html", {**layout, **more})
    body, encoding = common.encoded(shown.encode(), request.headers.get("Accept-Encoding", ""))
    response = HttpResponse(body, status=status, headers={"Vary": "Accept-Encoding"})
    if encoding:
        response["Content-Encoding"] = encoding
    return response


def badge(request: HttpRequest) -> Any:
    """Answer the number of copies in the basket, nothing for none."""
    who = visitor(request)
    lines = BasketItem.objects.filter(person_id=who.id)
    copies = (lines.aggregate(total=Sum("quantity"))["total"] or 0) if who.id else 0
    return HttpResponse(f"<b>{copies}</b>" if copies else "")


def index(request: HttpRequest) -> Any:
    """Answer a page of the list, searched and narrowed by the query."""
    who = visitor(request)
    wanted = common.wish(request.GET)
    found = Book.objects.filter(on_sale=True)
    if wanted.words:
        found = found.extra(where=["MATCH(title, author) AGAINST (%s IN BOOLEAN MODE)"],
                            params=[wanted.words])  # fmt: skip
    if wanted.prices:
        found = found.filter(price__range=wanted.prices)
    for column in ("category", "language", "condition"):
        if value := getattr(wanted, column):
            found = found.filter(**{column: value})
    shown = found.filter(id__lt=wanted.after) if wanted.after else found
    others = (
        Book.objects.filter(isbn13=OuterRef("isbn13"), on_sale=True).exclude(id=OuterRef("id"))
        .order_by("price").values("price")[:1]
    )  # fmt: skip
    books = list(
        shown.order_by("-id").values(
            *CARD_FIELDS, seller_name=F("seller__name"), others_from=Subquery(others)
        )[: common.PAGE + 1]
    )
    cards = [common.card(book) for book in books]
    last = cards[: common.PAGE][-1]["id"] if cards else 0
    return page(request, "catalogue", who, **common.catalogue(wanted, cards, last, found.count()))


def book(request: HttpRequest, book_id: int) -> Any:
    """Answer a book with the copies that no hold keeps, and other offers of it."""
    who = visitor(request)
    held = (
        Hold.objects.filter(book=OuterRef("id"), expires_at__gt=common.now())
        .values("book").annotate(total=Sum("quantity")).values("total")
    )  # fmt: skip
    found = get_object_or_404(
        Book.objects.select_related("seller").annotate(
            available=F("stock") - Coalesce(Subquery(held), 0)
        ),
        id=book_id,
    )
    others = (
        Book.objects.filter(isbn13=found.isbn13, on_sale=True).exclude(id=book_id)
        .order_by("price").values(*CARD_FIELDS, seller_name=F("seller__name"))[:5]
        if found.isbn13 else []
    )  # fmt: skip
    origin = f"{request.scheme}://{request.get_host()}"
    shown = common.book_page({**vars(found), "seller_name": found.seller.name}, origin)
    known = who.token
    who = who._replace(token=known or common.new_token())
    response = page(request, "book", who, book=shown, others=[common.card(o) for o in others])
    if not known:
        response.set_cookie("session", who.token, httponly=True, samesite="Lax")
    return response


def once(request: HttpRequest, work: Callable[[Visitor], Any]) -> Any:
    """Do the work of a form in one transaction, and once for each idempotency key: where it leads
    to is kept in the same transaction and given again."""
    key = request.POST.get("idempotency_key", "")
    digest = selling.fingerprint(request.path, request.POST.dict())
    try:
        with transaction.atomic():
            who = visitor(request)
            if who.id is None:
                raise PermissionDenied
            if not common.genuine(request.POST.get("csrf_token", ""), who.token):
                raise PermissionDenied
            if not key:
                raise BadRequest
            try:
                with transaction.atomic():
                    answer = Answer.objects.create(
                        person_id=who.id, key=key, fingerprint=digest, location=""
                    )
            except IntegrityError:
                kept = Answer.objects.get(person_id=who.id, key=key)
                if kept.fingerprint != digest:
                    raise KeyReused from None
                return see_other(kept.location)
            location = work(who)
            if isinstance(location, HttpResponse):  # it may be corrected and sent again
                transaction.set_rollback(True)
                return location
            answer.location = location
            answer.save(update_fields=["location"])
    except Conflict as conflict:
        return HttpResponse(status=conflict.status)
    return see_other(location)


def basket(request: HttpRequest) -> Any:
    """Put copies of a book into the basket, if they are there and not one's own."""
    form = AddForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    book_id, quantity = form.cleaned_data["book_id"], form.cleaned_data["quantity"]

    def work(who: Visitor) -> str:
        sold = Book.objects.filter(id=book_id, on_sale=True).only("stock", "seller_id").first()
        if sold is None or sold.stock < quantity or sold.seller_id == who.id:
            raise Conflict
        BasketItem.objects.update_or_create(
            person_id=who.id, book_id=book_id, defaults={"quantity": quantity}
        )
        return "/basket"

    return once(request, work)


def basket_lines(who: Visitor, *, lock: bool = False) -> list[dict[str, Any]]:
    """Return the basket at today's terms; `lock` keeps its rows until the transaction ends."""
    items = BasketItem.objects.select_related("book__seller").filter(person_id=who.id)
    items = items.defer("book__description").order_by("book_id")
    return [
        {"id": item.book_id, "title": item.book.title, "author": item.book.author,
         "condition": item.book.condition, "year": item.book.year,
         "language": item.book.language, "isbn13": item.book.isbn13,
         "price": item.book.price, "stock": item.book.stock, "on_sale": item.book.on_sale,
         "seller_id": item.book.seller_id, "seller_name": item.book.seller.name,
         "quantity": item.quantity}
        for item in (items.select_for_update() if lock else items)
    ]  # fmt: skip


def checkout(request: HttpRequest) -> Any:
    """Show the review with the last address, or place the order."""
    if request.method == "POST":
        return place(request)
    who = visitor(request)
    if who.id is None:
        return see_other("/login")
    last = Order.objects.filter(person_id=who.id).order_by("-id")
    known = last.values("name", "address", "country").first()
    form = CheckoutForm(initial=known or {"name": who.name})
    return page(request, "checkout", who, form=form, **selling.review(basket_lines(who)))


def place(request: HttpRequest) -> Any:
    """Order what was seen: hold copies, write order, lines and parcels in one transaction."""
    form = CheckoutForm(request.POST)

    def work(who: Visitor) -> Any:
        lines = basket_lines(who, lock=True)
        if not form.is_valid() or not lines:
            return page(request, "checkout", who, 422, form=form, **selling.review(lines))
        if request.POST.get("seen") != selling.digest(lines):
            raise Conflict
        moment = common.now()
        held = Hold.objects.filter(
            book_id__in=[line["id"] for line in lines], expires_at__gt=moment
        ).values_list("book_id", "quantity")
        if selling.sold_out(lines, list(held)):
            raise Conflict
        return f"/orders/{_write_order(who, form.cleaned_data, lines, moment)}/pay"

    return once(request, work)


def _write_order(who: Visitor, sent: dict[str, Any], lines: list[Any], moment: int) -> int:
    parcels = selling.parcels_of(lines)
    order = Order.objects.create(
        person_id=who.id, state="placed", goods=sum(parcel["goods"] for parcel in parcels),
        shipping=selling.shipping(parcels, sent["carrier"]), placed_at=moment,
        expires_at=moment + selling.HOLD, **sent,
    )  # fmt: skip
    OrderLine.objects.bulk_create(
        OrderLine(order=order, book_id=line["id"], seller_id=line["seller_id"],
                  title=line["title"], author=line["author"], price=line["price"],
                  quantity=line["quantity"])
        for line in lines
    )  # fmt: skip
    Hold.objects.bulk_create(
        Hold(order=order, book_id=line["id"], quantity=line["quantity"],
             expires_at=order.expires_at)
        for line in lines
    )  # fmt: skip
    Shipment.objects.bulk_create(
        Shipment(order=order, seller_id=parcel["seller_id"], goods=parcel["goods"],
                 shipping=selling.shipping([parcel], sent["carrier"]))
        for parcel in parcels
    )  # fmt: skip
    BasketItem.objects.filter(person_id=who.id).delete()
    return int(order.id)


def pay_page(request: HttpRequest, who: Visitor, order: Order, form: Any, status: int = 200) -> Any:
    """Return the payment form of an order with the cards that work."""
    return page(request, "pay", who, status, form=form, order_id=order.id, cards=selling.CARDS,
                total=common.amount(order.goods + order.shipping),
                until=selling.until(order.expires_at),
                until_iso=selling.until_iso(order.expires_at))  # fmt: skip


def pay(request: HttpRequest, order_id: int) -> Any:
    """Show the payment form, or take the payment, copies and holds in one transaction."""
    if request.method != "POST":
        who = visitor(request)
        order = get_object_or_404(Order, id=order_id, person_id=who.id)
        return pay_page(request, who, order, PaymentForm(initial={"expiry": "12/30", "cvc": "123"}))
    form = PaymentForm(request.POST)

    def work(who: Visitor) -> Any:
        order = get_object_or_404(Order.objects.select_for_update(), id=order_id, person_id=who.id)
        if order.state != "placed" or order.expires_at <= common.now():
            raise Conflict
        if not form.is_valid() or form.cleaned_data["card_number"] != selling.PAYING:
            return pay_page(request, who, order, form, 422)
        for hold in Hold.objects.filter(order=order).order_by("book_id"):
            Book.objects.filter(id=hold.book_id).update(stock=F("stock") - hold.quantity)
        Hold.objects.filter(order=order).delete()
        Payment.objects.create(
            order=order, amount=order.goods + order.shipping,
            card=form.cleaned_data["card_number"][-4:], paid_at=common.now(),
        )  # fmt: skip
        order.state = "paid"
        order.save(update_fields=["state"])
        return f"/orders/{order_id}"

    return once(request, work)


def static(_request: HttpRequest, name: str) -> FileResponse:
    """Send a style, script or icon as it is in the shop's folder."""
    kind = mimetypes.guess_type(name)[0]
    return FileResponse((common.STATIC / name).open("rb"), content_type=kind)


def see_other(address: str) -> HttpResponse:
    """Return a redirect that the browser follows with GET."""
    response = redirect(address)
    response.status_code = 303
    return response


urlpatterns = [
    path("", index),
    path("books", index),
    path("books/<int:book_id>", book),
    path("basket", basket),
    path("basket/badge", badge),
    path("checkout", checkout),
    path("orders/<int:order_id>/pay", pay),
    path("static/<path:name>", static),
]
app = get_wsgi_application()
