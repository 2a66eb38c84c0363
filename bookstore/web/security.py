"""What concerns security is written down as it happens: a line in the log for people, a counter for
alarms. Neither holds a secret, nor what somebody typed."""

import hashlib
from enum import StrEnum

import structlog
from prometheus_client import Counter
from quart import has_request_context, request

from bookstore.web.health import REGISTRY

log = structlog.get_logger()

EVENTS = Counter(
    "bookstore_security_events", "What concerns security", ["event"], registry=REGISTRY
)


class Event(StrEnum):
    """Everything of that kind, by the name it has in the log and in the metrics."""

    SIGNED_IN = "signed_in"
    SIGNED_IN_NEW_BROWSER = "signed_in_new_browser"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_THROTTLED = "sign_in_throttled"
    SECOND_STEP_FAILED = "second_step_failed"
    SECOND_STEP_CHANGED = "second_step_changed"
    RECOVERY_CODE_USED = "recovery_code_used"
    PASSKEY_REFUSED = "passkey_refused"
    PASSKEYS_CHANGED = "passkeys_changed"
    PASSWORD_CHECK_FAILED = "password_check_failed"  # noqa: S105  # of somebody signed in
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    PASSWORD_RESET = "password_reset"  # noqa: S105
    RESET_ASKED = "reset_asked"
    ADDRESS_CHANGE_ASKED = "address_change_asked"
    ADDRESS_CHANGED = "address_changed"
    LINK_REFUSED = "link_refused"  # of a mail: used, expired or made up
    DATA_TAKEN = "data_taken"
    SIGNED_OUT = "signed_out"
    SESSIONS_ENDED = "sessions_ended"
    ACCOUNT_DELETED = "account_deleted"
    FORM_REFUSED = "form_refused"
    HOST_REFUSED = "host_refused"
    WEBHOOK_REFUSED = "webhook_refused"
    INTERNAL_CALL_REFUSED = "internal_call_refused"


_EXPECTED = {
    Event.SIGNED_IN, Event.SIGNED_IN_NEW_BROWSER, Event.SIGNED_OUT, Event.SESSIONS_ENDED,
    Event.PASSWORD_CHANGED, Event.PASSWORD_RESET, Event.ADDRESS_CHANGED, Event.SECOND_STEP_CHANGED,
    Event.PASSKEYS_CHANGED, Event.ACCOUNT_DELETED, Event.RESET_ASKED,
    Event.ADDRESS_CHANGE_ASKED, Event.LINK_REFUSED, Event.DATA_TAKEN, Event.RECOVERY_CODE_USED,
}  # fmt: skip
for _event in Event:  # each is there from the start, so that its first rise is seen
    EVENTS.labels(_event.value)


def note(event: Event, **details: object) -> None:
    """Write an event down, with where the request came from."""
    EVENTS.labels(event.value).inc()
    if has_request_context():
        route = request.url_rule.rule if request.url_rule else None  # a path may hold a token
        details = {"client": request.remote_addr, "route": route, **details}
    write = log.info if event in _EXPECTED else log.warning
    write(event.value, kind="security", **details)


def pseudonym(text: str) -> str:
    """Return what stands in the log for something typed, such as the address of a sign-in: alike
    for the same, and nothing that could be read."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
