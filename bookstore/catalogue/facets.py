"""What the facets, the order and the place of a wish are in SQL."""

from typing import Any

from bookstore.catalogue.repository import Source
from bookstore.catalogue.search import Search

# sort -> (columns, descending); the id makes every order total.
ORDERS = {
    "newest": ("id", True),
    "price-up": ("price", False),
    "price-down": ("price", True),
    "title": ("title_key", False),
    "relevance": ("rank_", False),
}


def conditions(wish: Search, table: str) -> tuple[str, dict[str, Any]]:
    """Return the conditions that the facets ask for, and their values."""
    parts = [f"{table}.on_sale = 1"]
    values: dict[str, Any] = {}
    for column, codes in (
        ("category", wish.categories),
        ("language", wish.languages),
        ("condition", wish.conditions),
    ):
        if len(codes) == 1:
            parts.append(f"{table}.`{column}` = :{column}")
            values[column] = codes[0]
        elif codes:
            parts.append(f"{table}.`{column}` IN :{column}")
            values[column] = list(codes)
    if wish.price_min is not None:
        parts.append(f"{table}.price >= :price_min")
        values["price_min"] = wish.price_min
    if wish.price_max is not None:
        parts.append(f"{table}.price <= :price_max")
        values["price_max"] = wish.price_max
    if wish.author:
        parts.append(f"{table}.author = :author")
        values["author"] = wish.author
    if wish.seller is not None:
        parts.append(f"{table}.seller_id = :seller")
        values["seller"] = wish.seller
    return " AND ".join(parts), values


def order(wish: Search, table: str = "") -> str:
    """Return the columns that a wish is sorted by, of a table if one is named."""
    column, descending = ORDERS[wish.sort]
    dot, way = f"{table}." if table else "", " DESC" if descending else ""
    if column == "id":
        return f"{dot}id{way}"
    # The best match goes by rank, and among equals the newest comes first.
    id_way = " DESC" if descending or column == "rank_" else ""
    return f"{dot}{column}{way}, {dot}id{id_way}"


def keyset(wish: Search) -> tuple[str, dict[str, Any]]:
    """Return the condition for what comes after the cursor. It is written without row values,
    which MariaDB does not look up in an index."""
    if wish.after is None:
        return "", {}
    column, descending = ORDERS[wish.sort]
    if column == "id":
        return " AND id < :after_id", {"after_id": wish.after.id}
    past = "<" if descending else ">"
    id_past = "<" if descending or column == "rank_" else ">"
    return (
        f" AND {column} {past}= :after_value"
        f" AND ({column} {past} :after_value OR id {id_past} :after_id)",
        {"after_value": wish.after.value, "after_id": wish.after.id},
    )


def index(source: Source, wish: Search) -> str:
    """Return a hint that keeps MySQL from reading whole rows in the order of their ids where an
    index has it all."""
    if source.dialect == "mysql" and wish.author:
        return "FORCE INDEX (books_author)"
    return "IGNORE INDEX (PRIMARY)" if source.dialect == "mysql" else ""
