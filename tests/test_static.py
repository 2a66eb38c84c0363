"""Vendored files are what their authors published."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[1] / "bookstore/static/vendor"
ENTRIES = json.loads((VENDOR / "VENDOR.json").read_text())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["package"]))
def test_a_vendored_file_has_its_checksum_and_licence(entry: dict[str, str]) -> None:
    digest = hashlib.sha384((VENDOR / entry["file"]).read_bytes()).digest()
    assert base64.b64encode(digest).decode() == entry["sha384"]
    assert (VENDOR / entry["license_file"]).read_text().strip()


def test_nothing_is_vendored_unlisted() -> None:
    listed = {entry[key] for entry in ENTRIES for key in ("file", "license_file")}
    found = {
        str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDOR.json"
    }  # fmt: skip
    assert found == listed
