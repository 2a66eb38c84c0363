"""What a plan is made of: changes in the operator's words, the steps that make them, objects."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    """A shell command to run as root."""

    command: str
    stdin: bytes = field(default=b"", repr=False)
    timeout: float = 60


@dataclass(frozen=True)
class Write:
    """A file to put in place whole."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Operation:
    """One change, in the operator's words, and the steps that make it.

    Steps are empty while they cannot be known, such as joining a swarm that is yet to be made.
    """

    stage: str
    host: str
    words: str
    steps: tuple[Run | Write, ...] = ()
    restarts: bool = False  # a member of the swarm is away for a moment
    alone: bool = False  # while no other host is being changed
    at: str = ""  # the host where the steps run, if another: nodes are changed at a manager


@dataclass(frozen=True)
class Object:
    """A network, secret or config that the swarm should hold."""

    kind: str  # network, secret, config
    name: str
    content: bytes = field(default=b"", repr=False)
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What has to change; with problems, nothing may."""

    operations: tuple[Operation, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()  # hosts that could not be asked
