"""Paying for an order: cards, 3-D Secure, hanging banks and webhooks."""

import asyncio
from typing import Any

import pytest

from bookstore.clock import MINUTE, SECOND
from bookstore.orders import payments
from bookstore.orders.payments import Event
from bookstore.orders.service import Orders
from bookstore.web.shop import Shop
from tests.orders.conftest import Clock
from tests.orders.support import CARD, HANGING, databases, on_sale, order, pay
from tests.support.reader import Page, Reader


async def intent_of(shop: Shop, address: str) -> str:
    return str(
        await databases(shop)["orders"].value(
            "SELECT id FROM payment_intents WHERE order_id = :id",
            {"id": int(address.rsplit("/", 1)[1])},
        )
    )


async def send(
    reader: Reader,
    orders: Orders,
    event: Event,
    *,
    now: int | None = None,
    key: bytes | None = None,
) -> Page:
    """Deliver a webhook as the gateway does."""
    body = payments.encode(event, now or orders.clock())
    signature = payments.sign(key or orders.payments.webhook_key, body, now or orders.clock())
    response = await reader._client.post(
        "/webhooks/payments", data=body, headers={"Stripe-Signature": signature}
    )
    text = await response.get_data(as_text=True)
    return Page(response.status_code, text, response.headers, "/webhooks/payments")


async def status(reader: Reader, address: str) -> str:
    return (await reader.get(address)).see(".badge")


async def test_a_card_pays_once(buyer: Reader, shop: Shop) -> None:
    address = await order(buyer, await on_sale(shop))
    form = (await buyer.get(f"{address}/pay")).form(f"{address}/pay")
    answers = await asyncio.gather(
        *(
            buyer.post(f"{address}/pay", {**form, "card_number": CARD, "idempotency_key": f"k{n}"})
            for n in range(4)
        )
    )
    assert {(answer.status, answer.location) for answer in answers} == {(303, address)}
    attempts = await databases(shop)["orders"].value("SELECT SUM(attempt) FROM payment_intents")
    assert int(attempts) == 1
    assert (await buyer.get(f"{address}/pay")).location == address


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("4000000000000002", "declined the card"),
        ("4000000000009995", "insufficient funds"),
        ("4000000000000069", "expired"),
        ("4000000000000127", "security code is incorrect"),
        ("4000000000000119", "error while processing"),
    ],
)
async def test_a_decline_says_why_and_can_be_tried_again(
    buyer: Reader, shop: Shop, card: str, sentence: str
) -> None:
    address = await order(buyer, await on_sale(shop))
    answer = await pay(buyer, address, card)
    assert answer.status == 422
    assert sentence in answer.see(".notice.error")
    assert await status(buyer, address) == "Waiting for payment"
    assert (await pay(buyer, address)).location == address
    assert await status(buyer, address) == "Paid"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"card_number": "4111111111111111"}, "real card"),
        ({"card_number": ""}, "required"),
        ({"card_number": "NaN"}, "real card"),
        ({"expiry": "01/20"}, "over"),
        ({"expiry": "13/40"}, "such as 12/30"),
        ({"expiry": ""}, "required"),
        ({"cvc": "x"}, "Invalid"),
    ],
)
async def test_other_cards_are_refused_and_not_repeated(
    buyer: Reader, shop: Shop, fields: dict[str, Any], word: str
) -> None:
    address = await order(buyer, await on_sale(shop))
    answer = await buyer.submit(f"{address}/pay", **{"card_number": CARD, **fields})
    assert answer.status == 422
    assert word in " ".join(answer.errors())
    assert answer.form(f"{address}/pay")["card_number"] == ""
    assert "4111111111111111" not in answer.text
    assert await status(buyer, address) == "Waiting for payment"


async def test_of_a_card_only_brand_and_last_digits_are_kept(
    buyer: Reader, shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    address = await order(buyer, await on_sale(shop))
    await pay(buyer, address, CARD)
    assert "Visa ···· 4242" in (await buyer.get(address)).text

    class Row(tuple[object, ...]):
        pass

    for table in ("payment_intents", "orders_idempotency", "orders"):
        rows = await databases(shop)["orders"].all(Row, f"SELECT * FROM {table}")
        assert CARD not in repr([tuple(row) for row in rows])
    assert CARD not in "".join(capfd.readouterr())


async def test_the_amount_is_the_order_s(buyer: Reader, shop: Shop) -> None:
    address = await order(buyer, await on_sale(shop, price=1000))
    await pay(buyer, address, CARD, amount="1", total="NaN", currency="JPY", state="succeeded")
    amount = await databases(shop)["orders"].value("SELECT amount FROM payment_intents")
    assert int(amount) == 1290


@pytest.mark.parametrize(
    ("card", "decision", "then"),
    [
        ("4000000000003220", "approve", "Paid"),
        ("4000000000003220", "refuse", "Waiting for payment"),
        ("4000008400001629", "approve", "Waiting for payment"),
    ],
)
async def test_three_d_secure(
    buyer: Reader, shop: Shop, card: str, decision: str, then: str
) -> None:
    address = await order(buyer, await on_sale(shop))
    bank = (await pay(buyer, address, card)).location or ""
    assert bank.startswith("/pay/3ds/")
    page = await buyer.get(bank)
    labels = [tag.get_text() for tag in page.soup.select(".choices button")]
    assert labels == ["Approve payment", "Refuse"]
    assert await status(buyer, address) == "Waiting for payment"
    answer = await buyer.submit(bank, decision=decision)
    assert answer.location == (address if then == "Paid" else f"{address}/pay")
    assert await status(buyer, address) == then
    if then != "Paid":
        assert (await buyer.get(f"{address}/pay")).see(".notice.error")
        assert (await pay(buyer, address)).location == address
    again = await buyer.post(bank, {**page.form(bank), "decision": "approve"})
    assert again.location == address


async def test_somebody_else_s_payment_does_not_exist(buyer: Reader, shop: Shop) -> None:
    address = await order(buyer, await on_sale(shop))
    form = (await buyer.get(f"{address}/pay")).form(f"{address}/pay")
    bank = (await pay(buyer, address, "4000000000003220")).location or ""
    thief = await Reader(shop).register("Thief")
    token = (await thief.get("/account")).form("/account")["csrf_token"]
    stolen = {**form, "csrf_token": token, "card_number": CARD, "decision": "approve"}
    for path in (f"{address}/pay", bank):
        assert (await thief.get(path)).status == 404
        assert (await thief.post(path, {**stolen, "idempotency_key": path})).status == 404
    assert await status(buyer, address) == "Waiting for payment"


async def test_a_hanging_bank_is_settled_by_a_later_webhook(
    buyer: Reader, shop: Shop, orders: Orders, clock: Clock
) -> None:
    address = await order(buyer, await on_sale(shop))
    assert (await pay(buyer, address, HANGING)).location == address
    assert await status(buyer, address) == "Payment in progress"
    assert (await buyer.get(f"{address}/pay")).location == address
    await orders.payments.deliver_webhooks()
    assert await status(buyer, address) == "Payment in progress"
    clock.pass_(21 * SECOND)
    await asyncio.gather(*(orders.payments.deliver_webhooks() for _replica in range(3)))
    assert await status(buyer, address) == "Paid"


async def test_money_that_comes_after_the_order_ran_out_goes_back(
    buyer: Reader, shop: Shop, orders: Orders, clock: Clock
) -> None:
    book = await on_sale(shop)
    address = await order(buyer, book)
    clock.pass_(15 * MINUTE - SECOND)
    await pay(buyer, address, HANGING)
    clock.pass_(2 * SECOND)
    await orders.saga.sweep()
    assert await status(buyer, address) == "Cancelled"
    clock.pass_(20 * SECOND)
    await orders.payments.deliver_webhooks()
    assert await status(buyer, address) == "Refunded"
    stock = await databases(shop)["catalogue"].value("SELECT stock FROM books")
    assert int(stock) == 1
    assert (await buyer.get("/orders")).see(".badge") == "Refunded"


async def test_an_order_whose_time_is_over_is_cancelled_wherever_it_is_shown(
    buyer: Reader, shop: Shop, orders: Orders, clock: Clock
) -> None:
    address = await order(buyer, await on_sale(shop))
    clock.pass_(15 * MINUTE + SECOND)
    assert await status(buyer, address) == "Cancelled"
    assert (await buyer.get("/orders")).see(".badge") == "Cancelled"
    await orders.saga.sweep()
    assert await status(buyer, address) == "Cancelled"
    assert (await buyer.get("/orders")).see(".badge") == "Cancelled"


@pytest.mark.parametrize("seconds_old", [301, -301])
async def test_an_old_or_early_webhook_is_refused(
    buyer: Reader, shop: Shop, orders: Orders, seconds_old: int
) -> None:
    address = await order(buyer, await on_sale(shop))
    event = Event("evt_1", "payment_intent.succeeded", await intent_of(shop, address), 0)
    answer = await send(buyer, orders, event, now=orders.clock() - seconds_old * SECOND)
    assert answer.status == 400
    assert "timestamp" in answer.text
    assert await status(buyer, address) == "Waiting for payment"


async def test_a_forged_webhook_is_refused(buyer: Reader, shop: Shop, orders: Orders) -> None:
    address = await order(buyer, await on_sale(shop))
    event = Event("evt_1", "payment_intent.succeeded", await intent_of(shop, address), 0)
    assert (await send(buyer, orders, event, key=b"guessed")).status == 400
    assert (await buyer.post("/webhooks/payments", {"a": "b"})).status == 400
    assert await status(buyer, address) == "Waiting for payment"


async def test_webhooks_that_come_twice_or_out_of_order_do_no_harm(
    buyer: Reader, shop: Shop, orders: Orders
) -> None:
    address = await order(buyer, await on_sale(shop))
    await pay(buyer, address, HANGING)
    intent = await intent_of(shop, address)
    paid = Event("evt_2", "payment_intent.succeeded", intent, 1)
    late = Event("evt_1", "payment_intent.payment_failed", intent, 1, "card_declined")
    for event in (paid, paid, late, paid, late, paid._replace(id="evt_3")):
        assert (await send(buyer, orders, event)).status == 200
        assert await status(buyer, address) == "Paid"
    refunds = await databases(shop)["orders"].value("SELECT COUNT(*) FROM refunds")
    assert int(refunds) == 0


async def test_a_replayed_event_id_changes_nothing(
    buyer: Reader, shop: Shop, orders: Orders
) -> None:
    address = await order(buyer, await on_sale(shop))
    await pay(buyer, address, HANGING)
    intent = await intent_of(shop, address)
    failed = Event("evt_1", "payment_intent.payment_failed", intent, 1, "card_declined")
    assert (await send(buyer, orders, failed)).status == 200
    await pay(buyer, address, HANGING)
    reused = failed._replace(type="payment_intent.succeeded", attempt=2)
    assert (await send(buyer, orders, reused)).status == 200
    assert await status(buyer, address) == "Payment in progress"


async def test_a_webhook_about_nothing_we_know_is_taken_quietly(
    buyer: Reader, orders: Orders
) -> None:
    event = Event("evt_1", "payment_intent.succeeded", "pi_unknown", 1)
    assert (await send(buyer, orders, event)).status == 200


async def test_a_huge_webhook_is_refused(buyer: Reader) -> None:
    response = await buyer._client.post("/webhooks/payments", data=b"x" * 70_000)
    assert response.status_code == 413
