"""Taking one's data along, and deleting the account."""

import csv
import io
import json
import zipfile

import pytest

from bookstore.web.shop import Shop
from tests.mail.conftest import Clock, link_in
from tests.mail.conftest import clock as clock
from tests.mail.conftest import office as office
from tests.mail.conftest import settings as settings
from tests.mail.conftest import shop as shop
from tests.mail.conftest import sweep as sweep
from tests.orders.support import bought, on_sale, order, person_id, ship
from tests.support.reader import PASSWORD, Page, Reader
from tests.support.smtp import PostOffice

ANA, SELA = "ana@example.org", "sela@example.org"


@pytest.fixture
async def ana(shop: Shop) -> Reader:
    return await Reader(shop).register("Ana", ANA)


@pytest.fixture
async def sela(shop: Shop) -> Reader:
    return await Reader(shop).register("Sela", SELA)


@pytest.fixture
async def book(shop: Shop, sela: Reader) -> int:
    seller = await person_id(shop, SELA)
    return await on_sale(shop, seller_id=seller, seller_name="Sela", title="=1+1", copies=3)


async def leave(reader: Reader, password: str = PASSWORD) -> Page:
    return await reader.submit("/account/delete", current=password)


async def archive_of(reader: Reader) -> zipfile.ZipFile:
    response = await reader._client.get("/account/data")
    assert response.headers["Content-Type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(await response.get_data()))


async def test_the_archive_holds_what_is_kept_of_a_person(
    ana: Reader, sela: Reader, book: int
) -> None:
    address = await bought(ana, book)
    mine, hers = await archive_of(ana), await archive_of(sela)
    (row,) = json.loads(mine.read("orders.json"))
    assert address == f"/orders/{row['id']}"
    assert row["address"].startswith("Calle Mayor")
    assert json.loads(mine.read("account.json"))[0]["email"] == ANA
    assert [row["title"] for row in json.loads(hers.read("books.json"))] == ["=1+1"]
    assert json.loads(hers.read("orders.json")) == []
    assert "password" not in "".join(mine.namelist())
    for name in mine.namelist():
        assert b"argon2" not in mine.read(name)


async def test_no_cell_of_the_archive_is_a_formula(sela: Reader, book: int) -> None:
    text = (await archive_of(sela)).read("books.csv").decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["title"] == "'=1+1"


async def test_whoever_left_is_gone(
    ana: Reader, sela: Reader, book: int, shop: Shop, sweep: object, office: PostOffice
) -> None:
    profile = f"/people/{await person_id(shop, SELA)}"
    assert (await leave(sela)).status == 303
    assert (await sela.get("/account")).status == 303
    assert (await Reader(shop).sign_in(SELA)).status == 422
    assert (await ana.get(profile)).status == 404
    assert (await ana.get(f"/books/{book}")).status == 404
    await shop.extensions["bookstore.mail"].run()
    assert office.to(SELA)[-1]["Subject"] == "Your account was deleted"


async def test_the_address_is_free_again(ana: Reader, shop: Shop) -> None:
    await leave(ana)
    await Reader(shop).register("Ana again", ANA)


async def test_a_buyer_still_has_the_receipt(
    ana: Reader, sela: Reader, book: int, shop: Shop, clock: Clock
) -> None:
    address = await bought(ana, book)
    await ship(sela, tracking_code="EZ4000000004")
    await shop.extensions["bookstore.orders"].note_arrivals()
    assert (await leave(sela)).status == 303
    page = await ana.get(address)
    assert page.status == 200
    assert "=1+1" in page.text
    assert "Sela" not in page.text


async def test_a_wrong_password_deletes_nothing(ana: Reader) -> None:
    assert (await leave(ana, "not my password")).status == 422
    assert (await ana.get("/account")).status == 200


@pytest.mark.parametrize(
    ("who", "what", "sentence"),
    [
        ("ana", "order", "waits for its payment"),
        ("sela", "order", "buying a book of yours"),
        ("ana", "bought", "on its way to you"),
        ("sela", "bought", "not shipped yet"),
        ("sela", "shipped", "on its way to its buyer"),
    ],
)
async def test_what_is_open_is_settled_first(
    ana: Reader, sela: Reader, book: int, who: str, what: str, sentence: str
) -> None:
    await (order if what == "order" else bought)(ana, book)
    if what == "shipped":
        await ship(sela)
    answer = await leave({"ana": ana, "sela": sela}[who])
    assert answer.status == 409
    assert sentence in answer.see(".notice.error")


async def test_a_link_sent_before_opens_nothing_afterwards(
    ana: Reader, shop: Shop, office: PostOffice
) -> None:
    await shop.extensions["bookstore.mail"].run()
    link = link_in(office.to(ANA)[0])
    await leave(ana)
    assert (await Reader(shop).get(link)).status == 410
