"""Read the inventory file, and put every mistake in it in the operator's words."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from provisioning.errors import OperatorError
from provisioning.inventory.tables import Inventory, Ssh
from provisioning.inventory.values import nearest

CA_FILES = ("acme_ca_file", "certificate_ca_file")
EXAMPLES = {
    "host_key": "ssh-keyscan -t ed25519 ADDRESS, compared with the key in the host's console log",
    "domain": 'domain = "books.example.com"',
    "image": 'image = "registry.example.com/bookstore:1.0"',
    "storage": 'storage = "nfs4:fs-0123.efs.eu-west-1.amazonaws.com:/" or "path:/srv/bookstore"',
    "key_file": 'key_file = "~/.ssh/id_ed25519" for every host under [ssh], or per host',
    "database_url_file": 'database_url_file = "secrets/database_url", one mysql://… line in it',
}


def load(path: Path) -> Inventory:
    """Read and check an inventory; name every mistake at once, in sentences."""
    try:
        # Editors of Windows put a mark of three bytes before it.
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise OperatorError(
            f"There is no inventory {path}. Copy provisioning/examples/ec2.toml there and fill "
            "it in, or name yours with --inventory."
        ) from None
    except UnicodeDecodeError:
        raise OperatorError(
            f"The inventory {path} cannot be read: it is no text in UTF-8. Save it as UTF-8."
        ) from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise OperatorError(f"The inventory {path} cannot be read: {error}.") from None
    ssh = data.get("ssh")
    if isinstance(ssh, dict):
        # Defaults of [ssh] fill the gaps of each host; an unknown key in [ssh] is found below.
        shared = {k: v for k, v in ssh.items() if k in Ssh.model_fields}
        _fill(data, "host", {**Ssh().model_dump(exclude_none=True), **shared})
        _fill(data, "jump", {k: v for k, v in shared.items() if k != "jump"} | {"port": 22})
    else:
        for key in ("host", "jump"):
            _fill(data, key, {"user": "admin", "port": 22})
    try:
        inventory = Inventory.model_validate(data)
    except ValidationError as error:
        lines = [line for e in error.errors() for line in _sentences(dict(e), data)]
        raise OperatorError(
            f"The inventory {path} has mistakes:\n  " + "\n  ".join(dict.fromkeys(lines))
        ) from None
    inventory = _absolute(inventory, path.resolve().parent)
    return inventory.read_from(path)


def check_files(inventory: Inventory) -> None:
    """Refuse an inventory whose key files are missing, or whose secrets are readable by others."""
    problems = [
        f"Everybody may read the secret file {path}: run chmod 600 {path}."
        for path in inventory.private_files()
        if path.is_file() and path.stat().st_mode & 0o007
    ]
    problems += [
        f"{endpoint.name}: the SSH key {endpoint.key_file} does not exist."
        for endpoint in (*inventory.host, *inventory.jump)
        if not endpoint.key_file.is_file()
    ]
    problems += [
        f"The file {path} ({key}) does not exist."
        for key in CA_FILES
        if (path := getattr(inventory.cluster, key)) and not path.is_file()
    ]
    if problems:
        raise OperatorError("\n".join(problems))


def check_secrets(inventory: Inventory) -> None:
    """Refuse to go on where a secret's file is missing or odd: only who deploys needs them."""
    files = inventory.secret_files().items()
    problems = [
        f"The secret {name} is to come from {path}, but {why}"
        for name, path in files
        if (why := _no_secret(name, path))
    ]
    if problems:
        raise OperatorError("\n".join(problems))


def _no_secret(name: str, path: Path) -> str:
    """Say why a file cannot be a secret, "" where it can."""
    if not path.is_file():
        return "no such file exists here. Whoever deployed last has it."
    try:
        content = path.read_bytes()
        text = content.decode()
    except OSError as error:
        return f"it cannot be read ({error.strerror})."
    except UnicodeDecodeError:
        text = "\0"
    if not content.strip():
        return "that file is empty."
    if text.startswith("\ufeff") or "\0" in text:
        return "that is no plain text. Save it as UTF-8, without a byte order mark."
    if name == "database_url" and not re.fullmatch(r"mysql(\+asyncmy)?://\S+", text.strip()):
        return "that is not one line mysql://USER:PASSWORD@HOST:3306/NAME."
    return ""


def _fill(data: dict[str, Any], key: str, defaults: dict[str, Any]) -> None:
    rows = data.get(key)
    if isinstance(rows, list):
        data[key] = [{**defaults, **row} if isinstance(row, dict) else row for row in rows]


def _absolute(inventory: Inventory, folder: Path) -> Inventory:
    def fix(path: Path) -> Path:
        try:
            return folder / path.expanduser()
        except RuntimeError:
            raise OperatorError(
                f"{path}: {path.parts[0]} has no home folder here. Write the path whole, or as "
                "seen from the inventory."
            ) from None

    cluster, backup = inventory.cluster, inventory.backup
    if backup:
        files = {k: getattr(backup, k) for k in ("identity_file", "database_url_file")}
        to = backup.to if backup.to.startswith("s3://") else str(fix(Path(backup.to)))
        backup = backup.model_copy(update={k: v and fix(v) for k, v in files.items()} | {"to": to})
    alert = inventory.alert
    if alert and alert.webhook_file:
        alert = alert.model_copy(update={"webhook_file": fix(alert.webhook_file)})
    return inventory.model_copy(
        update={
            "alert": alert,
            "backup": backup,
            "cluster": cluster.model_copy(
                update={
                    "database_url_file": fix(cluster.database_url_file),
                    **{
                        key: getattr(cluster, key) and fix(getattr(cluster, key))
                        for key in CA_FILES
                    },
                }
            ),
            "secrets": {name: fix(path) for name, path in inventory.secrets.items()},
            **{
                key: tuple(e.model_copy(update={"key_file": fix(e.key_file)}) for e in endpoints)
                for key, endpoints in (("host", inventory.host), ("jump", inventory.jump))
            },
        }
    )


def _keys_at(location: tuple[str | int, ...]) -> list[str]:
    """List the keys that the table at this place may hold."""
    model: Any = Inventory
    for part in location:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            model = next(iter(get_args(annotation)), annotation)
    return list(model.model_fields)


def _place(location: tuple[str | int, ...], data: dict[str, Any]) -> str:
    if not location:
        return "The file"
    table = str(location[0])
    if len(location) > 1 and isinstance(location[1], int):
        row = data[table][location[1]]
        name = row.get("name") if isinstance(row, dict) else None
        return f"[[{table}]] {name or f'number {location[1] + 1}'}"
    return f"[{table}]"


def _sentences(error: dict[str, Any], data: dict[str, Any]) -> list[str]:
    """Put one of pydantic's findings in the operator's words."""
    location: tuple[str | int, ...] = error["loc"]
    key = str(location[-1]) if location else ""
    place = _place(location[:-1], data)
    value = error["input"]
    inside = len(location) == 3 and isinstance(location[1], str) and isinstance(location[2], int)
    if inside:  # one of a list's values
        key = str(location[1])
    pair = location[1:2] in (("replicas",), ("size",)) and (inside or error["type"] != "missing")
    match error["type"]:
        case "value_error" if not location:
            return str(error["ctx"]["error"]).split("\n")
        case "value_error" if location == ("settings",):
            lines = str(error["ctx"]["error"]).split("\n")
            return [
                f"[settings]: {line}{'' if line.endswith(('?', '.')) else '.'}" for line in lines
            ]
        case "value_error":
            return [f"{place}: {key}: {error['ctx']['error']}."]
        case "extra_forbidden":
            return [f'{place} knows no "{key}".{nearest(key, _keys_at(location[:-1]))}']
        case "missing" | "too_long" | "too_short" if pair:
            key = str(location[1])
            return [f"{_place(location[:1], data)}: {key} must be two values, not {value!r}."]
        case "missing" if len(location) == 1:
            return [f"The file has no [{key}]." if key == "cluster" else f"There is no [[{key}]]."]
        case "missing":
            hint = f" ({EXAMPLES[key]})" if key in EXAMPLES else ""
            return [f"{place} lacks {key}{hint}."]
        case "too_short":  # also where all that are there have mistakes, which are named
            return [] if data.get(key) else [f"There is no [[{key}]]: list at least one."]
        case "literal_error":
            return [f"{place}: {key} must be {error['ctx']['expected']}, not {error['input']!r}."]
        case "tuple_type" if len(location) == 1:
            return [f"Write [[{key}]], in two pairs of brackets, before each."]
        case "model_type" | "dict_type" if len(location) == 1:
            return [f"Write [{key}], in one pair of brackets, and its keys below it."]
        case "tuple_type":
            return [f"{place}: {key} must be a list in brackets, not {value!r}."]
        case "string_type" if location[:1] == ("settings",):
            return [f"[settings]: {location[1]} must be text, a number, true or false."]
        case "string_type" | "path_type":
            return [f"{place}: {key} must be text in quotes, not {value}."]
        case "string_pattern_mismatch" if location[-1] == "[key]":
            return [f'[secrets]: "{value}" is no name of a secret: use a-z, 0-9 and _.']
        case _ if location[:1] == ("settings",):
            return []  # one kind is as wrong as the other, and the first is named
        case "int_type" | "int_parsing" | "int_from_float":
            many = "whole numbers" if inside else "a whole number"
            return [f"{_place(location[:2], data)}: {key} must be {many}, not {value!r}."]
        case _:
            return [f"{_place(location[:2], data)}: {key}: {error['msg']}, not {value!r}."]
