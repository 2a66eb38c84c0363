"""What sellers do with a file of their own and with the camera, in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bookstore.commands.demo import PEOPLE
from tests.journeys.test_journeys import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
FILE = (
    "SKU,Title,Author,Price,Condition,Quantity\n"
    "A-1,Northanger Abbey,Jane Austen,5.00,Good,1\nA-2,Kim,Rudyard Kipling,call,Fine,3\n"
)
# What the outside world would be: a camera, and a browser that reads barcodes.
CAMERA = """
navigator.mediaDevices.getUserMedia = async () => document.createElement("canvas").captureStream();
HTMLVideoElement.prototype.play = async () => {};
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["ean_13"]; }
  async detect() { return [{ rawValue: "4006381333931" }, { rawValue: "9780141439518" }]; }
};
"""


def test_a_file_is_brought_in_and_undone(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "stock.csv"
    file.write_text(FILE)
    sign_in(page, PEOPLE[1][1])
    page.goto("/my/books")
    page.get_by_role("button", name="Import books").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Look at the file").click()
    _until(page, "Nothing is changed yet.")
    expect(page.locator(".import-rows")).to_contain_text("Northanger Abbey")
    page.get_by_role("link", name="Refused 1").click()
    expect(page.locator(".import-rows")).to_contain_text("line 3")
    page.get_by_role("button", name="Confirm: change my books").click()
    _until(page, "Your books are up to date.")
    page.get_by_role("button", name="Undo all of it").click()
    _until(page, "What the file changed was put back.")


def _until(page: Page, text: str) -> None:
    """Wait for a text; without scripts somebody reloads the page."""
    for _turn in range(60):
        if page.get_by_text(text).count():
            break
        page.wait_for_timeout(500)
        reload = page.get_by_role("link", name="Reload")
        if reload.count():
            page.goto(page.url)
    expect(page.get_by_text(text)).to_be_visible()


def test_suggestions_come_while_one_types(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, locale="en-GB")
    page = context.new_page()
    page.goto("/")
    page.get_by_role("combobox", name="Search books").press_sequentially("hobb", delay=50)
    expect(page.locator("#suggestions option").first).to_have_attribute("value", "The Hobbit")
    context.close()


def test_the_camera_fills_in_the_isbn(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, locale="en-GB")
    page = context.new_page()
    sign_in(page, PEOPLE[1][1])
    page.goto("/sell")
    expect(page.get_by_role("button", name="Scan the barcode")).to_be_hidden()
    page.add_init_script(CAMERA)
    page.goto("/sell")
    page.get_by_role("button", name="Scan the barcode").click()
    expect(page.get_by_label("ISBN")).to_have_value("9780141439518")
    expect(page.locator("#facts .notice")).to_be_visible()
    expect(page.locator("dialog.scan")).to_have_count(0)
    context.close()
