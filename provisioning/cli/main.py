"""The operator's command line: `./run ops COMMAND`."""

from __future__ import annotations

import argparse
import errno
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from provisioning import lock
from provisioning.care.status import status
from provisioning.cli import autoscaler, backups, care, hosts, release, setup
from provisioning.cli.commands import adder, change_adder
from provisioning.cli.terminal import ended_as_by_ctrl_c, open_streams
from provisioning.cloud import cli as cloud
from provisioning.cluster import Cluster
from provisioning.doctor.heal import heal
from provisioning.doctor.report import report as doctor
from provisioning.errors import OperatorError
from provisioning.rehearsal import cli as rehearsal
from provisioning.rehearsal import lifecycle
from provisioning.rehearsal import machine as single
from provisioning.rehearsal.layout import INVENTORY as REHEARSED
from provisioning.saying import nobody_reads
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def main(argv: list[str] | None = None) -> int:
    """Run one command; return 0 when done, 1 refused or failed, 2 misused, 130 stopped."""
    open_streams()
    args = parser().parse_args(argv)
    args.redact = Redactor()
    try:
        with ended_as_by_ctrl_c():
            status = args.handler(args) or 0
        sys.stdout.flush()
        return int(status)
    except BrokenPipeError:
        # Whoever read what is printed has seen enough: `logs | head`.
        nobody_reads()
        return 0
    except OperatorError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        said = str(stop) or "Nothing is lost: run the same command again to go on."
        print(f"\nStopped. {said}", file=sys.stderr)
        return 130
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            nobody_reads()
            said = (
                f"This machine cannot write ({error.strerror}). Make room, then run the same "
                "command again to go on."
            )
        else:
            said = unexpected(error, args.redact)
        print(f"\n{said}", file=sys.stderr)
        return 1


def unexpected(error: Exception, redact: Redactor) -> str:
    """Write down what nobody has foreseen; say where it is."""
    text = redact("".join(traceback.format_exception(error)))
    what = redact(f"{type(error).__name__}: {error}").splitlines()[0]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="bookstore-ops-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError:
        return f"Something happened that nobody has foreseen ({what}):\n{text}"
    return (
        f"Something happened that nobody has foreseen ({what}). Send the file {file.name} to "
        "whoever looks after these tools; no secret is in it. The cluster is left as it was at "
        "that moment: ./run ops status."
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="./run ops",
        description="Build a Docker Swarm from bare hosts, put the shop on it, and look after it.",
        epilog="docs/operators-guide.md takes you from three bare hosts to HTTPS.",
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    add, add_change = adder(commands), change_adder(commands)
    setup.add_commands(add, add_change)
    release.add_commands(add, add_change)
    report = add("doctor", doctor, "examine hosts, network, storage, certificate and database")
    report.add_argument("--json", action="store_true", help="print the findings as JSON")
    report.add_argument(
        "--watch", action="store_true", help="go on, and tell whom [alert] names what is new"
    )
    report.add_argument(
        "--every", type=hosts.seconds, default=300.0, help="seconds between two looks (300)"
    )
    healing = add("heal", heal, "find tasks that do not see each other, and repair that")
    healing.add_argument("--watch", action="store_true", help="go on until stopped")
    healing.add_argument("--dry-run", action="store_true", help="only say what is wrong")
    screen = add("status", status, "show hosts, services, tasks, release and certificate")
    screen.add_argument("--json", action="store_true", help="print it as JSON")
    care.add_commands(add, add_change)
    backups.add_commands(add, add_change)
    hosts.add_options(
        add("scale-hosts", hosts.scale_hosts, "let workers come and go with the load")
    )
    audit = add("audit", _audit, "show who changed the cluster, when and how it ended")
    audit.add_argument("--count", type=int, default=30, help="entries to show (default: 30)")
    scaler = commands.add_parser("autoscaler", help="look at the autoscaler, and hold it")
    autoscaler.add_commands(adder(scaler.add_subparsers(metavar="COMMAND", required=True)))
    rehearse = commands.add_parser(
        "rehearse", help="do it all on this machine: rehearsal up, apply, deploy"
    )
    rehearse.add_argument("--managers", type=int, choices=(1, 3), default=1)
    rehearse.add_argument("--workers", type=int, default=3)
    rehearsal.add_mail(rehearse)
    rehearsal.add_system(rehearse)
    rehearse.add_argument(
        "--machine", action="store_true", help="one machine without a swarm: docs/one-machine.md"
    )
    rehearse.set_defaults(handler=_rehearse)
    machine = commands.add_parser(
        "rehearsal", help="make bare hosts on this machine to rehearse on"
    )
    rehearsal.add_commands(machine.add_subparsers(metavar="COMMAND", required=True))
    aws = commands.add_parser("cloud", help="the hosts, database and load balancer on AWS")
    cloud.add_commands(aws.add_subparsers(metavar="COMMAND", required=True))
    return top


def _audit(cluster: Cluster, args: argparse.Namespace) -> None:
    entries = lock.trail(cluster, args.count)
    for entry in entries:
        print(cluster.redact(str(entry)))
    if not entries:
        print("Nobody has changed this cluster yet.")


def _rehearse(args: argparse.Namespace) -> int:
    common = ["--inventory", str(REHEARSED), "--yes"]
    phases = (
        ("rehearsal up", lambda: _up(args)),
        ("apply", lambda: main(["apply", *common])),
        ("deploy", lambda: main(["deploy", *common])),
    )
    return _timed(_of_machine() if args.machine else phases)


def _of_machine() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what is done on one machine: the blocks of its guide."""
    yield "rehearsal up", lifecycle.up_machine
    with Fleet((), Redactor()) as fleet:
        yield "copy swarm/", partial(single.copy_files, fleet)
        for name in single.SET_UP:
            yield name, partial(single.follow, fleet, name)
        yield "certificate", single.wait_for_readers


def _timed(phases: Iterable[tuple[str, Callable[[], object]]]) -> int:
    """Carry phases out until one returns a status; show how long each took."""
    took: list[tuple[str, float]] = []
    for name, work in phases:
        print(f"\n=== {name}", flush=True)
        started = time.monotonic()
        status_ = work()
        took.append((name, time.monotonic() - started))
        if isinstance(status_, int) and status_:
            return status_
    print("\nphase          seconds")
    for name, seconds in [*took, ("in all", sum(s for _, s in took))]:
        print(f"{name:<14} {seconds:>7.1f}")
    return 0


def _up(args: argparse.Namespace) -> None:
    system = rehearsal.system_of(args)
    lifecycle.up(args.managers, args.workers, mail=args.mail, system=system)
