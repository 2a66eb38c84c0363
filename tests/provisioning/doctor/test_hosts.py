"""What the doctor finds on real hosts that have had a bad night."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from provisioning.doctor import probes
from provisioning.doctor.checks import examine
from provisioning.doctor.findings import Examination, Finding
from provisioning.inventory import Host
from provisioning.setup.facts import Facts
from provisioning.setup.host import read_host
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.provisioning.conftest import Account, Sshd
from tests.provisioning.factories import inventory

# A disk of 1 MiB and few inodes, both taken; and a clock that is an hour ahead.
BAD_NIGHT = """
mkdir /var/lib/docker
mount -t tmpfs -o size=1m,nr_inodes=40 tmpfs /var/lib/docker
for n in $(seq 60); do : > /var/lib/docker/$n || break; done 2>/dev/null
dd if=/dev/zero of=/var/lib/docker/1 bs=64k 2>/dev/null || true
mkdir /run/bin
printf '#!/bin/sh\\n/bin/date -d "1 hour" "$@"\\n' > /run/bin/date
chmod 755 /run/bin/date
mount --bind /run/bin /usr/local/bin
"""
NO_PYTHON = """
mkdir /run/upper /run/work
options=lowerdir=/usr/bin,upperdir=/run/upper,workdir=/run/work
mount -t overlay -o $options overlay /usr/bin
rm -f /usr/bin/python3*
mount -t tmpfs tmpfs /usr/local/bin
"""


def findings(host: Host) -> dict[str, list[Finding]]:
    """Examine what one host says of itself."""
    made = inventory().model_copy(update={"host": (host,)})
    with Fleet([], Redactor()) as fleet:
        found = read_host(made, fleet.to(host))
    return dict(examine(made, Examination(Facts({host.name: found})), datetime.now(UTC)))


def test_a_full_disk_and_a_clock_an_hour_off_are_seen(start_sshd: Callable[..., Sshd]) -> None:
    host = start_sshd(account=Account(before=BAD_NIGHT)).host()
    found = findings(host)
    said = " / ".join(f.what for f in found["hosts"] if f.bad)
    assert "only 0.0 GiB are free on /var/lib/docker" in said
    assert "100 % of the inodes on /var/lib/docker are taken" in said
    (clock,) = found["clocks"]
    assert clock.bad
    assert "ahead of this machine's" in clock.what
    assert int(clock.what.split(" are ")[1].split()[0]) == pytest.approx(3600, abs=20)


def test_a_host_without_python_is_named(start_sshd: Callable[..., Sshd]) -> None:
    """What needs it there is not examined, and that is no success."""
    host = start_sshd(account=Account(before=NO_PYTHON)).host()
    made = inventory().model_copy(update={"host": (host,)})
    with Fleet([], Redactor()) as fleet:
        connection = fleet.to(host)
        assert read_host(made, connection).python is False
        answers = fleet.each([host], lambda c: probes.wire(c, "10.0.0.1", []))
    assert "python3" in str(answers["alpha"])
