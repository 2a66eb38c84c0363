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
