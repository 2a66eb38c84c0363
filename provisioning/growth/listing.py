"""Hosts that come and go, in the inventory file: their tables are added and removed as text.

As text, so that everything an operator wrote stays as it is.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from provisioning.growth.provider import Machine
from provisioning.inventory import Inventory, load

_TABLE = re.compile(r"^(?=\[)", re.MULTILINE)


def with_host(text: str, machine: Machine, host_key: str) -> str:
    """Return the inventory's text with a machine as a worker, in place of one of the same name."""
    zone = f'zone = "{machine.zone}"\n' if machine.zone else ""
    return (
        without_host(text, machine.name).rstrip("\n")
        + f'\n\n[[host]]\nname = "{machine.name}"\nrole = "worker"\n'
        + f'address = "{machine.address}"\n{zone}host_key = "{host_key}"\n'
    )


def without_host(text: str, name: str) -> str:
    """Return the inventory's text without a host."""
    tables = _TABLE.split(text)
    return "".join(table for table in tables if not _is_host(table, name))


def add(path: Path, machine: Machine, host_key: str) -> Inventory:
    """Put a machine into the inventory; give the inventory as it is then."""
    return _write(path, with_host(path.read_text(encoding="utf-8"), machine, host_key))


def remove(path: Path, name: str) -> Inventory:
    """Take a host out of the inventory; give the inventory as it is then."""
    return _write(path, without_host(path.read_text(encoding="utf-8"), name))


def _is_host(table: str, name: str) -> bool:
    if not table.startswith("[[host]]"):
        return False
    rows = tomllib.loads(table).get("host", [])
    return [row.get("name") for row in rows] == [name]


def _write(path: Path, text: str) -> Inventory:
    """Replace the file whole, once it is known to be right."""
    if text != path.read_text(encoding="utf-8"):
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        try:
            load(part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    return load(path)
