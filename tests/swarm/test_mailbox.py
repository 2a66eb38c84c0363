"""The mailbox of compose and the rehearsal: mails of the shop come in, pages go out."""

import re
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from bookstore.mail.transport import NotNow, transport_for
from provisioning.rehearsal import cloud
from provisioning.rehearsal.layout import MAIL, SERVICES
from swarm import mailbox

ROOT = Path(__file__).parents[2]


@pytest.fixture
def servers() -> Iterator[tuple[str, str]]:
    """The address of the server for mails, and that of its pages."""
    box = mailbox.Mailbox()
    started = [make(box, ("127.0.0.1", 0)) for make in (mailbox.smtp_server, mailbox.page_server)]
    for server in started:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    smtp, page = (server.server_address[1] for server in started)
    yield f"smtp://127.0.0.1:{smtp}", f"http://127.0.0.1:{page}"
    for server in started:
        server.shutdown()
        server.server_close()


def letter(subject: str, text: str, to: str = "ana@example.org") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["To"], message["From"] = subject, to, "shop@example.org"
    message.set_content(text)
    message.add_alternative(f"<h1>{subject}</h1><script>alert(1)</script>", subtype="html")
    return message


def look(address: str) -> tuple[str, str]:
    """Return a page and the rules that it came with."""
    answer = httpx.get(address)
    answer.raise_for_status()
    return answer.text, answer.headers["Content-Security-Policy"]


async def test_what_the_shop_sends_can_be_looked_into(servers: tuple[str, str]) -> None:
    smtp, page = servers
    assert "No mail yet" in look(page + "/")[0]
    async with transport_for(smtp) as transport:
        await transport.deliver(letter("Old", "first"))
        await transport.deliver(
            letter(
                "Tu <pedido> salió",
                "Mira:\n\n.a dot\n..two\nhttps://shop.test/orders/7?a=1&b=2\n",
                "josé@example.org",
            )
        )
    listed, _rules = look(page + "/")
    assert re.findall(r'href="(/\d+)">([^<]*)<', listed) == [
        ("/2", "Tu &lt;pedido&gt; salió"),
        ("/1", "Old"),
    ]
    assert "josé@example.org" in listed
    shown, _rules = look(page + "/2")
    assert "\n.a dot\n..two\n" in shown
    assert '<a href="https://shop.test/orders/7?a=1&amp;b=2">' in shown
    as_html, rules = look(page + "/2/html")
    assert "<h1>Tu <pedido> salió</h1>" in as_html
    assert "default-src 'none'" in rules
    assert "sandbox" in rules
    assert "allow-scripts" not in rules


@pytest.mark.parametrize("path", ["/3", "/0", "/x", "/1/pdf", "/../etc/passwd", "/99999999999"])
def test_what_is_not_there_is_said_so(servers: tuple[str, str], path: str) -> None:
    assert httpx.get(servers[1] + path).status_code == 404


async def test_old_mails_make_room(
    servers: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp, page = servers
    async with transport_for(smtp) as transport:
        for number in range(mailbox.KEPT + 2):
            await transport.deliver(letter(f"Mail {number}", "text"))
        with monkeypatch.context() as patched:
            patched.setattr(mailbox, "LARGEST", 100)
            with pytest.raises(NotNow, match="552"):
                await transport.deliver(letter("Large", "text"))
        await transport.deliver(letter("Last", "text"))
    listed = re.findall(r">(Mail \d+|Large|Last)<", look(page + "/")[0])
    assert listed == ["Last", *(f"Mail {n}" for n in range(mailbox.KEPT + 1, 2, -1))]


def test_compose_sends_to_the_mailbox_and_shows_it() -> None:
    services = yaml.safe_load((ROOT / "swarm/compose.yml").read_text())["services"]
    sent = urlsplit(services["shop"]["environment"]["BOOKSTORE_SMTP_URL"])
    box = services[sent.hostname]
    assert box["entrypoint"] == ["python", "-m", "swarm.mailbox"]
    smtp, page = mailbox.options(box["command"])
    assert smtp == ("0.0.0.0", sent.port)
    assert box["ports"] == [f"127.0.0.1:{page[1]}:{page[1]}"]
    assert "swarm/mailbox.py" in (ROOT / "Dockerfile").read_text()


def test_the_rehearsal_has_one_where_hosts_and_operator_reach_it() -> None:
    commands = {name: command for name, command, _environment in cloud.units()}
    program, *arguments = commands["mailbox"].removeprefix("python3 ").split()
    assert program == "/etc/rehearsal/mailbox.py"
    assert mailbox.options(arguments) == ((SERVICES[MAIL], 25), (SERVICES[MAIL], 80))
    assert f"host-record={MAIL},{SERVICES[MAIL]}" in cloud.resolver_config()
