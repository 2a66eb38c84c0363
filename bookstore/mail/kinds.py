"""The mails there are, and which of them a reader may do without.

A topic gathers mails that people choose together on their account page. Mails without one are
always sent: what concerns money, a promise to somebody else, or the safety of the account.
"""

from collections.abc import Mapping

TOPICS = ("progress", "sales", "imports")

_OPTIONAL: Mapping[str, str] = {
    "shipped": "progress",
    "delivered": "progress",
    "sale_delivered": "sales",
    "imported": "imports",
}


def optional_topic(kind: str) -> str | None:
    """Return the topic by which a kind of mail can be stopped, or None."""
    return _OPTIONAL.get(kind)
