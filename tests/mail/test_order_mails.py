"""The mails of an order, from the basket to the door."""

import pytest

from bookstore.clock import DAY, HOUR, MINUTE
from bookstore.mail.sweep import Sweep
from bookstore.web.shop import Shop
from tests.mail.conftest import Clock, link_in
from tests.orders.support import bought, on_sale, order, pay, person_id, ship
from tests.support.reader import Reader
from tests.support.smtp import PostOffice, text_of

BUYER, SELLER = "ana@example.org", "sela@example.org"


@pytest.fixture
async def buyer(shop: Shop) -> Reader:
    return await Reader(shop).register("Ana", BUYER)


@pytest.fixture
async def seller(shop: Shop, sweep: Sweep, office: PostOffice) -> Reader:
    seller = await Reader(shop).register("Sela", SELLER)
    await sweep.run()
    await seller.submit(link_in(office.to(SELLER)[0]))
    return seller


@pytest.fixture
async def book(shop: Shop, seller: Reader) -> int:
    return await on_sale(shop, seller_id=await person_id(shop, SELLER), title="Kim", price=450)


async def subjects(sweep: Sweep, office: PostOffice, address: str) -> list[str]:
    """Send what waits; return the subjects of the mails about orders to somebody, in order."""
    await sweep.run()
    return [
        mail["Subject"].split(": ", 1)[1]
        for mail in office.to(address)
        if ": " in mail["Subject"] and "rder" in mail["Subject"]
    ]


async def deliver(shop: Shop, clock: Clock) -> None:
    clock.moment += 7 * DAY
    await shop.extensions["bookstore.orders"].note_arrivals()


async def test_a_purchase_is_told_step_by_step(
    buyer: Reader, seller: Reader, book: int, shop: Shop, sweep: Sweep, office: PostOffice,
    clock: Clock,
) -> None:  # fmt: skip
    await bought(buyer, book)
    assert await subjects(sweep, office, BUYER) == ["waiting for your payment", "paid"]
    assert "please ship" in str(office.to(SELLER)[-1]["Subject"])
    await ship(seller, tracking_code="AB12345678")
    assert (await subjects(sweep, office, BUYER))[-1] == "on its way"
    assert "AB12345678" in text_of(office.to(BUYER)[-1])
    await deliver(shop, clock)
    assert (await subjects(sweep, office, BUYER))[-1] == "delivered"
    assert "arrived" in str(office.to(SELLER)[-1]["Subject"])


async def test_the_seller_reads_what_to_ship_where_and_by_when(
    buyer: Reader, seller: Reader, book: int, sweep: Sweep, office: PostOffice
) -> None:
    await bought(buyer, book)
    await sweep.run()
    text = text_of(office.to(SELLER)[-1])
    for part in ("1 × Kim", "Calle Mayor 1", "ship it by", "€4.50", "/sales"):
        assert part in text


async def test_the_mails_of_an_order_are_one_thread(
    buyer: Reader, book: int, sweep: Sweep, office: PostOffice
) -> None:
    await bought(buyer, book)
    await sweep.run()
    placed, paid = office.to(BUYER)[-2:]
    assert paid["In-Reply-To"] == placed["Message-ID"]
    assert placed["In-Reply-To"] is None


async def test_a_declined_card_is_told_with_the_way_on(
    buyer: Reader, book: int, sweep: Sweep, office: PostOffice
) -> None:
    address = await order(buyer, book)
    await pay(buyer, address, "4000000000000002")
    assert (await subjects(sweep, office, BUYER))[-1] == "the payment failed"
    assert f"{address}/pay" in text_of(office.to(BUYER)[-1])


async def test_a_cancelled_order_is_told_to_both_sides_and_refunded(
    buyer: Reader, seller: Reader, book: int, sweep: Sweep, office: PostOffice
) -> None:
    address = await bought(buyer, book)
    await buyer.submit(address, f"{address}/cancel")
    told = await subjects(sweep, office, BUYER)
    assert told[-2:] in (["cancelled", "refunded"], ["refunded", "cancelled"])
    assert "do not ship" in str(office.to(SELLER)[-1]["Subject"])


async def test_a_seller_does_not_hear_of_an_order_that_was_never_paid(
    buyer: Reader, seller: Reader, book: int, shop: Shop, sweep: Sweep, office: PostOffice,
    clock: Clock,
) -> None:  # fmt: skip
    await order(buyer, book)
    before = len(office.to(SELLER))
    clock.moment += HOUR
    await shop.extensions["bookstore.orders"].saga.sweep()
    assert (await subjects(sweep, office, BUYER))[-1] == "cancelled"
    assert "Nothing was charged" in " ".join(text_of(office.to(BUYER)[-1]).split())
    assert len(office.to(SELLER)) == before


async def test_what_may_be_stopped_is_stopped_and_the_rest_goes_on(
    buyer: Reader, seller: Reader, book: int, sweep: Sweep, office: PostOffice
) -> None:
    form = (await buyer.get("/account")).form("/account/mails")
    form.pop("progress")
    assert (await buyer.post("/account/mails", form)).status == 303
    await bought(buyer, book)
    await ship(seller)
    assert (await subjects(sweep, office, BUYER))[-1] == "paid"


async def test_a_mail_that_may_be_stopped_says_how(
    buyer: Reader, seller: Reader, book: int, sweep: Sweep, office: PostOffice
) -> None:
    await bought(buyer, book)
    await ship(seller)
    await sweep.run()
    paid, shipped = office.to(BUYER)[-2:]
    assert paid["List-Unsubscribe"] is None
    assert "/account/unsubscribe/" in str(shipped["List-Unsubscribe"])
    assert shipped["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_a_crash_between_paid_and_sent_loses_no_mail(
    buyer: Reader, book: int, shop: Shop, sweep: Sweep, office: PostOffice, clock: Clock
) -> None:
    """The process dies with the mail claimed and not sent: another one sends it."""
    await bought(buyer, book)
    outbox = shop.extensions["bookstore.orders"].mails._outbox
    database = shop.extensions["bookstore.databases"]["orders"]
    for letter in await outbox.due(database, 10):
        await outbox.claim(database, letter)
    await sweep.run()
    assert [m for m in office.to(BUYER) if "paid" in m["Subject"]] == []
    clock.moment += 3 * MINUTE
    await sweep.run()
    assert len([m for m in office.to(BUYER) if m["Subject"].endswith(": paid")]) == 1


async def test_a_parcel_called_off_by_its_seller_is_told_to_the_buyer(
    buyer: Reader, seller: Reader, book: int, shop: Shop, sweep: Sweep, office: PostOffice
) -> None:
    other = await on_sale(shop, seller_id=4711, seller_name="Tomás", title="Emma", price=900)
    await bought(buyer, book, other)
    page = await seller.get("/sales")
    form = page.soup.select_one("form[action$='/cancel']")
    assert form is not None
    await seller.submit("/sales", str(form["action"]))
    told = (await subjects(sweep, office, BUYER))[-2:]
    assert told == ["a parcel was cancelled", "refunded"]
    first, second = office.to(BUYER)[-2:]
    for mail in (first, second):
        assert "€7.40" in text_of(mail)  # 4.50 and its postage
    assert "1 × Kim" in text_of(first)
    assert "Emma" not in text_of(first)
    assert "has cancelled this parcel" in text_of(first)
