"""Backups of a real MariaDB over a real sshd: taken, sealed, kept, restored to a moment, proven."""

from __future__ import annotations

import io
import random
import shutil
import tarfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pyrage
import pytest
from moto.server import ThreadedMotoServer

from provisioning.backups import restoring, taking
from provisioning.backups.catalogue import Taken
from provisioning.backups.database import Database
from provisioning.backups.seal import opened, sealed
from provisioning.backups.taking import AnotherServer, Keeper
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Backup
from provisioning.ssh.fleet import Fleet
from tests.provisioning.conftest import Sshd
from tests.provisioning.factories import inventory
from tests.support.mariadb import MariaDB, NotInstalled

pytestmark = pytest.mark.mariadb


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    """A database that keeps its binary logs."""
    try:
        with MariaDB.start("--log-bin=binlog", "--server-id=1") as server:
            yield server
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture
def shop(server: MariaDB) -> str:
    """A shop's database with three orders, and its URL for a user who may do everything."""
    url = server.create_database("shop")
    server.connect().query("GRANT ALL ON *.* TO 'shop'@'%'")
    with server.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id INT PRIMARY KEY, title TEXT) ENGINE=InnoDB")
        cursor.execute("CREATE TABLE orders_version (version_num INT)")
        cursor.execute("INSERT INTO orders_version VALUES (7)")
    sell(server, "Rayuela", "El túnel", 'O\'Brien \\ "quoted"')
    return url


def sell(server: MariaDB, *titles: str) -> None:
    """Write orders."""
    with server.connect("shop") as connection, connection.cursor() as cursor:
        for title in titles:
            cursor.execute(
                "INSERT INTO orders SELECT COALESCE(MAX(id), 0) + 1, %s FROM orders", (title,)
            )


def sold(server: MariaDB) -> list[str]:
    """List the orders' titles."""
    with server.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT title FROM orders ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def fake_state(connection: Any) -> bytes:
    """Stand for the engine, which these tests have none of."""
    return b"the swarm's state"


@pytest.fixture
def cluster(
    shop: str, sshd: Sshd, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Cluster:
    """A cluster of which this machine is the manager."""
    monkeypatch.setattr(taking, "copy_state", fake_state)
    monkeypatch.setattr(Cluster, "manager", lambda self, patience=20.0: self.to(self.hosts[0]))
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"# made by age-keygen\n{identity}\n")
    (tmp_path / "url").write_text(shop)
    (tmp_path / "shared/media/a").mkdir(parents=True)
    (tmp_path / "shared/media/a/cover.webp").write_bytes(b"picture" * 1000)
    backup = Backup(
        to=str(tmp_path / "kept"),
        recipients=(str(identity.to_public()),),
        identity_file=tmp_path / "identity",
        database_url_file=tmp_path / "url",
        keep=2,
    )
    made = inventory(storage=f"path:{tmp_path}/shared")
    return Cluster(made.model_copy(update={"host": (sshd.host(),), "backup": backup}), fleet)


def into(cluster: Cluster, server: MariaDB, tmp_path: Path) -> Cluster:
    """Give the cluster an empty database and an empty folder, as after a disaster."""
    server.create_database("shop")
    (tmp_path / "new/media").mkdir(parents=True)
    spec = cluster.spec.model_copy(update={"storage": f"path:{tmp_path}/new"})
    return Cluster(cluster.inventory.model_copy(update={"cluster": spec}), cluster.fleet)


def test_a_shop_comes_back_as_it_was_at_a_moment_between_two_backups(
    cluster: Cluster, server: MariaDB, tmp_path: Path
) -> None:
    said: list[str] = []
    keeper = Keeper(cluster, said.append)
    keeper.take()
    sell(server, "Ficciones")
    (tmp_path / "shared/media/b").mkdir()
    (tmp_path / "shared/media/b/later.webp").write_bytes(b"later")
    keeper.take_logs()
    sell(server, "Pedro Páramo")
    time.sleep(1.1)  # binary logs know whole seconds
    moment = datetime.now(UTC)
    time.sleep(1.1)
    server.connect("shop").query("DELETE FROM orders")
    keeper.take_logs()

    fresh = into(cluster, server, tmp_path)
    restoring.restore(fresh, moment, said.append)
    expected = ["Rayuela", "El túnel", 'O\'Brien \\ "quoted"', "Ficciones", "Pedro Páramo"]
    assert sold(server) == expected
    assert (tmp_path / "new/media/a/cover.webp").read_bytes() == b"picture" * 1000
    assert (tmp_path / "new/media/b/later.webp").read_bytes() == b"later"
    assert not (tmp_path / "new" / restoring.PART).exists()
    shutil.rmtree(tmp_path / "new/media")
    with pytest.raises(OperatorError, match="shop holds tables"):
        restoring.restore(fresh, moment, said.append)


def test_a_restore_that_broke_off_is_done_again_and_backed_up_by_nobody(
    cluster: Cluster, server: MariaDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(cluster, lambda text: None)
    taken = keeper.take()
    fresh = into(cluster, server, tmp_path)
    with pytest.raises(OperatorError, match="it holds no table"):
        keeper.take()

    def cut(*_: object) -> None:
        raise OperatorError("the connection was lost")

    with monkeypatch.context() as broken:
        broken.setattr(restoring, "bring_covers_back", cut)
        with pytest.raises(OperatorError, match="connection was lost"):
            restoring.restore(fresh, None, lambda text: None)
    with pytest.raises(OperatorError, match="a restore into it has not ended"):
        keeper.take()
    assert keeper.backups() == [taken]
    restoring.restore(fresh, None, lambda text: None)
    assert len(sold(server)) == 3
    with server.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert {row[0] for row in cursor.fetchall()} == {"orders", "orders_version"}


@pytest.mark.nightly
def test_logs_of_another_server_follow_no_backup_of_this_one(
    cluster: Cluster, server: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names are the same: they would be replayed upon what they know nothing of."""
    keeper = Keeper(cluster, lambda text: None)
    keeper.take()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(Database, "server", lambda self: "another")
        with pytest.raises(AnotherServer, match=r"\./run ops backup"):
            keeper.take_logs()
    sell(server, "Ficciones")
    assert keeper.take_logs()
    server.connect().query("RESET MASTER")
    with pytest.raises(AnotherServer):
        keeper.take_logs()
    later = keeper.take()
    assert keeper.take_logs() == 1
    assert [b.name for b in keeper.backups()][-1] == later.name


@pytest.mark.nightly
def test_a_moment_just_before_the_next_backup_is_reached(
    cluster: Cluster, server: MariaDB, tmp_path: Path
) -> None:
    """The log that the next one begins in tells of what was written before it as well."""
    keeper = Keeper(cluster, lambda text: None)
    keeper.take()
    sell(server, "Ficciones")
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    keeper.take()
    restoring.restore(into(cluster, server, tmp_path), moment, lambda text: None)
    assert "Ficciones" in sold(server)


@pytest.mark.nightly
def test_without_a_moment_the_deletion_is_done_again_and_told(
    cluster: Cluster, server: MariaDB, tmp_path: Path
) -> None:
    keeper = Keeper(cluster, lambda text: None)
    keeper.take()
    time.sleep(1.1)
    before = datetime.now(UTC)
    time.sleep(1.1)
    server.connect().query("DROP DATABASE shop")
    keeper.take_logs()
    fresh = into(cluster, server, tmp_path)
    with pytest.raises(OperatorError, match="Name a moment before it"):
        restoring.restore(fresh, None, lambda text: None)
    restoring.restore(fresh, before, lambda text: None)
    assert len(sold(server)) == 3


def test_a_damaged_backup_is_no_lost_connection(sshd: Sshd, fleet: Fleet, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(str(key))
    with sealed(tmp_path / "database.age", (str(key.to_public()),)) as write:
        write(random.randbytes(3_000_000))
    content = bytearray((tmp_path / "database.age").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "database.age").write_bytes(content)
    made = tmp_path / "made"
    with (
        pytest.raises(OperatorError, match=r"database\.age cannot be opened.*is damaged"),
        opened(tmp_path / "database.age", tmp_path / "key") as plain,
    ):
        fleet.to(sshd.host()).run(f"cat > {made}.part && mv {made}.part {made}", stdin=plain)
    assert not made.exists()


@pytest.mark.nightly
def test_a_drill_proves_the_newest_backup_and_leaves_nothing(
    cluster: Cluster, server: MariaDB
) -> None:
    keeper = Keeper(cluster, lambda text: None)
    keeper.take()
    sell(server, "Ficciones")
    keeper.take_logs()
    sell(server, "not kept yet")
    proof = restoring.drill(cluster, lambda text: None)
    assert (proof.tables, proof.rows) == (2, 4)
    assert 0 <= proof.loses < 60
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES LIKE '%drill%'")
        assert cursor.fetchall() == ()
    server.connect("shop").query("UPDATE orders_version SET version_num = 8")
    with pytest.raises(OperatorError, match="orders_version is"):
        restoring.drill(cluster, lambda text: None)


@pytest.mark.nightly
def test_only_the_newest_are_kept_and_no_log_that_none_needs(
    cluster: Cluster, server: MariaDB, tmp_path: Path
) -> None:
    keeper = Keeper(cluster, lambda text: None)
    taken: list[Taken] = []
    for _ in range(3):
        if taken:
            while datetime.now(UTC).replace(microsecond=0) <= taken[-1].at:
                time.sleep(0.05)  # a backup's name is its second
        taken.append(keeper.take())
    assert [b.name for b in keeper.backups()] == [b.name for b in taken[1:]]
    folders = {p.name for p in (tmp_path / "kept").iterdir()}
    assert folders == {b.name for b in taken[1:]}
    secret = urlsplit((tmp_path / "url").read_text()).password
    assert secret
    assert not any(b"INSERT INTO" in p.read_bytes() for p in (tmp_path / "kept").rglob("*.age"))


@pytest.mark.nightly
def test_backups_go_to_s3_and_come_back(
    cluster: Cluster, server: MariaDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        for name, value in (
            ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
        ):
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(
            Bucket="backups", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        backup = cluster.inventory.backup
        assert backup
        there = backup.model_copy(update={"to": "s3://backups/shop"})
        made = cluster.inventory.model_copy(update={"backup": there})
        Keeper(Cluster(made, cluster.fleet), lambda text: None).take()
        fresh = into(Cluster(made, cluster.fleet), server, tmp_path)
        restoring.restore(fresh, None, lambda text: None)
        assert len(sold(server)) == 3
    finally:
        moto.stop()


def test_nobody_else_opens_what_was_sealed(tmp_path: Path) -> None:
    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    (tmp_path / "mine").write_text(str(mine))
    (tmp_path / "other").write_text(str(other))
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w").close()
    with sealed(tmp_path / "file", (str(mine.to_public()),)) as write:
        write(archive.getvalue())
        write(b"x" * 3_000_000)
    with opened(tmp_path / "file", tmp_path / "mine") as content:
        assert content.read() == archive.getvalue() + b"x" * 3_000_000
    with (
        pytest.raises(OperatorError, match="cannot be opened with the key"),
        opened(tmp_path / "file", tmp_path / "other") as content,
    ):
        content.read()
    with (
        pytest.raises(OperatorError, match="holds no private key"),
        opened(tmp_path / "file", tmp_path / "file.none"),
    ):
        pass
