"""Mails are written with what causes them and sent once, whatever goes wrong on the way."""

import asyncio
from email.message import EmailMessage
from pathlib import Path

import pytest

from bookstore.app import create_app
from bookstore.clock import DAY, HOUR, MINUTE
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.mail.outbox import Outbox
from bookstore.mail.sweep import Sweep
from bookstore.mail.transport import NotNow, SmtpTransport
from bookstore.settings import Settings
from bookstore.web.shop import Shop
from tests.mail.conftest import Clock
from tests.support.reader import Reader
from tests.support.smtp import PostOffice, text_of

ANA = "ana@example.org"


@pytest.fixture
async def ana(reader: Reader) -> Reader:
    return await reader.register("Ana", ANA)


@pytest.fixture
def outbox(shop: Shop) -> Outbox:
    accounts_outbox: Outbox = shop.extensions["bookstore.accounts"].outbox
    return accounts_outbox


@pytest.fixture
def accounts_database(shop: Shop) -> Database:
    database: Database = shop.extensions["bookstore.databases"]["accounts"]
    return database


async def notice(
    outbox: Outbox, database: Database, key: str, kind: str = "password_changed"
) -> None:
    """Write a mail to Ana down."""
    person = await database.value("SELECT id FROM people")
    await outbox.add_alone(database, kind, person, key=key, values={"at": 1_800_000_000_000})


async def waiting(database: Database) -> int:
    return int(
        await database.value("SELECT COUNT(*) FROM accounts_outbox WHERE due_at IS NOT NULL")
    )


async def test_a_mail_is_sent_once(ana: Reader, sweep: Sweep, office: PostOffice) -> None:
    await sweep.run()
    await sweep.run()
    assert len(office.to(ANA)) == 1


async def test_two_replicas_send_a_mail_once(
    ana: Reader, shop: Shop, settings: Settings, clock: Clock, office: PostOffice,
    outbox: Outbox, accounts_database: Database,
) -> None:  # fmt: skip
    for number in range(10):
        await notice(outbox, accounts_database, f"notice-{number}")
    other = create_app(settings, clock=clock)
    async with other.test_app():
        sweeps = [app.extensions["bookstore.mail"].run() for app in (shop, other, shop, other)]
        await asyncio.gather(*sweeps)
    identities = [mail["Message-ID"] for mail in office.mails]
    assert len(identities) == len(set(identities)) == 11


async def test_a_mail_is_written_only_with_what_causes_it(
    ana: Reader, outbox: Outbox, accounts_database: Database
) -> None:
    before = await waiting(accounts_database)

    async def dies(queries: Queries) -> None:
        await outbox.add(queries, "password_changed", 1, key="never", values={"at": 1})
        raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        await accounts_database.in_transaction(dies)
    assert await waiting(accounts_database) == before


async def test_a_sender_that_died_is_followed_by_another(
    ana: Reader, sweep: Sweep, office: PostOffice, clock: Clock,
    outbox: Outbox, accounts_database: Database,
) -> None:  # fmt: skip
    (letter,) = await outbox.due(accounts_database, 10)
    assert await outbox.claim(accounts_database, letter)  # and then its process is killed
    await sweep.run()
    assert office.mails == []
    clock.moment += 3 * MINUTE
    await sweep.run()
    assert len(office.to(ANA)) == 1


async def test_a_server_that_is_away_for_an_hour_loses_nothing(
    ana: Reader, sweep: Sweep, office: PostOffice, clock: Clock, accounts_database: Database
) -> None:
    office.close()
    for _round in range(12):
        await sweep.run()
        clock.moment += 5 * MINUTE
    assert await waiting(accounts_database) == 1
    office.open()
    clock.moment += 2 * HOUR
    await sweep.run()
    assert len(office.to(ANA)) == 1


async def test_pauses_grow(
    ana: Reader, sweep: Sweep, office: PostOffice, clock: Clock, accounts_database: Database
) -> None:
    office.answer = "451 later"
    pauses = []
    for _round in range(4):
        await sweep.run()
        due = await accounts_database.value("SELECT due_at FROM accounts_outbox")
        pauses.append(due - clock.moment)
        clock.moment = due
    assert pauses == sorted(set(pauses))


async def test_a_mail_is_given_up_after_two_days(
    ana: Reader, sweep: Sweep, office: PostOffice, clock: Clock, accounts_database: Database
) -> None:
    office.answer = "451 later"
    for _round in range(30):
        await sweep.run()
        clock.moment += 2 * HOUR
    assert await waiting(accounts_database) == 0
    office.answer = "250 OK"
    await sweep.run()
    assert office.mails == []


async def test_an_address_that_takes_no_mail_is_shown_to_its_owner(
    ana: Reader, sweep: Sweep, office: PostOffice
) -> None:
    office.refused[ANA] = "550 5.1.1 no such mailbox"
    await sweep.run()
    page = await ana.get("/account")
    assert "come back" in page.see(".notice.error")


async def test_a_mail_that_cannot_be_written_stops_no_other(
    ana: Reader, sweep: Sweep, office: PostOffice, outbox: Outbox, accounts_database: Database
) -> None:
    await notice(outbox, accounts_database, "broken", "no_such_kind")
    await notice(outbox, accounts_database, "fine")
    await sweep.run()
    assert [mail["Subject"] for mail in office.to(ANA)] == [
        "Confirm your e-mail address",
        "Your password was changed",
    ]
    assert await waiting(accounts_database) == 1


@pytest.mark.parametrize("name", ["Ana\nBcc: all@example.org", "Ana\r\nX-Evil: 1", 'A"na <b@c.d>'])
async def test_a_name_adds_no_header(
    ana: Reader, sweep: Sweep, office: PostOffice, accounts_database: Database, name: str
) -> None:
    await accounts_database.execute("UPDATE people SET name = :name", {"name": name})
    await sweep.run()
    (mail,) = office.mails
    assert {"Bcc", "X-Evil"}.isdisjoint(mail.keys())
    assert [address.addr_spec for address in mail["To"].addresses] == [ANA]


async def test_a_mail_is_in_the_language_of_its_reader(
    reader: Reader, sweep: Sweep, office: PostOffice
) -> None:
    found = (await reader.get("/register?lang=es")).form("/register")
    await reader.post(
        "/register",
        {**found, "name": "Ana", "email": ANA, "password": "seven quiet lanterns"},
        Accept_Language="es",
    )
    await sweep.run()
    (mail,) = office.mails
    assert mail["Subject"] == "Confirme su correo electrónico"
    assert text_of(mail).startswith("Hola, Ana:")


async def test_text_and_html_say_the_same(ana: Reader, sweep: Sweep, office: PostOffice) -> None:
    await sweep.run()
    (mail,) = office.mails
    html = mail.get_body(("html",))
    assert html is not None
    assert "/account/links/" in html.get_content()
    assert "/account/links/" in text_of(mail)
    assert "<" not in text_of(mail)


async def test_what_was_sent_is_forgotten_after_a_month(
    ana: Reader, sweep: Sweep, clock: Clock, accounts_database: Database
) -> None:
    await sweep.run()
    clock.moment += 31 * DAY
    await sweep.forget_old()
    assert await accounts_database.value("SELECT COUNT(*) FROM accounts_outbox") == 0


async def test_mails_go_into_a_folder_too(
    database_url: str, tmp_path: Path, settings: Settings, clock: Clock
) -> None:
    folder = tmp_path / "mails"
    by_folder = settings.model_copy(
        update={"smtp_url": type(settings.database_url)(f"file:{folder}")}
    )
    app = create_app(by_folder, clock=clock)
    async with app.test_app():
        await Reader(app).register("Ana", ANA)
        await app.extensions["bookstore.mail"].run()
    (path,) = folder.glob("*.eml")
    assert b"Confirm your e-mail address" in path.read_bytes()


async def test_no_server_is_a_reason_to_wait(office: PostOffice) -> None:
    office.close()
    with pytest.raises(NotNow, match=r"127\.0\.0\.1"):
        async with SmtpTransport(office.url) as transport:
            await transport.deliver(EmailMessage())
