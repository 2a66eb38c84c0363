"""One machine on AWS: `kind = "machine"`."""

from __future__ import annotations

import re
import subprocess
from decimal import Decimal

from provisioning.cloud import costs
from provisioning.cloud.settings import Settings
from provisioning.cloud.stacks import stages
from provisioning.rehearsal.machine import GUIDE, commands
from tests.provisioning.cloud.test_templates import files, of_type, rendered, user_data, ways_in

GIVEN = {
    "cloud": {"region": "eu-west-1", "kind": "machine", "operators": "198.51.100.7/32"},
    "shop": {"domain": "books.example.com", "image": "registry.example.com/bookstore:1.0"},
}


def test_it_is_one_stack_and_needs_neither_the_shared_network_nor_the_data() -> None:
    settings = Settings.model_validate(GIVEN)
    assert [stage.stack for stage in stages(settings)] == ["bookstore-machine"]


def test_readers_reach_http_and_https_and_operators_alone_ssh() -> None:
    world = "0.0.0.0/0"
    assert ways_in(rendered("machine")) == {
        ("Group", "tcp", "80", world),
        ("Group", "tcp", "443", world),
        ("Group", "tcp", "22", "198.51.100.7/32"),
    }


def test_backups_are_on_a_disk_of_their_own_that_stays() -> None:
    resources = rendered("machine")
    assert resources["Backups"]["DeletionPolicy"] == "Retain"
    assert resources["Backups"]["UpdateReplacePolicy"] == "Retain"
    assert resources["Backups"]["Properties"]["Encrypted"] is True
    assert resources["Disk"]["Properties"]["VolumeId"] == "<Backups>"
    [machine] = of_type(resources, "EC2::Instance").values()
    assert machine["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert machine["MetadataOptions"]["HttpTokens"] == "required"


def test_it_boots_with_the_packages_and_the_folder_of_the_guide() -> None:
    config = user_data(rendered("machine"), "Machine")
    [install] = re.findall(r"install .*recommends (.+)", commands(GUIDE.read_text())["packages"])
    assert config["packages"] == install.split()
    [script] = files(config).values()
    assert "mkdir -p /srv/backups" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_it_has_a_record_where_there_is_a_zone() -> None:
    assert "DomainRecord" in rendered("machine")
    assert "DomainRecord" not in rendered("machine", HostedZone="")


def test_it_costs_the_instance_two_disks_and_an_address() -> None:
    lines = costs.estimate(Settings.model_validate(GIVEN), costs.prices())
    counts = {line.what: line.count for line in lines}
    assert counts == {
        "machine (t4g.small)": Decimal(1),
        "disks, GiB": Decimal(40),
        "public addresses": Decimal(1),
    }
