"""books by author, and the cheapest offer of an ISBN

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index(
        "books_author", "books", ["on_sale", "author", "id"], mysql_length={"author": 64}
    )
    op.create_index("books_offers", "books", ["isbn13", "on_sale", "price"])
    op.drop_index("ix_books_isbn13", table_name="books")
