"""The form in which a book is offered."""

import re
from typing import Any

from werkzeug.datastructures import FileStorage
from wtforms import (
    BooleanField,
    FileField,
    HiddenField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    ValidationError,
)

from bookstore import money
from bookstore.catalogue import isbn
from bookstore.catalogue.domain import (
    CATEGORIES,
    GRADES,
    LANGUAGES,
    MAX_AUTHOR,
    MAX_COPIES,
    MAX_DEFECTS,
    MAX_DESCRIPTION,
    MAX_TITLE,
    YEARS,
    Terms,
)
from bookstore.catalogue.repository import Book, Known
from bookstore.web import i18n
from bookstore.web.forms import IntegerField, ShopForm, plain_text, tidy
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import language_name, lazy_gettext


class PriceField(StringField):  # type: ignore[misc]  # WTForms publishes no types
    """An amount, however it is typed; `data` is minor units."""

    currency = "EUR"

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        return money.typed(self.data, self.currency, i18n.locale())

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read an amount in the reader's own spelling, as minor units."""
        self.data = None
        if not valuelist or not valuelist[0].strip():
            self.raw_data: list[str] = []  # blanks are nothing, which the validators refuse
            return
        mark = money.decimal_mark(i18n.locale())
        self.data = money.parse(valuelist[0], self.currency, mark=mark)
        if self.data is None:
            example = money.example(self.currency, i18n.locale())
            raise ValueError(_("Write the price as an amount such as %(amount)s.", amount=example))


class YearField(IntegerField):
    """A year as pages write it ("44 BC") and people type it; those before Christ are negative."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read a year; one before Christ ("44 B.C.") is negative."""
        if valuelist:
            before = re.fullmatch(
                r"(.*\d)\s*(?:B\.?\s?C\.?(?:\s?E\.?)?|a\.?\s?C\.?)\s*", valuelist[0]
            )
            super().process_formdata([f"-{before[1]}" if before else valuelist[0]])


def _valid_isbn(_form: ShopForm, field: Any) -> None:
    if field.data and isbn.isbn13_of(field.data) is None:
        raise ValidationError(
            _("This is no ISBN: a digit seems to be wrong. Check it, or leave the field empty.")
        )


def _possible_price(_form: ShopForm, field: Any) -> None:
    highest = money.highest(field.currency)
    if field.data is not None and not 0 < field.data <= highest:
        most = i18n.money(highest, field.currency)
        raise ValidationError(_("The price must be more than 0 and at most %(most)s.", most=most))


class BookForm(ShopForm):
    """A book as its seller offers it."""

    isbn = StringField(
        lazy_gettext("ISBN"),
        [Optional(), Length(max=40), _valid_isbn],
        render_kw={"inputmode": "text", "autocomplete": "off", "maxlength": 40},
    )
    title = StringField(
        lazy_gettext("Title"), [DataRequired(), Length(max=MAX_TITLE), plain_text], filters=[tidy]
    )
    author = StringField(
        lazy_gettext("Author"),
        [DataRequired(), Length(max=MAX_AUTHOR), plain_text],
        filters=[tidy],
    )
    year = YearField(
        lazy_gettext("Year"), [Optional(), NumberRange(*YEARS)], render_kw={"inputmode": "text"}
    )
    language = SelectField(lazy_gettext("Language"), [Optional()])
    category = SelectField(lazy_gettext("Category"), [InputRequired()])
    condition = SelectField(lazy_gettext("Condition"), [InputRequired()])
    ex_library = BooleanField(lazy_gettext("It comes from a library and bears its marks"))
    defects = StringField(
        lazy_gettext("Defects"), [Length(max=MAX_DEFECTS), plain_text], filters=[tidy]
    )
    description = TextAreaField(
        lazy_gettext("Description"),
        [Length(max=MAX_DESCRIPTION), plain_text],
        filters=[tidy],
        render_kw={"rows": 5},
    )
    price = PriceField(
        lazy_gettext("Price"),
        [InputRequired(), _possible_price],
        render_kw={"inputmode": "decimal", "autocomplete": "off"},
    )
    copies = IntegerField(
        lazy_gettext("Copies"),
        [InputRequired(), NumberRange(1, MAX_COPIES)],
        default=1,
        render_kw={"inputmode": "numeric"},
    )
    cover = FileField(
        lazy_gettext("Cover"), render_kw={"accept": "image/jpeg,image/png,image/webp"}
    )
    kept_cover = HiddenField()  # a cover that came with a form that was refused for other reasons

    def __init__(self, *args: Any, currency: str = "EUR", **kwargs: Any) -> None:
        self._currency = currency
        super().__init__(*args, **kwargs)
        names = sorted((language_name(code), code) for code in LANGUAGES)
        self.language.choices = [("", _("Unknown"))] + [(code, name) for name, code in names]
        self.category.choices = [("", _("Choose …"))] + [
            (code, _(name)) for code, name in CATEGORIES.items()
        ]
        self.condition.choices = [("", _("Choose …"))] + [
            (grade.code, _(grade.name)) for grade in GRADES
        ]

    def process(self, *args: Any, **kwargs: Any) -> None:
        """Read the fields, the price with the currency's digits."""
        self["price"].currency = self._currency
        super().process(*args, **kwargs)

    def terms(self) -> Terms:
        """Return what the seller says, after validation."""
        assert self.price.data is not None
        return Terms(
            title=self.title.data,
            author=self.author.data,
            isbn13=isbn.isbn13_of(self.isbn.data or ""),
            language=self.language.data or None,
            year=self.year.data,
            category=self.category.data,
            condition=self.condition.data,
            ex_library=bool(self.ex_library.data),
            defects=self.defects.data or "",
            description=self.description.data or "",
            price=self.price.data,
        )

    def uploaded(self) -> FileStorage | None:
        """Return the cover that was sent along, if one was chosen."""
        file = self.cover.data
        return file if isinstance(file, FileStorage) and file.filename else None

    def fill_in(self, known: Known) -> list[str]:
        """Fill the fields that are empty with what is known; return their names."""
        filled = []
        for name, value in known._asdict().items():
            if value is not None and not self[name].data:
                self[name].data = value
                self[name].raw_data = None
                filled.append(name)
        return filled


class EditForm(BookForm):
    """The same form for a book that is on sale. `stock_seen` are the copies it was opened with."""

    copies = IntegerField(
        lazy_gettext("Copies"),
        [InputRequired(), NumberRange(0, MAX_COPIES)],
        render_kw={"inputmode": "numeric"},
    )
    stock_seen = HiddenField()
    remove_cover = BooleanField(lazy_gettext("Remove the cover"))

    def seen(self) -> int:
        """Return the copies that the form was opened with; -1, which no book has, when that was
        tampered with."""
        text = self.stock_seen.data or ""
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1


def edit_form_of(book: Book) -> EditForm:
    """Return the form filled with a book as it stands."""
    return EditForm(
        currency=book.currency,
        isbn=book.isbn13 or "",
        title=book.title,
        author=book.author,
        year=book.year,
        language=book.language or "",
        category=book.category,
        condition=book.condition,
        ex_library=bool(book.ex_library),
        defects=book.defects,
        description=book.description,
        price=book.price,
        copies=book.stock,
        stock_seen=str(book.stock),
    )
