"""Workers of an auto-scaling group: against moto, and where that lacks a call, against a script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from provisioning.cloud.aws import Aws
from provisioning.cloud.workers import Ec2Workers, token_name
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.growth.loop import Scaler
from provisioning.growth.policy import Rules
from provisioning.growth.provider import Group, Machine
from provisioning.growth.view import View
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.provisioning.cloud.conftest import AMI
from tests.provisioning.factories import inventory

GROUP = "shop-workers"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def workers(account: Aws) -> Ec2Workers:
    """Give a group of two, from one to four."""
    account.ec2.create_launch_template(
        LaunchTemplateName="worker",
        LaunchTemplateData={"ImageId": AMI, "InstanceType": "t4g.small"},
    )
    subnet = account.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        MinSize=1,
        MaxSize=4,
        DesiredCapacity=2,
        VPCZoneIdentifier=subnet,
        LaunchTemplate={"LaunchTemplateName": "worker", "Version": "1"},
    )
    return Ec2Workers(account, GROUP, "shop")


def test_a_group_grows_and_shrinks(workers: Ec2Workers) -> None:
    first = workers.group()
    assert (len(first.machines), first.wanted, first.trouble) == (2, 2, "")
    assert all(m.address and m.zone and m.age >= 0 and not m.leaving for m in first.machines)
    workers.grow(2)
    assert workers.group().wanted == len(workers.group().machines) == 4
    workers.release(workers.group().machines[0])
    after = workers.group()
    assert after.wanted == 3
    assert first.machines[0].name not in {m.name for m in after.machines}


def test_at_its_smallest_another_takes_the_place(workers: Ec2Workers) -> None:
    workers.release(workers.group().machines[0])
    (last,) = workers.group().machines
    workers.release(last)
    (fresh,) = workers.group().machines
    assert fresh.name != last.name


def test_a_group_that_is_not_there(account: Aws) -> None:
    with pytest.raises(OperatorError, match=r"no auto-scaling group shop-workers in eu-west-1"):
        Ec2Workers(account, GROUP, "shop").group()


def test_the_token_comes_and_goes_encrypted(workers: Ec2Workers, account: Aws) -> None:
    assert not workers.withdraw()
    workers.offer("SWMTKN-1")
    workers.offer("SWMTKN-2")
    name = token_name("shop")
    held = account.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (held["Value"], held["Type"]) == ("SWMTKN-2", "SecureString")
    assert workers.withdraw()
    assert not workers.withdraw()


class Manager:
    """Stands for the connection to a manager: keeps what it is told to do."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run(self, command: str, **_: object) -> None:
        self.commands.append(command)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    manager = Manager()
    monkeypatch.setattr(Cluster, "manager", lambda self: manager)
    return manager


@pytest.fixture
def scaler(workers: Ec2Workers) -> Iterator[Scaler]:
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory(), fleet)
        yield Scaler(cluster, workers, Rules(1, 4), lambda text: None, lambda: 0.0)


def test_the_token_is_there_only_while_a_worker_is_awaited(
    scaler: Scaler, manager: Manager, account: Aws
) -> None:
    def held() -> list[str]:
        found = account.ssm.describe_parameters()["Parameters"]
        return [p["Name"] for p in found]

    here = Group((Machine("i-1"),), 1)
    asked = Group((Machine("i-1"),), 2)
    fresh = Machine("i-2")
    first = View((), {}, token="SWMTKN-1")

    scaler._tokens(first, asked, [])  # asked for, not there yet
    assert held() == [token_name("shop")]
    scaler._tokens(first, Group((Machine("i-1"), fresh), 2), [fresh])
    assert manager.commands == []
    scaler._tokens(first, here, [])
    assert held() == []
    (command,) = manager.commands
    assert "for role in worker manager" in command  # who saw one has seen neither that is valid
    scaler._tokens(View((), {}, token="SWMTKN-2"), here, [])
    assert len(manager.commands) == 1


# What moto cannot do: its instances leave at once, and no launch ever fails.


@pytest.fixture
def scripted() -> Aws:
    """Give an account whose answers are written down beforehand."""
    session = boto3.Session("testing", "testing", region_name="eu-west-1")
    return Aws("eu-west-1", session)


def instance(name: str, state: str) -> dict[str, Any]:
    return {
        "InstanceId": name,
        "LifecycleState": state,
        "HealthStatus": "Healthy",
        "AvailabilityZone": "eu-west-1a",
        "ProtectedFromScaleIn": False,
    }


def answer(stub: Stubber, wanted: int, *instances: dict[str, Any]) -> None:
    group = {
        "AutoScalingGroupName": GROUP,
        "MinSize": 1,
        "MaxSize": 4,
        "DesiredCapacity": wanted,
        "DefaultCooldown": 300,
        "AvailabilityZones": ["eu-west-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": NOW,
        "Instances": list(instances),
    }
    stub.add_response(
        "describe_auto_scaling_groups",
        {"AutoScalingGroups": [group]},
        {"AutoScalingGroupNames": [GROUP]},
    )


def test_an_instance_that_is_to_end_waits_until_it_is_let_go(scripted: Aws) -> None:
    with Stubber(scripted.autoscaling) as groups, Stubber(scripted.ec2) as instances:
        answer(
            groups,
            1,
            instance("i-1", "InService"),
            instance("i-2", "Terminating:Wait"),
            instance("i-3", "Terminating:Proceed"),
        )
        described = [
            {
                "InstanceId": name,
                "PrivateIpAddress": f"10.0.32.{n}",
                "Placement": {"AvailabilityZone": "eu-west-1a"},
                "LaunchTime": NOW - timedelta(seconds=90),
            }
            for n, name in enumerate(("i-1", "i-2"), 1)
        ]
        instances.add_response(
            "describe_instances",
            {"Reservations": [{"Instances": described}]},
            {"Filters": [{"Name": "instance-id", "Values": ["i-1", "i-2"]}]},
        )
        workers = Ec2Workers(scripted, GROUP, "shop", lambda: NOW)
        group = workers.group()
        assert group.machines == (
            Machine("i-1", "10.0.32.1", "eu-west-1a", 90),
            Machine("i-2", "10.0.32.2", "eu-west-1a", 90, leaving=True),
        )
        groups.add_response(
            "complete_lifecycle_action",
            {},
            {
                "LifecycleHookName": "drain",
                "AutoScalingGroupName": GROUP,
                "LifecycleActionResult": "CONTINUE",
                "InstanceId": "i-2",
            },
        )
        workers.release(group.machines[1])
        groups.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("minutes", "message", "says"),
    [
        (1, "You have requested more vCPU capacity than your current vCPU limit of 32", "Quotas"),
        (1, "We currently do not have sufficient t4g.small capacity", r"another \[hosts\] type"),
        (16, "We currently do not have sufficient t4g.small capacity", "^$"),
    ],
)
def test_why_no_instance_came_is_told_for_a_while(
    scripted: Aws, minutes: int, message: str, says: str
) -> None:
    with Stubber(scripted.autoscaling) as groups:
        answer(groups, 1)
        failed = {
            "ActivityId": "a",
            "AutoScalingGroupName": GROUP,
            "Cause": "c",
            "StartTime": NOW - timedelta(minutes=minutes),
            "StatusCode": "Failed",
            "StatusMessage": f"{message}.",
        }
        groups.add_response(
            "describe_scaling_activities",
            {"Activities": [failed]},
            {"AutoScalingGroupName": GROUP, "MaxRecords": 1},
        )
        found = Ec2Workers(scripted, GROUP, "shop", lambda: NOW).group()
    assert re.search(says, found.trouble)
    assert (found.machines, found.wanted) == ((), 1)


def test_more_than_the_group_may_have_is_refused_in_words(scripted: Aws) -> None:
    with Stubber(scripted.autoscaling) as groups:
        answer(groups, 4)
        groups.add_client_error(
            "set_desired_capacity", "ValidationError", "5 is above max value 4 for the group."
        )
        with pytest.raises(OperatorError, match=r"not let .* have 5 instances: 5 is above"):
            Ec2Workers(scripted, GROUP, "shop").grow(1)


@pytest.mark.parametrize("written", [True, False])
def test_a_host_key_is_read_from_the_newest_console(scripted: Aws, written: bool) -> None:
    key = "ssh-ed25519 AAAAC3Nz"
    console = {"Output": f"boot\r\nbookstore-host-key {key}\r\n"} if written else {}
    with Stubber(scripted.ec2) as instances:
        instances.add_response("get_console_output", console, {"InstanceId": "i-1", "Latest": True})
        found = Ec2Workers(scripted, GROUP, "shop").host_key(Machine("i-1"))
    assert found == (key if written else None)


@pytest.mark.parametrize(
    ("call", "method", "work", "says"),
    [
        (
            "autoscaling",
            "describe_auto_scaling_groups",
            lambda w: w.group(),
            "You may not look at the group shop-workers: the right to "
            "DescribeAutoScalingGroups is missing",
        ),
        (
            "ssm",
            "put_parameter",
            lambda w: w.offer("t"),
            "You may not store the token for new workers: the right to PutParameter is missing",
        ),
        (
            "ec2",
            "get_console_output",
            lambda w: w.host_key(Machine("i-1")),
            "You may not read the console of i-1: the right to GetConsoleOutput is missing",
        ),
    ],
)
def test_a_missing_right_is_named(
    scripted: Aws, call: str, method: str, work: Callable[[Ec2Workers], object], says: str
) -> None:
    with Stubber(getattr(scripted, call)) as stub:
        stub.add_client_error(method, "AccessDenied", "no")
        with pytest.raises(OperatorError, match=re.escape(says)):
            work(Ec2Workers(scripted, GROUP, "shop"))
