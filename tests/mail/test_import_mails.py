"""A seller hears that his file is worked off, unless he wants no such mails."""

import asyncio
import io

from werkzeug.datastructures import FileStorage

from bookstore.mail.sweep import Sweep
from bookstore.web.shop import Shop
from tests.support.reader import Reader
from tests.support.smtp import PostOffice, text_of


async def bring(shop: Shop, reader: Reader, title: str) -> str:
    """Send a file with one book in and confirm it; return where it is looked at."""
    imports = shop.extensions["bookstore.catalogue"].imports
    content = f"title,author,price,condition\n{title},Ann,5,Good\nKim,Ann,x,Good\n"
    file = FileStorage(io.BytesIO(content.encode()), filename="mine.csv")
    path = str((await reader.submit("/my/books/import", files={"file": file})).location)
    await imports.sweep()
    await reader.submit(path, f"{path}/confirm")
    for _turn in range(100):
        await imports.sweep()
        if "Your books are up to date." in (await reader.get(path)).text:
            return path
        await asyncio.sleep(0.05)
    raise TimeoutError(path)


async def test_a_mail_says_what_became_of_a_file(
    shop: Shop, sweep: Sweep, office: PostOffice
) -> None:
    reader = await Reader(shop).register()
    await sweep.run()
    before = len(office.mails)
    path = await bring(shop, reader, "Emma")
    await sweep.run()
    await sweep.run()
    [mail] = office.mails[before:]
    assert mail["Subject"] == "Your books are up to date: mine.csv"
    assert "New: 1" in text_of(mail)
    assert "Refused: 1" in text_of(mail)
    assert f"http://localhost{path}" in text_of(mail)
    fields = {"progress": "y", "sales": "y"}  # and not the third
    form = (await reader.get("/account")).form("/account/mails")
    form.pop("imports", None)
    await reader.post("/account/mails", {**form, **fields})
    await bring(shop, reader, "Walden")
    await sweep.run()
    assert len(office.mails) == before + 1
