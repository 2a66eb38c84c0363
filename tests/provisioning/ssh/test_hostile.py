"""Hosts that are not as one would wish, each with a real sshd and files of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

from provisioning import lock
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.ssh import transport
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.transport import Connection, HostError
from tests.provisioning.conftest import Account, Sshd
from tests.provisioning.factories import inventory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make hosts")
Start = Callable[..., Sshd]
ADMIN = 'command="echo Log in as admin" '
SCRIPT = 'words=(one \'two !\')\necho "${words[1]}"\necho "it\'s $((1+1)) $(id -u)"'


def works(connection: Connection, sshd: Sshd) -> None:
    """Do on a host all that commands do there: run, become root, write a file."""
    assert connection.run("echo out; echo err >&2; exit 3", check=False).stdout == "out\n"
    assert connection.run(SCRIPT, sudo=True).stdout == "two !\nit's 2 0\n"
    connection.upload("/var/lib/some/file", b"touch /var/lib/ran\n" * 9, sudo=True)
    assert (sshd.root / "var/lib/some/file").read_bytes() == b"touch /var/lib/ran\n" * 9
    assert not (sshd.root / "var/lib/ran").exists()


def shell(name: str) -> str:
    """Return a shell's path, or skip."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name}")
    return path


@pytest.mark.parametrize("name", ["dash", "rbash", "zsh", "fish", "tcsh"])
def test_any_login_shell_will_do(name: str, start_sshd: Start) -> None:
    sshd = start_sshd(account=Account(login=shell(name)))
    with Fleet([], Redactor()) as fleet:
        works(fleet.to(sshd.host()), sshd)


LOUD = """
echo Hello; echo noise >&2; cd /tmp
export LC_ALL=es_ES.UTF-8 LANGUAGE=es TERM=dumb
sudo() { echo no; }
bash() { echo no; }
timeout() { echo no; }
"""
NOEXEC = "mount --bind /tmp /tmp; mount -o remount,bind,noexec,nosuid /tmp"


def test_a_host_with_customs_of_its_own_will_do(start_sshd: Start) -> None:
    account = Account(
        sudoers="oper ALL=(ALL) NOPASSWD: ALL\nDefaults use_pty, lecture=always",
        home={".bashrc": LOUD},
        before=NOEXEC,
    )
    sshd = start_sshd("Banner /etc/services", "PermitTTY no", "MaxStartups 1", account=account)
    with Fleet([], Redactor()) as fleet:
        works(fleet.to(sshd.host()), sshd)


def test_what_a_shell_says_and_does_when_it_ends_is_not_the_commands(start_sshd: Start) -> None:
    """Neither its words nor its status; and who holds the lock is named all the same."""
    account = Account(home={".bashrc": "trap 'echo Bye; echo bye >&2; exit 9' EXIT\n"})
    sshd = start_sshd(account=account)
    content = os.urandom(300_000) + b"ended-"
    with Fleet([], Redactor()) as fleet:
        connection = fleet.to(sshd.host())
        works(connection, sshd)
        result = connection.run("printf out; echo err >&2; exit 3", check=False)
        assert (result.status, result.stdout, result.stderr) == (3, "out", "err\n")
        assert connection.run("true", sudo=True).status == 0
        with pytest.raises(HostError, match=r"`false` failed \(status 1\): it said nothing$"):
            connection.run("false")
        with pytest.raises(HostError, match=r"took longer than 1 seconds and was ended"):
            connection.run("sleep 60", timeout=1)
        came: list[bytes] = []
        connection.run("cat", stdin=content, sink=came.append)
        assert b"".join(came) == content
        cluster = Cluster(inventory().model_copy(update={"host": (sshd.host(),)}), fleet)
        with (
            lock.exclusive(cluster, "drain alpha"),
            pytest.raises(HostError, match=r"is being changed by .* \(drain alpha\)"),
            lock.exclusive(cluster, "apply"),
        ):
            pass


def test_a_home_that_cannot_be_entered_is_not_needed(start_sshd: Start) -> None:
    sshd = start_sshd(account=Account(before="chmod 0 /home/oper"))
    with Fleet([], Redactor()) as fleet:
        works(fleet.to(sshd.host()), sshd)


@pytest.mark.parametrize(
    ("options", "authorized", "account", "said"),
    [
        ((), "", Account(login="/usr/sbin/nologin"), r"status 1: This account is currently not av"),
        ((), "", Account(home={".bashrc": "exit 3\n"}), r"status 3: it said nothing\).*\.bashrc"),
        (
            (),
            "",
            Account(home={".bashrc": "exec dash\n"}),
            r"did not run|no command has begun",
        ),
        (("ForceCommand internal-sftp",), "", Account(), "status 1: This service allows sftp"),
        (
            (),
            'command="echo \'Log in as \\"admin\\".\'" ',
            Account(),
            'status 0: Log in as "admin"',
        ),
    ],
    ids=["nologin", "exits", "another shell instead", "sftp", "another user"],
)
def test_a_shell_that_does_not_run_our_command_is_no_success(
    options: tuple[str, ...],
    authorized: str,
    account: Account,
    said: str,
    start_sshd: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And what was meant for the command's input is not read by a shell as commands."""
    monkeypatch.setattr(transport, "BEGIN", 3.0)
    sshd = start_sshd(*options, authorized=authorized, account=account)
    with Fleet([], Redactor()) as fleet:
        for sudo, stdin in ((True, b""), (False, b"touch /home/oper/ran\n")):
            with pytest.raises(HostError, match=said):
                fleet.to(sshd.host()).run("cat", stdin=stdin, sudo=sudo, check=False)
    assert not (sshd.root / "home/oper/ran").exists()


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (Account(sudoers=""), "may not use sudo without a password"),
        (Account(sudoers="oper ALL=(ALL) ALL"), "may not use sudo without a password"),
        (
            Account(sudoers="oper ALL=(ALL) NOPASSWD: /usr/bin/apt-get"),
            "may not use sudo without a password",
        ),
        (
            Account(sudoers="oper ALL=(ALL) NOPASSWD: ALL\nDefaults requiretty"),
            'asks for a terminal. Put the line "Defaults:oper !requiretty"',
        ),
        (
            Account(before="mkdir /run/bin; cp /bin/env /bin/bash /run/bin; "
                    "mount --bind /run/bin /usr/bin"),
            "there is no sudo. As root: apt-get install sudo",
        ),
        (
            Account(before="mount --bind /usr/bin /usr/bin; mount -o remount,bind,nosuid /usr/bin"),
            r"status 1.*sudo: effective uid is not 0",
        ),
    ],
    ids=["none", "password", "not ours", "requiretty", "not installed", "nosuid"],
)  # fmt: skip
def test_whatever_keeps_us_from_root_is_told_with_its_cure(
    account: Account, said: str, start_sshd: Start
) -> None:
    host = start_sshd(account=account).host()
    with Fleet([], Redactor()) as fleet:
        with pytest.raises(HostError, match=f"alpha: .*{said}"):
            fleet.to(host).run("true", sudo=True, check=False)
        cluster = Cluster(inventory().model_copy(update={"host": (host,)}), fleet)
        with pytest.raises(OperatorError, match=said), lock.exclusive(cluster, "apply"):
            pass


def test_whoever_is_root_needs_no_sudo(start_sshd: Start) -> None:
    sshd = start_sshd(account=Account(before="mount --bind /dev/null /usr/bin/sudo"))
    with Fleet([], Redactor()) as fleet:
        connection = fleet.to(sshd.host(user="root"))
        works(connection, sshd)
        cluster = Cluster(inventory().model_copy(update={"host": (sshd.host(user="root"),)}), fleet)
        with lock.exclusive(cluster, "apply"):
            assert connection.run("echo on", sudo=True).stdout == "on\n"


def test_a_host_where_nothing_begins_is_told_from_a_lost_one(
    start_sshd: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "BEGIN", 1.0)
    account = Account(home={".bashrc": "sleep 30\n"})
    with (
        Fleet([], Redactor()) as fleet,
        pytest.raises(HostError, match=r"no command has begun there within 1 s.*sudo true.*bashrc"),
    ):
        fleet.to(start_sshd(account=account).host()).run("true", sudo=True)


def test_one_session_at_a_time_is_enough(start_sshd: Start) -> None:
    host = start_sshd("MaxSessions 1", account=Account()).host()
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory().model_copy(update={"host": (host,)}), fleet)
        with lock.exclusive(cluster, "apply"):
            assert fleet.to(host).run("echo on", sudo=True).stdout == "on\n"


def test_an_sshd_that_allows_no_session_is_said_as_such(start_sshd: Start) -> None:
    host = start_sshd("MaxSessions 0").host()
    with (
        Fleet([], Redactor()) as fleet,
        pytest.raises(HostError, match=r"sshd there allows no further session.*MaxSessions"),
    ):
        fleet.to(host).run("true")


@pytest.mark.parametrize(
    "before",
    [
        "dd if=/dev/zero of=/var/lib/fill bs=64k 2>/dev/null || true",
        "mount -o remount,ro /var/lib",
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_nothing_does_not_keep_the_lock(before: str, start_sshd: Start) -> None:
    """Cleaning up such a host, or draining it, must be possible."""
    account = Account(before=f"mount -t tmpfs -o size=256k tmpfs /var/lib\n{before}")
    host = start_sshd(account=account).host()
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory().model_copy(update={"host": (host,)}), fleet)
        with lock.exclusive(cluster, "drain alpha"), lock.recorded(cluster, "drain alpha"):
            assert fleet.to(host).run("echo on", sudo=True).stdout == "on\n"


def test_a_lock_that_cannot_be_written_says_why(start_sshd: Start) -> None:
    host = start_sshd(account=Account(before="mount -o remount,ro /run")).host()
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory().model_copy(update={"host": (host,)}), fleet)
        with (
            pytest.raises(HostError, match=r"lock cannot be taken there: .*Read-only file system"),
            lock.exclusive(cluster, "apply"),
        ):
            pass
