"""The templates in their rendered form: who reaches whom, encryption, least privilege."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioning.cloud import templates
from provisioning.inventory import STORAGE_MOUNT, load
from provisioning.setup.plan import NFS_OPTIONS, SHOP_UID, engine_settings

EXAMPLE = Path("provisioning/examples/ec2.toml")
GIVEN = {
    "Name": "shop",
    "OperatorCidr": "198.51.100.7/32",
    "PublicSubnets": "subnet-pa,subnet-pb,subnet-pc",
    "HostSubnets": "subnet-ha,subnet-hb,subnet-hc",
    "DataSubnets": "subnet-ha,subnet-hb,subnet-hc",
    "FileSubnets": "subnet-ha,subnet-hb,subnet-hc",
    "HostedZone": "Z1",
    "Domain": "books.example.com",
    "Image": "registry.example.com/bookstore:1",
    "FilesHost": "fs-1.efs.eu-west-1.amazonaws.com",
}


def rendered(name: str, **parameters: str) -> dict[str, Any]:
    """Render a template with sample values for what has no default."""
    template = templates.read(name)
    missing = {k: f"given-{k}" for k, v in template["Parameters"].items() if "Default" not in v}
    known = {k: v for k, v in GIVEN.items() if k in template["Parameters"]}
    return templates.render(template, missing | known | parameters)


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {k: r["Properties"] for k, r in resources.items() if r["Type"] == f"AWS::{kind}"}


def ways_in(resources: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    """List (group, protocol, port, source) of every rule that lets something in."""
    rows = [
        (group, rule)
        for group, properties in of_type(resources, "EC2::SecurityGroup").items()
        for rule in properties.get("SecurityGroupIngress", [])
    ]
    rows += [
        (rule["GroupId"].strip("<>"), rule)
        for rule in of_type(resources, "EC2::SecurityGroupIngress").values()
    ]
    for _, rule in rows:
        assert rule["FromPort"] == rule["ToPort"]
    return {
        (
            group,
            rule["IpProtocol"],
            "" if rule["IpProtocol"] == "50" else str(rule["FromPort"]),
            rule.get("CidrIp") or rule["SourceSecurityGroupId"].strip("<>"),
        )
        for group, rule in rows
    }


def statements(resources: dict[str, Any]) -> list[dict[str, Any]]:
    """List what every role may do."""
    policies = [
        policy["PolicyDocument"]
        for role in of_type(resources, "IAM::Role").values()
        for policy in role["Policies"]
    ]
    policies += [p["PolicyDocument"] for p in of_type(resources, "IAM::Policy").values()]
    return [s for policy in policies for s in policy["Statement"]]


def test_exactly_these_ports_are_open_and_to_these_alone() -> None:
    world = "0.0.0.0/0"
    assert ways_in(rendered("network")) == {
        ("LoadBalancerGroup", "tcp", "80", world),
        ("LoadBalancerGroup", "tcp", "443", world),
        ("BastionGroup", "tcp", "22", "198.51.100.7/32"),
        ("SwarmGroup", "tcp", "22", "BastionGroup"),
        ("SwarmGroup", "tcp", "7946", "SwarmGroup"),
        ("SwarmGroup", "udp", "7946", "SwarmGroup"),
        ("SwarmGroup", "udp", "4789", "SwarmGroup"),
        ("SwarmGroup", "50", "", "SwarmGroup"),
        ("ManagerGroup", "tcp", "2377", "SwarmGroup"),
        ("EdgeGroup", "tcp", "80", "LoadBalancerGroup"),
        ("EdgeGroup", "tcp", "443", "LoadBalancerGroup"),
        ("EdgeGroup", "tcp", "8082", "LoadBalancerGroup"),
        ("AppGroup", "tcp", "8000", "LoadBalancerGroup"),
        ("DatabaseGroup", "tcp", "3306", "SwarmGroup"),
        ("DatabaseGroup", "tcp", "3306", "AppGroup"),
        ("FilesGroup", "tcp", "2049", "SwarmGroup"),
        ("FilesGroup", "tcp", "2049", "AppGroup"),
    }


def test_every_group_says_where_it_may_go() -> None:
    # A group without a rule of its own may go anywhere.
    for name, group in of_type(rendered("network"), "EC2::SecurityGroup").items():
        assert group["SecurityGroupEgress"], name


@pytest.mark.parametrize(
    ("zones", "nat", "subnets", "gateways"),
    [("3", "one", 6, 1), ("3", "per-zone", 6, 3), ("3", "none", 6, 0), ("1", "one", 3, 1)],
)
def test_zones_and_gateways(zones: str, nat: str, subnets: int, gateways: int) -> None:
    network = rendered("network", Zones=zones, Nat=nat)
    assert len(of_type(network, "EC2::Subnet")) == subnets
    assert len(of_type(network, "EC2::NatGateway")) == gateways
    # One default route for the public subnets, one for each private subnet with hosts behind NAT.
    assert len(of_type(network, "EC2::Route")) == 1 + (
        0 if nat == "none" else subnets - subnets // 2
    )


def test_subnets_do_not_overlap_and_are_in_different_zones() -> None:
    subnets = of_type(rendered("network"), "EC2::Subnet")
    assert len({s["CidrBlock"] for s in subnets.values()}) == 6
    assert [subnets[f"PrivateSubnet{z}"]["AvailabilityZone"][-1] for z in "ABC"] == ["a", "b", "c"]


def test_a_limited_account_gets_no_role_anywhere() -> None:
    for name, limits in (
        ("network", {"FlowLogs": "false"}),
        ("data", {"Engine": "mysql"}),
        ("swarm", {"InstanceProfile": "LabInstanceProfile"}),
        ("scaling-group", {"InstanceProfile": "LabInstanceProfile"}),
    ):
        resources = rendered(name, **limits)
        kinds = {r["Type"] for r in resources.values()}
        assert not {k for k in kinds if k.startswith("AWS::IAM")}, name
    worker = rendered("swarm", InstanceProfile="LabInstanceProfile")["WorkerTemplate"]
    profile = worker["Properties"]["LaunchTemplateData"]["IamInstanceProfile"]
    assert profile == {"Name": "LabInstanceProfile"}


def test_what_is_stored_is_encrypted() -> None:
    data = rendered("data")
    assert data["Cluster"]["Properties"]["StorageEncrypted"] is True
    assert data["Files"]["Properties"]["Encrypted"] is True
    assert rendered("data", Engine="mysql")["Instance"]["Properties"]["StorageEncrypted"] is True
    for name in ("swarm", "scaling-group"):
        resources = rendered(name, Managers="3") if name == "swarm" else rendered(name)
        disks = [
            mapping["Ebs"]["Encrypted"]
            for resource in resources.values()
            for holder in (
                resource["Properties"],
                resource["Properties"].get("LaunchTemplateData", {}),
            )
            for mapping in holder.get("BlockDeviceMappings", [])
        ]
        assert disks == [True] * (5 if name == "swarm" else 1)


def test_the_database_is_private_speaks_tls_and_leaves_a_snapshot() -> None:
    data = rendered("data")
    settings = data["ClusterSettings"]["Properties"]["Parameters"]
    assert settings["require_secure_transport"] == "ON"
    assert data["Cluster"]["DeletionPolicy"] == "Snapshot"
    assert data["Cluster"]["Properties"]["DeletionProtection"] == "true"
    small = rendered("data", Engine="mysql")
    assert small["Instance"]["DeletionPolicy"] == "Snapshot"
    for resources in (data, small):
        for instance in of_type(resources, "RDS::DBInstance").values():
            assert instance["PubliclyAccessible"] is False


def test_one_mount_target_in_each_zone_with_hosts() -> None:
    targets = of_type(rendered("data"), "EFS::MountTarget")
    assert [t["SubnetId"] for t in targets.values()] == ["subnet-ha", "subnet-hb", "subnet-hc"]
    assert (
        len(of_type(rendered("data", Zones="1", FileSubnets="subnet-ha"), "EFS::MountTarget")) == 1
    )


def test_every_instance_wants_a_session_token_and_answers_no_container() -> None:
    for resources in (rendered("swarm", Managers="3"), rendered("scaling-group")):
        holders = [*of_type(resources, "EC2::Instance").values()]
        holders += [
            t["LaunchTemplateData"] for t in of_type(resources, "EC2::LaunchTemplate").values()
        ]
        assert holders
        for holder in holders:
            assert holder["MetadataOptions"]["HttpTokens"] == "required"
            assert holder["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


def test_roles_may_do_what_they_must_and_no_more() -> None:
    allowed = {
        name: {
            action: statement["Resource"]
            for statement in statements(rendered(name, RepositoryArn="arn:repository"))
            for action in (
                statement["Action"]
                if isinstance(statement["Action"], list)
                else [statement["Action"]]
            )
        }
        for name in ("swarm", "scaling-group")
    }
    here = "eu-west-1:123456789012"
    token = f"arn:aws:ssm:{here}:parameter/bookstore/shop/worker-token"
    assert allowed["swarm"] == {"ssm:GetParameter": token}
    assert allowed["scaling-group"] == {
        "secretsmanager:GetSecretValue": ["given-DatabaseSecret", "given-ShopSecret"],
        "logs:CreateLogStream": "<Log.Arn>",
        "logs:PutLogEvents": "<Log.Arn>",
        "ecr:BatchGetImage": "arn:repository",
        "ecr:GetDownloadUrlForLayer": "arn:repository",
        "ecr:GetAuthorizationToken": "*",
    }
    for name in templates.NAMES:
        for statement in statements(rendered(name)):
            actions = statement["Action"]
            assert not any("*" in a for a in ([actions] if isinstance(actions, str) else actions))


def test_managers_are_spread_over_zones_and_workers_leave_through_a_hook() -> None:
    three = rendered("swarm", Managers="3")
    subnets = [
        three[f"Manager{n}"]["Properties"]["NetworkInterfaces"][0]["SubnetId"] for n in (1, 2, 3)
    ]
    assert subnets == ["subnet-ha", "subnet-hb", "subnet-hc"]
    assert "Manager2" not in rendered("swarm", Managers="1")
    hook = three["Workers"]["Properties"]["LifecycleHookSpecificationList"][0]
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"


def test_the_network_load_balancer_names_the_client_and_asks_traefik_for_its_health() -> None:
    groups = of_type(rendered("swarm"), "ElasticLoadBalancingV2::TargetGroup")
    assert {g["Port"] for g in groups.values()} == {80, 443}
    for group in groups.values():
        attributes = {a["Key"]: a["Value"] for a in group["TargetGroupAttributes"]}
        assert attributes["proxy_protocol_v2.enabled"] == "true"
        assert attributes["preserve_client_ip.enabled"] == "false"
        assert attributes["target_health_state.unhealthy.connection_termination.enabled"] == "false"
        checked = ("HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath")
        assert [group[key] for key in checked] == ["HTTP", "8082", "/ping"]


def test_the_application_load_balancer_redirects_and_hides_what_is_internal() -> None:
    resources = rendered("scaling-group")
    listeners = of_type(resources, "ElasticLoadBalancingV2::Listener")
    assert listeners["HttpListener"]["DefaultActions"][0]["Type"] == "redirect"
    assert "TLS13-1-2" in listeners["HttpsListener"]["SslPolicy"]
    closed = resources["Closed"]["Properties"]["Conditions"][0]["PathPatternConfig"]["Values"]
    assert {"/internal/*", "/metrics", "/healthz", "/readyz"} <= set(closed)
    assert resources["Targets"]["Properties"]["HealthCheckPath"] == "/readyz"


def user_data(resources: dict[str, Any], name: str) -> dict[str, Any]:
    properties = resources[name]["Properties"]
    text = properties.get("UserData") or properties["LaunchTemplateData"]["UserData"]
    assert text.startswith("#cloud-config\n")
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def files(config: dict[str, Any]) -> dict[str, str]:
    return {f["path"]: f["content"] for f in config["write_files"]}


@pytest.mark.parametrize("host", ["Bastion", "Manager1", "Manager2", "Manager3"])
def test_a_host_makes_its_own_key_and_says_it_at_every_boot(host: str) -> None:
    config = user_data(rendered("swarm", Managers="3"), host)
    assert "ssh_keys" not in config  # whoever may describe an instance may read its user data
    assert config["ssh_genkeytypes"] == ["ed25519"]
    (said,) = config["write_files"]
    assert said["path"].startswith("/var/lib/cloud/scripts/per-boot/")
    assert "bookstore-host-key" in said["content"]


def test_no_parameter_holds_a_private_key() -> None:
    for name in templates.NAMES:
        assert not {
            p for p in templates.read(name)["Parameters"] if p.endswith(("Key", "Keys"))
        } - {"OperatorKey"}


def test_each_manager_and_the_workers_have_images_of_their_own() -> None:
    resources = rendered("swarm", Managers="3")
    images = [resources[f"Manager{n}"]["Properties"]["ImageId"] for n in (1, 2, 3)]
    images.append(resources["WorkerTemplate"]["Properties"]["LaunchTemplateData"]["ImageId"])
    assert images == [*(f"given-Manager{n}Ami" for n in (1, 2, 3)), "given-WorkerAmi"]


def test_a_database_from_a_snapshot_gets_its_password_once_it_is_there() -> None:
    secret = {"MasterUserPassword", "ManageMasterUserPassword"}
    for engine, name in (("aurora", "Cluster"), ("mysql", "Instance")):
        for rotation in ("true", "false"):
            common = {"Engine": engine, "Rotation": rotation, "Snapshot": "shop-data-snapshot"}
            first = rendered("data", **common, Protect="false")
            then = rendered("data", **common, Protect="true")
            assert not secret & first[name]["Properties"].keys()
            assert len(secret & then[name]["Properties"].keys()) == 1
            for resources in (first, then):
                assert "MasterUsername" not in resources[name]["Properties"]
            assert "RotationSchedule" not in first


def test_without_rotation_the_shop_signs_in_as_the_databases_own_administrator() -> None:
    for engine, name, rotation in (("aurora", "Cluster", "false"), ("mysql", "Instance", "true")):
        resources = rendered("data", Engine=engine, Rotation=rotation)
        made = resources["DatabaseSecret"]["Properties"]["GenerateSecretString"]
        user = json.loads(made["SecretStringTemplate"])["username"]
        given = resources[name]["Properties"]
        if engine == "aurora":
            assert given["MasterUsername"] == user
        else:
            assert given["MasterUsername"].endswith(":username}}")
        assert given["MasterUserPassword"].endswith(":SecretString:password}}")


def test_a_worker_is_set_up_as_apply_would_set_it_up() -> None:
    inventory = load(EXAMPLE)
    made = files(user_data(rendered("swarm"), "WorkerTemplate"))
    assert json.loads(made["/etc/docker/daemon.json"]) == engine_settings(inventory)
    line = f"{GIVEN['FilesHost']}:/ {STORAGE_MOUNT} nfs4 {NFS_OPTIONS} 0 0"
    assert f'line="{line}"' in made["/usr/local/sbin/bookstore-join"]


def test_instances_of_the_scaling_group_keep_covers_where_the_swarm_does() -> None:
    made = files(user_data(rendered("scaling-group"), "Template"))
    run = made["/usr/local/sbin/bookstore-run"]
    assert f"-o {SHOP_UID} -g {SHOP_UID} {STORAGE_MOUNT}/media" in run


@pytest.mark.parametrize(
    ("template", "resource", "parameters"),
    [
        ("swarm", "WorkerTemplate", {"Managers": "3"}),
        ("scaling-group", "Template", {}),
        ("scaling-group", "Template", {"RepositoryArn": "arn:repository"}),
    ],
)
def test_scripts_are_bash(template: str, resource: str, parameters: dict[str, str]) -> None:
    made = files(user_data(rendered(template, **parameters), resource))
    scripts = [text for path, text in made.items() if "/sbin/" in path]
    assert scripts
    for script in scripts:
        known = re.sub(r"<([A-Z]\w*(\.\w+)*)>", r"\1", script)  # what only AWS knows
        subprocess.run(["bash", "-n"], input=known, text=True, check=True)


def test_the_rotation_is_in_the_template_as_it_stands_in_its_file() -> None:
    code = rendered("data")["RotationFunction"]["Properties"]["Code"]["ZipFile"]
    assert code.strip() == templates.ROTATION.read_text().strip()
    ast.parse(code)


def test_templates_fit_without_a_bucket() -> None:
    for name in templates.NAMES:
        assert len(templates.body(name).encode()) < templates.LIMIT


def test_cfn_lint_finds_nothing(tmp_path: Path) -> None:
    for name in templates.NAMES:
        (tmp_path / f"{name}.yml").write_text(templates.body(name))
    lint = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), *map(str, tmp_path.glob("*.yml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (lint.returncode, lint.stdout) == (0, "")
