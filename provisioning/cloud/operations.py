"""plan, up, status and down: the stacks of one installation as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from provisioning.cloud import host_keys, templates
from provisioning.cloud.aws import Aws, code_of, explained
from provisioning.cloud.changes import summary
from provisioning.cloud.deploy import EMPTY, Deployer, Proposal, Stack
from provisioning.cloud.events import Event
from provisioning.cloud.refresh import refresh
from provisioning.cloud.settings import Settings
from provisioning.cloud.stacks import UNKNOWN, Stage, Values, parameters, stages
from provisioning.cloud.workers import token_name
from provisioning.errors import OperatorError

DEBIAN = "/aws/service/debian/release/13/latest/arm64"  # Debian's own, kept up by them
KEYED = ("Bastion", "Manager1", "Manager2", "Manager3")

Say = Callable[[str], None]
Tell = Callable[[Event], None]


@dataclass
class Installation:
    """The stacks that `cloud.toml` describes."""

    aws: Aws
    settings: Settings
    poll: float = 3.0
    deployer: Deployer = field(init=False)

    def __post_init__(self) -> None:
        """Make the deployer."""
        self.deployer = Deployer(self.aws, self.poll)

    def plan(self) -> list[Proposal]:
        """Work out what `up` would do. Leaves nothing behind."""
        outputs: Values = {}
        proposals = []
        for stage in stages(self.settings):
            proposal = self._propose(stage, outputs, pretend=True)
            self.deployer.forget(proposal)
            proposals.append(proposal)
            outputs |= self._outputs(stage)
        return proposals

    def up(self, say: Say, tell: Tell, *, allow_loss: bool = False) -> bool:
        """Make the stacks what the settings say; tell whether anything was done."""
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
            stack = self.deployer.carry_out(proposal, tell)
            outputs |= stack.outputs
            done |= self._renew_instances(stage, stack, proposal.values, say, tell)
        return done

    def status(self) -> list[tuple[Stage, Stack | None]]:
        """Look at each stack."""
        return [(stage, self.deployer.find(stage.stack)) for stage in stages(self.settings)]

    def outputs(self) -> Values:
        """Return what all stacks tell of themselves; refuse while one is missing."""
        outputs: Values = {}
        for stage, stack in self.status():
            if stack is None or not stack.outputs:
                raise OperatorError(
                    f"There is no stack {stage.stack} yet. Make it: ./run ops cloud up"
                )
            outputs |= stack.outputs
        return outputs

    def down(self, say: Say, tell: Tell) -> None:
        """Delete all stacks, last made first; the database leaves a snapshot."""
        for stage in reversed(stages(self.settings)):
            stack = self.deployer.find(stage.stack)
            if stack is None:
                say(f"{stage.stack}: not there")
                continue
            say(f"{stage.stack}: delete")
            if stage.template == "swarm":
                self._forget_workers(stack)
            if stage.template == "data":
                self._unprotect(stack)
            self.deployer.delete(stage.stack, tell)

    def snapshots(self) -> list[str]:
        """Name the database snapshots that are left of this installation."""
        prefix = f"{self.settings.name}-data-"
        with explained("list the database's snapshots"):
            clusters = self.aws.rds.describe_db_cluster_snapshots(SnapshotType="manual")
            instances = self.aws.rds.describe_db_snapshots(SnapshotType="manual")
        names = [s["DBClusterSnapshotIdentifier"] for s in clusters["DBClusterSnapshots"]]
        names += [s["DBSnapshotIdentifier"] for s in instances["DBSnapshots"]]
        return sorted(name for name in names if name.startswith(prefix))

    def newest_backup(self) -> datetime | None:
        """Return the time of the newest backup of the shared files; they have no final one."""
        stack = self.deployer.find(f"{self.settings.name}-data")
        if stack is None or "Files" not in stack.outputs:
            return None
        account = stack.outputs["DatabaseSecret"].split(":")[4]
        arn = (
            f"arn:aws:elasticfilesystem:{self.aws.region}:{account}:"
            f"file-system/{stack.outputs['Files']}"
        )
        with explained("list the backups of the shared files"):
            rows = self.aws.backup.list_recovery_points_by_resource(ResourceArn=arn)
        times = [
            row["CreationDate"].astimezone(UTC)
            for row in rows["RecoveryPoints"]
            if row["Status"] == "COMPLETED"
        ]
        return max(times, default=None)

    def _propose(self, stage: Stage, outputs: Values, *, pretend: bool = False) -> Proposal:
        template = templates.read(stage.template)
        stack = self.deployer.find(stage.stack)
        fresh = stack is None or stack.status in EMPTY
        before = {} if stack is None or fresh else stack.parameters
        values = parameters(template, self.settings, outputs, before)
        if "Ami" in values and values["Ami"] == UNKNOWN and not pretend:
            values["Ami"] = self._newest_image()
        if stage.template == "swarm":
            values |= self._operator_key() | self._host_keys(values, before, pretend)
        if pretend and fresh:
            values = {k: _sample(v) for k, v in values.items()}
        return self.deployer.propose(stage, values)

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

    def _host_keys(self, values: Values, before: Mapping[str, str], pretend: bool) -> Values:
        """Make host keys for the fixed hosts that have none yet."""
        hosts = KEYED[: 1 + int(values["Managers"])]
        made: Values = {}
        for host in hosts:
            if not before.get(f"{host}HostKey"):
                key = host_keys.make() if not pretend else host_keys.HostKey("new", "new")
                made |= {f"{host}Key": key.private, f"{host}HostKey": key.public}
        return made

    def _refuse_loss(self, proposal: Proposal) -> None:
        lost = [str(change)[2:] for change in proposal.changes if change.dangerous]
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
        say(f"{outputs['Group']}: renew the instances, one after another")
        refresh(self.aws, outputs["Group"], outputs["LaunchTemplate"], latest, say, self.poll)
        noted = self.deployer.propose(stage, {**values, "ActiveVersion": latest})
        self.deployer.carry_out(noted, tell)
        return True

    def _unprotect(self, stack: Stack) -> None:
        name = stack.outputs.get("DatabaseId")
        if name is None:
            return
        with explained("take the protection off the database"):
            try:
                if stack.parameters.get("Engine") == "mysql":
                    self.aws.rds.modify_db_instance(
                        DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True
                    )
                else:
                    self.aws.rds.modify_db_cluster(
                        DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True
                    )
            except ClientError as error:
                if "NotFound" not in code_of(error):
                    raise

    def _forget_workers(self, stack: Stack) -> None:
        """Delete what is not in the stack: the token; and the hook, so that nobody waits for it."""
        with explained("delete the worker token"):
            self.aws.ssm.delete_parameters(Names=[token_name(self.settings.name)])
        if "Group" in stack.outputs:
            with explained("take the drain hook off the workers"):
                try:
                    self.aws.autoscaling.delete_lifecycle_hook(
                        LifecycleHookName="drain", AutoScalingGroupName=stack.outputs["Group"]
                    )
                except ClientError as error:
                    if code_of(error) != "ValidationError":  # no such group or hook: so be it
                        raise


def describe(proposals: list[Proposal]) -> Iterator[str]:
    """Put proposals in an operator's words."""
    for proposal in proposals:
        name = proposal.stage.stack
        match proposal.action:
            case "nothing":
                yield f"{name}: no changes"
            case "create":
                yield f"{name}: new, {_count(len(proposal.changes), 'resource')}"
                yield f"  + {summary(proposal.changes)}"
            case _:
                yield f"{name}: {_count(len(proposal.changes), 'change')}"
                for change in proposal.changes:
                    yield f"  {change}{'   <- loses what it holds' if change.dangerous else ''}"


def _sample(value: str) -> str:
    """Stand in for a value that is not known yet, in a plan: it only counts resources."""
    return "a,b,c" if value == UNKNOWN else value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
