"""Words and switches that say that an offer does not stand any more: sold, ended, not in stock."""

_NO = {"0", "-1", "false", "no", "n", "falso"}
# By the column that says it; any other column has the last.
_GONE = {
    "adddelete": {"d", "x", "delete"},
    "action": {"end", "enditem", "delete"},
    "instock": _NO | {"outofstock"},
    "published": _NO,
    "publicado": _NO,
    "publishedononlinestore": _NO,
    "": {
        "d", "sold", "soldout", "inactive", "incomplete", "ended", "archived", "draft", "deleted",
        "outofstock", "withdrawn", "suspended", "closed", "removed", "unpublished", "vendido",
        "vendida", "agotado", "inactivo", "archivado", "borrador", "retirado", "eliminado",
        "finalizado",
    },
}  # fmt: skip


def gone_words(column: str) -> set[str]:
    """Return what a column, by its key, says of an offer that does not stand."""
    return _GONE.get("action" if column.startswith("action") else column, _GONE[""])


def plain(text: str) -> str:
    """Return a word as it is compared."""
    return "".join(text.casefold().split()).strip("'")
