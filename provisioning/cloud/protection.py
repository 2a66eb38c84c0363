"""Take the protection against deletion off the databases of a stack, whatever state it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from provisioning.cloud.aws import Aws, code_of, explained


def unprotect(aws: Aws, resources: Iterable[Mapping[str, Any]]) -> None:
    """Let the databases among a stack's resources be deleted; they are found by physical id."""
    for row in resources:
        name = row.get("PhysicalResourceId")
        if not name:
            continue
        with explained(f"take the protection off the database {name}"):
            try:
                match row["ResourceType"]:
                    case "AWS::RDS::DBCluster":
                        _cluster(aws, name)
                    case "AWS::RDS::DBInstance":
                        _instance(aws, name)
            except ClientError as error:
                if "NotFound" not in code_of(error):
                    raise


def _cluster(aws: Aws, name: str) -> None:
    (found,) = aws.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    if found.get("DeletionProtection"):
        aws.rds.modify_db_cluster(
            DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True
        )


def _instance(aws: Aws, name: str) -> None:
    (found,) = aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    if found.get("DeletionProtection"):
        aws.rds.modify_db_instance(
            DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True
        )
