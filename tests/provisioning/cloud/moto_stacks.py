"""How stacks change on AWS and not in moto: change sets, conditions, states that pass."""

from __future__ import annotations

from typing import Any

import pytest
from moto.autoscaling.models import FakeAutoScalingGroup
from moto.cloudformation import parsing
from moto.cloudformation.models import Change, ChangeSet, CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.instances import Instance as Machine


def changes_of_parameters(change_set: ChangeSet) -> list[Any]:
    """List changes as AWS does: a resource also changes when a parameter that it uses does."""
    resource_map = change_set.stack.resource_map
    found = resource_map.build_resource_diff(change_set.template_dict, change_set.parameters)
    kinds = {**change_set.template_dict["Resources"], **resource_map._resource_json_map}
    return [
        Change(action=action, logical_resource_id=name, resource_type=kinds[name]["Type"])
        for action, names in found.items()
        for name in names
    ]


def apply_whole(change_set: ChangeSet) -> None:
    """Carry a change set out so that the stack's parameters and outputs follow."""
    stack = change_set.stack
    resources = stack.resource_map
    before = identities(resources)
    resources.update(change_set.template_dict, change_set.parameters)
    after = identities(resources)
    replaced = {name for name in before if before[name] != after.get(name)}
    for name, definition in change_set.template_dict["Resources"].items():
        if any(uses(definition, machine) for machine in replaced):
            parsing.parse_and_update_resource(
                name, definition, resources, stack.account_id, stack.region_name
            )
    stack.parameters = change_set.parameters
    stack.template = change_set.template
    stack._parse_template()
    stack.output_map = stack._create_output_map()


def uses(definition: Any, name: str) -> bool:
    """Tell whether a resource's definition speaks of another resource."""
    match definition:
        case {"Ref": other}:
            return bool(other == name)
        case {"Fn::GetAtt": attribute}:
            return name in (attribute.split(".") if isinstance(attribute, str) else attribute)
        case str():
            return f"${{{name}." in definition
        case dict():
            return any(uses(part, name) for part in definition.values())
        case list():
            return any(uses(part, name) for part in definition)
    return False


def identities(resources: parsing.ResourceMap) -> dict[str, str]:
    """Give the machines of a stack, of which a change may have made another one."""
    parsed = resources._parsed_resources
    return {name: one.id for name, one in parsed.items() if isinstance(one, Machine)}


def change_machine(
    cls: Any,
    /,
    original_resource: Machine,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Machine:
    """Make another machine for another image; for another type restart the one that is there."""
    wanted = cloudformation_json["Properties"]
    if wanted["ImageId"] == original_resource.image_id:
        original_resource.instance_type = wanted["InstanceType"]
        return original_resource
    made: Machine = cls.create_from_cloudformation_json(
        new_resource_name, cloudformation_json, account_id, region_name
    )
    original_resource.delete(account_id, region_name)
    return made


def change_group(
    cls: Any, /, original_resource: FakeAutoScalingGroup, cloudformation_json: Any, **_: Any
) -> FakeAutoScalingGroup:
    """Change a group in place: what runs in it goes on."""
    wanted = cloudformation_json["Properties"]
    original_resource.launch_template_version = wanted["LaunchTemplate"]["Version"]
    original_resource.min_size = int(wanted["MinSize"])
    original_resource.max_size = int(wanted["MaxSize"])
    return original_resource


def conditions_in_short(original: Any) -> Any:
    """Understand `!Condition Name` inside another condition; moto takes it for something false."""

    def lengthened(value: Any) -> Any:
        match value:
            case {"Fn::Condition": name}:
                return {"Condition": name}
            case dict():
                return {key: lengthened(item) for key, item in value.items()}
            case list():
                return [lengthened(item) for item in value]
        return value

    def parse(condition: Any, resources: Any, known: Any) -> Any:
        return original(lengthened(condition), resources, known)

    return parse


def look_at_stacks(original: Any) -> Any:
    """Let stacks that change come to rest after a few looks: moto's are always done at once."""

    def describe(backend: Any, name: str) -> Any:
        stacks = original(backend, name)
        for stack in stacks:
            later = getattr(stack, "later", [])
            if later:
                stack.status = later.pop(0)
        return stacks

    return describe


def taken_back(response: CloudFormationResponse) -> ActionResult:
    """Take a stack back to where it was."""
    name = response._get_param("StackName")
    (stack,) = response.cloudformation_backend.describe_stacks(name)
    stack.status = "UPDATE_ROLLBACK_COMPLETE"
    return EmptyResult()


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the gaps for one test."""
    monkeypatch.setattr(parsing, "parse_condition", conditions_in_short(parsing.parse_condition))
    monkeypatch.setattr(ChangeSet, "diff", changes_of_parameters)
    monkeypatch.setattr(ChangeSet, "apply", apply_whole)
    for kind, changed in ((Machine, change_machine), (FakeAutoScalingGroup, change_group)):
        way = classmethod(changed)
        monkeypatch.setattr(kind, "update_from_cloudformation_json", way, raising=False)
    looked = look_at_stacks(CloudFormationBackend.describe_stacks)
    monkeypatch.setattr(CloudFormationBackend, "describe_stacks", looked)
    for action in ("continue_update_rollback", "rollback_stack"):
        monkeypatch.setattr(CloudFormationResponse, action, taken_back, raising=False)
