"""Make, change and delete stacks; wait for them, and tell what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from provisioning.cloud import changes as words
from provisioning.cloud import templates
from provisioning.cloud.aws import Aws, code_of, explained
from provisioning.cloud.events import Event, Follower, failures
from provisioning.cloud.protection import unprotect
from provisioning.cloud.stacks import UNKNOWN, Stage, Values, secret_parameters
from provisioning.cloud.states import GONE, Remedy, remedy, sentence
from provisioning.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

POLL = 3.0  # seconds between two looks at a stack that changes
UNCHANGED = ("didn't contain changes", "No updates are to be performed")

Say = Callable[[Event], None]


@dataclass(frozen=True)
class Stack:
    """A stack as it is."""

    name: str
    status: str
    reason: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def remedy(self) -> Remedy:
        """Return what comes before this stack can be changed."""
        return remedy(self.status)

    @property
    def trouble(self) -> str:
        """Say what is wrong with its state and what to do; "" where nothing is."""
        return sentence(self.name, self.status, self.reason)


@dataclass(frozen=True)
class Proposal:
    """What would be done to one stack."""

    stage: Stage
    values: Values
    action: str  # create, update, nothing; back and wait: what more is known after that alone
    changes: tuple[words.Change, ...] = ()
    change_set: str = ""  # its ARN, to be executed or deleted
    trouble: str = ""  # what is wrong with the stack that is there


class Deployer:
    """Stacks of one account and region."""

    def __init__(self, aws: Aws, poll: float = POLL) -> None:
        self._aws = aws
        self._cf = aws.cloudformation
        self._poll = poll

    def find(self, name: str) -> Stack | None:
        """Return a stack as it is, or None."""
        with explained(f"describe the stack {name}"):
            try:
                row = self._cf.describe_stacks(StackName=name)["Stacks"][0]
            except ClientError as error:
                if code_of(error) == "ValidationError" and "does not exist" in str(error):
                    return None
                raise
        if row["StackStatus"] == GONE:
            return None
        return Stack(
            name=name,
            status=row["StackStatus"],
            reason=row.get("StackStatusReason", ""),
            outputs={o["OutputKey"]: o["OutputValue"] for o in row.get("Outputs", [])},
            parameters={p["ParameterKey"]: p["ParameterValue"] for p in row.get("Parameters", [])},
        )

    def propose(self, stage: Stage, values: Values) -> Proposal:
        """Ask AWS what these values would change. Only a change set is left, to be executed."""
        stack = self.find(stage.stack)
        template = templates.read(stage.template)
        if stack is None or stack.remedy is Remedy.ANEW:
            made = words.of_resources(templates.render(template, values))
            trouble = stack.trouble if stack else ""
            return Proposal(stage, values, "create", tuple(made), trouble=trouble)
        match stack.remedy:
            case Remedy.BACK:
                return Proposal(stage, values, "back", trouble=stack.trouble)
            case Remedy.WAIT | Remedy.GOING:
                return Proposal(stage, values, "wait", trouble=stack.trouble)
            case Remedy.FINISH | Remedy.CONSOLE:
                raise OperatorError(stack.trouble)
        return self._change_set(stage, values, stack, secret_parameters(template))

    def forget(self, proposal: Proposal) -> None:
        """Delete the change set of a proposal that is not carried out."""
        if proposal.change_set:
            with explained("delete a change set"):
                self._cf.delete_change_set(ChangeSetName=proposal.change_set)

    def carry_out(self, proposal: Proposal, say: Say) -> Stack:
        """Do what was proposed and wait for it; on failure wait for the way back, and raise."""
        name = proposal.stage.stack
        missing = [k for k, v in proposal.values.items() if v == UNKNOWN]
        if missing:
            raise OperatorError(f"The stack {name} lacks a value for {', '.join(missing)}.")
        if proposal.action == "nothing":
            return self._require(name)
        follower = Follower(self._cf, name, len(proposal.changes), say)
        if proposal.action == "create":
            self._create(proposal)
        else:
            with explained(f"change the stack {name}"):
                self._cf.execute_change_set(ChangeSetName=proposal.change_set)
        stack = self._wait(name, follower)
        if stack is not None and stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return stack
        raise OperatorError(self._aftermath(proposal, stack, follower.seen))

    def delete(self, name: str, say: Say) -> None:
        """Delete a stack and wait until it is gone; raise with what would not go."""
        stack = self.find(name)
        if stack is None:
            return
        with explained(f"list the resources of {name}"):
            pages = self._cf.get_paginator("list_stack_resources").paginate(StackName=name)
            resources = [row for page in pages for row in page["StackResourceSummaries"]]
        unprotect(self._aws, resources)
        follower = Follower(self._cf, name, len(resources), say)
        with explained(f"delete the stack {name}"):
            self._cf.delete_stack(StackName=name)
        left = self._wait(name, follower)
        if left is not None:
            lines = failures(follower.seen) or [left.reason or left.status]
            raise OperatorError(
                f"The stack {name} could not be deleted whole:\n  "
                + "\n  ".join(lines)
                + "\nPut that right, then run ./run ops cloud down again: it goes on from here."
            )

    def settle(self, name: str, say: Say) -> None:
        """Wait until nobody changes a stack any more; refuse one that is being deleted."""
        stack = self.find(name)
        if stack is None:
            return
        if stack.remedy is Remedy.GOING:
            raise OperatorError(stack.trouble)
        if stack.remedy is Remedy.WAIT:
            self._wait(name, Follower(self._cf, name, 0, say))

    def recover(self, name: str, say: Say) -> None:
        """Bring a stack out of a failed state; refuse where AWS does not let us."""
        stack = self.find(name)
        if stack is None:
            return
        match stack.remedy:
            case Remedy.ANEW:
                self.delete(name, say)
            case Remedy.BACK:
                self._take_back(stack, say)
            case Remedy.NOTHING:
                pass
            case _:
                raise OperatorError(stack.trouble)

    def _take_back(self, stack: Stack, say: Say) -> None:
        name = stack.name
        follower = Follower(self._cf, name, 0, say)
        with explained(f"take the stack {name} back to where it was"):
            if stack.status == "UPDATE_FAILED":
                self._cf.rollback_stack(StackName=name)
            else:
                self._cf.continue_update_rollback(StackName=name)
        found = self._wait(name, follower)
        if found is None or found.remedy is not Remedy.NOTHING:
            raise OperatorError(
                f"The stack {name} could not be taken back to where it was:\n  "
                + "\n  ".join(failures(follower.seen) or ["AWS gives no reason."])
                + "\nPut that right, then run ./run ops cloud up again."
            )

    def _create(self, proposal: Proposal) -> None:
        name = proposal.stage.stack
        with explained(f"make the stack {name}"):
            self._cf.create_stack(
                StackName=name,
                TemplateBody=templates.body(proposal.stage.template),
                Parameters=_rows(proposal.values, frozenset()),
                Capabilities=["CAPABILITY_IAM"],  # roles, under names of AWS' choice
                OnFailure="ROLLBACK",
                Tags=[{"Key": "bookstore", "Value": proposal.values["Name"]}],
            )

    def _change_set(
        self, stage: Stage, values: Values, stack: Stack, hidden: frozenset[str]
    ) -> Proposal:
        # What AWS shows as **** and nobody has made anew.
        kept = frozenset(n for n in hidden if values[n] == stack.parameters.get(n))
        with explained(f"work out the changes of {stage.stack}"):
            try:
                made = self._cf.create_change_set(
                    StackName=stage.stack,
                    ChangeSetName=f"bookstore-{int(time.time() * 1000)}",
                    ChangeSetType="UPDATE",
                    TemplateBody=templates.body(stage.template),
                    Parameters=_rows(values, kept),
                    Capabilities=["CAPABILITY_IAM"],
                    Tags=[{"Key": "bookstore", "Value": values["Name"]}],
                )["Id"]
            except ClientError as error:
                if any(text in str(error) for text in UNCHANGED):
                    return Proposal(stage, values, "nothing")
                raise
            found = self._described(made)
        reason = found.get("StatusReason", "")
        rows = found["Changes"]
        if found["Status"] == "FAILED" or not rows:
            with explained("delete a change set"):
                self._cf.delete_change_set(ChangeSetName=made)
            if found["Status"] == "FAILED" and not any(text in reason for text in UNCHANGED):
                raise OperatorError(f"AWS refuses the changes of {stage.stack}: {reason}")
            return Proposal(stage, values, "nothing")
        return Proposal(stage, values, "update", tuple(words.of_change_set(rows)), made)

    def _described(self, change_set: str) -> dict[str, Any]:
        while True:
            found: dict[str, Any] = dict(self._cf.describe_change_set(ChangeSetName=change_set))
            if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
                break
            time.sleep(self._poll)
        page = found
        while token := page.get("NextToken"):
            page = dict(self._cf.describe_change_set(ChangeSetName=change_set, NextToken=token))
            found["Changes"] += page["Changes"]
        return found

    def _wait(self, name: str, follower: Follower) -> Stack | None:
        """Follow a stack until it rests; None when it is gone."""
        while True:
            stack = self.find(name)
            follower.look(gone=stack is None)
            if stack is None:
                return None
            if stack.remedy not in (Remedy.WAIT, Remedy.GOING):
                return stack
            time.sleep(self._poll)

    def _aftermath(self, proposal: Proposal, stack: Stack | None, seen: list[Event]) -> str:
        name = proposal.stage.stack
        lines = failures(seen) or [stack.reason if stack and stack.reason else "no reason given"]
        head = f"The stack {name} failed:\n  " + "\n  ".join(lines) + "\n"
        if stack is None or stack.status == "ROLLBACK_COMPLETE":
            if stack is not None:
                self.delete(name, lambda event: None)
            return head + "All that it had made was taken away again. Put that right and repeat."
        if stack.status == "UPDATE_ROLLBACK_COMPLETE":
            return head + "It was taken back to what it was before. Put that right and repeat."
        return (
            head
            + f"It could not be taken back ({stack.status}). Put right what is named above, then "
            "run ./run ops cloud up again, or ./run ops cloud down to delete it."
        )

    def _require(self, name: str) -> Stack:
        stack = self.find(name)
        if stack is None:
            raise OperatorError(f"There is no stack {name}. Make it: ./run ops cloud up")
        return stack


def _rows(values: Values, kept: frozenset[str]) -> list[ParameterTypeDef]:
    """Write parameters as AWS wants them; those it never shows keep the value they have."""
    return [
        {"ParameterKey": name, "UsePreviousValue": True}
        if name in kept
        else {"ParameterKey": name, "ParameterValue": value}
        for name, value in values.items()
    ]
