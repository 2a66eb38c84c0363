"""Which service answers a path: its first segment decides."""

import tomllib
from pathlib import Path

SEGMENTS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("segments.toml").read_text()
)
PRIVATE = ("internal", "metrics", "healthz", "readyz")  # between services and for operators
