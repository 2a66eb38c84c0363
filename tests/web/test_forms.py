"""Fields as HTML: written from kept pieces, and the same as WTForms writes them."""

from typing import Any

import pytest
from werkzeug.datastructures import MultiDict
from wtforms.meta import DefaultMeta
from wtforms.widgets import Select

from bookstore.orders.forms import CheckoutForm, PaymentForm
from bookstore.web import i18n

NASTY = """a"<b>&'é'\n</textarea><i>"""
GIVEN = [
    {},
    {"autofocus": True, "aria-describedby": "x-error x-hint", "required": False},
    {"hx-get": "/a?b=1&c=2", "aria-invalid": "true"},
]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("value", ["", NASTY, "ES", "post"])
def test_a_field_is_written_as_wtforms_does(
    value: str, given: dict[str, Any], language: str
) -> None:
    i18n.set_language(language)
    for kind in (CheckoutForm, PaymentForm):
        names = [field.name for field in kind()]
        for form in (kind(), kind(MultiDict(dict.fromkeys(names, value)))):
            for field in form:
                if field.type == "SelectField":
                    options = {**field.render_kw} if field.render_kw else {}
                    wanted = Select()(field, **{**options, "required": False, **given})
                    shown = field(**{"required": False, **given})
                else:
                    wanted = DefaultMeta().render_field(field, given)
                    shown = field(**given)
                assert shown == wanted
                assert hasattr(shown, "__html__")
