"""`cloud.toml`: what to build on AWS. Every mistake in it becomes a sentence."""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from provisioning.errors import OperatorError
from provisioning.inventory import ClusterTable

EXAMPLE = Path("provisioning/cloud/example.toml")
LIMITED: dict[str, dict[str, Any]] = {  # what `limited = true` means where nothing else is said
    "network": {"zones": 1, "nat": "none", "flow_logs": False},
    "database": {"engine": "mysql", "rotation": False, "backup_days": 1},
    "hosts": {"instance_profile": "LabInstanceProfile"},
}


DOCKER = {"172.17.0.0/16": "every host's docker0 uses"}
TAKEN = {  # what Docker uses on each host, so that nothing else there would be reached
    "swarm": {
        **DOCKER,
        "172.18.0.0/16": "every host's docker_gwbridge uses",
        "10.200.0.0/16": "the swarm's overlay networks use",
    },
    "scaling-group": DOCKER,
}


def _network(value: str) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        raise ValueError(f'"{value}" is no network: write it as 10.0.0.0/16') from None
    return str(network)


def _vpc(value: str) -> str:
    if not 16 <= ipaddress.IPv4Network(_network(value)).prefixlen <= 20:
        raise ValueError(f'"{value}" must be between /16 and /20 in size')
    return value


def _range(value: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= value[0] <= value[1] <= 100 or value[1] == 0:
        raise ValueError(f"{list(value)} must be [fewest, most], from 0 to 100, most at least 1")
    return value


Network = Annotated[str, AfterValidator(_network)]
Range = Annotated[tuple[int, int], AfterValidator(_range)]


class Table(BaseModel):
    """One table of the file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Cloud(Table):
    """Where and under which name."""

    name: str = Field(default="bookstore", pattern=r"^[a-z][a-z0-9-]{0,25}$")
    region: str
    kind: Literal["swarm", "scaling-group", "machine"] = "swarm"
    operators: Network  # where operators come from; only they reach the bastion
    limited: bool = False


class Shop(Table):
    """What is to run; goes into cluster.toml."""

    domain: str
    acme_email: str = ""
    image: str
    replicas: tuple[int, int] = (3, 12)
    hosted_zone: str = Field(default="", pattern=r"^[A-Z0-9]*$")


class NetworkTable(Table):
    """The network."""

    cidr: Annotated[str, AfterValidator(_vpc)] = "10.0.0.0/16"
    zones: Literal[1, 3] = 3
    nat: Literal["none", "one", "per-zone"] = "one"
    flow_logs: bool = True


class Database(Table):
    """The database."""

    engine: Literal["aurora", "mysql"] = "aurora"
    min_capacity: float = Field(default=0.5, ge=0.5, le=256)  # ACU
    max_capacity: float = Field(default=4, ge=1, le=256)
    reader: bool = True
    backup_days: int = Field(default=7, ge=1, le=35)
    version: str = Field(default="", pattern=r"^[0-9a-z_.]*$")  # of the engine
    rotation: bool | None = None  # None: where hosts take a new password up by themselves
    snapshot: str = Field(default="", pattern=r"^[A-Za-z0-9:-]*$")  # what a new one starts from


class Hosts(Table):
    """The hosts, of the swarm or of the scaling group."""

    ami: str = Field(
        default="", pattern=r"^(ami-[0-9a-f]+)?$"
    )  # the newest Debian 13 at first, then kept
    worker_ami: str = Field(default="", pattern=r"^(ami-[0-9a-f]+)?$")  # as the managers' at first
    type: str = "t4g.small"
    manager_type: str = "t4g.small"
    managers: Literal[1, 3] = 1
    workers: Range = (2, 6)  # or instances of the scaling group
    disk: int = Field(default=20, ge=10, le=1000)  # GiB
    key_file: Path = Path("~/.ssh/bookstore")  # private; its public half is next to it
    instance_profile: str = ""


class ScalingGroup(Table):
    """What only the scaling group has."""

    cpu_target: int = Field(default=60, ge=10, le=90)
    requests_target: int = Field(default=3000, ge=10)
    certificate: str = Field(default="", pattern=r"^(arn:aws[a-z-]*:acm:.+)?$")
    repository: str = Field(default="", pattern=r"^(arn:aws[a-z-]*:ecr:.+)?$")


class Watch(Table):
    """Who is told of trouble and of costs."""

    email: str = Field(
        default="", pattern=r"^([^@\s]+@[^@\s]+)?$"
    )  # empty: nobody, nothing is made
    budget: int = Field(default=0, ge=0, le=1_000_000)  # USD a month; 0: none


class Settings(Table):
    """The whole file, checked."""

    cloud: Cloud
    shop: Shop
    network: NetworkTable = NetworkTable()
    database: Database = Database()
    hosts: Hosts = Hosts()
    group: ScalingGroup = ScalingGroup()
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _check_whole(self) -> Settings:
        problems = list(_problems(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def name(self) -> str:
        """Return the name that every resource carries."""
        return self.cloud.name

    @property
    def rotation(self) -> bool:
        """Tell whether the database's password changes by itself."""
        if self.database.rotation is None:
            return self.cloud.kind == "scaling-group"
        return self.database.rotation


def load(path: Path) -> Settings:
    """Read and check the file; name every mistake at once."""
    try:
        # Editors of Windows put a mark of three bytes before it.
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise OperatorError(
            f"There is no {path}. Copy {EXAMPLE} there and fill it in, or name yours with --config."
        ) from None
    except UnicodeDecodeError:
        raise OperatorError(
            f"{path} cannot be read: it is no text in UTF-8. Save it as UTF-8."
        ) from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise OperatorError(f"{path} cannot be read: {error}.") from None
    cloud = data.get("cloud")
    if isinstance(cloud, dict) and cloud.get("limited") is True:
        for table, defaults in LIMITED.items():
            given = data.get(table, {})
            data[table] = {**defaults, **given} if isinstance(given, dict) else given
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        lines = [line for row in error.errors() for line in _sentences(row["loc"], dict(row))]
        raise OperatorError(f"{path} has mistakes:\n  " + "\n  ".join(lines)) from None


def _problems(settings: Settings) -> Iterator[str]:
    cloud, shop, hosts = settings.cloud, settings.shop, settings.hosts
    try:
        ClusterTable(
            domain=shop.domain,
            acme_email=shop.acme_email or "none@example.com",
            image=shop.image,
            replicas=shop.replicas,
            storage="path:/srv/bookstore",
            database_url_file=Path("database_url"),
        )
    except ValidationError as error:
        for row in error.errors():
            yield f"[shop] {row['loc'][0]}: {row['msg'].removeprefix('Value error, ')}."
    try:
        hosts.key_file.expanduser()
    except RuntimeError:
        yield f"[hosts] key_file: {hosts.key_file.parts[0]} has no home folder here."
    if settings.database.min_capacity > settings.database.max_capacity:
        yield "[database] min_capacity is above max_capacity."
    for taken, whose in TAKEN.get(cloud.kind, DOCKER).items():
        if ipaddress.IPv4Network(settings.network.cidr).overlaps(ipaddress.IPv4Network(taken)):
            yield f"[network] cidr overlaps {taken}, which {whose}: choose another, as 10.0.0.0/16."
    if cloud.kind == "swarm" and not shop.acme_email:
        yield "[shop] acme_email is missing: Let's Encrypt tells you there what goes wrong."
    if cloud.kind == "scaling-group":
        if settings.network.zones == 1:
            yield "[network] zones = 3 is needed: an application load balancer wants two at least."
        if hosts.workers[0] == 0:
            yield "[hosts] workers must be 1 at least: they are the scaling group's instances."
        if not (shop.hosted_zone or settings.group.certificate):
            yield (
                "[shop] hosted_zone is missing, so no certificate can be issued: give it, or "
                "[group] certificate with the ARN of one you have."
            )


def _sentences(location: tuple[int | str, ...], error: dict[str, Any]) -> list[str]:
    table = f"[{location[0]}]" if location else ""
    key = str(location[1]) if len(location) > 1 else ""
    match error["type"]:
        case "extra_forbidden":
            known = _keys(str(location[0])) if key else list(Settings.model_fields)
            close = difflib.get_close_matches(key or str(location[0]), known, n=1, cutoff=0.5)
            hint = f' Did you mean "{close[0]}"?' if close else ""
            where = f'{table} has no key "{key}".' if key else f"There is no table {table}."
            return [where + hint]
        case "missing":
            return [f"{table} {key} is missing." if key else f"The table {table} is missing."]
        case "model_type":
            return [f"Write {table}, in one pair of brackets, and its keys below it."]
        case "value_error" if not location:
            return str(error["ctx"]["error"]).splitlines()
        case _:
            return [f"{table} {key}: {str(error['msg']).removeprefix('Value error, ')}."]


def _keys(table: str) -> list[str]:
    annotation = Settings.model_fields[table].annotation
    return list(getattr(annotation, "model_fields", {}))
