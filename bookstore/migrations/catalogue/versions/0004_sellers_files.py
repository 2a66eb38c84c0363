"""what sellers' files said of each offer last, and what only files say of a book

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bookstore.migrations.common import table_options

revision = "0004"
down_revision = "0003"


def _code(length: int) -> sa.types.TypeEngine[str]:
    """Return the type of short ASCII codes, compared byte by byte."""
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql"
    )


def upgrade() -> None:
    op.create_table(
        "seller_offers",
        sa.Column("seller_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("identity", _code(40), primary_key=True),
        sa.Column("sku", sa.String(100), nullable=True),
        sa.Column("book_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("price", sa.Integer, nullable=False),
        sa.Column("copies", sa.Integer, nullable=False),
        # A sum of each field that the file said something about.
        sa.Column("marks", _code(120), nullable=False),
        sa.Column("said_at", sa.BigInteger, nullable=False),
        **table_options(),
    )
    # Whoever imports for a seller holds the seller's row for the length of a batch.
    op.create_table(
        "seller_turns",
        sa.Column("seller_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("batches", sa.BigInteger, nullable=False),
        **table_options(),
    )
    op.create_table(
        "book_details",
        sa.Column("book_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("publisher", sa.String(200), nullable=False),
        sa.Column("binding", sa.String(60), nullable=False),
        sa.Column("edition", sa.String(120), nullable=False),
        sa.Column("signed", sa.SmallInteger, nullable=False),
        sa.Column("weight", sa.Integer, nullable=True),
        sa.Column("series", sa.String(200), nullable=False),
        sa.Column("series_number", sa.String(20), nullable=False),
        sa.Column("original_title", sa.String(300), nullable=False),
        sa.Column("cover_url", sa.String(500), nullable=False),
        # When the cover at the address is to be fetched next; nothing once it is there or given up.
        sa.Column("fetch_at", sa.BigInteger, nullable=True, index=True),
        sa.Column("fetches", sa.SmallInteger, nullable=False, server_default="0"),
        **table_options(),
    )
