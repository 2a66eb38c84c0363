"""Which packages have a newer version, and when that is refused."""

from __future__ import annotations

import pytest

from provisioning.care.upgrade import Package, parse
from provisioning.errors import OperatorError


def test_what_has_a_newer_version_is_upgraded() -> None:
    said = "docker.io 26.1.5 26.1.5+deb13u1\ncontainerd 1.7 1.7\nrunc 1.1 (none)\n"
    assert parse("worker1", said) == (Package("docker.io", "26.1.5", "26.1.5+deb13u1"),)


def test_nothing_newer_is_nothing_to_do() -> None:
    assert parse("worker1", "docker-ce 28.5 28.5\nvim held\n") == ()


def test_a_held_package_is_named_with_what_frees_it() -> None:
    said = "docker-ce held\ndocker-ce 28.5 29.1\n"
    with pytest.raises(OperatorError, match=r"worker1: docker-ce is held.*unhold docker-ce"):
        parse("worker1", said)
    assert parse("worker1", "docker-ce held\ndocker-ce 28.5 28.5\n") == ()
