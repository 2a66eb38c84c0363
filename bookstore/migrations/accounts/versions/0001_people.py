"""people, sessions, sign-in attempts and idempotency keys

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from bookstore.migrations.common import big_id, create_idempotency, table_options

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "people",
        big_id(),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("registration_key", sa.String(255), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        **table_options(),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("user_agent", sa.String(255), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        **table_options(),
    )
    op.create_table(
        "sign_in_failures",
        big_id(),
        sa.Column("bucket", sa.String(80), nullable=False),
        sa.Column("failed_at", sa.BigInteger, nullable=False),
        **table_options(),
    )
    op.create_index("sign_in_failures_bucket", "sign_in_failures", ["bucket", "failed_at"])
    create_idempotency("accounts")
