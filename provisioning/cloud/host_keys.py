"""SSH host keys: each host makes its own and says it on its console, which only AWS can show."""

from __future__ import annotations

import re

from provisioning.cloud.aws import Aws, explained

ANNOUNCED = re.compile(r"bookstore-host-key (ssh-ed25519 [A-Za-z0-9+/=]+)")


def read(aws: Aws, instance: str) -> str | None:
    """Return the key that an instance announced, None while it has not."""
    with explained(f"read the console of {instance}"):
        answer = aws.ec2.get_console_output(InstanceId=instance, Latest=True)
    return announced(answer.get("Output", ""))


def announced(console: str) -> str | None:
    """Find the key that a host wrote to its console, the last one if it did so more than once."""
    found = ANNOUNCED.findall(console)
    return str(found[-1]) if found else None
