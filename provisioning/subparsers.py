"""Where commands are added to a command line."""

import argparse
from typing import Any, Protocol


class Subparsers(Protocol):
    """What argparse's add_subparsers gives; its class has no public name."""

    def add_parser(self, *args: Any, **kwargs: Any) -> argparse.ArgumentParser:
        """Add a command and return its parser."""
