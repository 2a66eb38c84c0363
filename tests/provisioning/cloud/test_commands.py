"""The commands as an operator types them, against moto: what they print and leave behind."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import httpx
import pytest

from provisioning.cli.main import main
from provisioning.cloud import inventory_file
from provisioning.cloud.aws import Aws
from provisioning.errors import OperatorError
from provisioning.inventory import load
from tests.provisioning.cloud.conftest import AMI, REGION


@pytest.fixture
def config(tmp_path: Path, account: Aws, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a cloud.toml for the empty account; Amazon's certificates come from nowhere."""
    key = tmp_path / "operator"
    key.touch(mode=0o600)
    key.with_suffix(".pub").write_text("ssh-ed25519 AAAAC3Nz operator\n")
    path = tmp_path / "cloud.toml"
    path.write_text(
        f'[cloud]\nname = "shop"\nregion = "{REGION}"\noperators = "198.51.100.7/32"\n'
        '[shop]\ndomain = "books.example.com"\nacme_email = "a@example.com"\nimage = "x/y:1"\n'
        f'[hosts]\nami = "{AMI}"\nkey_file = "{key}"\n'
    )

    def get(url: str, timeout: float) -> httpx.Response:
        return httpx.Response(200, text=f"PEM of {url}\n", request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    return str(path)


def test_ctrl_d_at_a_question_makes_nothing(
    config: str, account: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO("")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert main(["cloud", "up", "--config", config]) == 1
    assert capsys.readouterr().err.strip() == "Nothing was changed."
    assert not account.cloudformation.describe_stacks()["Stacks"]


def test_from_nothing_to_an_inventory_and_back(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def says(*words: str, status: int = 0) -> str:
        assert main(["cloud", *words, "--config", config]) == status
        return "".join(capsys.readouterr())

    assert "There is nothing of shop in eu-west-1." in says("down")
    plan = says("plan")
    assert "shop-network: new, " in plan
    assert "Nothing was changed. To make these changes: ./run ops cloud up" in plan
    assert "shop-network                 not there" in says("status", status=1)
    assert "There is no terminal to ask on." in says("up", status=1)

    up = says("up", "--yes")
    assert "Next: ./run ops cloud inventory && ./run ops apply" in up
    assert "Let the DNS record of books.example.com be a CNAME to" in up
    assert "Nothing to do." in says("up", "--yes")
    assert "2 inservice (wanted 2, from 2 to 6)" in says("status")

    output = tmp_path / "made" / "cluster.toml"
    output.parent.mkdir()
    made = says("inventory", "--output", str(output))
    assert "with 3 hosts, and " in made
    inventory = load(output)
    assert inventory.node_group is not None
    assert (inventory.node_group.name, inventory.node_group.size) == ("shop-workers", (2, 6))
    secrets = output.parent / "secrets"
    assert "ssl_ca=/run/secrets/database_ca" in (secrets / "database_url").read_text()
    assert f"{REGION}-bundle.pem" in (secrets / "database_ca").read_text()
    assert {p.stat().st_mode & 0o777 for p in secrets.iterdir()} == {0o600}

    assert '"shpo" is not shop. Nothing was deleted.' in says("down", "--yes", "shpo", status=1)
    down = says("down", "--yes", "shop")
    assert "Gone. Kept: shop-data-" in down
    assert "not there" in says("status", status=1)


def test_one_machine_from_nothing_to_its_address_and_back(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def says(*words: str, status: int = 0) -> str:
        assert main(["cloud", *words, "--config", config]) == status
        return "".join(capsys.readouterr())

    path = Path(config)
    path.write_text(path.read_text().replace("[shop]", 'kind = "machine"\n[shop]'))
    plan = says("plan")
    assert "shop-machine: new, " in plan
    assert "shop-network" not in plan
    up = says("up", "--yes")
    assert "docs/one-machine.md" in up
    assert "Let the DNS record of books.example.com be an A record of " in up
    assert "Nothing to do." in says("up", "--yes")
    disk = re.search(r"disk of the backups +(vol-\w+)", says("status"))
    assert disk
    assert "One machine has no swarm, so no inventory." in says("inventory", status=1)
    down = says("down", "--yes", "shop")
    assert f"The disk with the backups ({disk[1]}) stays" in down
    assert f"Gone. Kept: {disk[1]}." in down
    assert "docs/aws.md" in down
    assert "not there" in says("status", status=1)


def test_no_credentials_are_one_sentence(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    assert main(["cloud", "status", "--config", config]) == 1
    assert capsys.readouterr().err.strip() == (
        "There are no AWS credentials. Run `aws configure` (or `aws sso login`), or set "
        "AWS_PROFILE, then run the command again."
    )


def test_a_download_that_fails_says_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(url: str, timeout: float) -> httpx.Response:
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(httpx, "get", get)
    with pytest.raises(OperatorError, match=r"truststore\.pki.*\(no route\)"):
        inventory_file.fetch_authority(REGION)
