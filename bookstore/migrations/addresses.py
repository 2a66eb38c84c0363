"""The keys of people's addresses, written anew when the rule that makes them has changed."""

import sqlalchemy as sa
import structlog

from bookstore.accounts.domain import email_key

log = structlog.get_logger()


def spell_anew(connection: sa.Connection) -> list[int]:
    """Give each address the key that signing in looks for, and return the people who cannot sign
    in by theirs any more: of several whose addresses turn out to be one, the first keeps it."""
    people = sa.table("people", sa.column("id"), sa.column("email"), sa.column("email_key"))
    rows = connection.execute(sa.select(people).order_by(people.c.id)).all()
    owner: dict[str, int] = {}
    wanted: dict[int, str] = {}
    closed = []
    for row in rows:
        key = email_key(row.email)
        if owner.setdefault(key, row.id) != row.id:
            log.warning("two accounts have one address", keeps_it=owner[key], closed=row.id)
            closed.append(row.id)
            key = f"the address of {owner[key]}, {row.id}"  # which nobody can type
        if key != row.email_key:
            wanted[row.id] = key
    # One may want the key that another is about to give up.
    for final in (False, True):
        for number, key in wanted.items():
            connection.execute(
                sa.update(people)
                .where(people.c.id == number)
                .values(email_key=key if final else f"on its way to {number}")
            )
    return closed
