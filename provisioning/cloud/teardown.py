"""down: delete the stacks of an installation, whichever kinds it has had; and what it leaves."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.exceptions import ClientError

from provisioning.cloud import logs
from provisioning.cloud.aws import Aws, code_of, explained
from provisioning.cloud.deploy import Deployer, Stack
from provisioning.cloud.operations import Installation, Say, Tell
from provisioning.cloud.stacks import Stage, every_stage
from provisioning.cloud.states import EMPTY, Remedy
from provisioning.cloud.workers import token_name
from provisioning.errors import OperatorError


def present(installation: Installation, *, hosts_only: bool = False) -> list[tuple[Stage, Stack]]:
    """List the stacks that there are, of every kind, in the order in which they are deleted."""
    kept = ("network", "data") if hosts_only else ()
    order = reversed(every_stage(installation.settings))
    found = ((s, installation.deployer.find(s.stack)) for s in order if s.template not in kept)
    return [(stage, stack) for stage, stack in found if stack is not None]


def refuse_with_data(stacks: list[tuple[Stage, Stack]]) -> None:
    """Refuse to delete hosts alone where a host holds the data: one machine has all of it."""
    for stage, stack in stacks:
        if stage.template == "machine":
            raise OperatorError(
                f"{stack.name} holds database and covers on its own disk; they would go with it. "
                "Back up first (sudo ./machine.sh backup) and copy the backup elsewhere; "
                "./run ops cloud down, without --hosts, deletes the machine. Nothing was deleted."
            )


def refuse_unsettled(stacks: list[tuple[Stage, Stack]]) -> None:
    """Refuse, before anything is deleted, while somebody changes one of the stacks."""
    for _, stack in stacks:
        if stack.remedy is Remedy.WAIT and stack.status not in EMPTY:
            raise OperatorError(f"{stack.trouble} Nothing was deleted.")


def delete(
    installation: Installation, stacks: list[tuple[Stage, Stack]], say: Say, tell: Tell
) -> None:
    """Delete stacks one after another; the next one only goes when the one before is gone."""
    refuse_unsettled(stacks)
    deployer: Deployer = installation.deployer
    for stage, stack in stacks:
        say(f"{stage.stack}: delete")
        if stage.template == "swarm":
            _forget_workers(installation.aws, installation.settings.name)
        deployer.delete(stack.name, tell)
        if stage.template == "data" and "DatabaseId" in stack.outputs:
            logs.forget(installation.aws, stack.outputs["DatabaseId"])


def snapshots(installation: Installation) -> list[str]:
    """Name the database snapshots that are left of this installation."""
    prefix = f"{installation.settings.name}-data-"
    rds = installation.aws.rds
    with explained("list the database's snapshots"):
        clusters = rds.describe_db_cluster_snapshots(SnapshotType="manual")
        instances = rds.describe_db_snapshots(SnapshotType="manual")
    names = [s["DBClusterSnapshotIdentifier"] for s in clusters["DBClusterSnapshots"]]
    names += [s["DBSnapshotIdentifier"] for s in instances["DBSnapshots"]]
    return sorted(name for name in names if name.startswith(prefix))


def backup_disks(installation: Installation, stacks: list[tuple[Stage, Stack]]) -> list[str]:
    """Name the disks with a machine's backups, which outlive the stacks that made them.

    Known while the stacks are there; a start that failed has left its disk but no outputs.
    """
    pager = installation.aws.cloudformation.get_paginator("list_stack_resources")
    disks = []
    for stage, stack in stacks:
        if stage.template != "machine":
            continue
        with explained(f"list the resources of {stack.name}"):
            rows = [
                row
                for page in pager.paginate(StackName=stack.name)
                for row in page["StackResourceSummaries"]
            ]
        disks += [
            row["PhysicalResourceId"]
            for row in rows
            if row["ResourceType"] == "AWS::EC2::Volume" and row.get("PhysicalResourceId")
        ]
    return disks


def newest_backup(installation: Installation) -> datetime | None:
    """Return the time of the newest backup of the shared files; they have no final one."""
    aws = installation.aws
    stack = installation.deployer.find(f"{installation.settings.name}-data")
    if stack is None or "Files" not in stack.outputs:
        return None
    account = stack.outputs["DatabaseSecret"].split(":")[4]
    arn = f"arn:aws:elasticfilesystem:{aws.region}:{account}:file-system/{stack.outputs['Files']}"
    with explained("list the backups of the shared files"):
        rows = aws.backup.list_recovery_points_by_resource(ResourceArn=arn)
    times = [
        row["CreationDate"].astimezone(UTC)
        for row in rows["RecoveryPoints"]
        if row["Status"] == "COMPLETED"
    ]
    return max(times, default=None)


def _forget_workers(aws: Aws, name: str) -> None:
    """Delete what is not in the stack: the token; and the hook, so that nobody waits for it."""
    with explained("delete the worker token"):
        aws.ssm.delete_parameters(Names=[token_name(name)])
    with explained("take the drain hook off the workers"):
        try:
            aws.autoscaling.delete_lifecycle_hook(
                LifecycleHookName="drain", AutoScalingGroupName=f"{name}-workers"
            )
        except ClientError as error:
            if code_of(error) != "ValidationError":  # no such group or hook: so be it
                raise
