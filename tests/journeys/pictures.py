"""Pictures of the shop: those in the guides, and every page to be looked at.

    .venv/bin/python -m tests.journeys.pictures              renews docs/pictures/
    .venv/bin/python -m tests.journeys.pictures --all FOLDER  every page and state, light and
                                                              dark, three widths side by side

It needs chromium, as the tests do.
"""

import argparse
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bookstore.commands.demo import PEOPLE
from tests.journeys.conftest import ARGUMENTS, CHROMIUM, demo
from tests.journeys.states import register_newcomer, walk
from tests.journeys.test_journeys import add_to_basket, find, pay, place_order, sign_in

GUIDES = Path(__file__).parents[2] / "docs/pictures"
WIDTHS = (360, 800, 1280)
SHOPIFY = """Title,URL handle,Description,Vendor,Product category,Type,SKU,Barcode,Option1 name,\
Option1 value,Price,Inventory quantity
Emma,emma,<p>Nice</p>,Jane Austen,Media > Books,Book,A-1,9780141439587,Condition,Good,5.00,1
Kim,kim,,Rudyard Kipling,Media > Books,Book,A-2,,Condition,Fine,7.00,2
"""
GOODREADS = """Book Id,Title,Author,ISBN13,My Rating,Publisher,Year Published,Exclusive Shelf
1,Emma (Penguin Classics),Jane Austen,9780141439587,5,Penguin,2003,read
2,Persuasion,Jane Austen,9780141439686,4,Penguin,2003,read
"""
INVENTORY = """SKU,Title,Author,Price,Condition,Quantity
B-1,Emma,Jane Austen,5.00,Very Good,1
B-2,Walden,Henry David Thoreau,4.00,Good,2
"""
SCHEMES = ("light", "dark")
TALLEST = 1600  # pixels of a page; what is below is as above


def every_page(browser: Browser, folder: Path) -> None:
    """Write two pictures a state, light and dark, with every width side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp())
    with demo(data, shipping_speed="8640") as site:
        for number, (name, page) in enumerate(walk(browser, site, data)):
            file = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "front"
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
                _beside(list(_shots(page))).save(folder / f"{number:02}-{file}-{scheme}.jpg")
            page.set_viewport_size({"width": 1280, "height": 800})
            print(f"{number:02} {name}", flush=True)


def _shots(page: Page) -> Iterator[Image.Image]:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740 if width < 500 else 800})
        shot = Image.open(io.BytesIO(page.screenshot(full_page=True, type="jpeg", quality=85)))
        yield shot.crop((0, 0, shot.width, min(shot.height, TALLEST)))


def _beside(shots: list[Image.Image]) -> Image.Image:
    height = max(shot.height for shot in shots)
    sheet = Image.new("RGB", (sum(shot.width + 20 for shot in shots), height), "#888")
    left = 0
    for shot in shots:
        sheet.paste(shot, (left, 0))
        left += shot.width + 20
    return sheet


def guides(browser: Browser, folder: Path) -> None:
    """Renew the pictures of the guides."""
    data = Path(tempfile.mkdtemp())
    with demo(data, shipping_speed="20000") as site:  # a day takes four seconds
        page = _new_page(browser, site)
        page.goto("/books")
        _save(page, folder / "catalogue.png")
        find(page, "Dune")
        _save(page, folder / "book.png")
        for title in ("Dune", "The Hobbit", "Persepolis"):
            find(page, title)
            add_to_basket(page)
        page.goto("/basket")
        _save(page, folder / "basket.png")
        register_newcomer(page)
        page.goto("/checkout")
        page.get_by_label("Name").fill("Nora Reader")
        page.get_by_label("Address").fill("Calle Mayor 1\n28013 Madrid")
        page.get_by_label("Country").select_option("ES")
        _save(page, folder / "checkout.png")
        place_order(page)
        _save(page, folder / "pay.png")
        pay(page, "4242 4242 4242 4242")
        expect(page).to_have_url(re.compile(r"/orders/\d+$"))
        seller = _new_page(browser, site)
        for _name, email in PEOPLE:
            seller.context.clear_cookies()
            sign_in(seller, email)
            seller.goto("/sales")
            if seller.get_by_role("button", name="Mark as shipped").count():
                break
        _save(seller, folder / "sales.png")
        seller.get_by_role("button", name="Mark as shipped").first.click()
        expect(
            page.get_by_text("In transit").or_(page.get_by_text("On its way")).first
        ).to_be_visible()
        _save(page, folder / "order.png", height=980)
        seller.goto("/sell")
        seller.get_by_label("ISBN").fill("9780441172719")
        seller.get_by_role("button", name="Look up").click()
        expect(seller.get_by_label("Title")).to_have_value("Dune")
        _save(seller, folder / "sell.png")
        _imports(seller, folder, data)
        for name, options in (
            ("es", {"locale": "es-ES"}),
            ("dark", {"color_scheme": "dark"}),
            ("phone", {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 1.5}),
        ):
            page = _new_page(browser, site, **options)
            page.goto("/books" if name != "dark" else "/")
            _save(page, folder / f"{name}.png")


def _imports(seller: Page, folder: Path, data: Path) -> None:
    """What a seller's files look like before they are confirmed."""
    seller.set_viewport_size({"width": 1000, "height": 760})
    _send(seller, data / "products_export.csv", SHOPIFY)
    expect(seller.get_by_role("heading", name="How the columns were read")).to_be_visible()
    seller.get_by_label("Vendor").select_option("author")
    seller.get_by_label("Option1 value").select_option("condition")
    _save(seller, folder / "import-columns.png")
    _send(seller, data / "goodreads_library_export.csv", GOODREADS)
    seller.get_by_label("Ask me row by row").check()
    seller.get_by_role("button", name="Read it like this").click()
    expect(seller.get_by_label("Price, line 2")).to_be_visible()
    seller.get_by_label("Price, line 2").fill("4.50")
    seller.get_by_label("Condition, line 2").select_option(label="Very Good")
    _save(seller, folder / "import-rows.png")
    _send(seller, data / "inventory.csv", INVENTORY)
    seller.get_by_role("button", name="Confirm: change my books").click()
    expect(seller.get_by_text("Your books are up to date.")).to_be_visible()
    _send(seller, data / "inventory.csv", INVENTORY.replace("5.00", "6.50"))
    expect(seller.get_by_role("link", name="Changed 1")).to_be_visible()
    _save(seller, folder / "import.png")


def _send(seller: Page, file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")
    seller.goto("/my/books/import")
    seller.get_by_label("File").set_input_files(file)
    seller.get_by_role("button", name="Look at the file").click()
    expect(seller.get_by_role("heading", name="How the columns were read")).to_be_visible()


def _new_page(browser: Browser, site: str, **options: object) -> Page:
    size = {"width": 1280, "height": 800}
    given = {"base_url": site, "locale": "en-GB", "viewport": size, "reduced_motion": "reduce"}
    page = browser.new_context(**{**given, **options}).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(30_000)
    return page


def _save(page: Page, path: Path, *, height: int | None = None) -> None:
    """Write what is to be seen, in 256 colours; without toasts, and at the page's top."""
    if height is not None:
        page.set_viewport_size({"width": 1280, "height": height})
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0); document.querySelector('#toasts')?.replaceChildren()")
    page.evaluate("document.activeElement?.blur()")
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.name, flush=True)


def main() -> None:
    """Make the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page and state")
    parser.add_argument("--to", type=Path, default=GUIDES, metavar="FOLDER", help="the guides'")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        if options.all:
            every_page(browser, options.all)
        else:
            guides(browser, options.to)
        browser.close()


if __name__ == "__main__":
    main()
