"""The tables of the Django peer."""

from django.db import models


class Table(models.Model):  # type: ignore[misc]  # Django is untyped here
    """A table that the bench has made already; Django only reads and writes it."""

    class Meta:
        """Settings that every table shares."""

        abstract = True
        app_label = "peer"
        managed = False


class Person(Table):
    """Somebody who buys and sells."""

    name = models.CharField(max_length=80)

    class Meta(Table.Meta):
        db_table = "people"


class Session(Table):
    """Whose a cookie's token is, until when (milliseconds)."""

    token = models.CharField(max_length=64, primary_key=True)
    person = models.ForeignKey(Person, models.CASCADE)
    expires_at = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "sessions"


class Book(Table):
    """An offer; `price` in minor units, `stock` without what is sold."""

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
    isbn13 = models.CharField(max_length=13, null=True)
    ex_library = models.BooleanField()
    defects = models.CharField(max_length=500)
    created_at = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "books"


class BasketItem(Table):
    """So many copies of a book that a person wants."""

    person = models.ForeignKey(Person, models.CASCADE)
    book = models.ForeignKey(Book, models.CASCADE)
    quantity = models.IntegerField()

    class Meta(Table.Meta):
        db_table = "basket_items"


class Order(Table):
    """What was ordered, with sums in minor units and times in milliseconds."""

    person = models.ForeignKey(Person, models.CASCADE)
    state = models.CharField(max_length=16)
    goods = models.IntegerField()
    shipping = models.IntegerField()
    carrier = models.CharField(max_length=16)
    name = models.TextField()
    address = models.TextField()
    country = models.CharField(max_length=2)
    placed_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "orders"


class OrderLine(Table):
    """A book of an order on the terms it was ordered under."""

    order = models.ForeignKey(Order, models.CASCADE)
    book = models.ForeignKey(Book, models.CASCADE)
    seller = models.ForeignKey(Person, models.CASCADE)
    title = models.TextField()
    author = models.TextField()
    price = models.IntegerField()
    quantity = models.IntegerField()

    class Meta(Table.Meta):
        db_table = "order_lines"


class Shipment(Table):
    """What one seller sends of an order."""

    order = models.ForeignKey(Order, models.CASCADE)
    seller = models.ForeignKey(Person, models.CASCADE)
    goods = models.IntegerField()
    shipping = models.IntegerField()

    class Meta(Table.Meta):
        db_table = "shipments"


class Hold(Table):
    """Copies set aside for an order until a moment (milliseconds)."""

    order = models.ForeignKey(Order, models.CASCADE)
    book = models.ForeignKey(Book, models.CASCADE, related_name="holds")
    quantity = models.IntegerField()
    expires_at = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "holds"


class Payment(Table):
    """A payment that went through; `card` holds the last four digits."""

    order = models.ForeignKey(Order, models.CASCADE)
    amount = models.IntegerField()
    card = models.CharField(max_length=4)
    paid_at = models.BigIntegerField()

    class Meta(Table.Meta):
        db_table = "payments"


class Answer(Table):
    """What a form was answered, so that sending it again does nothing twice."""

    person = models.ForeignKey(Person, models.CASCADE)
    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    location = models.CharField(max_length=200)

    class Meta(Table.Meta):
        db_table = "answers"
