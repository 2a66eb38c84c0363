"""What would make `up` fail half-way, looked up before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from provisioning.cloud import images, quotas, templates
from provisioning.cloud.aws import Aws, code_of, explained
from provisioning.cloud.settings import Settings
from provisioning.errors import OperatorError

BASTION = "t4g.nano"
WORDS = {"x86_64": "amd64", "arm64": "arm64"}  # as images call what AWS calls otherwise


@dataclass
class Findings:
    """What is wrong, and what could not be looked up."""

    problems: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def examine(aws: Aws, settings: Settings, ami: str, fresh: Collection[str]) -> Findings:
    """Look up whatever the settings ask for; `fresh` names the templates of stacks to be made.

    `ami` is the image of hosts for which the settings name none.
    """
    found = Findings()
    for check in _checks(aws, settings, ami, fresh):
        try:
            found.problems += check()
        except images.Missing as error:
            found.problems.append(str(error))
        except OperatorError as error:
            found.unknown.append(str(error))
    return found


def refuse(found: Findings) -> None:
    """Refuse to begin what cannot end well."""
    if found.problems:
        raise OperatorError(
            "This would fail half-way, so nothing was changed:\n  - "
            + "\n  - ".join(found.problems)
        )


type Check = Callable[[], Iterable[str]]


def _checks(aws: Aws, settings: Settings, ami: str, fresh: Collection[str]) -> Iterator[Check]:
    yield lambda: processors(aws, settings, ami)
    yield lambda: hosted_zone(aws, settings)
    if "network" in fresh:
        yield lambda: zones(aws, settings)
        yield lambda: quotas.of_network(aws, settings)
    if "data" in fresh:
        yield lambda: engine(aws, settings)
        yield lambda: snapshot(aws, settings)
    if settings.cloud.kind in fresh:
        yield lambda: quotas.of_hosts(aws, settings)


def processors(aws: Aws, settings: Settings, ami: str) -> Iterator[str]:
    """Compare what the instances are, their images (AMI) are for, and the shop's image is for."""
    hosts, swarm = settings.hosts, settings.cloud.kind == "swarm"
    managers = hosts.ami or ami
    workers = (hosts.worker_ami or managers) if swarm else managers
    pairs = [(hosts.type, workers)]
    if swarm:
        pairs += [(hosts.manager_type, managers), (BASTION, managers)]
    types = {kind for kind, _ in pairs}
    with explained("look up the instance types"):
        rows = aws.ec2.describe_instance_types(
            Filters=[{"Name": "instance-type", "Values": sorted(types)}]
        )["InstanceTypes"]
    of_type = {
        str(r["InstanceType"]): set(r["ProcessorInfo"]["SupportedArchitectures"]) for r in rows
    }
    for kind in sorted(types - of_type.keys()):
        yield f"There is no instance type {kind} in {aws.region}: choose another in [hosts]."
    with explained("look up the images of the hosts"):
        found = aws.ec2.describe_images(
            Filters=[{"Name": "image-id", "Values": sorted({managers, workers})}]
        )["Images"]
    of_image = {row["ImageId"]: str(row["Architecture"]) for row in found}
    for name in sorted({managers, workers} - of_image.keys()):
        yield f"There is no image (AMI) {name} in {aws.region}: leave it out for Debian's newest."
    for kind, name in dict.fromkeys(pairs):
        if kind in of_type and name in of_image and of_image[name] not in of_type[kind]:
            yield (
                f"{kind} is {' or '.join(sorted(of_type[kind]))}, but the image (AMI) {name} is "
                f"for {of_image[name]}: choose a type or an image that fits in [hosts]."
            )
    wanted = {
        WORDS.get(a, a) for kind, _ in pairs if kind != BASTION for a in of_type.get(kind, ())
    }
    there = images.platforms(aws, settings.shop.image)
    if there and (lacking := wanted - there):
        yield (
            f"{settings.shop.image} is for {', '.join(sorted(there))}, not for "
            f"{', '.join(sorted(lacking))}, which the hosts are. Build it for both: "
            "./run ops cloud image"
        )


def zones(aws: Aws, settings: Settings) -> Iterator[str]:
    """Look for enough zones, and for the instance types in those that are used."""
    with explained("look up the zones of the region"):
        rows = aws.ec2.describe_availability_zones(
            Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
        )["AvailabilityZones"]
    there = sorted(row["ZoneName"] for row in rows if row["State"] == "available")
    needed = max(2, settings.network.zones)  # the database is in two at least
    if len(there) < needed:
        yield (
            f"Your account has {len(there)} zones in {aws.region}, and {needed} are needed: choose "
            "another region" + (", or [network] zones = 1." if settings.network.zones > 1 else ".")
        )
        return
    used = there[: settings.network.zones]
    types = {settings.hosts.type}
    if settings.cloud.kind == "swarm":
        types |= {settings.hosts.manager_type, BASTION}
    with explained("look up which zones have the instance types"):
        offers = aws.ec2.describe_instance_type_offerings(
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": sorted(types)}],
        )["InstanceTypeOfferings"]
    offered = {(str(o["InstanceType"]), o["Location"]) for o in offers}
    for kind in sorted(types):
        lacking = [zone for zone in used if (kind, zone) not in offered]
        if lacking:
            yield f"{kind} is not to be had in {', '.join(lacking)}: choose another in [hosts]."


def engine(aws: Aws, settings: Settings) -> Iterator[str]:
    """Ask whether RDS still makes the version of the engine that is asked for."""
    name, resource = (
        ("aurora-mysql", "Cluster")
        if settings.database.engine == "aurora"
        else ("mysql", "Instance")
    )
    usual = templates.read("data")["Parameters"][f"{resource}Version"]["Default"]
    version = settings.database.version or usual
    with explained("look up the versions of the database"):
        rows = aws.rds.describe_db_engine_versions(Engine=name)["DBEngineVersions"]
    there = [row["EngineVersion"] for row in rows]
    if version not in there:
        major = ".".join(version.split(".")[:2])
        like = [v for v in there if v.startswith(major)] or there
        yield (
            f"RDS makes no {name} {version} (any more). Say [database] version = "
            f'"{like[-1] if like else "…"}"; these are to be had: {", ".join(like[-5:]) or "none"}.'
        )


def snapshot(aws: Aws, settings: Settings) -> Iterator[str]:
    """Look for the snapshot that the database is to start from."""
    name = settings.database.snapshot
    if not name:
        return
    kind = "an Aurora cluster" if settings.database.engine == "aurora" else "a MySQL instance"
    with explained(f"look up the snapshot {name}"):
        try:
            if settings.database.engine == "aurora":
                aws.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
            else:
                aws.rds.describe_db_snapshots(DBSnapshotIdentifier=name)
        except ClientError as error:
            if "NotFound" not in code_of(error):
                raise
            yield (
                f"There is no snapshot {name} of {kind} in {aws.region}: correct [database] "
                "snapshot, or engine."
            )


def hosted_zone(aws: Aws, settings: Settings) -> Iterator[str]:
    """Ask whether the Route 53 zone is public and the domain's."""
    zone, domain = settings.shop.hosted_zone, settings.shop.domain
    if not zone:
        return
    with explained(f"look at the hosted zone {zone}"):
        try:
            row = aws.route53.get_hosted_zone(Id=zone)["HostedZone"]
        except ClientError as error:
            if code_of(error) != "NoSuchHostedZone":
                raise
            yield f"There is no hosted zone {zone}: correct [shop] hosted_zone."
            return
    name = row["Name"].rstrip(".")
    if domain != name and not domain.endswith(f".{name}"):
        yield f"{domain} is not in the hosted zone {zone}, which is that of {name}."
    if row.get("Config", {}).get("PrivateZone"):
        yield f"The hosted zone {zone} is a private one: nobody outside would find {domain}."
