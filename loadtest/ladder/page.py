"""The tables of docs/ladder.md and docs/es/escalera.md, made of docs/ladder.json."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

from loadtest.ladder.figures import Fault, Rate, Step
from provisioning.cloud import costs
from provisioning.cloud.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
KEPT = DOCS / "ladder.json"
PAGES = {"en": DOCS / "ladder.md", "es": DOCS / "es" / "escalera.md"}
BEGIN, END = "<!-- ladder: begin -->", "<!-- ladder: end -->"
NONE = "–"
# What is paid for on AWS, as provisioning/cloud/example.toml has it but for what is said here.
BUILT: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "machine": {"cloud": {"kind": "machine"}},
    "scaling-group": {"cloud": {"kind": "scaling-group"}},
    "swarm": {"cloud": {"kind": "swarm"}, "hosts": {"managers": 3}},
}

TEXTS = {
    "en": {
        "head": "| | a. One machine | b. Scaling group | c. Swarm |",
        "hosts": "Hosts",
        "machine": "1 machine",
        "group": "2 instances, load balancer, managed database, NFS",
        "swarm": "3 managers (edges), 2 workers, load balancer, managed database, NFS",
        "price": "USD a month, at rest",
        "built": "Bare hosts to HTTPS",
        "rate": "Clicks a second, p99 within 1 s, each host a quarter of a core",
        "none": "fewer than the least tried",
        "requests": "requests/s",
        "process": "A process of the shop is killed",
        "database": "The database restarts",
        "release": "A new release is deployed",
        "host": "A host loses its power for 20 s",
        "of": "of",
        "failed": "failed",
        "noticed": "noticed for",
        "unnoticed": "not noticed",
        "took": "it took",
        "pages": "with the shop's own page",
        "orders": "Orders confirmed meanwhile; lost, duplicated, oversold, other differences",
        "disk": "The disk is lost",
        "restored": "served again from the backup after {seconds} s, {missing} missing",
        "elsewhere": "data is not on the hosts",
        "measured": "Measured",
        "load": "load of the machine",
        "late": "the generator was late itself",
        "not": "not measured",
        "point": ".",
    },
    "es": {
        "head": "| | a. Una máquina | b. Grupo de escalado | c. Enjambre |",
        "hosts": "Máquinas",
        "machine": "1 máquina",
        "group": "2 instancias, balanceador, base de datos gestionada, NFS",
        "swarm": "3 gestores (bordes), 2 trabajadores, balanceador, base de datos gestionada, NFS",
        "price": "USD al mes, en reposo",
        "built": "De máquinas vacías a HTTPS",
        "rate": "Clics por segundo, p99 de 1 s como mucho, un cuarto de núcleo por máquina",
        "none": "menos que lo mínimo probado",
        "requests": "peticiones/s",
        "process": "Muere un proceso de la tienda",
        "database": "Se reinicia la base de datos",
        "release": "Se despliega una versión nueva",
        "host": "Una máquina se queda 20 s sin corriente",
        "of": "de",
        "failed": "fallaron",
        "noticed": "se notó durante",
        "unnoticed": "no se notó",
        "took": "tardó",
        "pages": "con la página propia de la tienda",
        "orders": "Pedidos confirmados; perdidos, duplicados, vendidos de más, otras diferencias",
        "disk": "Se pierde el disco",
        "restored": "la copia sirve de nuevo a los {seconds} s, faltan {missing}",
        "elsewhere": "los datos no están en las máquinas",
        "measured": "Medido",
        "load": "carga del ordenador",
        "late": "el generador mismo iba tarde",
        "not": "sin medir",
        "point": ",",
    },
}


def read(path: Path = KEPT) -> dict[str, Step]:
    """Read the steps that were kept; {} where none was."""
    if not path.exists():
        return {}
    return {name: _step(row) for name, row in json.loads(path.read_text("utf-8")).items()}


def keep(path: Path, steps: Mapping[str, Step]) -> None:
    """Keep steps, with those that are there already."""
    known = read(path) | dict(steps)
    rows = {name: asdict(step) for name, step in sorted(known.items())}
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def publish(steps: Mapping[str, Step]) -> None:
    """Keep steps in docs/ladder.json, and write the tables of both pages anew."""
    keep(KEPT, steps)
    for language, path in PAGES.items():
        path.write_text(published(path.read_text("utf-8"), read(), language), encoding="utf-8")


def published(page: str, steps: Mapping[str, Step], language: str) -> str:
    """Put the table into a page, between its two marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"There is no table to publish in: no {BEGIN} … {END} in the page.")
    return f"{before}{BEGIN}\n{table(steps, language)}\n{END}{after}"


def table(steps: Mapping[str, Step], language: str) -> str:
    """Write the table of all three steps."""
    say = TEXTS[language]
    paid = prices()
    machine, swarm = steps.get("machine"), steps.get("swarm")

    def row(what: str, of: Callable[[Step], str]) -> str:
        cells = " | ".join(of(step) if step else say["not"] for step in (machine, None, swarm))
        return f"| {what} | {re.sub(r'(?<=\d)\.(?=\d)', say['point'], cells)} |"

    return "\n".join(
        [
            say["head"],
            "|---|---|---|---|",
            f"| {say['hosts']} | {say['machine']} | {say['group']} | {say['swarm']} |",
            f"| {say['price']} | {' | '.join(f'{paid[k]:.0f}' for k in paid)} |",
            row(say["built"], lambda step: f"{step.built:.0f} s" if step.built else NONE),
            row(say["rate"], lambda step: _rate(step.best, say)),
            *(
                row(say[name], lambda step, name=name: _fault(step, name, say))  # type: ignore[misc]
                for name in ("process", "database", "release", "host")
            ),
            row(say["orders"], lambda step: _ledger(step)),
            row(say["disk"], lambda step: _disk(step, say)),
            row(say["measured"], lambda step: _when(step, say)),
        ]
    )


def prices() -> dict[str, Decimal]:
    """Return what each step costs a month at the least, by the table in docs/aws.md."""
    known = costs.prices()
    paid = {}
    for name, changed in BUILT.items():
        tables: dict[str, dict[str, object]] = {
            "cloud": {"region": "eu-west-1", "operators": "198.51.100.7/32"},
            "shop": {
                "domain": "books.example.com",
                "acme_email": "ops@example.com",
                "image": "registry.example.com/bookstore:1.0",
                "hosted_zone": "Z0123456789ABC",
            },
        }
        for key, values in changed.items():
            tables[key] = tables.get(key, {}) | dict(values)
        lines = costs.estimate(Settings.model_validate(tables), known)
        paid[name] = sum((line.total for line in lines), Decimal(0))
    return paid


def _rate(best: Rate | None, say: Mapping[str, str]) -> str:
    if best is None:
        return say["none"]
    return f"{best.clicks:g} ({best.requests:.0f} {say['requests']}, p99 {best.p99:.0f} ms)"


def _fault(step: Step, name: str, say: Mapping[str, str]) -> str:
    fault = next((f for f in step.faults if f.name == name), None)
    if fault is None:
        return NONE
    parts = [f"{fault.failed} {say['of']} {fault.requests} {say['failed']}"]
    if fault.pages:
        parts.append(f"{fault.pages} {say['pages']}")
    parts.append(f"{say['noticed']} {fault.noticed:.1f} s" if fault.noticed else say["unnoticed"])
    if name == "release":
        parts.append(f"{say['took']} {fault.lasted:.0f} s")
    return ", ".join(parts)


def _ledger(step: Step) -> str:
    return f"{step.orders}; {', '.join(str(count) for count in step.ledger.values())}"


def _disk(step: Step, say: Mapping[str, str]) -> str:
    if step.restored is None:
        return say["elsewhere"]
    return say["restored"].format(seconds=f"{step.restored:.0f}", missing=step.missing)


def _when(step: Step, say: Mapping[str, str]) -> str:
    words = [step.when, step.commit, f"{say['load']} {step.busy:g}"]
    return ", ".join([*words, say["late"]] if step.late else words)


def _step(row: dict[str, object]) -> Step:
    rates, faults = row.pop("rates"), row.pop("faults")
    assert isinstance(rates, list)
    assert isinstance(faults, list)
    made = {"rates": tuple(Rate(**r) for r in rates), "faults": tuple(Fault(**f) for f in faults)}
    return Step(**{**row, **made})  # type: ignore[arg-type]
