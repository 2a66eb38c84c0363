"""The names by which a seller knows what a row says."""

from bookstore.web.i18n import lazy_gettext

FIELD_NAMES = {
    "author": lazy_gettext("Author"),
    "binding": lazy_gettext("Binding"),
    "category": lazy_gettext("Category"),
    "condition": lazy_gettext("Condition"),
    "copies": lazy_gettext("Copies"),
    "cover": lazy_gettext("Cover"),
    "currency": lazy_gettext("Currency"),
    "defects": lazy_gettext("Defects"),
    "description": lazy_gettext("Description"),
    "edition": lazy_gettext("Edition"),
    "ex_library": lazy_gettext("From a library"),
    "isbn": lazy_gettext("ISBN"),
    "language": lazy_gettext("Language"),
    "listed": lazy_gettext("On sale"),
    "more_authors": lazy_gettext("Further authors"),
    "original_title": lazy_gettext("Original title"),
    "price": lazy_gettext("Price"),
    "publisher": lazy_gettext("Publisher"),
    "series": lazy_gettext("Series"),
    "series_number": lazy_gettext("Number in the series"),
    "signed": lazy_gettext("Signed"),
    "sku": lazy_gettext("SKU"),
    "stock": lazy_gettext("Copies"),
    "title": lazy_gettext("Title"),
    "weight": lazy_gettext("Weight"),
    "year": lazy_gettext("Year"),
}
