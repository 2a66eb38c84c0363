"""What a service answers to its siblings, over HTTP, signed. Never routed in public."""

import json
from typing import Any

import structlog
from quart import Blueprint, Response, abort, current_app, request

from bookstore.accounts import api as accounts_api
from bookstore.catalogue import api as catalogue_api
from bookstore.contracts import HoldLine, HoldRefused
from bookstore.web.signing import MAX_BODY, Refused, Signer

blueprint = Blueprint("internal", __name__, url_prefix="/internal")
log = structlog.get_logger()


@blueprint.before_request
async def check_signature() -> Response | None:
    """Answer signed calls alone."""
    signer: Signer = current_app.extensions["bookstore.signer"]
    too_large = (request.content_length or 0) > MAX_BODY
    body = b"" if too_large else await request.get_data(as_text=False)
    assert isinstance(body, bytes)
    if too_large or len(body) > MAX_BODY:
        return _refused(413, f"an internal call has at most {MAX_BODY} bytes")
    try:
        signer.check(request.method, request.path, dict(request.headers), body)
    except Refused as refusal:
        return _refused(refusal.status, str(refusal))
    return None


@blueprint.post("/accounts/person_of")
async def person_of() -> Response:
    call = await _call()
    person = await accounts_api.person_of(_service("accounts"), str(call["token"]))
    return _answer(person)


@blueprint.post("/accounts/contacts")
async def contacts() -> Response:
    call = await _call()
    found = await accounts_api.contacts(_service("accounts"), list(map(int, call["person_ids"])))
    return _answer(list(found.values()))


@blueprint.post("/accounts/undeliverable")
async def undeliverable() -> Response:
    call = await _call()
    await accounts_api.undeliverable(
        _service("accounts"), int(call["person_id"]), str(call["email"])
    )
    return _answer(None)


@blueprint.post("/catalogue/quotes")
async def quotes() -> Response:
    call = await _call()
    found = await catalogue_api.quotes(_service("catalogue"), list(map(int, call["book_ids"])))
    return _answer(list(found.values()))


@blueprint.post("/catalogue/hold")
async def hold() -> Response:
    call = await _call()
    lines = [HoldLine(int(book_id), int(quantity)) for book_id, quantity in call["lines"]]
    try:
        await catalogue_api.hold(
            _service("catalogue"), str(call["reference"]), lines, int(call["expires_at"])
        )
    except HoldRefused as refusal:
        return _answer({"left": list(refusal.left.items())})
    return _answer({"left": None})


@blueprint.post("/catalogue/confirm")
async def confirm() -> Response:
    call = await _call()
    return _answer(await catalogue_api.confirm(_service("catalogue"), str(call["reference"])))


@blueprint.post("/catalogue/release")
async def release() -> Response:
    call = await _call()
    await catalogue_api.release(_service("catalogue"), str(call["reference"]))
    return _answer(None)


def _service(context: str) -> Any:
    service = current_app.extensions.get(f"bookstore.{context}")
    if service is None:
        abort(404)
    return service


async def _call() -> dict[str, Any]:
    call: dict[str, Any] = json.loads(await request.get_data())
    return call


def _answer(value: Any) -> Response:
    return Response(json.dumps(value), content_type="application/json")


def _refused(status: int, reason: str) -> Response:
    log.warning("refused an internal call", status=status, reason=reason, path=request.path)
    return Response(json.dumps({"error": reason}), status=status, content_type="application/json")
