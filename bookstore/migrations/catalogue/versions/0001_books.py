"""books, holds on their copies, and idempotency keys

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bookstore.migrations.common import big_id, create_idempotency, table_options

revision = "0001"
down_revision = None

# What the facets filter by. It ends every index that serves a listing order, so that a page is
# found in the index alone, however few of the books match. The first order also carries what the
# hits of a text search are sorted by.
FACETS = ("category", "language", "condition", "price")


def _code(length: int) -> sa.types.TypeEngine[str]:
    """Return the type of short ASCII codes, compared byte by byte."""
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql"
    )


def upgrade() -> None:
    op.create_table(
        "books",
        big_id(),
        sa.Column("isbn13", _code(13), nullable=True, index=True),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("author", sa.String(800), nullable=False),
        sa.Column("language", _code(8), nullable=True),
        sa.Column("year", sa.SmallInteger, nullable=True),
        sa.Column("category", _code(24), nullable=False),
        sa.Column("condition", _code(12), nullable=False),
        sa.Column("ex_library", sa.SmallInteger, nullable=False),
        sa.Column("defects", sa.String(500), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
        sa.Column("currency", _code(3), nullable=False),
        # Copies: stock + held + sold = copies_total, always. Held and sold are rows of holds.
        sa.Column("stock", sa.Integer, sa.CheckConstraint("stock >= 0"), nullable=False),
        sa.Column("copies_total", sa.Integer, nullable=False),
        sa.Column("seller_id", sa.BigInteger, nullable=False),
        sa.Column("seller_name", sa.String(80), nullable=False),
        sa.Column("cover", _code(80), nullable=True),
        sa.Column("listed", sa.SmallInteger, nullable=False),
        # listed and stock > 0: what the listing shows. Kept by every statement that changes them.
        sa.Column("on_sale", sa.SmallInteger, nullable=False),
        sa.Column(
            "title_key",
            sa.String(64).with_variant(mysql.VARCHAR(64, collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column("import_key", _code(40), nullable=True, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        **table_options(),
    )
    orders = {
        "newest": ["id"],
        "newest_category": ["category", "id"],
        "newest_language": ["language", "id"],
        "newest_condition": ["condition", "id"],
        "price": ["price", "id"],
        "title": ["title_key", "id"],
    }
    for name, columns in orders.items():
        rest = [column for column in FACETS if column not in columns]
        if name == "newest":
            rest.append("title_key")
        op.create_index(f"books_{name}", "books", ["on_sale", *columns, *rest])
    op.create_index("books_seller", "books", ["seller_id", "on_sale", "id"])
    _create_words()
    op.create_table(
        "holds",
        sa.Column("reference", _code(80), primary_key=True),
        sa.Column("book_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("quantity", sa.Integer, sa.CheckConstraint("quantity > 0"), nullable=False),
        sa.Column("state", _code(8), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        **table_options(),
    )
    op.create_index("holds_state", "holds", ["state", "expires_at"])
    op.create_index("holds_book", "holds", ["book_id", "state"])
    create_idempotency("catalogue")


def _create_words() -> None:
    """Create the full-text index in a table of its own: hits are read from narrow rows, and no
    sale touches it."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE books_words USING fts5(words, prefix='5 6')")
        return
    op.create_table(
        "books_words",
        sa.Column("book_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("words", sa.Text, nullable=False),
        **table_options(),
    )
    op.execute("ALTER TABLE books_words ADD FULLTEXT INDEX books_words_words (words)")
