"""What every stack finds in the database: the same books, people and sessions."""

import random
import re
from typing import Any, NamedTuple

from benchmarks.catalogue_fill import fill
from bookstore.clock import DAY, now
from bookstore.web.sessions import token_hash
from tests.support.mariadb import MariaDB

SESSIONS = 10_000
FIRST_BUYER = 100_001  # ids below are sellers'
COPIES = 100_000  # of each book, so that no run sells one out
_DESCRIPTION = "A copy that was read with care and kept on a shelf out of the sun. " * 4

_PEERS = """
CREATE TABLE people (id BIGINT PRIMARY KEY, name VARCHAR(80) NOT NULL);
CREATE TABLE sessions (token VARCHAR(64) PRIMARY KEY, person_id BIGINT NOT NULL);
CREATE TABLE books (id BIGINT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(300) NOT NULL,
    author VARCHAR(800) NOT NULL, year SMALLINT, language VARCHAR(8), category VARCHAR(24) NOT NULL,
    `condition` VARCHAR(12) NOT NULL, price INT NOT NULL, stock INT NOT NULL,
    on_sale TINYINT NOT NULL, cover VARCHAR(80), description TEXT NOT NULL,
    seller_id BIGINT NOT NULL, INDEX (on_sale, price), INDEX (seller_id));
CREATE TABLE basket_items (id BIGINT AUTO_INCREMENT PRIMARY KEY, person_id BIGINT NOT NULL,
    book_id BIGINT NOT NULL, quantity INT NOT NULL, UNIQUE (person_id, book_id));
CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, person_id BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL, total INT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL,
    country VARCHAR(2) NOT NULL, INDEX (person_id));
CREATE TABLE order_lines (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT NOT NULL,
    book_id BIGINT NOT NULL, title TEXT NOT NULL, price INT NOT NULL, quantity INT NOT NULL,
    INDEX (order_id));
CREATE TABLE payments (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT NOT NULL,
    amount INT NOT NULL, card VARCHAR(4) NOT NULL, INDEX (order_id))
"""


class Data(NamedTuple):
    """What the visits need to know of the data."""

    books: int
    tokens: list[str]
    words: list[str]


def session_token(number: int) -> str:
    """Return the cookie of a buyer who is signed in; numbers count from 0."""
    return f"s{number:043}"


def load(server: MariaDB, books: int) -> Data:
    """Fill the databases `shop`, which is migrated, and `peers`; return what is in them."""
    with server.connect("shop") as connection:
        fill(connection, books)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE books SET stock = %s, copies_total = %s, description = %s",
                (COPIES, COPIES, _DESCRIPTION),
            )
            _add_buyers(cursor)
            cursor.execute("SELECT title FROM books ORDER BY id LIMIT 10000")
            words = {
                word for (title,) in cursor.fetchall()
                for word in re.findall(r"[a-z]{5,}", title.lower())
            }  # fmt: skip
    _load_peers(server)
    ordered = sorted(words)
    random.Random(1605).shuffle(ordered)  # noqa: S311 - repeatable, no secret
    return Data(books, [session_token(number) for number in range(SESSIONS)], ordered)


def _add_buyers(cursor: Any) -> None:
    ids = range(FIRST_BUYER, FIRST_BUYER + SESSIONS)
    cursor.executemany(
        "INSERT INTO people (id, email, email_key, name, password_hash, registration_key,"
        " created_at) VALUES (%s, %s, %s, 'A buyer', '', '', 0)",
        [(number, f"b{number}@example.org", f"b{number}@example.org") for number in ids],
    )
    moment = now()
    cursor.executemany(
        "INSERT INTO sessions (token_hash, person_id, user_agent, address, created_at, seen_at,"
        " expires_at) VALUES (%s, %s, '', '', %s, %s, %s)",
        [(token_hash(session_token(place)), number, moment, moment, moment + DAY)
         for place, number in enumerate(ids)],
    )  # fmt: skip


def _load_peers(server: MariaDB) -> None:
    with server.connect("peers") as connection, connection.cursor() as cursor:
        for statement in _PEERS.split(";"):
            cursor.execute(statement)
        columns = (
            "id, title, author, year, language, category, `condition`, price, stock, on_sale,"
            " cover, description, seller_id"
        )
        cursor.execute(f"INSERT INTO books ({columns}) SELECT {columns} FROM shop.books")
        cursor.execute("ALTER TABLE books ADD FULLTEXT INDEX books_text (title, author)")
        cursor.execute(
            "INSERT INTO people SELECT DISTINCT seller_id, CONCAT('Seller ', seller_id) FROM books"
        )
        cursor.execute("INSERT INTO people SELECT id, name FROM shop.people")
        cursor.executemany(
            "INSERT INTO sessions VALUES (%s, %s)",
            [(session_token(place), FIRST_BUYER + place) for place in range(SESSIONS)],
        )
        cursor.execute("ANALYZE TABLE books")
