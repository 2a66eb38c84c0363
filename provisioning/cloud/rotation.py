"""Give the shop's database user a new password: two users take turns, so the old one still works.

Runs as a Lambda function that Secrets Manager calls; `templates.py` puts this file into the data
template. It speaks to Aurora over its Data API and so needs no place in the network. The first
rotation, right after the stack is made, also creates the users.
"""

import json
import os
from typing import Any

import boto3

USERS = ("bookstore_a", "bookstore_b")


def handler(event: dict[str, str], context: object) -> None:
    """Do one of the four steps of a rotation; each may be repeated."""
    secrets = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    stages = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
    if "AWSCURRENT" in stages[token]:
        return
    match event["Step"]:
        case "createSecret":
            create(secrets, secret, token)
        case "setSecret":
            set_password(read(secrets, secret, "AWSPENDING", token))
        case "finishSecret":
            now = next(v for v, names in stages.items() if "AWSCURRENT" in names)
            secrets.update_secret_version_stage(
                SecretId=secret,
                VersionStage="AWSCURRENT",
                MoveToVersionId=token,
                RemoveFromVersionId=now,
            )


def create(secrets: Any, secret: str, token: str) -> None:
    """Keep a new password for the user whose turn it is, unless that has been done."""
    try:
        read(secrets, secret, "AWSPENDING", token)
    except secrets.exceptions.ResourceNotFoundException:
        value = read(secrets, secret, "AWSCURRENT")
        value["username"] = USERS[value["username"] == USERS[0]]
        made = secrets.get_random_password(PasswordLength=40, ExcludePunctuation=True)
        value["password"] = made["RandomPassword"]
        secrets.put_secret_value(
            SecretId=secret,
            ClientRequestToken=token,
            SecretString=json.dumps(value),
            VersionStages=["AWSPENDING"],
        )


def set_password(value: dict[str, str]) -> None:
    """Make the database agree; the password is letters and digits, the user one of ours."""
    user, password = value["username"], value["password"]
    if user not in USERS or not password.isalnum():
        raise ValueError("the secret does not hold a user and password of ours")
    account = f"'{user}'@'%'"
    data = boto3.client("rds-data")
    for sql in (
        f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}'",
        f"ALTER USER {account} IDENTIFIED BY '{password}' REQUIRE SSL",
        f"GRANT ALL ON bookstore.* TO {account}",
    ):
        data.execute_statement(
            resourceArn=os.environ["CLUSTER"], secretArn=os.environ["MASTER"], sql=sql
        )


def read(secrets: Any, secret: str, stage: str, token: str = "") -> dict[str, str]:
    """Read one version of the secret."""
    version = {"VersionId": token} if token else {}
    found = secrets.get_secret_value(SecretId=secret, VersionStage=stage, **version)
    return dict(json.loads(found["SecretString"]))
