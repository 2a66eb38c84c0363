"""What every stack finds in the database: the same books, people and sessions."""

import random
import re
from typing import Any, NamedTuple

from benchmarks.catalogue_fill import fill
from bookstore.clock import DAY, now
from bookstore.web.sessions import token_hash
from tests.support.mariadb import MariaDB

FIRST_BUYER = 100_001  # ids below are sellers'
SPARE = 8
COPIES = 100_000  # of each book, so that no run sells one out
_DESCRIPTION = "A copy that was read with care and kept on a shelf out of the sun. " * 4

_PEERS = """
CREATE TABLE people (id BIGINT PRIMARY KEY, name VARCHAR(80) NOT NULL);
CREATE TABLE sessions (token VARCHAR(64) PRIMARY KEY, person_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL);
CREATE TABLE books (id BIGINT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(300) NOT NULL,
    author VARCHAR(800) NOT NULL, year SMALLINT, language VARCHAR(8), category VARCHAR(24) NOT NULL,
    `condition` VARCHAR(12) NOT NULL, price INT NOT NULL, stock INT NOT NULL,
    on_sale TINYINT NOT NULL, cover VARCHAR(80), description TEXT NOT NULL,
    seller_id BIGINT NOT NULL, isbn13 VARCHAR(13), ex_library TINYINT NOT NULL,
    defects VARCHAR(500) NOT NULL, created_at BIGINT NOT NULL,
    INDEX (on_sale, price), INDEX (seller_id), INDEX (isbn13));
CREATE TABLE basket_items (id BIGINT AUTO_INCREMENT PRIMARY KEY, person_id BIGINT NOT NULL,
    book_id BIGINT NOT NULL, quantity INT NOT NULL, UNIQUE (person_id, book_id));
CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, person_id BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL, goods INT NOT NULL, shipping INT NOT NULL,
    carrier VARCHAR(16) NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL,
    country VARCHAR(2) NOT NULL, placed_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
    INDEX (person_id));
CREATE TABLE order_lines (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT NOT NULL,
    book_id BIGINT NOT NULL, seller_id BIGINT NOT NULL, title TEXT NOT NULL, author TEXT NOT NULL,
    price INT NOT NULL, quantity INT NOT NULL, INDEX (order_id));
CREATE TABLE shipments (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT NOT NULL,
    seller_id BIGINT NOT NULL, goods INT NOT NULL, shipping INT NOT NULL, INDEX (order_id));
CREATE TABLE holds (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT NOT NULL,
    book_id BIGINT NOT NULL, quantity INT NOT NULL, expires_at BIGINT NOT NULL,
    INDEX (order_id), INDEX (book_id, expires_at, quantity));
CREATE TABLE payments (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT NOT NULL,
    amount INT NOT NULL, card VARCHAR(4) NOT NULL, paid_at BIGINT NOT NULL, INDEX (order_id));
CREATE TABLE answers (id BIGINT AUTO_INCREMENT PRIMARY KEY, person_id BIGINT NOT NULL,
    `key` VARCHAR(64) NOT NULL, fingerprint CHAR(64) NOT NULL, location VARCHAR(200) NOT NULL,
    UNIQUE (person_id, `key`))
"""


class Data(NamedTuple):
    """What the visits need to know of the data."""

    books: int
    tokens: list[str]
    spare: list[str]  # of buyers who make no measured visit
    words: list[str]


def session_token(number: int) -> str:
    """Return the cookie of a buyer who is signed in; numbers count from 0."""
    return f"s{number:043}"


def load(server: MariaDB, books: int, sessions: int, *, peers: bool) -> Data:
    """Fill the databases `shop`, which is migrated, and `peers` if it is to be; return what is in
    them."""
    with server.connect("shop") as connection:
        fill(connection, books, copies=COPIES, description=_DESCRIPTION)
        with connection.cursor() as cursor:
            _add_buyers(cursor, sessions + SPARE)
            cursor.execute("SELECT title FROM books ORDER BY id LIMIT 10000")
            words = {
                word for (title,) in cursor.fetchall()
                for word in re.findall(r"[a-z]{5,}", title.lower())
            }  # fmt: skip
    if peers:
        _load_peers(server, sessions + SPARE)
    ordered = sorted(words)
    random.Random(1605).shuffle(ordered)  # noqa: S311 - repeatable, no secret
    tokens = [session_token(number) for number in range(sessions + SPARE)]
    return Data(books, tokens[:sessions], tokens[sessions:], ordered)


def _add_buyers(cursor: Any, sessions: int) -> None:
    ids = range(FIRST_BUYER, FIRST_BUYER + sessions)
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


def _load_peers(server: MariaDB, sessions: int) -> None:
    with server.connect("peers") as connection, connection.cursor() as cursor:
        for statement in _PEERS.split(";"):
            cursor.execute(statement)
        columns = (
            "id, title, author, year, language, category, `condition`, price, stock, on_sale,"
            " cover, description, seller_id, isbn13, ex_library, defects, created_at"
        )
        cursor.execute(f"INSERT INTO books ({columns}) SELECT {columns} FROM shop.books")
        cursor.execute("ALTER TABLE books ADD FULLTEXT INDEX books_text (title, author)")
        cursor.execute("INSERT INTO people SELECT DISTINCT seller_id, 'A seller' FROM books")
        cursor.execute("INSERT INTO people SELECT id, name FROM shop.people")
        cursor.executemany(
            "INSERT INTO sessions VALUES (%s, %s, %s)",
            [(session_token(place), FIRST_BUYER + place, now() + DAY) for place in range(sessions)],
        )
        cursor.execute("ANALYZE TABLE books")
