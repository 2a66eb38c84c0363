"""The error that a handler ends a request with; errors.py makes a page of it."""

from bookstore.web.i18n import gettext as _


class PageError(Exception):
    """End the request with an error page that says `text`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def not_found() -> PageError:
    """Return the error for what does not exist, or is somebody else's, which looks the same."""
    return PageError(404, _("There is nothing here. It may have been withdrawn or never existed."))


class SignedOut(Exception):
    """Whoever sent a form is not signed in any more; `wanted` is where to go on afterwards."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted
