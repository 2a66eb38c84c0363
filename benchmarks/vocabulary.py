"""The shop's words and prices, for peers that must offer the same without loading the shop."""

from typing import Any

from babel import Locale

from bookstore.carriers import CARRIERS
from bookstore.catalogue.domain import CATEGORIES, GRADES
from bookstore.orders.domain import COUNTRIES
from bookstore.orders.payments import TEST_CARDS


def vocabulary() -> dict[str, Any]:
    """Return the choices of every form and the test cards, as JSON can carry them."""
    names = Locale("en").territories
    countries = [(code, names[code]) for code in COUNTRIES]
    return {
        "categories": CATEGORIES,
        "grades": {grade.code: [grade.name, grade.means] for grade in GRADES},
        "countries": sorted(countries, key=lambda pair: str(pair[1])),
        "carriers": {carrier.code: carrier._asdict() for carrier in CARRIERS.values()},
        "cards": [card.spaced for card in TEST_CARDS],
    }
