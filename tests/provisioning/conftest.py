"""A real sshd on loopback, and inventories to point at it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioning.inventory import Host, Jump
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Sshd:
    """A running SSH server."""

    port: int
    host_key: str
    client_key: Path
    log: Path

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
            "user": getpass.getuser(),
            "key_file": self.client_key,
            "host_key": self.host_key,
        }


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

    def start(*options: str, authorized: str = "") -> Sshd:
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
                    f"AuthorizedKeysFile {folder}/authorized",
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
        server = subprocess.Popen(
            [str(SSHD), "-D", "-f", f"{folder}/config", "-E", f"{folder}/log"]
        )
        running.append(server)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        return Sshd(port, host_key, folder / "client", folder / "log")

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
