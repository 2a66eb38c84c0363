"""One machine without a swarm, by the commands of its guide: docs/one-machine.md."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from provisioning.errors import OperatorError
from provisioning.rehearsal import images, lifecycle, machine
from provisioning.rehearsal.layout import MACHINE
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.rehearsal.load import Load
from tests.rehearsal.operator import BROKEN, make_release, on, ops

pytestmark = [pytest.mark.rehearsal, pytest.mark.nightly, pytest.mark.timeout(900)]
EXAMPLE = "registry.example.org/bookstore:1.1"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """The machine, from a bare host by one command, and the operator's way to it."""
    lifecycle.down()
    done = ops("rehearse", "--machine", timeout=900)
    assert done.status == 0, done.text
    with Fleet((), Redactor()) as made:
        yield made
    lifecycle.down()


def readers() -> Load:
    """Readers who come straight to the machine: there is no load balancer."""
    return Load(address=MACHINE.address)


def image_of(copy: str) -> str:
    """Return the image that a copy of the shop runs."""
    found = f"docker ps --quiet --filter label=com.docker.compose.service={copy}"
    return on(MACHINE.name, f"docker inspect --format '{{{{.Config.Image}}}}' $({found})").strip()


def test_readers_get_pages_with_a_valid_certificate(fleet: Fleet) -> None:
    assert machine.trouble() == ""
    with readers() as load:
        time.sleep(2)
    assert load.outcomes
    assert not load.failures


def test_a_release_under_readers_fails_no_request(fleet: Fleet) -> None:
    release = make_release("next")
    with readers() as load:
        machine.follow(fleet, "deploy", **{EXAMPLE: release})
        time.sleep(3)
    print(load.summary())
    assert {image_of("shop1"), image_of("shop2")} == {release}
    assert not load.failures


def test_a_release_that_never_answers_is_taken_back_and_no_request_fails(fleet: Fleet) -> None:
    before = image_of("shop1")
    broken = images.build("bookstore:broken", BROKEN)
    with readers() as load, pytest.raises(OperatorError, match="runs on"):
        machine.follow(fleet, "deploy", **{EXAMPLE: broken})
    print(load.summary())
    assert {image_of("shop1"), image_of("shop2")} == {before}
    assert not load.failures


def test_all_is_back_after_a_power_cut(fleet: Fleet) -> None:
    lifecycle.crash(MACHINE.name)
    lifecycle.boot(MACHINE.name)
    machine.wait_for_readers()


def test_a_lost_disk_is_restored_from_the_backup(fleet: Fleet) -> None:
    script = "cd /home/admin/swarm && docker compose -f compose.https.yml exec -T database bash -c"
    query = "'MYSQL_PWD=$MYSQL_PASSWORD mysql -u bookstore -Ne \"{}\" bookstore'"

    def ask(statement: str) -> str:
        return on(MACHINE.name, f"{script} {query.format(statement)}").strip()

    ask("CREATE TABLE proof (number INT); INSERT INTO proof VALUES (7)")
    on(MACHINE.name, "echo picture > /var/lib/docker/volumes/bookstore_media/_data/cover")
    machine.follow(fleet, "backup")
    lifecycle.replace(MACHINE.name)
    fleet.forget(machine.endpoint())
    machine.copy_files(fleet)
    machine.follow(fleet, "packages")
    machine.follow(fleet, "restore")
    machine.wait_for_readers()
    assert ask("SELECT number FROM proof") == "7"
    assert (
        on(MACHINE.name, "cat /var/lib/docker/volumes/bookstore_media/_data/cover") == "picture\n"
    )
    with pytest.raises(OperatorError, match="only an empty one"):
        machine.follow(fleet, "restore")
