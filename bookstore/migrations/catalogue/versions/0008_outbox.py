"""the outbox of mails about sellers' files

Revision ID: 0008
"""

from bookstore.migrations.common import compare_bytes, create_outbox, never_reuse_ids

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_outbox("catalogue")
    compare_bytes("catalogue_outbox", mail_key=(120, False))
    never_reuse_ids("catalogue_outbox")
