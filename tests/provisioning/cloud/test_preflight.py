"""What would fail half-way is said before anything is made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from provisioning.cloud import images, preflight, templates
from provisioning.cloud.aws import Aws
from provisioning.cloud.operations import DEBIAN, Installation
from provisioning.cloud.settings import Settings
from provisioning.errors import OperatorError
from tests.provisioning.cloud import moto_resources
from tests.provisioning.cloud.conftest import ACCOUNT, AMI, REGION

FRESH = frozenset(templates.NAMES)
MISSING = "ami-00000000"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/bookstore"

Make = Callable[..., Settings]


def problems(aws: Aws, settings: Settings) -> str:
    """Give what is wrong, a line each; everything must have been looked up."""
    found = preflight.examine(aws, settings, AMI, FRESH)
    assert found.unknown == []
    return "\n".join(found.problems)


@pytest.mark.parametrize("kind", ["swarm", "scaling-group"])
@pytest.mark.parametrize("engine", ["aurora", "mysql"])
def test_what_is_right_is_not_complained_about(
    account: Aws, make_settings: Make, kind: str, engine: str
) -> None:
    route53 = account.route53
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    settings = make_settings(
        cloud={"kind": kind},
        database={"engine": engine},
        shop={"hosted_zone": zone.rpartition("/")[2]},
    )
    assert problems(account, settings) == ""


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"hosts": {"type": "c7i.large"}}, r"c7i.large is x86_64, but .* ami-\w+ is for arm64"),
        ({"hosts": {"manager_type": "m7i.large"}}, r"m7i.large is x86_64, but"),
        ({"hosts": {"type": "t4g.huge"}}, r"There is no instance type t4g.huge in eu-west-1"),
        ({"hosts": {"ami": MISSING}}, rf"There is no image \(AMI\) {MISSING} in eu-west-1"),
        ({"hosts": {"worker_ami": MISSING}}, rf"There is no image \(AMI\) {MISSING}"),
        ({"database": {"version": "5.7"}}, r'makes no aurora-mysql 5.7 .* version = "8.0.mysql_a'),
        ({"database": {"engine": "mysql", "version": "8.4.1"}}, r'version = "8.4.11"'),
        ({"database": {"snapshot": "gone"}}, r"There is no snapshot gone of an Aurora cluster"),
        (
            {"database": {"snapshot": "gone", "engine": "mysql"}},
            r"There is no snapshot gone of a MySQL instance",
        ),
        ({"shop": {"hosted_zone": "ZGONE"}}, r"There is no hosted zone ZGONE"),
        ({"shop": {"image": f"{REPOSITORY}:1"}}, r"no image .*bookstore:1\. .* ops cloud image"),
    ],
)
def test_what_is_wrong_is_said(
    account: Aws, make_settings: Make, tables: dict[str, Any], says: str
) -> None:
    assert re.search(says, problems(account, make_settings(**tables)))


@pytest.mark.parametrize(
    ("name", "private", "says"),
    [
        ("example.org", False, "books.example.com is not in the hosted zone .* of example.org"),
        ("ple.com", False, "books.example.com is not in the hosted zone"),
        ("example.com", True, "is a private one: nobody outside would find"),
    ],
)
def test_a_zone_that_the_domain_cannot_be_found_in(
    account: Aws, make_settings: Make, name: str, private: bool, says: str
) -> None:
    made = account.route53.create_hosted_zone(
        Name=name,
        CallerReference=name,
        HostedZoneConfig={"PrivateZone": private},
        **({"VPC": {"VPCRegion": REGION, "VPCId": "vpc-1"}} if private else {}),  # type: ignore[arg-type]
    )
    zone = made["HostedZone"]["Id"].rpartition("/")[2]
    assert re.search(says, problems(account, make_settings(shop={"hosted_zone": zone})))


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (1, {"networks", "addresses", "processors"}),  # an empty account has one network
        (3, {"processors"}),
        (100, set()),
    ],
)
def test_quotas(
    account: Aws,
    make_settings: Make,
    monkeypatch: pytest.MonkeyPatch,
    left: int,
    says: set[str],
) -> None:
    monkeypatch.setitem(moto_resources.QUOTA, "value", float(left))
    found = problems(account, make_settings())
    assert {w for w in ("networks", "addresses", "processors") if w in found} == says
    assert ("Ask for more under Service Quotas" in found) == bool(says)


def test_quotas_are_no_matter_to_what_is_there(account: Aws, make_settings: Make) -> None:
    moto_resources.QUOTA["value"], before = 0.0, moto_resources.QUOTA["value"]
    try:
        found = preflight.examine(account, make_settings(), AMI, frozenset())
    finally:
        moto_resources.QUOTA["value"] = before
    assert found.problems == []


@pytest.mark.parametrize(("there", "zones"), [(2, 3), (1, 1)])
def test_an_account_with_few_zones(make_settings: Make, there: int, zones: int) -> None:
    aws = Aws(REGION, boto3.Session("testing", "testing", region_name=REGION))
    rows = [{"ZoneName": f"{REGION}{z}", "State": "available"} for z in "abc"[:there]] + [
        {"ZoneName": f"{REGION}z", "State": "unavailable"}
    ]
    with Stubber(aws.ec2) as stub:
        stub.add_response("describe_availability_zones", {"AvailabilityZones": rows})
        (said,) = preflight.zones(aws, make_settings(network={"zones": zones}))
    assert f"Your account has {there} zones in eu-west-1, and {max(2, zones)} are needed" in said


def test_a_type_that_one_zone_has_not(make_settings: Make) -> None:
    aws = Aws(REGION, boto3.Session("testing", "testing", region_name=REGION))
    rows = [{"ZoneName": f"{REGION}{z}", "State": "available"} for z in "abc"]
    offers = [
        {"InstanceType": kind, "Location": f"{REGION}{z}", "LocationType": "availability-zone"}
        for kind in ("t4g.small", "t4g.nano")
        for z in "abc"
        if (kind, z) != ("t4g.nano", "c")
    ]
    with Stubber(aws.ec2) as stub:
        stub.add_response("describe_availability_zones", {"AvailabilityZones": rows})
        stub.add_response("describe_instance_type_offerings", {"InstanceTypeOfferings": offers})
        (said,) = preflight.zones(aws, make_settings())
    assert said == "t4g.nano is not to be had in eu-west-1c: choose another in [hosts]."


@pytest.mark.parametrize(
    ("answers", "problem", "unknown"),
    [
        ({"DOCKER_PLATFORMS": "arm64"}, "", ""),
        ({"DOCKER_PLATFORMS": "amd64"}, "is for amd64, not for arm64, which the hosts are", ""),
        ({"DOCKER_REFUSES": "no such manifest: x"}, "There is no image registry.example.com", ""),
        ({"DOCKER_REFUSES": "unauthorized"}, "", "could not be looked up: unauthorized"),
        ({"PATH": "/nonexistent"}, "", "docker is not installed here"),
    ],
)
def test_the_shops_image_elsewhere(
    account: Aws,
    make_settings: Make,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, str],
    problem: str,
    unknown: str,
) -> None:
    for name, value in answers.items():
        monkeypatch.setenv(name, value)
    found = preflight.examine(account, make_settings(), AMI, FRESH)
    assert (problem in "".join(found.problems), bool(found.problems)) == (True, bool(problem))
    assert (unknown in "".join(found.unknown), bool(found.unknown)) == (True, bool(unknown))


def test_the_shops_image_in_ecr(account: Aws, make_settings: Make) -> None:
    account.ecr.create_repository(repositoryName="bookstore")
    index = {
        "schemaVersion": 2,
        "mediaType": images.MANIFESTS[0],
        "manifests": [
            {
                "mediaType": images.MANIFESTS[2],
                "digest": f"sha256:{n:064d}",
                "size": 1,
                "platform": {"architecture": architecture, "os": "linux"},
            }
            for n, architecture in enumerate(("amd64", "unknown"))
        ],
    }
    account.ecr.put_image(repositoryName="bookstore", imageManifest=json.dumps(index), imageTag="1")
    settings = make_settings(shop={"image": f"{REPOSITORY}:1"})
    assert "is for amd64, not for arm64" in problems(account, settings)


def test_nothing_is_made_when_something_would_fail(
    install: Callable[..., Installation],
) -> None:
    installation = install(hosts={"type": "c7i.large"})
    with pytest.raises(OperatorError, match=r"so nothing was changed:\n  - c7i.large is x86_64"):
        preflight.refuse(installation.examine(installation.plan()))
    assert [stack for _, stack in installation.status()] == [None, None, None]


@pytest.mark.parametrize("kind", ["swarm", "scaling-group"])
def test_without_an_image_of_ones_own_debians_newest_is_looked_at(
    install: Callable[..., Installation], kind: str
) -> None:
    certificate = {"certificate": "arn:aws:acm:eu-west-1:123456789012:certificate/1"}
    installation = install(hosts={"ami": ""}, cloud={"kind": kind}, group=certificate)
    proposals = installation.plan()
    with Stubber(installation.aws.ssm) as stub:
        stub.add_response("get_parameter", {"Parameter": {"Value": AMI}}, {"Name": DEBIAN})
        found = installation.examine(proposals)
        stub.assert_no_pending_responses()
    assert (found.problems, found.unknown) == ([], [])


def test_a_missing_right_to_look_stops_nothing(make_settings: Make) -> None:
    aws = Aws(REGION, boto3.Session("testing", "testing", region_name=REGION))
    with Stubber(aws.ec2) as stub:
        stub.add_client_error("describe_instance_types", "UnauthorizedOperation", "no")
        found = preflight.examine(aws, make_settings(), AMI, frozenset())
    assert found.problems == []
    assert "the right to DescribeInstanceTypes is missing" in found.unknown[0]


def test_names_of_images(tmp_path: Path) -> None:
    name = images.ecr(f"{REPOSITORY}/shop:2.1@sha256:abc")
    assert name is not None
    parts = (name.account, name.region, name.repository, name.tag, name.digest)
    assert parts == (ACCOUNT, REGION, "bookstore/shop", "2.1", "sha256:abc")
    assert images.ecr("registry.example.com/bookstore:1") is None
