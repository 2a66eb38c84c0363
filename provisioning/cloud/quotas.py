"""Whether the account's quotas leave room for what is to be made."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from provisioning.cloud.aws import Aws, code_of, explained
from provisioning.cloud.settings import Settings

NETWORKS = ("vpc", "L-F678F1CE", "networks (VPCs)")
ADDRESSES = ("ec2", "L-0263D0A3", "public addresses (Elastic IPs)")
PROCESSORS = ("ec2", "L-1216C47A", "processors (vCPU) of standard instances")
STANDARD = tuple("acdhimrtz")  # the families whose instances share one quota


def of_network(aws: Aws, settings: Settings) -> Iterator[str]:
    """Count networks and addresses."""
    with explained("count the networks"):
        used = len(aws.ec2.describe_vpcs()["Vpcs"])
    yield from _short(aws, NETWORKS, used, 1)
    gateways = {"none": 0, "one": 1, "per-zone": settings.network.zones}[settings.network.nat]
    needed = gateways + (settings.cloud.kind == "swarm")  # the bastion has one
    if needed:
        with explained("count the public addresses"):
            used = len(aws.ec2.describe_addresses()["Addresses"])
        yield from _short(aws, ADDRESSES, used, needed)


def of_hosts(aws: Aws, settings: Settings) -> Iterator[str]:
    """Count processors: those that run, and those of the fewest hosts that there are to be."""
    hosts = settings.hosts
    wanted = {hosts.type: 1 if settings.cloud.kind == "machine" else hosts.workers[0]}
    if settings.cloud.kind == "swarm":
        wanted[hosts.manager_type] = wanted.get(hosts.manager_type, 0) + hosts.managers
        wanted["t4g.nano"] = wanted.get("t4g.nano", 0) + 1
    wanted = {kind: n for kind, n in wanted.items() if kind.startswith(STANDARD)}
    with explained("count the processors of the instances"):
        types = aws.ec2.describe_instance_types(
            Filters=[{"Name": "instance-type", "Values": sorted(wanted)}]
        )["InstanceTypes"]
        size = {str(t["InstanceType"]): t["VCpuInfo"]["DefaultVCpus"] for t in types}
        pages = aws.ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        )
        running = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
    used = sum(
        i["CpuOptions"]["CoreCount"] * i["CpuOptions"]["ThreadsPerCore"]
        for i in running
        if str(i["InstanceType"]).startswith(STANDARD)
        and "InstanceLifecycle" not in i  # spot instances have a quota of their own
        and "CpuOptions" in i
    )
    needed = sum(count * size.get(kind, 0) for kind, count in wanted.items())
    yield from _short(aws, PROCESSORS, used, needed)


def _short(aws: Aws, quota: tuple[str, str, str], used: int, needed: int) -> Iterator[str]:
    service, code, what = quota
    allowed = _value(aws, service, code)
    if used + needed > allowed:
        yield (
            f"Your account may have {allowed:g} {what} in {aws.region}: {used} are used, and "
            f"{needed} more are needed. Ask for more under Service Quotas in the AWS console, or "
            "delete what is no longer used."
        )


def _value(aws: Aws, service: str, code: str) -> float:
    with explained("look up the account's quotas"):
        try:
            found = aws.quotas.get_service_quota(ServiceCode=service, QuotaCode=code)
        except ClientError as error:
            if code_of(error) != "NoSuchResourceException":
                raise
            found = aws.quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)
    return float(found["Quota"]["Value"])
