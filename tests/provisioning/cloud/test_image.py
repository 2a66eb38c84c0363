"""`cloud image`: what docker and the registry are asked; docker is a stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.cloud import images
from provisioning.cloud.aws import Aws
from provisioning.cloud.build import build
from provisioning.errors import OperatorError
from tests.provisioning.cloud.conftest import ACCOUNT, REGION

ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


@pytest.fixture
def asked(account: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Give what docker was asked so far, a line each."""
    log = tmp_path / "docker.log"
    log.touch()
    monkeypatch.setenv("DOCKER_LOG", str(log))
    return lambda: log.read_text().splitlines()


def ecr_name(image: str) -> images.EcrName:
    name = images.ecr(image)
    assert name is not None
    return name


def ignore(text: str) -> None:
    """Show nothing."""


def test_an_image_is_built_for_both_and_pushed(
    account: Aws, asked: Callable[[], list[str]]
) -> None:
    assert build(account, "registry.example.com/bookstore:2", ignore) == {"arm64", "amd64"}
    (line,) = [line for line in asked() if line.startswith("buildx build")]
    assert "--platform linux/amd64,linux/arm64" in line
    assert "--tag registry.example.com/bookstore:2 --push" in line
    assert not [line for line in asked() if line.startswith("login")]


def test_ecr_gets_a_repository_and_a_password_that_no_argument_shows(
    account: Aws, asked: Callable[[], list[str]]
) -> None:
    image = f"{ECR}/bookstore:2"
    with pytest.raises(images.Missing):  # docker only pretends to push
        build(account, image, ignore)
    names = [r["repositoryName"] for r in account.ecr.describe_repositories()["repositories"]]
    assert names == ["bookstore"]
    login = next(n for n, line in enumerate(asked()) if line.startswith("login"))
    assert asked()[login] == f"login --username AWS --password-stdin {ECR}"
    assert images.password(account, ecr_name(image)) in asked()[login + 1]
    index = {
        "schemaVersion": 2,
        "mediaType": images.MANIFESTS[0],
        "manifests": [
            {"digest": "sha256:1", "size": 1, "platform": {"architecture": a, "os": "linux"}}
            for a in ("amd64", "arm64")
        ],
    }
    account.ecr.put_image(repositoryName="bookstore", imageManifest=json.dumps(index), imageTag="2")
    assert build(account, image, ignore) == {"arm64", "amd64"}


def test_an_image_in_another_region_is_looked_for_there(
    account: Aws, asked: Callable[[], list[str]]
) -> None:
    image = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/bookstore:2"
    with pytest.raises(images.Missing):
        build(account, image, ignore)
    there = images.home(account, ecr_name(image)).ecr.describe_repositories()["repositories"]
    assert [r["repositoryName"] for r in there] == ["bookstore"]
    assert account.ecr.describe_repositories()["repositories"] == []


def test_a_build_that_fails_says_what_to_do(
    account: Aws, asked: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_BUILDS", "1")
    with pytest.raises(OperatorError, match=r"could not build and push x/y:1 .*QEMU"):
        build(account, "x/y:1", ignore)


def test_without_docker_it_says_what_to_install(
    account: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(OperatorError, match="apt install docker"):
        build(account, "x/y:1", ignore)
