"""Names that another package marks as private are not used: its next version may have others."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["benchmarks", "bookstore", "loadtest", "provisioning", "swarm"]
# Documented, whatever they look like: of named tuples, of os, and WTForms' text of a field.
PUBLIC = {"_asdict", "_fields", "_make", "_replace", "_exit", "_value"}

# File and name; two at most, each with a comment there that names the hook that is missing.
ALLOWED: set[tuple[str, str]] = set()


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def own_names(trees: dict[str, ast.Module]) -> set[str]:
    """Return every private name that the project itself defines."""
    found = set()
    for tree in trees.values():
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found.add(name)
                case ast.ClassDef(name=name):
                    found.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    found.add(name)
                case ast.Name(id=name, ctx=ast.Store()):
                    found.add(name)
    return {name for name in found if is_private(name)}


def foreign_private(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """Give the private names of others that a module uses or imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()) if is_private(name) and name not in own:
                yield name
            case ast.ImportFrom(module=str(module), names=names, level=0):
                if module.split(".")[0] in PACKAGES:
                    continue
                path = [*module.split("."), *(alias.name for alias in names)]
                yield from (part for part in path if is_private(part))
            case ast.Import(names=names):
                path = [part for alias in names for part in alias.name.split(".")]
                yield from (part for part in path if is_private(part))


def used(sources: dict[str, str]) -> set[tuple[str, str]]:
    """Return file and name of each private name of others."""
    trees = {path: ast.parse(source) for path, source in sources.items()}
    own = own_names(trees)
    return {(path, name) for path, tree in trees.items() for name in foreign_private(tree, own)}


def test_no_private_name_of_others_but_those_allowed() -> None:
    sources = {
        str(path.relative_to(ROOT)): path.read_text()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert used(sources) == ALLOWED
    assert len(ALLOWED) <= 2


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import quart\nquart.app._cancel()", "_cancel"),
        ("from werkzeug._internal import x", "_internal"),
        ("from flask.x import _y", "_y"),
        ("import concurrent._base as base", "_base"),
        ("client.channel._loop.stop()", "_loop"),
    ],
)
def test_each_way_of_using_one_is_found(source: str, name: str) -> None:
    assert used({"one.py": source}) == {("one.py", name)}


@pytest.mark.parametrize(
    "source",
    [
        "row._replace(id=1)", "import os\nos._exit(1)", "x.__class__", "from bookstore.x import _y",
        "class A:\n    def _b(self): pass\nA()._b()",

    ],
)  # fmt: skip
def test_names_of_ours_and_documented_ones_are_left_alone(source: str) -> None:
    assert used({"one.py": source}) == set()
