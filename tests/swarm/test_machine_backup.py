"""How machine.sh backs up and restores; docker and MySQL's programs are stand-ins here."""

import gzip
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "swarm" / "machine.sh"
DUMP = "CREATE TABLE books (id INT);\n-- Dump completed on 2026-11-26\n"
# "docker compose run" and "exec" carry their command out here, on a folder of covers of its own.
PROGRAMS = {
    "id": "echo 0",
    "mysqldump": 'cat "$HERE/dump"',
    "mysql": 'case "$*" in *SHOW*) cat "$HERE/tables" ;; *) cat >"$HERE/loaded" ;; esac',
    "tar": f'{shutil.which("tar")} "$@" || exit; [[ $* != *--create* ]] || exit "$TAR_STATUS"',
    "docker": """
        echo "$*" >>"$HERE/calls"
        case "$*" in
            info*) echo / ;;
            *" exec "*) shift 6; exec "$@" ;;
            *--entrypoint*) program=$9; shift 10; "$program" "${@/\\/srv/$HERE}" ;;
        esac""",
}


class Shop:
    """A machine's folder with the script, whose programs are stand-ins."""

    def __init__(self, here: Path) -> None:
        self.here, self.folder, self.backups = here, here / "swarm", here / "back ups"
        for folder in (self.folder, self.backups, here / "bin", here / "media"):
            folder.mkdir()
        for name, text in PROGRAMS.items():
            (here / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
            (here / "bin" / name).chmod(0o755)
        shutil.copy(SCRIPT, self.folder)
        (here / "media" / "cover.webp").write_bytes(b"cover")
        (here / "tables").write_text("")
        (here / "dump").write_text(DUMP)
        self.say()

    def say(self, *lines: str) -> None:
        """Write .env, with the folder of the backups unless a line says another."""
        (self.folder / ".env").write_text(
            "\n".join((f"BACKUPS={self.backups}", "DOMAIN=books.example.org", *lines, ""))
        )

    def run(self, *arguments: str, tar: int = 0) -> subprocess.CompletedProcess[str]:
        path = f"{self.here / 'bin'}:{os.environ['PATH']}"
        env = {"PATH": path, "HERE": str(self.here), "TAR_STATUS": str(tar)}
        return subprocess.run(
            [self.folder / "machine.sh", *arguments],
            cwd=self.backups,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    def kept(self) -> list[str]:
        return sorted(path.name for path in self.backups.iterdir())

    def backup(self) -> Path:
        done = self.run("backup")
        assert done.returncode == 0, done.stderr
        return self.backups / self.kept()[-1]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_backup_holds_database_covers_and_both_files_of_settings(shop: Shop) -> None:
    (shop.folder / "settings.env").write_text("BOOKSTORE_CURRENCY=EUR\n")
    made = shop.backup()
    assert {path.name for path in made.iterdir()} == {
        *("database.sql.gz", "covers.tar", "env", "settings.env")
    }
    assert (made / "settings.env").read_text() == "BOOKSTORE_CURRENCY=EUR\n"
    assert (made / "settings.env").stat().st_mode & 0o077 == 0
    with tarfile.open(made / "covers.tar") as covers:
        assert "./cover.webp" in covers.getnames()


def test_without_settings_of_its_own_a_backup_is_whole_too(shop: Shop) -> None:
    assert not (shop.backup() / "settings.env").exists()


def test_a_failed_backup_leaves_nothing_and_removes_no_older_one(shop: Shop) -> None:
    shop.say("KEEP=1")
    older = ["2001-01-01T00-00-00Z", "2001-01-02T00-00-00Z"]
    for name in older:
        (shop.backups / name).mkdir()
    (shop.here / "dump").write_text("CREATE TABLE books (id INT);\n")
    done = shop.run("backup")
    assert done.returncode == 1
    assert "The dump of the database is not whole." in done.stderr
    assert "The backup failed." in done.stderr
    assert shop.kept() == older


@pytest.mark.parametrize(("status", "backups"), [(1, 1), (2, 0)])
def test_a_cover_that_comes_meanwhile_fails_no_backup_but_an_error_does(
    shop: Shop, status: int, backups: int
) -> None:
    done = shop.run("backup", tar=status)
    assert (done.returncode == 0, len(shop.kept())) == (bool(backups), backups)


def test_the_oldest_backups_go_and_nothing_else(shop: Shop) -> None:
    shop.say("KEEP=2")
    bystander = shop.here / "back"  # what a blank in the name would cut off
    bystander.mkdir()
    for name in ("2001-01-01T00-00-00Z", "2001-01-02T00-00-00Z", "notes"):
        (shop.backups / name).mkdir()
    assert shop.run("backup").returncode == 0
    oldest, newest, notes = shop.kept()
    assert (oldest, notes) == ("2001-01-02T00-00-00Z", "notes")
    assert (shop.backups / newest / "database.sql.gz").exists()
    assert bystander.exists()


@pytest.mark.parametrize("keep", ["0", "-1", "all", "3 days", "00"])
def test_how_many_are_kept_has_to_be_a_number(shop: Shop, keep: str) -> None:
    shop.say(f"KEEP={keep}")
    done = shop.run("backup")
    assert done.returncode == 1
    assert done.stderr.startswith(f"KEEP in .env is “{keep}”: ")
    assert shop.kept() == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('BACKUPS="{}"', "other #1 disk"),
        ("BACKUPS='{}'", "other #1 disk"),
        ('BACKUPS="{}" # the second disk', "other #1 disk"),
        ("BACKUPS={} # the second disk", "other#1 disk"),
        ("export BACKUPS={}", "other#1 disk"),
        ("BACKUPS = {}  ", "other#1 disk"),
        ("BACKUPS={}\r", "other#1 disk"),
    ],
)
def test_settings_are_read_as_compose_reads_them(shop: Shop, line: str, name: str) -> None:
    other = shop.here / name
    shop.say(line.format(other))  # the last line of a name counts
    done = shop.run("backup")
    assert done.returncode == 0, done.stderr
    assert len(list(other.iterdir())) == 1
    assert shop.kept() == []


def test_an_image_in_quotes_is_replaced_by_the_one_that_runs_now(shop: Shop) -> None:
    shop.say('IMAGE="registry.example.org/bookstore:1.0" # as of May')
    done = shop.run("deploy", "registry.example.org/bookstore:1.1")
    assert (
        "To go back: sudo ./machine.sh deploy registry.example.org/bookstore:1.0\n" in done.stderr
    )
    assert "IMAGE=registry.example.org/bookstore:1.1\n" in (shop.folder / ".env").read_text()


def test_a_backup_is_restored_by_a_name_seen_from_where_one_stands(shop: Shop) -> None:
    made = shop.backup()
    (shop.here / "media" / "cover.webp").unlink()
    done = shop.run("restore", made.name)
    assert done.returncode == 0, done.stderr
    assert (shop.here / "loaded").read_text() == DUMP
    assert (shop.here / "media" / "cover.webp").read_bytes() == b"cover"


@pytest.mark.parametrize("name", ["database.sql.gz", "covers.tar"])
def test_a_backup_that_is_cut_off_is_refused_before_anything_is_touched(
    shop: Shop, name: str
) -> None:
    (shop.here / "media" / "cover.webp").write_bytes(os.urandom(100_000))
    made = shop.backup()
    os.truncate(made / name, (made / name).stat().st_size // 2)
    (shop.here / "calls").unlink()
    done = shop.run("restore", str(made))
    assert done.returncode == 1
    assert f"{name} in {made} is not whole" in done.stderr
    assert not (shop.here / "loaded").exists()
    assert not (shop.here / "calls").exists()


def test_a_dump_without_its_last_line_is_refused(shop: Shop) -> None:
    made = shop.backup()
    (made / "database.sql.gz").write_bytes(gzip.compress(b"CREATE TABLE books (id INT);\n"))
    done = shop.run("restore", str(made))
    assert done.returncode == 1
    assert "is not whole" in done.stderr
    assert not (shop.here / "loaded").exists()


def test_a_database_with_tables_is_not_restored_into(shop: Shop) -> None:
    made = shop.backup()
    (shop.here / "tables").write_text("books\n")
    done = shop.run("restore", str(made))
    assert done.returncode == 1
    assert "docs/one-machine.md says how to start over" in done.stderr
    assert not (shop.here / "loaded").exists()


@pytest.mark.parametrize("folder", ["nowhere", "no/where/at/all", "."])
def test_what_is_no_backup_is_said_to_be_none(shop: Shop, folder: str) -> None:
    done = shop.run("restore", folder)
    assert (done.returncode, done.stderr) == (1, f"{folder} is no backup.\n")
