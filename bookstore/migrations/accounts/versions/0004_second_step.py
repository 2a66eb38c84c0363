"""the second step of signing in, recovery codes, passkeys

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

from bookstore.migrations.common import big_id, table_options

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "second_steps",
        sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("secret", sa.String(255), nullable=False),
        sa.Column("enabled_at", sa.BigInteger),
        sa.Column("last_interval", sa.BigInteger, nullable=False),
        **table_options(),
    )
    op.create_table(
        "recovery_codes",
        big_id(),
        sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("used_at", sa.BigInteger),
        **table_options(),
    )
    op.create_table(
        "passkeys",
        big_id(),
        sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("credential_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("credential_id", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        **table_options(),
    )
