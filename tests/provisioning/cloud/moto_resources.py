"""Resources that moto's CloudFormation lacks, or makes otherwise than AWS does."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import Any, Self

import boto3
import moto.cloudformation.parsing  # noqa: F401 - it brings all of moto's: the last one counts
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.ec2.models import instances
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.general import General
from moto.ec2.utils import random_private_ip
from moto.rds.models import DBInstance
from moto.rds.responses import RDSResponse
from moto.servicequotas.responses import ServiceQuotasResponse

VERSIONS = {
    "aurora-mysql": ["8.0.mysql_aurora.3.08.2", "8.0.mysql_aurora.3.10.6"],
    "mysql": ["8.0.46", "8.4.10", "8.4.11"],
}
QUOTA = {"value": 100.0}
IGNORED = (  # they exist, and do nothing that a test looks at
    "AWS::Budgets::Budget",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::CertificateManager::Certificate",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::EC2::VPCEndpoint",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::SNS::Subscription",
    "AWS::SecretsManager::RotationSchedule",
)


class Resource:
    """A resource that is no more than a name, unless a subclass makes it something."""

    TYPE = ""

    def __init__(self, name: str, region: str, definition: dict[str, Any]) -> None:
        self.name, self.region, self.properties = name, region, definition["Properties"]
        self.definition = definition

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.TYPE

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    def get_cfn_attribute(self, attribute: str) -> str:
        return f"{self.name}.{attribute}"

    @property
    def physical_resource_id(self) -> str:
        return self.name

    def is_created(self) -> bool:
        return True

    def make(self) -> None:
        """Make the thing behind the resource."""

    def change(self) -> None:
        """Make the thing behind the resource what its properties say now."""

    def destroy(self) -> None:
        """Delete the thing behind the resource."""

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> Self:
        resource = cls(resource_name, region_name, cloudformation_json)
        resource.make()
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Resource | None,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Resource:
        if original_resource is None:  # its condition does not hold, which moto overlooks
            return Resource(new_resource_name, region_name, cloudformation_json)
        original_resource.properties = cloudformation_json["Properties"]
        original_resource.change()
        return original_resource

    def delete(self, account_id: str, region: str) -> None:
        self.destroy()


def protected(properties: dict[str, Any]) -> bool:
    return str(properties["DeletionProtection"]).lower() == "true"


def password(properties: dict[str, Any]) -> dict[str, Any]:
    """Give what a database says of its administrator's password: RDS keeps it, or it is told."""
    if properties.get("ManageMasterUserPassword"):
        return {"ManageMasterUserPassword": True}
    assert properties["MasterUserPassword"]
    return {"MasterUserPassword": "from-the-secret"}


class Secret(Resource, CloudFormationModel):
    TYPE = "AWS::SecretsManager::Secret"

    def make(self) -> None:
        client = boto3.client("secretsmanager", self.region)
        asked = self.properties["GenerateSecretString"]
        made = client.get_random_password(
            PasswordLength=asked["PasswordLength"], ExcludePunctuation=True
        )["RandomPassword"]
        if "SecretStringTemplate" in asked:
            rest = json.loads(asked["SecretStringTemplate"])
            made = json.dumps({**rest, asked["GenerateStringKey"]: made})
        self.name = client.create_secret(Name=f"{self.name}-{uuid.uuid4()}", SecretString=made)[
            "ARN"
        ]

    def destroy(self) -> None:
        client = boto3.client("secretsmanager", self.region)
        client.delete_secret(SecretId=self.name, ForceDeleteWithoutRecovery=True)


class Cluster(Resource, CloudFormationModel):
    TYPE = "AWS::RDS::DBCluster"

    def make(self) -> None:
        self.name = self.name.lower()
        rds, given = boto3.client("rds", self.region), self.properties
        if snapshot := given.get("SnapshotIdentifier"):
            refused = {"MasterUsername", "MasterUserPassword", "ManageMasterUserPassword"}
            assert not refused & given.keys(), "AWS takes none of these with a snapshot"
            rds.restore_db_cluster_from_snapshot(
                DBClusterIdentifier=self.name,
                SnapshotIdentifier=snapshot,
                Engine=given["Engine"],
                DeletionProtection=protected(given),
            )
            return
        rds.create_db_cluster(
            DBClusterIdentifier=self.name,
            Engine=given["Engine"],
            MasterUsername=given["MasterUsername"],
            DeletionProtection=protected(given),
            **password(given),
        )

    def change(self) -> None:
        rds, given = boto3.client("rds", self.region), password(self.properties)
        (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=self.name)["DBClusters"]
        if cluster.get("MasterUserSecret"):
            given.pop("ManageMasterUserPassword", None)  # moto would make a second secret
        rds.modify_db_cluster(
            DBClusterIdentifier=self.name, DeletionProtection=protected(self.properties), **given
        )

    def destroy(self) -> None:
        assert self.definition["DeletionPolicy"] == "Snapshot"
        boto3.client("rds", self.region).delete_db_cluster(
            DBClusterIdentifier=self.name,
            SkipFinalSnapshot=False,
            FinalDBSnapshotIdentifier=self.name.replace("-cluster-", "-snapshot-cluster-"),
        )


class Instance(Resource, CloudFormationModel):
    """A database by itself; moto's stacks cannot put one into a subnet group."""

    def make(self) -> None:
        self.name = self.name.lower()
        if self.properties.get("DBSnapshotIdentifier"):
            assert not {"MasterUsername", "MasterUserPassword"} & self.properties.keys()
        boto3.client("rds", self.region).create_db_instance(
            DBInstanceIdentifier=self.name,
            DBInstanceClass=self.properties["DBInstanceClass"],
            Engine=self.properties["Engine"],
            AllocatedStorage=int(self.properties["AllocatedStorage"]),
            MasterUsername="u",
            MasterUserPassword="password",
            DeletionProtection=protected(self.properties),
        )

    def change(self) -> None:
        boto3.client("rds", self.region).modify_db_instance(
            DBInstanceIdentifier=self.name, DeletionProtection=protected(self.properties)
        )

    def destroy(self) -> None:
        assert self.definition["DeletionPolicy"] == "Snapshot"
        boto3.client("rds", self.region).delete_db_instance(
            DBInstanceIdentifier=self.name,
            FinalDBSnapshotIdentifier=self.name.replace("-instance-", "-snapshot-instance-"),
        )


class LoadBalancer(Resource, CloudFormationModel):
    TYPE = "AWS::ElasticLoadBalancingV2::LoadBalancer"  # moto's is never a network load balancer

    def make(self) -> None:
        made = boto3.client("elbv2", self.region).create_load_balancer(
            Name=self.name[:32].strip("-"),
            Type=self.properties["Type"],
            Subnets=self.properties["Subnets"],
        )["LoadBalancers"][0]
        self.name, self.dns = made["LoadBalancerArn"], made["DNSName"]

    def get_cfn_attribute(self, attribute: str) -> str:
        return self.dns if attribute == "DNSName" else super().get_cfn_attribute(attribute)

    def destroy(self) -> None:
        boto3.client("elbv2", self.region).delete_load_balancer(LoadBalancerArn=self.name)


class Address(Resource, CloudFormationModel):
    TYPE = "AWS::EC2::EIP"  # moto's is never given back

    def make(self) -> None:
        made = boto3.client("ec2", self.region).allocate_address(Domain="vpc")
        self.name, self.allocation = made["PublicIp"], made["AllocationId"]

    def get_cfn_attribute(self, attribute: str) -> str:
        return self.allocation if attribute == "AllocationId" else super().get_cfn_attribute("")

    def destroy(self) -> None:
        boto3.client("ec2", self.region).release_address(AllocationId=self.allocation)


class Alarm(Resource, CloudFormationModel):
    TYPE = "AWS::CloudWatch::Alarm"

    def make(self) -> None:
        given = dict(self.properties)
        for number in ("Period", "EvaluationPeriods"):
            given[number] = int(given[number])
        given["Threshold"] = float(given["Threshold"])
        boto3.client("cloudwatch", self.region).put_metric_alarm(AlarmName=self.name, **given)

    def destroy(self) -> None:
        boto3.client("cloudwatch", self.region).delete_alarms(AlarmNames=[self.name])


class TargetGroup(Resource, CloudFormationModel):
    TYPE = "AWS::ElasticLoadBalancingV2::TargetGroup"

    def make(self) -> None:
        made = boto3.client("elbv2", self.region).create_target_group(
            Name=self.name[-32:].strip("-"),
            Protocol=self.properties["Protocol"],
            Port=int(self.properties["Port"]),
            VpcId=self.properties["VpcId"],
            TargetType="instance",
        )
        self.name = made["TargetGroups"][0]["TargetGroupArn"]

    def destroy(self) -> None:
        boto3.client("elbv2", self.region).delete_target_group(TargetGroupArn=self.name)


def nothing(kind: str) -> type[Resource]:
    """Make a resource class that only has a name."""

    class Nothing(Resource, CloudFormationModel):
        TYPE = kind

    return Nothing


# Moto finds them by being subclasses; this keeps them alive.
KNOWN = [
    *(Address, Alarm, Secret, Cluster, LoadBalancer, TargetGroup),
    *(nothing(kind) for kind in IGNORED),
]


def instance_or_aurora(
    cls: Any, /, name: str, definition: dict[str, Any], account: str, region: str, **kwargs: Any
) -> Resource:
    """Make a database, or let an instance of an Aurora cluster be a name only."""
    aurora = "DBClusterIdentifier" in definition["Properties"]
    kind = nothing("Aurora") if aurora else Instance
    return kind.create_from_cloudformation_json(name, definition, account, region)


def change_instance(cls: Any, /, original_resource: Resource | None, **given: Any) -> Resource:
    """Change what instance_or_aurora has made."""
    return Resource.update_from_cloudformation_json(original_resource, **given)


def delete_vpc(original: Any) -> Any:
    """Delete a network with its route tables, which moto's stacks leave behind."""

    def delete(backend: Any, vpc_id: str) -> Any:
        for table in backend.describe_route_tables(filters={"vpc-id": vpc_id}):
            if not table.main_association_id:
                backend.route_tables.pop(table.id)
        return original(backend, vpc_id)

    return delete


def console(response: General) -> ActionResult:
    """Show what an instance announced when it booted: a key of its own."""
    name = response._get_param("InstanceId")
    pair = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    key = pair.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    text = f"boot\r\nbookstore-host-key {key}\r\nlogin: "
    return ActionResult({"InstanceId": name, "Output": base64.b64encode(text.encode()).decode()})


def versions(response: RDSResponse) -> ActionResult:
    """List the versions of an engine that RDS makes."""
    engine = response._get_param("Engine")
    rows = [{"Engine": engine, "EngineVersion": v} for v in VERSIONS[engine]]
    return ActionResult({"DBEngineVersions": rows})


def quota(response: ServiceQuotasResponse) -> str:
    """Give every quota the same value, which is enough."""
    return json.dumps({"Quota": {"Value": QUOTA["value"]}})


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the gaps for one test."""
    make = classmethod(instance_or_aurora)
    monkeypatch.setattr(DBInstance, "create_from_cloudformation_json", make)
    change = classmethod(change_instance)
    monkeypatch.setattr(DBInstance, "update_from_cloudformation_json", change)
    monkeypatch.setattr(VPCBackend, "delete_vpc", delete_vpc(VPCBackend.delete_vpc))
    # It draws from all of 10.0.0.0/8, of which one address in 256 is the overlay network's.
    monkeypatch.setattr(instances, "random_private_ip", lambda: random_private_ip("10.0.0.0/16"))
    monkeypatch.setattr(General, "get_console_output", console)
    monkeypatch.setattr(RDSResponse, "describe_db_engine_versions", versions, raising=False)
    monkeypatch.setattr(ServiceQuotasResponse, "get_service_quota", quota)
