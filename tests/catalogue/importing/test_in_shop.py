"""A seller's file on the shop's own pages: sent in, looked at, confirmed, undone."""

import asyncio
import csv
import io
import zipfile
from typing import Any

import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage

from bookstore.catalogue.domain import Seller
from bookstore.catalogue.importing import jobs_store as store
from bookstore.catalogue.service import Catalogue
from bookstore.web.shop import Shop
from tests.catalogue.importing.support import Book, books
from tests.support.reader import Page, Reader

HEAD = "sku,title,author,price,condition,copies"
FIRST = f"{HEAD}\nA-1,Emma,Jane Austen,5,Good,1\nA-2,Kim,Rudyard Kipling,4.50,Fine,3\n"
SECOND = (
    f"{HEAD}\nA-1,Emma,Jane Austen,6.50,Good,1\nA-2,Kim,Rudyard Kipling,4.50,Fine,0\n"
    "A-3,Walden,Thoreau,x,Good,1\nA-4,Persuasion,Jane Austen,3,Good,1\n"
)
GOODREADS = "Title,Author,My Rating\nEmma,Jane Austen,5\n"


def catalogue_of(shop: Shop) -> Catalogue:
    catalogue: Catalogue = shop.extensions["bookstore.catalogue"]
    return catalogue


async def send(reader: Reader, content: str, name: str = "books.csv") -> str:
    """Send a file in; return where it is looked at."""
    file = FileStorage(io.BytesIO(content.encode()), filename=name)
    answer = await reader.submit("/my/books/import", files={"file": file})
    assert answer.status == 303, answer.text[:2000]
    return str(answer.location)


async def settled(shop: Shop, reader: Reader, path: str) -> Page:
    """Wait until nothing is being done with a file; return its page."""
    for _turn in range(200):
        await catalogue_of(shop).imports.sweep()
        page = await reader.get(path)
        assert page.status == 200
        if not page.soup.select("#import[hx-trigger]"):
            return page
        await asyncio.sleep(0.05)
    raise TimeoutError(page.text[:3000])


async def own(shop: Shop) -> list[Book]:
    """Return the books of the one seller there is."""
    catalogue = catalogue_of(shop)
    seller = await catalogue.database.value("SELECT MIN(seller_id) FROM books")
    return await books(catalogue.database, Seller(seller or 0, ""))


async def bring(shop: Shop, reader: Reader, content: str) -> str:
    """Send a file in and confirm it; return its address."""
    path = await send(reader, content)
    await settled(shop, reader, path)
    assert (await reader.submit(path, f"{path}/confirm")).status == 303
    assert "Your books are up to date." in (await settled(shop, reader, path)).text
    return path


async def test_a_file_is_looked_at_confirmed_and_undone(shop: Shop, reader: Reader) -> None:
    await reader.register()
    path = await send(reader, FIRST)
    page = await settled(shop, reader, path)
    assert "Nothing is changed yet." in page.text
    assert "New 2" in page.see(".import-kinds")
    assert await own(shop) == []
    await reader.submit(path, f"{path}/confirm")
    await settled(shop, reader, path)
    first = await own(shop)
    assert [(b.title, b.price, b.stock) for b in first] == [("Emma", 500, 1), ("Kim", 450, 3)]

    path = await send(reader, SECOND)
    page = await settled(shop, reader, path)
    for text in ("New 1", "Changed 1", "Withdrawn 1", "Refused 1"):
        assert text in page.see(".import-kinds")
    changed = await reader.get(f"{path}?kind=changed")
    assert changed.see(".import-rows del") == "€5.00"
    assert changed.see(".import-rows ins") == "€6.50"
    assert "price: 'x' is no amount" in (await reader.get(f"{path}?kind=refused")).see(
        ".import-rows"
    )
    await reader.submit(path, f"{path}/confirm")
    await settled(shop, reader, path)
    assert {(b.title, b.price, b.listed) for b in await own(shop)} == {
        ("Emma", 650, 1), ("Kim", 450, 0), ("Persuasion", 300, 1),
    }  # fmt: skip

    report = await reader.get(f"{path}/report.csv")
    lines = list(csv.reader(io.StringIO(report.text.lstrip("\ufeff"))))
    assert ["4", "refused", "Walden · Thoreau", "price: 'x' is no amount such as 12.50"] in lines

    await reader.submit(path, f"{path}/undo")
    page = await settled(shop, reader, path)
    assert "was put back" in page.text
    assert [b for b in await own(shop) if b.title != "Persuasion"] == first
    assert [b.listed for b in await own(shop) if b.title == "Persuasion"] == [0]
    # After that the same file does the same again.
    await bring(shop, reader, SECOND)
    assert {(b.title, b.price, b.listed) for b in await own(shop)} == {
        ("Emma", 650, 1), ("Kim", 450, 0), ("Persuasion", 300, 1),
    }  # fmt: skip


async def test_copies_sold_after_a_file_stay_sold_when_it_is_undone(
    shop: Shop, reader: Reader
) -> None:
    await reader.register()
    await bring(shop, reader, FIRST)
    path = await bring(shop, reader, FIRST.replace("Fine,3", "Fine,9"))
    await catalogue_of(shop).database.execute("UPDATE books SET stock = 7 WHERE title = 'Kim'")
    await reader.submit(path, f"{path}/undo")
    await settled(shop, reader, path)
    assert [b.stock for b in await own(shop) if b.title == "Kim"] == [1]


async def test_what_a_list_lacks_is_asked_for_and_remembered(shop: Shop, reader: Reader) -> None:
    await reader.register()
    path = await send(reader, GOODREADS)
    page = await settled(shop, reader, path)
    assert "Missing: price, condition." in page.text
    fields: dict[str, Any] = {"all_price": "7,50", "all_condition": "good", "column_2": "ignore"}
    await reader.submit(path, f"{path}/columns", **fields)
    page = await settled(shop, reader, path)
    assert "New 1" in page.see(".import-kinds")
    # The next file with these columns is read in the same way.
    path = await send(reader, GOODREADS.replace("Emma", "Persuasion"))
    page = await settled(shop, reader, path)
    assert "New 1" in page.see(".import-kinds")
    assert "€7.50" in page.see(".import-rows")


async def test_prices_are_asked_for_row_by_row(shop: Shop, reader: Reader) -> None:
    await reader.register()
    path = await send(reader, GOODREADS + "Kim,Rudyard Kipling,4\n")
    await settled(shop, reader, path)
    await reader.submit(path, f"{path}/columns", all_condition="good", by_row="1")
    page = await settled(shop, reader, path)
    assert "Kim · Rudyard Kipling" in page.see(".import-rows")
    await reader.submit(path, f"{path}/rows", price_3="4,50")
    page = await settled(shop, reader, path)
    assert page.see(".import-kinds").startswith("New 1")
    assert "Refused 1" in page.see(".import-kinds")  # Emma has no price still
    await reader.submit(path, f"{path}/confirm")
    await settled(shop, reader, path)
    assert [(b.title, b.price, b.condition) for b in await own(shop)] == [("Kim", 450, "good")]


async def test_what_a_file_names_no_more_is_withdrawn_if_one_says_so(
    shop: Shop, reader: Reader
) -> None:
    await reader.register()
    await bring(shop, reader, FIRST)
    path = await send(reader, FIRST.rpartition("A-2")[0])
    assert "Withdrawn" not in (await settled(shop, reader, path)).see(".import-kinds")
    await reader.submit(path, f"{path}/columns", withdraw_missing="1")
    assert "Withdrawn 1" in (await settled(shop, reader, path)).see(".import-kinds")
    assert "Kim" in (await reader.get(f"{path}?kind=withdrawn")).see(".import-rows")
    await reader.submit(path, f"{path}/confirm")
    await settled(shop, reader, path)
    assert [(b.title, b.listed) for b in await own(shop)] == [("Emma", 1), ("Kim", 0)]
    await reader.submit(path, f"{path}/undo")
    await settled(shop, reader, path)
    assert [(b.title, b.stock, b.listed) for b in await own(shop)] == [
        ("Emma", 1, 1), ("Kim", 3, 1),
    ]  # fmt: skip
    path = await send(reader, FIRST)  # nobody is asked to withdraw the next time
    assert (await settled(shop, reader, path)).see(".import-kinds").startswith("As before 2")


async def test_covers_in_a_zip_are_kept(shop: Shop, reader: Reader) -> None:
    await reader.register()
    out, picture = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (400, 600), "navy").save(picture, "PNG")
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr("books.csv", f"{HEAD},cover\nA-1,Emma,Ann,5,Good,1,a.PNG\n"
                       "A-2,Kim,Ann,5,Good,1,b.png\nA-3,It,Ann,5,Good,1,c.png\n")  # fmt: skip
        parts.writestr("covers/a.png", picture.getvalue())
        parts.writestr("covers/b.png", b"no picture")
    out.seek(0)
    answer = await reader.submit(
        "/my/books/import", files={"file": FileStorage(out, filename="books.zip")}
    )
    path = str(answer.location)
    await settled(shop, reader, path)
    await reader.submit(path, f"{path}/confirm")
    await settled(shop, reader, path)
    database = catalogue_of(shop).database
    assert await database.value("SELECT COUNT(*) FROM books") == 3
    cover = await database.value("SELECT cover FROM books WHERE title = 'Emma'")
    assert (await reader.get(f"/covers/{cover}")).status == 200
    assert await database.value("SELECT COUNT(*) FROM books WHERE cover IS NOT NULL") == 1


async def test_a_column_may_be_read_as_something_else(shop: Shop, reader: Reader) -> None:
    await reader.register()
    path = await send(reader, "Title,Vendor,Price,Condition,Status\nEmma,Jane Austen,5,Good,\n"
                      "Kim,Kipling,5,Good,Sold\n")  # fmt: skip
    assert "Missing: author." in (await settled(shop, reader, path)).text
    await reader.submit(path, f"{path}/columns", column_1="author")
    page = await settled(shop, reader, path)
    assert "Jane Austen" in page.see(".import-rows")
    assert "Without copies 1" in page.see(".import-kinds")  # the status stays what it was read as


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("x\n", "has no header line"), ("%PDF-1.4", "is a PDF"), ("Title,Title\n", "twice")],
)
async def test_what_cannot_be_read_says_why(
    shop: Shop, reader: Reader, content: str, sentence: str
) -> None:
    await reader.register()
    path = await send(reader, content)
    page = await settled(shop, reader, path)
    assert sentence in page.see(".notice.error")
    assert page.soup.select(f"form[action='{path}/confirm']") == []


async def test_a_replica_that_died_is_followed_by_another(
    shop: Shop, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reader.register()
    path = await send(reader, f"{HEAD}\n" + "".join(
        f"A-{n},Book {n},Ann,5,Good,1\n" for n in range(1200)
    ))  # fmt: skip
    await settled(shop, reader, path)
    catalogue = catalogue_of(shop)
    job = await catalogue.database.one(store.Job, "SELECT * FROM imports")
    assert job is not None
    await store.move(catalogue.database, job.id, store.READY, store.WORKING,
                     touched_at=catalogue.clock())  # fmt: skip
    # Its first batch was written, then nothing was heard of it any more.
    rows = await store.rows_to_do(catalogue.database, job.id, 0, 500)
    imports = catalogue.imports
    await catalogue.database.in_transaction(
        lambda queries: imports._write_rows(
            queries, job, Seller(job.seller_id, job.seller_name), rows, {}
        )
    )
    await store.update(catalogue.database, job.id, touched_at=0)
    await settled(shop, reader, path)
    assert await catalogue.database.value("SELECT COUNT(*) FROM books") == 1200


async def test_files_of_others_are_nobodys(shop: Shop, reader: Reader) -> None:
    await reader.register()
    path = await send(reader, FIRST)
    await settled(shop, reader, path)
    other = await Reader(shop).register()
    assert (await other.get(path)).status == 404
    assert (await other.get(f"{path}/report.csv")).status == 404
    fields = (await other.get("/my/books/import")).form("/my/books/import")
    for step in ("confirm", "undo", "columns"):
        assert (await other.post(f"{path}/{step}", fields)).status == 404
    assert (await Reader(shop).get(path)).status == 303


async def test_nothing_and_too_much_are_refused(shop: Shop, reader: Reader) -> None:
    await reader.register()

    async def sent(content: bytes) -> Page:
        file: Any = FileStorage(io.BytesIO(content), filename="x.csv")
        return await reader.submit("/my/books/import", files={"file": file})

    assert "Choose a file with books first." in (await sent(b"")).see(".notice")
    assert "larger than 10 MB" in (await sent(b"x" * (10 * 1024 * 1024 + 1))).see(".notice")
