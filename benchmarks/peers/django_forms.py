"""The forms of the Django peer."""

from typing import Any

from django import forms

from benchmarks.peers import selling
from benchmarks.peers.common import MOST


class AddForm(forms.Form):  # type: ignore[misc]  # Django is untyped here
    """Put copies of a book into the basket."""

    book_id = forms.IntegerField(min_value=1)
    quantity = forms.IntegerField(min_value=1, max_value=MOST)


class CheckoutForm(forms.Form):  # type: ignore[misc]
    """Where to send the books, and by whom."""

    name = forms.CharField(max_length=80, widget=forms.TextInput({"autocomplete": "shipping name"}))
    address = forms.CharField(
        min_length=5, max_length=400,
        widget=forms.Textarea({"autocomplete": "shipping street-address", "rows": 3,
                               "aria-describedby": "address-hint"}),
    )  # fmt: skip
    country = forms.ChoiceField(
        choices=selling.COUNTRY_CHOICES,
        widget=forms.Select({"autocomplete": "shipping country"}),
    )  # fmt: skip
    carrier = forms.ChoiceField(
        choices=selling.carrier_choices(), initial="post",
        widget=forms.Select({
            "aria-describedby": "carrier-hint", "hx-get": "/checkout", "hx-swap": "outerHTML",
            "hx-target": "#totals", "hx-trigger": "change"}),
    )  # fmt: skip


class PaymentForm(forms.Form):  # type: ignore[misc]
    """A test card."""

    card_number = forms.CharField(
        widget=forms.TextInput({
            "autocomplete": "off", "inputmode": "numeric", "maxlength": "23",
            "placeholder": "4242 4242 4242 4242"}),
    )  # fmt: skip
    expiry = forms.RegexField(
        r"^\s*(0[1-9]|1[0-2])\s*/\s*(\d{2}|\d{4})\s*$",
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "numeric", "maxlength": "9"}),
    )
    cvc = forms.RegexField(
        r"^\s*\d{3,4}\s*$",
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "numeric", "maxlength": "4"}),
    )

    def clean_card_number(self) -> str:
        """Accept test cards alone."""
        number = selling.card_number(self.cleaned_data["card_number"])
        if number is None:
            raise forms.ValidationError("Use one of the test cards below.")
        return number

    def clean_expiry(self) -> Any:
        """Refuse a month that is over."""
        if selling.over(self.cleaned_data["expiry"]):
            raise forms.ValidationError("This date is over. Any month from now on will do.")
        return self.cleaned_data["expiry"]
