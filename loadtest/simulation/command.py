"""`./run load simulate`: many worlds, one after another, in a process of their own."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from loadtest.errors import LoadError
from provisioning.errors import Interrupted

SHOPS = ("no-stock-guard", "no-idempotency", "no-refund")
_COUNTED = ("purchases", "orders", "cancelled", "refunds", "parcels called off")


def main(argv: Sequence[str]) -> int:
    """Simulate; 0 when everything held, 1 when a world did not."""
    args = _parser().parse_args(argv)
    seed = secrets.randbelow(10**6) if args.seed is None else args.seed
    total: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    print(f"Two replicas, simulated, from seed {seed} on …", flush=True)
    try:
        for world in _worlds([seed, args.purchases, args.world, args.broken]):
            total.update(world["counts"])
            total.update(worlds=1, seconds=world["seconds"], took=world["took"])
            faults.update(world["faults"])
            if args.trace:
                print(f"seed {world['seed']}: {world['trace']}", flush=True)
            if world["problems"]:
                print(_failed(world, args))
                return 1
    except KeyboardInterrupt:
        if total["worlds"]:
            print(_held(total, faults))
        next_seed = seed + total["worlds"]
        raise Interrupted(f"To go on: ./run load simulate --seed {next_seed}") from None
    print(_held(total, faults))
    return 0


def _worlds(what: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield what became of each world. The order of a set is the same in every such process."""
    clean = {name: value for name, value in os.environ.items() if "BOOKSTORE_" not in name}
    clean["PYTHONHASHSEED"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "loadtest.simulation.worker"),
            json.dumps([*what, folder]),
        ]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=clean, start_new_session=True
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    yield json.loads(line)
            except BaseException:  # whoever stops us waits for no world's end
                process.kill()
                raise
    if process.returncode:
        raise LoadError("The simulation broke off; what it said is above.")


def _failed(world: dict[str, Any], args: argparse.Namespace) -> str:
    problems = "\n".join(f"- {problem}" for problem in world["problems"][:20])
    again = f"./run load simulate --seed {world['seed']} --purchases 1 --world {args.world}"
    again += f" --broken {args.broken}" if args.broken else ""
    return (
        f"seed {world['seed']} does not hold, after {world['counts']['purchases']} purchases:\n"
        f"{problems}\nThe same again: {again}"
    )


def _held(total: Counter[str], faults: Counter[str]) -> str:
    rows = ", ".join(f"{total[name]:,} {name}" for name in _COUNTED)
    broken = ", ".join(f"{number:,} {name}" for name, number in sorted(faults.items()))
    an_hour = total["purchases"] / max(total["took"], 0.001) * 3600
    return (
        f"✓ everything held in {total['worlds']:,} worlds: {rows}.\n"
        f"What went wrong: {broken}.\n"
        f"{total['seconds'] / 3600:.1f} h of theirs took {total['took']:.0f} s of one core: "
        f"{an_hour:,.0f} purchases an hour."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run load simulate",
        description="Run two replicas of the shop's own code in a simulated world: clock, network, "
        "crashes and all chance follow from the seed. It needs no shop and no host.",
    )
    parser.add_argument("--seed", type=_whole, help="of the first world (default: any)")
    parser.add_argument("--purchases", type=_positive, default=1000, help="paid orders (1000)")
    parser.add_argument("--world", type=_positive, default=300, help="baskets in a world (300)")
    parser.add_argument("--broken", choices=SHOPS, default="", help="a shop broken on purpose")
    parser.add_argument("--trace", action="store_true", help="a digest of all that happened")
    return parser


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text} is no whole number")
    return int(text)


def _positive(text: str) -> int:
    if _whole(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return int(text)
