"""Why a scaling group could not start an instance: its activities say what a stack does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from provisioning.cloud.aws import Aws, advise, code_of, explained

RECENT = timedelta(hours=1)
FEW = 3  # different reasons that are worth telling


def failures(aws: Aws, group: str, now: datetime | None = None) -> list[str]:
    """Return each reason for which a launch failed lately, newest first, with what to do.

    The activities of a group outlive it for a while, so that they can be read after the way back.
    """
    since = (now or datetime.now(UTC)) - RECENT
    with explained(f"look at what the group {group} did"):
        try:
            rows = aws.autoscaling.describe_scaling_activities(
                AutoScalingGroupName=group, IncludeDeletedGroups=True, MaxRecords=20
            )["Activities"]
        except ClientError as error:
            if code_of(error) != "ValidationError":  # it never came to a group
                raise
            return []
    reasons = [
        row.get("StatusMessage", "AWS gives no reason").strip().rstrip(".")
        for row in rows
        if row["StatusCode"] == "Failed" and row["StartTime"] > since
    ]
    return [f"{reason}. {advise(reason)}".strip() for reason in dict.fromkeys(reasons)][:FEW]
