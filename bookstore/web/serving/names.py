"""Names that the shop connects to, and an event loop that a silent resolver does not hold up there.

While the resolver says nothing, or knows no address, a name stands for those that it last gave.
That is for what calls `create_connection` with a name: the drivers and the mail's client. Calls to
siblings and fetches of covers ask `getaddrinfo`, which waits for the resolver as glibc does.
"""

import asyncio
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

import structlog

log = structlog.get_logger()

_PATIENCE = 1.0  # seconds for which an answer is waited for
_DOUBT = 10.0  # seconds after a late or failed one for which nobody waits who can do without


class _Question(NamedTuple):
    asked: float
    answer: asyncio.Future[list[str] | OSError]


class Names:
    """The addresses that names stand for."""

    def __init__(self) -> None:
        self._addresses: dict[str, list[str]] = {}  # as the resolver last said
        self._questions: dict[str, _Question] = {}  # on their way to it: one for each name
        self._doubted_until: dict[str, float] = {}

    async def addresses(self, name: str) -> list[str]:
        """Return what a name stands for. Raises OSError where that was never known."""
        question = self._questions.get(name) or self._ask(name)
        waits_until = question.asked + _PATIENCE
        if name in self._addresses and self._doubted_until.get(name, 0.0) > monotonic():
            waits_until = 0.0
        await asyncio.wait([question.answer], timeout=max(waits_until - monotonic(), 0))
        answer = question.answer.result() if question.answer.done() else None
        if isinstance(answer, list):
            return answer
        if (last := self._addresses.get(name)) is None:
            late = socket.gaierror(socket.EAI_AGAIN, f"the resolver does not answer for {name}")
            raise answer or late
        if self._doubted_until.get(name, 0.0) <= monotonic():
            log.warning("name is not resolved", name=name, using=last, error=str(answer or "late"))
        self._doubted_until[name] = monotonic() + _DOUBT
        return last

    def _ask(self, name: str) -> _Question:
        """Ask the resolver, in a thread that holds up neither others nor the end of the process:
        that may take it very long."""
        loop = asyncio.get_running_loop()
        question = _Question(monotonic(), loop.create_future())

        def look_up() -> None:
            answer: list[str] | OSError
            try:
                found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
                answer = list(dict.fromkeys(str(one[4][0]) for one in found))
            except OSError as error:
                answer = error
            except UnicodeError as error:  # no name at all
                answer = OSError(str(error))
            with suppress(RuntimeError):  # nobody waits any more: the loop is closed
                loop.call_soon_threadsafe(self._learn, name, question, answer)

        try:
            threading.Thread(target=look_up, name="resolver", daemon=True).start()
        except RuntimeError as error:  # there are too many threads
            question.answer.set_result(OSError(str(error)))
        else:
            self._questions[name] = question  # until it is learned, which this loop does later
        return question

    def _learn(self, name: str, question: _Question, answer: list[str] | OSError) -> None:
        del self._questions[name]
        question.answer.set_result(answer)
        if isinstance(answer, list):
            self._addresses[name] = answer
            if monotonic() < question.asked + _PATIENCE:
                self._doubted_until.pop(name, None)


class Calling:
    """Part of an event loop: connections by name. TLS is about the name, whatever the address."""

    _names: Names

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        """Connect to a name or an address, or take over a socket."""
        connect = super().create_connection  # type: ignore[misc]
        if not host or _is_address(host):
            return await connect(protocol_factory, host, port, **options)
        if options.get("ssl") and options.get("server_hostname") is None:
            options["server_hostname"] = host
        earlier: OSError | None = None
        for address in await self._names.addresses(host):
            try:
                return await connect(protocol_factory, address, port, **options)
            except ssl.SSLError:  # no other address makes up for it
                raise
            except OSError as error:
                error.__cause__ = error.__cause__ or earlier
                earlier = error
        raise earlier or OSError(f"{host} stands for no address")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
