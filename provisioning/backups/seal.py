"""Seal what streams by: compressed, then encrypted with age for those who may open it."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

import pyrage

from provisioning.errors import OperatorError

Write = Callable[[bytes], object]
LEVEL = 3  # of compression: a dump shrinks to a fifth, and the network is the slower one


@contextmanager
def sealed(file: Path, recipients: tuple[str, ...]) -> Iterator[Write]:
    """Yield what takes bytes; they are in the file, sealed, when the block ends."""
    keys = [pyrage.x25519.Recipient.from_str(key) for key in recipients]
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def encrypt() -> None:
        try:
            with os.fdopen(reading, "rb") as source, file.open("wb") as target:
                pyrage.encrypt_io(source, target, keys)
                target.flush()
                os.fsync(target.fileno())
        except BaseException as error:
            failed.append(error)

    worker = threading.Thread(target=encrypt)
    worker.start()
    try:
        with os.fdopen(writing, "wb") as pipe, gzip.GzipFile("", "wb", LEVEL, pipe, 0) as packed:
            yield packed.write
    finally:
        worker.join()
    if failed:
        raise OperatorError(f"{file} cannot be written: {failed[0]}.")


@contextmanager
def opened(file: Path, identity: Path | None) -> Iterator[BinaryIO]:
    """Yield what was sealed, to be read."""
    key = identity_in(identity)
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def decrypt() -> None:
        try:
            with file.open("rb") as source, os.fdopen(writing, "wb") as target:
                pyrage.decrypt_io(source, target, [key])
        except BrokenPipeError:
            pass  # whoever reads has had enough
        except BaseException as error:
            failed.append(error)

    worker = threading.Thread(target=decrypt)
    worker.start()
    try:
        with (
            suppress(EOFError),  # said below: what could not be opened ends early
            os.fdopen(reading, "rb") as pipe,
            gzip.GzipFile("", "rb", fileobj=pipe) as plain,
        ):
            yield cast(BinaryIO, plain)
    finally:
        worker.join()
    if failed:
        raise OperatorError(
            f"{file.name} cannot be opened with the key of {identity} ({failed[0]}). It was sealed "
            "for another, or is damaged."
        )


def identity_in(path: Path | None) -> pyrage.x25519.Identity:
    """Read the private key from a file as age-keygen writes it."""
    if path is None:
        raise OperatorError(
            "To open a backup, name the file with the private key as identity_file under [backup]."
        )
    try:
        lines = path.read_text(encoding="utf-8").split()
        text = next(word for word in lines if word.startswith("AGE-SECRET-KEY-"))
        return pyrage.x25519.Identity.from_str(text)
    except (OSError, StopIteration, pyrage.IdentityError):
        raise OperatorError(
            f"{path} holds no private key of age (a line AGE-SECRET-KEY-…)."
        ) from None
