"""What the documents point at exists: files, headings, commands and their options."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from bookstore.commands import main

ROOT = Path(__file__).parent.parent
FOLDERS = "benchmarks bookstore docs loadtest provisioning swarm templates tests"
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(path for folder in FOLDERS.split() for path in (ROOT / folder).glob("README.md")),
        *(ROOT / "provisioning").glob("*/README.md"),
    ]
)
LINK = re.compile(r"""(?:\]\(|(?:src|href)=")([^)"\s]+)[)"]""")
COMMAND_ROW = re.compile(r"^\| `bookstore ([a-z]+)([^`]*)`", re.MULTILINE)


def text_of(document: str) -> str:
    return (ROOT / document).read_text()


def prose_of(document: str) -> str:
    """Return a document without its blocks of code, which may hold brackets of their own."""
    return re.sub(r"^ *```.*?^ *```", "", text_of(document), flags=re.DOTALL | re.MULTILINE)


def anchors_of(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(document: str, link: str) -> bool:
    """Tell whether a link leads to a file of the project, and to a heading if it names one."""
    name, _, anchor = unquote(link).partition("#")
    target = (ROOT / document).parent / name if name else ROOT / document
    if not (target.exists() and target.resolve().is_relative_to(ROOT)):
        return False
    return not anchor or anchor in anchors_of(target)


def launcher_commands() -> set[str]:
    """Ask `./run` which commands it has."""
    usage = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"^  ([a-z]+)  ", usage.stdout, re.MULTILINE))


def test_all_documents_are_looked_at() -> None:
    assert {"README.md", "README.es.md", "docs/aws.md", "docs/drills/README.md"} < set(DOCUMENTS)
    assert {f"{folder}/README.md" for folder in FOLDERS.split() if folder != "docs"} < set(
        DOCUMENTS
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    # Other sites (https:) are not ours to keep alive.
    links = [link for link in LINK.findall(prose_of(document)) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if not leads_somewhere(document, link)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_the_launcher_exists(document: str) -> None:
    named = set(re.findall(r"\./run ([a-z]+)", text_of(document)))
    assert named - launcher_commands() == set()


def test_every_command_of_the_launcher_is_in_a_readme() -> None:
    readmes = text_of("README.md") + text_of("README.es.md") + text_of("docs/testers-guide.md")
    assert {name for name in launcher_commands() if f"./run {name}" not in readmes} == set()


@pytest.mark.parametrize(
    ("command", "options"), COMMAND_ROW.findall(text_of("bookstore/README.md"))
)
def test_every_command_of_the_shop_exists(
    command: str, options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert [option for option in re.findall(r"--[a-z-]+", options) if option not in shown] == []


def test_every_command_of_the_shop_is_in_its_readme(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--help"])
    existing = set(re.findall(r"^    ([a-z]+)  ", capsys.readouterr().out, re.MULTILINE))
    assert {name for name, _options in COMMAND_ROW.findall(text_of("bookstore/README.md"))} == (
        existing
    )


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "pictures").glob("*.png"), key=str))
def test_pictures_are_small(picture: Path) -> None:
    assert picture.stat().st_size < 300_000


# The requirements of ASVS 5.0 up to level 2: how many each section has.
ASVS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5,
    "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2,
    "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4,
    "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1, "13.2": 5, "13.3": 2,
    "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1,
    "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip


def _verdicts() -> list[tuple[str, str, str]]:
    """Return the rows of docs/security.md: requirements, verdict, why."""
    rows = re.findall(r"^\| ([\d., –]+) \| ([^|]+) \| (.+) \|$", text_of("docs/security.md"), re.M)
    return [(given, verdict.strip(), why) for given, verdict, why in rows]


def test_every_requirement_has_one_verdict() -> None:
    found: list[str] = []
    for given, _verdict, _why in _verdicts():
        for part in given.split(", "):
            first, _, last = part.partition("–")
            section, _, number = first.rpartition(".")
            until = int(last.rpartition(".")[2] or number)
            found += [f"{section}.{place}" for place in range(int(number), until + 1)]
    wanted = [f"{section}.{place + 1}" for section, most in ASVS.items() for place in range(most)]
    found = [one for one in found if one.count(".") == 2]  # chapters 10 and 17 do not apply
    assert sorted(found) == sorted(wanted)


def test_what_is_met_names_a_test_that_exists() -> None:
    for given, verdict, why in _verdicts():
        tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", why)
        for path, name in tests:
            assert (ROOT / path).is_file(), (given, path)
            assert not name or f"def {name}(" in text_of(path), (given, name)
        assert verdict in {"met", "written", "not met", "by design", "–"}, given
        assert tests or verdict != "met", given
        assert len(why) > 3, given


CURRENT = [name for name in DOCUMENTS if "decisions/" not in name and name != "CHANGELOG.md"]
# Files that a reader makes, or that are elsewhere: on a host, in the reader's own folder.
NOT_OURS = {
    "books.py", "cloud.toml", "cluster.toml", "daemon.json", "help.html", "locustfile.py",
    "report.html", "sitecustomize.py",
}  # fmt: skip
FILE = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|yml|toml|html|css|js|po|cfg|sh|json))`")


@pytest.mark.parametrize("document", CURRENT)
def test_every_file_that_is_named_exists(document: str) -> None:
    """A path may be written from the root, or from any folder inside. Decisions and the changelog
    may name what is gone."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    files = ["/" + line for line in listed.stdout.splitlines()]
    named = set(FILE.findall(prose_of(document)))
    named = {name.removeprefix("./") for name in named} - NOT_OURS
    assert sorted(n for n in named if not any(f.endswith("/" + n) for f in files)) == []
