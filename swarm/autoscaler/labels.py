"""What a service's labels ask of the autoscaler. Pure: labels in, settings or a sentence out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from swarm.autoscaler.measures import Number, show
from swarm.autoscaler.policy import DOWN, UP, Limits, Rate, Rules

PREFIX = "bookstore.autoscale."
Kind = Literal["in_flight", "requests", "latency_p95", "cpu", "queued"]
KINDS: tuple[Kind, ...] = get_args(Kind)
KEYS = (
    *("min", "max", "measure", "target", "pause", "traefik-service", "grow_hosts"),
    *("up.window", "up.policies", "up.select", "up.tolerance"),
    *("down.window", "down.policies", "down.select", "down.tolerance"),
)


class LabelError(Exception):
    """A label that cannot be followed: one sentence."""


@dataclass(frozen=True)
class Objective:
    """A measure and its target: requests in flight, requests per second, seconds, or percent."""

    kind: Kind
    target: Fraction


@dataclass(frozen=True)
class Scaling:
    """How one service is to be scaled; `route` is its name in Traefik's metrics."""

    objectives: tuple[Objective, ...]
    limits: Limits
    paused: bool = False
    route: str = ""
    port: int = 8000  # where a replica shows its own metrics
    grow_hosts: bool = False  # may ask for more than there is room for: somebody adds hosts


def read(labels: Mapping[str, str]) -> Scaling | None:
    """Return what the labels ask for, None without any; raise LabelError with a sentence."""
    given = {k.removeprefix(PREFIX): v.strip() for k, v in labels.items() if k.startswith(PREFIX)}
    if not given:
        return None
    for key in given:
        if key not in KEYS:
            close = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"; do you mean {PREFIX}{close[0]}?" if close else f". Known: {', '.join(KEYS)}."
            raise LabelError(f"There is no label {PREFIX}{key}{hint}")
    for key in ("min", "max", "target"):
        if key not in given:
            raise LabelError(f"The label {PREFIX}{key} is missing.")
    low, high = _whole(given, "min"), _whole(given, "max")
    if low < 1:
        raise LabelError(
            f"{PREFIX}min={given['min']} must be at least 1. "
            "To stop a service, scale it to 0: it is then left alone."
        )
    if high < low:
        raise LabelError(f"{PREFIX}max={high} is less than {PREFIX}min={low}.")
    objectives = _objectives(given)
    route, port = _route(labels, given)
    if not route and any(o.kind != "cpu" for o in objectives):
        raise LabelError(
            "The service has no label traefik.http.services.NAME.loadbalancer.server.port, so "
            f"Traefik's metrics name none for it. Set it, or {PREFIX}traefik-service."
        )
    return Scaling(
        objectives,
        Limits(low, high, _rules(given, "up", UP), _rules(given, "down", DOWN)),
        paused=_truth(given, "pause"),
        route=route,
        port=port,
        grow_hosts=_truth(given, "grow_hosts"),
    )


def _objectives(given: Mapping[str, str]) -> tuple[Objective, ...]:
    kinds = [kind.strip() for kind in given.get("measure", "in_flight").split(",")]
    targets = [target.strip() for target in given["target"].split(",")]
    if len(kinds) != len(targets):
        raise LabelError(
            f"{PREFIX}measure names {len(kinds)} and {PREFIX}target {len(targets)}: "
            "give one target for each measure, separated by commas."
        )
    made = []
    for kind, target in zip(kinds, targets, strict=True):
        if kind not in KINDS:
            raise LabelError(f"{PREFIX}measure={kind} is unknown. Choose from {', '.join(KINDS)}.")
        made.append(Objective(kind, _target(kind, target)))
    return tuple(made)


def _target(kind: str, text: str) -> Fraction:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|%)?", text)
    units = {"latency_p95": ("s", "ms", None), "cpu": ("%", None)}.get(kind, (None,))
    if match is None or match[2] not in units or not Fraction(match[1]):
        example = {"latency_p95": "300ms or 0.3", "cpu": "70 (percent)"}.get(kind, "8 or 2.5")
        raise LabelError(f"{PREFIX}target={text} is no target for {kind}: write it like {example}.")
    return Fraction(match[1]) / (1000 if match[2] == "ms" else 1)


def show_target(objective: Objective) -> str:
    """Write a target with its unit."""
    units: dict[Kind, str] = {
        "in_flight": " per replica",
        "queued": " per replica",
        "requests": "/s per replica",
        "latency_p95": " s",
        "cpu": " % of what is reserved",
    }
    return f"{show(objective.target)}{units[objective.kind]}"


def _rules(given: Mapping[str, str], direction: str, usual: Rules) -> Rules:
    select = given.get(f"{direction}.select", usual.select).capitalize()
    if select not in ("Max", "Min", "Disabled"):
        raise LabelError(
            f"{PREFIX}{direction}.select={given[f'{direction}.select']} is unknown. "
            "Choose from Max, Min, Disabled."
        )
    return Rules(
        window=_seconds(given, f"{direction}.window", usual.window),
        rates=_rates(given, f"{direction}.policies") or usual.rates,
        select=select,  # type: ignore[arg-type]  # checked above; mypy does not narrow a string
        tolerance=_tolerance(given, f"{direction}.tolerance", usual.tolerance),
    )


def _rates(given: Mapping[str, str], key: str) -> tuple[Rate, ...]:
    """Read "4/15s,100%/15s"."""
    rates = []
    for text in filter(None, (part.strip() for part in given.get(key, "").split(","))):
        match = re.fullmatch(r"(\d+)(%?)/(\d+)s?", text)
        if match is None or not int(match[1]) or not 0 < int(match[3]) <= 1800:
            raise LabelError(
                f"{PREFIX}{key}={given[key]} is no list of policies: write it like "
                "4/15s,100%/15s (replicas or percent, in at most 1800 s)."
            )
        rates.append(Rate("Percent" if match[2] else "Pods", int(match[1]), int(match[3])))
    return tuple(rates)


def _tolerance(given: Mapping[str, str], key: str, usual: Number) -> Number:
    if key not in given:
        return usual
    if not re.fullmatch(r"0?\.\d+|0|1", given[key]):
        raise LabelError(f"{PREFIX}{key}={given[key]} must be a number from 0 to 1, such as 0.1.")
    return Fraction(given[key])


def _seconds(given: Mapping[str, str], key: str, usual: int) -> int:
    text = given.get(key, str(usual)).removesuffix("s")
    if not text.isdecimal() or int(text) > 3600:
        raise LabelError(
            f"{PREFIX}{key}={given[key]} must be seconds from 0 to 3600, such as 300s."
        )
    return int(text)


def _whole(given: Mapping[str, str], key: str) -> int:
    if not given[key].isdecimal():
        raise LabelError(f"{PREFIX}{key}={given[key]} must be a whole number.")
    return int(given[key])


def _truth(given: Mapping[str, str], key: str) -> bool:
    text = given.get(key, "false").lower()
    if text not in ("true", "false"):
        raise LabelError(f"{PREFIX}{key}={given[key]} must be true or false.")
    return text == "true"


def _route(labels: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, int]:
    """Find the service's name in Traefik's metrics, such as web@swarm, and its port."""
    found = {
        match[1]: int(value)
        for key, value in sorted(labels.items())
        if (
            match := re.fullmatch(
                r"traefik\.http\.services\.([^.]+)\.loadbalancer\.server\.port", key
            )
        )
        and value.isdecimal()
    }
    name = given.get("traefik-service", "")
    if not name and len(found) > 1:
        raise LabelError(
            f"The service has {len(found)} names in Traefik ({', '.join(found)}). "
            f"Say which one counts in {PREFIX}traefik-service."
        )
    name = name or next(iter(found), "")
    if not name:
        return "", 8000
    return name if "@" in name else f"{name}@swarm", found.get(name.partition("@")[0], 8000)
