"""What the Dockerfile copies is in the context that the image is built from."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_whatever_is_copied_exists_and_is_not_ignored() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [
        source
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    ignored, *rules = (ROOT / ".dockerignore").read_text().split()
    assert ignored == "*"
    kept = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert any(source == name or source.startswith(f"{name}/") for name in kept), source
