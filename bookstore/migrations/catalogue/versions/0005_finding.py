"""the catalogue's own words, for typing errors and suggestions; books' words written anew

Revision ID: 0005
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bookstore.catalogue import isbn, words
from bookstore.migrations.common import table_options

revision = "0005"
down_revision = "0004"

_AT_ONCE = 2_000


def _text(length: int) -> sa.types.TypeEngine[str]:
    """Return the type of folded text, compared letter by letter."""
    return sa.String(length).with_variant(mysql.VARCHAR(length, collation="utf8mb4_bin"), "mysql")


def upgrade() -> None:
    op.create_table(
        "search_words",
        sa.Column("word", _text(40), primary_key=True),
        sa.Column("books", sa.Integer, nullable=False),
        **table_options(),
    )
    # Each word's beginning, whole and with one letter left out: two words that differ by a typing
    # error share one of these.
    op.create_table(
        "search_stubs",
        sa.Column("stub", _text(8), primary_key=True),
        sa.Column("word", _text(40), primary_key=True),
        **table_options(),
    )
    # Names of authors and series, under each of their words.
    op.create_table(
        "search_names",
        sa.Column("name_key", _text(64), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("name", _text(120), primary_key=True),
        sa.Column("books", sa.Integer, nullable=False),
        **table_options(),
    )
    # Up to which book the words are learned.
    op.create_table(
        "search_learned",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("book_id", sa.BigInteger, nullable=False),
        **table_options(),
    )
    for batch in _books():
        _write_anew(batch)


def _books() -> Iterator[list[Any]]:
    """Yield all books with what they are found by, a batch at a time."""
    last = 0
    while True:
        rows = (
            op.get_bind()
            .execute(
                sa.text(
                    "SELECT b.id, b.title, b.author, b.isbn13, d.original_title, d.series"
                    " FROM books b LEFT JOIN book_details d ON d.book_id = b.id"
                    " WHERE b.id > :last ORDER BY b.id LIMIT :limit"
                ),
                {"last": last, "limit": _AT_ONCE},
            )
            .all()
        )
        if not rows:
            return
        yield list(rows)
        last = rows[-1].id


def _write_anew(rows: list[Any]) -> None:
    connection = op.get_bind()
    name = "rowid" if connection.dialect.name == "sqlite" else "book_id"
    connection.execute(
        sa.text(f"UPDATE books_words SET words = :words WHERE {name} = :id"),
        [{"id": row.id, "words": _words_of(row)} for row in rows],
    )
    connection.execute(
        sa.text("UPDATE books SET title_key = :key WHERE id = :id AND title_key <> :key"),
        [{"id": row.id, "key": words.title_key(row.title)} for row in rows],
    )


def _words_of(row: Any) -> str:
    number = row.isbn13 or ""
    ten = isbn.isbn10_of(number) if number else ""
    return words.indexed(
        [row.title, row.author, number, ten or "", row.original_title or "", row.series or ""]
    )
