"""Forms: WTForms in the reader's language. Tokens and keys are checked elsewhere, for every
request alike; a form here only reads and validates fields."""

from functools import cache
from typing import Any

from quart import request
from wtforms import FileField, Form
from wtforms import IntegerField as AnyIntegerField
from wtforms.i18n import get_translations
from wtforms.validators import ValidationError

from bookstore.web import i18n
from bookstore.web.i18n import gettext as _


@cache
def _translations(language: str) -> Any:
    """Return WTForms' own texts in a language; it would look for their files for each form."""
    return get_translations([language])


class ShopForm(Form):  # type: ignore[misc]  # WTForms publishes no types
    """A form whose built-in messages are in the language of the request."""

    class Meta:
        def get_translations(self, form: Form) -> Any:
            return _translations(i18n.language())

    @classmethod
    async def from_request(cls, **defaults: Any) -> "ShopForm":
        """Return the form filled with what the request sent."""
        files = await request.files
        form = cls(await request.form, **defaults)
        for field in form:
            if isinstance(field, FileField):  # a file sent as any other field is left out
                field.data = files.get(field.name)
        return form


class IntegerField(AnyIntegerField):  # type: ignore[misc]  # WTForms publishes no types
    """A whole number. One of hundreds of digits, on which NumberRange fails, is none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        too_long = valuelist and len(valuelist[0]) > 40
        super().process_formdata(["no number"] if too_long else valuelist)


def plain_text(_form: Form, field: Any) -> None:
    """Refuse control characters, which no keyboard types into a field."""
    allowed = "\n\r\t" if field.type == "TextAreaField" else ""
    if any(ord(character) < 32 and character not in allowed for character in field.data or ""):
        raise ValidationError(_("This holds characters that cannot be shown. Please retype it."))


def tidy(value: str | None) -> str | None:
    """Trim a text and fold runs of spaces inside its lines."""
    if value is None:
        return None
    return "\n".join(" ".join(line.split()) for line in value.strip().splitlines())
