"""mail: language and confirmed address of people, one-time links, the outbox

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from bookstore.migrations.common import big_id, create_outbox, table_options

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for column in (
        sa.Column("language", sa.String(8), nullable=False, server_default="en"),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.Column("undeliverable_at", sa.BigInteger),
        sa.Column("muted", sa.String(255), nullable=False, server_default=""),
    ):
        op.add_column("people", column)
    # Whoever was here before mail was may sell as before.
    op.execute("UPDATE people SET confirmed_at = created_at WHERE confirmed_at IS NULL")
    op.create_table(
        "one_time_links",
        big_id(),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("address", sa.String(254)),
        sa.Column("pair", sa.String(32)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("used_at", sa.BigInteger),
        **table_options(),
    )
    create_outbox("accounts")
