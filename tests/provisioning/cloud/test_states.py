"""Every command in every state of a stack and with every kind, as an operator types it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.backends import get_backend

from provisioning.cli.main import main
from provisioning.cloud import operations, templates
from provisioning.cloud.aws import Aws
from provisioning.cloud.stacks import KINDS
from provisioning.cloud.states import Remedy, remedy
from tests.provisioning.cloud.conftest import ACCOUNT, AMI, REGION, empty_account

WELL = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
TAKEN_BACK = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
START_FAILED = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED")
STUCK = ("UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED")
CHANGING = {  # and what each comes to
    "CREATE_IN_PROGRESS": "CREATE_COMPLETE",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_COMPLETE",
    "UPDATE_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_IN_PROGRESS": "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_IN_PROGRESS": "IMPORT_ROLLBACK_COMPLETE",
}
STATES = (
    *WELL,
    *TAKEN_BACK,
    *START_FAILED,
    *STUCK,
    *CHANGING,
    "DELETE_IN_PROGRESS",
    "DELETE_FAILED",
    "IMPORT_ROLLBACK_FAILED",
)

# The commands' own templates are run whole elsewhere; here only names, states and data count.
TEXT = {"Type": "String"}
CLUSTER = {
    "Type": "AWS::RDS::DBCluster",
    "DeletionPolicy": "Snapshot",
    "Properties": {
        "Engine": "aurora-mysql",
        "MasterUsername": "administrator",
        "ManageMasterUserPassword": True,
        "DeletionProtection": {"Ref": "Protect"},
    },
}
MACHINE = {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": {"Ref": "Ami"}}}
GROUP = {
    "Template": {
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {"LaunchTemplateData": {"ImageId": AMI, "InstanceType": "t4g.small"}},
    },
    "Workers": {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {
            "AvailabilityZones": [f"{REGION}a"],
            "MinSize": "0",
            "MaxSize": "1",
            "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"},
        },
    },
}


def small(name: str, secret: str) -> dict[str, Any]:
    """Write a template with the least that the commands look at."""
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": f"a-{name}-topic"}}
    outputs: dict[str, Any] = {"Of": name}
    match name:
        case "network":
            parameters, resources = {"Name": TEXT}, {"Topic": topic}
        case "data":
            version = {**TEXT, "Default": "8.0.mysql_aurora.3.10.6"}
            parameters = {"Name": TEXT, "Protect": TEXT, "ClusterVersion": version}
            resources = {"Cluster": CLUSTER}
            outputs |= {"DatabaseSecret": secret, "ShopSecret": secret, "DatabaseHost": "db"}
            outputs |= {"FilesHost": "files"}
        case _:
            parameters = {"Name": TEXT, "Ami": TEXT, "WorkersMax": {**TEXT, "Default": "1"}}
            resources = {"Bastion": MACHINE, "Manager1": MACHINE, **GROUP}
            outputs |= {
                "LoadBalancer": "balancer.example.com",
                "Address": "203.0.113.8",
                "BastionAddress": "203.0.113.9",
                "BastionId": {"Ref": "Bastion"},
                "Manager1Id": {"Ref": "Manager1"},
                "Manager1Address": {"Fn::GetAtt": ["Manager1", "PrivateIp"]},
                "Manager1Zone": f"{REGION}a",
                "Group": {"Ref": "Workers"},
            }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": parameters,
        "Resources": resources,
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }


def whole(kind: str) -> set[str]:
    """Name the stacks that a kind has: one machine has everything itself."""
    return {kind} if kind == "machine" else {"network", "data", kind}


class Operator:
    """Somebody at a terminal, and the account that he works in."""

    def __init__(self, aws: Aws, folder: Path, capsys: Callable[[], str]) -> None:
        self.aws, self.folder, self._read = aws, folder, capsys

    def settings(self, kind: str) -> Path:
        path = self.folder / f"{kind}.toml"
        key = self.folder / "operator"
        key.touch(mode=0o600)
        key.with_suffix(".pub").write_text("ssh-ed25519 AAAAC3Nz operator\n")
        path.write_text(
            f'[cloud]\nname = "shop"\nregion = "{REGION}"\noperators = "198.51.100.7/32"\n'
            f'kind = "{kind}"\n[shop]\ndomain = "books.example.com"\n'
            'acme_email = "a@example.com"\nimage = "x/y:1"\n'
            f'[hosts]\nami = "{AMI}"\nkey_file = "{key}"\n'
            '[group]\ncertificate = "arn:aws:acm:eu-west-1:123456789012:certificate/1"\n'
        )
        return path

    def types(self, kind: str, *words: str) -> tuple[int, str]:
        status = main(["cloud", *words, "--config", str(self.settings(kind))])
        return status, self._read()

    def stacks(self) -> dict[str, Any]:
        found = get_backend("cloudformation")[ACCOUNT][REGION].stacks
        return {stack.name: stack for stack in found.values()}

    def there(self) -> set[str]:
        return {name.removeprefix("shop-") for name in self.stacks()}

    def state_of(self, kind: str) -> str:
        return str(self.stacks()[f"shop-{kind}"].status)

    def puts(self, name: str, status: str, *later: str) -> None:
        stack = self.stacks()[f"shop-{name}"]
        stack.status, stack.later = status, list(later)

    def databases(self) -> list[tuple[str, bool]]:
        """Name each database, and tell whether it is protected against deletion."""
        rows = self.aws.rds.describe_db_clusters()["DBClusters"]
        return [(row["DbClusterResourceId"], row["DeletionProtection"]) for row in rows]


@pytest.fixture(scope="module")
def emulated(moto_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """Give an account for all of the table, with templates that take no time."""
    with pytest.MonkeyPatch.context() as patches:
        aws = empty_account(moto_server, patches)
        folder = tmp_path_factory.mktemp("templates")
        user = json.dumps({"username": "u", "password": "p"})
        secret = aws.secrets.create_secret(Name="shop", SecretString=user)["ARN"]
        for name in {*templates.NAMES, *KINDS}:
            (folder / f"{name}.yml").write_text(json.dumps(small(name, secret)))
        patches.setattr(templates, "FOLDER", folder)
        # One set of clients, and no pause between two looks.
        patches.setattr("provisioning.cloud.aws.Aws", lambda region: aws)
        patches.setattr(operations, "Installation", partial(operations.Installation, poll=0.0))

        def get(url: str, timeout: float) -> httpx.Response:
            return httpx.Response(200, text="PEM\n", request=httpx.Request("GET", url))

        patches.setattr(httpx, "get", get)
        yield aws


@pytest.fixture
def operator(emulated: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(emulated, tmp_path, lambda: "".join(capsys.readouterr()))


@pytest.fixture
def running(operator: Operator) -> Callable[[str], Operator]:
    """Give an installation of a kind in which all is well, mended from what came before."""

    def make(kind: str) -> Operator:
        for name, stack in operator.stacks().items():
            if stack.status != "ROLLBACK_COMPLETE":
                operator.puts(name.removeprefix("shop-"), "CREATE_COMPLETE")
        if operator.there() - whole(kind):
            operator.types(kind, "down", "--yes", "shop")
        states = {stack.status for stack in operator.stacks().values()}
        if operator.there() != whole(kind) or states != {"CREATE_COMPLETE"}:
            status, said = operator.types(kind, "up", "--yes")
            assert status == 0, said
        return operator

    return make


def test_the_states_are_those_that_aws_lists(emulated: Aws) -> None:
    shape = emulated.cloudformation.meta.service_model.shape_for("StackStatus")
    assert set(STATES) == set(shape.metadata["enum"]) - {"DELETE_COMPLETE"}
    assert remedy("SOMETHING_NEW") is Remedy.CONSOLE


# The whole table is a matter of the night; one kind of the commands that change, of every day.
NIGHTLY = [pytest.param(k, marks=pytest.mark.nightly) for k in KINDS if k != "swarm"]
kinds = pytest.mark.parametrize("kind", ["swarm", *NIGHTLY])
every_kind = pytest.mark.parametrize("kind", KINDS)
states = pytest.mark.parametrize("state", STATES)


@states
@kinds
def test_plan(running: Callable[[str], Operator], kind: str, state: str) -> None:
    operator = running(kind)
    operator.puts(kind, state)
    before = operator.there()
    status, said = operator.types(kind, "plan")
    assert (operator.there(), operator.state_of(kind)) == (before, state)  # it changes nothing
    if state in WELL + TAKEN_BACK:
        assert (status, f"shop-{kind}: no changes" in said) == (0, True)
    elif state in START_FAILED:
        assert status == 0
        assert f"shop-{kind}: new, " in said
        assert "deletes what is left of it and makes it anew" in said
    elif state in STUCK:
        assert status == 0
        assert f"shop-{kind}: not known yet. The stack shop-{kind} is in the state {state}" in said
        assert "./run ops cloud up, which first takes it back to where it was" in said
    elif state in CHANGING:
        assert (status, f"is being changed by somebody ({state})" in said) == (0, True)
    elif state == "DELETE_IN_PROGRESS":
        assert (status, "is being deleted by somebody" in said) == (0, True)
    elif state == "DELETE_FAILED":
        assert (status, "./run ops cloud down to finish deleting it" in said) == (1, True)
    else:
        assert (status, "in the CloudFormation console" in said) == (1, True)


@states
@kinds
def test_up_does_what_the_others_advise(
    running: Callable[[str], Operator], kind: str, state: str
) -> None:
    operator = running(kind)
    operator.puts(kind, state, *((state, CHANGING[state]) if state in CHANGING else ()))
    before = operator.databases()
    status, said = operator.types(kind, "up", "--yes")
    assert operator.there() == whole(kind)
    assert operator.databases() == before  # whatever becomes of the hosts
    if state in ("DELETE_IN_PROGRESS", "DELETE_FAILED", "IMPORT_ROLLBACK_FAILED"):
        assert (status, operator.state_of(kind)) == (1, state)
        assert f"shop-{kind}" in said
        assert "./run ops cloud" in said or "console" in said
        return
    assert status == 0, said
    assert operator.state_of(kind) in WELL + TAKEN_BACK
    fresh = state in START_FAILED or CHANGING.get(state) in START_FAILED
    assert (f"shop-{kind}: make " in said) == fresh
    assert ("take it back to where it was" in said) == (state in STUCK)
    assert ("waiting for it" in said) == (state in CHANGING)
    assert operator.types(kind, "up", "--yes")[1].count("nothing to do") == len(
        whole(kind)
    )  # it is whole


@states
@every_kind
def test_status(running: Callable[[str], Operator], kind: str, state: str) -> None:
    operator = running(kind)
    operator.puts(kind, state)
    status, said = operator.types(kind, "status")
    assert state.lower().replace("_", " ") in said
    assert status == (0 if state in WELL else 1)
    # A last change that was taken back needs nothing; every other state says what to do.
    assert (f"The stack shop-{kind} is " in said) == (state not in WELL + TAKEN_BACK)


@states
@kinds
def test_down(running: Callable[[str], Operator], kind: str, state: str) -> None:
    operator = running(kind)
    before = operator.databases()
    assert [protected for _, protected in before] == [True] * ("data" in whole(kind))
    operator.puts(kind, state)
    status, said = operator.types(kind, "down", "--yes", "shop")
    if state in CHANGING:
        assert status == 1
        assert f"is being changed by somebody ({state})" in said
        assert said.rstrip().endswith("Nothing was deleted.")
        assert operator.there() == whole(kind)
        assert operator.databases() == before
        return
    assert status == 0, said
    assert (operator.there(), operator.databases()) == (set(), [])
    if before:
        assert 'To go on from one: [database] snapshot = "NAME"' in said


@states
@every_kind
def test_inventory(running: Callable[[str], Operator], kind: str, state: str) -> None:
    operator = running(kind)
    stack = operator.stacks()[f"shop-{kind}"]
    outputs = stack.output_map
    if state in START_FAILED:
        stack.output_map = {}
    operator.puts(kind, state)
    status, said = operator.types(kind, "inventory", "--output", str(operator.folder / "c.toml"))
    stack.output_map = outputs
    assert operator.state_of(kind) == state
    if kind != "swarm":
        assert (status, "no inventory" in said) == (1, True)
    elif state in START_FAILED:
        assert (status, "deletes what is left of it and makes it anew" in said) == (1, True)
    else:
        assert (status, "with 1 host" in said) == (0, True), said


@every_kind
@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("plan",), "Make them"),
        (("status",), "not there"),
        (("down", "--yes", "shop"), "There is nothing of shop"),
        (("down", "--hosts", "--yes", "shop"), "There are no hosts of shop"),
        (("inventory",), "inventory|There is no stack shop-network yet"),
    ],
)
def test_without_any_stack(
    operator: Operator, kind: str, command: tuple[str, ...], says: str
) -> None:
    if operator.there():
        operator.types(kind, "down", "--yes", "shop")
    _, said = operator.types(kind, *command)
    assert re.search(says, said) or "To make these changes: ./run ops cloud up" in said
    assert operator.there() == set()


OTHERS = [(a, b) for a in KINDS for b in KINDS if a != b]


@pytest.mark.parametrize(("there", "asked"), OTHERS)
def test_another_kind_is_refused_and_its_database_stays(
    running: Callable[[str], Operator], there: str, asked: str
) -> None:
    operator = running(there)
    before = operator.databases()
    for command in (("plan",), ("up", "--yes")):
        status, said = operator.types(asked, *command)
        assert status == 1
        assert f"There is shop-{there}" in said
        assert ("./run ops cloud down --hosts" in said) == (there != "machine")
        assert ("machine.sh backup" in said) == (there == "machine")
    assert f"shop-{there}" in operator.types(asked, "status")[1]

    only = () if there == "machine" else ("--hosts",)
    status, said = operator.types(asked, "down", *only, "--yes", "shop")
    assert (status, there in operator.there()) == (0, False)
    assert operator.databases() == before
    status, said = operator.types(asked, "up", "--yes")
    assert (status, asked in operator.there()) == (0, True), said


@every_kind
def test_the_hosts_alone_are_not_deleted_where_they_hold_the_data(
    running: Callable[[str], Operator], kind: str
) -> None:
    operator = running("machine")
    status, said = operator.types(kind, "down", "--hosts", "--yes", "shop")
    assert (status, operator.there()) == (1, whole("machine"))
    assert "shop-machine holds database and covers" in said
    assert said.rstrip().endswith("Nothing was deleted.")


@pytest.mark.parametrize(("there", "asked"), OTHERS)
def test_down_says_what_stays_of_what_is_there(
    running: Callable[[str], Operator], there: str, asked: str
) -> None:
    operator = running(there)
    said = operator.types(asked, "down", "--yes", "shop")[1]
    machine = there == "machine"
    assert ("The machine's database and covers go" in said) == machine
    assert ("The database leaves a final snapshot" in said) != machine


@pytest.mark.parametrize(("there", "asked"), OTHERS)
def test_down_of_another_kind_takes_the_hosts_before_the_database(
    running: Callable[[str], Operator], there: str, asked: str
) -> None:
    operator = running(there)
    status, said = operator.types(asked, "down", "--yes", "shop")
    gone = [line.split(":")[0] for line in said.splitlines() if line.endswith(": delete")]
    assert (status, operator.there()) == (0, set())
    if there != "machine":
        assert gone.index(f"shop-{there}") < gone.index("shop-data") < gone.index("shop-network")
