"""Build the shop's image for every processor that AWS has, and push it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import ClientError

from provisioning.cloud import images
from provisioning.cloud.aws import Aws, code_of, explained
from provisioning.errors import OperatorError

SOURCE = Path(__file__).resolve().parents[2]  # where the Dockerfile is
BUILDER = "bookstore"  # Docker's usual builder makes an image for one processor only
PLATFORMS = ("linux/amd64", "linux/arm64")

Say = Callable[[str], None]


def build(aws: Aws, image: str, say: Say) -> frozenset[str]:
    """Build and push; return the processors that the registry has the image for afterwards."""
    name = images.ecr(image)
    if name:
        _repository(images.home(aws, name), name, say)
        say(f"Logging in to {name.host}")
        login = ["login", "--username", "AWS", "--password-stdin", name.host]
        _docker(login, f"log in to {name.host}", stdin=images.password(aws, name))
    if not _succeeds(["buildx", "inspect", BUILDER]):
        create = ["buildx", "create", "--name", BUILDER, "--driver", "docker-container"]
        _docker(create, "make a builder for several processors")
    say(f"Building {image} for {' and '.join(PLATFORMS)}")
    _docker(
        [
            *("buildx", "build", "--builder", BUILDER, "--platform", ",".join(PLATFORMS)),
            *("--tag", image, "--push", str(SOURCE)),
        ],
        f"build and push {image}",
        advice=(
            "Its last lines are above. Where another processor's programs do not run here "
            "(exec format error), install QEMU's: apt install qemu-user-static binfmt-support"
        ),
    )
    return images.platforms(aws, image)


def _repository(aws: Aws, name: images.EcrName, say: Say) -> None:
    with explained(f"look at the repository {name.repository}"):
        try:
            aws.ecr.describe_repositories(
                registryId=name.account, repositoryNames=[name.repository]
            )
        except ClientError as error:
            if code_of(error) != "RepositoryNotFoundException":
                raise
        else:
            return
    say(f"Making the repository {name.repository}")
    with explained(f"make the repository {name.repository}"):
        aws.ecr.create_repository(
            repositoryName=name.repository, imageScanningConfiguration={"scanOnPush": True}
        )


def _docker(words: list[str], doing: str, *, stdin: str = "", advice: str = "") -> None:
    try:
        done = subprocess.run(["docker", *words], input=stdin, text=True, check=False)
    except FileNotFoundError:
        raise OperatorError(
            f"To {doing} docker is needed on this machine, with its buildx plugin: "
            "apt install docker.io docker-buildx"
        ) from None
    if done.returncode:
        hint = advice or "Its last lines are above; put that right and repeat."
        raise OperatorError(f"docker could not {doing} (status {done.returncode}). {hint}")


def _succeeds(words: list[str]) -> bool:
    try:
        done = subprocess.run(["docker", *words], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0
