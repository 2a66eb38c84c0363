"""Run commands on hosts over SSH: strict host keys, jump hosts, deadlines that hold, no leaks."""

from __future__ import annotations

import hashlib
import io
import re
import secrets
import shlex
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import paramiko

from provisioning.errors import OperatorError
from provisioning.inventory import Endpoint
from provisioning.ssh.beginning import SILENT, BetweenMarks, last_words, not_begun, slow_to_begin
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.scripts import FRAME, WHOLE, frame, framed, in_bash, whole

CONNECT_TIMEOUT = 10.0  # seconds until a host answers
SPEAK_TIMEOUT = 30.0  # seconds until its sshd speaks, then until it lets us in: it may be busy
BEGIN = 60.0  # seconds until a command begins: sudo may wait for a name server first
KILL_AFTER = 5  # seconds between SIGTERM and SIGKILL for a command that ran out of time
GRACE = 15.0  # seconds we wait beyond the remote deadline before calling the host lost
CHUNK = 65536
FENCED = 97  # the status of a command that the lock no longer lets run
LOST = (
    "The lock was lost: this machine was asleep or cut off for longer than the hosts wait, and "
    "another operator may be at work. Nothing more was changed. Look at ./run ops audit, then run "
    "the same command again."
)
# Whatever the user's own settings are: what is said is in English, and what is run is the program
# and no function or alias of that name.
PLAIN = "env LC_ALL=C.UTF-8 LANGUAGE=en"


class HostError(OperatorError):
    """One host could not be reached or would not do what was asked."""

    def __init__(self, host: str, problem: str) -> None:
        super().__init__(f"{host}: {problem}")
        self.host = host
        self.problem = problem


class LockLost(OperatorError):
    """Another operator may be at work: whoever lost the lock stops, and undoes nothing."""


class NothingBeganError(Exception):
    """A host took a command, and has not begun with it."""


class UnreadError(Exception):
    """What a command is to be fed cannot be read."""

    def __init__(self, why: Exception) -> None:
        super().__init__(str(why))
        self.why = why


class CommandFailed(HostError):
    """A command ended with a status other than zero."""

    def __init__(self, host: str, result: Result, shown: str) -> None:
        words = last_words(result.stdout, result.stderr) or SILENT
        super().__init__(host, f"`{shown}` failed (status {result.status}){words}")
        self.result = result


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    status: int
    stdout: str
    stderr: str
    raw: bytes = field(default=b"", repr=False)  # stdout as it came
    begun: bool = True  # False where a shell or sudo ended before it


Fence = Callable[[str], str]  # what must hold on a host before a command may run there


class Connection:
    """An open SSH connection to one host."""

    def __init__(
        self,
        endpoint: Endpoint,
        client: paramiko.SSHClient,
        redact: Redactor,
        fence: Fence = lambda host: "",
    ) -> None:
        self.endpoint = endpoint
        self._client = client
        self.redact = redact
        self._fence = fence

    @property
    def name(self) -> str:
        """Return the host's name."""
        return self.endpoint.name

    def run(
        self,
        command: str,
        *,
        sudo: bool = False,
        stdin: bytes | BinaryIO = b"",
        timeout: float = 60,
        check: bool = True,
        shown: str = "",
        echo: Callable[[str], None] | None = None,
        sink: Callable[[bytes], object] | None = None,
        fenced: bool = True,
    ) -> Result:
        """Run a shell command and wait for it, at most `timeout` seconds.

        A command that runs out of time is ended on the host, not just given up on. `shown` stands
        for the command in messages. `echo` gets standard output while it arrives; `sink`
        takes it away, where it is too large to be kept, as `stdin` may be a file. Up to
        scripts.WHOLE bytes are fed whole or not at all; of more, or of a file, a command that was
        not given all is killed and never sees an end. Whether a lock still holds is asked there
        last, right before the command. Raises CommandFailed for a status other than zero unless
        `check` is off, HostError when the host is lost or the time is up, LockLost when a lock was
        taken and is lost; what reading a file raises, as it is.
        """
        shown = _in_a_line(self.redact(shown or command))
        if fenced and sudo and (condition := self._fence(self.name)):
            command = f"{condition} || exit {FENCED}\n{command}"
        if isinstance(stdin, bytes) and len(stdin) <= WHOLE:
            if stdin:
                command, stdin = whole(command, stdin)
        else:
            command = framed(command)
            stdin = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
        # Whatever the user's own shell prints when it starts comes before the first mark, and
        # what it prints when it ends behind the second, with which the command's status is.
        code = secrets.token_hex(8)
        begin, end = f"begun-{code}", f"ended-{code}"
        # `timeout` runs inside sudo: outside it could not end a process of root's. The shell
        # around it says nothing of its own.
        marked = (
            f"echo {begin}; echo {begin} >&2; exec 3>&2 2>/dev/null; "
            f"timeout -k {KILL_AFTER} {timeout:g} {in_bash(command)} 2>&3 3>&-; ended=$?; "
            f"echo {end} $ended; echo {end} >&3; exit $ended"
        )
        started = time.monotonic()
        try:
            with self._session() as channel:
                channel.exec_command(f"{PLAIN} {self._root() if sudo else ''}{in_bash(marked)}")
                out = BetweenMarks(f"{begin}\n".encode(), f"{end} ".encode(), keep=sink is None)
                err = BetweenMarks(f"{begin}\n".encode(), f"{end}\n".encode())
                result = self._exchange(channel, stdin, timeout, echo, sink, out, err)
        except BrokenPipeError:
            raise
        except UnreadError as failed:
            raise failed.why from None
        except NothingBeganError:
            self.close()
            raise HostError(self.name, slow_to_begin(self.endpoint, shown, BEGIN)) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            self.close()
            raise HostError(
                self.name,
                f"the connection was lost during `{shown}` ({str(error) or type(error).__name__}). "
                "Check that the host is up, then run the same command again.",
            ) from None
        if not result.begun:
            said = self._clean(result)
            words = f"status {said.status}{last_words(said.stdout, said.stderr) or SILENT}"
            why = not_begun(self.endpoint, shown, words, said.stderr if sudo else "")
            raise HostError(self.name, why)
        if result.status in (124, 137, -1) and time.monotonic() - started >= timeout:
            raise HostError(
                self.name,
                f"`{shown}` took longer than {timeout:g} seconds and was ended"
                f"{self._last_words(result)}.",
            )
        if result.status == FENCED and fenced and sudo and self._fence(self.name):
            raise LockLost(LOST)
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
            f"echo {edge}; ( {command} ){'' if name in need else ' 2>/dev/null'}; echo {edge} $?; "
            f"echo {edge} >&2"
            for name, command in commands.items()
        )
        result = self.run(f"{script}\ntrue", sudo=True, timeout=60, shown=shown)
        out, complaints = result.stdout, result.stderr.split(f"{edge}\n")
        answers = re.findall(rf"{edge}\n(.*?){edge} (\d+)\n", out, re.DOTALL)
        if len(answers) != len(commands):
            raise HostError(self.name, "its facts came back incomplete. Run the command again.")
        for name, (text, status), said in zip(commands, answers, complaints, strict=False):
            if name in need and status != "0":
                failed = self._clean(Result(int(status), text, said))
                raise CommandFailed(self.name, failed, f"{shown}: {name}")
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

    def converse(self, command: str, timeout: float) -> paramiko.Channel:
        """Start a command as root and return its streams; it ends when the channel closes."""
        try:
            channel = self._session()
            channel.settimeout(timeout)
            channel.exec_command(f"{PLAIN} {self._root()}{in_bash(command)}")
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise HostError(self.name, f"no command can be started there ({error}).") from None
        return channel

    def _root(self) -> str:
        """Return what comes before a command for it to run as root."""
        return "" if self.endpoint.user == "root" else "sudo -n -- "

    def _session(self) -> paramiko.Channel:
        try:
            return self._transport().open_session(timeout=CONNECT_TIMEOUT)
        except paramiko.ChannelException as error:
            raise HostError(
                self.name,
                f"sshd there allows no further session ({error.text}). Raise MaxSessions in its "
                "sshd_config (10 is usual).",
            ) from None

    @property
    def is_open(self) -> bool:
        """Tell whether the connection still stands, as far as this side knows."""
        transport = self._client.get_transport()
        return transport is not None and transport.is_active()

    def channel_to(
        self, address: str, port: int, timeout: float = CONNECT_TIMEOUT
    ) -> paramiko.Channel:
        """Open a stream through this host to a port that it reaches."""
        try:
            channel = self._transport().open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout
            )
        except paramiko.ChannelException as error:
            if error.code == paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED:
                raise HostError(
                    self.name,
                    f"sshd on {self.name} forwards nothing to {address} port {port}. Let it, with "
                    "AllowTcpForwarding yes, and PermitOpen any, in its sshd_config.",
                ) from None
            raise ConnectionRefusedError(f"{self.name} cannot open it: {error.text}") from None
        except paramiko.SSHException as error:
            raise TimeoutError(f"{self.name} does not get through: {error}") from None
        channel.settimeout(timeout)
        return channel

    def _transport(self) -> paramiko.Transport:
        transport = self._client.get_transport()
        if transport is None or not transport.is_active():
            raise paramiko.SSHException("not connected")
        return transport

    def _exchange(
        self,
        channel: paramiko.Channel,
        stdin: bytes | BinaryIO,
        timeout: float,
        echo: Callable[[str], None] | None,
        sink: Callable[[bytes], object] | None,
        out: BetweenMarks,
        err: BetweenMarks,
    ) -> Result:
        """Feed standard input and drain both streams at once (one after the other deadlocks).

        Nothing is fed before the command has begun: what else is there might take it for commands.
        """
        lost: list[Exception] = []
        unheard: list[Exception] = []
        unkept: list[OSError] = []

        def drain(receive: Callable[[int], bytes], into: BetweenMarks) -> None:
            try:
                while chunk := receive(CHUNK):
                    fresh = into.add(chunk)
                    if sink and into is out and fresh and not unkept:
                        try:
                            sink(fresh)
                        except OSError as error:  # this machine's disk is full, for instance
                            unkept.append(error)
                            channel.close()
                    if echo and into is out and fresh and not unheard:
                        try:
                            echo(self.redact(fresh.decode("utf-8", "replace")))
                        except OSError as error:  # nobody reads what we print any more
                            unheard.append(error)
                            channel.close()
            except (OSError, EOFError, paramiko.SSHException) as error:
                lost.append(error)
            finally:
                into.settled.set()

        channel.settimeout(BEGIN + timeout + KILL_AFTER + GRACE)
        readers = [
            threading.Thread(target=drain, args=pair, daemon=True)
            for pair in ((channel.recv, out), (channel.recv_stderr, err))
        ]
        for reader in readers:
            reader.start()
        if not stdin:
            channel.shutdown_write()
        if not out.settled.wait(BEGIN):
            raise NothingBeganError
        deadline = time.monotonic() + timeout + KILL_AFTER + GRACE
        try:
            for piece in _pieces(stdin) if out.found else ():
                channel.sendall(piece)
        except OSError:
            # The command ended without reading its input; its status says more than we could.
            if not channel.closed and not channel.eof_received:
                raise
        if not channel.closed:
            channel.shutdown_write()
        for reader in readers:
            reader.join(max(deadline - time.monotonic(), 0.1))
        if unheard:
            raise BrokenPipeError
        if unkept:
            why = unkept[0].strerror or unkept[0]
            raise HostError(self.name, f"what it sent cannot be kept on this machine: {why}.")
        if lost and not isinstance(lost[0], TimeoutError):
            raise EOFError("the host hung up")
        if lost or any(r.is_alive() for r in readers):
            raise TimeoutError("no answer in time")
        if not channel.status_event.wait(max(deadline - time.monotonic(), 1)):
            raise TimeoutError("no exit status in time")
        if channel.exit_status == -1 and not self.is_open:
            raise EOFError("the host hung up")
        raw = out.content()
        told = re.match(rb"(\d+)\n", out.after or b"")
        return Result(
            int(told[1]) if told else channel.exit_status,
            raw.decode("utf-8", "replace"),
            err.content().decode("utf-8", "replace"),
            raw,
            out.found,
        )

    def _last_words(self, result: Result) -> str:
        return self.redact(last_words(result.stdout, result.stderr))

    def _clean(self, result: Result) -> Result:
        out, err = self.redact(result.stdout), self.redact(result.stderr)
        return replace(result, stdout=out, stderr=err, raw=b"")


def _pieces(stdin: bytes | BinaryIO) -> Iterator[bytes]:
    """Cut what a command is fed into what is sent at once."""
    if isinstance(stdin, bytes):
        yield stdin
        return
    chunk = b" "
    while chunk:
        try:
            chunk = stdin.read(FRAME)
        except Exception as error:
            raise UnreadError(error) from error
        yield frame(chunk)


def _in_a_line(command: str) -> str:
    first, more, _ = command.strip().partition("\n")
    return f"{first} …" if more else first
