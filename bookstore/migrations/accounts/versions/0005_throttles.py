"""how often something may be tried, one row a bucket, and where people have signed in from

The table of sign_in_failures stays for the replicas of the version before; nothing reads it now.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

from bookstore.migrations.common import table_options

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "throttles",
        sa.Column("bucket", sa.String(80), primary_key=True),
        sa.Column("full_until", sa.BigInteger, nullable=False, index=True),
        **table_options(),
    )
    op.create_table(
        "sign_in_places",
        sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.String(64), primary_key=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False, index=True),
        **table_options(),
    )
