"""Who brings parcels, and what that costs: orders charge it, the catalogue says it beforehand."""

from typing import NamedTuple


class Carrier(NamedTuple):
    """Who brings a parcel: the price of its first copy and of each further one, in minor units,
    and the days that the quickest and the slowest delivery take."""

    code: str
    name: str
    first: int
    further: int
    days: tuple[int, int]

    def price(self, copies: int) -> int:
        """Return what a parcel with so many copies costs."""
        return self.first + self.further * (copies - 1)


CARRIERS = {
    carrier.code: carrier
    for carrier in (
        Carrier("post", "Snail Post", 290, 60, (4, 6)),
        Carrier("parcel", "Heron Parcel", 450, 80, (2, 3)),
        Carrier("express", "Swift Express", 890, 150, (1, 1)),
    )
}
CHEAPEST = min(carrier.price(1) for carrier in CARRIERS.values())
