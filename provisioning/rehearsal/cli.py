"""`./run ops rehearsal …`"""

from __future__ import annotations

import argparse

from provisioning.rehearsal import guests, lifecycle, network
from provisioning.rehearsal.cluster_file import OPERATOR_KEY, SMTP_URL
from provisioning.rehearsal.layout import (
    CLOUD,
    INVENTORY,
    LOAD_BALANCER,
    MACHINE,
    MAIL,
    SERVICES,
    SHOP,
    USER,
    VPC,
    Host,
)
from provisioning.rehearsal.quirks import QUIRKS
from provisioning.rehearsal.suites import ENGINES, HOSTS, System
from provisioning.rehearsal.system import require_machine
from provisioning.rehearsal.trees import SUITE
from provisioning.subparsers import Subparsers


def add_commands(subparsers: Subparsers) -> None:
    """Add the rehearsal's commands; each sets `handler`, from arguments to exit status."""
    up = subparsers.add_parser("up", help="make the hosts and the cloud around them")
    up.add_argument("--managers", type=int, choices=(1, 3), default=1)
    up.add_argument("--workers", type=int, default=3, help="number of workers (default 3)")
    add_mail(up)
    add_system(up)
    up.set_defaults(handler=_up)
    subparsers.add_parser("status", help="show the hosts").set_defaults(handler=_status)
    add = subparsers.add_parser("add", help="boot one more bare worker")
    add_system(add)
    add.set_defaults(handler=_add)
    remove = subparsers.add_parser("remove", help="take a worker away, with its disk")
    remove.add_argument("host", metavar="HOST", help="such as worker2")
    remove.set_defaults(handler=_remove)
    image = subparsers.add_parser("image", help="build the shop from the working tree, and push it")
    image.set_defaults(handler=_image)
    subparsers.add_parser("down", help="take it all away").set_defaults(handler=_down)
    for name, help_, stalled in (
        ("stall", "let the shared storage stop answering", True),
        ("resume", "let the shared storage answer again", False),
    ):
        subparsers.add_parser(name, help=help_).set_defaults(handler=_stall, stalled=stalled)
    for name, help_ in (
        ("crash", "cut a host's power"),
        ("boot", "give a host its power back"),
        ("partition", "pull a host's network cable"),
        ("heal", "put a host's network cable back"),
    ):
        command = subparsers.add_parser(name, help=help_)
        command.add_argument("host", metavar="HOST", help="such as worker1")
        command.set_defaults(handler=_change, change=name)


def add_mail(parser: argparse.ArgumentParser) -> None:
    """Add the option that lets the shop send mail."""
    parser.add_argument(
        "--mail", action="store_true", help="the shop sends mail, to a mailbox to look into"
    )


def add_system(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the hosts to be made are made of."""
    parser.add_argument(
        "--suite", choices=HOSTS, default=SUITE, help=f"Debian on the hosts (default {SUITE})"
    )
    parser.add_argument(
        "--engine", choices=ENGINES, help="the suite that docker.io comes from (the hosts' own)"
    )
    known = "; ".join(f"{name}: {what}" for name, (what, _) in QUIRKS.items())
    parser.add_argument(
        "--quirk", choices=QUIRKS, action="append", default=[], help=f"one or more of {known}"
    )


def system_of(args: argparse.Namespace) -> System:
    """Return what the hosts to be made are made of."""
    return System(args.suite, args.engine or args.suite, tuple(args.quirk))


def _up(args: argparse.Namespace) -> int:
    system = system_of(args)
    hosts = lifecycle.up(args.managers, args.workers, mail=args.mail, system=system)
    _show(hosts)
    return 0


def _status(args: argparse.Namespace) -> int:
    require_machine()
    hosts = lifecycle.current_hosts()
    if not hosts:
        left = guests.everything() + ([VPC] if VPC in network.namespaces() else [])
        if left:
            print(
                f"A rehearsal was interrupted; left of it: {', '.join(left)}. "
                "Go on with `up`, or take it away with `down`."
            )
            return 1
        print("There is no rehearsal. Make one: ./run ops rehearsal up")
        return 1
    _show(hosts)
    return 0 if all(lifecycle.state(host) == "up" for host in hosts) else 1


def _show(hosts: tuple[Host, ...]) -> None:
    print(f"{'host':<10} {'address':<14} {'zone':<5} state")
    for host in hosts:
        print(f"{host.name:<10} {host.address:<14} {host.zone:<5} {lifecycle.state(host)}")
    door = MACHINE.address if MACHINE in hosts else LOAD_BALANCER
    print(
        f"{CLOUD:<10} {LOAD_BALANCER:<14} {'':<5} {'up' if guests.running(CLOUD) else 'no power'}"
    )
    print()
    if MACHINE not in hosts:
        print(f"Inventory  {INVENTORY}")
    print(f"Log in     ssh -i {OPERATOR_KEY} {USER}@{hosts[0].address}")
    print(f"Shop       curl --resolve {SHOP}:443:{door} -k https://{SHOP}/ (once deployed)")
    if SMTP_URL.exists():
        print(f"Mail       http://{SERVICES[MAIL]}/")


def _change(args: argparse.Namespace) -> int:
    match args.change:
        case "crash":
            lifecycle.crash(args.host)
        case "boot":
            lifecycle.boot(args.host)
        case action:
            lifecycle.partition(args.host, apart=action == "partition")
    print(f"{args.host}: {lifecycle.state(lifecycle.named(args.host))}")
    return 0


def _stall(args: argparse.Namespace) -> int:
    lifecycle.stall_storage(stalled=args.stalled)
    print(f"The shared storage {'does not answer' if args.stalled else 'answers'}.")
    return 0


def _add(args: argparse.Namespace) -> int:
    host = lifecycle.add_worker(system_of(args))
    print(f"{host.name} is up at {host.address}, bare. To let it join: ./run ops apply")
    return 0


def _remove(args: argparse.Namespace) -> int:
    lifecycle.remove_worker(args.host)
    print(f"{args.host} is gone. A swarm still lists it: docker node rm {args.host}")
    return 0


def _image(args: argparse.Namespace) -> int:
    print(lifecycle.rebuild_image())
    return 0


def _down(args: argparse.Namespace) -> int:
    found = lifecycle.down()
    print(f"Taken down: {', '.join(found)}." if found else "There was nothing to take down.")
    return 0
