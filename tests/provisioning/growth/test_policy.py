"""The host scaler's rules, case by case."""

from __future__ import annotations

import pytest

from provisioning.growth.policy import (
    Cluster,
    Decision,
    Host,
    Memory,
    Rules,
    Size,
    decide,
    hosts_needed,
)

GIB = 2**30
HOST = Size(2, 2 * GIB)
RULES = Rules(fewest=2, most=5, idle_for=60, after_growth=60)


def host(name: str, *tasks: float, ready: bool = True, keep: bool = False) -> Host:
    return Host(name, HOST, tuple(Size(cpus) for cpus in tasks), ready, keep)


def settled(*hosts: Host) -> Memory:
    """Remember all hosts as idle since long ago."""
    return Memory({h.name: -1000.0 for h in hosts})


def outcome(cluster: Cluster, memory: Memory | None = None, now: float = 0.0) -> Decision:
    return decide(cluster, RULES, memory or settled(*cluster.hosts), now)[0]


FULL = (host("a", 1, 1), host("b", 1, 1))


@pytest.mark.parametrize(
    ("pending", "coming", "grow"),
    [
        ([], [], 0),
        ([1], [], 1),
        ([1, 1], [], 1),  # both fit on one
        ([1, 1, 1], [], 2),
        ([1] * 20, [], 3),  # five is the most
        ([1], [30.0], 0),  # one is on its way
        ([1], [5000.0], 1),  # one that never came is not counted on
        ([3], [], 0),  # no host is large enough
    ],
)
def test_growth(pending: list[float], coming: list[float], grow: int) -> None:
    tasks = tuple(Size(cpus) for cpus in pending)
    assert outcome(Cluster(FULL, tasks, tuple(coming), HOST)).grow == grow


def test_below_the_least_hosts_are_asked_for_without_any_pending() -> None:
    assert outcome(Cluster((host("a"),), template=HOST)).grow == 1


def test_empty_hosts_go_together_but_never_below_the_least() -> None:
    hosts = (host("a", 1), host("b"), host("c"), host("d"))
    assert outcome(Cluster(hosts, template=HOST)).shrink == ("b", "c")


def test_hosts_with_tasks_go_one_at_a_time_the_least_used_first() -> None:
    hosts = (host("a", 0.5), host("b", 0.2), host("c", 0.5))
    assert outcome(Cluster(hosts, template=HOST)).shrink == ("b",)


def test_a_host_whose_tasks_fit_nowhere_stays() -> None:
    hosts = (host("a", 1, 0.5), host("b", 1, 0.5), host("c", 0.9))
    assert outcome(Cluster(hosts, template=HOST)).shrink == ()


@pytest.mark.parametrize("now", [0.0, 59.0])
def test_a_host_must_be_idle_for_a_while(now: float) -> None:
    cluster = Cluster((host("a", 1), host("b", 1), host("c")), template=HOST)
    _, memory = decide(cluster, RULES, Memory(), 0.0)
    assert decide(cluster, RULES, memory, now)[0].shrink == ()
    assert decide(cluster, RULES, memory, 60.0)[0].shrink == ("c",)


def test_use_in_between_starts_the_clock_again() -> None:
    idle = Cluster((host("a", 1), host("b", 1), host("c")), template=HOST)
    busy = Cluster((host("a", 1), host("b", 1), host("c", 1.5)), template=HOST)
    _, memory = decide(idle, RULES, Memory(), 0.0)
    _, memory = decide(busy, RULES, memory, 50.0)
    _, memory = decide(idle, RULES, memory, 60.0)
    assert decide(idle, RULES, memory, 100.0)[0].shrink == ()


def test_nobody_goes_during_a_rollout_or_soon_after_growth() -> None:
    hosts = (host("a", 1), host("b", 1), host("c"))
    assert outcome(Cluster(hosts, template=HOST, rollout=True)).shrink == ()
    grown = Memory({"c": -1000.0}, grew_at=-30.0)
    assert outcome(Cluster(hosts, template=HOST), grown).shrink == ()


def test_a_kept_host_stays() -> None:
    hosts = (host("a", 1), host("b", 1), host("c", keep=True))
    assert outcome(Cluster(hosts, template=HOST)).shrink == ()


def test_many_broken_hosts_stop_everything() -> None:
    hosts = tuple(host(name, ready=False) for name in "abcd")
    assert outcome(Cluster(hosts, (Size(1),), template=HOST)).grow == 0


def test_memory_counts_as_cpus_do() -> None:
    assert hosts_needed([Size(0.1, GIB)] * 3, HOST) == 2
