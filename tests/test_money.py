"""Amounts: what one part of the shop writes, every other part reads."""

from decimal import Decimal

import pytest
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from bookstore import money
from bookstore.settings import SettingsError, load_settings

LOCALES = ("en_GB", "es_ES")
CURRENCIES = sorted(money.currencies())


@given(st.sampled_from(CURRENCIES), st.sampled_from(LOCALES), st.integers(0, 10**10))
def test_what_is_written_is_read_again(currency: str, locale: str, amount: int) -> None:
    mark = money.decimal_mark(locale)
    for write in (money.written, money.typed):
        assert money.parse(write(amount, currency, locale), currency, mark=mark) == amount
    assert money.parse(money.plain(amount, currency), currency, mark=".") == amount


@given(st.sampled_from(CURRENCIES), st.sampled_from(LOCALES), st.text(max_size=80))
def test_whatever_is_typed_is_an_amount_or_none(currency: str, locale: str, text: str) -> None:
    found = money.parse(text, currency, mark=money.decimal_mark(locale))
    assert found is None or found >= 0


@given(st.sampled_from(CURRENCIES), st.integers(0, 10**7))
def test_without_its_writers_mark_an_amount_is_read_right_or_not_at_all(
    currency: str, amount: int
) -> None:
    for locale in LOCALES:
        text = money.typed(amount, currency, locale)
        assert money.parse(text, currency) in {amount, None}


@pytest.mark.parametrize(
    ("currency", "text", "amount"),
    [
        ("EUR", "€7.00", 700),
        ("EUR", "7,00 €", 700),
        ("EUR", "7,00\N{NO-BREAK SPACE}€", 700),
        ("EUR", "1.234,50", 123450),
        ("EUR", "1,234.50", 123450),
        ("EUR", "1\N{NARROW NO-BREAK SPACE}234,50 EUR", 123450),
        ("EUR", "1’234.50", 123450),
        ("EUR", "12 euros", 1200),
        ("EUR", "12,–", 1200),
        ("EUR", "٣٫٥٠", 350),
        ("EUR", "１２．５０", 1250),
        ("EUR", ".5", 50),
        ("EUR", "0.500", 50),
        ("EUR", "12.50000", 1250),
        ("JPY", "1500", 1500),
        ("JPY", "1,500", 1500),
        ("JPY", "1.500 JPY", 1500),
        ("JPY", "￥1,500", 1500),
        ("JPY", "15.00", 15),
        ("KWD", "1.5", 1500),
        ("KWD", "KWD1,234.567", 1234567),
        ("USD", "$5", 500),
        ("EUR", "12.500", None),  # twelve and a half, or twelve thousand five hundred
        ("EUR", "12,505", None),
        ("KWD", "1.500", None),
        ("EUR", "12.505.00", None),
        ("EUR", "1,2,3", None),
        ("EUR", "1234,567.00", None),
        ("EUR", "12.3456", None),
        ("JPY", "15.50", None),
        ("EUR", "-5", None),
        ("EUR", "−5", None),
        ("EUR", "(5)", None),
        ("EUR", "$5", None),
        ("EUR", "5 USD", None),
        ("EUR", "1e3", None),
        ("EUR", "5 €/kg", None),
        ("EUR", "1_000", None),
        ("EUR", "NaN", None),
        ("EUR", "€", None),
        ("EUR", "", None),
        ("EUR", "9" * 61, None),
    ],
)
def test_an_amount_is_read_however_it_is_written(
    currency: str, text: str, amount: int | None
) -> None:
    assert money.parse(text, currency) == amount


@pytest.mark.parametrize(
    ("currency", "text", "mark", "amount"),
    [
        ("EUR", "1.500", ",", 150000),
        ("EUR", "1.500", ".", None),
        ("KWD", "1.500", ".", 1500),
        ("KWD", "1.500", ",", 1500000),
    ],
)
def test_the_writers_mark_decides_between_two_readings(
    currency: str, text: str, mark: str, amount: int | None
) -> None:
    assert money.parse(text, currency, mark=mark) == amount


@pytest.mark.parametrize("code", ["EUR", "JPY", "KWD", "USD", "GBP", "MXN", "CHF", "PLN"])
def test_a_shop_may_take_any_currency_in_use(code: str) -> None:
    assert load_settings(currency=code).currency == code


@pytest.mark.parametrize("code", ["EUX", "DEM", "XTS", "XAU", "eur", "€", "", "EURO"])
def test_a_shop_takes_no_other_currency(code: str) -> None:
    with pytest.raises(SettingsError, match=r"BOOKSTORE_CURRENCY: .* such as EUR"):
        load_settings(currency=code)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("currency", CURRENCIES)
def test_an_amount_is_written_as_babel_writes_it(currency: str, locale: str) -> None:
    unit = 10 ** money.digits(currency)
    amounts = [0, 1, 9, 10, 99, 100, 999, 12345, 99999999, -1, -123456]
    amounts += [whole * unit for whole in (1, 999, 1000, 1234, 9999, 10000, 123456, 1234567)]
    for amount in amounts:
        value = Decimal(amount) / unit
        assert money.written(amount, currency, locale) == format_currency(
            value, currency, locale=locale
        )
