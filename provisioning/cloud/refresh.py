"""Renew the instances of a group one after another; AWS takes them back when new ones fail."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from provisioning.cloud.aws import Aws, code_of, explained
from provisioning.errors import OperatorError

# Where new workers find the managers: those that have joined know them from the swarm.
ADDRESSES = re.compile(r"^( *for manager in ).*(; do)$", re.MULTILINE)
RUNNING = frozenset({"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"})


def needed(aws: Aws, template: str, before: str, after: str) -> bool:
    """Tell whether instances of one version differ from those of another.

    They do not where only the managers' addresses did: each replaced manager would otherwise renew
    all workers.
    """
    with explained("compare the versions of the launch template"):
        rows = aws.ec2.describe_launch_template_versions(
            LaunchTemplateId=template, Versions=[before, after]
        )["LaunchTemplateVersions"]
    found = {str(row["VersionNumber"]): _without_addresses(row) for row in rows}
    return before not in found or found[before] != found.get(after)


def _without_addresses(row: Any) -> dict[str, Any]:
    data = dict(row["LaunchTemplateData"])
    text = base64.b64decode(data.pop("UserData", "")).decode()
    return {**data, "UserData": ADDRESSES.sub(r"\1\2", text)}


def refresh(
    aws: Aws, group: str, template: str, version: str, say: Callable[[str], None], poll: float
) -> None:
    """Start an instance refresh, or join one under way, and follow it; raise unless it succeeds.

    New instances come before old ones go. When the new ones do not become healthy AWS goes back to
    the version before, and this raises with its reason.
    """
    with explained(f"renew the instances of {group}"):
        try:
            number = aws.autoscaling.start_instance_refresh(
                AutoScalingGroupName=group,
                DesiredConfiguration={
                    "LaunchTemplate": {"LaunchTemplateId": template, "Version": version}
                },
                Preferences={
                    "MinHealthyPercentage": 100,
                    "MaxHealthyPercentage": 200,
                    "SkipMatching": True,
                    "AutoRollback": True,
                },
            )["InstanceRefreshId"]
        except ClientError as error:
            if code_of(error) != "InstanceRefreshInProgress":
                raise
            number = ""  # the newest one, which AWS lists first
    said = ""
    while True:
        with explained(f"look at the renewal of {group}"):
            rows = aws.autoscaling.describe_instance_refreshes(AutoScalingGroupName=group)
        row = next(
            r for r in rows["InstanceRefreshes"] if r["InstanceRefreshId"] == number or not number
        )
        status = row["Status"]
        words = f"  {status.lower()}, {row.get('PercentageComplete', 0)} % of the instances"
        if words != said:
            say(words)
            said = words
        if status not in RUNNING:
            break
        time.sleep(poll)
    if status != "Successful":
        reason = row.get("StatusReason", "AWS gives no reason").rstrip(".")
        back = " The instances from before are back." if status == "RollbackSuccessful" else ""
        raise OperatorError(
            f"The instances of {group} could not be renewed: {reason}.{back} Look at the log of "
            "the new instances, put it right, and run ./run ops cloud up again."
        )
