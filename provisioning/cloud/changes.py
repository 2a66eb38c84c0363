"""What a change set would do, in an operator's words. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.cloud.templates import Resource

# Names where the words of the resource type are not those people use.
WORDS = {
    "EC2::VPC": "network",
    "EC2::EIP": "public address",
    "EC2::VPCEndpoint": "endpoint",
    "EC2::VPCGatewayAttachment": "gateway attachment",
    "EC2::SecurityGroupIngress": "security group rule",
    "EC2::SubnetRouteTableAssociation": "route table association",
    "RDS::DBCluster": "database cluster",
    "RDS::DBInstance": "database instance",
    "RDS::DBSubnetGroup": "database subnet group",
    "RDS::DBClusterParameterGroup": "database settings",
    "EFS::FileSystem": "shared file system",
    "IAM::Role": "role",
    "IAM::Policy": "policy",
    "Lambda::Permission": "function permission",
    "Route53::RecordSet": "DNS record",
    "AutoScaling::AutoScalingGroup": "auto-scaling group",
}
# Losing one of these loses what it holds; so does losing a manager, or the one machine.
PRECIOUS = frozenset(
    {"RDS::DBCluster", "RDS::DBInstance", "EFS::FileSystem", "SecretsManager::Secret"}
)


@dataclass(frozen=True)
class Change:
    """One resource that would change."""

    action: str  # Add, Modify, Remove, Import, Dynamic
    resource: str
    kind: str  # without AWS::
    replacement: str = "False"  # True, False, Conditional
    properties: tuple[str, ...] = ()

    @property
    def dangerous(self) -> bool:
        """Tell whether something would be lost that cannot be made anew as it was."""
        gone = self.action == "Remove" or (self.action == "Modify" and self.replacement != "False")
        held = self.kind in PRECIOUS or re.fullmatch(r"Manager\d|Machine", self.resource)
        return gone and bool(held)

    def __str__(self) -> str:
        """Return the change as a line of the plan."""
        what = f"{self.resource} ({words(self.kind)})"
        because = f": {', '.join(self.properties)}" if self.properties else ""
        match self.action, self.replacement:
            case "Add", _:
                return f"+ make {what}"
            case "Remove", _:
                return f"- delete {what}"
            case "Modify", "True":
                return f"! replace {what}{because}"
            case "Modify", "Conditional":
                return f"! change {what}, perhaps by replacing it{because}"
            case "Modify", _:
                return f"~ change {what}{because}"
            case _:
                return f"? {self.action.lower()} {what}"


def of_change_set(rows: Iterable[Mapping[str, Any]]) -> list[Change]:
    """Read the rows of DescribeChangeSet."""
    changes = []
    for row in rows:
        change = row["ResourceChange"]
        names = [
            detail["Target"].get("Name") or detail["Target"]["Attribute"]
            for detail in change.get("Details", [])
        ]
        changes.append(
            Change(
                action=change["Action"],
                resource=change["LogicalResourceId"],
                kind=change["ResourceType"].removeprefix("AWS::"),
                replacement=change.get("Replacement", "False"),
                properties=tuple(dict.fromkeys(names)),
            )
        )
    return changes


def of_resources(resources: Mapping[str, Resource]) -> list[Change]:
    """List what a new stack would make."""
    return [
        Change("Add", name, resource["Type"].removeprefix("AWS::"))
        for name, resource in resources.items()
    ]


def summary(changes: Iterable[Change]) -> str:
    """Count new resources by kind: "6 subnets, 3 route tables, 1 network"."""
    counted = Counter(words(change.kind) for change in changes)
    return ", ".join(f"{n} {_plural(word, n)}" for word, n in counted.most_common())


def words(kind: str) -> str:
    """Return the name of a resource type as people say it."""
    if kind in WORDS:
        return WORDS[kind]
    last = kind.rpartition("::")[2]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last).lower()


def _plural(word: str, number: int) -> str:
    if number == 1 or word.endswith("settings"):
        return word
    if word.endswith("ss"):
        return f"{word}es"
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"
