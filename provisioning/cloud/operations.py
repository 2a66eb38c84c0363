"""plan, up and status: the stacks of one installation as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from provisioning.cloud import activities, logs, preflight, templates
from provisioning.cloud.aws import Aws, explained
from provisioning.cloud.changes import summary
from provisioning.cloud.deploy import POLL, Deployer, Proposal, Stack
from provisioning.cloud.events import Event
from provisioning.cloud.preflight import Findings
from provisioning.cloud.refresh import needed, refresh
from provisioning.cloud.settings import Settings
from provisioning.cloud.stacks import (
    UNKNOWN,
    Stage,
    Values,
    of_other_kinds,
    parameters,
    stages,
)
from provisioning.cloud.states import Remedy
from provisioning.errors import OperatorError

DEBIAN = "/aws/service/debian/release/13/latest/arm64"  # Debian's own, kept up by them

Say = Callable[[str], None]
Tell = Callable[[Event], None]


@dataclass
class Installation:
    """The stacks that `cloud.toml` describes."""

    aws: Aws
    settings: Settings
    poll: float = POLL
    renewed: int = 0  # the manager that is brought to what the settings say; the others stay
    deployer: Deployer = field(init=False)

    def __post_init__(self) -> None:
        """Make the deployer."""
        self.deployer = Deployer(self.aws, self.poll)

    def plan(self) -> list[Proposal]:
        """Work out what `up` would do. Leaves nothing behind."""
        self.refuse_other_kinds()
        outputs: Values = {}
        proposals = []
        for stage in stages(self.settings):
            proposal = self._propose(stage, outputs, pretend=True)
            self.deployer.forget(proposal)
            proposals.append(proposal)
            outputs |= self._outputs(stage)
        return proposals

    def examine(self, proposals: list[Proposal]) -> Findings:
        """Look up what would make the proposals fail half-way."""
        if all(p.action == "nothing" for p in proposals):
            return Findings()
        made = {p.stage.template: p.values for p in proposals}
        fresh = {p.stage.template for p in proposals if p.action == "create"}
        hosts = self.settings.cloud.kind
        ami = self.settings.hosts.ami
        if not ami:  # what the plan of a new stack has there only counts resources
            ami = self._newest_image() if hosts in fresh else made.get(hosts, {}).get("Ami", "")
        return preflight.examine(self.aws, self.settings, ami, fresh)

    def settle(self, say: Say, tell: Tell) -> None:
        """Wait until nobody changes any of the stacks; refuse while one is being deleted."""
        for stage in stages(self.settings):
            stack = self.deployer.find(stage.stack)
            if stack and stack.remedy is Remedy.WAIT:
                say(f"{stage.stack}: {_words(stack.status)} by somebody; waiting for it")
            self.deployer.settle(stage.stack, tell)

    def take_back(self, say: Say, tell: Tell) -> None:
        """Take stacks that are stuck in a failed change back to where they were."""
        for stage in stages(self.settings):
            stack = self.deployer.find(stage.stack)
            if stack and stack.remedy is Remedy.BACK:
                say(f"{stage.stack}: take it back to where it was")
                self.deployer.recover(stage.stack, tell)

    def up(self, say: Say, tell: Tell, *, allow_loss: bool = False) -> bool:
        """Make the stacks what the settings say; tell whether anything was done."""
        self.refuse_other_kinds()
        outputs: Values = {}
        done = False
        for stage in stages(self.settings):
            self.deployer.recover(stage.stack, tell)
            proposal = self._propose(stage, outputs)
            if not allow_loss:
                self._refuse_loss(proposal)
            if proposal.action == "nothing":
                say(f"{stage.stack}: nothing to do")
            else:
                verb = "make" if proposal.action == "create" else "change"
                say(f"{stage.stack}: {verb} {_count(len(proposal.changes), 'resource')}")
                done = True
            stack = self._carry_out(proposal, tell)
            if proposal.action == "create" and "Protect" in proposal.values:
                say(f"{stage.stack}: protect the database against deletion")
                stack = self._carry_out(self._propose(stage, outputs), tell)
            aurora = stage.template == "data" and stack.parameters.get("Engine") == "aurora"
            if aurora and proposal.action != "nothing":
                logs.keep(self.aws, stack.outputs["DatabaseId"])
            outputs |= stack.outputs
            done |= self._renew_instances(stage, stack, proposal.values, say, tell)
        return done

    def refuse_other_kinds(self) -> None:
        """Refuse to work beside the hosts of another kind: both would answer for one domain."""
        for stage in of_other_kinds(self.settings):
            if self.deployer.find(stage.stack):
                way = (
                    "delete those hosts first, which keeps network, database and files: "
                    "./run ops cloud down --hosts"
                )
                if stage.template == "machine":
                    way = (
                        "move: database and covers are on that machine and go with it. Back up "
                        "(sudo ./machine.sh backup), copy the backup elsewhere, then "
                        "./run ops cloud down, ./run ops cloud up, and restore"
                    )
                raise OperatorError(
                    f'There is {stage.stack}, made with kind = "{stage.template}", but the '
                    f'settings say kind = "{self.settings.cloud.kind}". Put kind back; or {way}'
                )

    def status(self) -> list[tuple[Stage, Stack | None]]:
        """Look at each stack."""
        return [(stage, self.deployer.find(stage.stack)) for stage in stages(self.settings)]

    def outputs(self) -> Values:
        """Return what all stacks tell of themselves; refuse while one is missing."""
        outputs: Values = {}
        for stage, stack in self.status():
            if stack is not None and not stack.outputs and stack.trouble:
                raise OperatorError(stack.trouble)
            if stack is None or not stack.outputs:
                raise OperatorError(
                    f"There is no stack {stage.stack} yet. Make it: ./run ops cloud up"
                )
            outputs |= stack.outputs
        return outputs

    def _propose(self, stage: Stage, outputs: Values, *, pretend: bool = False) -> Proposal:
        template = templates.read(stage.template)
        stack = self.deployer.find(stage.stack)
        fresh = stack is None or stack.remedy is Remedy.ANEW
        before = {} if stack is None or fresh else stack.parameters
        values = parameters(template, self.settings, outputs, before, self.renewed)
        if values.get("Ami") == UNKNOWN and not pretend:
            values["Ami"] = self._newest_image()
        for name in values:  # what has no image of its own yet has that of the others
            if name.endswith("Ami") and values[name] == UNKNOWN:
                values[name] = values["Ami"]
        if "Protect" in values:
            # Only once it is there: what fails half-way must be able to be taken back.
            values["Protect"] = "false" if fresh else "true"
        if "OperatorKey" in values:
            values |= self._operator_key()
        if pretend and fresh:
            values = {k: _sample(v) for k, v in values.items()}
        return self.deployer.propose(stage, values)

    def _carry_out(self, proposal: Proposal, tell: Tell) -> Stack:
        try:
            return self.deployer.carry_out(proposal, tell)
        except OperatorError as error:
            raise OperatorError(f"{error}{self._why_no_instances(proposal)}") from error

    def _why_no_instances(self, proposal: Proposal) -> str:
        """Give the reasons for which a group could not start its instances, newest first."""
        groups = {"swarm": "workers", "scaling-group": "shop"}
        if proposal.stage.template not in groups:
            return ""
        group = f"{self.settings.name}-{groups[proposal.stage.template]}"
        reasons = activities.failures(self.aws, group)
        return "".join(f"\n{group}: {reason}" for reason in reasons)

    def _outputs(self, stage: Stage) -> Values:
        stack = self.deployer.find(stage.stack)
        return dict(stack.outputs) if stack else {}

    def _newest_image(self) -> str:
        with explained(f"look up the newest image of Debian ({DEBIAN})"):
            return self.aws.ssm.get_parameter(Name=DEBIAN)["Parameter"]["Value"]

    def _operator_key(self) -> Values:
        path = self.settings.hosts.key_file.expanduser()
        public = path.with_name(f"{path.name}.pub")
        if not public.is_file():
            raise OperatorError(
                f"The public SSH key {public} does not exist. Make a pair: "
                f"ssh-keygen -t ed25519 -f {path}"
            )
        return {"OperatorKey": public.read_text(encoding="utf-8").strip()}

    def _refuse_loss(self, proposal: Proposal) -> None:
        lost = [
            str(change)[2:]
            for change in proposal.changes
            if change.dangerous and change.resource != f"Manager{self.renewed}"
        ]
        if lost and proposal.action == "update":
            self.deployer.forget(proposal)
            raise OperatorError(
                f"This would lose what cannot be made again, in {proposal.stage.stack}:\n  "
                + "\n  ".join(lost)
                + "\nNothing was changed there. If you mean it: ./run ops cloud up --allow-loss"
            )

    def _renew_instances(
        self, stage: Stage, stack: Stack, values: Values, say: Say, tell: Tell
    ) -> bool:
        """Bring the instances to the newest launch template, then note that in the stack."""
        outputs = stack.outputs
        latest = outputs.get("LatestVersion", "")
        if not latest or latest == outputs["ActiveVersion"]:
            return False
        group, template = outputs["Group"], outputs["LaunchTemplate"]
        if needed(self.aws, template, outputs["ActiveVersion"], latest):
            say(f"{group}: renew the instances, one after another")
            refresh(self.aws, group, template, latest, say, self.poll)
        else:
            say(f"{group}: new instances will find the managers at their new addresses")
        noted = self.deployer.propose(stage, {**values, "ActiveVersion": latest})
        self.deployer.carry_out(noted, tell)
        return True


def describe(proposals: list[Proposal]) -> Iterator[str]:
    """Put proposals in an operator's words."""
    for proposal in proposals:
        name = proposal.stage.stack
        match proposal.action:
            case "nothing":
                yield f"{name}: no changes"
            case "back" | "wait":
                yield f"{name}: not known yet. {proposal.trouble}"
            case "create":
                if proposal.trouble:
                    yield f"{name}: {proposal.trouble}"
                yield f"{name}: new, {_count(len(proposal.changes), 'resource')}"
                yield f"  + {summary(proposal.changes)}"
            case _:
                yield f"{name}: {_count(len(proposal.changes), 'change')}"
                for change in proposal.changes:
                    yield f"  {change}{'   <- loses what it holds' if change.dangerous else ''}"


def _sample(value: str) -> str:
    """Stand in for a value that is not known yet, in a plan: it only counts resources."""
    return "a,b,c" if value == UNKNOWN else value


def _words(status: str) -> str:
    return status.lower().replace("_", " ")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
