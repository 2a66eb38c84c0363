"""Say in a sentence why a host could not be reached over SSH, and what to do."""

from __future__ import annotations

import base64
import errno
import hashlib
import re
import socket
from pathlib import Path

import paramiko

from provisioning.inventory import Endpoint, Jump


class UnreadableKeyError(paramiko.SSHException):
    """The key file holds nothing that can be used; the message says what is to be done."""


def check_key(path: Path) -> None:
    """Refuse a file that cannot hold a private key; one with a passphrase may be in the agent."""
    if path.is_dir():
        raise UnreadableKeyError(f"{path} is a folder. Name the file in it as key_file.")
    content = path.read_bytes()
    if content.startswith(b"PuTTY-User-Key-File"):
        raise UnreadableKeyError(
            f"{path} is a key of PuTTY's. Make one of OpenSSH's from it: puttygen {path} "
            f"-O private-openssh -o {path}.openssh"
        )
    if b"PRIVATE KEY" not in content:
        raise UnreadableKeyError(
            f"{path} is no private SSH key. Name the private one as key_file, without .pub."
        )
    try:
        paramiko.PKey.from_path(path)
    except TypeError:
        pass  # it has a passphrase, and may be in the agent
    except (ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        raise UnreadableKeyError(
            f"{path} cannot be read as a private SSH key ({str(error).partition('. ')[0]}). Write "
            f"it anew in OpenSSH's format: ssh-keygen -p -f {path}; nothing may stand before it."
        ) from None


def fingerprint(key: paramiko.PKey) -> str:
    """Return a key's SHA256 fingerprint as ssh-keygen -l prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def passing(error: Exception) -> bool:
    """Tell whether time may heal it."""
    if isinstance(
        error,
        paramiko.AuthenticationException
        | paramiko.BadHostKeyException
        | FileNotFoundError
        | PermissionError
        | UnreadableKeyError
        | paramiko.ssh_exception.IncompatiblePeer,
    ):
        return False
    if isinstance(error, EOFError | ConnectionError):
        return True
    if isinstance(error, OSError) and error.errno == errno.EHOSTUNREACH:
        return True
    return isinstance(error, paramiko.SSHException) and "known_hosts" not in str(error)


def explain(host: Endpoint, error: Exception, jump: Jump | None) -> str:
    """Say in a sentence why a host could not be reached and what to do."""
    where = f"{host.address} port {host.port}" + (f" (through {jump.name})" if jump else "")
    match error:
        case paramiko.BadHostKeyException():
            return (
                f"{where} shows the host key {fingerprint(error.key)}, not the pinned "
                f"{fingerprint(error.expected_key)}. Somebody may be listening in, or the host was "
                "set up anew: compare with its console log, and only then change host_key in the "
                "inventory."
            )
        case paramiko.PasswordRequiredException():
            return f"the SSH key {host.key_file} has a passphrase: add it with ssh-add first."
        case paramiko.AuthenticationException() if "timeout" in str(error).lower():
            return (
                f"{where} does not say in time whether it lets {host.user} in. Often a name server "
                "or a directory of users is in its way: see how long ssh takes there."
            )
        case paramiko.AuthenticationException():
            return (
                f"{where} refuses the key {host.key_file} for the user {host.user}. Check the "
                "user, and that ~/.ssh/authorized_keys there holds the public key, not expired."
            )
        case socket.gaierror():
            return f"the address {host.address} is unknown to DNS. Correct it in the inventory."
        case UnreadableKeyError():
            return str(error)
        case PermissionError():
            return f"the SSH key {host.key_file} cannot be read by you."
        case FileNotFoundError():
            return f"the SSH key {host.key_file} does not exist."
        case ConnectionRefusedError() if jump is None:
            return (
                f"{where} refuses connections. Check that sshd runs there, and that the port is "
                "the one in the inventory."
            )
        case TimeoutError():
            return (
                f"{where} does not answer. Check that the host is up and that its firewall or "
                "security group lets you in."
            )
        case paramiko.ssh_exception.IncompatiblePeer():
            return (
                f"{where} and this tool share no algorithm ({error}). Allow in sshd_config there "
                "what OpenSSH allows by default, curve25519-sha256@libssh.org and aes256-ctr at "
                "least."
            )
        case paramiko.SSHException() if re.search("banner|No existing session", str(error)):
            return (
                f"{where} is open, but no SSH server speaks there. Correct the port in the "
                "inventory; if it is right, sshd there is overloaded, or refuses your address."
            )
        case paramiko.SSHException() if "known_hosts" in str(error):
            return f"{where} has no ed25519 host key, so the pinned one cannot be checked."
        case _:
            why = str(error) or type(error).__name__
            return (
                f"{where} cannot be reached over SSH ({why}). Check that the host is up and sshd "
                "runs there."
            )
