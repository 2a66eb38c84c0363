"""What a service answers to its siblings, over HTTP, signed. Never routed in public."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError
from quart import Blueprint, Response, abort, current_app, request

from bookstore.accounts import api as accounts_api
from bookstore.catalogue import api as catalogue_api
from bookstore.contracts import HoldLine, HoldRefused, PersonalLink
from bookstore.web.security import Event, note
from bookstore.web.signing import MAX_BODY, Refused, Signer

blueprint = Blueprint("internal", __name__, url_prefix="/internal")

type _Id = Annotated[int, Field(ge=-(2**63), lt=2**63)]
type _Text = Annotated[str, Field(max_length=255)]


class _TokenCall(BaseModel):
    token: _Text


class _PeopleCall(BaseModel):
    person_ids: list[_Id]


class _UndeliverableCall(BaseModel):
    person_id: _Id
    email: _Text


class _PersonCall(BaseModel):
    person_id: _Id


class _PageCall(BaseModel):
    table: _Text
    person_id: _Id
    offset: Annotated[int, Field(ge=0, lt=2**31)]


class _BooksCall(BaseModel):
    book_ids: list[_Id]


class _HoldCall(BaseModel):
    reference: _Text
    lines: list[tuple[_Id, Annotated[int, Field(gt=0, lt=2**31)]]]
    expires_at: _Id
    terms: list[tuple[_Id, _Text]] = []


class _ReferenceCall(BaseModel):
    reference: _Text


class _ReleaseBooksCall(BaseModel):
    reference: _Text
    book_ids: list[_Id]


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


@blueprint.errorhandler(ValidationError)
async def malformed(error: ValidationError) -> Response:
    """Say what of a call is not as agreed."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the body"
    return _refused(400, f"the call is not understood: {where}: {first['msg']}")


@blueprint.post("/accounts/person_of")
async def person_of() -> Response:
    """Answer whose a session is, nobody's for an unknown or ended one."""
    call = await _call(_TokenCall)
    person = await accounts_api.person_of(_service("accounts"), call.token)
    return _answer(person)


@blueprint.post("/accounts/contacts")
async def contacts() -> Response:
    """Answer how to reach people."""
    call = await _call(_PeopleCall)
    found = await accounts_api.contacts(_service("accounts"), call.person_ids)
    return _answer(list(found.values()))


@blueprint.post("/accounts/undeliverable")
async def undeliverable() -> Response:
    """Take a note that mail to an address came back."""
    call = await _call(_UndeliverableCall)
    await accounts_api.undeliverable(_service("accounts"), call.person_id, call.email)
    return _answer(None)


@blueprint.post("/<any(catalogue, orders):context>/personal/page")
async def personal_page(context: str) -> Response:
    """Answer a page of a person's rows in one table."""
    call = await _call(_PageCall)
    try:
        return _answer(await _personal(context).page(call.table, call.person_id, call.offset))
    except KeyError:
        return _refused(400, f"{context} has no table {call.table!r} of persons' data")


@blueprint.post("/<any(catalogue, orders):context>/personal/unsettled")
async def personal_unsettled(context: str) -> Response:
    """Answer what keeps a person from leaving."""
    call = await _call(_PersonCall)
    return _answer(await _personal(context).unsettled(call.person_id))


@blueprint.post("/<any(catalogue, orders):context>/personal/forget")
async def personal_forget(context: str) -> Response:
    """Delete here what is a person's alone, and take the name off what stays."""
    call = await _call(_PersonCall)
    await _personal(context).forget(call.person_id)
    return _answer(None)


@blueprint.post("/catalogue/quotes")
async def quotes() -> Response:
    """Answer today's terms of books."""
    call = await _call(_BooksCall)
    found = await catalogue_api.quotes(_service("catalogue"), call.book_ids)
    return _answer(list(found.values()))


@blueprint.post("/catalogue/hold")
async def hold() -> Response:
    """Hold copies for an order, all or none; `left` says what there is instead."""
    call = await _call(_HoldCall)
    lines = [HoldLine(*line) for line in call.lines]
    try:
        await catalogue_api.hold(
            _service("catalogue"), call.reference, lines, call.expires_at, terms=dict(call.terms)
        )
    except HoldRefused as refusal:
        return _answer({"left": list(refusal.left.items())})
    return _answer({"left": None})


@blueprint.post("/catalogue/confirm")
async def confirm() -> Response:
    """Answer whether held copies are sold now."""
    call = await _call(_ReferenceCall)
    return _answer(await catalogue_api.confirm(_service("catalogue"), call.reference))


@blueprint.post("/catalogue/release")
async def release() -> Response:
    """Put the copies that an order holds back on sale."""
    call = await _call(_ReferenceCall)
    await catalogue_api.release(_service("catalogue"), call.reference)
    return _answer(None)


@blueprint.post("/catalogue/release_books")
async def release_books() -> Response:
    """Put some of the copies that an order holds back on sale."""
    call = await _call(_ReleaseBooksCall)
    await catalogue_api.release_books(_service("catalogue"), call.reference, call.book_ids)
    return _answer(None)


def _personal(context: str) -> PersonalLink:
    personal: PersonalLink = _service(context).personal
    return personal


def _service(context: str) -> Any:
    service = current_app.extensions.get(f"bookstore.{context}")
    if service is None:
        abort(404)
    return service


async def _call[T: BaseModel](shape: type[T]) -> T:
    """Return what a sibling sent; raise ValidationError when it does not have that shape."""
    return shape.model_validate_json(await request.get_data())


def _answer(value: Any) -> Response:
    return Response(json.dumps(value), content_type="application/json")


def _refused(status: int, reason: str) -> Response:
    note(Event.INTERNAL_CALL_REFUSED, status=status, reason=reason)
    return Response(json.dumps({"error": reason}), status=status, content_type="application/json")
