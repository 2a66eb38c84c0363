"""Proof of the proof: shops that lie, or are broken, are named by verdict and reason."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from loadtest.__main__ import main
from tests.loadtest.shops import (
    Forward,
    Lie,
    Message,
    Reply,
    Shop,
    assert_fine_but_for_time,
    lying_proxy,
    run_until_somebody_orders,
    running_shop,
)

pytestmark = pytest.mark.timeout(400)  # a machine that is busy takes longer
SEED = ["--seed", "liars", "--arrivals", "constant"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("shop")) as made:
        yield made


def load(shop: Shop, folder: Path, seconds: str = "12") -> int:
    return main(
        [
            *("sale", "--host", shop.host, "--database", shop.database, "--rate", "20"),
            *("-t", seconds, "--settle", "2", "--p99", "3500", *SEED, "--folder", str(folder)),
        ]
    )


def assert_named(
    shop: Shop, folder: Path, row: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Expect that a run names the liar; on a machine too busy to get that far, a longer one."""
    shown = ""
    for seconds in ("12", "36", "108"):
        assert load(shop, folder / seconds, seconds) == 1
        shown = capsys.readouterr().out
        if f"✗ {row}" in shown and reason in shown:
            return
    pytest.fail(shown)


def assert_it_is_no_liar(shop: Shop, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(seconds: str, made: Path) -> int:
        return load(shop, made, seconds)

    _folder, shown = run_until_somebody_orders(run, folder, capsys)
    assert_fine_but_for_time(shown)


def is_page(message: Message) -> bool:
    return message.method == "GET" and not message.target.startswith(("/static", "/covers"))


def cuts(message: Message, forward: Forward) -> Reply:
    """End pages in the middle."""
    reply = forward(message)
    if is_page(message) and reply.body and len(reply.body) > 200:
        reply.length, reply.body = len(reply.body), reply.body[: len(reply.body) // 2]
    return reply


def cuts_plain(message: Message, forward: Forward) -> Reply:
    """End pages in the middle, and say that this is all."""
    message.headers["Accept-Encoding"] = "identity"
    reply = forward(message)
    if is_page(message) and reply.body and reply.body.startswith(b"<!doctype"):
        reply.body = reply.body[: len(reply.body) // 2]
    return reply


def mislabels(message: Message, forward: Forward) -> Reply:
    """Say that pages are coded otherwise than they are."""
    reply = forward(message)
    if is_page(message) and reply.body:
        reply.set("Content-Encoding", "br")
    return reply


def drops(message: Message, forward: Forward) -> Reply:
    """Let the shop do its work, and keep every other answer to a form back."""
    reply = forward(message)
    drops.count += message.method == "POST"  # type: ignore[attr-defined]
    if message.method == "POST" and drops.count % 2:  # type: ignore[attr-defined]
        reply.body = None
    return reply


drops.count = 0  # type: ignore[attr-defined]


def doubles_with_a_new_key(message: Message, forward: Forward) -> Reply:
    """Send forms twice, as if somebody had filled them in twice."""
    if message.method == "POST" and b"idempotency_key" in message.body:
        fields = dict(parse_qsl(message.body.decode(), keep_blank_values=True))
        fields["idempotency_key"] += "again"
        again = urlencode(fields).encode()
        if message.target in ("/basket", "/checkout"):
            forward(Message(message.method, message.target, dict(message.headers), again))
    return forward(message)


def invents(message: Message, forward: Forward) -> Reply:
    """Confirm orders that were never placed."""
    if message.method == "POST" and message.target == "/checkout":
        return Reply(303, [("Location", "/orders/999999/pay")])
    return forward(message)


class Swaps:
    """Gives the pages of one person to another."""

    PRIVATE = re.compile(r"/(basket|account|orders|orders/\d+)")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, tuple[str, Reply]] = {}

    def __call__(self, message: Message, forward: Forward) -> Reply:
        reply = forward(message)
        kind = message.target.split("/")[1]
        if message.method != "GET" or not self.PRIVATE.fullmatch(message.target):
            return reply
        if reply.status != 200:
            return reply
        who = message.headers.get("Cookie", "")
        with self._lock:
            last, self._last[kind] = self._last.get(kind), (who, reply)
        return last[1] if last and last[0] != who else reply


def delays(message: Message, forward: Forward) -> Reply:
    """Take four seconds longer."""
    time.sleep(4)
    return forward(message)


def one_book(message: Message, forward: Forward) -> Reply:
    """Let all links of a listing lead to one book."""
    message.headers["Accept-Encoding"] = "identity"
    reply = forward(message)
    if is_page(message) and reply.body:
        reply.body = re.sub(rb'(<li class="card">\s*<a href=")[^"]+', rb"\1/books/1", reply.body)
    return reply


def other_headings(message: Message, forward: Forward) -> Reply:
    """Put another heading on every page."""
    message.headers["Accept-Encoding"] = "identity"
    reply = forward(message)
    if is_page(message) and reply.body:
        reply.body = re.sub(rb"(<h1[^>]*>)[^<]+", rb"\1Something else", reply.body)
    return reply


def refuses(message: Message, forward: Forward) -> Reply:
    """Refuse every checkout, with a sentence."""
    if message.method == "POST" and message.target == "/checkout":
        message.headers["Accept-Encoding"] = "identity"
        message.body = message.body.replace(b"carrier=", b"carrier=none")
    return forward(message)


LIARS: dict[str, tuple[Lie, str, str]] = {
    "cuts": (cuts, "requests that failed", "the answer is cut short"),
    "cuts, says it is all": (cuts_plain, "requests that failed", "a page cut short"),
    "mislabels": (mislabels, "requests that failed", "the content is not br"),
    "drops": (drops, "requests that failed", "the connection ended without an answer"),
    "doubles": (doubles_with_a_new_key, "requests that failed", "in the basket, not"),
    "invents": (invents, "orders, payments, accounts or books lost", "does not exist"),
    "swaps": (Swaps(), "requests that failed", "a basket of"),
    "delays": (delays, "p99 from the intended start", ""),
    "one book": (one_book, "requests that failed", "two books under one link"),
    "headings": (other_headings, "requests that failed", "another title than the link named"),
    "refuses": (refuses, "orders confirmed to buyers", ""),
}


# Each takes a quarter of a minute: the others are named at night.
ALWAYS = {"cuts", "drops", "invents", "refuses"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in ALWAYS else [pytest.mark.nightly]) for name in LIARS],
)
def test_a_liar_is_named(
    name: str, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lie, row, reason = LIARS[name]
    with lying_proxy(shop, lie) as between:
        assert_named(between, tmp_path, row, reason, capsys)


def test_who_only_passes_on_is_no_liar(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lying_proxy(shop, lambda message, forward: forward(message)) as between:
        assert_it_is_no_liar(between, tmp_path, capsys)


def doubles(message: Message, forward: Forward) -> Reply:
    """Send forms twice, as a proxy does that tries again."""
    if message.method == "POST":
        forward(Message(message.method, message.target, dict(message.headers), message.body))
    return forward(message)


@pytest.mark.nightly
def test_a_shop_that_is_idempotent_bears_to_be_told_twice(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lying_proxy(shop, doubles) as between:
        assert_it_is_no_liar(between, tmp_path, capsys)


NO_STOCK_GUARD = """
UPDATE books SET copies_total = 1, stock = 1;
CREATE TRIGGER endless AFTER UPDATE OF stock ON books WHEN NEW.stock < OLD.stock
BEGIN UPDATE books SET stock = OLD.stock WHERE id = NEW.id; END;
"""
NO_IDEMPOTENCY = "".join(
    f"CREATE TRIGGER forget_{table} AFTER UPDATE OF status ON {table}"
    f" BEGIN DELETE FROM {table}; END;"
    for table in ("accounts_idempotency", "catalogue_idempotency", "orders_idempotency")
)
ROLL_BACK = """
UPDATE payment_intents SET state = 'requires_payment_method' WHERE state = 'succeeded';
UPDATE orders SET state = 'placed', paid_at = NULL, confirmed_at = NULL WHERE state = 'paid';
"""
FORGET = """
CREATE TEMP TABLE gone AS SELECT max(id) AS id FROM orders WHERE state IN ('placed', 'paid');
DELETE FROM order_lines WHERE order_id IN (SELECT id FROM gone);
DELETE FROM shipments WHERE order_id IN (SELECT id FROM gone);
DELETE FROM payment_intents WHERE order_id IN (SELECT id FROM gone);
DELETE FROM orders WHERE id IN (SELECT id FROM gone);
"""


@pytest.mark.parametrize(
    ("before", "after", "between", "row", "reason"),
    [
        pytest.param(
            *(NO_STOCK_GUARD, "", None, "copies sold twice", "held of 1"),
            marks=[pytest.mark.nightly],
        ),
        pytest.param(
            *(NO_IDEMPOTENCY, "", doubles, "requests that failed", "in the basket, not"),
            marks=[pytest.mark.nightly],
        ),
        pytest.param(
            *("", ROLL_BACK, None, "orders, payments, accounts or books lost"),
            "shown as paid; it is",
            marks=[pytest.mark.nightly],
        ),
        ("", FORGET, None, "orders, payments, accounts or books lost", "and does not exist"),
    ],
    ids=["no stock guard", "no idempotency", "rolls back after the answer", "forgets an order"],
)
def test_a_broken_shop_is_named(
    before: str, after: str, between: Lie | None, row: str, reason: str,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    honest: Lie = lambda message, forward: forward(message)  # noqa: E731 - the one that lies not
    with running_shop(tmp_path) as shop, lying_proxy(shop, between or honest) as proxy:
        over = threading.Event()

        def keep_breaking() -> None:
            while after and not over.wait(2):
                shop.execute(after)

        if before:
            shop.execute(before)
        breaking = threading.Thread(target=keep_breaking)
        breaking.start()
        try:
            assert_named(proxy, tmp_path, row, reason, capsys)
        finally:
            over.set()
            breaking.join()
