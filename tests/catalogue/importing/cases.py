"""What is right for each of the shared files."""

from dataclasses import dataclass, field
from typing import Any

from tests.catalogue.importing.support import Book

E = "9780141439587"
K = "9780141183633"
EMMA = Book("Emma", "Jane Austen")


@dataclass
class Case:
    """A file, how it is imported, and what becomes of it: books, refused lines with their columns
    (in the order of the lines), or a sentence of which `whole` are parts."""

    file: str
    books: list[Book] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    whole: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    left_out: int = 0
    mended: int = 0
    repeated: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    invented: dict[str, int] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()  # fields that are made up


def ann(*titles: str, **terms: Any) -> list[Book]:
    return [Book(title, "Ann", **terms) for title in titles]


INVENT: dict[str, Any] = {"invent": True}
MADE_UP = ("price", "condition", "category")
_PRICES = {
    123450: (6, 7, 8, 9, 12), 500: (13,), 350: (15,), 1: (16,), 999999: (17,),
    1250: (19, 20, 21), 1_000_000: (33,),
}  # fmt: skip
_RAW_PRICES = {
    6: "1,234.50", 7: "1.234,50", 8: "1 234,50", 9: "1'234.50", 12: "1234.5", 13: "5,-",
    15: "٣٫٥٠", 16: "0.01", 17: "9999.99", 19: "12.50 EUR", 20: "EUR12.50", 21: "12,50 €",
    33: "10 000",
}  # fmt: skip
_GRADES = {
    "new": (15, 16, 19, 27), "as-new": (0, 1, 2, 14, 17, 20, 24, 31, 32), "fine": (34,),
    "very-good": (3, 7, 8, 9, 10, 11, 12, 18, 21, 23, 33),
    "good": (4, 13, 22, 25, 28, 29, 35, 36), "fair": (6, 26), "poor": (30,),
}  # fmt: skip
_SPOKEN = {
    "en": (0, 28, 46), "es": (1, 2, 16), "de": (3, 5, 29), "fr": (4, 30), "nl": (6,), "el": (7,),
    "zh": (8, 17, 18), "cs": (9,), "ro": (10, 21), "eu": (11,), "fa": (13,), "mul": (14, 15, 41),
    "he": (19, 35), "id": (20,), "no": (22, 23), "fil": (31, 32), "ca": (33,), "ja": (36,),
    "ko": (37,), "pt": (38,), "ar": (39,), "la": (40,),
    None: (12, 24, 25, 26, 27, 34, 42, 43, 44, 45, 47, 48),
}  # fmt: skip
_YEARS = {2008: (0, 1, 13, 18), 1999: (2, 3, 6, 17), 1984: (4,), 1998: (19,), -44: (15, 16),
          None: (5, 7, 8, 9, 10, 11, 12, 14)}  # fmt: skip
_SHELVES = {
    "crime": (0, 3, 4, 5), "fantasy": (1, 2), "poetry": (6,), "comics": (7,), "young": (8, 13),
    "arts": (9,), "romance": (10,), "history": (11,), "classics": (12,),
}  # fmt: skip
SPANISH = [
    Book("Cien años de soledad", "Gabriel García Márquez"),
    Book("El otoño del patriarca", "Gabriel García Márquez"),
    Book("Rayuela", "Julio Cortázar"),
    Book("Pedro Páramo", "Juan Rulfo"),
    Book("La región más transparente", "Carlos Fuentes"),
    Book("Señas de identidad", "Juan Goytisolo"),
]
RUSSIAN = [
    Book("Мастер и Маргарита", "Михаил Булгаков"),
    Book("Преступление и наказание", "Фёдор Достоевский"),
    Book("Война и мир", "Лев Толстой"),
    Book("Мёртвые души", "Николай Гоголь"),
    Book("Вишнёвый сад", "Антон Чехов"),
    Book("Отцы и дети", "Иван Тургенев"),
]
POLISH = [
    Book("Pan Tadeusz, czyli ostatni zajazd na Litwie", "Adam Mickiewicz"),
    Book("Przedwiośnie", "Stefan Żeromski"),
    Book("Chłopi", "Władysław Reymont"),
    Book("Krzyżacy", "Henryk Sienkiewicz"),
    Book("Śluby panieńskie", "Aleksander Fredro"),
    Book("Dziady, część trzecia", "Adam Mickiewicz"),
]
UTF16 = [
    Book("Dziady z Łodzi", "Żaneta Źródło", sku="1"),
    Book("El año", "José Núñez", sku="2"),
    Book("雪国", "川端康成", sku="3"),
    Book("It’s “odd”", "O’Brien", sku="4"),
    Book("Жизнь", "Иванова", sku="5"),
    Book("Ċ test", "Ċ", sku="6"),
]
SCRIPTS = [
    Book("गोदान", "प्रेमचंद"), Book("ノルウェイの森", "村上春樹"),
    Book("吾輩は猫である", "夏目漱石"), Book("채식주의자", "한강"),
    Book("أولاد حارتنا", "نجيب محفوظ"), Book("İstanbul: Hatıralar ve Şehir", "Orhan Pamuk"),
    Book("Ο Καπετάν Μιχάλης", "Νίκος Καζαντζάκης"),
    Book("The First World War, 1914-1918", "Ann Bee"), Book("Programming in C++", "Bob See"),
    Book("C Primer", "Dora Dee"), Book("ข้างหลังภาพ", "ศรีบูรพา"),
    Book("Peter Pan & Wendy", "J. M. Barrie"), Book("M*A*S*H", "Richard Hooker"),
    Book("AC/DC: Maximum", "Eve Eff"), Book("E=mc²", "David Bee"),
    Book("3.096 Tage", "Natascha Kampusch"), Book("Smith's Café de Flore – Étude", "Zoë Ünal"),
    Book("Crêpe Œuvre", "Ann"), Book("שר הטבעות", "טולקין"),
]  # fmt: skip


def numbered(letter: str, groups: dict[Any, tuple[int, ...]], name: str, raw: Any) -> list[Book]:
    """Return Ann's books of which each has its own value."""
    return [
        Book(f"{letter}{number}{raw(number)}", "Ann", **{name: value})
        for number, value in sorted(
            (number, value) for value, numbers in groups.items() for number in numbers
        )
    ]


WOO: dict[str, Any] = {
    "mapped": {"Attribute 1 value(s)": "author", "Attribute 2 value(s)": "condition"}
}
SHOPIFY: dict[str, Any] = {"mapped": {"Vendor": "author", "Option1 Value": "condition"}}
LINES = "\n".join(f"Line {n} of the description, with a comma" for n in range(60))
CHAPTERS = "Chapter list:\n" + "\n".join(f"Chapter {n},Somebody,x,5,Good,1" for n in range(60))
CASES = [
    Case("00-title-author.csv", whole=("price", "condition")),
    Case("00-title-author.csv", [EMMA], options=INVENT, ignore=MADE_UP,
         invented={"price": 1, "condition": 1}),
    Case("01-goodreads.csv", whole=("price", "condition")),
    Case("01-goodreads.csv", [
        Book("Pride and Prejudice", "Jane Austen, Anna Quindlen", isbn13="9780679783268",
             year=2000, publisher="Modern Library", binding="paperback"),
        Book("Dune", "Frank Herbert", year=2005, publisher="Ace", binding="paperback"),
    ], options=INVENT, ignore=MADE_UP, invented={"price": 2, "condition": 2}),
    Case("02-headers.csv", [Book("Kim", "Rudyard Kipling", 450, isbn13=K, sku="A-1", year=1901,
                                 language="en")]),
    Case("03-two-copies.csv", [
        Book("Emma", "Jane Austen", isbn13=E, sku="A-101",
             description="Blue cloth with signature of a former owner"),
        Book("Emma", "Jane Austen", isbn13=E, sku="A-102",
             description="Another copy, dust jacket missing"),
    ]),
    Case("03b-desc-changed.csv", [Book("Emma", "Jane Austen", isbn13=E, sku="A-101",
                                       description="Water stain on the last pages")]),
    Case("04a-first.csv", [
        Book("Emma", "Jane Austen", isbn13=E, sku="A-101"),
        Book("Kim", "Rudyard Kipling", 450, "fine", 3, K, "A-102"),
    ]),
    Case("04b-reprice.csv", [Book("Emma", "Jane Austen", 650, isbn13=E, sku="A-101")]),
    Case("05-price-blank.csv", [Book("Walden", "Henry Thoreau", 450)],
         [(2, "price"), (3, "condition")]),
    Case("06-prices.csv",
         numbered("P", _PRICES, "price", lambda n: f" [{_RAW_PRICES[n]}]"),
         [(n + 2, "price") for n in range(39)
          if not any(n in numbers for numbers in _PRICES.values())]),
    Case("07-currency.csv", [], [(2, "currency"), (3, "currency")]),
    Case("08-conditions.csv", numbered("C", _GRADES, "condition", lambda n: ""),
         [(7, "condition"), (39, "condition")]),
    Case("08-conditions.csv",
         numbered("C", {**_GRADES, "good": (*_GRADES["good"], 5)}, "condition", lambda n: ""),
         [(39, "condition")], options={"conditions": {"Used": "Good"}}),
    Case("11-number-bombs.csv", ann("Bomb A", "Bomb B"), [(4, "price"), (5, "copies")],
         left_out=2),
    Case("13-sep.csv", [Book("Emma", "Jane Austen", 450)]),
    Case("14-cr.csv", [EMMA, Book("Kim", "Rudyard Kipling", 400)]),
    Case("15-pipe.csv", [EMMA]),
    Case("16-utf16le.tsv", UTF16),
    Case("17-utf16be.tsv", UTF16),
    Case("18-utf16-title-first.csv", [EMMA]),
    Case("19-cp1251.csv", RUSSIAN),
    Case("19-cp1251.csv", RUSSIAN, options={"encoding": "cp1251"}),
    Case("20-cp1250.csv", POLISH),
    Case("20-cp1250.csv", POLISH, options={"encoding": "cp1250"}),
    Case("21-macroman.csv", SPANISH, options={"encoding": "mac_roman"}),
    Case("21-macroman.csv", SPANISH),
    Case("22-sjis.csv", [Book("雪国の表", "川端康成")]),
    Case("23-bx.csv", whole=("price", "condition")),
    Case("23-bx.csv", [Book('Classical "Myth" Guide', "Ann Bee", isbn13="9780195153446", year=2002,
                            publisher="X & Y")], options=INVENT, ignore=MADE_UP,
         invented={"price": 1, "condition": 1}),
    Case("24-backslash.csv", [
        Book('The "Real" Thing & Other Tales', "Anne O'Dell", isbn13="9780195153446", year=2002),
        Book("Slash at end\\", "Ann", isbn13="9780002005012", year=2001),
        Book('Semis "; in " it', "Ann", isbn13="9780393045215", year=1999),
        Book('Good night "moon"', "Ann & Bob", isbn13="9780684842516", year=1999),
    ]),
    Case("25-ragged.csv", [EMMA, Book("Kim", "Rudyard Kipling"),
                           Book("Walden", "Henry Thoreau", description="a, b")]),
    Case("26-ol-authors.csv", [Book("The art of losing", "Bo", year=1999)], [(2, "")]),
    Case("27-tsv-quotes.tsv", [
        Book('Singles 7" and more', "Ann"), Book('Mixes 12" only', "Ann"),
        Book('"A" is for Anna', "Sue"), Book("Normal", "Bob"), Book('"Half open', "Bob"),
    ]),
    Case("28-longdesc.csv", [
        Book("Before", "Ann", description="short"),
        Book("Emma", "Jane Austen", description=LINES),
        Book("Kim", "Rudyard Kipling", description="A bold tale\nx & y"),
    ]),
    Case("29-ghost.csv", [Book("Anthology", "Ann", description=CHAPTERS),
                          Book("Kim", "Rudyard Kipling", description="y")]),
    Case("30-placeholders.csv", [EMMA], [(line, "title") for line in range(2, 7)]),
    Case("31-isbn-forms.csv", [
        Book("Emma", "Jane Austen", sku="S-1"), Book("Kim", "Rudyard Kipling", sku="S-2"),
        Book("Walden", "Henry David Thoreau", sku="S-3", isbn13="9780691096124"),
        *(Book(title, "Y", sku=f"S-{number}", isbn13=E)
          for number, title in zip(range(4, 11), "XQRSTUV", strict=True)),
        Book("W", "Y", sku="S-11"), Book("W2", "Y", sku="S-12", isbn13="9780804429573"),
        Book("Z", "Y", sku="S-13", isbn13=E),
    ], left_out=3, mended=1),
    Case("32-dupheader.csv", whole=("Line 1", "Title", "Price", "twice")),
    Case("33-nbsp.csv", [EMMA._replace(year=1815)]),
    Case("34-preamble.csv", [EMMA]),
    Case("35-esc-header.csv", whole=("title", "condition")),
    Case("36-x.csv.gz", [EMMA]),
    Case("37-x.zip", [EMMA]),
    Case("38-woo.csv", whole=("author", "condition")),
    Case("38-woo.csv", [Book("Emma", "Jane Austen", 990, stock=2, isbn13=E, sku="A-1",
                             description="Nice", category="classics")],
         [(3, "author"), (3, "condition"), (3, "price")], options=WOO),
    Case("39-shopify.csv", whole=("author", "condition")),
    Case("39-shopify.csv", [Book("Emma", "Jane Austen", 1250, stock=2, isbn13=E, sku="A-1",
                                 description="Nice")], options=SHOPIFY),
    Case("40-amazon.txt", whole=("author",)),
    Case("40-amazon.txt", whole=("author",), options=INVENT),
    Case("40b-amazon-author.txt", [Book("Emma", "Jane Austen", condition="very-good", isbn13=E,
                                        sku="A-1", description="nice")]),
    Case("41-abe.txt", [Book("Emma", "Austen, Jane", condition="very-good", isbn13=E, sku="123",
                             year=1815, language="en", binding="hardcover",
                             description="nice copy")]),
    Case("42-uiee.txt", [Book("Emma", "Austen, Jane", isbn13=E, sku="A-1")]),
    Case("43-librarything.tsv", whole=("price", "condition")),
    Case("43-librarything.tsv", [Book("Emma", "Austen, Jane", isbn13=E, year=2003, language="en")],
         options=INVENT, ignore=MADE_UP, invented={"price": 1, "condition": 1}),
    Case("44-storygraph.csv", whole=("price", "condition")),
    Case("44-storygraph.csv", [EMMA._replace(isbn13=E, binding="paperback")],
         options=INVENT, ignore=MADE_UP, invented={"price": 1, "condition": 1}),
    Case("45-calibre.csv", whole=("price", "condition")),
    Case("45-calibre.csv", [Book("Emma", "Jane Austen & Bo", isbn13=E, year=2003, language="en",
                                 publisher="Penguin", description="x")],
         options=INVENT, ignore=MADE_UP, invented={"price": 1, "condition": 1}),
    Case("46-ebay.csv", whole=("Line 1", "USD")),
    Case("46b-ebay-eur.csv", [Book("Emma", "Jane Austen", 1250, sku="A-1", language="en")]),
    Case("47-koha.csv", whole=("condition",)),
    Case("47-koha.csv", [Book("Emma", "Austen, Jane", isbn13=E, year=2003)], options=INVENT,
         ignore=("condition", "category"), invented={"condition": 1}),
    Case("48-gutenberg.csv", whole=("price", "condition")),
    Case("48-gutenberg.csv", [Book("Emma A Novel", "Austen, Jane, 1775-1817", language="en")],
         [(4, "author")], options=INVENT, ignore=MADE_UP),
    Case("49-libib.csv", whole=("condition",)),
    Case("49-libib.csv", [EMMA._replace(isbn13=E, year=2003)], options=INVENT,
         ignore=("condition", "category"), invented={"condition": 1}),
    Case("50-ol-dump.txt", whole=("no header",)),
    Case("51-bom-mid.csv", [EMMA, Book("Kim", "Rudyard")]),
    Case("52-onebad.csv", [Book("Cien años", "Márquez"), Book("Año – nuevo", "Muñoz")],
         doubtful=(3,)),
    Case("54-control.csv", [EMMA, Book("Emoji 📚", "Ánn")]),
    Case("55-scripts.csv", SCRIPTS),
    Case("56-web.csv", [Book("HTML tale & more", "Ann 'O Bee", description="A bold tale\nx & y")]),
    Case("57-two-sellers.csv", [EMMA._replace(isbn13=E)]),
    Case("58-longfield.csv.gz", [EMMA, Book("Kim", "Rudyard Kipling", description="ok")],
         ignore=("description",), left_out=1),
    Case("59-exactdup.csv", [EMMA._replace(isbn13=E)], repeated=(3, 4)),
    Case("60-lfcr-blank.csv", [EMMA]),
    Case("61-hindi.csv", [Book("हिन्दी व्याकरण", "लेखक एक"), Book("हिन्दू धर्म", "लेखक दो")]),
    Case("63-inventory.xlsx", [
        Book("Emma", "Jane Austen", isbn13=E, sku="A-1", year=2003),
        Book("Kim", "Rudyard Kipling", 1999, "fine", 2, K, "A-2", 1987),
        Book("Walden", "Henry David Thoreau", 450, "very-good", 1, "9780691096124", "A-3"),
    ], [(6, "price")], mended=1),
    Case("63b-broken.xlsx", whole=("cannot be opened as a workbook",)),
    Case("64-cp1252.csv", [book._replace(price=1250) for book in SPANISH]),
]  # fmt: skip
BY_TITLE: dict[str, tuple[str, dict[Any, tuple[int, ...]], str, int]] = {
    "09-languages.csv": ("L", _SPOKEN, "language", 10),
    "10-years.csv": ("Y", _YEARS, "year", 6),
    "53-categories.csv": ("K", _SHELVES, "category", 0),
}
COPIES = {0: 1, 4: 2, 5: 3, 7: 2, 8: 3, 10: 1}
