"""Credentials that change by themselves on AWS reach the swarm; hosts, releases are stand-ins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioning.cloud import images, upkeep
from provisioning.cloud.aws import Aws
from provisioning.cloud.deploy import Deployer, Stack
from provisioning.errors import OperatorError
from swarm.model import Service
from tests.provisioning.cloud.conftest import ACCOUNT, REGION

ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
URL = "mysql://bookstore_a:{}@db:3306/bookstore?ssl_ca=/run/secrets/database_ca\n"


@dataclass
class Swarm:
    """Stands for a cluster: keeps what its hosts are told, and hides what it must."""

    folder: Path
    image: str = f"{ECR}/bookstore:1"
    dead: tuple[str, ...] = ()
    name: str = "shop"
    hosts: tuple[str, ...] = ("manager1", "worker1")
    rolling: str = ""  # the service that is being updated
    told: list[tuple[str, str, bytes]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    @property
    def spec(self) -> Any:
        return SimpleNamespace(image=self.image, database_url_file=self.folder / "database_url")

    @property
    def redact(self) -> Any:
        return SimpleNamespace(hide=self.hidden.append)

    @property
    def fleet(self) -> Any:
        def each(hosts: Iterable[str], work: Callable[[Any], object]) -> dict[str, object]:
            lost = OperatorError("It does not answer.")
            return {h: lost if h in self.dead else work(self.connection(h)) for h in hosts}

        return SimpleNamespace(each=each)

    def connection(self, host: str) -> Any:
        def run(command: str, *, stdin: bytes = b"", **_: object) -> None:
            self.told.append((host, command, stdin))

        return SimpleNamespace(run=run)

    def manager(self) -> Any:
        return self.connection("manager1")

    def services(self) -> list[Any]:
        names = {"shop_web": self.image, "edge_traefik": "traefik:v3.5"}
        return [
            Service(
                n,
                n,
                1,
                {"TaskTemplate": {"ContainerSpec": {"Image": i}}},
                update="updating" if n == self.rolling else "",
            )
            for n, i in names.items()
        ]


@dataclass
class Lock:
    """Stands for the lock: keeps what was done while it was held."""

    swarm: Swarm
    taken_by: str = ""
    held: list[str] = field(default_factory=list)

    @contextmanager
    def exclusive(self, cluster: Swarm, command: str) -> Iterator[None]:
        if self.taken_by:
            raise OperatorError(f"the cluster is being changed by {self.taken_by}")
        before = len(self.swarm.told)
        yield
        self.held += [command for _, command, _ in self.swarm.told[before:]]


@pytest.fixture(autouse=True)
def locked(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> Lock:
    lock = Lock(swarm)
    monkeypatch.setattr("provisioning.lock.exclusive", lock.exclusive)
    return lock


@pytest.fixture
def swarm(tmp_path: Path) -> Swarm:
    (tmp_path / "database_url").write_text(URL.format("old"))
    return Swarm(tmp_path)


def test_every_host_logs_in_and_services_of_that_registry_get_the_password(
    account: Aws, swarm: Swarm
) -> None:
    assert upkeep.log_in(account, swarm)  # type: ignore[arg-type]
    name = images.ecr(swarm.image)
    assert name is not None
    password = images.password(account, name)
    logins = [(host, stdin) for host, command, stdin in swarm.told if "docker login" in command]
    assert set(logins) == {(h, password.encode()) for h in swarm.hosts}
    assert not [command for _, command, _ in swarm.told if password in command]
    assert password in swarm.hidden
    updates = [command for _, command, _ in swarm.told if "service update" in command]
    assert updates == ["docker service update --detach --with-registry-auth shop_web"]


def test_another_registry_is_left_alone(account: Aws, swarm: Swarm) -> None:
    swarm.image = "registry.example.com/bookstore:1"
    assert not upkeep.log_in(account, swarm)  # type: ignore[arg-type]
    assert swarm.told == []


def test_a_dead_host_is_named_after_the_others_have_been_done(account: Aws, swarm: Swarm) -> None:
    swarm.dead = ("worker1",)
    with pytest.raises(OperatorError, match=r"no new password:\n  worker1: It does not answer"):
        upkeep.log_in(account, swarm)  # type: ignore[arg-type]
    assert any("service update" in command for _, command, _ in swarm.told)


def updates(commands: Iterable[str]) -> list[str]:
    return [c for c in commands if "service update" in c]


def test_services_are_updated_under_the_lock_alone(
    account: Aws, swarm: Swarm, locked: Lock
) -> None:
    upkeep.log_in(account, swarm)  # type: ignore[arg-type]
    assert len(updates(locked.held)) == 1
    assert updates(locked.held) == updates(command for _, command, _ in swarm.told)


def test_while_an_operator_changes_the_cluster_nothing_is(
    account: Aws, swarm: Swarm, locked: Lock
) -> None:
    locked.taken_by = "ann@desk (deploy)"
    with pytest.raises(OperatorError, match="changed by ann@desk"):
        upkeep.log_in(account, swarm)  # type: ignore[arg-type]
    assert swarm.told == []


def test_a_rollout_keeps_its_way_back_and_hosts_have_the_password(
    account: Aws, swarm: Swarm
) -> None:
    swarm.rolling = "shop_web"
    with pytest.raises(OperatorError, match="shop_web is being updated"):
        upkeep.log_in(account, swarm)  # type: ignore[arg-type]
    commands = [command for _, command, _ in swarm.told]
    assert updates(commands) == []
    assert any("docker login" in command for command in commands)
    swarm.rolling = "edge_traefik"  # none of those that are updated
    assert upkeep.log_in(account, swarm)  # type: ignore[arg-type]


@dataclass
class Releases:
    """Stands for deploying: says whether there is something to deploy, and keeps what was."""

    pending: bool = False
    fails: bool = False
    deployed: list[str] = field(default_factory=list)

    def propose(self, cluster: Swarm, *_: object) -> Any:
        changed = cluster.spec.database_url_file.read_text() != URL.format("old")
        return SimpleNamespace(needed=changed or self.pending, release=SimpleNamespace(number=7))

    def carry_out(self, cluster: Swarm, *_: object) -> list[str]:
        if self.fails:
            raise OperatorError("The new release is not healthy.")
        self.deployed.append(cluster.spec.database_url_file.read_text())
        return []


@pytest.fixture
def releases(account: Aws, monkeypatch: pytest.MonkeyPatch) -> Releases:
    """Let the database's password be another one than the swarm's."""
    user = json.dumps({"username": "bookstore_a", "password": "new"})
    secret = account.secrets.create_secret(Name="s", SecretString=user)["ARN"]
    outputs = {"DatabaseSecret": secret, "DatabaseHost": "db"}
    stack = Stack("shop-data", "CREATE_COMPLETE", outputs=outputs, parameters={"Rotation": "true"})
    monkeypatch.setattr(Deployer, "find", lambda self, name: stack)
    releases = Releases()
    monkeypatch.setattr(upkeep, "propose", releases.propose)
    monkeypatch.setattr("provisioning.release.deploy.carry_out", releases.carry_out)

    def free(*_: object) -> AbstractContextManager[None]:
        return nullcontext()

    monkeypatch.setattr("provisioning.lock.exclusive", free)
    monkeypatch.setattr("provisioning.lock.recorded", free)
    return releases


def renew(account: Aws, swarm: Swarm) -> bool:
    return upkeep.renew_database(account, swarm, lambda text: None)  # type: ignore[arg-type]


def test_a_new_password_is_deployed_once(account: Aws, swarm: Swarm, releases: Releases) -> None:
    assert renew(account, swarm)
    assert releases.deployed == [URL.format("new")]
    assert not renew(account, swarm)
    assert len(releases.deployed) == 1
    assert swarm.spec.database_url_file.stat().st_mode & 0o077 == 0


def test_a_deploy_that_fails_is_tried_again(account: Aws, swarm: Swarm, releases: Releases) -> None:
    releases.fails = True
    with pytest.raises(OperatorError, match="not healthy"):
        renew(account, swarm)
    assert swarm.spec.database_url_file.read_text() == URL.format("old")
    releases.fails = False
    assert renew(account, swarm)


def test_what_an_operator_has_not_deployed_yet_is_not_deployed_for_him(
    account: Aws, swarm: Swarm, releases: Releases
) -> None:
    releases.pending = True
    with pytest.raises(OperatorError, match="changes that are not deployed"):
        renew(account, swarm)
    assert releases.deployed == []


def test_each_has_its_time_and_a_failure_is_said_and_tried_again_sooner(
    account: Aws, swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, done, said = [0.0], list[str](), list[str]()
    trouble = [OperatorError("AWS is away."), OperatorError("AWS is away.")]

    def log_in(aws: Aws, cluster: object) -> bool:
        if trouble:
            raise trouble.pop()
        done.append("registry")
        return True

    def renewed(aws: Aws, cluster: object, say: object) -> bool:
        done.append("database")
        return False

    monkeypatch.setattr(upkeep, "log_in", log_in)
    monkeypatch.setattr(upkeep, "renew_database", renewed)
    keeper = upkeep.Upkeep(account, swarm, said.append, lambda: now[0])  # type: ignore[arg-type]
    for hour in (0.0, 0.4, 0.6, 1.2, 6.0, 7.3):
        now[0] = hour * 3600
        keeper.round()
    assert done == ["database", "registry", "database", "database", "registry", "database"]
    assert [line.rpartition("hosts: ")[2] for line in said if "hosts: " in line] == ["AWS is away."]
