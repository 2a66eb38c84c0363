"""One screen on an installation: stacks, hosts, database, addresses."""

from __future__ import annotations

from collections import Counter

from provisioning.cloud.aws import Aws, explained
from provisioning.cloud.operations import Installation
from provisioning.cloud.stacks import of_other_kinds
from provisioning.cloud.states import WELL


def show(installation: Installation) -> tuple[list[str], bool]:
    """Describe the installation; tell whether all of it is there and well."""
    lines: list[str] = []
    outputs: dict[str, str] = {}
    advice: list[str] = []
    healthy = True
    for stage, stack in installation.status():
        state = stack.status.lower().replace("_", " ") if stack else "not there"
        because = f" - {stack.reason}" if stack and stack.reason else ""
        lines.append(f"{stage.stack:<28} {state}{because}")
        advice += [stack.trouble] if stack and stack.trouble else []
        healthy &= stack is not None and stack.status in WELL
        outputs |= stack.outputs if stack else {}
    for stage in of_other_kinds(installation.settings):
        if stack := installation.deployer.find(stage.stack):
            state = stack.status.lower().replace("_", " ")
            lines.append(f"{stage.stack:<28} {state} - of another kind than the settings say")
            healthy = False
    lines += ["", *advice] if advice else []
    if group := outputs.get("Group"):
        line, well = _group(installation.aws, group)
        lines += ["", line]
        healthy &= well
    for label, key in (
        ("load balancer", "LoadBalancer"),
        ("bastion", "BastionAddress"),
        ("machine", "Address"),
        ("disk of the backups", "Backups"),
        ("database", "DatabaseHost"),
        ("shared files", "FilesHost"),
    ):
        if key in outputs:
            lines.append(f"{label:<28} {outputs[key]}")
    if outputs.get("ActiveVersion") != outputs.get("LatestVersion"):
        lines.append("Instances are behind their launch template: ./run ops cloud up renews them.")
        healthy = False
    return lines, healthy


def _group(aws: Aws, name: str) -> tuple[str, bool]:
    with explained(f"look at the group {name}"):
        groups = aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    rows = groups["AutoScalingGroups"]
    if not rows:
        return f"{name:<28} not there", False
    group = rows[0]
    states = Counter(
        i["LifecycleState"] if i["HealthStatus"].lower() == "healthy" else "unhealthy"
        for i in group.get("Instances", [])
    )
    said = ", ".join(f"{n} {state.lower()}" for state, n in states.items()) or "none"
    bounds = f"wanted {group['DesiredCapacity']}, from {group['MinSize']} to {group['MaxSize']}"
    return f"{name:<28} {said} ({bounds})", states["InService"] >= group["MinSize"]
