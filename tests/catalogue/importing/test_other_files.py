"""Files as the marketplaces and programs write them today. What is right for each was written down
before it was read."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
import pytest

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.importer import File, Options

E = "9780141439587"
ROW = "Emma,Jane Austen,5,Good\n"
HEAD = "title,author,price,condition"
EMMA = f"Emma|Jane Austen|500|good|1|{E}|A-1"


class Case(NamedTuple):
    """A file, and either its offers (title|author|price|condition|copies|isbn|sku) and the places
    refused, or words of the sentence by which it is refused as a whole."""

    id: str
    content: str | bytes
    offers: tuple[str, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()
    whole: str = ""
    name: str = "books.csv"
    options: dict[str, Any] = {}


def tabs(*rows: str) -> str:
    """Return rows that are written with | as a file with tabs."""
    return "".join(row.replace("|", "\t") + "\r\n" for row in rows)


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, content in files.items():
            parts.writestr(name.replace("_", "."), content)
    return out.getvalue()


def sheets(**named: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in named.items():
        sheet = book.create_sheet(name.replace("_", " "))
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def tarred(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as parts:
        member = tarfile.TarInfo("books.csv")
        member.size = len(content)
        parts.addfile(member, io.BytesIO(content))
    return out.getvalue()


ASK: dict[str, Any] = {"settings": {"price": "5", "condition": "Good"}}
SHEET_HEAD = ["Title", "Author", "ISBN", "Price", "Condition", "SKU"]

MARKETPLACES = (
    Case(
        "goodreads",
        "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,"
        "Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,"
        "Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,"
        "Private Notes,Read Count,Owned Copies\n"
        '5907,Emma (Penguin Classics),Jane Austen,"Austen, Jane",Fiona Stafford,'
        '"=""0141439580""","=""9780141439587""",5,4.05,Penguin,Paperback,474,2003,1815,,'
        "2024/05/01,to-sell,to-sell (#1),to-sell,,,,0,2\n",
        (f"Emma (Penguin Classics)|Jane Austen, Fiona Stafford|500|good|1|{E}|-",),
        options=ASK,
    ),
    Case(
        "librarything",
        tabs(
            "Book Id|Title|Sort Character|Primary Author|Primary Author Role|Secondary Author|"
            "Secondary Author Roles|Publication|Date|Media|Weight|Barcode|Languages|ISBN|ISBNs|"
            "Copies|Source|List Price|Purchase Price|Value|Condition",
            "11|Emma|1|Austen, Jane|Author|||London : Penguin, 2003|2003|Paperback|0.7 pounds|"
            "30112|English|[0141439580]|0141439580, 9780141439587|2|amazon.com|$9.99|$4|$12|Good",
        ),
        (f"Emma|Austen, Jane|500|good|2|{E}|-",),
        options={"settings": {"price": "5"}},
    ),
    Case("librarything as json", '{"11":{"books_id":"11","title":"Emma"}}', whole="JSON",
         name="books.json"),
    Case(
        "storygraph",
        "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,"
        "Dates Read,Read Count,Moods,Pace,Star Rating,Review,Content Warnings,Tags,Owned?\n"
        'Emma,Jane Austen,"",9780141439587,paperback,read,2024/01/02,,,1,,slow,4.5,,,"",Yes\n'
        "Dune,Frank Herbert,,b1f3e8d0-1111-4e7e,digital,to-read,2024/01/02,,,0,,,,,,,No\n",
        (f"Emma|Jane Austen|500|good|1|{E}|-", "Dune|Frank Herbert|500|good|1|-|-"),
        options=ASK,
    ),
    Case(
        "calibre",
        "author_sort,authors,comments,cover,formats,id,identifiers,isbn,languages,library_name,"
        "pubdate,publisher,rating,series,series_index,size,tags,timestamp,title,title_sort,uuid\n"
        '"Austen, Jane",Jane Austen,<p>A tale</p>,/home/me/cover.jpg,"epub, pdf",7,'
        '"isbn:9780141439587,goodreads:6969",9780141439587,eng,Calibre_Library,'
        "2003-04-29T00:00:00+00:00,Penguin,,Classics,2.0,12345,Fiction,"
        "2024-01-01T10:00:00+00:00,Emma,Emma,aa-bb\n",
        (f"Emma|Jane Austen|500|good|1|{E}|-",),
        options=ASK,
    ),
    Case(
        "libib",
        "item_type,ean_isbn13,upc_isbn10,title,creators,first_name,last_name,collection,notes,"
        "publisher,publish_date,description,group,tags,call_number,price,length,rating,review,"
        "status,began,completed,added,copies\n"
        "book,9780141439587,0141439580,Emma,Jane Austen,Jane,Austen,Shop,,Penguin,2003-04-29,"
        "A tale,,,,5.00,474,,,Not begun,,,2024-01-01,2\n",
        (f"Emma|Jane Austen|500|good|2|{E}|-",),
        options={"settings": {"condition": "Good"}},
    ),
    Case(
        "abebooks with tabs",
        tabs(
            "listingid|title|author|illustrator|price|quantity|producttype|description|"
            "bindingtext|bookcondition|publishername|placepublished|yearpublished|isbn|"
            "sellercatalog1|abecategory|keywords|jacketcondition|editiontext|printingtext|"
            "signedtext|volume|size|imgurl|weight|weightunit",
            "A-1|Emma|Austen, Jane||5.00|1|Book|Nice|Hardcover|Near Fine|Penguin|London|2003|"
            "9780141439587|||||First||Signed|||https://example.org/1.jpg|0.4|KG",
            "A-2|Kim|Kipling, Rudyard||4.00|0|Book||Softcover|Good|||1987|||||||||||||",
            "A-3|Walden|Thoreau||4.00||Book||Softcover|Good|||1987|||||||||||||",
        ),
        (f"Emma|Austen, Jane|500|very-good|1|{E}|A-1", "Kim|Kipling, Rudyard|400|good|0|-|A-2",
         "Walden|Thoreau|400|good|1|-|A-3"),
        name="abe.txt",
    ),
    Case(
        "homebase",
        tabs(
            "Book Number|Author|Title|Publisher|Place Published|Date Published|Edition|Binding|"
            "Book Condition|Jacket Condition|ISBN|Price|Quantity|Description|Status",
            "A-1|Jane Austen|Emma|Penguin|London|2003|1st|Hardcover|Good|Good|0-14-143958-0|5.00|"
            "1|Nice|For Sale",
            "A-2|Rudyard Kipling|Kim||||||Good|||4.00|1||Sold",
        ),
        (EMMA, "Kim|Rudyard Kipling|400|good|0|-|A-2"),
        name="homebase.txt",
    ),
    Case(
        "uiee of a program",
        "UR|A-1\r\nAA|Jane Austen\r\nTI|Emma\r\nPU|Penguin\r\nDP|2003\r\nPR|5.00\r\n"
        "IS|0141439580\r\nCN|Good\r\nJK|Good\r\nBD|Hardcover\r\nNT|Blue | cloth\r\nKE|Novel\r\n"
        "XD|S\r\n\r\n",
        (EMMA,),
        name="books.uiee",
    ),
    Case(
        "biblio",
        tabs(
            "ID|STATUS(D=remove)|PRICE|AUTHOR|TITLE|CONDITION|First(1=True)|Format|ISBN",
            "A-1|S|5.00|Jane Austen|Emma|Good|1|hardcover|9780141439587",
            "A-2|D|4.00|Rudyard Kipling|Kim|Good|0|hardcover|",
        ),
        (EMMA, "Kim|Rudyard Kipling|400|good|0|-|A-2"),
        name="biblio.txt",
        options={"mapped": {"ID": "sku"}},
    ),
    Case(
        "biblio routed",
        tabs(
            "sku|author|title|subtitle|place_pub|publisher|date_pub|edition|isbn|description|"
            "binding|condition|jacket_cond|comments|dj|signed|first_ed|image_url|price|quantity",
            "A-1|Jane Austen|Emma||London|Penguin|2003|1st|9780141439587|Nice|Hardcover|Good|Good"
            "||y|y|y|https://example.org/1.jpg,https://example.org/2.jpg|5.00|1",
        ),
        (EMMA,),
        name="biblio.txt",
    ),
    Case(
        "amazon inventory loader",
        tabs(
            "sku|product-id|product-id-type|price|minimum-seller-allowed-price|"
            "maximum-seller-allowed-price|item-condition|quantity|add-delete|"
            "will-ship-internationally|expedited-shipping|item-note",
            "A-1|9780141439587|2|5.00|||3|1|a|1||Nice",
        ),
        whole="title, author",
        name="loader.txt",
    ),
    Case(
        "amazon book loader",
        tabs(
            "sku|product-id|product-id-type|title|author|price|item-condition|quantity|add-delete|"
            "binding|publisher|publication-date|item-note",
            "A-1|9780141439587|2|Emma|Jane Austen|5.00|3|1|a|hardcover|Penguin|2003|Nice",
            "A-2||2|Kim|Rudyard Kipling|4.00|11|1|d|paperback|||",
            "A-3||2|Walden|Thoreau|4.00|1|1|x|paperback|||",
        ),
        (EMMA, "Kim|Rudyard Kipling|400|new|0|-|A-2", "Walden|Thoreau|400|as-new|0|-|A-3"),
        name="books.txt",
    ),
    Case(
        "amazon flat file, three header lines",
        tabs(
            "TemplateType=fptcustom|Version=2024.0101|TemplateSignature=AAA|||||",
            "Seller SKU|Product ID|Product ID Type|Title|Author|Your Price|Condition|Quantity",
            "item_sku|external_product_id|external_product_id_type|item_name|author|"
            "standard_price|condition_type|quantity",
            "A-1|9780141439587|ISBN|Emma|Jane Austen|5.00|UsedGood|1",
        ),
        (EMMA,),
        name="flat.txt",
    ),
    Case(
        "amazon listings with a status",
        tabs(
            "item-name|author|listing-id|seller-sku|price|quantity|open-date|item-note|"
            "item-condition|asin1|product-id|product-id-type|status",
            "Emma|Jane Austen|0101|A-1|5.00|1|2024-01-01 10:00:00 PST|Nice|3|0141439580|"
            "0141439580|1|Active",
            "Kim|Kipling|0102|A-2|5.00||2024-01-01 10:00:00 PST||3|||1|Inactive",
        ),
        (EMMA, "Kim|Kipling|500|good|0|-|A-2"),
        name="listings.txt",
    ),
    Case(
        "ebay seller hub, listings",
        "Item number,Title,Variation details,Custom label (SKU),Available quantity,Format,"
        "Currency,Start price,Current price,Sold quantity,Watchers,Start date,End date,"
        "eBay category 1 name,Condition,P:UPC,P:ISBN,C:Author\n"
        "1101,Emma,,A-1,1,FIXED_PRICE,EUR,5.00,5.00,0,2,Jan-01-24,,Books,Good,,9780141439587,"
        "Jane Austen\n",
        (EMMA,),
    ),
    Case(
        "ebay seller hub, drafts",
        "#INFO,Version=0.0.2,Template= eBay-draft-listings-template_ES,,,,,,,,\n"
        "#INFO Action and Category ID are required fields.,,,,,,,,,,\n"
        "#INFO,,,,,,,,,,\n"
        "Action(SiteID=Spain|Country=ES|Currency=EUR|Version=1193|CC=UTF-8),Custom label (SKU),"
        "Category ID,Title,EAN,Price,Quantity,Item photo URL,Condition ID,Format,C:Author\n"
        "Draft,A-1,261186,Emma,9780141439587,5.00,1,https://example.org/1.jpg,5000,FixedPrice,"
        "Jane Austen\n"
        "End,A-2,261186,Kim,,4.00,1,,5000,FixedPrice,Rudyard Kipling\n",
        (EMMA, "Kim|Rudyard Kipling|400|good|0|-|A-2"),
    ),
    Case(
        "ebay file exchange",
        "*Action(SiteID=Eurowide|Country=ES|Currency=EUR|Version=1193),CustomLabel,*Category,"
        "*Title,*ConditionID,*C:Author,*C:Book Title,*C:Language,C:Publication Year,PicURL,"
        "*Description,*Format,*Duration,*StartPrice,*Quantity,*Location,Product:ISBN\n"
        "Add,A-1,261186,LOOK! Emma by Austen,5000,Jane Austen,Emma,English,2003,"
        "https://example.org/1.jpg,Nice,FixedPrice,GTC,5.00,1,Madrid,9780141439587\n",
        (EMMA,),
    ),
    Case(
        "shopify today",
        "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,"
        "Status,SKU,Barcode,Option1 name,Option1 value,Price,Compare-at price,Cost per item,"
        "Inventory tracker,Inventory quantity,Continue selling when out of stock,"
        "Weight value (grams),Weight unit for display,Product image URL,Image position\n"
        "Emma,emma,<p>Nice</p>,Jane Austen,Media > Books,Book,,TRUE,Active,A-1,'9780141439587,"
        "Condition,Good,5.00,9.00,1.00,shopify,1,DENY,400,g,https://example.org/1.jpg,1\n"
        ",emma,,,,,,,,A-2,,,Fine,7.00,,,shopify,0,DENY,400,g,,\n"
        ",emma,,,,,,,,,,,,,,,,,,,,https://example.org/2.jpg,2\n"
        "Kim,kim,,Rudyard Kipling,,Book,,FALSE,Draft,A-3,,Condition,Good,4.00,,,shopify,1,DENY,,"
        "g,,\n",
        (EMMA, "Emma|Jane Austen|700|fine|0|-|A-2", "Kim|Rudyard Kipling|400|good|0|-|A-3"),
        options={"mapped": {"Vendor": "author", "Option1 value": "condition"}},
    ),
    Case(
        "woocommerce",
        'ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,"Is featured?",Description,'
        '"In stock?",Stock,"Backorders allowed?","Weight (kg)","Sale price","Regular price",'
        'Categories,Images,"Attribute 1 name","Attribute 1 value(s)","Attribute 2 name",'
        '"Attribute 2 value(s)"\n'
        "11,simple,A-1,9780141439587,Emma,1,0,Nice,1,1,0,0.4,5.00,9.00,"
        '"Books, Books > Classics",https://example.org/1.jpg,Author,Jane Austen,Condition,Good\n'
        "12,simple,A-2,,Kim,1,0,,0,,0,,,4.00,Books,,Author,Rudyard Kipling,Condition,Good\n",
        (EMMA, "Kim|Rudyard Kipling|400|good|0|-|A-2"),
        options={"mapped": {"Attribute 1 value(s)": "author", "Attribute 2 value(s)": "condition"}},
    ),
    Case(
        "woocommerce in spanish",
        "ID,Tipo,SKU,Nombre,Publicado,Descripción corta,¿Existencias?,Inventario,Peso (kg),"
        "Precio rebajado,Precio normal,Categorías,Imágenes,Autor,Estado\n"
        "11,simple,A-1,Emma,1,Bonito,1,3,0.4,,5,Libros,,Jane Austen,Bueno\n"
        "12,simple,A-2,Kim,1,,0,,,,4,Libros,,Rudyard Kipling,Bueno\n",
        ("Emma|Jane Austen|500|good|3|-|A-1", "Kim|Rudyard Kipling|400|good|0|-|A-2"),
    ),
    Case(
        "koha, with marc names",
        '"Title","Author","ISBN","Publication year","Barcode","Price"\n'
        '"Emma /","Austen, Jane,","9780141439587 (pbk.)","c2003.","30112000001","5.00"\n',
        (f"Emma|Austen, Jane|500|good|1|{E}|-",),
        options={"settings": {"condition": "Good"}},
    ),
    Case(
        "alibris",
        tabs(
            "Seller SKU|Title|Author|ISBN|Publisher|Pub Year|Binding|Condition|Price|Qty|Comments",
            "A-1|Emma|Jane Austen|978-0-14-143958-7|Penguin|2003|PB|Good|5.00|1|Nice",
        ),
        (EMMA,),
        name="alibris.txt",
    ),
)  # fmt: skip

SPREADSHEETS = (
    Case("german excel", "Titel;Autor;Preis;Zustand\nDer Prozeß;Franz Kafka;12,50;Gut\n".encode(
        "cp1252"), ("Der Prozeß|Franz Kafka|1250|good|1|-|-",),
        options={"mapped": {"Titel": "title", "Preis": "price", "Zustand": "condition"}}),
    Case("french excel", "Title;Author;Price;Condition\nL’Été;Camus;12,50 €;Bon état\n".encode(
        "cp1252"), ("L’Été|Camus|1250|good|1|-|-",)),
    Case("french mac", "Title;Author;Price;Condition\nL'Été à la forêt;René Çé;12,50;Good\n"
        .encode("mac_roman"), ("L'Été à la forêt|René Çé|1250|good|1|-|-",),
        options={"encoding": "mac_roman"}),
    Case("russian excel", "Title;Author;Price;Condition\n"
         "Мастер и Маргарита;Михаил Булгаков;5;Good\nСобачье сердце;Михаил Булгаков;5;Good\n"
         .encode("cp1251"),
         ("Мастер и Маргарита|Михаил Булгаков|500|good|1|-|-",
          "Собачье сердце|Михаил Булгаков|500|good|1|-|-")),
    Case("turkish excel", "Title;Author;Price;Condition\nİnce Memed;Yaşar Kemal;5;Good\n"
         "Kürk Mantolu Madonna;Sabahattin Ali;5;Good\nTutunamayanlar;Oğuz Atay;5;Good\n"
         "Aşk ve Gurur;Şule Işık;5;Good\n".encode("cp1254"),
         ("İnce Memed|Yaşar Kemal|500|good|1|-|-",
          "Kürk Mantolu Madonna|Sabahattin Ali|500|good|1|-|-",
          "Tutunamayanlar|Oğuz Atay|500|good|1|-|-", "Aşk ve Gurur|Şule Işık|500|good|1|-|-"),
         options={"encoding": "windows-1254"}),
    Case("greek excel", "Title;Author;Price;Condition\nΟ Καπετάν Μιχάλης;Νίκος Καζαντζάκης;5;Good\n"
         "Το Τρίτο Στεφάνι;Κώστας Ταχτσής;5;Good\n".encode("cp1253"),
         ("Ο Καπετάν Μιχάλης|Νίκος Καζαντζάκης|500|good|1|-|-",
          "Το Τρίτο Στεφάνι|Κώστας Ταχτσής|500|good|1|-|-")),
    Case("czech excel", "Title;Author;Price;Condition\nBabička;Božena Němcová;5;Good\n"
         "Příběhy;Jiří Růžička;5;Good\n".encode("cp1250"),
         ("Babička|Božena Němcová|500|good|1|-|-", "Příběhy|Jiří Růžička|500|good|1|-|-")),
    Case("lithuanian excel", "Title;Author;Price;Condition\nMetų laikai;Kristijonas Donelaitis;5;"
         "Good\nAltorių šešėly;Vincas Mykolaitis-Putinas;5;Good\n".encode("cp1257"),
         ("Metų laikai|Kristijonas Donelaitis|500|good|1|-|-",
          "Altorių šešėly|Vincas Mykolaitis-Putinas|500|good|1|-|-")),
    Case("hebrew excel", "Title;Author;Price;Condition\nסיפור על אהבה וחושך;עמוס עוז;5;Good\n"
         "מישהו לרוץ איתו;דויד גרוסמן;5;Good\n".encode("cp1255"),
         ("סיפור על אהבה וחושך|עמוס עוז|500|good|1|-|-",
          "מישהו לרוץ איתו|דויד גרוסמן|500|good|1|-|-")),
    Case("japanese excel", "Title,Author,Price,Condition\n"
         "雪国,川端康成,5,Good\nこころ,夏目漱石,5,Good\n".encode("cp932"),
         ("雪国|川端康成|500|good|1|-|-", "こころ|夏目漱石|500|good|1|-|-")),
    Case("chinese excel", "Title,Author,Price,Condition\n红楼梦,曹雪芹,5,Good\n"
         "骆驼祥子,老舍,5,Good\n围城,钱钟书,5,Good\n".encode("gb18030"),
         ("红楼梦|曹雪芹|500|good|1|-|-", "骆驼祥子|老舍|500|good|1|-|-",
          "围城|钱钟书|500|good|1|-|-")),
    Case("utf-8 with its mark and windows line ends", f"\ufeff{HEAD}\r\n{ROW}",
         ("Emma|Jane Austen|500|good|1|-|-",)),
    Case("mixed line ends", f"{HEAD}\r\n{ROW}Kim,Kipling,4,Good\rWalden,Thoreau,3,Good\r\n",
         ("Emma|Jane Austen|500|good|1|-|-", "Kim|Kipling|400|good|1|-|-",
          "Walden|Thoreau|300|good|1|-|-")),
    Case("nul bytes", f"{HEAD}\nEm\0ma,Jane Austen,5,Good\n",
         ("Emma|Jane Austen|500|good|1|-|-",)),
    Case("no line end behind the last row", f"{HEAD}\nEmma,Jane Austen,5,Good",
         ("Emma|Jane Austen|500|good|1|-|-",)),
    Case("a total below", f"{HEAD}\n{ROW},,5,\n", ("Emma|Jane Austen|500|good|1|-|-",),
         ((3, "title"), (3, "author"), (3, "condition"))),
    Case("rounded isbn", f"{HEAD},isbn\nEmma,Jane Austen,5,Good,9.78014E+12\n",
         ("Emma|Jane Austen|500|good|1|-|-",)),
    Case("thousands", f"{HEAD}\nEmma,Jane Austen,\"1,234.50\",Good\n",
         ("Emma|Jane Austen|123450|good|1|-|-",)),
    Case("one column", "title\nEmma\n", whole="author, price, condition"),
    Case("header alone", f"{HEAD}\n"),
    Case("nothing", "", whole="empty"),
    Case("blanks", " \n\n \n", whole="empty"),
    Case("no header", "Emma,Jane Austen,5,Good\n", whole="no header line"),
    Case("workbook", sheets(Stock=[
        ["Stock of the shop", None], [None], SHEET_HEAD,
        ["Emma", "Jane Austen", 9780141439587, 5, "Good", "A-1"],
        ["Kim", "Rudyard Kipling", 141183632, 4.5, "Good", 7],
        ["Walden", "Thoreau", "9.78E+12", "=2*3", "Good", "A-3"]]),
        (EMMA, "Kim|Rudyard Kipling|450|good|1|9780141183633|7"), ((6, "price"),),
        name="stock.xlsx"),
    Case("workbook of numbers", sheets(
        Export_Summary=[["This document was exported from Numbers."], ["Numbers Sheet Name"]],
        Sheet_1=[SHEET_HEAD, ["Emma", "Jane Austen", E, 5, "Good", "A-1"]]),
        (EMMA,), name="stock.xlsx"),
    Case("workbook without rows", sheets(Sheet=[]), whole="no row", name="stock.xlsx"),
    Case("opendocument", zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet",
         content_xml=b"<x/>"), whole="OpenDocument", name="stock.ods"),
    Case("numbers", zipped(Index_zip=b"x", preview_jpg=b"x"), whole="Numbers",
         name="stock.numbers"),
    Case("word", zipped(**{"word/document_xml": b"<x/>"}), whole="spreadsheet", name="books.docx"),
    Case("a page called workbook", "<html><body><table><tr><td>Title</td></tr></table></body>",
         whole="HTML", name="stock.xls"),
    Case("a workbook called csv", sheets(Stock=[
        SHEET_HEAD, ["Emma", "Jane Austen", E, 5, "Good", "A-1"]]), (EMMA,)),
    Case("a text called workbook", f"{HEAD}\n{ROW}", whole="cannot be opened as a workbook",
         name="stock.xlsx"),
    Case("a table called xls", f"{HEAD}\n{ROW}".replace(",", "\t"),
         ("Emma|Jane Austen|500|good|1|-|-",), name="stock.xls"),
    Case("a picture", b"\x89PNG\r\n\x1a\n" + bytes(40), whole="picture", name="books.png"),
    Case("a program", b"\x7fELF" + bytes(range(256)) * 4, whole="no text", name="books"),
    Case("zip in zip", zipped(inner_zip=zipped(books_csv=f"{HEAD}\n{ROW}".encode())),
         whole="packed twice", name="books.zip"),
    Case("tar", tarred(f"{HEAD}\n{ROW}".encode()), whole="tar", name="books.tgz"),
    Case("7z", b"7z\xbc\xaf\x27\x1c" + bytes(40), whole="zip or gzip", name="books.7z"),
    Case("rar", b"Rar!\x1a\x07\x01" + bytes(40), whole="zip or gzip", name="books.rar"),
    Case("gzip called csv", gzip.compress(f"{HEAD}\n{ROW}".encode()),
         ("Emma|Jane Austen|500|good|1|-|-",)),
    Case("huge field", f"{HEAD},description\nEmma,Jane Austen,5,Good,{'x' * 1_200_000}\n"
         "Kim,Kipling,4,Good,x\n", ("Kim|Kipling|400|good|1|-|-",), ((2, ""),)),
)  # fmt: skip


@pytest.mark.parametrize("case", MARKETPLACES + SPREADSHEETS, ids=lambda case: case.id)
def test_a_file_ends_as_written_down(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "file"
    path.write_bytes(case.content.encode() if isinstance(case.content, str) else case.content)
    if case.whole:
        with pytest.raises(ImportRefused) as refused:
            _read(path, case)
        assert case.whole in str(refused.value)
        assert str(refused.value).isprintable()
        return
    assert _read(path, case) == (list(case.offers), set(case.refused))


def _read(path: Path, case: Case) -> tuple[list[str], set[tuple[int, str]]]:
    with File(path, Options(**case.options), currency="EUR", name=case.name) as file:
        file.refuse_missing(invent=False)
        said = [
            "|".join(
                map(str, (o.terms.title, o.terms.author, o.terms.price, o.terms.condition,
                          o.copies, o.terms.isbn13 or "-", o.sku or "-"))
            )
            for o in file.offers()
        ]  # fmt: skip
        return said, {(one.line, one.column) for one in file.report.refused}
