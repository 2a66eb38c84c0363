"""Rendering, comparing, judging and remembering releases. All pure."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.care.rebalance import moves, uneven
from provisioning.errors import OperatorError
from provisioning.release import migration
from provisioning.release.differences import Change, compare, of_stack
from provisioning.release.gate import failures, judge
from provisioning.release.history import Release, find, garbage
from provisioning.release.images import explain, pinned
from provisioning.release.migration import command
from provisioning.release.stacks import Stack, dump, keep_scale, pin, render, variables
from provisioning.ssh.redaction import Redactor

from .factories import inventory, service, task

SINCE = "2026-01-01T09:00:00"
APP = """
services:
  web:
    image: ${IMAGE}
    command: [serve, "--price=$$5"]
    environment: {ORIGIN: "${PUBLIC_ORIGIN}", LEVEL: "${LEVEL:-info}"}
    secrets: [{source: database_url, target: database_url}]
    networks: [public]
    deploy: {replicas: "${REPLICAS}", labels: {bookstore.scale: live, bookstore.migrate: "true"}}
networks: {public: {external: true, name: "${NAME}_public"}}
secrets: {database_url: {external: true}}
"""


def rendered(text: str = APP, secret: bytes = b"mysql://x") -> Stack:
    values = variables(inventory(), image="web:1", authority="")
    return render("app", text, values, {"database_url": secret}, {}, lambda name: b"")


def view(document: dict[str, Any]) -> dict[str, Any]:
    return dict(of_stack("app", document))


def test_variables_defaults_and_dollars_are_filled_in() -> None:
    web = rendered().document["services"]["web"]
    assert web["environment"] == {"ORIGIN": "https://shop.test", "LEVEL": "info"}
    assert web["deploy"]["replicas"] == 3
    assert web["command"][1] == "--price=$5"
    assert "--price=$$5" in dump(rendered().document)


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(OperatorError, match=r"refers to \$\{IMGE\}, which has no value"):
        rendered(APP.replace("${IMAGE}", "${IMGE}"))


def test_a_secret_without_a_file_is_named() -> None:
    with pytest.raises(OperatorError, match=r'needs the secret other: add other = "FILE"'):
        rendered(APP.replace("secrets: {", "secrets: {other: {external: true}, "))


def test_secrets_are_named_by_content() -> None:
    one, same, other = (rendered(secret=s).objects[0].name for s in (b"a", b"a", b"b"))
    assert one == same != other


def test_a_managed_secret_is_left_out_until_it_exists() -> None:
    text = APP.replace("{external: true}}", "{external: true, x-managed: true}}")
    assert rendered(text).document["services"]["web"]["secrets"] == []


def test_the_live_replica_count_is_kept() -> None:
    document = keep_scale("app", rendered().document, {"app_web": 7})
    assert document["services"]["web"]["deploy"]["replicas"] == 7


def test_the_difference_names_image_setting_and_secret() -> None:
    old = rendered().document
    new = pin(rendered(APP.replace(":-info", ":-debug"), b"new").document, {"web:1": "web:2"})
    changes = {c.what: (c.old, c.new) for c in compare(view(old), view(new))}
    assert changes["image"] == ("web:1", "web:2")
    assert changes["setting LEVEL"] == ("info", "debug")
    assert set(changes) == {"image", "setting LEVEL", "secret database_url"}


def test_no_difference_is_no_change() -> None:
    assert compare(view(rendered().document), view(rendered().document)) == []


def test_digests_are_shown_short() -> None:
    change = Change("app_web", "image", "r.test/web:1@sha256:" + "a" * 64, None)
    assert str(change) == "- image (was r.test/web:1 (aaaaaaaaaaaa))"


@pytest.mark.parametrize(
    ("tasks", "update", "state"),
    [
        ([task(), task()], "", "healthy"),
        ([task(), task()], "completed", "healthy"),
        ([task(), task()], "updating", "waiting"),
        ([task(), task(current=False)], "", "waiting"),
        ([task()], "", "waiting"),
        ([task(), task(state="starting")], "", "waiting"),
        ([task(), task(), task(current=False)], "", "waiting"),
        ([task(), task()], "rollback_completed", "failed"),
        ([task(), task()], "paused", "failed"),
        ([task(state="failed", wanted="shutdown")] * 6, "", "failed"),
    ],
)
def test_the_gate(tasks: list[Any], update: str, state: str) -> None:
    assert judge(service(*tasks, update=update, message="why"), SINCE).state == state


def test_a_task_that_its_health_check_ended_is_a_failure_though_it_left_politely() -> None:
    ended = task(state="complete", wanted="shutdown", exit_code=0)
    old = task(state="shutdown", wanted="shutdown", current=False)
    before = task(state="failed", wanted="shutdown", created="2026-01-01T08:00:00")
    assert failures(service(ended, old, before), SINCE) == [ended]


def test_garbage_keeps_what_runs_and_the_last_five_releases() -> None:
    def release(number: int) -> Release:
        secret = {"k": {"external": True, "name": f"bookstore_k_{number:012x}"}}
        return Release(number, "", "", "", {"app": {"services": {}, "secrets": secret}})

    releases = [release(n) for n in range(1, 8)]
    names = [f"bookstore_k_{n:012x}" for n in range(1, 9)]
    others = ["bookstore_certificate_000000000001", "theirs_k_000000000001", "bookstore_x"]
    found = garbage("bookstore", names + others, releases, [])
    assert found == [f"bookstore_k_{n:012x}" for n in (1, 2, 8)]


def test_rollback_finds_the_release_before_or_by_number() -> None:
    releases = [Release(n, "", "", "", {}) for n in (1, 2, 3)]
    assert find(releases, None).number == 2
    assert find(releases, 1).number == 1
    with pytest.raises(OperatorError, match=r"no release 9\. Known are: 1, 2, 3"):
        find(releases, 9)


def test_the_migration_has_the_settings_and_secrets_of_the_shop() -> None:
    document = rendered().document
    started = command("migrate", document, document["services"]["web"])
    assert "--mode replicated-job" in started
    assert "--env ORIGIN=https://shop.test" in started
    assert "target=database_url" in started
    assert "--network bookstore_public" in started
    assert started.endswith("web:1 migrate")


def test_every_service_with_tables_of_its_own_is_migrated_with() -> None:
    label = {"deploy": {"labels": {"bookstore.migrate": "true"}}}
    stacks: dict[str, dict[str, Any]] = {
        "edge": {"services": {"traefik": {}}},
        "services": {"services": {"accounts": label, "catalogue": label, "none": {"deploy": {}}}},
    }
    found = migration.find(Release(1, "", "", "", stacks))
    assert [name for name, _stack, _service in found] == ["accounts", "catalogue"]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("manifest unknown", "r.test has no image r.test/web:1. Check the tag"),
        ("unauthorized: login", "Run docker login r.test as root there"),
        ("no matching manifest for linux/arm64", "not built for this host's architecture"),
        ("dial tcp: i/o timeout", "the registry r.test does not answer"),
    ],
)
def test_a_pull_that_fails_gets_a_sentence(said: str, sentence: str) -> None:
    assert sentence in explain("r.test/web:1", said)


def test_an_image_is_pinned_to_the_digest_of_its_own_repository() -> None:
    digests = ["other/web@sha256:1", "r.test:5000/web@sha256:2"]
    assert pinned("r.test:5000/web:1", digests) == "r.test:5000/web:1@sha256:2"


@pytest.mark.parametrize(
    ("hosts", "zones", "is_uneven"),
    [
        ({"a": 2, "b": 2}, {}, False),
        ({"a": 2, "b": 1}, {}, False),
        ({"a": 3, "b": 1}, {}, True),
        ({"a": 4, "b": 0, "c": 0}, {}, True),
        ({"a": 4, "b": 2, "c": 2}, {"a": "x", "b": "y", "c": "y"}, False),
        ({"a": 3, "b": 3, "c": 0}, {"a": "x", "b": "y", "c": "y"}, True),
        ({"a": 4}, {}, False),
    ],
)
def test_uneven(hosts: dict[str, int], zones: dict[str, str], is_uneven: bool) -> None:
    assert uneven(hosts, zones) is is_uneven


def test_no_more_is_moved_than_lies_above_an_equal_share() -> None:
    assert moves({"a": 4, "b": 0, "c": 0}) == 2
    assert moves({"a": 2, "b": 1}) == 0


@pytest.mark.parametrize(
    "text",
    ["join SWMTKN-1-abc-def now", "mysql://shop:hunter2@db/x", "key hunter2hunter2 end"],
)
def test_secrets_are_hidden(text: str) -> None:
    redact = Redactor()
    redact.hide("hunter2hunter2")
    shown = redact(text)
    assert "•••" in shown
    assert not any(s in shown for s in ("abc-def", "hunter2"))
