"""What the doctor makes of what it saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioning.doctor.checks import examine
from provisioning.doctor.findings import Examination, Finding
from provisioning.doctor.probes import Wire
from provisioning.inventory import Backup
from provisioning.release.certificate import Certificate
from provisioning.setup.facts import Facts
from tests.provisioning.certificates import DAY, certificate
from tests.provisioning.certificates import NOW as TODAY
from tests.provisioning.factories import HOSTS, inventory, service, task
from tests.provisioning.setup.test_plan import joined

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = Certificate(("shop.test",), "CA", NOW - timedelta(days=10), NOW + timedelta(days=80))


def all_see_all() -> dict[str, Wire]:
    return {
        me: Wire(
            frozenset(
                (address, port, kind)
                for name, address in HOSTS.items()
                if name != me
                for port, kind in ((7946, "s"), (4789, "s"), (4789, "l"))
            ),
            dict.fromkeys(HOSTS.values(), 1500),
        )
        for me in HOSTS
    }


def healthy(**changes: Any) -> Examination:
    """Give the examination of a cluster in good health."""
    full: dict[str, Any] = {
        "facts": joined(),
        "services": (service(task(), task()),),
        "wires": all_see_all(),
        "doors": {"worker1": {("manager1", 2377): "open"}},
        "overlay": {a: {b: "refused" for b in HOSTS if b != a} for a in HOSTS},
        "certificates": {"manager1": GOOD},
        "database": {"worker1": ""},
    }
    return Examination(**{**full, **changes})


def bad(seen: Examination, key: str) -> list[Finding]:
    findings = dict(examine(inventory(), seen, NOW))
    return [f for f in findings[key] if f.bad]


def test_a_healthy_cluster_has_nothing_bad() -> None:
    assert [f for _, found in examine(inventory(), healthy(), NOW) for f in found if f.bad] == []


def test_a_dead_overlay_names_the_culprit_once_and_what_to_do() -> None:
    overlay = {
        a: {b: "silent" if "worker2" in (a, b) else "refused" for b in HOSTS if b != a}
        for a in HOSTS
    }
    (finding,) = bad(healthy(overlay=overlay), "overlay")
    assert finding.where == "worker2"
    assert finding.advice == "Restart its engine: ./run ops restart worker2"


def test_a_closed_port_names_both_hosts_and_direction() -> None:
    wires = all_see_all()
    seen = wires["worker1"].seen - {(HOSTS["worker2"], 4789, "s")}
    wires["worker1"] = replace(wires["worker1"], seen=seen)
    doors = {"worker1": {("manager1", 2377): "silent"}}
    found = [(f.where, f.what) for f in bad(healthy(wires=wires, doors=doors), "ports")]
    assert found == [
        ("worker1 -> manager1", "port 2377/tcp is silent"),
        ("worker2 -> worker1", "packets to port 4789/udp do not arrive"),
    ]


def test_full_size_packets_that_are_lost_are_an_mtu_finding() -> None:
    wires = all_see_all()
    seen = wires["worker1"].seen - {(HOSTS["worker2"], 4789, "l")}
    wires["worker1"] = replace(wires["worker1"], seen=seen)
    (finding,) = bad(healthy(wires=wires), "mtu")
    assert finding.where == "worker2 -> worker1"


def test_an_overlay_too_large_for_the_hosts() -> None:
    (finding,) = bad(healthy(facts=joined(worker1={"mtu": 1400})), "mtu")
    assert finding.where == "bookstore_public"


def test_clocks_that_differ() -> None:
    facts = joined(worker1={"clock": 7.0, "uncertainty": 0.1})
    (finding,) = bad(healthy(facts=facts), "clocks")
    assert finding.what == "its clock is 7.0 s ahead of the others"


def test_a_clock_that_is_wrong_everywhere_is_told_by_ours() -> None:
    """As on a single host, or where no host may ask for the time."""
    facts = joined(**{name: {"clock": 3600.0 + n / 10} for n, name in enumerate(HOSTS)})
    (finding,) = bad(healthy(facts=facts), "clocks")
    assert finding.where == "hosts"
    assert "3600 s ahead of this machine's" in finding.what


def test_of_two_clocks_that_disagree_the_one_that_differs_from_ours_is_wrong() -> None:
    facts = joined(worker1={"clock": 0.0}, manager1={"clock": 90.0})
    del facts.hosts["worker2"]
    assert [f.where for f in bad(healthy(facts=facts), "clocks")] == ["manager1"]


def test_what_fills_up_is_found_beforehand() -> None:
    facts = joined(worker1={"inodes": {"/": 97}}, worker2={"room": 10**8})
    seen = healthy(facts=facts)
    assert ["97 % of the inodes on /" in f.what for f in bad(seen, "hosts")] == [True]
    assert ["only 0.1 GiB" in f.what for f in bad(seen, "storage")] == [True]


def test_an_unreachable_host_does_not_stop_the_rest() -> None:
    seen = healthy(lost={"worker2": "worker2: 10.77.0.202 port 22 does not answer."})
    (finding,) = bad(seen, "reach")
    assert finding.where == "worker2"


def test_a_node_that_is_down_and_a_quorum_at_risk() -> None:
    facts = joined()
    assert facts.swarm
    manager = next(n for n in facts.swarm.nodes if n.role == "manager")
    others = tuple(
        replace(manager, id=f"x{n}", reachability="unreachable" if n else "reachable")
        for n in range(2)
    )
    swarm = replace(facts.swarm, nodes=(*facts.swarm.nodes, *others), heartbeat=5_000_000_000)
    whats = [f.what for f in bad(healthy(facts=Facts(facts.hosts, swarm)), "swarm")]
    assert "2 of 3 managers take part; 0 more may be lost" in whats
    assert "the heartbeat is 5 s, not 2 s: lost hosts are noticed late" in whats
    hasty = Facts(facts.hosts, replace(swarm, heartbeat=1_000_000_000))
    cost = "the heartbeat is 1 s, not 2 s: workers count as lost when their manager is"
    assert cost in [f.what for f in bad(healthy(facts=hasty), "swarm")]


def test_certificates() -> None:
    urgent = replace(GOOD, since=NOW - timedelta(days=87), until=NOW + timedelta(days=3))
    other = replace(GOOD, names=("TRAEFIK DEFAULT CERT",))
    assert bad(healthy(certificates={"manager1": urgent}), "certificate")[0].advice == (
        "./run ops renew"
    )
    assert (
        "not for shop.test" in bad(healthy(certificates={"manager1": other}), "certificate")[0].what
    )
    late = replace(GOOD, since=NOW - timedelta(days=76), until=NOW + timedelta(days=14))
    soon = healthy(certificates={"manager1": late})
    assert bad(soon, "certificate") == []


def test_a_database_that_refuses_one_worker() -> None:
    seen = healthy(database={"worker1": "", "worker2": "refuses: Host is blocked"})
    (finding,) = bad(seen, "database")
    assert (finding.where, finding.what) == ("worker2", "the database refuses: Host is blocked")


def test_new_engines_need_a_new_traefik() -> None:
    facts = joined(worker1={"engine": "29.0.1"})
    edge = service()
    spec = {**edge.spec, "TaskTemplate": {"ContainerSpec": {"Image": "m/traefik:v3.5.0@sha256:1"}}}
    seen = healthy(facts=facts, services=(replace(edge, name="edge_traefik", spec=spec),))
    assert [f.where for f in bad(seen, "versions")] == ["edge_traefik"]


def test_missing_tasks_say_where_to_look() -> None:
    (finding,) = bad(healthy(services=(service(task(container="c")),)), "services")
    assert (finding.what, finding.advice) == ("1 of 2 tasks run", "./run ops logs app_web")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("no suitable node (insufficient resources on 3 nodes)", "No host fits"),
        ("No such image: shop:9", "Push the image web:1 again"),
        ("invalid mount config: bind source path does not exist: /srv", "The shared storage"),
        ("starting container failed", "It has not started anywhere"),
    ],
)
def test_a_task_that_never_started_has_no_log_to_look_at(error: str, advice: str) -> None:
    seen = healthy(services=(service(task(state="rejected", error=error)),))
    (finding,) = bad(seen, "services")
    assert finding.advice.startswith(advice)
    assert "ops logs" not in finding.advice


def test_a_link_that_an_engine_left_behind_is_named_with_its_host() -> None:
    facts = joined()
    node = facts.hosts["worker2"].membership.node
    error = (
        'network sandbox join failed: subnet sandbox join failed for "10.200.1.0/24": error '
        "creating vxlan interface: file exists"
    )
    tasks = (task(container="c"), task(node=node, state="rejected", error=error))
    (finding,) = bad(healthy(facts=facts, services=(service(*tasks),)), "services")
    assert "creating vxlan interface: file exists" in finding.what
    assert finding.advice.endswith("./run ops restart worker2")


@pytest.mark.parametrize(
    ("days", "left", "said"),
    [
        (90, 31, "ok"),
        (90, 20, "note"),
        (90, 5, "bad"),
        (6, 2.1, "ok"),
        (6, 1, "note"),
        (6, 0.5, "bad"),
    ],
)
def test_the_thresholds_fit_the_certificates_lifetime(days: int, left: float, said: str) -> None:
    until = NOW + timedelta(days=left)
    made = replace(GOOD, since=until - timedelta(days=days), until=until)
    found = dict(examine(inventory(), healthy(certificates={"manager1": made}), NOW))
    states = ["bad" if f.bad else "note" for f in found["certificate"]] or ["ok"]
    assert states == [said]


def test_what_could_not_be_examined_is_unknown_and_never_ok() -> None:
    why = "worker1: `examine the host` failed (status 127): bash: python3: command not found"
    seen = healthy(unseen={"ports": {"worker1": why}, "database": {"worker1": why}})
    found = dict(examine(inventory(), seen, NOW))
    for key in ("ports", "database"):
        (finding,) = found[key]
        assert finding.unknown
        assert "could not be examined" in finding.what
        assert "Install Python 3" in finding.advice


def test_a_dead_host_and_a_lost_quorum_are_findings_and_no_failure() -> None:
    facts = joined()
    del facts.hosts["worker2"]
    one = dict(examine(inventory(), healthy(facts=facts, lost={"worker2": "no answer"}), NOW))
    assert [f.where for f in one["reach"]] == ["worker2"]
    lost = dict(examine(inventory(), Examination(Facts(joined().hosts, None)), NOW))
    assert any("lost their quorum" in f.what for f in lost["swarm"])


def test_a_node_whose_certificate_is_not_renewed_is_found_beforehand(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "node", until=TODAY + 0.5 * DAY).read_text()
    good = certificate(tmp_path, "good", until=TODAY + 30 * DAY).read_text()
    others = {name: {"certificate": good} for name in HOSTS}
    facts = joined(**others | {"worker1": {"certificate": pem}})
    found = dict(examine(inventory(), healthy(facts=facts), TODAY))
    assert [f.where for f in found["trust"]] == ["worker1"]
    assert "./run ops restart worker1" in found["trust"][0].advice
    fresh = certificate(tmp_path, "node", until=TODAY + 30 * DAY).read_text()
    facts = joined(**others | {"worker1": {"certificate": fresh}})
    assert dict(examine(inventory(), healthy(facts=facts), TODAY))["trust"] == []


def test_a_certificate_that_cannot_be_read_is_unknown_and_not_well() -> None:
    found = dict(examine(inventory(), healthy(), NOW))["trust"]
    assert [f.unknown for f in found] == [True] * len(HOSTS)


def test_what_edges_serve_is_judged_though_no_manager_can_be_asked() -> None:
    facts = Facts(joined().hosts, None)
    seen = Examination(facts, certificates={"manager1": "port 443 cannot be reached"})
    (finding,) = bad(seen, "certificate")
    assert finding.what == "port 443 cannot be reached"


BACKUP = Backup(
    to="s3://backups/shop",
    recipients=("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",),
)


def of_backups(seen: Examination, backup: Backup | None = BACKUP) -> list[Finding]:
    made = inventory().model_copy(update={"backup": backup})
    return dict(examine(made, seen, NOW))["backup"]


@pytest.mark.parametrize(
    ("hours", "allowed", "said"),
    [
        (25, 26, ""),
        (27, 26, "is 27 hours old"),
        (27, 48, ""),
        (2, 1, "is 2 hours old"),
        (None, 26, "no whole backup yet"),
    ],
)
def test_a_newest_backup_that_is_too_old_is_told(
    hours: float | None, allowed: float, said: str
) -> None:
    at = None if hours is None else NOW - timedelta(hours=hours)
    backup = BACKUP.model_copy(update={"oldest_hours": allowed})
    found = of_backups(healthy(backup=at), backup)
    assert [f.bad for f in found] == ([True] if said else [])
    assert all(said in f.what and f.where == "s3://backups/shop" for f in found)


def test_a_place_of_backups_that_is_away_is_unknown_and_none_at_all_a_hint() -> None:
    away = {"backup": {"s3://backups/shop": "s3://backups/shop: what is kept could not be listed."}}
    (unknown,) = of_backups(healthy(unseen=away))
    assert unknown.unknown
    assert "could not be examined (what is kept could not be listed)" in unknown.what
    (hint,) = of_backups(healthy(), None)
    assert not hint.bad
    assert not hint.unknown
