"""what a buyer agreed to, kept with each line of an order

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for column in (
        sa.Column("condition", sa.String(20), nullable=False, server_default=""),
        sa.Column("ex_library", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("defects", sa.String(500), nullable=False, server_default=""),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("isbn13", sa.String(13), nullable=True),
        sa.Column("year", sa.Integer, nullable=True),
        sa.Column("language", sa.String(8), nullable=True),
    ):
        op.add_column("order_lines", column)
