"""Run commands on hosts over SSH: strict host keys, jump hosts, deadlines that hold, no leaks."""

from __future__ import annotations

import hashlib
import re
import secrets
import shlex
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import paramiko

from provisioning.errors import OperatorError
from provisioning.inventory import Endpoint
from provisioning.ssh.redaction import Redactor

CONNECT_TIMEOUT = 10.0  # seconds for TCP, then for the SSH banner, then for authentication
KILL_AFTER = 5  # seconds between SIGTERM and SIGKILL for a command that ran out of time
GRACE = 15.0  # seconds we wait beyond the remote deadline before calling the host lost
CHUNK = 65536
NO_SUDO = re.compile(
    r"sudo: a (password|terminal) is required|is not in the sudoers|may not run|sudo: command not"
)


class HostError(OperatorError):
    """One host could not be reached or would not do what was asked."""

    def __init__(self, host: str, problem: str) -> None:
        super().__init__(f"{host}: {problem}")
        self.host = host
        self.problem = problem


class CommandFailed(HostError):
    """A command ended with a status other than zero."""

    def __init__(self, host: str, result: Result, shown: str) -> None:
        said = (result.stderr.strip() or result.stdout.strip() or "it said nothing").splitlines()
        super().__init__(
            host, f"`{shown}` failed (status {result.status}): {' / '.join(said[-3:])}"
        )
        self.result = result


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    status: int
    stdout: str
    stderr: str
    raw: bytes = field(default=b"", repr=False)  # stdout as it came


class Connection:
    """An open SSH connection to one host."""

    def __init__(self, endpoint: Endpoint, client: paramiko.SSHClient, redact: Redactor) -> None:
        self.endpoint = endpoint
        self._client = client
        self.redact = redact

    @property
    def name(self) -> str:
        """Give the host's name."""
        return self.endpoint.name

    def run(
        self,
        command: str,
        *,
        sudo: bool = False,
        stdin: bytes = b"",
        timeout: float = 60,
        check: bool = True,
        shown: str = "",
        echo: Callable[[str], None] | None = None,
    ) -> Result:
        """Run a shell command and wait for it, at most `timeout` seconds.

        A command that runs out of time is ended on the host, not just given up on. `shown` stands
        for the command in messages. `echo` gets standard output while it arrives. Raises
        CommandFailed for a status other than zero unless `check` is off, HostError when the host is
        lost or the time is up.
        """
        shown = self.redact(shown or command)
        # `timeout` runs inside sudo: outside it could not end a process of root's.
        limited = f"timeout -k {KILL_AFTER} {timeout:g} bash -c {shlex.quote(command)}"
        started = time.monotonic()
        deadline = started + timeout + KILL_AFTER + GRACE
        try:
            channel = self._transport().open_session(timeout=CONNECT_TIMEOUT)
            with channel:
                channel.exec_command(f"sudo -n -- {limited}" if sudo else limited)
                result = self._exchange(channel, stdin, deadline, echo)
        except (OSError, EOFError, paramiko.SSHException) as error:
            self.close()
            raise HostError(
                self.name,
                f"the connection was lost during `{shown}` ({str(error) or type(error).__name__}). "
                "Check that the host is up, then run the same command again.",
            ) from None
        if result.status in (124, 137, -1) and time.monotonic() - started >= timeout:
            raise HostError(
                self.name, f"`{shown}` took longer than {timeout:g} seconds and was ended."
            )
        if sudo and result.status and NO_SUDO.search(result.stderr):
            user = self.endpoint.user
            raise HostError(
                self.name,
                f"the user {user} may not use sudo without a password. Put the line "
                f'"{user} ALL=(ALL) NOPASSWD: ALL" into /etc/sudoers.d/bookstore there.',
            )
        if check and result.status:
            raise CommandFailed(self.name, self._clean(result), shown)
        return result

    def ask(
        self, commands: Mapping[str, str], *, need: Collection[str] = (), shown: str = ""
    ) -> dict[str, str]:
        """Run many read-only commands as root in one go; return what each printed.

        One that fails has printed "", except where it is needed: there CommandFailed is raised.
        """
        shown = shown or "read the host's facts"
        edge = secrets.token_hex(8)
        script = "\n".join(
            f"echo {edge}; ( {command} ) 2>/dev/null; echo {edge} $?"
            for command in commands.values()
        )
        out = self.run(f"{script}\ntrue", sudo=True, timeout=60, shown=shown).stdout
        answers = re.findall(rf"{edge}\n(.*?){edge} (\d+)\n", out, re.DOTALL)
        if len(answers) != len(commands):
            raise HostError(self.name, "its facts came back incomplete. Run the command again.")
        for (name, command), (text, status) in zip(commands.items(), answers, strict=True):
            if name in need and status != "0":
                raise CommandFailed(self.name, Result(int(status), text, ""), self.redact(command))
        return dict(zip(commands, (text for text, _ in answers), strict=True))

    def upload(self, path: str, content: bytes, *, mode: int = 0o644, sudo: bool = False) -> None:
        """Write a file whole or not at all: readers see the old content or the new, never a part.

        The content travels on standard input, so it is in no argument list.
        """
        folder, _, name = path.rpartition("/")
        part = f"{folder}/.{name}.{secrets.token_hex(6)}"
        digest = hashlib.sha256(content).hexdigest()
        quoted = shlex.quote(part)
        self.run(
            f"umask 077; mkdir -p {shlex.quote(folder)} && cat > {quoted} && "
            f"echo '{digest}  '{quoted} | sha256sum --status -c - && chmod {mode:o} {quoted} && "
            f"mv -fT {quoted} {shlex.quote(path)} || {{ rm -f {quoted}; exit 1; }}",
            sudo=sudo,
            stdin=content,
            timeout=120,
            shown=f"write {path}",
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def converse(self, command: str) -> paramiko.Channel:
        """Start a command as root and give its streams; it ends when the channel closes."""
        try:
            channel = self._transport().open_session(timeout=CONNECT_TIMEOUT)
            channel.settimeout(CONNECT_TIMEOUT)
            channel.exec_command(f"sudo -n -- bash -c {shlex.quote(command)}")
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise HostError(self.name, f"no command can be started there ({error}).") from None
        return channel

    @property
    def is_open(self) -> bool:
        """Tell whether the connection still stands, as far as this side knows."""
        transport = self._client.get_transport()
        return transport is not None and transport.is_active()

    def channel_to(self, address: str, port: int) -> paramiko.Channel:
        """Open a stream through this host to a port that it reaches."""
        try:
            channel = self._transport().open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=CONNECT_TIMEOUT
            )
        except paramiko.ChannelException as error:
            raise ConnectionRefusedError(f"{self.name} cannot open it: {error.text}") from None
        channel.settimeout(CONNECT_TIMEOUT)
        return channel

    def _transport(self) -> paramiko.Transport:
        transport = self._client.get_transport()
        if transport is None or not transport.is_active():
            raise paramiko.SSHException("not connected")
        return transport

    def _exchange(
        self,
        channel: paramiko.Channel,
        stdin: bytes,
        deadline: float,
        echo: Callable[[str], None] | None,
    ) -> Result:
        """Feed standard input and drain both streams at once (one after the other deadlocks)."""
        out: list[bytes] = []
        err: list[bytes] = []
        lost: list[Exception] = []

        def drain(receive: Callable[[int], bytes], into: list[bytes]) -> None:
            try:
                while chunk := receive(CHUNK):
                    into.append(chunk)
                    if echo and into is out:
                        echo(self.redact(chunk.decode("utf-8", "replace")))
            except OSError as error:
                lost.append(error)

        channel.settimeout(max(deadline - time.monotonic(), 1))
        readers = [
            threading.Thread(target=drain, args=pair, daemon=True)
            for pair in ((channel.recv, out), (channel.recv_stderr, err))
        ]
        for reader in readers:
            reader.start()
        try:
            channel.sendall(stdin)
        except OSError:
            # The command ended without reading its input; its status says more than we could.
            if not channel.closed and not channel.eof_received:
                raise
        if not channel.closed:
            channel.shutdown_write()
        for reader in readers:
            reader.join(max(deadline - time.monotonic(), 0.1))
        if lost or any(r.is_alive() for r in readers):
            raise TimeoutError("no answer in time")
        if not channel.status_event.wait(max(deadline - time.monotonic(), 1)):
            raise TimeoutError("no exit status in time")
        if channel.exit_status == -1 and not self.is_open:
            raise EOFError("the host hung up")
        raw = b"".join(out)
        return Result(
            channel.exit_status,
            raw.decode("utf-8", "replace"),
            b"".join(err).decode("utf-8", "replace"),
            raw,
        )

    def _clean(self, result: Result) -> Result:
        return Result(result.status, self.redact(result.stdout), self.redact(result.stderr))
