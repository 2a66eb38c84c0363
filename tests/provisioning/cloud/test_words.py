"""Bad input, refusals and changes, each in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.stub import Stubber

from provisioning.cloud import costs, host_keys, inventory_file
from provisioning.cloud.aws import Aws, explain
from provisioning.cloud.changes import Change, of_change_set, summary
from provisioning.cloud.events import Event, failures
from provisioning.cloud.refresh import refresh
from provisioning.cloud.settings import Settings, load
from provisioning.cloud.stacks import subnets
from provisioning.errors import OperatorError
from provisioning.inventory import load as load_inventory

EXAMPLE = Path("provisioning/cloud/example.toml")


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateStack")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoCredentialsError(), "There are no AWS credentials. Run `aws configure`"),
        (refusal("ExpiredToken"), "have expired. Renew them"),
        (refusal("InvalidClientTokenId"), "does not know these credentials"),
        (
            refusal("AccessDenied", "User: x is not authorized to perform: rds:CreateDBCluster on"),
            "the right to rds:CreateDBCluster is missing",
        ),
        (refusal("LimitExceededException", "Limit exceeded for stacks"), "Service Quotas"),
        (refusal("AlreadyExistsException", "Stack [x] already exists"), "The name is taken"),
    ],
)
def test_refusals_say_what_to_do(error: Exception, says: str) -> None:
    assert says in explain(error, "make the stack shop-data")


def test_a_wrong_region_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(OperatorError, match=r'no region "eu-west-11".*mean eu-west-1'):
        Aws("eu-west-11")


def test_the_example_is_right() -> None:
    assert load(EXAMPLE).name == "bookstore"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("managers = 1", "managers = 2"), r"\[hosts\] managers"),
        (("disk = 20", "dsk = 20"), r'\[hosts\] has no key "dsk". Did you mean "disk"'),
        (("domain = ", "domian = "), r'has no key "domian". Did you mean "domain"'),
        (("10.0.0.0/16", "10.192.0.0/12"), "between /16 and /20"),
        (("10.0.0.0/16", "172.17.0.0/20"), "overlaps 172.17.0.0/16, which every host's docker0"),
        (("10.0.0.0/16", "172.18.128.0/20"), "every host's docker_gwbridge"),
        (("10.0.0.0/16", "10.200.16.0/20"), "overlaps 10.200.0.0/16, which the swarm's overlay"),
        (("198.51.100.7/32", "198.51.100.7/8"), "is no network"),
        (("zones = 3", "zones = 2"), r"\[network\] zones"),
        (("max_capacity = 4", "max_capacity = 1\nmin_capacity = 2"), "cannot be read"),
        (("books.example.com", "https://books"), "is no domain name"),
    ],
)
def test_mistakes_in_the_settings(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(EXAMPLE.read_text().replace(*change))
    with pytest.raises(OperatorError, match=says):
        load(path)


def test_what_an_editor_of_windows_writes_can_be_read(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace("\n", "\r\n")
    path = tmp_path / "cloud.toml"
    path.write_bytes(text.encode("utf-8-sig"))
    assert load(path) == load(EXAMPLE)
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(OperatorError, match="Save it as UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[shop]", "[[shop]]", "Write [shop], in one pair of brackets"),
        ("~/.ssh/", "~nobody-has-this-name/.ssh/", "~nobody-has-this-name has no home folder here"),
    ],
)
def test_wrong_brackets_and_homes(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    (tmp_path / "cloud.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(OperatorError) as refusal:
        load(tmp_path / "cloud.toml")
    assert says in str(refusal.value)


def test_limited_turns_off_what_such_accounts_may_not_do(tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(
        '[cloud]\nregion = "us-east-1"\noperators = "198.51.100.7/32"\nlimited = true\n'
        '[shop]\ndomain = "books.example.com"\nacme_email = "a@example.com"\nimage = "x/y:1"\n'
        "[database]\nbackup_days = 3\n"
    )
    settings = load(path)
    assert (settings.network.zones, settings.network.flow_logs) == (1, False)
    assert (settings.database.engine, settings.database.backup_days) == ("mysql", 3)
    assert settings.hosts.instance_profile == "LabInstanceProfile"


def row(action: str, name: str, kind: str, replacement: str = "False") -> dict[str, Any]:
    target = {"Attribute": "Properties", "Name": "InstanceType"}
    return {
        "ResourceChange": {
            "Action": action,
            "LogicalResourceId": name,
            "ResourceType": f"AWS::{kind}",
            "Replacement": replacement,
            "Details": [{"Target": target}] if action == "Modify" else [],
        }
    }


def test_changes_in_words() -> None:
    changes = of_change_set(
        [
            row("Modify", "Manager1", "EC2::Instance", "True"),
            row("Modify", "Workers", "AutoScaling::AutoScalingGroup"),
            row("Remove", "Files", "EFS::FileSystem"),
        ]
    )
    assert [str(c) for c in changes] == [
        "! replace Manager1 (instance): InstanceType",
        "~ change Workers (auto-scaling group): InstanceType",
        "- delete Files (shared file system)",
    ]
    assert [c.dangerous for c in changes] == [True, False, True]


@pytest.mark.parametrize(
    ("action", "resource", "kind", "replacement", "lost"),
    [
        ("Modify", "Machine", "EC2::Instance", "True", True),
        ("Modify", "Machine", "EC2::Instance", "Conditional", True),
        ("Modify", "Machine", "EC2::Instance", "False", False),
        ("Remove", "Machine", "EC2::Instance", "False", True),
        ("Add", "Machine", "EC2::Instance", "False", False),
        ("Modify", "Manager3", "EC2::Instance", "True", True),
        ("Remove", "Manager3", "EC2::Instance", "False", True),
        ("Modify", "Bastion", "EC2::Instance", "True", False),
        ("Modify", "MachineRole", "IAM::Role", "True", False),
        ("Remove", "Database", "RDS::DBInstance", "False", True),
    ],
)
def test_what_holds_data_is_lost_with_its_resource(
    action: str, resource: str, kind: str, replacement: str, lost: bool
) -> None:
    assert Change(action, resource, kind, replacement, ("ImageId",)).dangerous is lost


def test_a_summary_counts_by_kind() -> None:
    made = [Change("Add", n, "EC2::Subnet") for n in "ab"] + [Change("Add", "p", "IAM::Policy")]
    assert summary(made) == "2 subnets, 1 policy"


def test_failures_name_resource_reason_and_advice_but_no_echoes() -> None:
    events = [
        Event(
            "s", "Vpc", "EC2::VPC", "CREATE_FAILED", "The maximum number of VPCs has been reached."
        ),
        Event("s", "Files", "EFS::FileSystem", "CREATE_FAILED", "Resource creation cancelled"),
    ]
    (line,) = failures(events)
    assert line.startswith(
        "Vpc (network): The maximum number of VPCs has been reached. The account"
    )


class Stubbed:
    """An account whose answers are written down beforehand."""

    def __init__(self) -> None:
        session = boto3.Session("testing", "testing", region_name="eu-west-1")
        self.aws = Aws("eu-west-1", session)


@pytest.fixture
def stubbed() -> Aws:
    return Stubbed().aws


@pytest.mark.parametrize("last", ["Successful", "RollbackSuccessful"])
def test_an_instance_refresh_is_followed_to_its_end(stubbed: Aws, last: str) -> None:
    said: list[str] = []
    with Stubber(stubbed.autoscaling) as stub:
        stub.add_response(
            "start_instance_refresh",
            {"InstanceRefreshId": "1"},
            {
                "AutoScalingGroupName": "g",
                "DesiredConfiguration": {
                    "LaunchTemplate": {"LaunchTemplateId": "lt", "Version": "2"}
                },
                "Preferences": {
                    "MinHealthyPercentage": 100,
                    "MaxHealthyPercentage": 200,
                    "SkipMatching": True,
                    "AutoRollback": True,
                },
            },
        )
        for status in ("InProgress", last):
            found = {"InstanceRefreshId": "1", "Status": status, "PercentageComplete": 50}
            stub.add_response(
                "describe_instance_refreshes",
                {"InstanceRefreshes": [found]},
                {"AutoScalingGroupName": "g"},
            )
        if last == "Successful":
            refresh(stubbed, "g", "lt", "2", said.append, 0.0)
        else:
            with pytest.raises(OperatorError, match="instances from before are back"):
                refresh(stubbed, "g", "lt", "2", said.append, 0.0)
    assert said[0] == "  inprogress, 50 % of the instances"


def test_subnets_of_any_size_are_apart() -> None:
    assert subnets("10.0.0.0/16") == (
        ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"],
        ["10.0.32.0/19", "10.0.64.0/19", "10.0.96.0/19"],
    )


def test_every_cost_has_a_price_and_small_is_cheaper() -> None:
    settings = load(EXAMPLE)
    lines = costs.estimate(settings, costs.prices())
    assert all(line.price is not None for line in lines)
    small = settings.model_copy(
        update={"network": settings.network.model_copy(update={"nat": "none"})}
    )
    assert sum(x.total for x in costs.estimate(small, costs.prices())) < sum(x.total for x in lines)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0PdZeL7zkB8YjYjv2s9Y7g0n3T0H0h8o4mM0m0m0m0"


def test_a_host_key_is_found_in_the_console() -> None:
    console = f"[ 12.3] systemd\nbookstore-host-key {KEY}\r\nlogin: "
    assert host_keys.announced(console) == KEY
    assert host_keys.announced("nothing yet") is None


def test_the_inventory_is_one_that_apply_takes(
    tmp_path: Path, make_settings: Callable[..., Settings]
) -> None:
    outputs = {
        "FilesHost": "fs-1.efs.eu-west-1.amazonaws.com",
        "Group": "bookstore-workers",
    }
    members = [
        inventory_file.Member("manager1", "manager", "10.0.32.5", "a", KEY),
        inventory_file.Member("i-0abc", "worker", "10.0.64.6", "b", KEY),
    ]
    bastion = inventory_file.Member("bastion", "jump", "203.0.113.5", "", KEY)
    path = tmp_path / "cluster.toml"
    text = inventory_file.text(make_settings(), outputs, bastion, members)
    inventory_file.write(path, text, {"database_url": "mysql://u:p@h/b\n"})
    inventory = load_inventory(path)
    assert [h.name for h in inventory.host] == ["manager1", "i-0abc"]
    assert all(h.jump == "bastion" for h in inventory.host)
    assert inventory.node_group is not None
    assert inventory.node_group.name == "bookstore-workers"
    known = inventory_file.pinned(path)
    assert known[("bastion", "203.0.113.5")] == known[("i-0abc", "10.0.64.6")] == KEY
    assert (tmp_path / "secrets/database_url").stat().st_mode & 0o777 == 0o600


def test_somebody_elses_inventory_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text("[cluster]\n")
    with pytest.raises(OperatorError, match="left alone"):
        inventory_file.write(path, "", {})
    assert path.read_text() == "[cluster]\n"
