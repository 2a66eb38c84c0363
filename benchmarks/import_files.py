"""Time `bookstore import` of a seller's file of any size, on SQLite and on MariaDB: into an empty
catalogue, and the same file again.

python -m benchmarks.import_files --rows 200000
"""

import argparse
import csv
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bookstore.migrations import migrate
from bookstore.settings import load_settings
from tests.support.mariadb import MariaDB, NotInstalled

_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so")
_GRADES = ("As New", "Fine", "VG+", "Very Good", "Good", "Used - Acceptable")
_TEXT = "Bound in cloth, a few pencil marks, the spine a little faded; sent in a sturdy box. "
_SECRET = "a secret of the benchmark, longer than thirty-two characters"  # noqa: S105 - invented


def main() -> int:
    """Write the file, import it twice on each engine and print the table."""
    parser = argparse.ArgumentParser(prog="import_files", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows (default 10,000)")
    options = parser.parse_args()
    print(f"{options.rows:,} rows{'':<12}{'first':>9}{'again':>9}{'memory':>10}")
    with tempfile.TemporaryDirectory(prefix="bookstore-import-") as name:
        folder = Path(name)
        write(folder / "books.csv", options.rows)
        _measure("SQLite", f"sqlite:///{folder}/shop.db", folder)
        try:
            with MariaDB.start() as server:
                _measure("MariaDB", server.create_database("shop"), folder)
        except NotInstalled as reason:
            print(reason, file=sys.stderr)
            return 2
    return 0


def write(path: Path, rows: int) -> None:
    """Write a file such as a seller has, the same one each time."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["SKU", "Title", "Author", "ISBN", "Price", "Condition", "Quantity", "Year", "Language",
             "Category", "Description", "Publisher", "Binding"]
        )  # fmt: skip
        writer.writerows(_rows(rows))


def _rows(rows: int) -> Iterator[list[object]]:
    chance = random.Random(1605)  # noqa: S311 - repeatable, no secret

    def word(syllables: int) -> str:
        return "".join(chance.choices(_SYLLABLES, k=syllables)).capitalize()

    for number in range(rows):
        yield [
            f"A-{number}", " ".join(word(3) for _ in range(3)), f"{word(2)} {word(3)}",
            _isbn(number) if number % 4 else "", f"{chance.randint(200, 4000) / 100:.2f}",
            chance.choice(_GRADES), chance.randint(1, 3), chance.randint(1900, 2024), "English",
            "Fiction", _TEXT * chance.randint(1, 3), word(3), "Hardcover",
        ]  # fmt: skip


def _isbn(number: int) -> str:
    digits = f"978{number:09}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def _measure(engine: str, url: str, folder: Path) -> None:
    migrate(load_settings(database_url=url, secret_key=_SECRET, media_dir=folder))
    first = _run(url, folder)
    again = _run(url, folder)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{engine:<21}{first:>7.1f} s{again:>7.1f} s{most:>7.0f} MB", flush=True)


def _run(url: str, folder: Path) -> float:
    environment = {
        **os.environ,
        "BOOKSTORE_DATABASE_URL": url,
        "BOOKSTORE_SECRET_KEY": _SECRET,
        "BOOKSTORE_MEDIA_DIR": str(folder),
    }
    begin = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "bookstore", "import", folder / "books.csv", "--seller-id", "1",
         "--seller-name", "A seller"],
        env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.monotonic() - begin


if __name__ == "__main__":
    sys.exit(main())
