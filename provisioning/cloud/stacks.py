"""The stacks of one installation, in order, and where each takes its parameters from. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import get_args

from provisioning.cloud.settings import Cloud, Settings
from provisioning.cloud.templates import Template

type Values = dict[str, str]

UNKNOWN = "(known once the stacks before it are there)"
KINDS: tuple[str, ...] = get_args(Cloud.model_fields["kind"].annotation)
# These stay as they are unless something else is said.
KEPT = frozenset(
    {"Ami", "WorkerAmi", "Manager1Ami", "Manager2Ami", "Manager3Ami", "ActiveVersion", "Snapshot"}
)


@dataclass(frozen=True)
class Stage:
    """One stack: its template's name and its own."""

    template: str
    stack: str


def stages(settings: Settings) -> tuple[Stage, ...]:
    """List the stacks in the order in which they are made."""
    if settings.cloud.kind == "machine":  # which has everything itself
        return (Stage("machine", f"{settings.name}-machine"),)
    names = ["network", "data", settings.cloud.kind]
    if settings.watch.email:
        names.append("watch")
    return tuple(Stage(name, f"{settings.name}-{name}") for name in names)


def of_other_kinds(settings: Settings) -> tuple[Stage, ...]:
    """List the stacks that only another `kind` would have."""
    ours = {stage.template for stage in stages(settings)}
    return tuple(Stage(k, f"{settings.name}-{k}") for k in KINDS if k not in ours)


def every_stage(settings: Settings) -> tuple[Stage, ...]:
    """List all stacks that an installation may have had, in the order in which they were made."""
    return tuple(Stage(n, f"{settings.name}-{n}") for n in ("network", "data", *KINDS, "watch"))


def secret_parameters(template: Template) -> frozenset[str]:
    """Name the parameters that AWS never shows again."""
    return frozenset(n for n, p in template["Parameters"].items() if p.get("NoEcho"))


def parameters(
    template: Template,
    settings: Settings,
    outputs: Mapping[str, str],
    before: Mapping[str, str],
    renewed: int = 0,
) -> Values:
    """Return every parameter a value: from the settings, else an earlier stack, else the default.

    `outputs` are those of the stacks before this one, `before` the values this stack has now.
    What neither knows yet is UNKNOWN. Managers keep what they were made with, but for the one that
    is `renewed`: together they would take the quorum away.
    """
    ours = _from_settings(settings)
    for number in (1, 2, 3):
        for key, value in (("Ami", settings.hosts.ami), ("Type", settings.hosts.manager_type)):
            name = f"Manager{number}{key}"
            ours[name] = value if number == renewed or not before.get(name) else before[name]
    result = {}
    for name, declared in template["Parameters"].items():
        if name in KEPT and not ours.get(name) and before.get(name):
            result[name] = before[name]
        elif ours.get(name) is not None and not (name in KEPT and not ours[name]):
            result[name] = ours[name]
        elif name in outputs and name not in KEPT:
            result[name] = outputs[name]
        elif name in before:
            result[name] = before[name]
        else:
            result[name] = str(declared.get("Default", UNKNOWN))
    return result


def subnets(cidr: str) -> tuple[list[str], list[str]]:
    """Divide a network: three public subnets of /24 at its start, three private ones after it."""
    network = ipaddress.IPv4Network(cidr)
    eighths = list(network.subnets(prefixlen_diff=3))
    public = islice(eighths[0].subnets(new_prefix=max(24, network.prefixlen + 5)), 3)
    return [str(n) for n in public], [str(n) for n in eighths[1:4]]


def _from_settings(settings: Settings) -> Values:
    cloud, shop, hosts = settings.cloud, settings.shop, settings.hosts
    network, database, group = settings.network, settings.database, settings.group
    public, private = subnets(network.cidr)
    fewest, most = (str(n) for n in hosts.workers)
    version = {"ClusterVersion": database.version, "InstanceVersion": database.version}
    return (version if database.version else {}) | {
        "Name": cloud.name,
        "VpcCidr": network.cidr,
        "PublicCidrs": ",".join(public),
        "PrivateCidrs": ",".join(private),
        "Zones": str(network.zones),
        "Nat": network.nat,
        "OperatorCidr": cloud.operators,
        "FlowLogs": _flag(network.flow_logs),
        "Engine": database.engine,
        "MinCapacity": f"{database.min_capacity:g}",
        "MaxCapacity": f"{database.max_capacity:g}",
        "Reader": _flag(database.reader),
        "BackupDays": str(database.backup_days),
        "Snapshot": database.snapshot,
        "Rotation": _flag(settings.rotation),
        "Ami": hosts.ami,
        "WorkerAmi": hosts.worker_ami,
        "WorkerType": hosts.type,
        "InstanceType": hosts.type,
        "Managers": str(hosts.managers),
        "WorkersMin": fewest,
        "WorkersMax": most,
        "InstancesMin": fewest,
        "InstancesMax": most,
        "DiskSize": str(hosts.disk),
        "InstanceProfile": hosts.instance_profile,
        "Email": settings.watch.email,
        "Budget": str(settings.watch.budget),
        "Domain": shop.domain,
        "HostedZone": shop.hosted_zone,
        "Image": shop.image,
        "CpuTarget": str(group.cpu_target),
        "RequestsTarget": str(group.requests_target),
        "CertificateArn": group.certificate,
        "RepositoryArn": group.repository,
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
