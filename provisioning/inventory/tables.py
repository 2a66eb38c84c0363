"""The tables of the inventory (`cluster.toml`): which hosts there are and what runs on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from provisioning.errors import OperatorError
from provisioning.inventory import values
from provisioning.inventory.settings import check as check_settings
from provisioning.inventory.values import (
    Name,
    Networks,
    Port,
    Registries,
    Registry,
    Zone,
    is_address,
    nearest,
    within,
)

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STORAGE_MOUNT = "/srv/bookstore"  # where nfs4 storage appears on every host


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
    address: Annotated[str, Field(pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:-]*$")]
    user: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9._-]*$")]
    port: Port
    key_file: Path
    host_key: Annotated[str, AfterValidator(values.host_key)]


class Jump(Endpoint):
    """A bastion through which hosts are reached; it is no part of the swarm."""


class Host(Endpoint):
    """A member of the swarm."""

    role: Literal["manager", "worker"]
    private_address: str = ""  # what the other hosts call it; `address` where empty
    edge: bool | None = None  # takes HTTP and HTTPS from outside; managers do by default
    zone: Zone | None = None  # replicas are spread over zones
    jump: Name | None = None

    @property
    def is_edge(self) -> bool:
        """Tell whether Traefik runs here."""
        return self.role == "manager" if self.edge is None else self.edge

    @property
    def swarm_address(self) -> str:
        """Return the address at which the other hosts of the swarm reach this one."""
        return self.private_address or self.address


class ClusterTable(Table):
    """What should run."""

    name: Name = "bookstore"
    domain: Annotated[str, AfterValidator(values.domain)]
    acme_email: Annotated[str, AfterValidator(values.email)]
    acme_directory: Annotated[str, AfterValidator(values.https)] = LETS_ENCRYPT
    acme_ca_file: Path | None = None
    certificate_ca_file: Path | None = None  # who signs it, where browsers do not know them
    image: Annotated[str, AfterValidator(values.image)]
    # Which of swarm/*.yml to deploy, in this order.
    stacks: tuple[Name, ...] = ("edge", "app", "autoscaler")
    replicas: Annotated[tuple[int, int], AfterValidator(values.replicas)] = (3, 12)
    storage: Annotated[str, AfterValidator(values.storage)]
    database_url_file: Path
    overlay_pool: Annotated[str, AfterValidator(values.network)] = "10.200.0.0/16"
    mirror: Registry = ""  # Docker Hub's images are pulled from here, e.g. "10.0.0.2:5000"
    insecure_registries: Registries = ()  # registries that speak plain HTTP
    load_balancer: Networks = ()  # addresses whose PROXY protocol header is believed

    @property
    def storage_path(self) -> str:
        """Return the folder on every host that all hosts share."""
        kind, _, rest = self.storage.partition(":")
        return STORAGE_MOUNT if kind == "nfs4" else rest

    @property
    def nfs_source(self) -> str | None:
        """Return HOST:/PATH to mount, or None when the folder is already shared."""
        kind, _, rest = self.storage.partition(":")
        return rest if kind == "nfs4" else None


class NodeGroup(Table):
    """Where workers come from, for `scale-hosts`."""

    provider: Literal["ec2", "rehearsal"]
    size: Annotated[tuple[int, int], AfterValidator(values.size)]  # fewest and most workers of it
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


class Backup(Table):
    """Where backups go, for whom they are sealed, and how many are kept."""

    to: Annotated[str, AfterValidator(values.store)]
    recipients: Annotated[tuple[str, ...], AfterValidator(values.recipients)]
    identity_file: Path | None = None  # opens them again: needed to restore
    database_url_file: Path | None = None  # of a user who may dump; the shop's own where empty
    keep: Annotated[int, Field(ge=1, le=1000)] = 14
    oldest_hours: Annotated[float, Field(gt=0)] = 26  # the newest may be so old: longer is told


class Alert(Table):
    """Who is told by `doctor --watch`."""

    webhook_file: Path | None = None  # one line: where a chat takes {"text": …}
    mail_to: Annotated[str, AfterValidator(values.email)] | None = None

    @model_validator(mode="after")
    def _check_somebody(self) -> Alert:
        if not (self.webhook_file or self.mail_to):
            raise ValueError("say who is told: webhook_file, mail_to, or both")
        return self


class Inventory(Table):
    """The whole file, checked; paths in it are absolute."""

    cluster: ClusterTable
    ssh: Ssh = Ssh()
    node_group: NodeGroup | None = None
    backup: Backup | None = None
    alert: Alert | None = None
    settings: Annotated[dict[str, str | int | float | bool], AfterValidator(check_settings)] = {}
    secrets: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Path] = {}
    jump: tuple[Jump, ...] = ()
    host: tuple[Host, ...] = Field(min_length=1)
    _path: Path = PrivateAttr(default=Path("cluster.toml"))

    @property
    def path(self) -> Path:
        """Return the file this was read from."""
        return self._path

    def read_from(self, path: Path) -> Inventory:
        """Return the inventory as read from this file."""
        copy = self.model_copy()
        copy._path = path
        return copy

    @property
    def managers(self) -> tuple[Host, ...]:
        """Return the hosts that are to be managers, in the file's order."""
        return tuple(h for h in self.host if h.role == "manager")

    @property
    def workers(self) -> tuple[Host, ...]:
        """Return the hosts that are to be workers, in the file's order."""
        return tuple(h for h in self.host if h.role == "worker")

    def named(self, name: str) -> Host:
        """Find a host by name; refuse an unknown one with the nearest right name."""
        for host in self.host:
            if host.name == name:
                return host
        names = [h.name for h in self.host]
        raise OperatorError(
            f'There is no host "{name}" in {self.path}.{nearest(name, names)} '
            f"The hosts are: {', '.join(names)}."
        )

    def secret_files(self) -> dict[str, Path]:
        """Return every secret's name and file, the database URL among them."""
        return {"database_url": self.cluster.database_url_file, **self.secrets}

    def private_files(self) -> list[Path]:
        """Return every file that nobody else may read."""
        backup = self.backup
        more = [backup.identity_file, backup.database_url_file] if backup else []
        more += [self.alert.webhook_file] if self.alert else []
        return [*self.secret_files().values(), *(path for path in more if path)]

    @model_validator(mode="after")
    def _check_whole(self) -> Inventory:
        problems = []
        for what, given in {
            "name": [h.name for h in (*self.host, *self.jump)],
            "address": [f"{h.address.lower()}:{h.port}" for h in self.host],
            "private address": [h.swarm_address for h in self.host],
        }.items():
            problems += [
                f'Two hosts have the {what} "{value}": give each its own.'
                for value in sorted({v for v in given if given.count(v) > 1})
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
            if within(h.swarm_address, self.cluster.overlay_pool)
        ]
        problems += [
            f"Host {h.name}: engines find each other by IPv4 address, and {h.swarm_address} is "
            "none: add private_address."
            for h in self.host
            if not is_address(h.swarm_address)
        ]
        jumps = [j.name for j in self.jump]
        problems += [
            f'Host {h.name} jumps through "{h.jump}", which is no [[jump]].{nearest(h.jump, jumps)}'
            for h in self.host
            if h.jump and h.jump not in jumps
        ]
        if self.alert and self.alert.mail_to and "smtp_url" not in self.secrets:
            problems.append("[alert] mail_to needs a mail server: smtp_url under [secrets].")
        if "database_url" in self.secrets:
            problems.append("Give the database URL as database_url_file, not under [secrets].")
        if problems:
            raise ValueError("\n".join(problems))
        return self
