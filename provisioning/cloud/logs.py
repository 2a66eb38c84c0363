"""The log groups that RDS writes an Aurora cluster's logs to: kept for a while, not for ever."""

from __future__ import annotations

from botocore.exceptions import ClientError

from provisioning.cloud.aws import Aws, code_of, explained

DAYS = 90
KINDS = ("error", "slowquery")  # as the data template exports them


def keep(aws: Aws, cluster: str) -> None:
    """Make the groups, which RDS takes when they are there, and bound how long they keep."""
    for group in _groups(cluster):
        with explained(f"make the log group {group}"):
            try:
                aws.logs.create_log_group(logGroupName=group)
            except ClientError as error:
                if code_of(error) != "ResourceAlreadyExistsException":
                    raise
            aws.logs.put_retention_policy(logGroupName=group, retentionInDays=DAYS)


def forget(aws: Aws, cluster: str) -> None:
    """Delete the groups: they are in no stack."""
    for group in _groups(cluster):
        with explained(f"delete the log group {group}"):
            try:
                aws.logs.delete_log_group(logGroupName=group)
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise


def _groups(cluster: str) -> list[str]:
    return [f"/aws/rds/cluster/{cluster}/{kind}" for kind in KINDS]
