"""The VPC: a bridge in a namespace, a cable to each host, and the security group around it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from provisioning.rehearsal import mounts
from provisioning.rehearsal.layout import (
    NETWORK,
    OPERATOR,
    OPERATOR_GATEWAY,
    OPERATOR_LINK,
    PREFIX,
    ROUTER,
    VPC,
    mac,
)
from provisioning.rehearsal.system import run

RUN_NETNS = Path("/run/netns")
# What an EC2 security group would say: hosts talk freely among themselves; from outside come
# SSH, HTTP and HTTPS and nothing else; nothing goes out.
SECURITY_GROUP = """
table inet security_group {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "operator" tcp dport { 22, 80, 443 } accept
    iifname "operator" meta l4proto icmp accept
  }
}
"""


def namespace(name: str) -> str:
    """Return the name of a guest's network namespace."""
    return PREFIX + name


def namespaces() -> list[str]:
    """List the guests, the VPC among them, that have a namespace now."""
    if not RUN_NETNS.is_dir():
        return []
    return sorted(
        p.name.removeprefix(PREFIX) for p in RUN_NETNS.iterdir() if p.name.startswith(PREFIX)
    )


def inside(name: str, *argv: str) -> list[str]:
    """Return the command that runs another one in a guest's network, all else being ours."""
    # Not `ip netns exec`: that remounts /sys and hides the control groups.
    return ["nsenter", f"--net={RUN_NETNS / namespace(name)}", *argv]


def _ip(name: str, *argv: str) -> str:
    return run(["ip", "-n", namespace(name), *argv])


def create_vpc() -> None:
    """Make the VPC and the operator's way in, unless they are there."""
    if VPC in namespaces() and Path("/sys/class/net", OPERATOR_LINK).exists():
        return
    delete(VPC)
    run(["ip", "netns", "add", namespace(VPC)])
    _ip(VPC, "link", "set", "lo", "up")
    _ip(VPC, "link", "add", "hosts", "type", "bridge", "forward_delay", "0", "stp_state", "0")
    _ip(VPC, "address", "add", f"{ROUTER}/24", "dev", "hosts")
    _ip(VPC, "link", "set", "hosts", "up")
    run(inside(VPC, "sysctl", "-qw", "net.ipv4.ip_forward=1"))
    # Frames between hosts are switched, not routed: the security group does not concern them.
    run(inside(VPC, "sysctl", "-qwe", "net.bridge.bridge-nf-call-iptables=0"))
    run(inside(VPC, "nft", "-f", "-"), stdin=SECURITY_GROUP)
    peer = ["peer", "name", OPERATOR_LINK, "netns", str(os.getpid())]
    _ip(VPC, "link", "add", "operator", "type", "veth", *peer)
    _ip(VPC, "address", "add", f"{OPERATOR_GATEWAY}/30", "dev", "operator")
    _ip(VPC, "link", "set", "operator", "up")
    run(["ip", "address", "add", f"{OPERATOR}/30", "dev", OPERATOR_LINK])
    run(["ip", "link", "set", OPERATOR_LINK, "up"])
    run(["ip", "route", "add", NETWORK, "via", OPERATOR_GATEWAY])


def connect(name: str, *addresses: str) -> None:
    """Give a guest a fresh namespace and plug it into the VPC, its first address being the main."""
    delete(name)
    run(["ip", "netns", "add", namespace(name)])
    _ip(name, "link", "set", "lo", "up")
    peer = ["peer", "name", "eth0", "netns", namespace(name)]
    _ip(VPC, "link", "add", name, "type", "veth", *peer)
    _ip(VPC, "link", "set", name, "master", "hosts", "up")
    _ip(name, "link", "set", "eth0", "address", mac(addresses[0]))
    for address in addresses:
        _ip(name, "address", "add", f"{address}/24", "dev", "eth0")
    _ip(name, "link", "set", "eth0", "up")
    _ip(name, "route", "add", "default", "via", ROUTER)
    run(
        inside(name, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
    )  # systemd's default


def plugged(name: str) -> bool:
    """Tell whether a guest's cable is in."""
    return f"{name}@" in _ip(VPC, "link", "show", "up", "master", "hosts")


def plug(name: str, *, into: bool) -> None:
    """Put a guest's cable in, or pull it out at the switch; the guest sees the link go."""
    _ip(VPC, "link", "set", name, "up" if into else "down")


def lose(name: str, percent: int) -> None:
    """Lose a part of the frames to and from a guest at the switch, by chance; 0: none any more."""
    run(inside(VPC, "nft", "-f", "-"), stdin=lossy(name, percent))


def lossy(name: str, percent: int) -> str:
    """Return the rules by which the switch loses a part of a guest's frames, in place of others."""
    chance = f"numgen random mod 100 < {percent} counter drop"
    ways = [f'{way} "{name}" {chance}' for way in ("iifname", "oifname")]
    return _dropping(name, ways if percent else [])


def mute(name: str, towards: Sequence[str]) -> None:
    """Lose every frame from a guest to some others at the switch; theirs reach it. Ends `lose`."""
    run(inside(VPC, "nft", "-f", "-"), stdin=muted(name, towards))


def muted(name: str, towards: Sequence[str]) -> str:
    """Return the rules by which the switch loses a guest's frames to some others."""
    return _dropping(name, [f'iifname "{name}" oifname "{to}" counter drop' for to in towards])


def _dropping(name: str, rules: Sequence[str]) -> str:
    table = f"table bridge lossy-{name}"
    cleared = f"{table}\ndelete {table}\n"  # the first: there may be none to delete
    if not rules:
        return cleared
    hook = "    type filter hook forward priority 0; policy accept;\n"
    lines = "".join(f"    {rule}\n" for rule in rules)
    return f"{cleared}{table} {{\n  chain forward {{\n{hook}{lines}  }}\n}}\n"


def lost(name: str) -> int:
    """Return how many frames to and from a guest were lost on purpose."""
    listed = run(inside(VPC, "nft", "list", "table", "bridge", f"lossy-{name}"))
    return sum(map(int, re.findall(r"packets (\d+)", listed)))


def vanish(name: str) -> None:
    """Take a guest off the network at once, so that what is sent to it gets no answer."""
    if VPC in namespaces() and f"{name}@" in _ip(VPC, "link", "show", "type", "veth"):
        _ip(VPC, "link", "delete", name)


def delete(name: str) -> None:
    """Delete a namespace and the cables that end in it, whatever of it exists."""
    if name == VPC and Path("/sys/class/net", OPERATOR_LINK).exists():
        run(["ip", "link", "delete", OPERATOR_LINK])
    elif name != VPC:
        vanish(name)
    if name in namespaces():
        run(["ip", "netns", "delete", namespace(name)])
    if RUN_NETNS.is_dir() and not any(RUN_NETNS.iterdir()):  # `ip netns add` made and mounted it
        mounts.unmount_under(RUN_NETNS)
        RUN_NETNS.rmdir()
