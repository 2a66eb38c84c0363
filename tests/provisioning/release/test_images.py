"""Digests of images, and why one cannot be had."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.cluster import Cluster
from provisioning.release.history import DONE, UNDONE, Release
from provisioning.release.images import explain, pinned, prune, superseded
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.transport import HostError, Result
from tests.provisioning.factories import inventory


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("manifest unknown", "r.test has no image r.test/web:1. Check the tag"),
        ("unauthorized: login", "Run docker login r.test as root there"),
        ("no matching manifest for linux/arm64", "not built for this host's architecture"),
        ("dial tcp: i/o timeout", "the registry r.test does not answer"),
        # As Engine 29 says the same, which keeps images with containerd.
        (
            'failed to resolve reference "r.test/web:1": r.test/web:1: not found',
            "r.test has no image r.test/web:1. Check the tag",
        ),
        (
            'failed to resolve reference "r.test/web:1": failed to authorize: failed to fetch '
            "anonymous token: unexpected status from GET request: 401 Unauthorized",
            "Run docker login r.test as root there",
        ),
        (
            "no match for platform in manifest sha256:12: not found",
            "not built for this host's architecture",
        ),
        (
            'failed to resolve reference "r.test/web:1": failed to do request: Head "https://r": '
            "dial tcp: lookup r.test on 10.0.0.2:53: no such host",
            "the registry r.test does not answer",
        ),
        # The registry did its part.
        (
            "failed to register layer: write /usr/lib/x.so: no space left on device",
            "the host cannot keep r.test/web:1 (failed to register layer: write /usr/lib/x.so: no",
        ),
        (
            "failed to extract layer (application/vnd sha256:1) to overlayfs: failed to convert "
            'whiteout file "usr/.wh.x": operation not permitted',
            "the host cannot keep r.test/web:1 (failed to extract layer",
        ),
    ],
)
def test_a_pull_that_fails_gets_a_sentence(said: str, sentence: str) -> None:
    assert sentence in explain("r.test/web:1", said)


def test_an_image_is_pinned_to_the_digest_of_its_own_repository() -> None:
    digests = ["other/web@sha256:1", "r.test:5000/web@sha256:2"]
    assert pinned("r.test:5000/web:1", digests) == "r.test:5000/web:1@sha256:2"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def release(number: int, outcome: str = DONE) -> Release:
    """Return a release with an image of its own, and one that all share."""
    web = {"image": f"r.test:5000/shop:latest@{digest(number)}"}
    edge = {"image": f"traefik:v3@{digest(99)}"}
    stacks = {"app": {"services": {"web": web, "edge": edge}}}
    return Release(number, "", "", "", stacks, outcome=outcome)


def test_images_of_the_last_five_releases_stay_and_those_of_others_too() -> None:
    releases = [release(n) for n in range(1, 8)] + [release(8, UNDONE), release(9)]
    lines = [f"r.test:5000/shop {digest(n)} <none>" for n in range(1, 12)]
    lines += [f"traefik {digest(99)} v3", f"theirs {digest(1)} x", "r.test:5000/shop <none> latest"]
    assert superseded("\n".join(lines), releases) == [
        f"r.test:5000/shop@{digest(n)}" for n in (1, 2, 3)
    ]


def test_a_host_that_goes_while_images_are_removed_does_not_spoil_the_release(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Host:
        def __init__(self, name: str) -> None:
            self.name = name

        def run(self, command: str, **_: Any) -> Result:
            if "image ls" in command:
                return Result(0, f"r.test:5000/shop {digest(1)} 1\n", "")
            if self.name == "worker1":
                raise HostError("worker1", "the connection was lost")
            return Result(0, "", "")

    monkeypatch.setattr(Fleet, "to", lambda self, host: Host(host.name))
    said: list[str] = []
    with Fleet([], Redactor()) as fleet:
        prune(Cluster(inventory(), fleet), [release(n) for n in range(1, 8)], said.append)
    assert "  worker1: the connection was lost" in said
    assert "  worker2: removed images of old releases" in said
