"""the catalogue's own words, for typing errors and suggestions; books' words written anew

Revision ID: 0006
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from bookstore.catalogue import isbn, words
from bookstore.migrations.common import compare_bytes, table_options

revision = "0006"
down_revision = "0005"

_AT_ONCE = 2_000


def upgrade() -> None:
    op.create_table(
        "search_words",
        sa.Column("word", sa.String(40), primary_key=True),
        sa.Column("books", sa.Integer, nullable=False),
        **table_options(),
    )
    # Each word's beginning, whole and with one letter left out: two words that differ by a typing
    # error share one of these.
    op.create_table(
        "search_stubs",
        sa.Column("stub", sa.String(8), primary_key=True),
        sa.Column("word", sa.String(40), primary_key=True),
        **table_options(),
    )
    # Names of authors and series, under each of their words.
    op.create_table(
        "search_names",
        sa.Column("name_key", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(120), primary_key=True),
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
    compare_bytes("search_words", word=(40, False))
    compare_bytes("search_stubs", stub=(8, False), word=(40, False))
    compare_bytes("search_names", name_key=(64, False), kind=(8, False), name=(120, False))
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
