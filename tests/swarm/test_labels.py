"""Labels on a service: what they mean, and the sentence for each that means nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest

from swarm.autoscaler.labels import PREFIX, LabelError, Objective, Scaling, read
from swarm.autoscaler.policy import DOWN, UP, Limits, Rate, Rules

PORT = {"traefik.http.services.web.loadbalancer.server.port": "8000"}


def reading(**labels: str) -> Scaling | None:
    given = {"min": "2", "max": "9", "target": "4"} | labels
    return read(PORT | {PREFIX + k.replace("__", "."): v for k, v in given.items() if v})


def test_without_labels_a_service_is_left_alone() -> None:
    assert read({"traefik.enable": "true"}) is None


def test_the_least_that_is_needed() -> None:
    objectives = (Objective("in_flight", Fraction(4)),)
    assert reading() == Scaling(objectives, Limits(2, 9, UP, DOWN), route="web@swarm")


def test_everything_can_be_set() -> None:
    scaling = reading(
        measure="requests, latency_p95,cpu",
        target="12.5,300ms,70%",
        pause="true",
        grow_hosts="true",
        up__window="30s",
        up__policies="4/15s,300%/60s",
        up__select="min",
        up__tolerance="0.05",
        down__window="60",
        down__select="Disabled",
        down__tolerance="0",
    )
    assert scaling is not None
    assert scaling.objectives == (
        Objective("requests", Fraction("12.5")),
        Objective("latency_p95", Fraction("0.3")),
        Objective("cpu", Fraction(70)),
    )
    rates = (Rate("Pods", 4, 15), Rate("Percent", 300, 60))
    assert scaling.limits.up == Rules(30, rates, "Min", Fraction("0.05"))
    assert scaling.limits.down == Rules(60, DOWN.rates, "Disabled", Fraction(0))
    assert scaling.paused
    assert scaling.grow_hosts


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"mni": "2"}, "There is no label bookstore.autoscale.mni; do you mean "),
        ({"max": ""}, "The label bookstore.autoscale.max is missing."),
        ({"min": "two"}, "bookstore.autoscale.min=two must be a whole number."),
        ({"min": "0"}, "bookstore.autoscale.min=0 must be at least 1."),
        ({"min": "10"}, "bookstore.autoscale.max=9 is less than bookstore.autoscale.min=10."),
        ({"measure": "load"}, "bookstore.autoscale.measure=load is unknown. Choose from in_flight"),
        ({"measure": "cpu,requests"}, "give one target for each measure"),
        ({"target": "0"}, "bookstore.autoscale.target=0 is no target for in_flight"),
        ({"target": "4ms"}, "bookstore.autoscale.target=4ms is no target for in_flight"),
        ({"target": "-4"}, "bookstore.autoscale.target=-4 is no target for in_flight"),
        ({"measure": "cpu", "target": "70ms"}, "no target for cpu: write it like 70 (percent)"),
        ({"pause": "maybe"}, "bookstore.autoscale.pause=maybe must be true or false."),
        ({"up__policies": "4 per 15s"}, "is no list of policies: write it like 4/15s,100%/15s"),
        ({"up__policies": "0/15s"}, "is no list of policies"),
        ({"up__policies": "4/9999s"}, "at most 1800 s"),
        ({"up__select": "best"}, "bookstore.autoscale.up.select=best is unknown."),
        ({"down__window": "5m"}, "bookstore.autoscale.down.window=5m must be seconds"),
        ({"down__tolerance": "10%"}, "must be a number from 0 to 1, such as 0.1."),
    ],
)
def test_a_wrong_label_gives_one_sentence(labels: dict[str, str], sentence: str) -> None:
    with pytest.raises(LabelError) as problem:
        reading(**labels)
    assert sentence in str(problem.value)
    assert str(problem.value).endswith(("?", "."))


def test_the_name_in_traefik_must_be_clear() -> None:
    given = {PREFIX + "min": "1", PREFIX + "max": "2", PREFIX + "target": "4"}
    with pytest.raises(LabelError, match="has no label traefik"):
        read(given)
    assert read(given | {PREFIX + "measure": "cpu"}) is not None
    two = PORT | {"traefik.http.services.api.loadbalancer.server.port": "9000"}
    with pytest.raises(LabelError, match=r"2 names in Traefik \(api, web\)"):
        read(given | two)
    chosen = read(given | two | {PREFIX + "traefik-service": "api"})
    assert chosen is not None
    assert (chosen.route, chosen.port) == ("api@swarm", 9000)
