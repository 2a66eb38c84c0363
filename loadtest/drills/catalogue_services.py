"""Drills of a shop that runs as three services, of which one is lost as a whole."""

from __future__ import annotations

from loadtest.drills.drill import Drill, Step

STACK = "services"
ACCOUNTS = "login|register|logout|account|people"
ORDERS = "basket|checkout|orders|sales|pay|webhooks"
# A replica's restart delay 1, its start 15, and the edges' look 5.
BACK = 21.0


def _lost(name: str, loses: str, costs: str) -> Drill:
    """Return the drill in which all replicas of a service are killed at once."""
    return Drill(
        f"Every replica of the service {name} is killed at once: {loses}",
        (Step(20, "kill-service", f"{STACK}_{name}"),),
        service=f"{STACK}_{name}",
        costs=costs,
        only_503=True,
        answers=BACK,
        seconds=80,
        felt="replaced",
        slowest=7,  # who still knows of them all dials six times, as in all-workers-but-one
    )


SERVICES: dict[str, Drill] = {
    "accounts-lost": _lost(
        "accounts", "nobody is known, and lists, searches, books and covers are served on.",
        rf"^\w+ /({ACCOUNTS}|{ORDERS}|sell|my)\b",
    ),
    "catalogue-lost": _lost(
        "catalogue", "there are no books, and accounts are served on.",
        rf"^\w+ /(?!({ACCOUNTS})\b)",
    ),
    "orders-lost": _lost(
        "orders", "nothing can be bought, and all else is served on.", rf"^\w+ /({ORDERS})\b",
    ),
}  # fmt: skip
