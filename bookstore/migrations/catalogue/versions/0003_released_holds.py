"""references that were released for good, so that no late call holds copies under them

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bookstore.migrations.common import table_options

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "released_holds",
        sa.Column(
            "reference",
            sa.String(80).with_variant(
                mysql.VARCHAR(80, charset="ascii", collation="ascii_bin"), "mysql"
            ),
            primary_key=True,
        ),
        sa.Column("released_at", sa.BigInteger, nullable=False, index=True),
        **table_options(),
    )
