"""Answers that serve htmx and plain browsers alike."""

import json
from typing import Any

from quart import Response, request

# What decides between a whole page and a fragment; caches must tell the two apart.
VARY = "HX-Request, HX-Request-Type, HX-History-Restore-Request"


def wants_fragment() -> bool:
    """Tell whether htmx asks for a part of a page rather than for the page."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and "HX-History-Restore-Request" not in headers
        and headers.get("HX-Request-Type") != "full"
    )


def see_other(address: str) -> Response:
    """Send the browser on after a request that changed something. htmx is told in a header, since
    it would carry its own headers over a redirect and get a fragment."""
    if request.headers.get("HX-Request") == "true":
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
