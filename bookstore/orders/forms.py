"""The forms of orders."""

import re
import unicodedata
from functools import cache
from typing import Any

from babel import Locale
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
    ValidationError,
)

from bookstore.carriers import CARRIERS
from bookstore.orders.domain import COUNTRIES, MAX_ID, MAX_QUANTITY
from bookstore.orders.payments import Card, card_of
from bookstore.web import i18n
from bookstore.web.forms import IntegerField, ShopForm, plain_text, select_list, tidy
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import lazy_gettext


def _plain(text: str) -> str:
    """Return a text with the digits, dashes and blanks that a keyboard has."""
    normal = unicodedata.normalize("NFKC", text)
    return "".join("-" if unicodedata.category(c) == "Pd" else c for c in normal)


def _joined(text: str | None) -> str:
    """Return a number or a code without the blanks and dashes that it is grouped by."""
    return re.sub(r"[\s-]", "", _plain(text or ""))


def _quantity(least: int) -> IntegerField:
    return IntegerField(
        lazy_gettext("Quantity"), [InputRequired(), NumberRange(least, MAX_QUANTITY)]
    )


class AddForm(ShopForm):
    """Put copies of a book into the basket."""

    book_id = IntegerField("book_id", [InputRequired(), NumberRange(1, MAX_ID)])
    quantity = _quantity(1)


class QuantityForm(ShopForm):
    """Have so many copies of a book in the basket."""

    quantity = _quantity(0)


@cache
def _countries(language: str) -> list[SelectChoice]:
    """Return the countries that can be chosen, by their names in a language."""
    names = Locale.parse(language).territories
    choices = (SelectChoice(code, names[code]) for code in COUNTRIES)
    by_name = sorted(choices, key=lambda choice: _letters(str(choice.label)))
    return [SelectChoice("", _("Choose a country")), *by_name]


def _letters(name: str) -> str:
    """Return a name as it is sorted: without accents, which are no letters of their own."""
    plain = unicodedata.normalize("NFD", name)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


class CheckoutForm(ShopForm):
    """Where to send the books, and by whom."""

    name = StringField(
        lazy_gettext("Name"),
        [DataRequired(), Length(max=80), plain_text],
        filters=[tidy],
        render_kw={"autocomplete": "shipping name"},
    )
    address = TextAreaField(
        lazy_gettext("Address"),
        [InputRequired(), Length(min=5, max=400), plain_text],
        filters=[tidy],
        render_kw={"autocomplete": "shipping street-address", "rows": 3},
    )
    country = SelectField(
        lazy_gettext("Country"),
        [InputRequired()],
        default="",
        widget=select_list,
        render_kw={"autocomplete": "shipping country"},
    )
    carrier = SelectField(
        lazy_gettext("Carrier"),
        [InputRequired()],
        choices=[SelectChoice(carrier.code, carrier.name) for carrier in CARRIERS.values()],
        default="post",
        widget=select_list,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self["country"].choices = _countries(i18n.language())


class PaymentForm(ShopForm):
    """A test card. Its number is never shown again, written down or logged."""

    card_number = StringField(
        lazy_gettext("Card number"),
        [InputRequired()],
        render_kw={
            "autocomplete": "off",
            "inputmode": "numeric",
            "placeholder": "4242 4242 4242 4242",
            "maxlength": "23",
        },
    )
    expiry = StringField(
        lazy_gettext("Expiry date (MM/YY)"),
        [InputRequired()],
        render_kw={"autocomplete": "off", "inputmode": "numeric", "maxlength": "9"},
    )
    cvc = StringField(
        lazy_gettext("Security code (CVC)"),
        [InputRequired(), Regexp(r"^[0-9]{3,4}$")],
        filters=[_joined],
        render_kw={"autocomplete": "off", "inputmode": "numeric", "maxlength": "4"},
    )
    card: Card | None = None
    month_now = 0  # months since the year 0, set by whoever validates

    def validate_card_number(self, field: Any) -> None:
        """Accept test cards alone: a real card must never be typed in here."""
        self.card = card_of(_joined(field.data))
        if self.card is None:
            raise ValidationError(
                _("Use one of the test cards below. Never type the number of a real card here.")
            )

    def validate_expiry(self, field: Any) -> None:
        """Refuse what is no month, or one that is over."""
        month = month_of(field.data or "")
        if month is None:
            raise ValidationError(_("Write the month and the year, such as 12/30."))
        if month < self.month_now:
            raise ValidationError(_("This date is over. Any month from now on will do."))


class ShipForm(ShopForm):
    """Note that a parcel has left."""

    tracking_code = StringField(
        lazy_gettext("Tracking code"),
        [Optional(), Regexp(r"^[A-Z0-9]{8,24}$")],
        filters=[lambda code: _joined(code).upper()],
        render_kw={"autocomplete": "off", "maxlength": "30"},
    )


_YEAR_FIRST = re.compile(r"([0-9]{4})[/.-](0?[1-9]|1[0-2])")
_MONTH_FIRST = re.compile(r"(0[1-9]|1[0-2]|[1-9](?=[/.-]))[/.-]?([0-9]{4}|[0-9]{2})")


def month_of(text: str) -> int | None:
    """Return the month that a card's expiry date names, as months since the year 0: 12/30, 1230,
    12-2030, 2030-12 and their like are all December 2030."""
    plain = re.sub(r"\s*[/.-]\s*|\s+", "/", _plain(text).strip())
    if found := _YEAR_FIRST.fullmatch(plain):
        year, month = found.groups()
    elif found := _MONTH_FIRST.fullmatch(plain):
        month, year = found.groups()
    else:
        return None
    return (int(year) if len(year) == 4 else 2000 + int(year)) * 12 + int(month)
