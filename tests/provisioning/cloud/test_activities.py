"""Why a group could not start its instances, which its stack does not say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from provisioning.cloud.activities import failures
from provisioning.cloud.aws import Aws
from provisioning.cloud.deploy import Deployer, Proposal
from provisioning.cloud.operations import Installation
from provisioning.cloud.settings import Settings
from provisioning.cloud.stacks import Stage
from provisioning.errors import OperatorError
from tests.provisioning.cloud.conftest import REGION

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUOTA = "You have requested more vCPU capacity than your current vCPU limit of 5 allows."
NONE_LEFT = "We currently do not have sufficient t4g.small capacity in eu-west-1a."


def activity(message: str, minutes: int = 1, status: str = "Failed") -> dict[str, Any]:
    return {
        "ActivityId": message,
        "AutoScalingGroupName": "shop-workers",
        "Cause": "c",
        "StartTime": NOW - timedelta(minutes=minutes),
        "StatusCode": status,
        "StatusMessage": message,
    }


@pytest.fixture
def aws() -> Aws:
    return Aws(REGION, boto3.Session("testing", "testing", region_name=REGION))


def test_each_recent_reason_is_told_once_with_what_to_do(aws: Aws) -> None:
    rows = [
        activity(QUOTA),
        activity(QUOTA, 2),
        activity(NONE_LEFT, 3),
        activity("Launching", 4, "Successful"),
        activity("Long ago", 61),
    ]
    with Stubber(aws.autoscaling) as stub:
        stub.add_response("describe_scaling_activities", {"Activities": rows})
        first, second = failures(aws, "shop-workers", NOW)
    assert first.startswith(QUOTA)
    assert "Service Quotas" in first
    assert second.startswith(NONE_LEFT)
    assert "another [hosts] type" in second


def test_a_group_that_never_was_has_no_reasons(aws: Aws) -> None:
    with Stubber(aws.autoscaling) as stub:
        stub.add_client_error("describe_scaling_activities", "ValidationError", "not found")
        assert failures(aws, "shop-workers", NOW) == []


def test_a_stack_that_failed_says_why_no_instance_came(
    aws: Aws, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperatorError("The stack shop-swarm failed:\n  Workers: Group did not stabilize.")

    monkeypatch.setattr(Deployer, "carry_out", fail)
    installation = Installation(aws, make_settings())
    row = activity(QUOTA) | {"StartTime": datetime.now(UTC)}
    with Stubber(aws.autoscaling) as stub:
        stub.add_response("describe_scaling_activities", {"Activities": [row]})
        with pytest.raises(OperatorError) as failed:
            installation._carry_out(
                Proposal(Stage("swarm", "shop-swarm"), {}, "create"), lambda event: None
            )
    assert "did not stabilize" in str(failed.value)
    assert f"shop-workers: {QUOTA}" in str(failed.value)
