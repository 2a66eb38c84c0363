"""The database's name while the resolver says nothing: a real one, glibc's questions, both event
loops and drivers, and TLS, which is about the name and not about the address."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.data.silent_resolver import NAME
from tests.data.test_tls import authority
from tests.support.mariadb import MariaDB, with_driver

NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--net"]
pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.skipif(
        None in map(shutil.which, ["ip", "unshare"])
        or subprocess.run([*NAMESPACES, "true"]).returncode != 0,
        reason="no namespaces here",
    ),
]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("authorities") / "ours", "ours", host=NAME)


@pytest.fixture(scope="module")
def named(ours: Path) -> Iterator[MariaDB]:
    """A server that speaks TLS, with a certificate for a name."""
    with MariaDB.start(
        f"--ssl-ca={ours}/ca.pem", f"--ssl-cert={ours}/cert.pem", f"--ssl-key={ours}/key.pem"
    ) as server:
        yield server


def lived(story: str, module: str, driver: str, server: MariaDB, ca: Path, folder: Path) -> Any:
    """Return what happened in a story."""
    server.create_database("named")
    url = with_driver(f"mysql://shop:shop@{NAME}/named?ssl_ca={ca}/ca.pem", driver)
    ran = subprocess.run(
        [*NAMESPACES, sys.executable, "-m", "tests.data.silent_resolver", story, module, url,
         str(server.socket), str(folder / "resolv.conf")],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize(("module", "driver"), [("hypercorn", "asyncmy"), ("uvicorn", "mariadb")])
def test_the_last_address_will_do_while_the_resolver_is_silent(
    named: MariaDB, ours: Path, tmp_path: Path, driver: str, module: str
) -> None:
    seen = lived("outage", module, driver, named, ours, tmp_path)
    assert seen["opened"] >= 4
    assert seen["threads"] < 8
    assert seen["stranger"] == "refused"  # the same server by a name that is not its own


@pytest.mark.parametrize(("module", "driver"), [("hypercorn", "mariadb"), ("uvicorn", "asyncmy")])
def test_a_name_that_was_never_known_is_given_up_at_once(
    named: MariaDB, ours: Path, tmp_path: Path, driver: str, module: str
) -> None:
    seen = lived("unknown", module, driver, named, ours, tmp_path)
    assert len(seen["errors"]) == 12
    assert set(seen["errors"]) == {"ConnectionLost: the connection to the database broke"}
