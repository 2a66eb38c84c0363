"""keys are told apart by their bytes, addresses have one spelling, ids are not given twice

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

from bookstore.accounts.domain import email_key
from bookstore.migrations.common import compare_bytes, never_reuse_ids

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    compare_bytes("people", email_key=(254, False), registration_key=(255, False))
    compare_bytes("sessions", token_hash=(64, False))
    compare_bytes("throttles", bucket=(80, False))
    compare_bytes("sign_in_places", place=(64, False))
    compare_bytes("one_time_links", token_hash=(64, False))
    compare_bytes("passkeys", credential_hash=(64, False))
    compare_bytes("recovery_codes", code_hash=(64, False))
    compare_bytes("accounts_outbox", mail_key=(120, False))
    compare_bytes("accounts_idempotency", scope=(64, False), key=(255, False))
    never_reuse_ids(
        "people", "one_time_links", "passkeys", "recovery_codes",
        "accounts_outbox",
    )  # fmt: skip
    op.create_index("sessions_seen", "sessions", ["seen_at"])
    _spell_addresses_anew()


def _spell_addresses_anew() -> None:
    """Write the key of each address as it is made now. Of two people whose addresses turn out to be
    one, the later keeps the old key, by which nobody signs in by chance."""
    people = sa.table("people", sa.column("id"), sa.column("email"), sa.column("email_key"))
    connection = op.get_bind()
    rows = connection.execute(sa.select(people).where(people.c.email != "").order_by(people.c.id))
    taken: set[str] = set()
    for row in rows.all():
        key = email_key(row.email)
        if key != row.email_key and "@" in row.email_key and key not in taken:
            held = connection.scalar(
                sa.select(people.c.id).where(people.c.email_key == key, people.c.id != row.id)
            )
            if held is None:
                connection.execute(
                    sa.update(people).where(people.c.id == row.id).values(email_key=key)
                )
        taken.add(key)
