"""The shop's image in a registry: for which processors it is there, and how to get into ECR."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from provisioning.cloud.aws import Aws, code_of, explained
from provisioning.errors import OperatorError

ECR = re.compile(
    r"(?P<host>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?)/"
    r"(?P<repository>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>.+))?"
)
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
PATIENCE = 60  # seconds for a registry to answer


@dataclass(frozen=True)
class EcrName:
    """An image in ECR."""

    host: str
    account: str
    region: str
    repository: str
    tag: str
    digest: str


def ecr(image: str) -> EcrName | None:
    """Take the name of an image in ECR apart; None for one elsewhere."""
    found = ECR.fullmatch(image)
    if found is None:
        return None
    return EcrName(
        host=found["host"],
        account=found["account"],
        region=found["region"],
        repository=found["repository"],
        tag=found["tag"] or "latest",
        digest=found["digest"] or "",
    )


def home(aws: Aws, name: EcrName) -> Aws:
    """Return the account in the region that an image is in: each has a registry of its own."""
    return aws if name.region == aws.region else Aws(name.region, aws.session)


def password(aws: Aws, name: EcrName) -> str:
    """Return a password for an image's registry, good for twelve hours; its user is AWS."""
    aws = home(aws, name)
    with explained("hand out a password for ECR"):
        token = aws.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().partition(":")[2]


def platforms(aws: Aws, image: str) -> frozenset[str]:
    """Name the processors that an image is there for: arm64, amd64.

    Raises with a sentence where the image is not there, or cannot be looked at from here.
    """
    name = ecr(image)
    rows = _in_ecr(aws, name, image) if name else _elsewhere(image)
    found = frozenset(
        row.get("platform", {}).get("architecture", "") for row in rows if row.get("platform")
    )
    return found - {"", "unknown"}  # attestations have an unknown one


def _in_ecr(aws: Aws, name: EcrName, image: str) -> list[dict[str, Any]]:
    password(aws, name)
    aws = home(aws, name)
    which = {"imageDigest": name.digest} if name.digest else {"imageTag": name.tag}
    with explained(f"look at the image {image}"):
        try:
            answer = aws.ecr.batch_get_image(
                registryId=name.account,
                repositoryName=name.repository,
                imageIds=[which],
                acceptedMediaTypes=list(MANIFESTS),
            )
        except ClientError as error:
            if code_of(error) != "RepositoryNotFoundException":
                raise
            answer = {"images": []}
    if not answer["images"]:
        raise Missing(f"There is no image {image}. Build and push it: ./run ops cloud image")
    manifest = json.loads(answer["images"][0]["imageManifest"])
    return list(manifest.get("manifests", []))


def _elsewhere(image: str) -> list[dict[str, Any]]:
    command = ["docker", "manifest", "inspect", "--verbose", image]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except FileNotFoundError:
        raise OperatorError(
            f"Which processors {image} is for could not be looked up: docker is not installed here."
        ) from None
    except subprocess.TimeoutExpired:
        raise OperatorError(
            f"Which processors {image} is for could not be looked up: its registry did not answer "
            f"within {PATIENCE} s."
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1].rstrip(".")
        if re.search(r"manifest unknown|no such manifest", done.stderr):
            raise Missing(f"There is no image {image}. Build and push it: ./run ops cloud image")
        raise OperatorError(f"Which processors {image} is for could not be looked up: {last}.")
    answer = json.loads(done.stdout)
    rows = answer if isinstance(answer, list) else [answer]
    return [row["Descriptor"] for row in rows]


class Missing(OperatorError):
    """An image that its registry does not have."""
