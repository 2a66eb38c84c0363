"""What is said and done when AWS fails half-way: at the boundary to boto3, answer by answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from provisioning.cloud import templates
from provisioning.cloud.aws import Aws
from provisioning.cloud.changes import of_change_set
from provisioning.cloud.deploy import Deployer, Proposal
from provisioning.cloud.events import Event
from provisioning.cloud.operations import Installation
from provisioning.cloud.settings import Settings
from provisioning.cloud.stacks import Stage
from provisioning.errors import OperatorError

NAME = "shop-network"
STAGE = Stage("network", NAME)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUOTA = ("Vpc", "CREATE_FAILED", "The maximum number of VPCs has been reached.")
ECHO = ("Gateway", "CREATE_FAILED", "Resource creation cancelled")


class Script:
    """CloudFormation's answers in the order in which they are asked for."""

    def __init__(self) -> None:
        session = boto3.Session("testing", "testing", region_name="eu-west-1")
        self.aws = Aws("eu-west-1", session)
        self.stub = Stubber(self.aws.cloudformation)
        self.deployer = Deployer(self.aws, poll=0.0)

    def stack(self, status: str) -> None:
        row = {"StackName": NAME, "CreationTime": NOW, "StackStatus": status}
        self.stub.add_response("describe_stacks", {"Stacks": [row]}, {"StackName": NAME})

    def no_stack(self) -> None:
        gone = f"Stack with id {NAME} does not exist"
        self.stub.add_client_error("describe_stacks", "ValidationError", gone)

    def events(self, *rows: tuple[str, str, str]) -> None:
        events = [
            {
                "StackId": NAME,
                "EventId": f"{resource} {status}",
                "StackName": NAME,
                "LogicalResourceId": resource,
                "ResourceType": f"AWS::EC2::{resource.replace('Vpc', 'VPC')}",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "Timestamp": NOW,
            }
            for resource, status, reason in reversed(rows)
        ]
        self.stub.add_response("describe_stack_events", {"StackEvents": events})

    def does(self, call: str, **answer: Any) -> None:
        self.stub.add_response(call, answer)

    def deletes(self) -> None:
        """Let the stack be deleted whole."""
        self.stack("ROLLBACK_COMPLETE")
        self.does("list_stack_resources", StackResourceSummaries=[])
        self.events()
        self.does("delete_stack")
        self.no_stack()

    def refusal(self, work: Callable[[], object]) -> str:
        """Do something that fails; give the sentence."""
        with pytest.raises(OperatorError) as failed:
            work()
        self.stub.assert_no_pending_responses()
        return str(failed.value)


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    with script.stub:
        yield script


def ignore(event: Event) -> None:
    """Show nothing."""


def create() -> Proposal:
    template = templates.read("network")
    return Proposal(STAGE, dict.fromkeys(template["Parameters"], "x"), "create")


def test_a_new_stack_that_fails_is_taken_away_and_says_why(script: Script) -> None:
    script.events()
    script.does("create_stack", StackId=NAME)
    script.stack("ROLLBACK_COMPLETE")
    script.events(QUOTA, ECHO)
    script.deletes()
    said = script.refusal(lambda: script.deployer.carry_out(create(), ignore))
    assert "Vpc (network): The maximum number of VPCs has been reached." in said
    assert "Service Quotas" in said
    assert "cancelled" not in said
    assert said.endswith("All that it had made was taken away again. Put that right and repeat.")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "It was taken back to what it was before."),
        ("UPDATE_ROLLBACK_FAILED", "It could not be taken back (UPDATE_ROLLBACK_FAILED)."),
    ],
)
def test_a_changed_stack_that_fails_says_where_it_stands(
    script: Script, status: str, says: str
) -> None:
    script.events()
    script.does("execute_change_set")
    script.stack("UPDATE_IN_PROGRESS")
    script.events()
    script.stack(status)
    script.events(("Vpc", "UPDATE_FAILED", "User: me is not authorized to perform: ec2:X"))
    proposal = Proposal(STAGE, {"Name": "shop"}, "update", (), "change-set")
    said = script.refusal(lambda: script.deployer.carry_out(proposal, ignore))
    assert "Have that right added to your user or role" in said
    assert says in said


@pytest.mark.parametrize(
    ("code", "message", "says"),
    [
        ("AlreadyExistsException", f"Stack [{NAME}] already exists", "The name is taken"),
        ("ExpiredToken", "expired", "Your AWS credentials have expired."),
        ("InvalidClientTokenId", "invalid", "AWS does not know these credentials"),
        (
            "AccessDenied",
            "User: me is not authorized to perform: cloudformation:CreateStack on resource: x",
            "the right to cloudformation:CreateStack is missing",
        ),
        ("LimitExceededException", "Limit for stacks exceeded", "quota is used up"),
        ("OptInRequired", "no", "not signed up for this region"),
    ],
)
def test_a_refusal_to_make_a_stack_is_one_sentence(
    script: Script, code: str, message: str, says: str
) -> None:
    script.events()
    script.stub.add_client_error("create_stack", code, message)
    assert says in script.refusal(lambda: script.deployer.carry_out(create(), ignore))


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE"])
def test_what_is_left_of_a_failed_start_is_deleted_first(script: Script, status: str) -> None:
    script.stack(status)
    script.deletes()
    script.deployer.recover(NAME, ignore)
    script.stub.assert_no_pending_responses()


def test_a_change_that_could_not_be_taken_back_is_taken_back_first(script: Script) -> None:
    script.stack("UPDATE_ROLLBACK_FAILED")
    script.events()
    script.does("continue_update_rollback")
    script.stack("UPDATE_ROLLBACK_COMPLETE")
    script.events()
    script.deployer.recover(NAME, ignore)
    script.stub.assert_no_pending_responses()


def test_one_that_still_cannot_be_taken_back_says_what_hinders(script: Script) -> None:
    script.stack("UPDATE_ROLLBACK_FAILED")
    script.events()
    script.does("continue_update_rollback")
    script.stack("UPDATE_ROLLBACK_FAILED")
    script.events(("Files", "UPDATE_FAILED", "It is in use"))
    said = script.refusal(lambda: script.deployer.recover(NAME, ignore))
    assert "could not be taken back to where it was:\n  Files" in said
    assert "It is in use" in said


def test_a_stack_that_somebody_changes_is_left_alone(script: Script) -> None:
    script.stack("UPDATE_IN_PROGRESS")
    assert "is being changed by somebody" in script.refusal(
        lambda: script.deployer.recover(NAME, ignore)
    )


def test_a_stack_that_cannot_be_deleted_names_what_would_not_go(script: Script) -> None:
    script.stack("CREATE_COMPLETE")
    script.does("list_stack_resources", StackResourceSummaries=[])
    script.events()
    script.does("delete_stack")
    script.stack("DELETE_FAILED")
    script.events(("Vpc", "DELETE_FAILED", "The vpc has dependencies and cannot be deleted."))
    said = script.refusal(lambda: script.deployer.delete(NAME, ignore))
    assert "could not be deleted whole:\n  Vpc (network): The vpc has dependencies" in said
    assert "run ./run ops cloud down again" in said


def test_losing_a_manager_is_refused_and_its_change_set_deleted(
    script: Script, make_settings: Callable[..., Settings]
) -> None:
    row = {
        "ResourceChange": {
            "Action": "Modify",
            "LogicalResourceId": "Manager1",
            "ResourceType": "AWS::EC2::Instance",
            "Replacement": "True",
            "Details": [{"Target": {"Attribute": "Properties", "Name": "ImageId"}}],
        }
    }
    changes = tuple(of_change_set([row]))
    proposal = Proposal(Stage("swarm", "shop-swarm"), {}, "update", changes, "change-set")
    script.stub.add_response("delete_change_set", {}, {"ChangeSetName": "change-set"})
    installation = Installation(script.aws, make_settings())
    said = script.refusal(lambda: installation._refuse_loss(proposal))
    assert "replace Manager1 (instance): ImageId" in said
    assert "Nothing was changed there. If you mean it: ./run ops cloud up --allow-loss" in said
