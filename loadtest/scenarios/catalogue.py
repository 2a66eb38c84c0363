"""The scenarios: a locustfile each, what it is for, how many people for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """What a locustfile is for, and how many people for how long unless told otherwise."""

    about: str
    users: int
    seconds: int
    spawn: float  # people who come in a second
    shortest: int = 5  # seconds below which it shows nothing


SCENARIOS: Mapping[str, Scenario] = {
    "shopping": Scenario("An ordinary day: most look around, some buy, a few sell.", 30, 120, 5),
    "sale": Scenario("A spike on few books, until their last copies are gone.", 60, 180, 60, 8),
    "selling": Scenario("Half of the people sell, with pictures of the covers.", 30, 120, 5),
    "soak": Scenario("An ordinary day that lasts.", 30, 3600, 5),
    "scale_steps": Scenario("More and more people, then fewer.", 60, 420, 10, 12),
    "spike": Scenario("Five times as many people at one moment.", 50, 480, 50, 10),
}
