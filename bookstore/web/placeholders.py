"""What a handler and the page cache say to each other, and what stands in a kept page for the
parts that differ from visitor to visitor.

The marks are random for each process, so that nothing a person types can be one.
"""

import secrets

from quart import Response, has_request_context, request

# In the ASGI scope of a request whose answer may be kept.
FLAG = "bookstore.page_cache"
HEADER = "x-page-cache"  # from the handler to the cache: the page's tags; never sent
OWNER = "x-page-owner"  # and the number of the one person who gets another page; never sent
MARK = f"mark-{secrets.token_hex(12)}-"
CSRF_MARK, KEY_MARK = f"{MARK}csrf", f"{MARK}key"


def rendering_for_everybody() -> bool:
    """Tell whether the page at hand may be kept: its forms get marks instead of tokens."""
    return has_request_context() and bool(request.scope.get(FLAG))


def cacheable(response: Response, *tags: str, owner: int | None = None) -> Response:
    """Offer a page to the cache; it is kept until one of the tags changes. The person who owns
    what it shows is not given it, but asks the handler."""
    if rendering_for_everybody():
        response.headers[HEADER] = ",".join(tags)
        if owner is not None:
            response.headers[OWNER] = str(owner)
    return response
