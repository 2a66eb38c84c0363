"""Access to AWS, with every refusal turned into a sentence that says what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions
from botocore.config import Config

from provisioning.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

# Repeated on throttling; a region that does not answer is noticed soon.
CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 8}, connect_timeout=10)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "AuthFailure",
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclass
class Aws:
    """Clients of one account and region, made when first used."""

    region: str
    session: boto3.Session = field(default_factory=boto3.Session)

    def __post_init__(self) -> None:
        """Refuse a region that does not exist, with the nearest one that does."""
        known = self.session.get_available_regions("cloudformation")
        if self.region not in known:
            close = difflib.get_close_matches(self.region, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise OperatorError(f'There is no region "{self.region}" on AWS.{hint}')

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """Return the client for stacks."""
        return self.session.client("cloudformation", self.region, config=CONFIG)

    @cached_property
    def ec2(self) -> EC2Client:
        """Return the client for instances."""
        return self.session.client("ec2", self.region, config=CONFIG)

    @cached_property
    def autoscaling(self) -> AutoScalingClient:
        """Return the client for auto-scaling groups."""
        return self.session.client("autoscaling", self.region, config=CONFIG)

    @cached_property
    def rds(self) -> RDSClient:
        """Return the client for databases."""
        return self.session.client("rds", self.region, config=CONFIG)

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        """Return the client for secrets."""
        return self.session.client("secretsmanager", self.region, config=CONFIG)

    @cached_property
    def ssm(self) -> SSMClient:
        """Return the client for parameters."""
        return self.session.client("ssm", self.region, config=CONFIG)

    @cached_property
    def route53(self) -> Route53Client:
        """Return the client for domains."""
        return self.session.client("route53", self.region, config=CONFIG)

    @cached_property
    def ecr(self) -> Any:  # no type information is installed for this one, nor for the next ones
        """Return the client for the registry."""
        return self.session.client("ecr", self.region, config=CONFIG)

    @cached_property
    def quotas(self) -> Any:
        """Return the client for quotas."""
        return self.session.client("service-quotas", self.region, config=CONFIG)

    @cached_property
    def logs(self) -> Any:
        """Return the client for logs."""
        return self.session.client("logs", self.region, config=CONFIG)

    @cached_property
    def backup(self) -> Any:
        """Return the client for backups."""
        return self.session.client("backup", self.region, config=CONFIG)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn AWS' refusals into sentences; `doing` ends "AWS would not …"."""
    try:
        yield
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise OperatorError(explain(error, doing)) from error


def explain(error: Exception, doing: str) -> str:
    """Say in a sentence why AWS refused and what to do about it."""
    match error:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return (
                "There are no AWS credentials. Run `aws configure` (or `aws sso login`), or set "
                "AWS_PROFILE, then run the command again."
            )
        case exceptions.ProfileNotFound():
            return f"{error}. Correct AWS_PROFILE; `aws configure list-profiles` shows yours."
        case (
            exceptions.UnauthorizedSSOTokenError()
            | exceptions.SSOTokenLoadError()
            | exceptions.TokenRetrievalError()
        ):
            return "Your AWS sign-in has expired. Run `aws sso login`, then the command again."
        case exceptions.EndpointConnectionError() | exceptions.ConnectTimeoutError():
            return (
                f"AWS cannot be reached ({error}). Check the network, and that the region is "
                "enabled in your account."
            )
        case exceptions.ClientError():
            return _refusal(error, doing)
        case _:
            return f"AWS would not {doing}: {error}."


def code_of(error: exceptions.ClientError) -> str:
    """Return AWS' code of a refusal."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refusal(error: exceptions.ClientError, doing: str) -> str:
    code = code_of(error)
    message = str(error.response.get("Error", {}).get("Message", "")).strip().rstrip(".")
    if code in EXPIRED:
        return "Your AWS credentials have expired. Renew them, then run the command again."
    if code in UNKNOWN:
        return (
            f"AWS does not know these credentials ({code}). Check the access key, and the clock of "
            "this machine."
        )
    if code in DENIED:
        found = re.search(r"not authorized to perform:? (\S+?)[.,]?(?: |$)", message)
        action = found[1] if found else f"{error.operation_name}"
        return (
            f"You may not {doing}: the right to {action} is missing. Have it added to your "
            "user or role; docs/aws.md lists all that are needed."
        )
    if code == "OptInRequired":
        return "Your account is not signed up for this region or service. Enable it in the console."
    if advice := advise(f"{code} {message}"):
        return f"AWS would not {doing}: {message}. {advice}"
    return f"AWS would not {doing}: {message} ({code})."


def advise(reason: str) -> str:
    """Say what to do about AWS' reason for a failure; "" where only the reason itself helps."""
    text = reason.lower()
    for pattern, advice in (
        (
            r"not authorized|accessdenied|access denied|unauthorizedoperation",
            "Have that right added to your user or role; docs/aws.md lists all that are needed. "
            "Accounts that may make no roles: set limited = true in cloud.toml.",
        ),
        (
            r"limit ?exceeded|quota|maximum number|has reached its limit|vcpu limit|too many",
            "The account's quota is used up: ask for more under Service Quotas in the AWS console, "
            "or delete what is no longer used.",
        ),
        (
            r"already exists|already in use|bucketalreadyowned|alreadyexists|duplicate",
            "The name is taken: choose another [cloud] name in cloud.toml, or delete what has it.",
        ),
        (
            r"insufficientinstancecapacity|do not have sufficient|insufficient capacity",
            "AWS has none of these instances left there: try another [hosts] type, or later.",
        ),
        (
            r"unsupported|not supported in your requested availability zone",
            "Choose another instance type, or another region.",
        ),
        (
            r"deletion ?protection|termination ?protection",
            "./run ops cloud down takes the protection off; use it rather than the console.",
        ),
    ):
        if re.search(pattern, text):
            return advice
    return ""
