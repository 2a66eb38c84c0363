"""What buyers and sellers type into the forms of orders, in every spelling of the same thing."""

import pytest
from werkzeug.datastructures import MultiDict

from bookstore.orders.forms import PaymentForm, ShipForm, month_of

DECEMBER_2030 = 2030 * 12 + 12


@pytest.mark.parametrize(
    "text",
    ["12/30", "1230", "12/2030", "122030", "12-30", "12.30", "12 30", "12 / 30", " 12/30 ",
     "12–30", "2030-12", "2030/12", "１２/３０", "12\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}30"],
)  # fmt: skip
def test_an_expiry_date_is_read_however_it_is_typed(text: str) -> None:
    assert month_of(text) == DECEMBER_2030


@pytest.mark.parametrize("text", ["7/30", "07/30", "0730", "07-2030", "2030-7", "2030-07"])
def test_a_month_of_one_digit(text: str) -> None:
    assert month_of(text) == 2030 * 12 + 7


@pytest.mark.parametrize(
    "text", ["", "12", "13/30", "00/30", "30/12", "730", "12/3", "12/30/1", "12//30", "x", "-12/30"]
)
def test_what_is_no_month_is_none(text: str) -> None:
    assert month_of(text) is None


@pytest.mark.parametrize(
    "number",
    ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "4242–4242–4242–4242",
     " 4242\N{NO-BREAK SPACE}4242\N{NARROW NO-BREAK SPACE}42424242\n",
     "４２４２４２４２４２４２４２４２"],
)  # fmt: skip
def test_a_card_is_known_however_its_number_is_grouped(number: str) -> None:
    form = PaymentForm(MultiDict({"card_number": number, "expiry": "1230", "cvc": " 123 "}))
    assert form.validate(), form.errors
    assert form.card is not None
    assert form.card.last4 == "4242"


@pytest.mark.parametrize("code", ["lx 1234-5678", "LX12345678", "LX–1234–5678"])
def test_a_tracking_code_is_kept_without_what_groups_it(code: str) -> None:
    form = ShipForm(MultiDict({"tracking_code": code}))
    assert form.validate(), form.errors
    assert form["tracking_code"].data == "LX12345678"
