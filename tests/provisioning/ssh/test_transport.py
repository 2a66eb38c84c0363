"""The SSH layer against a real sshd."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from provisioning.errors import OperatorError
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.reasons import explain
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.scripts import in_bash
from provisioning.ssh.transport import CommandFailed, HostError
from tests.provisioning.conftest import Sshd, make_key


def test_gives_status_and_both_streams(sshd: Sshd, fleet: Fleet) -> None:
    result = fleet.to(sshd.host()).run("echo out; echo err >&2; exit 3", check=False)
    assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_a_failed_command_says_host_command_and_last_lines(sshd: Sshd, fleet: Fleet) -> None:
    with pytest.raises(CommandFailed, match=r"alpha: `ls /nowhere` failed \(status 2\): ls: .*"):
        fleet.to(sshd.host()).run("ls /nowhere")


def test_a_fact_that_is_needed_and_fails_says_why(sshd: Sshd, fleet: Fleet) -> None:
    connection = fleet.to(sshd.host())
    asked = {"good": "echo fine", "bad": "echo The swarm has no leader. >&2; exit 4"}
    with pytest.raises(CommandFailed, match=r"facts: bad` failed \(status 4\): The swarm has no l"):
        connection.ask(asked, need=asked)
    assert connection.ask(asked) == {"good": "fine\n", "bad": ""}


def test_a_long_script_is_not_shown_whole(sshd: Sshd, fleet: Fleet) -> None:
    with pytest.raises(CommandFailed, match=r"`ls /nowhere …` failed \(status 3\): ls: [^\n]*$"):
        fleet.to(sshd.host()).run("ls /nowhere\necho out\nexit 3")


def test_drains_ten_megabytes_on_both_streams_at_once(sshd: Sshd, fleet: Fleet) -> None:
    size = 10_000_000
    result = fleet.to(sshd.host()).run(
        f"head -c {size} /dev/zero | tr '\\0' e >&2 & head -c {size} /dev/zero | tr '\\0' o; wait"
    )
    assert (len(result.stdout), len(result.stderr)) == (size, size)


def test_feeds_standard_input(sshd: Sshd, fleet: Fleet) -> None:
    content = os.urandom(3_000_000)
    assert fleet.to(sshd.host()).run("cat", stdin=content).raw == content


def test_a_command_that_ignores_its_input_is_no_error(sshd: Sshd, fleet: Fleet) -> None:
    assert fleet.to(sshd.host()).run("echo ok", stdin=b"x" * 5_000_000).stdout == "ok\n"


def test_output_is_echoed_while_it_comes(sshd: Sshd, fleet: Fleet) -> None:
    seen: list[float] = []
    fleet.to(sshd.host()).run(
        "echo a; sleep 0.5; echo b", echo=lambda _: seen.append(time.monotonic())
    )
    assert seen[-1] - seen[0] > 0.3


def test_out_of_time_ends_the_remote_process(sshd: Sshd, fleet: Fleet) -> None:
    connection = fleet.to(sshd.host())
    with pytest.raises(HostError, match=r"took longer than 0.5 seconds and was ended"):
        connection.run("sleep 98.7654321", timeout=0.5)
    assert connection.run("pgrep -xf 'sleep 98.7654321'", check=False).stdout == ""


def test_out_of_time_ends_a_process_that_ignores_sigterm(sshd: Sshd, fleet: Fleet) -> None:
    connection = fleet.to(sshd.host())
    with pytest.raises(HostError, match=r"was ended"):
        connection.run("trap '' TERM; while sleep 0.2; do :; done", timeout=0.5)
    assert connection.run("pgrep -f '[t]rap .. TERM'", check=False).stdout == ""


KILL_SESSION = """
one=$PPID
until case $(ps -o comm= -p $one) in sshd*) true ;; *) false ;; esac; do
    one=$(ps -o ppid= -p $one)
done
kill -9 $one
"""


def test_a_host_lost_during_a_command_is_named(start_sshd: Callable[..., Sshd]) -> None:
    with Fleet([], Redactor()) as fleet:
        connection = fleet.to(start_sshd().host())
        with pytest.raises(HostError, match=r"alpha: the connection was lost during `kill .*again"):
            connection.run(KILL_SESSION, shown="kill the session")


def test_a_wrong_host_key_is_refused(sshd: Sshd, fleet: Fleet, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    with pytest.raises(HostError, match=r"shows the host key SHA256:\S+, not the pinned SHA256:"):
        fleet.to(sshd.host(host_key=other))


def test_a_wrong_key_is_refused(sshd: Sshd, fleet: Fleet, tmp_path: Path) -> None:
    make_key(tmp_path / "mine")
    with pytest.raises(HostError, match=r"refuses the key .*/mine for the user"):
        fleet.to(sshd.host(key_file=tmp_path / "mine"))


def test_an_expired_key_is_refused(start_sshd: Callable[..., Sshd], fleet: Fleet) -> None:
    expired = start_sshd(authorized='expiry-time="20200101" ')
    with pytest.raises(HostError, match=r"holds the public key, not expired"):
        fleet.to(expired.host())


def test_a_missing_key_file_is_named(sshd: Sshd, fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"the SSH key .*/none does not exist"):
        fleet.to(sshd.host(key_file=tmp_path / "none"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"port": 1}, "127.0.0.1 port 1 refuses connections. Check that sshd runs there"),
        ({"address": "no-such-host.invalid"}, "no-such-host.invalid is unknown to DNS"),
    ],
)
def test_an_unreachable_host_gets_a_sentence(
    sshd: Sshd, fleet: Fleet, changes: dict[str, str | int], said: str
) -> None:
    with pytest.raises(HostError, match=said):
        fleet.to(sshd.host("alpha", **changes))


def test_jumps_through_a_bastion(sshd: Sshd, start_sshd: Callable[..., Sshd], fleet: Fleet) -> None:
    inner = start_sshd()
    result = fleet.to(inner.host("inner", jump="bastion")).run("echo $SSH_CONNECTION")
    assert result.stdout.split()[3] == str(inner.port)
    assert str(inner.port) not in sshd.log.read_text()


def test_many_connects_to_an_sshd_that_refuses_more_than_two(
    start_sshd: Callable[..., Sshd],
) -> None:
    timid = start_sshd("MaxStartups 3:100:3")
    with Fleet([], Redactor()) as fleet:
        hosts = [timid.host(f"host-{n}") for n in range(12)]
        answers = fleet.all(hosts, lambda c: c.run("echo hello").stdout)
    assert list(answers.values()) == ["hello\n"] * 12


def test_one_lost_host_leaves_the_others_alone(sshd: Sshd, fleet: Fleet) -> None:
    hosts = [sshd.host("good"), sshd.host("bad", port=1)]
    answers = fleet.each(hosts, lambda c: c.run("echo hello").stdout)
    assert answers["good"] == "hello\n"
    assert isinstance(answers["bad"], HostError)
    with pytest.raises(OperatorError, match=r"^bad: "):
        fleet.all(hosts, lambda c: c.run("true"))


def test_uploads_with_mode_and_replaces(sshd: Sshd, fleet: Fleet, tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "it's.conf"
    for content in (b"first", os.urandom(300_000)):
        fleet.to(sshd.host()).upload(str(target), content, mode=0o640)
        assert target.read_bytes() == content
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(target.parent) == [target.name]


def test_a_full_disk_leaves_the_old_file(sshd: Sshd, fleet: Fleet, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        connection = fleet.to(sshd.host())
        connection.upload(f"{tmp_path}/file", b"old")
        with pytest.raises(CommandFailed, match=r"alpha: `write .*/file` failed.*No space left"):
            connection.upload(f"{tmp_path}/file", b"n" * 1_000_000)
        assert (tmp_path / "file").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["file"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_secrets_are_in_no_message(sshd: Sshd) -> None:
    redact = Redactor()
    redact.hide("correct-horse")
    with Fleet([], redact) as fleet, pytest.raises(CommandFailed) as failure:
        fleet.to(sshd.host()).run("echo mysql://shop:hunter2@db correct-horse >&2; false")
    assert "•••" in str(failure.value)
    assert not any(s in str(failure.value) for s in ("hunter2", "correct-horse"))


def test_what_the_users_shell_prints_is_no_part_of_an_answer(
    start_sshd: Callable[..., Sshd],
) -> None:
    loud = start_sshd(
        "ForceCommand bash -c 'echo Welcome; echo noise >&2; eval \"$SSH_ORIGINAL_COMMAND\"'"
    )
    said: list[str] = []
    with Fleet([], Redactor()) as fleet:
        result = fleet.to(loud.host()).run("echo out; echo err >&2", echo=said.append)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
    assert "".join(said) == "out\n"


def test_a_script_is_written_so_that_any_shell_reads_it() -> None:
    made = in_bash("echo 'one'\necho two!")
    assert "\n" not in made
    assert "!" not in made


def test_a_key_file_that_cannot_be_used_says_what_it_is(
    sshd: Sshd, fleet: Fleet, tmp_path: Path
) -> None:
    make_key(tmp_path / "mine")
    (tmp_path / "putty").write_text("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n")
    (tmp_path / "empty").touch()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ecdsa", "-m", "PKCS8", "-N", "", "-f", tmp_path / "pkcs8"],
        check=True,
    )
    text = sshd.client_key.read_text()
    (tmp_path / "cut").write_text(text[:150])
    (tmp_path / "exported").write_text(f"Bag Attributes\n{text}")
    for name, said in {
        "cut": r"cut cannot be read as a private SSH key \(.*: ssh-keygen -p -f .*/cut",
        "exported": r"exported cannot be read .*nothing may stand before it",
        "mine.pub": r"mine\.pub is no private SSH key\. .* without \.pub",
        "empty": "empty is no private SSH key",
        "putty": r"putty is a key of PuTTY's\. .*: puttygen .*/putty -O private-openssh -o",
        "pkcs8": r"pkcs8 cannot be read as a private SSH key \(.*: ssh-keygen -p -f .*/pkcs8",
        ".": r"is a folder. Name the file",
    }.items():
        with pytest.raises(HostError, match=f"alpha: .*{said}"):
            fleet.to(sshd.host(key_file=tmp_path / name))


def test_a_host_that_shares_no_algorithm_is_said_as_such(start_sshd: Callable[..., Sshd]) -> None:
    strict = start_sshd("KexAlgorithms sntrup761x25519-sha512@openssh.com")
    with (
        Fleet([], Redactor()) as fleet,
        pytest.raises(HostError, match=r"share no algorithm .*kex.*sshd_config .*curve25519"),
    ):
        fleet.to(strict.host())


def test_a_port_where_something_else_speaks_is_said_as_such(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, Fleet([], Redactor()) as fleet:
        fleet.hurry(0.5)
        port = silent.getsockname()[1]
        with pytest.raises(HostError, match=rf"port {port} is open, but no SSH server speaks"):
            fleet.to(sshd.host(port=port))


def test_a_slow_directory_of_users_is_no_refusal(sshd: Sshd) -> None:
    said = explain(sshd.host(), paramiko.AuthenticationException("Authentication timeout."), None)
    assert "does not say in time whether it lets" in said
    assert "refuses" not in said


def test_an_address_of_ip_version_6_will_do(start_sshd: Callable[..., Sshd]) -> None:
    six = start_sshd("ListenAddress ::1")
    with Fleet([], Redactor()) as fleet:
        assert fleet.to(six.host(address="::1")).run("echo in").stdout == "in\n"


def test_a_bastion_that_forwards_nothing_is_named(
    sshd: Sshd, start_sshd: Callable[..., Sshd]
) -> None:
    shut = start_sshd("AllowTcpForwarding no")
    with (
        Fleet([shut.jump()], Redactor()) as fleet,
        pytest.raises(
            HostError, match=r"bastion: .*forwards nothing.*AllowTcpForwarding.*PermitOpen"
        ),
    ):
        fleet.to(sshd.host(jump="bastion"))


def test_nobody_reads_what_is_printed(sshd: Sshd, fleet: Fleet) -> None:
    """As with `logs --follow | head`: the end, and no error of the host's."""

    def closed(text: str) -> None:
        raise BrokenPipeError

    started = time.monotonic()
    with pytest.raises(BrokenPipeError):
        fleet.to(sshd.host()).run("while sleep 0.1; do echo line; done", timeout=30, echo=closed)
    assert time.monotonic() - started < 10


def test_a_command_out_of_time_is_told_with_its_last_words(sshd: Sshd, fleet: Fleet) -> None:
    with pytest.raises(HostError, match=r"was ended: still downloading"):
        fleet.to(sshd.host()).run("echo still downloading; sleep 60", timeout=4)


def test_ctrl_c_ends_at_once_and_says_what_goes_on(sshd: Sshd) -> None:
    program = f"""
import signal
import socket
signal.signal(signal.SIGINT, signal.default_int_handler)
from provisioning.inventory import Host
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
host = Host.model_validate_json({sshd.host().model_dump_json()!r})
with Fleet([], Redactor()) as fleet:
    fleet.each([host], lambda c: (print("begun", flush=True), c.run("sleep 25")))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert time.monotonic() - started < 5
    assert "goes on there to its end; run the same command again" in said
