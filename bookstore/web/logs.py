"""Logs: one JSON object a line (or coloured text for people), with the request's id, without
secrets. JSON escapes new lines, so that no input can forge a second line."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Without local variables: those hold passwords and tokens.
_traceback = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_SECRET_NAMES = re.compile(r"password|secret|token|cookie|card_number|authorization", re.IGNORECASE)
_SECRET_URL = re.compile(r"(\w+://[^:/@\s]+:)[^@\s]+@")


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank out values whose name speaks of a secret, and passwords inside URLs."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = "(redacted)"
        elif isinstance(value, str):
            event[name] = _SECRET_URL.sub(r"\1(redacted)@", value)
    return event


def configure(level: str, style: str) -> None:
    """Send our logs and those of the libraries to standard error in the style json or console."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        [_traceback, redact, structlog.processors.JSONRenderer()]
        if style == "json"
        else [
            redact,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiosqlite", "databases", "asyncio", "PIL"):
        logging.getLogger(noisy).setLevel("WARNING")
