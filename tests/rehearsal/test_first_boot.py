"""What user data makes of bare instances: booted by cloud-init, with moto in the place of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from provisioning.cloud import inventory_file
from provisioning.cloud.aws import Aws
from provisioning.cloud.inventory_file import Member
from provisioning.cloud.settings import Settings
from provisioning.cloud.workers import Ec2Workers
from provisioning.rehearsal import cloud, guests, images, lifecycle, network, storage, trees
from provisioning.rehearsal.authority import create_authority, issue, ssh_pair
from provisioning.rehearsal.cloud import DATABASE_URL
from provisioning.rehearsal.cluster_file import OPERATOR_KEY
from provisioning.rehearsal.layout import (
    CLOUD,
    DATABASE,
    INVENTORY,
    LOAD_BALANCER,
    REGISTRY,
    SHOP,
    STATE,
    Host,
    guest_folder,
)
from provisioning.rehearsal.system import allow_many_guests, only_one, wait_for
from tests.provisioning.cloud.test_templates import rendered
from tests.rehearsal import aws, first_boot
from tests.rehearsal.first_boot import Instance
from tests.rehearsal.operator import on, ops

pytestmark = [pytest.mark.rehearsal, pytest.mark.nightly, pytest.mark.timeout(1800)]
REGION = "eu-west-1"
NAME = "shop"
NET = LOAD_BALANCER.rpartition(".")[0]
BASTION = Instance("bastion", f"{NET}.90")
MANAGER = Instance("manager1", Host("manager", 1).address)
WORKER = Instance("worker1", Host("worker", 1).address, "i-0a1b2c3d4e5f60001")
SHOP_HOST = Instance("shop1", Host("worker", 2).address, "i-0a1b2c3d4e5f60002")
INSTANCES = {host.address: host.id for host in (WORKER, SHOP_HOST)}
FILES = "fs-0123456789abcdef0.efs.eu-west-1.amazonaws.com"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A network with a database and a registry and no hosts, in which AWS answers."""
    lifecycle.down()
    trees.build()
    with only_one(STATE):
        allow_many_guests()
        create_authority()
        cloud.create_database_url()
        network.create_vpc()
        storage.serve()
        guests.boot(cloud.guest(1))
        cloud.wait_until_up(1)
    with pytest.MonkeyPatch.context() as patches:
        patches.setenv("AWS_ENDPOINT_URL", aws.ENDPOINT)
        patches.setenv("AWS_ACCESS_KEY_ID", "testing")
        patches.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patches.delenv("AWS_PROFILE", raising=False)
        with aws.serving(tmp_path_factory.mktemp("aws"), INSTANCES):
            yield Aws(REGION, boto3.Session())
    lifecycle.down()


def user_data(template: str, resource: str, **parameters: str) -> str:
    """Return what a resource's instances are told, as CloudFormation would write it."""
    given = {"Name": NAME, "FilesHost": FILES, "OperatorKey": ssh_pair(OPERATOR_KEY), **parameters}
    if template == "scaling-group":
        del given["OperatorKey"]
    properties = rendered(template, **given)[resource]["Properties"]
    text = properties.get("UserData") or properties["LaunchTemplateData"]["UserData"]
    known = {"<Manager1.PrivateIp>": MANAGER.address, "<Log>": f"/bookstore/{NAME}/shop"}
    for name, value in known.items():
        text = text.replace(name, value)
    assert not re.search(r"<[A-Z]\w*>", text)
    return str(text)


def well(host: Instance, *packages: str) -> None:
    """Assert that a host has come up whole: what cloud-init says, units, time zone, packages."""
    outcome = host.outcome()
    assert (outcome["status"], outcome["errors"], outcome["recoverable_errors"]) == ("done", [], {})
    failed = on(host.name, "systemctl --failed --plain --no-legend").split("\n")
    # Which nfs-common starts, and the kernels that rehearse have no NFS.
    assert not [line for line in failed if line and not line.startswith("run-rpc_pipefs.mount ")]
    assert on(host.name, "timedatectl show --property Timezone --value") in ("Etc/UTC\n", "UTC\n")
    for package in packages:
        status = on(host.name, f"dpkg-query --show --showformat '${{Status}}' {package}")
        assert status == "install ok installed", package


def write_inventory(*workers: Instance) -> None:
    """Write the inventory as `cloud inventory` does, with the keys that the consoles show."""
    settings = Settings.model_validate(
        {
            "cloud": {"name": NAME, "region": REGION, "operators": "198.51.100.7/32"},
            "shop": {
                "domain": SHOP,
                "acme_email": f"operator@{SHOP}",
                "image": f"{REGISTRY}/bookstore:latest",
            },
            "hosts": {"key_file": str(OPERATOR_KEY)},
        }
    )
    bastion = Member(BASTION.name, "jump", BASTION.address, "", BASTION.host_key())
    members = [Member(MANAGER.name, "manager", MANAGER.address, "a", MANAGER.host_key())]
    members += [Member(w.id, "worker", w.address, "a", w.host_key()) for w in workers]
    outputs = {"FilesHost": FILES, "Group": f"{NAME}-workers"}
    text = inventory_file.text(settings, outputs, bastion, members)
    # A client of NFS is not there: each host finds the files where its image has them.
    text = text.replace(f"nfs4:{FILES}:/", f"path:{first_boot.FILES}")
    url = DATABASE_URL.read_text() + "?ssl_ca=/run/secrets/database_ca\n"
    secrets = {"database_url": url, "secret_key": "k" * 40 + "\n", "database_ca": "PEM\n"}
    INVENTORY.unlink(missing_ok=True)
    inventory_file.write(INVENTORY, text, secrets)


def test_bastion_and_manager_are_what_apply_expects(account: Aws) -> None:
    for host, resource in ((BASTION, "Bastion"), (MANAGER, "Manager1")):
        host.boot(user_data("swarm", resource))
        well(host)
        assert on(host.name, "hostname").strip() == host.name
        assert on(host.name, "ls /etc/ssh | grep -c 'ssh_host_.*_key$'").strip() == "1"
        key = on(host.name, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
        assert host.host_key() == key
    write_inventory()
    done = ops("apply", "--yes")  # over the bastion, with both keys pinned
    assert done.status == 0, done.text
    assert ops("plan").status == 0
    state = on(MANAGER.name, "docker info --format '{{.Swarm.LocalNodeState}}'")
    assert state.strip() == "active"


def nodes() -> dict[str, str]:
    """Return the state of the swarm's nodes by their names."""
    text = on(MANAGER.name, "docker node ls --format '{{.Hostname}} {{.Status}}'")
    return dict(line.split() for line in text.splitlines())


def test_a_worker_joins_by_itself_and_again_after_a_power_cut(account: Aws) -> None:
    workers = Ec2Workers(account, f"{NAME}-workers", NAME)
    workers.offer(on(MANAGER.name, "docker swarm join-token --quiet worker").strip())
    WORKER.boot(user_data("swarm", "WorkerTemplate"))
    wait_for(lambda: nodes().get(WORKER.id) == "Ready", "the worker did not join", 300, 1)
    well(WORKER, "docker.io", "docker-cli", "nfs-common", "awscli", "curl")
    assert on(WORKER.name, "findmnt --noheadings --output TARGET /srv/bookstore").strip()
    assert "SWMTKN" not in on(WORKER.name, "journalctl --boot --no-pager")
    first = WORKER.host_key()

    write_inventory(WORKER)
    assert ops("apply", "--yes").status == 0
    again = ops("plan")
    assert again.status == 0, again.text

    assert workers.withdraw()
    guests.cut_power(WORKER.name)
    wait_for(lambda: nodes()[WORKER.id] == "Down", "the swarm did not miss the worker", 120, 1)
    (guest_folder(WORKER.name) / "console.log").write_text("")
    WORKER.boot(user_data("swarm", "WorkerTemplate"))
    wait_for(lambda: nodes()[WORKER.id] == "Ready", "the worker did not come back", 300, 1)
    wait_for(lambda: "bookstore-host-key" in WORKER.console(), "it did not say its key", 120, 1)
    assert WORKER.host_key() == first


def test_an_instance_of_the_scaling_group_serves_and_takes_up_a_password(
    account: Aws, tmp_path: Path
) -> None:
    database_with_tls()
    url = re.fullmatch(r"mysql://(\w+):(\w+)@.*", DATABASE_URL.read_text().strip())
    assert url
    user = {"username": url[1], "password": url[2]}
    secrets = account.secrets
    database = secrets.create_secret(Name="database", SecretString=json.dumps(user))["ARN"]
    key = secrets.create_secret(Name="key", SecretString="k" * 40)["ARN"]
    with only_one():
        images.build_shop()
    logs = boto3.Session().client("logs", region_name=REGION)
    group = f"/bookstore/{NAME}/shop"
    logs.create_log_group(logGroupName=group)
    SHOP_HOST.boot(
        user_data(
            "scaling-group", "Template", DatabaseHost=DATABASE, DatabaseSecret=database,
            ShopSecret=key, Image=f"{REGISTRY}/bookstore:latest", Domain=SHOP,
        )
    )  # fmt: skip
    wait_for(serves, "the instance does not serve", 300, 1)
    well(SHOP_HOST, "docker.io", "docker-cli", "nfs-common", "awscli", "curl", "jq")
    streams: list[Any] = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert len(streams) >= 2  # that of the migration, and the server's

    query("CREATE USER bookstore_b@'%' IDENTIFIED BY 'second'")
    query("GRANT ALL ON `bookstore%`.* TO bookstore_b@'%'")
    changed = {"username": "bookstore_b", "password": "second"}
    secrets.put_secret_value(SecretId=database, SecretString=json.dumps(changed))
    on(SHOP_HOST.name, "systemctl start bookstore-secrets.service")
    signed_in = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'bookstore_b'"
    wait_for(lambda: query(signed_in) != "0", "nobody signed in with the new password", 300, 1)
    wait_for(serves, "the instance does not serve with the new password", 120, 1)


def serves() -> bool:
    """Tell whether the instance is ready, as the load balancer asks."""
    ask = f"curl -s -m 5 -o /dev/null -w '%{{http_code}}' http://{SHOP_HOST.address}:8000/readyz"
    return on(CLOUD, f"{ask} || true") == "200"


def query(statement: str) -> str:
    """Ask the database as its administrator."""
    return on(CLOUD, f'mariadb -Ne "{statement.replace("`", chr(92) + "`")}"').strip()


def database_with_tls() -> None:
    """Let the database prove its name, as Aurora does."""
    certificate, key = issue(DATABASE)
    root = guest_folder(CLOUD) / "root/etc/mysql"
    (root / "tls.crt").write_bytes(certificate)
    (root / "tls.key").write_bytes(key)
    settings = "[mariadbd]\nssl_cert = /etc/mysql/tls.crt\nssl_key = /etc/mysql/tls.key\n"
    (root / "mariadb.conf.d/99-tls.cnf").write_text(settings)
    on(CLOUD, "chown mysql: /etc/mysql/tls.key; systemctl restart mariadb")
