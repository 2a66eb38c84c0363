"""Where a profile's time is put down to."""

from benchmarks.profile import part_of, parts
from benchmarks.stacks import ROOT

_PAGE = (f"{ROOT}/bookstore/catalogue/listing.py", 10, "page")
_QUART = ("/usr/lib/python3/site-packages/quart/app.py", 20, "dispatch")
_JOIN = ("~", 0, "<method 'join' of 'str' objects>")


def test_a_function_belongs_to_the_part_that_its_file_says() -> None:
    assert part_of(_PAGE) == "catalogue"
    assert part_of(_QUART) == "Quart, Werkzeug"
    assert part_of((f"{ROOT}/.venv/lib/site-packages/jinja2/runtime.py", 1, "call")) == (
        "templates, addresses, texts"
    )
    assert part_of(_JOIN) is None


def test_what_belongs_to_no_part_counts_for_its_callers() -> None:
    stats = {
        _PAGE: (1, 1, 0.5, 0.9, {}),
        _QUART: (1, 1, 0.25, 1.4, {}),
        _JOIN: (4, 4, 0.4, 0.4, {_PAGE: (3, 3, 0.3, 0.3), _QUART: (1, 1, 0.1, 0.1)}),
    }
    assert parts(stats) == {"catalogue": 0.8, "Quart, Werkzeug": 0.35}
