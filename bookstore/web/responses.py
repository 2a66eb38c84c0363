"""Answers that serve htmx and plain browsers alike."""

import json
from typing import Any

from quart import Response, current_app

from bookstore.settings import Settings
from bookstore.web.inbound import inbound

# What decides between a whole page and a fragment; caches must tell the two apart.
VARY = "HX-Request, HX-Request-Type, HX-History-Restore-Request"


def own_origin() -> str:
    """Return how readers reach the shop: as set, or as this very request did."""
    settings: Settings = current_app.extensions["bookstore.settings"]
    return settings.public_origin or inbound().origin


def wants_fragment() -> bool:
    """Tell whether htmx asks for a part of a page rather than for the page."""
    return inbound().fragment


def see_other(address: str) -> Response:
    """Send the browser on after a request that changed something. htmx is told in a header, since
    it would carry its own headers over a redirect and get a fragment."""
    if inbound().htmx:
        return Response("", status=204, headers={"HX-Redirect": address})
    return Response("", status=303, headers={"Location": address})


def toast(response: Response, text: str) -> Response:
    """Have app.js show `text` for a moment and read it out (role=status)."""
    return trigger(response, "toast", {"text": text})


def trigger(response: Response, event: str, detail: Any = None) -> Response:
    """Fire an event in the browser when htmx gets this response. JSON, with accents escaped:
    header values are ASCII."""
    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    events[event] = detail
    response.headers["HX-Trigger"] = json.dumps(events, ensure_ascii=True)
    return response
