"""Forms: WTForms in the reader's language. Tokens and keys are checked elsewhere, for every
request alike; a form here only reads and validates fields.

WTForms takes 15 µs for each attribute that it writes. What is the same on every rendering of a
field is kept here and only its value written anew.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

from markupsafe import Markup, escape
from quart import request
from wtforms import FileField, Form
from wtforms import IntegerField as AnyIntegerField
from wtforms.i18n import get_translations
from wtforms.meta import DefaultMeta
from wtforms.validators import ValidationError
from wtforms.widgets import TextArea, TextInput, html_params

from bookstore.web import i18n
from bookstore.web.i18n import gettext as _
from bookstore.web.stale import sentence, stale


@cache
def _translations(language: str) -> Any:
    """Return WTForms' own texts in a language; it would look for their files for each form."""
    return get_translations([language])


class ShopForm(Form):  # type: ignore[misc]  # WTForms publishes no types
    """A form whose built-in messages are in the language of the request."""

    class Meta(DefaultMeta):  # type: ignore[misc]  # WTForms publishes no types
        def get_translations(self, form: Form) -> Any:
            """Return WTForms' own sentences in the request's language."""
            return _translations(i18n.language())

        def render_field(self, field: Any, render_kw: dict[str, Any]) -> Any:
            """Return the field as HTML."""
            kind = type(field.widget)
            if kind is TextInput:
                attributes = _attributes(field, {**(field.render_kw or {}), **render_kw})
                return Markup(f'<input {attributes} value="{escape(field._value())}">')  # noqa: S704
            if kind is TextArea:
                attributes = _attributes(field, {**(field.render_kw or {}), **render_kw})
                return Markup(f"<textarea {attributes}>\r\n{escape(field._value())}</textarea>")  # noqa: S704
            return super().render_field(field, render_kw)

    def validate(self, extra_validators: Any = None) -> bool:
        """Tell whether the form can be taken; one that is out of date is shown again first."""
        valid = bool(super().validate(extra_validators))
        reason = stale()
        if reason is None:
            return valid
        self.form_errors.append(sentence(reason))
        return False

    @classmethod
    async def from_request(cls, **defaults: Any) -> "ShopForm":
        """Return the form filled with what the request sent."""
        files = await request.files
        form = cls(await request.form, **defaults)
        for field in form:
            if isinstance(field, FileField):  # a file sent as any other field is left out
                field.data = files.get(field.name)
        return form


def select_list(field: Any, **attributes: Any) -> Markup:
    """Render a list to choose from, whose choices are SelectChoices without attributes."""
    choices = tuple([(choice.value, str(choice.label)) for choice in field.choices])
    options = _options(choices, field.data)
    return Markup(f"<select {_attributes(field, attributes)}>{options}</select>")  # noqa: S704


def _attributes(field: Any, given: dict[str, Any]) -> str:
    """Return a field's attributes but its value, as WTForms writes them."""
    widget = field.widget
    known = {"id": field.id, "name": field.name}
    if kind := getattr(widget, "input_type", None):
        known["type"] = kind
    allowed = getattr(widget, "validation_attrs", ())
    flags = {name: value for name, value in vars(field.flags).items() if name in allowed}
    return _written(tuple({**known, **flags, **given}.items()))


@lru_cache(maxsize=512)
def _written(attributes: tuple[tuple[str, Any], ...]) -> str:
    return str(html_params(**dict(attributes)))


@lru_cache(maxsize=256)
def _options(choices: tuple[tuple[str, str], ...], chosen: str | None) -> str:
    return "".join(
        f"<option {html_params(value=value, selected=value == chosen)}>{escape(label)}</option>"
        for value, label in choices
    )


class IntegerField(AnyIntegerField):  # type: ignore[misc]  # WTForms publishes no types
    """A whole number, however it is typed."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read a whole number in every usual spelling."""
        if valuelist:
            number = whole_number(valuelist[0])
            super().process_formdata(["no number" if number is None else str(number)])


def whole_number(text: str) -> int | None:
    """Return a whole number as the shop's pages write them (1,000; 1.000; −44) and people type
    them, in any script's digits; None for what is none, or longer than any that means something."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    if len(plain) > 20 or not re.fullmatch(
        r"[+-]?(?:\d+|[1-9]\d{0,2}(?:([., '’])\d{3})(?:\1\d{3})*)", plain
    ):
        return None
    return int(re.sub(r"[., '’]", "", plain))


def row_id(text: str) -> int | None:
    """Return the id of a row that an address names, or None when no row can have it."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def plain_text(_form: Form, field: Any) -> None:
    """Refuse control characters, which no keyboard types into a field, and what shows nothing."""
    allowed = "\n\r\t" if field.type == "TextAreaField" else ""
    text = field.data or ""
    if any(ord(character) < 32 and character not in allowed for character in text) or (
        text.strip() and not shows(text)
    ):
        raise ValidationError(_("This holds characters that cannot be shown. Please retype it."))


# Letters and a symbol that are blank: fillers of Hangul, an empty cell of Braille.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def shows(text: str) -> bool:
    """Tell whether any character can be seen: blanks, and marks for joining, width and direction,
    cannot."""
    return any(
        unicodedata.category(character)[0] in "LNPS" and character not in _BLANK
        for character in text
    )


def tidy(value: str | None) -> str | None:
    """Trim a text and fold runs of spaces inside its lines."""
    if value is None:
        return None
    return "\n".join(" ".join(line.split()) for line in value.strip().splitlines())
