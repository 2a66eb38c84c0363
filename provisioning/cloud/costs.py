"""What an installation costs a month, from the price table in docs/aws.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from provisioning.cloud.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "aws.md"
HEADING = "| Key |"


@dataclass(frozen=True)
class Line:
    """One thing that costs: how many of it, and USD a month for one; None is not known."""

    what: str
    count: Decimal
    price: Decimal | None

    @property
    def total(self) -> Decimal:
        """Return USD a month."""
        return self.count * (self.price or 0)


def prices(path: Path = DOCS) -> dict[str, Decimal]:
    """Read the table: USD a month for one of each key."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(HEADING))
    found = {}
    for line in lines[start + 2 :]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) < 3:
            break
        found[cells[0].strip("`")] = Decimal(cells[2])
    return found


def estimate(settings: Settings, table: Mapping[str, Decimal]) -> list[Line]:
    """List what these settings cost at the least: fewest hosts, least database capacity."""
    if settings.cloud.kind == "machine":
        return _machine(settings, table)
    swarm = settings.cloud.kind == "swarm"
    hosts, network, database = settings.hosts, settings.network, settings.database
    fewest = hosts.workers[0]
    managers = hosts.managers if swarm else 0
    gateways = {"none": 0, "one": 1, "per-zone": network.zones}[network.nat]
    machines = managers + fewest
    instances = {
        "bastion": ("t4g.nano", int(swarm)),
        "managers": (hosts.manager_type, managers),
        "workers" if swarm else "instances": (hosts.type, fewest),
    }
    balancer = "network-load-balancer" if swarm else "application-load-balancer"
    balanced = network.zones
    addresses = gateways + balanced + int(swarm) + (machines if network.nat == "none" else 0)
    rows: list[tuple[str, str, float]] = [
        *((f"{who} ({kind})", kind, count) for who, (kind, count) in instances.items()),
        ("disks, GiB", "gp3-gib", machines * hosts.disk + (8 if swarm else 0)),
        ("NAT gateways", "nat-gateway", gateways),
        ("public addresses", "public-ipv4", addresses),
        (balancer.replace("-", " "), balancer, 1),
        ("secrets", "secret", 3 if database.engine == "aurora" else 2),
    ]
    if database.engine == "aurora":
        acu = database.min_capacity * (2 if database.reader else 1)
        rows.append(("Aurora, ACU at rest", "aurora-acu", acu))
        rows.append(("Aurora storage, GiB", "aurora-gib", 10))
    else:
        rows.append(("database (db.t4g.micro)", "db.t4g.micro", 1))
        rows.append(("database storage, GiB", "rds-gib", 20))
    rows.append(("shared files, GiB", "efs-gib", 5))
    if network.flow_logs:
        rows.append(("flow logs, GiB", "logs-gib", 5))
    if settings.watch.email:
        rows.append(("alarms", "alarm", 4))
    if settings.shop.hosted_zone:
        rows.append(("DNS zone", "hosted-zone", 1))
    return [Line(what, Decimal(str(count)), table.get(key)) for what, key, count in rows if count]


def _machine(settings: Settings, table: Mapping[str, Decimal]) -> list[Line]:
    hosts = settings.hosts
    rows = [
        (f"machine ({hosts.type})", hosts.type, 1),
        ("disks, GiB", "gp3-gib", 2 * hosts.disk),
        ("public addresses", "public-ipv4", 1),
        ("DNS zone", "hosted-zone", int(bool(settings.shop.hosted_zone))),
    ]
    return [Line(what, Decimal(count), table.get(key)) for what, key, count in rows if count]


def show(lines: list[Line]) -> str:
    """Write the estimate as a table with its sum."""
    rows = [
        f"  {line.what:<32} {line.count:>6f}  {line.total:>9.2f}"
        if line.price is not None
        else f"  {line.what:<32} {line.count:>6f}    unknown: add it to docs/aws.md"
        for line in lines
    ]
    total = sum((line.total for line in lines), Decimal(0))
    return "\n".join(
        [
            f"  {'':<32} {'number':>6}  {'USD/month':>9}",
            *rows,
            f"  {'in all, about':<32} {'':>6}  {total:>9.2f}",
            "  At rest, in eu-west-1, before tax; load adds hosts, database capacity and traffic.",
        ]
    )
