"""The workers of an auto-scaling group on EC2, for `scale-hosts` and the inventory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from provisioning.cloud import host_keys
from provisioning.cloud.aws import Aws, advise, code_of, explained
from provisioning.errors import OperatorError
from provisioning.growth.provider import Group, Machine

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.type_defs import AutoScalingGroupTypeDef, InstanceTypeDef

HOOK = "drain"  # holds an instance that is to end until it is drained
GONE = ("Terminating:Proceed", "Terminated", "Detaching", "Detached")
RECENT = timedelta(minutes=15)  # how long a failed launch is worth telling


def token_name(name: str) -> str:
    """Return the SSM parameter that holds the swarm's present token for workers."""
    return f"/bookstore/{name}/worker-token"


def _now() -> datetime:
    return datetime.now(UTC)


class Ec2Workers:
    """The instances of one auto-scaling group; they join with a token that they find in SSM."""

    joins_itself = True

    def __init__(
        self, aws: Aws, group: str, installation: str, now: Callable[[], datetime] = _now
    ) -> None:
        self._aws = aws
        self._group = group
        self._token = token_name(installation)
        self._now = now

    def group(self) -> Group:
        """Look at the instances."""
        row = self._describe()
        rows = {i["InstanceId"]: i for i in row["Instances"] if i["LifecycleState"] not in GONE}
        machines = tuple(self._machines(rows))
        staying = sum(not m.leaving for m in machines)
        wanted = row["DesiredCapacity"]
        return Group(machines, wanted, self._trouble() if staying < wanted else "")

    def grow(self, count: int) -> None:
        """Ask for more instances."""
        wanted = self._describe()["DesiredCapacity"] + count
        with explained(f"let the group {self._group} have {wanted} instances"):
            self._aws.autoscaling.set_desired_capacity(
                AutoScalingGroupName=self._group, DesiredCapacity=wanted, HonorCooldown=False
            )

    def host_key(self, machine: Machine) -> str | None:
        """Read the key that an instance wrote to its console when it booted."""
        return host_keys.read(self._aws, machine.name)

    def release(self, machine: Machine) -> None:
        """Let an instance end: at once where it waits for that, else in place of no other."""
        if machine.leaving:
            with explained(f"let {machine.name} go"):
                self._aws.autoscaling.complete_lifecycle_action(
                    LifecycleHookName=HOOK,
                    AutoScalingGroupName=self._group,
                    LifecycleActionResult="CONTINUE",
                    InstanceId=machine.name,
                )
            return
        row = self._describe()
        with explained(f"end {machine.name}"):
            self._aws.autoscaling.terminate_instance_in_auto_scaling_group(
                InstanceId=machine.name,
                # At its smallest the group makes another instead.
                ShouldDecrementDesiredCapacity=row["DesiredCapacity"] > row["MinSize"],
            )

    def offer(self, token: str) -> None:
        """Put the token where new instances look."""
        with explained("store the token for new workers"):
            self._aws.ssm.put_parameter(
                Name=self._token, Value=token, Type="SecureString", Overwrite=True
            )

    def withdraw(self) -> bool:
        """Delete the token."""
        with explained("delete the token for new workers"):
            try:
                self._aws.ssm.delete_parameter(Name=self._token)
            except ClientError as error:
                if code_of(error) != "ParameterNotFound":
                    raise
                return False
        return True

    def _describe(self) -> AutoScalingGroupTypeDef:
        with explained(f"look at the group {self._group}"):
            found = self._aws.autoscaling.describe_auto_scaling_groups(
                AutoScalingGroupNames=[self._group]
            )["AutoScalingGroups"]
        if not found:
            raise OperatorError(
                f"There is no auto-scaling group {self._group} in {self._aws.region}. Make it with "
                "./run ops cloud up, or correct [node_group] in the inventory."
            )
        return found[0]

    def _machines(self, rows: dict[str, InstanceTypeDef]) -> list[Machine]:
        if not rows:
            return []
        with explained("look at the workers"):
            found = self._aws.ec2.describe_instances(
                Filters=[{"Name": "instance-id", "Values": sorted(rows)}]
            )["Reservations"]
        return [
            Machine(
                name=instance["InstanceId"],
                address=instance.get("PrivateIpAddress", ""),
                zone=instance["Placement"]["AvailabilityZone"],
                age=(self._now() - instance["LaunchTime"]).total_seconds(),
                leaving=rows[instance["InstanceId"]]["LifecycleState"].startswith("Terminating"),
            )
            for reservation in found
            for instance in reservation["Instances"]
        ]

    def _trouble(self) -> str:
        """Say why the last launch failed, if it did just now: a quota, or nothing left there."""
        with explained(f"look at what the group {self._group} did"):
            rows = self._aws.autoscaling.describe_scaling_activities(
                AutoScalingGroupName=self._group, MaxRecords=1
            )["Activities"]
        if not rows or rows[0]["StatusCode"] != "Failed":
            return ""
        if self._now() - rows[0]["StartTime"] > RECENT:
            return ""
        reason = rows[0].get("StatusMessage", "AWS gives no reason").rstrip(".")
        return f"{reason}. {advise(reason)}".strip()
