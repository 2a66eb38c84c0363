"""What differs between two releases."""

from __future__ import annotations

from typing import Any

from provisioning.release.differences import Change, compare, drift
from provisioning.release.stacks import pin
from tests.provisioning.release.test_stacks import APP, rendered, view


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


def test_each_option_of_a_command_is_a_difference_of_its_own() -> None:
    def run(*words: str) -> dict[str, Any]:
        return view({"services": {"web": {"image": "w", "command": list(words)}}})

    before, after = run("serve", "--a=1", "--b=2"), run("serve", "--a=1", "--b=3")
    assert [str(c) for c in compare(before, after)] == ["~ option --b: 2 -> 3"]


def test_what_was_changed_by_hand_is_found_and_what_lives_by_itself_is_not() -> None:
    def spec(**container: Any) -> dict[str, Any]:
        return {
            "Labels": {"x": str(container)},
            "Mode": {"Replicated": {"Replicas": len(container)}},
            "TaskTemplate": {"ContainerSpec": {"Healthcheck": {"Retries": 8}, **container}},
        }

    same = drift({"web": spec()}, {"web": spec(Image="other", Secrets=[1])})
    assert same == []
    (change,) = drift({"web": spec()}, {"web": spec(Healthcheck={"Retries": 1})})
    assert (change.service, change.what) == ("web", "Healthcheck (changed by hand)")
    assert (change.old, change.new) == ('{"Retries": 1}', '{"Retries": 8}')
