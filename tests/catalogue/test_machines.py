"""What search engines, feed readers and browsers get."""

import json
from fnmatch import fnmatchcase
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from bookstore.catalogue import sitemap
from bookstore.web import urls
from bookstore.web.shop import Shop
from tests.orders.support import on_sale
from tests.support.reader import Page, Reader

ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def xml_of(page: Page) -> Element:
    assert page.status == 200
    found: Element = ElementTree.fromstring(page.text)
    return found


async def locations(reader: Reader, path: str) -> list[str]:
    found = xml_of(await reader.get(path))
    return [tag.text or "" for tag in found.iter(f"{SITEMAP}loc")]


async def test_the_sitemap_lists_what_is_on_sale_in_parts(
    reader: Reader, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemap, "PART", 2)
    books = [await on_sale(shop) for _ in range(5)]
    gone = await on_sale(shop, copies=0)
    categories, *parts = await locations(reader, "/sitemap.xml")
    assert categories == "http://localhost/sitemap-categories.xml"
    listed = []
    for part in parts:
        answer = await reader.get(part.removeprefix("http://localhost"))
        if answer.status == 200:  # a range of ids may hold nothing that is on sale
            listed += [tag.text for tag in xml_of(answer).iter(f"{SITEMAP}loc")]
    assert listed == [f"http://localhost/books/{book}" for book in books]
    assert f"http://localhost/books/{gone}" not in listed


async def test_the_sitemap_lists_the_categories(reader: Reader) -> None:
    pages = await locations(reader, "/sitemap-categories.xml")
    assert "http://localhost/categories/poetry" in pages
    for page in pages:
        assert (await reader.get(page.removeprefix("http://localhost"))).status == 200


async def test_an_empty_shop_has_an_empty_sitemap(reader: Reader) -> None:
    assert await locations(reader, "/sitemap.xml") == []
    assert (await reader.get("/sitemap-7.xml")).status == 404


async def test_robots_are_kept_from_what_is_private(reader: Reader) -> None:
    text = (await reader.get("/robots.txt")).text
    assert "Disallow: /basket" in text
    assert "Sitemap: http://localhost/sitemap.xml" in text
    assert "Disallow: /books" not in text


@pytest.mark.parametrize("title", ["Plain", "Fish & <Chips>", 'He said "no"', "Año nuevo", "]]>"])
async def test_a_feed_holds_the_books_of_its_search(reader: Reader, shop: Shop, title: str) -> None:
    book = await on_sale(shop, title=title, category="history")
    await on_sale(shop, title="Something else", category="poetry")
    feed = xml_of(await reader.get("/feed?category=history"))
    (entry,) = feed.findall(f"{ATOM}entry")
    assert (entry.findtext(f"{ATOM}title") or "").startswith(f"{title}, ")
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == f"http://localhost/books/{book}"
    assert all(feed.findtext(f"{ATOM}{name}") for name in ("id", "title", "updated"))


async def test_each_search_names_its_feed(reader: Reader, shop: Shop) -> None:
    await on_sale(shop, title="Kim")
    page = await reader.get("/?q=kim&category=fantasy")
    feed = page.soup.select_one("link[type='application/atom+xml']")
    assert feed is not None
    assert (await reader.get(str(feed["href"]))).text.count("<entry>") == 1


@pytest.mark.parametrize("title", ["Kim", "</script><script>alert(1)</script>", "<!--", "\u2028"])
async def test_a_book_says_what_it_is_in_json(reader: Reader, shop: Shop, title: str) -> None:
    book = await on_sale(shop, title=title, price=450)
    page = await reader.get(f"/books/{book}")
    (script,) = page.soup.select("script[type='application/ld+json']")
    about = json.loads(script.get_text())
    assert (about["@type"], about["name"]) == ("Book", title)
    assert about["offers"]["price"] == "4.50"
    assert about["offers"]["availability"].endswith("/InStock")


async def test_likely_pages_may_be_fetched_beforehand(reader: Reader) -> None:
    page = await reader.get("/books")
    rules = await reader.get(page.headers["Speculation-Rules"].strip('"'))
    assert rules.headers["Content-Type"].startswith("application/speculationrules+json")
    (rule,) = json.loads(rules.text)["prefetch"]
    patterns = rule["where"]["href_matches"]
    likely = [urls.books(), urls.book(7), urls.books(category="poetry"), urls.books(author="A. B.")]
    for path in likely:
        assert any(fnmatchcase(path, pattern) for pattern in patterns), path
    for path in (urls.basket(), urls.account(), urls.my_book(7), urls.pay(7), urls.login()):
        assert not any(fnmatchcase(path, pattern) for pattern in patterns), path
    assert "Speculation-Rules" not in (await reader.get("/basket")).headers


async def test_browsers_find_search_icons_and_manifest(reader: Reader) -> None:
    page = await reader.get("/login")
    for rel in ("search", "manifest", "apple-touch-icon"):
        link = page.soup.select_one(f"link[rel='{rel}']")
        assert link is not None
        assert (await reader.get(str(link["href"]))).status == 200
    manifest = json.loads((await reader.get("/site.webmanifest")).text)
    for icon in manifest["icons"]:
        assert (await reader.get(icon["src"])).status == 200
    description = await reader.get("/opensearch.xml")
    assert "{searchTerms}" in description.text
    xml_of(description)
    assert (await reader.get("/favicon.ico")).status == 200


@pytest.mark.parametrize("name", ["help", "privacy", "terms", "accessibility"])
@pytest.mark.parametrize("language", ["en", "es"])
async def test_the_small_print_is_there_in_both_languages(
    reader: Reader, name: str, language: str
) -> None:
    page = await reader.get(f"/{name}?lang={language}")
    assert page.status == 200
    assert page.soup.html is not None
    assert page.soup.html["lang"] == language
    assert "operator" in page.text or "quien la lleva" in page.text
