"""What a seller is told of a file stands in the language in which it was sent in."""

import csv
import io

import pytest

from bookstore.catalogue.importing.report import Report
from bookstore.web import i18n
from bookstore.web.shop import Shop
from tests.catalogue.importing.test_in_shop import send, settled
from tests.support.reader import Reader

HEAD = "sku,title,author,price,currency,condition,copies,isbn,year,language,category,weight,status"
# A row, and why it is refused in Spanish and in English.
REFUSED = [
    (",Jane Austen,5,,Good,1", "título: está vacío", "title: it is blank"),
    ("Emma,,5,,Good,1", "autor: está vacío", "author: it is blank"),
    (f"{'E' * 301},Jane Austen,5,,Good,1", "título: tiene 301 caracteres y caben 300",
     "title: it has 301 characters, 300 fit"),
    ("Emma,Jane Austen,,,Good,1", "precio: está vacío", "price: it is blank"),
    ("Emma,Jane Austen,x,,Good,1", "precio: 'x' no es un importe como 12,50",
     "price: 'x' is no amount such as 12.50"),
    ("Emma,Jane Austen,-3,,Good,1", "precio: '-3' es negativo", "price: '-3' is negative"),
    ("Emma,Jane Austen,0,,Good,1", "precio: '0' no es mayor que 0",
     "price: '0' is not more than 0"),
    ("Emma,Jane Austen,1.250,,Good,1",
     "precio: '1.250' se puede leer de dos maneras, 1.250 o 1250",
     "price: '1.250' can be read in two ways, 1.250 or 1250"),
    ("Emma,Jane Austen,5 USD,,Good,1", "precio: '5 USD' no está en EUR, sino en otra moneda",
     "price: '5 USD' is in another currency than EUR"),
    ("Emma,Jane Austen,5,GBP,Good,1", "moneda: 'GBP' no es EUR", "currency: 'GBP' is not EUR"),
    ("Emma,Jane Austen,5,,Odd,1", "estado: 'Odd' no es ningún estado que conozcamos",
     "condition: 'Odd' names no condition we know"),
    ("Emma,Jane Austen,5,,Good,many", "ejemplares: 'many' no es un número entero",
     "copies: 'many' is no whole number"),
    ("Emma,Jane Austen,5,,Good,5000000", "ejemplares: '5000000' es más de 1.000",
     "copies: '5000000' is more than 1,000"),
    ("Emma,Jane Austen,5,,Good,1,,,,,,,,,surplus",
     "tiene 16 columnas y el encabezado 13, así que hay valores en columnas equivocadas",
     "it has 16 columns, the header has 13, so that values stand in the wrong ones"),
    ('"Emma,Jane Austen,5,,Good,1',
     "se abren unas comillas y no se cierran, o la línea no se puede leer",
     "a quote is opened and not closed, or the line cannot be read"),
]  # fmt: skip
REMARKED = (
    "{head}\n"
    "R-1,Emma,Jane Austen,5,,Good,1,12,long ago,Klingon,Oddities,heavy,\n"
    "R-2,Kim,Rudyard Kipling,5,,Good,1,,long ago,,,,\n"
    "R-3,Walden,Thoreau,5,,Good,2,,,,,,sold\n"
    "R-2,Kim,Rudyard Kipling,5,,Good,1,,,,,,\n"
    ",Persuasion,Jane Austen,5,,Good,1,,,,,,\n"
)
REMARKS = {
    "es": {
        "1 fila no tiene SKU: su oferta se distingue entonces de las demás por el ISBN, o por el"
        " título y el autor, junto con el estado y la descripción; si uno de ellos cambia, es otra"
        " oferta.",
        "corregido: una situación según la cual no está a la venta, tomada como 0 ejemplares, en 1"
        " fila",
        "omitido: un ISBN que no es válido, en 1 fila",
        "omitido: un año que no es válido, en 2 filas",
        "omitido: un idioma que la tienda no ofrece, en 1 fila",
        "omitido: una categoría que no conocemos, ahora Otros, en 1 fila",
        "omitido: un peso que no es válido, en 1 fila",
        "1 línea repite una oferta y cuenta una sola vez",
    },
    "en": {
        "1 row has no SKU: what tells an offer from others is then the ISBN, or title and author,"
        " with condition and description, and a change of one of these makes another offer.",
        "mended: a status by which it is not for sale, taken as 0 copies, in 1 row",
        "left out: an ISBN that is none, in 1 row",
        "left out: a year that is none, in 2 rows",
        "left out: a language that the shop does not offer, in 1 row",
        "left out: a category we do not know, now Other, in 1 row",
        "left out: a weight that is none, in 1 row",
        "1 line repeats an offer and counts once",
    },
}  # fmt: skip


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
async def seller(reader: Reader) -> Reader:
    await reader.register()
    return reader


async def reasons(reader: Reader, path: str) -> dict[int, str]:
    """Return why lines are refused, as the report that a seller downloads has it."""
    report = await reader.get(f"{path}/report.csv")
    lines = csv.reader(io.StringIO(report.text.lstrip("\ufeff")))
    return {
        int(line): reason
        for line, what, _title, reason in lines
        if what in {"refused", "rechazada"}
    }


@pytest.mark.parametrize("language", ["es", "en"])
async def test_every_reason_is_in_the_language_of_the_file(
    shop: Shop, seller: Reader, language: str
) -> None:
    await seller.get(f"/login?lang={language}")
    rows = "".join(f"A-{place},{row}\n" for place, (row, *_told) in enumerate(REFUSED))
    path = await send(seller, f"{HEAD}\n{rows}")
    await settled(shop, seller, path)
    column = ["es", "en"].index(language) + 1
    assert await reasons(seller, path) == {
        line: case[column] for line, case in enumerate(REFUSED, start=2)
    }
    assert i18n.language() == "en"  # whoever works on files next is not touched by it


@pytest.mark.parametrize("language", ["es", "en"])
async def test_every_remark_is_in_the_language_of_the_file(
    shop: Shop, seller: Reader, language: str
) -> None:
    await seller.get(f"/login?lang={language}")
    path = await send(seller, REMARKED.format(head=HEAD))
    page = await settled(shop, seller, path)
    said = {tag.get_text(strip=True) for tag in page.soup.select("#import p.muted")}
    assert REMARKS[language] <= said
    assert not said & REMARKS["en" if language == "es" else "es"]
    same = {"es": "tiene el SKU de la línea 3", "en": "has the SKU of line 3"}
    assert await reasons(seller, path) == {5: same[language]}


async def test_the_report_is_in_the_language_of_who_downloads_it(
    shop: Shop, seller: Reader
) -> None:
    await seller.get("/login?lang=es")
    path = await send(seller, "sku,title,author,price,condition\nA-1,Emma,Jane Austen,5,Good\n")
    await settled(shop, seller, path)
    report = (await seller.get(f"{path}/report.csv")).text.lstrip("\ufeff").splitlines()
    assert report == ["línea,qué,título,motivo", "2,nueva,Emma,"]
    await seller.get("/login?lang=en")
    report = (await seller.get(f"{path}/report.csv")).text.lstrip("\ufeff").splitlines()
    assert report == ["line,what,title,reason", "2,added,Emma,"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("b.csv", "%PDF-1.7", "b.csv es un PDF. Exporte los libros como CSV o .xlsx."),
        ("b.csv", "\n", "b.csv está vacío: no tiene una primera línea que nombre sus columnas."),
        ("b.csv", "so,be,it\n", "Empieza por 'so,be,it'. Ponga una encima de las filas, como"),
        ("b.xlsx", "PK", "b.xlsx no se puede abrir como libro de Excel: está dañado"),
        ("b.xml", "<record><leader>", "b.xml no es un XML que se pueda leer. Genérelo de nuevo."),
        ("b.csv", "<!doctype html><html>", "b.csv es una página HTML, diga lo que diga su nombre."),
        ("b.csv", "title,author,title\n", "En la línea 1 aparece dos veces title. Cambie el"),
        ("b.csv", "Title,*Action(Currency=USD)\n", "los de esta tienda están en EUR. Exporte"),
    ],
)
async def test_why_a_whole_file_is_refused_is_in_its_language(
    shop: Shop, seller: Reader, name: str, content: str, problem: str
) -> None:
    await seller.get("/login?lang=es")
    path = await send(seller, content, name)
    page = await settled(shop, seller, path)
    assert "El archivo no se puede leer. " in page.see("#import .notice")
    assert problem in page.see("#import .notice")


async def test_a_file_that_is_read_again_is_told_of_in_the_language_of_then(
    shop: Shop, seller: Reader
) -> None:
    await seller.get("/login?lang=es")
    path = await send(seller, "sku,title,author,price,condition\nA-1,,Jane Austen,5,Good\n")
    await settled(shop, seller, path)
    assert await reasons(seller, path) == {2: "título: está vacío"}
    await seller.get("/login?lang=en")
    await seller.submit(path, f"{path}/columns")
    await settled(shop, seller, path)
    assert await reasons(seller, path) == {2: "title: it is blank"}


@pytest.mark.parametrize(
    ("language", "rows", "told"),
    [
        ("en", 1, "1 refused row does not tell which offer it is, so"),
        ("en", 1_234, "1,234 refused rows do not tell which offer they are, so"),
        ("es", 1, "1 fila rechazada no deja saber de qué oferta se trata, así"),
        ("es", 12_345, "12.345 filas rechazadas no dejan saber de qué ofertas se trata, así"),
    ],
)
def test_one_row_is_told_of_as_one(language: str, rows: int, told: str) -> None:
    report = Report()
    with i18n.speaking(language):
        report.keep_missing(rows)
        assert report.remarks()[0].startswith(told)
