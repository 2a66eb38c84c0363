"""From an empty account to a shop and back to nothing, against moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provisioning.cloud.events import Event
from provisioning.cloud.operations import Installation, describe
from provisioning.cloud.settings import LIMITED
from provisioning.cloud.workers import token_name
from provisioning.errors import OperatorError

Install = Callable[..., Installation]


def up(installation: Installation) -> bool:
    return installation.up(lambda text: None, lambda event: None)


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
    assert {s.status for _, s in installation.status() if s} == {"CREATE_COMPLETE"}
    assert [p.action for p in installation.plan()] == ["nothing", "nothing", "nothing"]
    assert not up(installation)
    if kind == "swarm":
        aws.ssm.put_parameter(Name=token_name("shop"), Value="SWMTKN-1", Type="SecureString")
    installation.down(lambda text: None, lambda event: None)
    assert leftovers(installation) == before
    assert len(installation.snapshots()) == 1


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


def test_three_managers_have_three_host_keys_that_stay(install: Install) -> None:
    up(install(hosts={"managers": 3}))
    outputs = install(hosts={"managers": 3}).outputs()
    keys = [outputs[f"Manager{n}HostKey"] for n in (1, 2, 3)] + [outputs["BastionHostKey"]]
    assert len(set(keys)) == 4
    up(install(hosts={"managers": 3}))
    assert install(hosts={"managers": 3}).outputs()["Manager1HostKey"] == keys[0]


def test_managers_added_later_get_keys_and_the_first_keeps_its_own(install: Install) -> None:
    up(install())
    first = install().outputs()["Manager1HostKey"]
    values = install(hosts={"managers": 3}).plan()[2].values
    assert values["Manager1HostKey"] == first
    assert values["Manager2HostKey"] == values["Manager3HostKey"] == "new"


def test_progress_names_each_stack(install: Install) -> None:
    said: list[str] = []
    install().up(said.append, lambda event: None)
    assert [line.split(":")[0] for line in said] == ["shop-network", "shop-data", "shop-swarm"]


def test_down_needs_an_unprotected_database(install: Install) -> None:
    installation = install()
    up(installation)
    cluster = installation.aws.rds.describe_db_clusters()["DBClusters"][0]
    assert cluster["DeletionProtection"] is True
    installation.down(lambda text: None, lambda event: None)
    assert installation.aws.rds.describe_db_clusters()["DBClusters"] == []


def test_outputs_of_a_missing_installation(install: Install) -> None:
    with pytest.raises(OperatorError, match="There is no stack shop-network yet"):
        install().outputs()


def test_events_are_told_once(install: Install) -> None:
    seen: list[Event] = []
    installation = install()
    installation.up(lambda text: None, seen.append)
    assert len(seen) == len(set(seen))
