"""What people do about the safety of their accounts stands in the log and in the metrics, and no
secret of theirs does."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from bookstore.clock import MINUTE
from bookstore.mail.sweep import Sweep
from bookstore.web.security import Event
from bookstore.web.shop import Shop
from tests.accounts.test_passkeys import answer, challenge_of
from tests.accounts.test_second_step import ANA, Phone, first_step
from tests.mail.conftest import Clock, link_in
from tests.mail.conftest import clock as clock
from tests.mail.conftest import office as office
from tests.mail.conftest import settings as settings
from tests.mail.conftest import shop as shop
from tests.mail.conftest import sweep as sweep
from tests.orders.support import databases, person_id
from tests.support.reader import PASSWORD, Reader
from tests.support.smtp import PostOffice

NEW_PASSWORD = "another quiet lantern"
NEW_ADDRESS = "ana@elsewhere.example"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is written down does not depend on the engine."""
    return sqlite_url


class Scene:
    """Ana, who is signed in, her mail and her phone, and what must not be written down."""

    def __init__(self, shop: Shop, ana: Reader, sweep: Sweep, office: PostOffice, clock: Clock):
        self.shop, self.ana, self.clock = shop, ana, clock
        self._sweep, self._office = sweep, office
        self.secrets = [PASSWORD, NEW_PASSWORD, ANA, NEW_ADDRESS]
        self.phone: Phone | None = None

    def stranger(self) -> Reader:
        return Reader(self.shop)

    async def link(self, subject: str, to: str = ANA) -> str:
        """Return the link of the newest mail to an address with a subject."""
        await self._sweep.run()
        mails = [mail for mail in self._office.to(to) if subject in mail["Subject"]]
        link = link_in(mails[-1])
        self.secrets.append(link.rpartition("/")[2])
        return link

    async def switch_on(self) -> None:
        page = await self.ana.get("/account/second-step")
        self.phone = Phone(page.see("code"), self.clock)
        self.secrets += [page.see("code"), self.phone.code()]
        done = await self.ana.submit("/account/second-step", code=self.phone.code())
        self.phone.paper = [code.get_text() for code in done.soup.select("li code")]
        self.secrets += self.phone.paper
        self.clock.moment += MINUTE

    async def code(self, code: str) -> None:
        reader, address = await first_step(self.shop)
        self.secrets += [code, address.rpartition("/")[2]]
        await reader.submit(address, code=code)


async def step_on(scene: Scene) -> None:
    await scene.switch_on()


async def step_off(scene: Scene) -> None:
    await scene.switch_on()
    await scene.ana.submit("/account/second-step", "/account/second-step/off", current=PASSWORD)


async def wrong_code(scene: Scene) -> None:
    await scene.switch_on()
    await scene.code("000000")


async def recovery_code(scene: Scene) -> None:
    await scene.switch_on()
    assert scene.phone
    await scene.code(scene.phone.paper[0])


async def passkey_refused(scene: Scene) -> None:
    reader = scene.stranger()
    form = (await reader.get("/login")).form("/login/passkey")
    credential = answer(await challenge_of(reader))
    await reader.post("/login/passkey", {**form, "credential": credential})


async def passkey_removed(scene: Scene) -> None:
    await databases(scene.shop)["accounts"].execute(
        "INSERT INTO passkeys (id, person_id, credential_hash, credential_id, public_key,"
        " sign_count, name, created_at) VALUES (7, :person, 'h', 'AAAA', 'AAAA', 0, 'Phone', 0)",
        {"person": await person_id(scene.shop, ANA)},
    )
    await scene.ana.submit("/account/passkeys", "/account/passkeys/7/remove")


async def reset_asked(scene: Scene) -> None:
    await scene.stranger().submit("/login/forgot", email=ANA)


async def reset(scene: Scene) -> None:
    await reset_asked(scene)
    link = await scene.link("Set a new password")
    await scene.stranger().submit(link, password=NEW_PASSWORD)


async def link_used_twice(scene: Scene) -> None:
    await reset(scene)
    await scene.stranger().get(await scene.link("Set a new password"))


async def change_asked(scene: Scene) -> None:
    await scene.ana.submit("/account", "/account/email", email=NEW_ADDRESS, current=PASSWORD)


async def changed(scene: Scene) -> None:
    await change_asked(scene)
    for address in (ANA, NEW_ADDRESS):
        await scene.ana.submit(await scene.link("", address))


async def data_taken(scene: Scene) -> None:
    await scene.ana.get("/account/data")


async def deleted(scene: Scene) -> None:
    await scene.ana.submit("/account/delete", current=PASSWORD)


@pytest.mark.parametrize(
    ("act", "event", "level"),
    [
        (step_on, Event.SECOND_STEP_CHANGED, "info"),
        (step_off, Event.SECOND_STEP_CHANGED, "info"),
        (wrong_code, Event.SECOND_STEP_FAILED, "warning"),
        (recovery_code, Event.RECOVERY_CODE_USED, "info"),
        (passkey_refused, Event.PASSKEY_REFUSED, "warning"),
        (passkey_removed, Event.PASSKEYS_CHANGED, "info"),
        (reset_asked, Event.RESET_ASKED, "info"),
        (reset, Event.PASSWORD_RESET, "info"),
        (link_used_twice, Event.LINK_REFUSED, "info"),
        (change_asked, Event.ADDRESS_CHANGE_ASKED, "info"),
        (changed, Event.ADDRESS_CHANGED, "info"),
        (data_taken, Event.DATA_TAKEN, "info"),
        (deleted, Event.ACCOUNT_DELETED, "info"),
    ],
)
async def test_it_is_written_down(
    shop: Shop,
    sweep: Sweep,
    office: PostOffice,
    clock: Clock,
    act: Callable[[Scene], Awaitable[None]],
    event: Event,
    level: str,
) -> None:
    scene = Scene(shop, await Reader(shop).register("Ana", ANA), sweep, office, clock)
    before = await counted(scene, event)
    with capture_logs() as logs:
        await act(scene)
    lines = [line for line in logs if line.get("kind") == "security"]
    assert (event.value, level) in [(line["event"], line["log_level"]) for line in lines]
    assert await counted(scene, event) > before
    written = json.dumps(lines)
    assert [secret for secret in scene.secrets if secret in written] == []


async def counted(scene: Scene, event: Event) -> float:
    """Return how often an event happened by what the metrics say."""
    name = f'bookstore_security_events_total{{event="{event.value}"}} '
    lines: list[Any] = (await scene.stranger().get("/metrics")).text.splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))
