"""From an empty account to a shop and back to nothing, against moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provisioning.cloud import inventory_file, teardown
from provisioning.cloud.events import Event
from provisioning.cloud.operations import Installation, describe
from provisioning.cloud.settings import LIMITED
from provisioning.cloud.workers import token_name
from provisioning.errors import OperatorError
from tests.provisioning.cloud.conftest import OTHER_AMI

Install = Callable[..., Installation]


def up(installation: Installation) -> bool:
    return installation.up(lambda text: None, lambda event: None)


def down(installation: Installation) -> None:
    stacks = teardown.present(installation)
    teardown.delete(installation, stacks, lambda text: None, lambda event: None)


def test_a_plan_of_an_empty_account_counts_what_would_be_made(install: Install) -> None:
    lines = list(describe(install().plan()))
    heads = [line.partition(":")[0] for line in lines if ": new, " in line]
    assert heads == ["shop-network", "shop-data", "shop-swarm"]
    assert any("6 subnets" in line for line in lines)


def test_a_plan_leaves_nothing(install: Install) -> None:
    installation = install()
    installation.plan()
    assert [stack for _, stack in installation.status()] == [None, None, None]


@pytest.mark.parametrize(
    ("kind", "limits"), [("swarm", {}), ("scaling-group", {}), ("swarm", LIMITED)]
)
def test_up_then_nothing_to_do_then_down_to_nothing(
    install: Install, kind: str, limits: dict[str, Any]
) -> None:
    zone = hosted_zone(install())
    installation = install(cloud={"kind": kind}, shop={"hosted_zone": zone}, **limits)
    aws = installation.aws
    before = leftovers(installation)
    assert up(installation)
    states = [s.status for _, s in installation.status() if s]  # the database is protected last
    assert states == ["CREATE_COMPLETE", "UPDATE_COMPLETE", "CREATE_COMPLETE"]
    assert [p.action for p in installation.plan()] == ["nothing", "nothing", "nothing"]
    assert not up(installation)
    if kind == "swarm":
        aws.ssm.put_parameter(Name=token_name("shop"), Value="SWMTKN-1", Type="SecureString")
    down(installation)
    assert leftovers(installation) == before
    assert len(teardown.snapshots(installation)) == 1


def hosted_zone(installation: Installation) -> str:
    client = installation.aws.session.client("route53")
    made = client.create_hosted_zone(Name="example.com", CallerReference="1")
    return made["HostedZone"]["Id"].rpartition("/")[2]


def leftovers(installation: Installation) -> dict[str, int]:
    """Count what costs or stands in the way."""
    aws, session = installation.aws, installation.aws.session
    reservations = aws.ec2.describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running", "stopped"]}]
    )["Reservations"]
    return {
        "vpcs": len(aws.ec2.describe_vpcs()["Vpcs"]),
        "instances": len(reservations),
        "addresses": len(aws.ec2.describe_addresses()["Addresses"]),
        "groups": len(aws.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]),
        "balancers": len(session.client("elbv2").describe_load_balancers()["LoadBalancers"]),
        "clusters": len(aws.rds.describe_db_clusters()["DBClusters"]),
        "databases": len(aws.rds.describe_db_instances()["DBInstances"]),
        "files": len(session.client("efs").describe_file_systems()["FileSystems"]),
        "secrets": len(aws.secrets.list_secrets()["SecretList"]),
        "parameters": len(aws.ssm.describe_parameters()["Parameters"]),
        "logs": len(aws.logs.describe_log_groups()["logGroups"]),
        "roles": len(session.client("iam").list_roles()["Roles"]),
        "stacks": len([s for _, s in installation.status() if s]),
    }


def test_a_changed_setting_shows_as_a_change_and_no_more(install: Install) -> None:
    up(install())
    changed = install(hosts={"workers": [2, 9]})
    network, data, swarm = changed.plan()
    assert (network.action, data.action, swarm.action) == ("nothing", "nothing", "update")
    assert [c.resource for c in swarm.changes] == ["Workers"]
    assert up(changed)
    groups = changed.aws.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert groups[0]["MaxSize"] == 9


def test_the_image_of_the_first_time_is_kept(install: Install) -> None:
    # Debian brings a new one every few weeks: taking it would replace the managers.
    up(install())
    later = install(hosts={"ami": ""})
    assert [p.action for p in later.plan()] == ["nothing", "nothing", "nothing"]


def test_each_host_has_the_key_that_its_own_console_shows(install: Install) -> None:
    installation = install(hosts={"managers": 3})
    up(installation)
    bastion, members, silent = inventory_file.gather(installation.aws, installation.outputs(), {})
    assert [m.name for m in members[:3]] == ["manager1", "manager2", "manager3"]
    assert len({m.host_key for m in (bastion, *members)}) == 1 + 3 + 2
    assert silent == []


def test_managers_are_replaced_one_after_another(install: Install) -> None:
    def machines(installation: Installation) -> list[tuple[str, str]]:
        outputs = installation.outputs()
        ids = [outputs[f"Manager{n}Id"] for n in (1, 2, 3)]
        found = installation.aws.ec2.describe_instances(InstanceIds=ids)["Reservations"]
        rows = {i["InstanceId"]: i for r in found for i in r["Instances"]}
        return [(rows[name]["ImageId"], rows[name]["InstanceType"]) for name in ids]

    up(install(hosts={"managers": 3}))
    changed = {"managers": 3, "ami": OTHER_AMI, "manager_type": "t4g.medium"}
    assert not [c for c in install(hosts=changed).plan()[2].changes if "Manager" in c.resource]
    second = install(hosts=changed)
    second.renewed = 2
    resources = [c.resource for c in second.plan()[2].changes]
    assert [r for r in resources if r.startswith("Manager")] == ["Manager2"]


def test_an_image_for_the_workers_alone_leaves_the_managers(install: Install) -> None:
    up(install())
    changes = install(hosts={"worker_ami": OTHER_AMI}).plan()[2].changes
    assert {c.resource for c in changes} <= {"WorkerTemplate", "Workers"}
    assert changes


@pytest.mark.parametrize("engine", ["aurora", "mysql"])
def test_protection_comes_after_creation_and_a_snapshot_is_gone_on_from(
    install: Install, engine: str
) -> None:
    """Only the data stack: the others cost time, and know nothing of it."""
    before = install(database={"engine": engine})
    up(before)
    down(before)
    (snapshot,) = teardown.snapshots(before)
    again = install(database={"engine": engine, "snapshot": snapshot})
    up(again)
    stack = again.deployer.find("shop-data")
    assert stack is not None
    assert (stack.parameters["Snapshot"], stack.parameters["Protect"]) == (snapshot, "true")
    # The setting may go: what it is made from stays.
    assert install(database={"engine": engine}).plan()[1].action == "nothing"


def test_who_is_to_be_told_gets_alarms_and_a_budget_and_down_takes_them(install: Install) -> None:
    installation = install(watch={"email": "ops@example.com", "budget": 300})
    up(installation)
    alarms = installation.aws.session.client("cloudwatch").describe_alarms()["MetricAlarms"]
    names = {a["AlarmName"].split("-")[2] for a in alarms}
    assert {"DatabaseIsBusy", "NobodyIsServed"} <= names
    for alarm in alarms:
        assert all(d["Value"] for d in alarm["Dimensions"])
    down(install())  # whatever the settings say by then
    assert installation.aws.session.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_progress_names_each_stack(install: Install) -> None:
    said: list[str] = []
    install().up(said.append, lambda event: None)
    names = [line.split(":")[0] for line in said]
    assert names == ["shop-network", "shop-data", "shop-data", "shop-swarm"]
    assert said[2] == "shop-data: protect the database against deletion"


def test_down_needs_an_unprotected_database_and_its_logs_end(install: Install) -> None:
    installation = install()
    up(installation)
    groups = installation.aws.logs.describe_log_groups(logGroupNamePrefix="/aws/rds/")["logGroups"]
    assert [g["logGroupName"].rpartition("/")[2] for g in groups] == ["error", "slowquery"]
    assert {g["retentionInDays"] for g in groups} == {90}
    cluster = installation.aws.rds.describe_db_clusters()["DBClusters"][0]
    assert cluster["DeletionProtection"] is True
    down(installation)
    assert installation.aws.rds.describe_db_clusters()["DBClusters"] == []


def test_outputs_of_a_missing_installation(install: Install) -> None:
    with pytest.raises(OperatorError, match="There is no stack shop-network yet"):
        install().outputs()


def test_events_are_told_once(install: Install) -> None:
    seen: list[Event] = []
    installation = install()
    installation.up(lambda text: None, seen.append)
    assert len(seen) == len(set(seen))
