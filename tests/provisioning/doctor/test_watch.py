"""What the doctor tells by itself, to whom, and how often."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from provisioning.cluster import Cluster
from provisioning.doctor.alert import Alert
from provisioning.doctor.findings import Finding
from provisioning.doctor.watch import Watch
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory
from provisioning.inventory import load as load_inventory
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.provisioning.factories import inventory
from tests.support.smtp import post_office

FULL = Finding("worker1", "only 0.4 GiB are free on /", "Free some.")
FULLER = Finding("worker1", "only 0.3 GiB are free on /", "Free some.")
CLOCK = Finding("worker2", "its clock is 3600.1 s ahead of the others", "Install chrony there.")
HINT = Finding("swarm", "there is one manager", "Make it three.", bad=False)
BLIND = Finding("worker3", "it could not be examined", "", bad=False, unknown=True)


class Post:
    """Keeps what it is told, and refuses while it is shut."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.shut = False

    def send(self, subject: str, text: str) -> None:
        if self.shut:
            raise OperatorError("The webhook cannot be reached.")
        self.told.append(f"{subject}\n{text}")


def watching(*looks: list[Finding]) -> tuple[Watch, Post, list[str]]:
    """Return a watch that sees these things, one look after the other, and the last for ever."""
    left = list(looks)
    said: list[str] = []
    post = Post()
    return (
        Watch(lambda: left.pop(0) if len(left) > 1 else left[0], post.send, said.append),
        post,
        said,
    )


def test_what_is_new_and_lasts_is_told_once_and_so_is_its_end() -> None:
    watch, post, _ = watching([], [FULL, HINT], [FULLER, HINT], [FULLER], [FULLER], [], [])
    for _ in range(6):
        watch.round()
    assert len(post.told) == 2
    assert "worker1: only 0.3 GiB are free on /\n   -> Free some." in post.told[0]
    assert "one manager" not in post.told[0]
    assert post.told[1].startswith("All is well again")
    assert "only 0.3 GiB" in post.told[1]


def test_what_comes_and_goes_is_not_told() -> None:
    watch, post, _ = watching([FULL], [], [CLOCK], [FULL], [])
    for _ in range(5):
        watch.round()
    assert post.told == []


def test_what_cannot_be_examined_is_told_too() -> None:
    watch, post, _ = watching([BLIND])
    watch.round()
    watch.round()
    assert "worker3: it could not be examined" in post.told[0]


def test_an_alert_that_did_not_arrive_is_sent_again() -> None:
    watch, post, said = watching([CLOCK])
    post.shut = True
    for _ in range(3):
        watch.round()
    assert [line for line in said if "webhook" in line] == ["The webhook cannot be reached."]
    post.shut = False
    watch.round()
    watch.round()
    assert len(post.told) == 1


def test_a_look_that_fails_is_told_as_well() -> None:
    def fail() -> list[Finding]:
        raise OperatorError("No manager can be asked:\n  manager1: no answer")

    post = Post()
    watch = Watch(fail, post.send, lambda text: None)
    watch.round()
    watch.round()
    assert "No manager can be asked" in post.told[0]


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Run a webhook; give its address and what it was sent."""
    got: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server asks for
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks/s3cr3t-t0ken", got
        server.shutdown()


def cluster(made: Inventory) -> Cluster:
    return Cluster(made, Fleet([], Redactor()))


def alerting(folder: Path, **keys: Any) -> Inventory:
    """Return an inventory with [alert], and a mail server where it has mail."""
    made = inventory().model_dump(mode="json") | {
        "alert": keys,
        "settings": {"mail_from": "a@b.es"},
    }
    return Inventory.model_validate(made | {"secrets": {"smtp_url": str(folder / "smtp_url")}})


def test_a_webhook_gets_the_text(tmp_path: Path) -> None:
    file = tmp_path / "hook"
    with webhook() as (url, got):
        file.write_text(f"{url}\n")
        Alert(cluster(alerting(tmp_path, webhook_file=str(file)))).send("1 new", "worker1: full")
    assert got == [{"text": "bookstore: 1 new\nworker1: full"}]


@pytest.mark.parametrize("status", [404, 500, 302])
def test_a_webhook_that_refuses_is_a_sentence_without_its_secret(
    status: int, tmp_path: Path
) -> None:
    file = tmp_path / "hook"
    with webhook(status) as (url, _):
        file.write_text(url)
        told = cluster(alerting(tmp_path, webhook_file=str(file)))
        with pytest.raises(OperatorError, match=f"webhook .*{status}") as refused:
            Alert(told).send("1 new", "worker1: full")
    assert "s3cr3t" not in told.redact(str(refused.value))


def test_a_mail_is_sent_by_the_shops_mail_server(tmp_path: Path) -> None:
    with post_office() as office:
        (tmp_path / "smtp_url").write_text(office.url)
        told = cluster(alerting(tmp_path, mail_to="night@example.org"))
        Alert(told).send("1 new", "worker1: full")
        (mail,) = office.to("night@example.org")
        assert mail["Subject"] == "bookstore: 1 new"
        assert mail["From"] == "a@b.es"
        assert "worker1: full" in mail.get_content()
        office.refused["night@example.org"] = "550 nobody"
        with pytest.raises(
            OperatorError, match=r"mail to night@example.org was refused: 550 nobody"
        ):
            Alert(told).send("1 new", "worker1: full")


def test_an_alert_that_reaches_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"no \[alert\]"):
        Alert(cluster(inventory()))
    text = Path("provisioning/examples/ec2.toml").read_text()
    for table, said in (
        ("[alert]\n", "webhook_file, mail_to, or both"),
        ('[alert]\nmail_to = "night@example.org"\n', "smtp_url under .secrets."),
        ('[alert]\nmail_to = "nobody"\n', "is no e-mail address"),
    ):
        path = tmp_path / "cluster.toml"
        path.write_text(text.replace("[ssh]", f"{table}[ssh]", 1))
        with pytest.raises(OperatorError, match=said):
            load_inventory(path)
