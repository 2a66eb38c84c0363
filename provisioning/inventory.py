"""The inventory (`cluster.toml`): which hosts there are and what should run on them."""

from __future__ import annotations

import base64
import binascii
import difflib
import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from provisioning.errors import OperatorError

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STORAGE_MOUNT = "/srv/bookstore"  # where nfs4 storage appears on every host
EXAMPLES = {
    "host_key": "ssh-keyscan -t ed25519 ADDRESS, compared with the key in the host's console log",
    "domain": 'domain = "books.example.com"',
    "image": 'image = "registry.example.com/bookstore:1.0"',
    "storage": 'storage = "nfs4:fs-0123.efs.eu-west-1.amazonaws.com:/" or "path:/srv/bookstore"',
    "key_file": 'key_file = "~/.ssh/id_ed25519" for every host under [ssh], or per host',
    "database_url_file": 'database_url_file = "secrets/database_url", one mysql://… line in it',
}


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ValueError(f'"{value}" is no name: use a-z, 0-9 and inner hyphens, 63 at most')
    return value


def _domain(value: str) -> str:
    if not re.fullmatch(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", value):
        raise ValueError(f'"{value}" is no domain name: write it as books.example.com, no https://')
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", value):
        raise ValueError(f'"{value}" is no e-mail address')
    return value


def _https(value: str) -> str:
    if not value.startswith("https://"):
        raise ValueError(f'"{value}" must start with https://')
    return value


def _host_key(value: str) -> str:
    """Accept one line as ssh-keyscan prints it, without the address and the comment."""
    kind, _, rest = value.strip().partition(" ")
    blob = rest.split(" ")[0]
    try:
        raw = base64.b64decode(blob, validate=True)
    except binascii.Error:
        raw = b""
    if kind != "ssh-ed25519" or not raw.startswith(b"\0\0\0\x0bssh-ed25519") or len(raw) != 51:
        raise ValueError('pin an ed25519 key: host_key = "ssh-ed25519 AAAA…"')
    return f"{kind} {blob}"


def _storage(value: str) -> str:
    if not re.fullmatch(r"nfs4:[A-Za-z0-9.:\-\[\]]+:/[^\s,]*|path:/[^\s,:]+", value):
        raise ValueError(
            f'"{value}" is neither "nfs4:HOST:/PATH" (EFS and other NFS) nor "path:/DIR" '
            "(a folder all hosts already share)"
        )
    return value


def _replicas(value: tuple[int, int]) -> tuple[int, int]:
    low, high = value
    if not 1 <= low <= high <= 1000:
        raise ValueError(f"[{low}, {high}] must be [least, most] with 1 <= least <= most <= 1000")
    return value


def _size(value: tuple[int, int]) -> tuple[int, int]:
    low, high = value
    if not 0 <= low <= high <= 100 or high == 0:
        raise ValueError(f"[{low}, {high}] must be [fewest, most], from 0 to 100, most at least 1")
    return value


def _image(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][\w.\-:/]*(@sha256:[0-9a-f]{64})?", value):
        raise ValueError(f'"{value}" is no image name: write it as registry.example.com/name:tag')
    return value


def _network(value: str) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        raise ValueError(f'"{value}" is no network: write it as 10.200.0.0/16') from None
    if network.prefixlen > 20:
        raise ValueError(f'"{value}" has no room for sixteen networks of 256: use /20 or wider')
    return value


Name = Annotated[str, AfterValidator(_name)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Table(BaseModel):
    """One table of the inventory: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Ssh(Table):
    """Defaults for how to reach the hosts."""

    user: str = "admin"
    port: Port = 22
    key_file: Path | None = None
    jump: Name | None = None


class Endpoint(Table):
    """A machine reached over SSH; its host key is pinned."""

    name: Name
    address: str = Field(min_length=1)
    user: str
    port: Port
    key_file: Path
    host_key: Annotated[str, AfterValidator(_host_key)]


class Jump(Endpoint):
    """A bastion through which hosts are reached; it is no part of the swarm."""


class Host(Endpoint):
    """A member of the swarm."""

    role: Literal["manager", "worker"]
    private_address: str = ""  # what the other hosts call it; `address` where empty
    edge: bool | None = None  # takes HTTP and HTTPS from outside; managers do by default
    zone: str | None = None  # replicas are spread over zones
    jump: Name | None = None

    @property
    def is_edge(self) -> bool:
        """Tell whether Traefik runs here."""
        return self.role == "manager" if self.edge is None else self.edge

    @property
    def swarm_address(self) -> str:
        """Give the address at which the other hosts of the swarm reach this one."""
        return self.private_address or self.address


class Cluster(Table):
    """What should run."""

    name: Name = "bookstore"
    domain: Annotated[str, AfterValidator(_domain)]
    acme_email: Annotated[str, AfterValidator(_email)]
    acme_directory: Annotated[str, AfterValidator(_https)] = LETS_ENCRYPT
    acme_ca_file: Path | None = None
    image: Annotated[str, AfterValidator(_image)]
    # Which of swarm/*.yml to deploy, in this order.
    stacks: tuple[Name, ...] = ("edge", "app", "autoscaler")
    replicas: Annotated[tuple[int, int], AfterValidator(_replicas)] = (3, 12)
    storage: Annotated[str, AfterValidator(_storage)]
    database_url_file: Path
    overlay_pool: Annotated[str, AfterValidator(_network)] = "10.200.0.0/16"
    mirror: str = ""  # images of Docker Hub are pulled from here instead, e.g. "10.0.0.2:5000"
    insecure_registries: tuple[str, ...] = ()  # registries that speak plain HTTP
    load_balancer: tuple[str, ...] = ()  # addresses whose PROXY protocol header is believed

    @property
    def storage_path(self) -> str:
        """Give the folder on every host that all hosts share."""
        kind, _, rest = self.storage.partition(":")
        return STORAGE_MOUNT if kind == "nfs4" else rest

    @property
    def nfs_source(self) -> str | None:
        """Give HOST:/PATH to mount, or None when the folder is already shared."""
        kind, _, rest = self.storage.partition(":")
        return rest if kind == "nfs4" else None


class NodeGroup(Table):
    """Where workers come from, for `scale-hosts`."""

    provider: Literal["ec2", "rehearsal"]
    size: Annotated[tuple[int, int], AfterValidator(_size)]  # fewest and most workers of it
    name: str = ""  # of the auto-scaling group
    region: str = ""

    @model_validator(mode="after")
    def _check_ec2(self) -> NodeGroup:
        if self.provider == "ec2" and not (self.name and self.region):
            raise ValueError(
                'provider "ec2" needs the name and region of its auto-scaling group: '
                "./run ops cloud inventory writes both"
            )
        return self


class Inventory(Table):
    """The whole file, checked; paths in it are absolute."""

    cluster: Cluster
    ssh: Ssh = Ssh()
    node_group: NodeGroup | None = None
    secrets: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Path] = {}
    jump: tuple[Jump, ...] = ()
    host: tuple[Host, ...] = Field(min_length=1)
    _path: Path = PrivateAttr(default=Path("cluster.toml"))

    @property
    def path(self) -> Path:
        """Give the file this was read from."""
        return self._path

    @property
    def managers(self) -> tuple[Host, ...]:
        """Give the hosts that are to be managers, in the file's order."""
        return tuple(h for h in self.host if h.role == "manager")

    @property
    def workers(self) -> tuple[Host, ...]:
        """Give the hosts that are to be workers, in the file's order."""
        return tuple(h for h in self.host if h.role == "worker")

    def named(self, name: str) -> Host:
        """Find a host by name; refuse an unknown one with the nearest right name."""
        for host in self.host:
            if host.name == name:
                return host
        names = [h.name for h in self.host]
        raise OperatorError(
            f'There is no host "{name}" in {self.path}.{_nearest(name, names)} '
            f"The hosts are: {', '.join(names)}."
        )

    def secret_files(self) -> dict[str, Path]:
        """Give every secret's name and file, the database URL among them."""
        return {"database_url": self.cluster.database_url_file, **self.secrets}

    @model_validator(mode="after")
    def _check_whole(self) -> Inventory:
        problems = []
        for what, values in {
            "name": [h.name for h in (*self.host, *self.jump)],
            "address": [f"{h.address}:{h.port}" for h in self.host],
        }.items():
            problems += [
                f'Two hosts have the {what} "{value}": give each its own.'
                for value in sorted({v for v in values if values.count(v) > 1})
            ]
        managers = len(self.managers)
        if managers not in (1, 3, 5, 7):
            problems.append(
                f"{managers} hosts have the role manager: use 1, 3, 5 or 7 "
                "(an even number survives no more losses than one fewer)."
            )
        if not any(h.is_edge for h in self.host):
            problems.append("No host is an edge: set edge = true on those that take HTTPS.")
        problems += [
            f"Host {h.name} ({h.swarm_address}) lies in overlay_pool {self.cluster.overlay_pool}: "
            "choose a pool that no network of yours uses."
            for h in self.host
            if _within(h.swarm_address, self.cluster.overlay_pool)
        ]
        problems += [
            f"Host {h.name}: engines find each other by IP address, and {h.swarm_address} is a "
            "name: add private_address."
            for h in self.host
            if not _is_address(h.swarm_address)
        ]
        jumps = [j.name for j in self.jump]
        problems += [
            f'Host {h.name} jumps through "{h.jump}", which is no [[jump]].'
            f"{_nearest(h.jump, jumps)}"
            for h in self.host
            if h.jump and h.jump not in jumps
        ]
        if "database_url" in self.secrets:
            problems.append("Give the database URL as database_url_file, not under [secrets].")
        if problems:
            raise ValueError("\n".join(problems))
        return self


def load(path: Path) -> Inventory:
    """Read and check an inventory; name every mistake at once, in sentences."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OperatorError(
            f"There is no inventory {path}. Copy provisioning/examples/ec2.toml there and fill "
            "it in, or name yours with --inventory."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
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
            f"The inventory {path} has mistakes:\n  " + "\n  ".join(lines)
        ) from None
    inventory = _absolute(inventory, path.resolve().parent)
    inventory._path = path
    return inventory


def check_files(inventory: Inventory) -> None:
    """Refuse an inventory whose secret and key files are missing, empty or readable by others."""
    problems = []
    for name, path in inventory.secret_files().items():
        if not path.is_file():
            problems.append(f"The secret {name} is to come from {path}, but no such file exists.")
        elif not path.read_text(encoding="utf-8").strip():
            problems.append(f"The secret {name} is to come from {path}, but that file is empty.")
        elif path.stat().st_mode & 0o007:
            problems.append(f"Everybody may read the secret file {path}: run chmod 600 {path}.")
    problems += [
        f"{endpoint.name}: the SSH key {endpoint.key_file} does not exist."
        for endpoint in (*inventory.host, *inventory.jump)
        if not endpoint.key_file.is_file()
    ]
    authority = inventory.cluster.acme_ca_file
    if authority and not authority.is_file():
        problems.append(f"The ACME server's CA file {authority} does not exist.")
    if problems:
        raise OperatorError("\n".join(problems))


def _fill(data: dict[str, Any], key: str, defaults: dict[str, Any]) -> None:
    rows = data.get(key)
    if isinstance(rows, list):
        data[key] = [{**defaults, **row} if isinstance(row, dict) else row for row in rows]


def _absolute(inventory: Inventory, folder: Path) -> Inventory:
    def fix(path: Path) -> Path:
        return folder / path.expanduser()

    cluster = inventory.cluster
    return inventory.model_copy(
        update={
            "cluster": cluster.model_copy(
                update={
                    "database_url_file": fix(cluster.database_url_file),
                    "acme_ca_file": cluster.acme_ca_file and fix(cluster.acme_ca_file),
                }
            ),
            "secrets": {name: fix(path) for name, path in inventory.secrets.items()},
            **{
                key: tuple(e.model_copy(update={"key_file": fix(e.key_file)}) for e in endpoints)
                for key, endpoints in (("host", inventory.host), ("jump", inventory.jump))
            },
        }
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _within(address: str, network: str) -> bool:
    return _is_address(address) and (
        ipaddress.IPv4Address(address) in ipaddress.IPv4Network(network)
    )


def _nearest(word: str, words: list[str]) -> str:
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f' Did you mean "{close[0]}"?' if close else ""


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
    match error["type"]:
        case "value_error" if not location:
            return str(error["ctx"]["error"]).split("\n")
        case "value_error":
            return [f"{place}: {key}: {error['ctx']['error']}."]
        case "extra_forbidden":
            return [f'{place} knows no "{key}".{_nearest(key, _keys_at(location[:-1]))}']
        case "missing" if len(location) == 1:
            return [f"The file has no [{key}]." if key == "cluster" else f"There is no [[{key}]]."]
        case "missing":
            hint = f" ({EXAMPLES[key]})" if key in EXAMPLES else ""
            return [f"{place} lacks {key}{hint}."]
        case "too_short":
            return [f"There is no [[{key}]]: list at least one."]
        case "literal_error":
            return [f"{place}: {key} must be {error['ctx']['expected']}, not {error['input']!r}."]
        case _:
            value = error["input"]
            return [f"{_place(location[:2], data)}: {key}: {error['msg']}, not {value!r}."]
