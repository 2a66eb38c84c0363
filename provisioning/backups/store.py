"""Where backups are kept: a folder, or a bucket of S3."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from provisioning.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


DAY = 86400.0  # seconds after which what was begun and not ended is no longer waited for


class Store(Protocol):
    """Files by name; a name may hold slashes. A file is there whole, or not at all."""

    def put(self, name: str, file: Path) -> None:
        """Keep a file."""

    def get(self, name: str, file: Path) -> None:
        """Write what is kept under a name to a file."""

    def names(self) -> dict[str, float]:
        """Return what is kept, and when each was put there (seconds since 1970)."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete what is no longer wanted."""


class Folder:
    """A folder of this machine, for instance on a disk that is taken elsewhere."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, file: Path) -> None:
        """Keep a file."""
        target = self._root / name
        self._sweep()
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(file, part)
        _onto_disk(part)
        part.replace(target)
        for folder in (target.parent, self._root):
            _onto_disk(folder)

    def get(self, name: str, file: Path) -> None:
        """Write what is kept under a name to a file."""
        shutil.copyfile(self._root / name, file)

    def names(self) -> dict[str, float]:
        """Return what is kept, and since when."""
        files = (p for p in self._root.rglob("*") if p.is_file() and not p.name.startswith("."))
        return {str(p.relative_to(self._root)): p.stat().st_mtime for p in files}

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, and the folders that are empty then."""
        for name in names:
            self._remove(self._root / name)

    def _sweep(self) -> None:
        """Delete the parts that a power cut left; a name of such a kind is never read."""
        for part in self._root.glob("*/.*.part"):
            with suppress(FileNotFoundError):  # somebody else was quicker
                if part.stat().st_mtime < time.time() - DAY:
                    self._remove(part)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        if path.parent != self._root and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _onto_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Bucket:
    """A bucket of S3, or of what speaks like it (AWS_ENDPOINT_URL)."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def put(self, name: str, file: Path) -> None:
        """Keep a file."""
        self._client.upload_file(str(file), self._bucket, f"{self._prefix}{name}")

    def get(self, name: str, file: Path) -> None:
        """Write what is kept under a name to a file."""
        self._client.download_file(self._bucket, f"{self._prefix}{name}", str(file))

    def names(self) -> dict[str, float]:
        """Return what is kept, and since when."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        return {
            row["Key"].removeprefix(self._prefix): row["LastModified"].timestamp()
            for page in pages
            for row in page.get("Contents", [])
        }

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects."""
        for name in names:
            self._client.delete_object(Bucket=self._bucket, Key=f"{self._prefix}{name}")


class Told:
    """A store whose failures are sentences: whoever watches tries again."""

    def __init__(self, store: Store, place: str, errors: tuple[type[Exception], ...]) -> None:
        self._store = store
        self._place = place
        self._errors = errors

    def put(self, name: str, file: Path) -> None:
        """Keep a file."""
        with self._said(f"{name} could not be kept"):
            self._store.put(name, file)

    def get(self, name: str, file: Path) -> None:
        """Write what is kept under a name to a file."""
        with self._said(f"{name} could not be fetched"):
            self._store.get(name, file)

    def names(self) -> dict[str, float]:
        """Return what is kept, and since when."""
        with self._said("what is kept could not be listed"):
            return self._store.names()

    def delete(self, names: Iterable[str]) -> None:
        """Delete what is no longer wanted."""
        with self._said("what is outdated could not be deleted"):
            self._store.delete(names)

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise OperatorError(
                f"{self._place}: {what} ({error}). Check that the place is right, that you may "
                "write there, and that there is room."
            ) from None


def store_at(place: str) -> Store:
    """Return the store that a place names."""
    if not place.startswith("s3://"):
        return Told(Folder(Path(place)), place, (OSError,))
    try:
        import boto3  # only where backups go there
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise OperatorError("Backups in S3 need boto3: ./run installs it.") from None
    parts = urlsplit(place)
    errors = (Boto3Error, BotoCoreError, ClientError, OSError)
    return Told(Bucket(boto3.client("s3"), parts.netloc, parts.path.strip("/")), place, errors)
