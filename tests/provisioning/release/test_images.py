"""Digests of images, and why one cannot be had."""

from __future__ import annotations

import pytest

from provisioning.release.images import explain, pinned


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
