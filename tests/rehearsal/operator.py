"""What an operator does at the terminal, and what can be seen on the hosts."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from provisioning.rehearsal import guests, images
from provisioning.rehearsal.layout import INVENTORY

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).parent / "broken"


@dataclass(frozen=True)
class Done:
    """A command that ended: its status, what it printed, how long it took."""

    status: int
    text: str
    seconds: float


def ops(*words: str, timeout: float = 600) -> Done:
    """Run `./run ops WORDS` and show what it printed, and when, in the test's report."""
    begin = time.monotonic()
    inventory = () if words[0] in ("rehearse", "rehearsal") else ("--inventory", str(INVENTORY))
    lines, stamped = [], []
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "provisioning", *words, *inventory],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    ) as process:
        late = threading.Timer(timeout, process.kill)
        late.start()
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            stamped.append(f"{time.monotonic() - begin:6.1f}  {line}")
        status = process.wait()
        late.cancel()
    seconds = time.monotonic() - begin
    said = "".join(stamped)
    print(f"$ ./run ops {' '.join(words)}\n{said}({seconds:.1f} s, status {status})")
    return Done(status, "".join(lines), seconds)


def on(host: str, script: str) -> str:
    """Run a script as root on a host, past its network, and give what it printed."""
    return subprocess.run(
        guests.shell(host, script), text=True, capture_output=True, check=True, timeout=60
    ).stdout


@dataclass(frozen=True)
class Task:
    """A task of a service that Docker means to run."""

    name: str
    node: str
    state: str
    image: str


def tasks(service: str, manager: str = "manager1") -> list[Task]:
    """List the tasks of a service that are to run, as a manager sees them."""
    fields = (
        '{"name":"{{.Name}}","node":"{{.Node}}","state":"{{.CurrentState}}","image":"{{.Image}}"}'
    )
    script = (
        f"docker service ps {service} --no-trunc --filter desired-state=running --format '{fields}'"
    )
    return [Task(**json.loads(line)) for line in on(manager, script).splitlines()]


def running(service: str, manager: str = "manager1") -> list[Task]:
    """List the tasks of a service that run."""
    return [task for task in tasks(service, manager) if task.state.startswith("Running")]


def make_release(label: str, *, broken: bool = False) -> str:
    """Build the shop as another release, one that never answers if so wished; give its digest."""
    source = BROKEN if broken else BROKEN.parent / "relabelled"
    return images.build(f"bookstore:{label}", source)


def reachable(address: str, port: int) -> bool:
    """Tell whether the operator's side, which is outside, gets through to a port."""
    try:
        socket.create_connection((address, port), timeout=0.3).close()
    except OSError:
        return False
    return True
