"""keys are told apart by their bytes, addresses have one spelling, ids are not given twice

Revision ID: 0006
"""

from alembic import op

from bookstore.migrations.addresses import spell_anew
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
    spell_anew(op.get_bind())
