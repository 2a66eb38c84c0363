"""What differs between two releases."""

from __future__ import annotations

from provisioning.release.differences import Change, compare
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
