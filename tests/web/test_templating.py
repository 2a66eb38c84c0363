"""Templates: what is ready before the first reader comes."""

import pytest

from bookstore.web.templating import PREPARED, Templates, prepare


async def test_who_comes_first_does_not_wait_for_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = Templates("es")
    await prepare({"es": templates})

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("compiled while a reader waits")

    monkeypatch.setattr(Templates, "compile", refused)
    with pytest.raises(AssertionError):
        templates.get_template("catalogue/sell.html")
    for name in PREPARED:
        templates.get_template(name)
