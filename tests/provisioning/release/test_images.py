"""Digests of images, and why one cannot be had."""

from __future__ import annotations

import pytest

from provisioning.release.history import DONE, UNDONE, Release
from provisioning.release.images import explain, pinned, superseded


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


def test_images_of_the_last_five_releases_stay_and_those_of_others_too() -> None:
    def digest(number: int) -> str:
        return f"sha256:{number:064x}"

    def release(number: int, outcome: str = DONE) -> Release:
        web = {"image": f"r.test:5000/shop:latest@{digest(number)}"}
        edge = {"image": f"traefik:v3@{digest(99)}"}
        stacks = {"app": {"services": {"web": web, "edge": edge}}}
        return Release(number, "", "", "", stacks, outcome=outcome)

    releases = [release(n) for n in range(1, 8)] + [release(8, UNDONE), release(9)]
    lines = [f"r.test:5000/shop {digest(n)} <none>" for n in range(1, 12)]
    lines += [f"traefik {digest(99)} v3", f"theirs {digest(1)} x", "r.test:5000/shop <none> latest"]
    assert superseded("\n".join(lines), releases) == [
        f"r.test:5000/shop@{digest(n)}" for n in (1, 2, 3)
    ]
