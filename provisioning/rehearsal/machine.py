"""One machine without a swarm, set up as docs/one-machine.md says: its commands are read there."""

from __future__ import annotations

import io
import re
import socket
import ssl
import tarfile
import time

from provisioning.errors import OperatorError
from provisioning.inventory import Endpoint
from provisioning.rehearsal.authority import AUTHORITY
from provisioning.rehearsal.cloud import ACME_ROOT
from provisioning.rehearsal.cluster_file import OPERATOR_KEY, host_key
from provisioning.rehearsal.images import PROJECT, SHOP, SWARM
from provisioning.rehearsal.layout import ACME, MACHINE, REGISTRY, SHARED_IN_HOST, USER
from provisioning.rehearsal.layout import SHOP as DOMAIN
from provisioning.release.outside import exchange
from provisioning.ssh.fleet import Fleet

GUIDE = PROJECT / "docs" / "one-machine.md"
BLOCK = re.compile(r"<!-- run: ([a-z]+) -->\n```sh\n(.*?)```", re.DOTALL)
BACKUPS = f"{SHARED_IN_HOST}/backups"  # another disk than the machine's
# What the guide's examples are called here, and what a rehearsal has to say besides.
HERE = {
    "books.example.org": DOMAIN,
    "you@example.org": f"operator@{DOMAIN}",
    "registry.example.org/bookstore:1.0": f"{REGISTRY}/{SHOP}",
    "/srv/backups": BACKUPS,
    "\nEND": f"\nACME_DIRECTORY=https://{ACME}/dir\nMIRROR={REGISTRY}/\nEND",
}
SET_UP = ("packages", "settings", "up")
PATIENCE = 60.0  # seconds that the certificate may take


def commands(text: str) -> dict[str, str]:
    """Return the guide's commands by the names of their blocks."""
    return dict(BLOCK.findall(text))


def rehearsed(script: str, **also: str) -> str:
    """Return commands of the guide with the names of the rehearsal in place of the examples."""
    for example, name in {**also, **HERE}.items():
        script = script.replace(example, name)
    return script


def endpoint() -> Endpoint:
    """Describe how an operator reaches the machine."""
    return Endpoint(
        name=MACHINE.name,
        address=MACHINE.address,
        user=USER,
        port=22,
        key_file=OPERATOR_KEY,
        host_key=host_key(MACHINE),
    )


def follow(fleet: Fleet, name: str, **also: str) -> str:
    """Carry a block of the guide out on the machine; return what it printed."""
    script = rehearsed(commands(GUIDE.read_text(encoding="utf-8"))[name], **also)
    shown = f"the guide's commands for {name}"
    return fleet.to(endpoint()).run(f"set -e\n{script}", timeout=600, shown=shown).stdout


def copy_files(fleet: Fleet) -> None:
    """Copy what the guide has an operator copy, and the authority of the ACME server here."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in (SWARM / "compose.https.yml", SWARM / "machine.sh", SWARM / "edge"):
            archive.add(path, f"swarm/{path.name}")
        archive.add(AUTHORITY, "swarm/authorities/rehearsal.pem")
    connection = fleet.to(endpoint())
    connection.run("tar -xz --no-same-owner", stdin=packed.getvalue(), shown="copy swarm/")


def set_up(fleet: Fleet) -> None:
    """Lead a bare machine to the shop over HTTPS, by the guide."""
    copy_files(fleet)
    for name in SET_UP:
        follow(fleet, name)
    wait_for_readers()


def trouble() -> str:
    """Say why a reader outside gets no page over HTTPS with a valid certificate; "" if he does."""
    context = ssl.create_default_context(cafile=str(ACME_ROOT))
    try:
        with socket.create_connection((MACHINE.address, 443), 5) as stream:
            _, status = exchange(stream, context, DOMAIN)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not valid ({error.verify_message})"
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return "" if status == 200 else f"it answers {status}"


def wait_for_readers(seconds: float = PATIENCE) -> None:
    """Wait until readers get a page; raise OperatorError with what is wrong."""
    deadline = time.monotonic() + seconds
    while wrong := trouble():
        if time.monotonic() > deadline:
            raise OperatorError(f"https://{DOMAIN} gives readers no page: {wrong}.")
        time.sleep(0.2)
