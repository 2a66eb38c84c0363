"""An AWS of our own: moto's server on loopback, and settings to build there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from provisioning.cloud.aws import Aws
from provisioning.cloud.operations import Installation
from provisioning.cloud.settings import Settings
from tests.provisioning.cloud import moto_resources, moto_stacks

REGION = "eu-west-1"
ACCOUNT = "123456789012"
AMI = "ami-12c6146b"  # one that moto knows
OTHER_AMI = "ami-0e9271c829888680e"
STUBS = Path(__file__).parent / "stubs"  # programs that would speak to somebody outside


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """Start moto's server; give its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def account(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """Give an empty account."""
    return empty_account(moto_server, monkeypatch)


def empty_account(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """Forget everything that the emulator has; fill its gaps while the patches last."""
    for name, value in {
        "AWS_ENDPOINT_URL": moto_server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_CALL_RESET_API": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("PATH", f"{STUBS}:{os.environ['PATH']}")
    moto_resources.fill(monkeypatch)
    moto_stacks.fill(monkeypatch)
    requests.post(f"{moto_server}/moto-api/reset", timeout=90).raise_for_status()
    for name in (AMI, OTHER_AMI):  # moto knows hardly any for arm64
        get_backend("ec2")[ACCOUNT][REGION].amis[name].architecture = "arm64"
    return Aws(REGION, boto3.Session())


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Give settings like the example's, changed as asked: make_settings(hosts={"managers": 3})."""
    key = tmp_path / "operator"
    key.with_suffix(".pub").write_text("ssh-ed25519 AAAAC3Nz operator\n")
    key.touch(mode=0o600)

    def make(**tables: dict[str, Any]) -> Settings:
        usual: dict[str, dict[str, Any]] = {
            "cloud": {"name": "shop", "region": REGION, "operators": "198.51.100.7/32"},
            "shop": {
                "domain": "books.example.com",
                "acme_email": "ops@example.com",
                "image": "registry.example.com/bookstore:1.0",
            },
            "hosts": {"ami": AMI, "key_file": str(key)},
        }
        for name, rows in tables.items():
            usual[name] = {**usual.get(name, {}), **rows}
        return Settings.model_validate(usual)

    return make


@pytest.fixture
def install(account: Aws, make_settings: Callable[..., Settings]) -> Callable[..., Installation]:
    """Give an installation in the empty account."""
    return lambda **tables: Installation(account, make_settings(**tables), poll=0.01)
