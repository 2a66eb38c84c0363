"""what has changed lately, so that every replica forgets the pages it kept of it

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from bookstore.migrations.common import big_id, table_options

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "book_changes",
        big_id(),
        sa.Column("book_id", sa.BigInteger, nullable=False),
        sa.Column("isbn13", sa.String(13), nullable=True),
        # Whether listings look different now, not only the book's own page.
        sa.Column("listed", sa.SmallInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False, index=True),
        **table_options(),
    )
