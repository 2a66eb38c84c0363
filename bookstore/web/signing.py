"""Signatures on calls between sibling services: who calls, when, and what exactly.

A signature is HMAC-SHA256 over method, path, time, nonce and the body's hash. It holds for 30
seconds and each nonce is taken once by each replica; every call may be repeated without doing
more, so a replay at another replica changes nothing either.
"""

import hashlib
import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping

from bookstore.clock import SECOND, Clock, now

KEY_ID = "1"
TOLERANCE = 30.0  # seconds
MAX_BODY = 64 * 1024
_REMEMBERED = 100_000


class Refused(Exception):
    """The call is not to be answered; `status` is 401 or 409."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Signer:
    """Sign calls and check signed ones with the same key."""

    def __init__(self, key: bytes, clock: Clock = now) -> None:
        self._key = key
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    def headers(
        self, method: str, path: str, body: bytes, *, moment: str | None = None
    ) -> dict[str, str]:
        """Return the headers that sign a call; `moment` is now unless given."""
        moment = f"{self._clock() / SECOND:.3f}" if moment is None else moment
        nonce = secrets.token_hex(12)
        return {
            "X-Internal-Key": KEY_ID,
            "X-Internal-Time": moment,
            "X-Internal-Nonce": nonce,
            "X-Internal-Signature": self._signature(method, path, moment, nonce, body),
        }

    def check(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raise Refused unless the call is signed, fresh, and not seen before."""
        moment = headers.get("X-Internal-Time", "")
        nonce = headers.get("X-Internal-Nonce", "")
        given = headers.get("X-Internal-Signature", "")
        expected = self._signature(method, path, moment, nonce, body)
        known_key = headers.get("X-Internal-Key") == KEY_ID
        if not known_key or not hmac.compare_digest(given.encode(), expected.encode()):
            raise Refused(401, "the call is not signed with the key that siblings share")
        if (
            not abs(self._clock() / SECOND - _seconds(moment)) <= TOLERANCE
        ):  # nan is no moment either
            raise Refused(401, "the signature is older than 30 seconds; check the hosts' clocks")
        self._forget_old()
        if nonce in self._seen:
            raise Refused(409, "this very call was answered before")
        self._seen[nonce] = time.monotonic()

    def _signature(self, method: str, path: str, moment: str, nonce: str, body: bytes) -> str:
        text = f"{method}\n{path}\n{moment}\n{nonce}\n{hashlib.sha256(body).hexdigest()}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def _forget_old(self) -> None:
        before = time.monotonic() - 2 * TOLERANCE
        while self._seen:
            nonce, seen = next(iter(self._seen.items()))
            if seen > before and len(self._seen) < _REMEMBERED:
                return
            del self._seen[nonce]


def _seconds(moment: str) -> float:
    try:
        return float(moment)
    except ValueError:
        return math.nan
