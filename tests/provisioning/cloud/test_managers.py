"""All managers renewed by one command, as an operator types it; the swarm's side is a stand-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from moto.backends import get_backend
from moto.cloudformation.models import CloudFormationBackend

from provisioning.cli.main import main
from provisioning.cloud import managers, operations
from provisioning.cloud.aws import Aws
from provisioning.errors import OperatorError
from provisioning.inventory import Host, Inventory, load
from swarm.model import Node
from tests.provisioning.cloud.conftest import ACCOUNT, AMI, OTHER_AMI, REGION


@dataclass
class World:
    """Who is in the swarm, at which address; a node is up while an instance has its address."""

    aws: Aws
    members: dict[str, str] = field(default_factory=dict)
    happened: list[tuple[str, int]] = field(default_factory=list)  # with managers taking part then
    broken: str = ""  # the step that fails
    fails: type[BaseException] = OperatorError  # in this way
    drained: set[str] = field(default_factory=set)
    lost_meanwhile: dict[str, str] = field(default_factory=dict)  # while one is drained

    def nodes(self) -> list[Node]:
        pages = self.aws.ec2.describe_instances(
            Filters=[{"Name": "instance-state-name", "Values": ["running"]}]
        )["Reservations"]
        there = {i["PrivateIpAddress"] for page in pages for i in page["Instances"]}

        def node(name: str, address: str) -> Node:
            words = ("ready", "reachable") if address in there else ("down", "unreachable")
            takes = "drain" if name in self.drained else "active"
            return Node(name, name, address, "manager", words[0], takes, reachability=words[1])

        return [node(*member) for member in self.members.items()]

    def takes(self, step: str) -> None:
        taking_part = sum(n.reachability == "reachable" for n in self.nodes())
        self.happened.append((step, taking_part))
        if step == self.broken:
            raise self.fails(f"{step} went wrong" if self.fails is OperatorError else "")


@pytest.fixture
def world(account: Aws, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(account)

    class Swarm:
        """Stands for the connections to the hosts of an inventory."""

        def __init__(self, inventory: Inventory, fleet: object) -> None:
            self.inventory = inventory

        def nodes(self) -> list[Node]:
            return made.nodes()

        def node_of(self, host: Host) -> Node:
            for node in made.nodes():
                if node.hostname == host.name:
                    return node
            raise OperatorError(f"{host.name} is not in the swarm.")

        def services(self) -> list[Any]:
            return [SimpleNamespace(stack="app", running=[1], desired=1, rollout="")]

    def drain(cluster: Swarm, host: Host, seen: object, say: object) -> None:
        made.drained.add(host.name)
        made.takes(f"drain {host.name}")
        made.members.update(made.lost_meanwhile)

    def activate(cluster: Swarm, host: Host, say: object) -> None:
        made.takes(f"activate {host.name}")
        made.drained.discard(host.name)

    def set_up(cluster: Swarm, host: Host, objects: object, say: object) -> None:
        made.takes(f"set up {host.name}")
        made.members[host.name] = host.address
        made.drained.discard(host.name)

    def served(*_: object) -> None:
        made.takes("served")

    at_once = partial(operations.Installation, poll=0.0)
    monkeypatch.setattr(operations, "Installation", at_once)
    monkeypatch.setattr("provisioning.cluster.Cluster", Swarm)
    for name in ("exclusive", "recorded"):
        monkeypatch.setattr(f"provisioning.lock.{name}", lambda cluster, command: nullcontext())
    for name, stand_in in {
        "prepare": lambda *_: None,
        "carry_out": drain,
        "set_up_anew": set_up,
        "until_served": served,
        "Outside": lambda cluster: None,
        "replace_plan": lambda cluster, host, objects: SimpleNamespace(
            operations=[SimpleNamespace(host=host.name, words="join the swarm")]
        ),
        "hide_secrets": lambda cluster: None,
        "activate": activate,
    }.items():
        monkeypatch.setattr(managers, name, stand_in)

    def get(url: str, timeout: float) -> httpx.Response:
        return httpx.Response(200, text="PEM\n", request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    return made


Types = Callable[..., tuple[int, str]]


@pytest.fixture
def types(tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str]) -> Types:
    """Let an operator type a command, with these settings of the hosts."""
    key = tmp_path / "operator"
    key.touch(mode=0o600)
    key.with_suffix(".pub").write_text("ssh-ed25519 AAAAC3Nz operator\n")

    def run(*words: str, count: int = 3, **hosts: str) -> tuple[int, str]:
        rows = "".join(f'{name} = "{value}"\n' for name, value in hosts.items())
        config = tmp_path / "cloud.toml"
        config.write_text(
            f'[cloud]\nname = "shop"\nregion = "{REGION}"\noperators = "198.51.100.7/32"\n'
            '[shop]\ndomain = "books.example.com"\nacme_email = "a@example.com"\nimage = "x/y:1"\n'
            f'[hosts]\nmanagers = {count}\nkey_file = "{key}"\n{rows}'
        )
        output = ("--output", str(tmp_path / "cluster.toml")) if words[0] != "up" else ()
        status = main(["cloud", *words, "--config", str(config), *output])
        return status, "".join(capsys.readouterr())

    return run


def test_managers_go_one_after_another_and_the_workers_stay(
    types: Types, world: World, tmp_path: Path
) -> None:
    assert types("up", "--yes", ami=AMI)[0] == 0
    assert types("inventory", ami=AMI)[0] == 0
    inventory = load(tmp_path / "cluster.toml")
    world.members = {h.name: h.address for h in inventory.managers}
    keys = {h.host_key for h in inventory.managers}

    world.broken = "set up manager2"  # the network of whoever does it, say
    status, said = types("replace-managers", "--yes", ami=OTHER_AMI, worker_ami=AMI)
    assert (status, "set up manager2 went wrong" in said) == (1, True)
    world.broken = ""
    status, said = types("replace-managers", "--yes", ami=OTHER_AMI, worker_ami=AMI)
    assert status == 0, said

    assert world.happened == [
        ("drain manager1", 3),
        ("set up manager1", 2),
        ("served", 3),
        ("drain manager2", 3),
        ("set up manager2", 2),
        ("set up manager2", 2),  # what was left undone comes first
        ("served", 3),
        ("drain manager3", 3),
        ("set up manager3", 2),
        ("served", 3),
    ]
    renewed = load(tmp_path / "cluster.toml")
    assert not keys & {h.host_key for h in renewed.managers}
    assert {n.reachability for n in world.nodes()} == {"reachable"}
    assert {h.name for h in renewed.workers} == {h.name for h in inventory.workers}
    assert "renew the instances" not in said
    assert "new instances will find the managers at their new addresses" in said
    status, said = types("replace-managers", "--yes", ami=OTHER_AMI, worker_ami=AMI)
    assert (status, "Nothing to do." in said) == (0, True)


def test_what_takes_no_tasks_comes_first_and_nothing_is_changed_unasked(
    types: Types, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal was interrupted; it is shown what is left of it, and asked."""
    assert types("up", "--yes", ami=AMI)[0] == 0
    assert types("inventory", ami=AMI)[0] == 0
    world.members = {h.name: h.address for h in load(tmp_path / "cluster.toml").managers}
    assert types("replace-managers", ami=AMI)[0] == 0  # there is nothing to ask about

    world.drained = {"manager2"}
    status, said = types("replace-managers", ami=AMI)
    assert (status, "There is no terminal to ask on" in said, world.happened) == (1, True, [])
    assert "manager2 takes no tasks, and is to take them again." in said
    away, world.members["manager3"] = world.members["manager3"], "10.0.99.99"
    status, said = types("replace-managers", ami=AMI)
    assert (status, "There is no terminal to ask on" in said, world.happened) == (1, True, [])
    assert "manager3 takes no part in the swarm. To set it up:\n  + manager3: join" in said
    world.members["manager3"] = away
    assert types("replace-managers", "--yes", ami=AMI)[0] == 0
    assert [step for step, _ in world.happened] == ["activate manager2", "served"]

    world.drained, world.broken, world.fails = {"manager3"}, "drain manager3", KeyboardInterrupt
    status, said = types("replace-managers", "--yes", ami=OTHER_AMI)
    assert (status, world.happened[2:]) == (130, [("drain manager3", 3)])
    assert "manager3 takes no tasks now. To go on, run the same command again." in said

    world.broken, world.lost_meanwhile = "", {"manager1": "10.0.99.99"}
    monkeypatch.setattr("provisioning.care.maintenance.JOINED", 0.0)
    before = instances(world.aws)
    status, said = types("replace-managers", "--yes", ami=OTHER_AMI)
    assert (status, "lose their quorum" in said, instances(world.aws)) == (1, True, before)
    assert "./run ops activate manager3" in said


def instances(aws: Aws) -> set[str]:
    pages = aws.ec2.describe_instances()["Reservations"]
    return {i["InstanceId"] for page in pages for i in page["Instances"]}


def test_no_manager_goes_while_another_is_away(types: Types, world: World, tmp_path: Path) -> None:
    """The one that is away is renewed first; the others stay until it takes part."""
    assert types("up", "--yes", ami=AMI)[0] == 0
    assert types("inventory", ami=AMI)[0] == 0
    world.members = {h.name: h.address for h in load(tmp_path / "cluster.toml").managers}
    world.broken = "set up manager3"
    world.members["manager3"] = "10.0.99.99"
    status, said = types("replace-managers", "--yes", ami=OTHER_AMI)
    assert (status, "set up manager3 went wrong" in said) == (1, True)
    assert "run the same command again" in said
    assert world.happened == [("drain manager3", 2), ("set up manager3", 2)]

    world.broken = ""
    assert types("replace-managers", "--yes", ami=OTHER_AMI)[0] == 0
    steps = [step for step, _ in world.happened[2:]]
    assert [s for s in steps if s != "served"] == [
        "set up manager3",
        *(f"{step} {name}" for name in ("manager1", "manager2") for step in ("drain", "set up")),
    ]
    assert min(count for _, count in world.happened) == 2


def stack() -> Any:
    """Give the stack of the hosts as the emulator has it."""
    found = get_backend("cloudformation")[ACCOUNT][REGION].stacks
    return next(s for s in found.values() if s.name == "shop-swarm")


@pytest.mark.nightly
def test_ctrl_c_in_the_update_of_aws_is_gone_on_with(
    types: Types, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS goes on meanwhile: the same command waits for that, and sets up what came of it."""
    assert types("up", "--yes", ami=AMI)[0] == 0
    assert types("inventory", ami=AMI)[0] == 0
    world.members = {h.name: h.address for h in load(tmp_path / "cluster.toml").managers}
    executed = CloudFormationBackend.execute_change_set
    pauses: list[float] = []

    def slowly(*given: Any, **named: Any) -> None:
        executed(*given, **named)
        stack().status, stack().later = "UPDATE_IN_PROGRESS", ["UPDATE_IN_PROGRESS"] * 3

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(CloudFormationBackend, "execute_change_set", slowly)
        clock = SimpleNamespace(sleep=pause, time=time.time)
        cut.setattr("provisioning.cloud.deploy.time", clock)
        status, said = types("replace-managers", "--yes", ami=OTHER_AMI)
    assert (status, len(pauses), world.happened) == (130, 1, [("drain manager1", 3)])
    assert "manager1 takes no tasks now. To go on, run the same command again." in said

    stack().later = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    status, said = types("replace-managers", "--yes", ami=OTHER_AMI)
    assert status == 0, said
    assert "shop-swarm: update in progress by somebody; waiting for it" in said
    steps = [step for step, _ in world.happened[1:]]
    assert steps == [
        *("set up manager1", "served"),
        *("drain manager2", "set up manager2", "served"),
        *("drain manager3", "set up manager3", "served"),
    ]
    assert {n.reachability for n in world.nodes()} == {"reachable"}


def test_no_manager_goes_while_somebody_deletes_them_all(
    types: Types, world: World, tmp_path: Path
) -> None:
    assert types("up", "--yes", ami=AMI)[0] == 0
    assert types("inventory", ami=AMI)[0] == 0
    world.members = {h.name: h.address for h in load(tmp_path / "cluster.toml").managers}
    stack().status = "DELETE_IN_PROGRESS"
    status, said = types("replace-managers", "--yes", ami=OTHER_AMI)
    assert (status, "is being deleted by somebody" in said, world.happened) == (1, True, [])


@pytest.mark.nightly
def test_another_type_restarts_a_manager_in_its_place(
    types: Types, world: World, tmp_path: Path
) -> None:
    assert types("up", "--yes", ami=AMI)[0] == 0
    assert types("inventory", ami=AMI)[0] == 0
    before = load(tmp_path / "cluster.toml").managers
    world.members = {h.name: h.address for h in before}
    status, said = types("replace-managers", "--yes", ami=AMI, manager_type="t4g.medium")
    assert status == 0, said
    steps = [step for step, _ in world.happened]
    names = [h.name for h in before]
    assert steps == [s for n in names for s in (f"drain {n}", f"activate {n}", "served")]
    assert load(tmp_path / "cluster.toml").managers == before


def test_one_manager_cannot_be_renewed_in_place(types: Types, world: World) -> None:
    assert types("up", "--yes", count=1, ami=AMI)[0] == 0
    status, said = types("replace-managers", "--yes", count=1, ami=OTHER_AMI)
    assert (status, "nobody could take over from it" in said) == (1, True)
    assert world.happened == []
