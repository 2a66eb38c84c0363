"""Fill a catalogue on MySQL or MariaDB with any number of plausible books, in seconds.

Ten thousand titles and as many authors are made up from a vocabulary whose words are as unequally
common as in real titles; the server then pairs them, so that every title is on sale many times
over, as in a real second-hand shop.
"""

import itertools
import random
from collections.abc import Iterator

import pymysql

from bookstore.catalogue import repository, words
from bookstore.catalogue.domain import CATEGORIES, GRADES, Seller, Terms

BASE = 10_000
_SYLLABLES = tuple("".join(letters) for letters in itertools.product("bdfghklmnprstvw", "aeiou"))
_SMALL_WORDS = ("the", "of", "a", "and", "in", "to")
_LANGUAGES = ("en",) * 70 + ("es",) * 12 + ("fr",) * 7 + ("de",) * 6 + ("it",) * 3 + ("pt", "la")
_GRADES = ("new",) * 5 + ("as-new",) * 10 + ("fine",) * 15 + ("very-good",) * 30 \
    + ("good",) * 30 + ("fair",) * 8 + ("poor",) * 2  # fmt: skip
_CATEGORIES = [code for code in CATEGORIES if code != "arts"] * 8 + ["arts"]  # one that is rare


def fill(
    connection: "pymysql.Connection[pymysql.cursors.Cursor]",
    books: int,
    *,
    copies: int = 1,
    description: str = "",
) -> None:
    """Put `books` books, a multiple of 10,000, into the empty table of a migrated database, each
    with so many copies and this description."""
    columns = ", ".join(f"`{name}`" for name in repository.COLUMNS)
    names = [f"%({name})s" for name in repository.COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION unique_checks = 0, foreign_key_checks = 0")
        cursor.execute("ALTER TABLE books_words DROP INDEX books_words_words")
        # Without this rebuild MariaDB gives the rows added meanwhile no document number.
        cursor.execute("ALTER TABLE books_words FORCE")
        cursor.execute("CREATE TEMPORARY TABLE base LIKE books")
        cursor.execute("ALTER TABLE base ADD title_words TEXT, ADD author_words TEXT")
        cursor.executemany(
            f"INSERT INTO base ({columns}, title_words, author_words)"
            f" VALUES ({', '.join(names)}, %(title_words)s, %(author_words)s)",
            list(_base(copies, description)),
        )
        cursor.execute("CREATE TEMPORARY TABLE other SELECT id, author, author_words FROM base")
        cursor.execute("ALTER TABLE other ADD PRIMARY KEY (id)")
        paired = {
            "author": "o.author",
            "price": "100 + (b.price * 7 + %(copy)s * 131) %% 3900",
            "seller_id": "1 + (b.id + %(copy)s) %% 2000",
        }
        chosen = ", ".join(paired.get(name, f"b.`{name}`") for name in repository.COLUMNS)
        pairs = (
            f"FROM base b JOIN other o ON o.id = 1 + (b.id * 7 + %(copy)s * 977) %% {BASE}"
            " ORDER BY (b.id * 7919 + %(copy)s) %% 10007"
        )
        for copy in range(books // BASE):
            # InnoDB sets aside more numbers than an INSERT … SELECT needs; without this the ids
            # have gaps.
            cursor.execute("ALTER TABLE books AUTO_INCREMENT = %s", (copy * BASE + 1,))
            cursor.execute(f"INSERT INTO books ({columns}) SELECT {chosen} {pairs}", {"copy": copy})
            first = cursor.lastrowid
            cursor.execute(
                "INSERT INTO books_words (book_id, words) SELECT %(first)s - 1 + ROW_NUMBER() OVER"
                " (ORDER BY (b.id * 7919 + %(copy)s) %% 10007),"
                f" CONCAT(b.title_words, ' ', o.author_words) {pairs}",
                {"copy": copy, "first": first},
            )
            connection.commit()
        cursor.execute("ALTER TABLE books_words ADD FULLTEXT INDEX books_words_words (words)")
        cursor.execute("ANALYZE TABLE books, books_words")


def isbn_of_number(number: int) -> str:
    """Return a valid ISBN; two books in ten thousand share one."""
    digits = f"978{number:09}"
    odd, even = (sum(map(int, digits[start::2])) for start in (0, 1))
    return f"{digits}{-(odd + 3 * even) % 10}"


def _base(copies: int, description: str) -> Iterator[dict[str, object]]:
    chance = random.Random(1605)  # noqa: S311 - repeatable, no secret
    vocabulary = ["".join(pair) for pair in itertools.product(_SYLLABLES, repeat=3)]
    chance.shuffle(vocabulary)
    vocabulary = vocabulary[:15_000]
    common = [1 / (rank + 20) for rank in range(len(vocabulary))]
    surnames = ["".join(pair) for pair in itertools.product(_SYLLABLES, repeat=2)]

    def book(number: int) -> dict[str, object]:
        title = chance.choices(vocabulary, common, k=chance.choice((1, 2, 2, 3, 3, 4)))
        for place in range(1, len(title)):
            if chance.random() < 0.4:
                title.insert(place, chance.choice(_SMALL_WORDS))
        if chance.random() < 0.4:
            title.insert(0, "the")
        author = f"{chance.choice(surnames)} {chance.choice(surnames)}son".title()
        terms = Terms(
            title=" ".join(title).capitalize(), author=author, isbn13=isbn_of_number(number // 2),
            language=chance.choice(_LANGUAGES), year=chance.randint(1850, 2025),
            category=chance.choice(_CATEGORIES), condition=chance.choice(_GRADES),
            ex_library=False, defects="", description=description, price=chance.randint(100, 3999),
        )  # fmt: skip
        values = repository.book_values(
            terms,
            seller=Seller(1, "A seller"),
            copies=copies,
            currency="EUR",
            now=1_700_000_000_000,
        )
        return {
            **values,
            "title_words": words.indexed([terms.title]),
            "author_words": words.indexed([author]),
        }

    return map(book, range(BASE))


assert {grade.code for grade in GRADES} == set(_GRADES)
