"""The forms of Flask and Starlette, with WTForms; Django has its own."""

from typing import Any

from wtforms import Form, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Regexp

from benchmarks.peers import selling
from benchmarks.peers.common import MOST


class AddForm(Form):  # type: ignore[misc]  # WTForms is untyped
    """Put copies of a book into the basket."""

    book_id = IntegerField(validators=[InputRequired(), NumberRange(1)])
    quantity = IntegerField(validators=[InputRequired(), NumberRange(1, MOST)])


class CheckoutForm(Form):  # type: ignore[misc]  # WTForms is untyped
    """Where to send the books, and by whom."""

    name = StringField(
        validators=[DataRequired(), Length(max=80)],
        render_kw={"autocomplete": "shipping name"},
    )
    address = TextAreaField(
        validators=[InputRequired(), Length(5, 400)],
        render_kw={"autocomplete": "shipping street-address", "rows": 3,
                   "aria-describedby": "address-hint"},
    )  # fmt: skip
    country = SelectField(
        choices=selling.COUNTRY_CHOICES, validators=[InputRequired()],
        render_kw={"autocomplete": "shipping country", "required": False},
    )  # fmt: skip
    carrier = SelectField(
        choices=selling.carrier_choices(), default="post",
        render_kw={"aria-describedby": "carrier-hint", "hx-get": "/checkout",
                   "hx-swap": "outerHTML", "hx-target": "#totals", "hx-trigger": "change"},
    )  # fmt: skip


class PaymentForm(Form):  # type: ignore[misc]  # WTForms is untyped
    """A test card."""

    card_number = StringField(
        validators=[InputRequired()],
        render_kw={"autocomplete": "off", "inputmode": "numeric", "maxlength": "23",
                   "placeholder": "4242 4242 4242 4242"},
    )  # fmt: skip
    expiry = StringField(
        validators=[InputRequired(), Regexp(r"^\s*(0[1-9]|1[0-2])\s*/\s*(\d{2}|\d{4})\s*$")],
        render_kw={"autocomplete": "off", "inputmode": "numeric", "maxlength": "9"},
    )
    cvc = StringField(
        validators=[InputRequired(), Regexp(r"^\s*\d{3,4}\s*$")],
        render_kw={"autocomplete": "off", "inputmode": "numeric", "maxlength": "4"},
    )

    def validate_card_number(self, field: Any) -> None:
        """Accept test cards alone."""
        field.data = selling.card_number(field.data or "")
        if field.data is None:
            raise ValueError("Use one of the test cards below.")

    def validate_expiry(self, field: Any) -> None:
        """Refuse a month that is over."""
        if not field.errors and selling.over(field.data):
            raise ValueError("This date is over. Any month from now on will do.")
