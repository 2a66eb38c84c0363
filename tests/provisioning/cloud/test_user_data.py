"""What instances are told at their first boot: cloud-init takes it, and its scripts work.

The scripts run as they are, with mounts of their own in place of the host's files; only the
programs that would speak to AWS, to the engine or to the kernel are stand-ins.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.provisioning.cloud.test_templates import rendered, user_data

HOSTS = [
    *(("swarm", host) for host in ("Bastion", "Manager1", "Manager2", "Manager3")),
    ("swarm", "WorkerTemplate"),
    ("scaling-group", "Template"),
]
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
KEY = "ssh-ed25519 AAAAC3Nz root@host"

# Each stands for a program: writes down what it is asked, and answers what AWS or the engine would.
STANDINS = {
    "curl": """
case "$*" in
*/latest/api/token*) echo session ;;
*/meta-data/instance-id*) echo i-0abc ;;
*/meta-data/local-ipv4*) echo 10.0.33.7 ;;
*/swarm/join*) cat >>"$LOG"; echo >>"$LOG"; [ ! -e "$STATE/managers-down" ] ;;
*truststore*) shift 4; echo PEM >"$1" ;;
esac""",
    "aws": """
case "$*" in
*ssm*) [ ! -e "$STATE/no-token" ] && echo SWMTKN-1 ;;
*get-login-password*) echo registry-password ;;
*given-DatabaseSecret*)
  printf '{"username": "bookstore_a", "password": "%s"}' "$(cat "$STATE/password")" ;;
*given-ShopSecret*) echo shop-key ;;
esac""",
    "docker": """
case "$1" in
info) cat "$STATE/swarm" ;;
login) cat >>"$LOG" ;;
run) [ ! -e "$STATE/migration-fails" ] || exit 1 ;;
esac""",
    "hostnamectl": "",
    "lsblk": "echo nvme1n1",
    "blkid": 'exit "$(cat "$STATE/blkid")"',
    "mkfs.ext4": "",
    "hostname": "echo host",
    "systemctl": "",
    "mountpoint": '[ -e "$STATE/mounted" ]',
    "mount": 'touch "$STATE/mounted"',
    "chown": "",
    "install": "",
}


@pytest.mark.parametrize(("template", "resource"), HOSTS)
def test_cloud_init_takes_it(template: str, resource: str, tmp_path: Path) -> None:
    if shutil.which("cloud-init") is None:
        pytest.skip("needs cloud-init: apt install cloud-init")
    parameters = {"Managers": "3"} if template == "swarm" else {"RepositoryArn": "arn:repository"}
    properties = rendered(template, **parameters)[resource]["Properties"]
    text = properties.get("UserData") or properties["LaunchTemplateData"]["UserData"]
    file = tmp_path / "user-data"
    file.write_text(text)
    command = ["cloud-init", "schema", "--config-file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class Instance:
    """A host with files of its own, and a record of what its programs were asked."""

    folder: Path
    scripts: dict[str, str]

    @property
    def asked(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    def file(self, path: str) -> Path:
        return self.folder / "root" / path.lstrip("/")

    def knows(self, **state: str) -> None:
        for name, text in state.items():
            (self.folder / "state" / name.replace("_", "-")).write_text(text)

    def runs(self, script: str) -> int:
        """Run one of the scripts with the instance's files in place of this machine's."""
        (self.folder / "script").write_text(self.scripts[script])
        binds = " && ".join(
            f"/usr/bin/mount --bind {self.file(path)} {path}"
            for path in ("/etc", "/srv", "/run", "/dev/console")
        )
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", f"{binds} && exec bash {self.folder / 'script'}"],
            env={
                **os.environ,
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "LOG": str(self.folder / "log"),
                "STATE": str(self.folder / "state"),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        (self.folder / "said").write_text(done.stdout + done.stderr)
        return done.returncode


def instance(folder: Path, template: str, resource: str, **parameters: str) -> Instance:
    """Make what a host has after cloud-init has written its files."""
    config = user_data(rendered(template, **parameters), resource)
    scripts = {Path(f["path"]).name: f["content"] for f in config["write_files"]}
    for number in (1, 2, 3):
        for name, text in scripts.items():
            scripts[name] = text.replace(f"<Manager{number}.PrivateIp>", f"10.0.32.{number}")
    made = Instance(folder, {n: t.replace("<Log>", "/bookstore/shop") for n, t in scripts.items()})
    for name in ("bin", "state", "root/etc/ssh", "root/srv", "root/run", "root/dev"):
        (folder / name).mkdir(parents=True)
    made.file("/etc/fstab").write_text("# none\n")
    made.file("/etc/ssh/ssh_host_ed25519_key.pub").write_text(f"{KEY}\n")
    made.file("/dev/console").touch()
    (folder / "log").touch()
    for name, answer in STANDINS.items():
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>"$LOG"\n{answer}\n')
        program.chmod(0o755)
    made.knows(swarm="inactive\n", password="first")
    return made


root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None or not Path("/dev/console").exists(),
    reason="needs root on Linux, for mounts of its own",
)


@root
@pytest.mark.parametrize(
    ("status", "formatted", "mounted"),
    [("0", False, True), ("2", True, True), ("4", False, False), ("8", False, False)],
)
def test_a_disk_is_formatted_only_when_it_is_known_to_be_empty(
    tmp_path: Path, status: str, formatted: bool, mounted: bool
) -> None:
    machine = instance(tmp_path, "machine", "Machine")
    script = machine.scripts["bookstore-backups"]
    disk = tmp_path / "nvme1n1"  # a plain file in place of the block device
    disk.touch()
    machine.scripts["bookstore-backups"] = script.replace(
        "/dev/nvme?n1", str(tmp_path / "nvme?n1")
    ).replace("[ -b ", "[ -e ")
    machine.knows(blkid=status)
    assert (machine.runs("bookstore-backups") == 0) == mounted
    assert any(line.startswith("mkfs.ext4") for line in machine.asked) == formatted
    assert any(line.startswith("mount ") for line in machine.asked) == mounted


@pytest.fixture
def worker(tmp_path: Path) -> Instance:
    return instance(tmp_path, "swarm", "WorkerTemplate", Managers="3")


@pytest.fixture
def make_shop(tmp_path: Path) -> Callable[..., Instance]:
    def make(image: str = "registry.example.com/bookstore:1") -> Instance:
        more = {"RepositoryArn": "arn:repository"} if ECR in image else {}
        return instance(tmp_path, "scaling-group", "Template", Image=image, **more)

    return make


@root
def test_a_fixed_host_says_its_key_and_nothing_else(tmp_path: Path) -> None:
    host = instance(tmp_path, "swarm", "Manager1")
    assert host.runs("announce-host-key") == 0
    said = host.file("/dev/console").read_text()
    assert said == "bookstore-host-key ssh-ed25519 AAAAC3Nz\n"


@root
def test_a_worker_mounts_the_files_and_joins(worker: Instance) -> None:
    assert worker.runs("bookstore-join") == 0
    console = worker.file("/dev/console").read_text()
    assert console == "bookstore-host-key ssh-ed25519 AAAAC3Nz\n"
    assert "hostnamectl set-hostname i-0abc" in worker.asked
    assert "/srv/bookstore nfs4" in worker.file("/etc/fstab").read_text()
    joins = [line for line in worker.asked if line.startswith("{")]
    assert len(joins) == 1
    for part in ('"AdvertiseAddr":"10.0.33.7"', '"10.0.32.1:2377"', '"JoinToken":"SWMTKN-1"'):
        assert part in joins[0]
    assert not [line for line in worker.asked if "SWMTKN" in line and not line.startswith("{")]


@root
def test_a_worker_tries_every_manager_and_again_without_doubling_anything(worker: Instance) -> None:
    worker.knows(managers_down="")
    assert worker.runs("bookstore-join") != 0
    assert worker.runs("bookstore-join") != 0
    joins = [line for line in worker.asked if line.startswith("{")]
    assert [
        f'"10.0.32.{n}:2377"' in line for n, line in zip((1, 2, 3, 1, 2, 3), joins, strict=True)
    ]
    assert worker.file("/etc/fstab").read_text().count("/srv/bookstore nfs4") == 1
    assert sum(line.startswith("mount ") for line in worker.asked) == 1


@root
def test_a_worker_without_a_token_does_not_join_and_a_member_asks_for_none(
    worker: Instance,
) -> None:
    worker.knows(no_token="")
    assert worker.runs("bookstore-join") != 0  # systemd tries again ten seconds later
    assert not [line for line in worker.asked if line.startswith("{")]
    worker.knows(swarm="active\n")
    before = sum("ssm" in line for line in worker.asked)
    assert worker.runs("bookstore-join") == 0
    assert sum("ssm" in line for line in worker.asked) == before


@root
def test_an_instance_takes_up_a_changed_password(make_shop: Callable[..., Instance]) -> None:
    if shutil.which("jq") is None:
        pytest.skip("needs jq")
    shop = make_shop()
    changed, same = 10, 0
    assert shop.runs("bookstore-secrets") == changed
    url = shop.file("/run/bookstore/database_url")
    assert url.read_text().startswith("mysql://bookstore_a:first@given-DatabaseHost:3306/bookstore")
    assert url.stat().st_mode & 0o077 == 0
    assert shop.runs("bookstore-secrets") == same
    shop.knows(password="second")
    assert shop.runs("bookstore-secrets") == changed
    assert ":second@" in url.read_text()


@root
@pytest.mark.parametrize("image", ["registry.example.com/bookstore:1", f"{ECR}/bookstore:1"])
def test_an_instance_migrates_before_it_serves(
    make_shop: Callable[..., Instance], image: str
) -> None:
    shop = make_shop(image)
    shop.scripts["bookstore-run"] = shop.scripts["bookstore-run"].replace(
        "/usr/local/sbin/bookstore-secrets", "true"
    )
    assert shop.runs("bookstore-run") == 0
    steps = [line.split()[1] for line in shop.asked if line.startswith("docker ")]
    login = ["login"] if ECR in image else []
    assert steps == [*login, "pull", "rm", "run", "run"]
    migrate, serve = [line for line in shop.asked if line.startswith("docker run")]
    assert migrate.endswith(f"{image} migrate")
    assert serve.endswith(f"{image} serve")
    if login:
        assert "registry-password" in shop.asked  # on standard input, in no argument


@root
def test_an_instance_whose_migration_fails_does_not_serve(
    make_shop: Callable[..., Instance],
) -> None:
    shop = make_shop()
    shop.scripts["bookstore-run"] = shop.scripts["bookstore-run"].replace(
        "/usr/local/sbin/bookstore-secrets", "true"
    )
    shop.knows(migration_fails="")
    assert shop.runs("bookstore-run") != 0
    assert not [line for line in shop.asked if line.endswith(" serve")]
