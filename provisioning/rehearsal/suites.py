"""Hosts of other Debian suites than the rehearsal's own, and engines that come from another suite.

A host's disk stands on the tree of its suite, and on a layer whose mirror has the engine of the
other suite. Both are made when they are first asked for, and cached.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioning.rehearsal import mounts, trees
from provisioning.rehearsal.layout import CACHE
from provisioning.rehearsal.system import run, step
from provisioning.rehearsal.trees import SUITE

# The packages of an engine in each suite; some bring their command line in the first of them.
_PARTS = ("docker.io", "containerd", "runc")
ENGINES = {
    SUITE: (*_PARTS, "docker-cli"),
    "bookworm": _PARTS,
    "forky": (*_PARTS, "docker-cli"),
    "noble": _PARTS,
}
HOSTS = (SUITE, "bookworm")
UBUNTU = {"noble"}  # what is not Debian's
KEYS = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
# Nothing but what is asked for comes from the engine's suite.
PIN = """Package: *
Pin: release n={suite}
Pin-Priority: 100
"""
# Asks debootstrap's script of a distribution where its packages are.
ASK = """
ARCH=$(dpkg --print-architecture) SUITE=$1
default_mirror() { echo "$1"; exit; }
. /usr/share/debootstrap/scripts/gutsy
"""


@dataclass(frozen=True)
class System:
    """What a host is made of: the suites of its system and of its engine, and its quirks."""

    suite: str = SUITE
    engine: str = SUITE
    quirks: tuple[str, ...] = ()


def layers(system: System) -> list[Path]:
    """List what a host's disk stands on, the topmost first."""
    if (system.suite, system.engine) == (SUITE, SUITE):
        return [trees.host_tree()]
    return [_engine_layer(system), _tree(system.suite)]


def build(system: System) -> None:
    """Make what a host stands on unless it is cached; the rehearsal's own trees are there."""
    if layers(system) == [trees.host_tree()]:
        return
    if not _tree(system.suite).is_dir():
        with step(f"Debian {system.suite} (once)"), _new(_tree(system.suite)) as tree:
            _make_tree(tree, system.suite)
    if not _engine_layer(system).is_dir():
        with step(f"Engine of {system.engine} for {system.suite} (once)"):
            _make_engine_layer(system)


def _named(kind: str, *recipe: object) -> Path:
    """Return a folder whose name changes with the recipe of what is in it."""
    said = repr((trees.folder().name, recipe, 1))
    return CACHE / f"{kind}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def _tree(suite: str) -> Path:
    return trees.host_tree() if suite == SUITE else _named(f"system-{suite}", suite)


def _engine_layer(system: System) -> Path:
    recipe = (system.suite, system.engine, ENGINES[system.engine], PIN)
    return _named(f"engine-{system.suite}-{system.engine}", *recipe)


@contextmanager
def _new(target: Path) -> Iterator[Path]:
    """Give a folder to fill, and put it in its place; older ones that nothing stands on go."""
    kind = target.name.rpartition("-")[0]
    for old in CACHE.glob(f"{kind}-*"):
        if not mounts.is_layer(old):
            mounts.unmount_under(old)
            shutil.rmtree(old)
    partial = target.with_suffix(".partial")
    partial.mkdir(mode=0o755)
    yield partial
    partial.rename(target)


def archive(suite: str) -> str:
    """Return the address of the archive that debootstrap takes a suite from."""
    if suite in UBUNTU:
        return run(["sh", "-c", ASK, "sh", suite]).strip()
    line = run(["tar", "-xOf", trees.base_archive(), "./etc/apt/sources.list"])
    return next(word for word in line.split() if "://" in word)


def sources(suite: str) -> str:
    """Return a suite's lines for apt."""
    if suite in UBUNTU:
        kind = f"deb [signed-by=/{KEYS}] {archive(suite)}"
        return "".join(f"{kind} {suite}{part} main universe\n" for part in ("", "-updates"))
    # A mirror may be behind by more than the week that Debian's testing vouches for.
    return f"deb [check-valid-until=no] {archive(suite)} {suite} main\n"


def _make_tree(tree: Path, suite: str) -> None:
    """Make the tree of a bare host."""
    trees.debootstrap(tree, suite, archive(suite), "/usr/share/debootstrap/scripts/sid")
    trees.make_host(tree)
    trees.apt(tree, "clean")


def _make_engine_layer(system: System) -> None:
    """Make the layer whose mirror has the engine of the suite that it is to come from."""
    with _new(_engine_layer(system)) as layer:
        work, root = (layer.with_suffix(end) for end in (".work.partial", ".root.partial"))
        for folder in (work, root):
            folder.mkdir()
        mounts.overlay(root, [_tree(system.suite)], layer, work)
        try:
            _write_sources(root, system)
            parts = [f"{package}/{system.engine}" for package in ENGINES[system.engine]]
            trees.fill_mirror(root, parts, trees.TOOLS)
            (root / "etc/apt/preferences.d/engine").unlink(missing_ok=True)
            trees.use_mirror(root)
        finally:
            mounts.unmount_under(root)
            root.rmdir()
            shutil.rmtree(work)


def _write_sources(root: Path, system: System) -> None:
    """Let apt in a tree take a host's packages from its suite, and the engine from the other."""
    listed = root / "etc/apt/sources.list"
    listed.write_text(sources(system.suite))
    _update(root)
    if system.engine == system.suite:
        return
    if system.engine in UBUNTU:
        trees.apt(root, "install", "--no-install-recommends", "ubuntu-keyring")
    (root / "etc/apt/preferences.d/engine").write_text(PIN.format(suite=system.engine))
    listed.write_text(sources(system.suite) + sources(system.engine))
    _update(root)


def _update(root: Path) -> None:
    trees.apt(root, "update", "-o", "Acquire::Languages=none")
