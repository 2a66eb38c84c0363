"""Break what the cloud provides, in the guest that plays it: the database and the registry.

Each fault makes sure that it has acted; `run` runs a shell script in the guest and returns what it
printed.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import sqlalchemy as sa

from provisioning.errors import OperatorError
from provisioning.rehearsal import guests
from provisioning.rehearsal.layout import CLOUD, DATABASE, REGISTRY, RESOLVER

type Run = Callable[[str], str]
FEWEST = 10  # connections, of which MariaDB keeps one more for its administrator
HELD = "SELECT SLEEP(600)"
FULL = "Too many connections"
PATIENCE = 50  # tries of the administrator, five a second
MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in ("oci.image.manifest.v1", "docker.distribution.manifest.v2")
)


class FullError(OperatorError):
    """The database has no connection left."""


def in_cloud(script: str) -> str:
    """Run a shell script in the guest; raise OperatorError where it fails."""
    done = subprocess.run(
        guests.shell(CLOUD, script), capture_output=True, text=True, timeout=150, check=False
    )
    if FULL in done.stderr:
        raise FullError(FULL)
    if done.returncode:
        raise OperatorError(f"In the rehearsal's cloud: {done.stderr.strip() or done.returncode}")
    return done.stdout


def stop_database(run: Run = in_cloud) -> None:
    """Stop the database."""
    run("systemctl stop mariadb")


def start_database(run: Run = in_cloud) -> None:
    """Start the database."""
    run("systemctl start mariadb")


def forbid_writes(run: Run = in_cloud) -> None:
    """Let the database be read only."""
    _sql(run, "SET GLOBAL read_only = 1")
    if _sql(run, "SELECT @@GLOBAL.read_only") != "1":
        raise OperatorError("The database still takes changes: the fault did not act.")


def allow_writes(run: Run = in_cloud) -> None:
    """Let the database take changes."""
    _sql(run, "SET GLOBAL read_only = 0")


def take_connections(url: str, run: Run = in_cloud, tries: int = 30) -> None:
    """Hold all connections of the database, until who asks as the shop does gets none."""
    known = sa.make_url(url)
    secret = f"MYSQL_PWD={shlex.quote(known.password or '')}"
    client = f"mariadb --protocol=tcp -h {DATABASE} -u {known.username}"
    _sql(run, f"SET GLOBAL max_connections = {FEWEST}")
    for _ in range(tries):
        _kill(run, "NOT LIKE", known.username or "")
        hold = f"{client} -e {shlex.quote(HELD)} >/dev/null 2>&1 &"
        run(f"export {secret}\nfor _ in $(seq {FEWEST}); do {hold} done\ntrue")
        time.sleep(0.3)
        held = f"SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '{HELD}'"
        asked = run(f"export {secret}\n{client} -e 'SELECT 1' 2>&1 || true")
        if int(_sql(run, held) or 0) >= FEWEST and FULL in asked:
            return
    raise OperatorError("The shop still gets connections: the fault did not act.")


def give_connections(run: Run = in_cloud) -> None:
    """Let go of the connections that are held, and allow as many as before."""
    _sql(run, "SET GLOBAL max_connections = DEFAULT")
    _kill(run, "LIKE", "")


def silence_resolver(run: Run = in_cloud) -> None:
    """Let the resolver take questions and answer none."""
    run("systemctl kill -s STOP rehearsal-resolver")
    if run(f"host -W 1 -R 1 {DATABASE} {RESOLVER} >/dev/null && echo answers || true").strip():
        raise OperatorError("The resolver still answers: the fault did not act.")


def resume_resolver(run: Run = in_cloud) -> None:
    """Let the resolver answer."""
    run("systemctl kill -s CONT rehearsal-resolver")


def stop_registry(run: Run = in_cloud) -> None:
    """Stop the registry."""
    run("systemctl stop rehearsal-registry")
    if run(f"{_curl('/v2/')} -o /dev/null && echo answers || true").strip():
        raise OperatorError("The registry still answers: the fault did not act.")


def start_registry(run: Run = in_cloud) -> None:
    """Start the registry."""
    run("systemctl start rehearsal-registry")


def offer_release(image: str, tag: str, run: Run = in_cloud) -> None:
    """Put an image that is in the registry there under a tag, as another one: with other bytes.

    Its layers are those that every host has; only its manifest is new.
    """
    name, _at, digest = image.removeprefix(f"{REGISTRY}/").partition("@")
    name = name.split(":")[0]
    ask = _curl(f"/v2/{name}/manifests/{digest}")
    put = _curl(f"/v2/{name}/manifests/{tag}")
    run(
        f"file=$(mktemp)\n"
        f"kind=$({ask} -H {shlex.quote('Accept: ' + MANIFESTS)} -o $file -w '%{{content_type}}')\n"
        f"echo >> $file\n"
        f'{put} -X PUT -H "Content-Type: $kind" --data-binary @$file\n'
        f"rm $file"
    )


def _curl(path: str) -> str:
    return f"curl -sSf --max-time 5 https://{REGISTRY}{path}"


def _sql(run: Run, statement: str, *, anyway: bool = False) -> str:
    """Run statements as the database's administrator, `anyway` though one fails; return what they
    said.

    Connections that are being ended count until they are, and keep even the administrator out.
    """
    client, otherwise = ("mariadb -N -B -f", " || true") if anyway else ("mariadb -N -B", "")
    for _ in range(PATIENCE):
        with suppress(FullError):
            return run(f"{client} -e {shlex.quote(statement)}{otherwise}").strip()
        time.sleep(0.2)
    raise OperatorError("The database has no connection left for its administrator.")


def _kill(run: Run, held: str, user: str) -> None:
    """End connections: those that are held, or of a user those that are not."""
    whose = f" AND user = '{user}'" if user else ""
    found = _sql(
        run,
        "SELECT id FROM information_schema.processlist "
        f"WHERE COALESCE(info, '') {held} '{HELD}'{whose} AND id <> CONNECTION_ID()",
    )
    if found:  # one that has ended by itself meanwhile is no error
        _sql(run, "; ".join(f"KILL {n}" for n in found.split()), anyway=True)
