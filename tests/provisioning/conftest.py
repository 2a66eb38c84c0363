"""A real sshd on loopback, and inventories to point at it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from provisioning.inventory import Host, Jump
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Account:
    """A user of a host that is the test's own: its mounts, files and users are nobody else's."""

    login: str = "/bin/bash"  # its shell
    sudoers: str = "oper ALL=(ALL) NOPASSWD: ALL"
    home: Mapping[str, str] = field(default_factory=dict)  # files by name
    before: str = ""  # a script that changes the host before its sshd starts


@dataclass(frozen=True)
class Sshd:
    """A running SSH server."""

    port: int
    host_key: str
    client_key: Path
    log: Path
    user: str = field(default_factory=getpass.getuser)
    root: Path = Path("/")  # where its processes see the host's files

    def host(self, name: str = "alpha", **changes: object) -> Host:
        """Describe the server as a host of the inventory."""
        return Host.model_validate(self._endpoint(name) | {"role": "manager"} | changes)

    def jump(self, name: str = "bastion") -> Jump:
        """Describe the server as a jump host."""
        return Jump.model_validate(self._endpoint(name))

    def _endpoint(self, name: str) -> dict[str, object]:
        return {
            "name": name,
            "address": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "key_file": self.client_key,
            "host_key": self.host_key,
        }


# What an account needs, in a mount namespace that ends with the server. HERE is a folder of the
# test's; everybody may look into /home, and not into that folder.
ALONE = """
set -e
for file in passwd group shadow sudoers; do mount --bind HERE/$file /etc/$file; done
mount --bind HERE /home
chown oper /home/oper
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /run
mkdir /run/sshd
"""


def _alone(folder: Path, account: Account) -> list[str]:
    """Write down an account in a folder; return the words that start a server for it."""
    if os.geteuid() != 0:
        pytest.skip("needs root to make a host of its own")
    for name, line in {
        "passwd": f"oper:x:1717:1717::/home/oper:{account.login}",
        "group": "oper:x:1717:",
        "shadow": "oper:*:19000:0:99999:7:::",
    }.items():
        (folder / name).write_text(f"{Path('/etc', name).read_text()}{line}\n")
    (folder / "sudoers").write_text(f"root ALL=(ALL) ALL\n{account.sudoers}\n")
    (folder / "sudoers").chmod(0o440)
    for name, text in account.home.items():
        (folder / "oper" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "oper" / name).write_text(text)
    (folder / "oper").mkdir(exist_ok=True)
    folder.chmod(0o755)
    script = f"{ALONE}{account.before}\nexec {SSHD} -D -f {folder}/config -E {folder}/log"
    return ["unshare", "--mount", "bash", "-c", script.replace("HERE", str(folder))]


def make_key(path: Path) -> str:
    """Make an ed25519 key pair; give the public half without comment."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True
    )
    return path.with_suffix(".pub").read_text().strip()


@pytest.fixture(scope="session")
def start_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sshd]]:
    """Start SSH servers with options of sshd_config; they end with the session."""
    if not SSHD:
        pytest.skip("needs sshd: apt install openssh-server")
    running = []

    def start(*options: str, authorized: str = "", account: Account | None = None) -> Sshd:
        folder = tmp_path_factory.mktemp("sshd")
        host_key = make_key(folder / "host")
        public = make_key(folder / "client")
        (folder / "authorized").write_text(f"{authorized}{public}\n")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        (folder / "config").write_text(
            "\n".join(
                [
                    *options,
                    f"Port {port}",
                    "ListenAddress 127.0.0.1",
                    f"HostKey {folder}/host",
                    f"AuthorizedKeysFile {'/home' if account else folder}/authorized",
                    f"PidFile {folder}/pid",
                    "StrictModes no",
                    "PasswordAuthentication no",
                    "PermitRootLogin prohibit-password",
                    "UsePAM no",
                ]
            )
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        words = [str(SSHD), "-D", "-f", f"{folder}/config", "-E", f"{folder}/log"]
        server = subprocess.Popen(_alone(folder, account) if account else words)
        running.append(server)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        found = Sshd(port, host_key, folder / "client", folder / "log")
        root = Path(f"/proc/{server.pid}/root")
        return replace(found, user="oper", root=root) if account else found

    yield start
    for server in running:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def sshd(start_sshd: Callable[..., Sshd]) -> Sshd:
    """Give one SSH server that lets the test in."""
    return start_sshd()


@pytest.fixture
def fleet(sshd: Sshd) -> Iterator[Fleet]:
    """Give connections that may jump through the server."""
    with Fleet([sshd.jump()], Redactor()) as fleet:
        yield fleet
