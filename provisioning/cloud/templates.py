"""Read CloudFormation templates, and work out what they come to for given parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "templates"
ROTATION = Path(__file__).parent / "rotation.py"
NAMES = ("network", "data", "swarm", "scaling-group", "machine", "watch")
LIMIT = 51_200  # bytes that CloudFormation takes without a bucket to upload to
PSEUDO = {
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING = object()  # AWS::NoValue

type Template = dict[str, Any]
type Resource = dict[str, Any]


def body(name: str) -> str:
    """Return a template as it is sent to CloudFormation."""
    text = (FOLDER / f"{name}.yml").read_text(encoding="utf-8")
    return re.sub(r'^( *)ZipFile: "\{\{rotation\.py\}\}".*$', _embedded, text, flags=re.MULTILINE)


def read(name: str) -> Template:
    """Parse a template; short tags become their long form, such as {"Fn::Sub": …}."""
    # The loader is a safe one: it knows plain data and CloudFormation's tags, nothing else.
    parsed: Template = yaml.load(body(name), Loader=_Loader)  # noqa: S506
    return parsed


def render(
    template: Template, parameters: Mapping[str, str], pseudo: Mapping[str, str] = PSEUDO
) -> dict[str, Resource]:
    """Return the resources that exist with these parameters, conditions and functions worked out.

    What only AWS can know stands in angle brackets: <Vpc>, <Cluster.Endpoint.Address>. Raises
    KeyError for a parameter that has neither a value nor a default.
    """
    values = {
        name: str(parameters.get(name, declared.get("Default", _NOTHING)))
        for name, declared in template["Parameters"].items()
        if name in parameters or "Default" in declared
    }
    scope = _Scope(template, values, dict(pseudo))
    return {
        name: scope.resolve({k: v for k, v in resource.items() if k != "Metadata"})
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or scope.holds(resource["Condition"])
    }


class _Loader(yaml.CSafeLoader):
    pass


def _construct(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct)


def _embedded(match: re.Match[str]) -> str:
    margin = match[1]
    lines = ROTATION.read_text(encoding="utf-8").splitlines()
    indented = "\n".join(f"{margin}  {line}".rstrip() for line in lines)
    return f"{margin}ZipFile: |\n{indented}"


class _Scope:
    """Where names of a template find their values."""

    def __init__(self, template: Template, values: dict[str, str], pseudo: dict[str, str]) -> None:
        self._conditions = template.get("Conditions", {})
        self._resources = template["Resources"]
        self._types = {n: p["Type"] for n, p in template["Parameters"].items()}
        self._values = values
        self._pseudo = pseudo

    def holds(self, condition: str) -> bool:
        return self._truth(self._conditions[condition])

    def resolve(self, value: Any) -> Any:
        """Work out every function inside a value."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        done = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in done.items() if item is not _NOTHING}

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._named(argument)
            case "Fn::If":
                return self.resolve(argument[1 if self.holds(argument[0]) else 2])
            case "Fn::GetAtt":
                return f"<{'.'.join(argument)}>"
            case "Fn::Sub":
                return self._substitute(argument)
            case "Fn::Select":
                index, items = argument
                found = self.resolve(items)
                return found[int(index)] if isinstance(found, list) else f"{found}[{index}]"
            case "Fn::Split":
                return str(self.resolve(argument[1])).split(argument[0])
            case "Fn::GetAZs":
                return [f"{self._pseudo['AWS::Region']}{zone}" for zone in "abc"]
            case "Fn::Base64":
                return self.resolve(argument)
        raise ValueError(f"templates of ours do not use {name}")

    def _named(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._resources:
            return f"<{name}>"
        value, kind = self._values[name], self._types[name]
        return value.split(",") if kind.startswith(("List<", "CommaDelimited")) else value

    def _substitute(self, argument: Any) -> str:
        text, extra = argument if isinstance(argument, list) else (argument, {})

        def value_of(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in extra:
                return str(self.resolve(extra[name]))
            if "." in name:
                return f"<{name}>"
            return str(self._named(name))

        return re.sub(r"\$\{([^}]+)\}", value_of, text)

    def _truth(self, condition: Any) -> bool:
        name, argument = next(iter(condition.items()))
        match name:
            case "Condition":
                return self.holds(argument)
            case "Fn::Equals":
                left, right = (self.resolve(side) for side in argument)
                return str(left) == str(right)
            case "Fn::Not":
                return not self._truth(argument[0])
            case "Fn::And":
                return all(self._truth(part) for part in argument)
            case "Fn::Or":
                return any(self._truth(part) for part in argument)
        raise ValueError(f"templates of ours do not use {name}")
