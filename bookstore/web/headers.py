"""What every request and every answer goes through: host check, request id, language, headers."""

import re

import structlog
from quart import Quart, Response, g, request

from bookstore.settings import Settings
from bookstore.web import i18n
from bookstore.web.csrf import check_request
from bookstore.web.inbound import inbound
from bookstore.web.page_error import PageError, not_found
from bookstore.web.placeholders import FLAG
from bookstore.web.security import Event, note
from bookstore.web.send_again import answer_to_stale
from bookstore.web.sessions import set_session_cookie

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
# Asked by health checks and collectors under whatever name they know the replica by.
_ANY_HOST = {"/healthz", "/readyz", "/metrics"}


def on_every_answer(settings: Settings) -> list[tuple[str, str]]:
    """Return the headers that every answer has, and always alike."""
    always = [
        ("X-Served-By", settings.shown_replica),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(self), microphone=(), geolocation=()"),
    ]
    if settings.https:
        always.append(("Strict-Transport-Security", "max-age=31536000; includeSubDomains"))
    return always


def install(app: Quart, settings: Settings) -> None:
    """Check every request and complete every answer."""
    public_host = settings.public_origin.split("//")[1] if settings.public_origin else None
    always = on_every_answer(settings)

    def host_is_ours() -> bool:
        host = inbound().host
        if public_host is not None:
            return host == public_host
        return _LOOPBACK.fullmatch(host) is not None or host == settings.bind

    @app.before_request
    async def before() -> Response | None:
        asked = inbound()
        path = request.path
        structlog.contextvars.bind_contextvars(request_id=asked.request_id)
        i18n.set_language(asked.language)
        private = path.startswith("/internal/")
        if path not in _ANY_HOST and not private and not host_is_ours():
            note(Event.HOST_REFUSED, host=asked.host[:100])
            raise PageError(400, "This server does not answer under that host name.")
        proxied = settings.trusted_hops > 0 and "X-Forwarded-For" in request.headers
        if proxied and (private or path == "/metrics"):
            raise PageError(404, "There is nothing here.")
        if _too_long(asked.path):
            raise not_found()
        if request.routing_exception is not None:  # no such page, or not with this method
            raise request.routing_exception
        await check_request()
        return await answer_to_stale()

    @app.after_request
    async def after(response: Response) -> Response:
        headers = response.headers
        if not request.scope.get(FLAG):  # to pages for everybody, the page cache adds them
            headers["X-Request-ID"] = inbound().request_id
            own = {name.lower() for name, _value in headers}  # a page may have a policy of its own
            for name, value in always:  # each look into the headers would read them all
                if name.lower() not in own:
                    headers.add(name, value)
        if response.mimetype == "text/html":
            headers["Content-Language"] = i18n.language()
            headers.add("Vary", "Accept-Language, Cookie")
            headers.setdefault("Cache-Control", "no-store")
        if request.path.startswith("/static/") and response.status_code == 200:
            lasting = "public, max-age=31536000, immutable"
            headers["Cache-Control"] = lasting if "v" in request.args else "public, max-age=3600"
        if inbound().wish in i18n.LANGUAGES:
            response.set_cookie(
                i18n.COOKIE,
                i18n.language(),
                max_age=31536000,
                samesite="Lax",
                secure=settings.https,
                httponly=True,
            )
        token = getattr(g, "new_visitor_token", None)
        if token is not None:
            cookies = response.headers.getlist("Set-Cookie")
            if not any("session=" in cookie for cookie in cookies):
                set_session_cookie(response, token)
        return response


def _too_long(path: str) -> bool:
    """Tell whether no page or file can have a path: no file system takes such names."""
    written = path.encode(errors="replace")
    if len(written) <= 255:
        return False
    return len(written) > 2000 or any(len(part) > 255 for part in written.split(b"/"))
