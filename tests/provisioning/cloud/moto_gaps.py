"""What moto's CloudFormation lacks and our templates use, so that whole stacks run against it."""

from __future__ import annotations

import json
import uuid
from typing import Any, Self

import boto3
import pytest
from moto.cloudformation.models import Change, ChangeSet
from moto.core.common_models import CloudFormationModel
from moto.ec2.models.vpcs import VPCBackend
from moto.rds.models import DBInstance

IGNORED = (  # they exist, and do nothing that a test looks at
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::CertificateManager::Certificate",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::EC2::VPCEndpoint",
    "AWS::RDS::DBClusterParameterGroup",
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
        original_resource: Self,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Self:
        original_resource.properties = cloudformation_json["Properties"]
        return original_resource

    def delete(self, account_id: str, region: str) -> None:
        self.destroy()


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
        boto3.client("rds", self.region).create_db_cluster(
            DBClusterIdentifier=self.name,
            Engine=self.properties["Engine"],
            MasterUsername=self.properties["MasterUsername"],
            ManageMasterUserPassword=True,
            DeletionProtection=str(self.properties["DeletionProtection"]).lower() == "true",
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
        boto3.client("rds", self.region).create_db_instance(
            DBInstanceIdentifier=self.name,
            DBInstanceClass=self.properties["DBInstanceClass"],
            Engine=self.properties["Engine"],
            AllocatedStorage=int(self.properties["AllocatedStorage"]),
            MasterUsername="u",
            MasterUserPassword="password",
            DeletionProtection=str(self.properties["DeletionProtection"]).lower() == "true",
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
KNOWN = [Address, Secret, Cluster, LoadBalancer, TargetGroup, *(nothing(kind) for kind in IGNORED)]


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
    stack.resource_map.update(change_set.template_dict, change_set.parameters)
    stack.parameters = change_set.parameters
    stack.template = change_set.template
    stack._parse_template()
    stack.output_map = stack._create_output_map()


def instance_or_aurora(
    cls: Any, /, name: str, definition: dict[str, Any], account: str, region: str, **kwargs: Any
) -> Resource:
    """Make a database, or let an instance of an Aurora cluster be a name only."""
    aurora = "DBClusterIdentifier" in definition["Properties"]
    kind = nothing("Aurora") if aurora else Instance
    return kind.create_from_cloudformation_json(name, definition, account, region)


def delete_vpc(original: Any) -> Any:
    """Delete a network with its route tables, which moto's stacks leave behind."""

    def delete(backend: Any, vpc_id: str) -> Any:
        for table in backend.describe_route_tables(filters={"vpc-id": vpc_id}):
            if not table.main_association_id:
                backend.route_tables.pop(table.id)
        return original(backend, vpc_id)

    return delete


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the gaps for one test."""
    monkeypatch.setattr(ChangeSet, "diff", changes_of_parameters)
    monkeypatch.setattr(ChangeSet, "apply", apply_whole)
    make = classmethod(instance_or_aurora)
    monkeypatch.setattr(DBInstance, "create_from_cloudformation_json", make)
    monkeypatch.setattr(VPCBackend, "delete_vpc", delete_vpc(VPCBackend.delete_vpc))
