"""Run every test: `./run tests`. Sets up what they need first, and says what it could not."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.packages import install

ROOT = Path(__file__).parents[1]
TOOLS = Path(__file__).parent / "browser"  # package.json of the browser checks

# What a test needs: the program it looks for, and the Debian package that has it.
PACKAGES = {
    "mariadbd": "mariadb-server",
    "chromium": "chromium",
    "node": "nodejs",
    "npm": "npm",
    "java": "default-jre-headless",
    "sshd": "openssh-server",  # packages.py keeps its service off
    "sudo": "sudo",
    "fish": "fish",  # login shells of hosts
    "tcsh": "tcsh",
    "zsh": "zsh",
}

# Tests that share nothing but the processor run two at a time, each process with a database server
# of its own. Those that measure, load a shop, or kill its processes run alone, afterwards.
SIDE_BY_SIDE = [
    f"tests/{name}" for name in ("accounts", "catalogue", "mail", "orders", "provisioning")
]
PROCESSES = ["-n", "2", "--dist", "loadfile"]

CHECKS = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports"],
    "image": ["hadolint", "Dockerfile"],
}


def main() -> int:
    """Return 0 when everything passed."""
    parser = argparse.ArgumentParser(
        prog="./run tests",
        description=__doc__,
        epilog="Other options go to pytest: -x, --lf, -k refund, tests/orders …",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--no-rehearsal", action="store_true", help="leave the real swarm out (20 minutes less)"
    )
    parser.add_argument(
        "--nightly", action="store_true", help="run what takes too long for every change, alone"
    )
    parser.add_argument("--no-checks", action="store_true", help="leave style and types out")
    options, pytest_options = parser.parse_known_args()

    missing = install(PACKAGES)
    if missing:
        print(f"Missing: {', '.join(missing)}. Their tests are skipped. Install them with")
        print(f"  sudo apt-get install {' '.join(missing)}")
    if missing and os.environ.get("CI"):
        print("CI may skip nothing.")
        return 1
    _install_browser_tools()
    failed = [] if options.no_checks else [name for name in CHECKS if not _check(name)]

    rehearsal = _rehearsal(options.no_rehearsal, failed)
    for name in suites(pytest_options, rehearsal=rehearsal, nightly=options.nightly):
        print(f"\n== {name}", flush=True)
        status = subprocess.call(
            [sys.executable, "-m", "pytest", *arguments(name, pytest_options)], cwd=ROOT
        )
        if status not in {0, 5} or (status == 5 and not pytest_options):
            failed.append(name)
            if stops_at_once(pytest_options):
                break
    if missing:
        print(f"\nSkipped for want of a package: {', '.join(missing)}")
    print("\n" + (f"FAILED: {', '.join(failed)}" if failed else "Everything passed."))
    return 1 if failed else 0


def _install_browser_tools() -> None:
    """Install the checkers that npm carries, once for each version of their list."""
    if shutil.which("npm") is None:
        return
    stamp = TOOLS / "node_modules" / ".installed"
    wanted = (TOOLS / "package-lock.json").read_bytes()
    if stamp.exists() and stamp.read_bytes() == wanted:
        return
    print("Installing the browser checkers …", flush=True)
    subprocess.run(
        ["npm", "ci", "--silent", "--no-audit", "--no-fund"],
        cwd=TOOLS,
        check=True,
        env={**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"},
    )
    stamp.write_bytes(wanted)


def _check(name: str) -> bool:
    command = CHECKS[name]
    started = time.monotonic()
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    print(f"== {name}: {'ok' if done.returncode == 0 else 'FAILED'}"
          f" ({time.monotonic() - started:.1f} s)", flush=True)  # fmt: skip
    if done.returncode:
        print(done.stdout + done.stderr)
    return done.returncode == 0


def suites(given: Sequence[str], *, rehearsal: bool, nightly: bool = False) -> list[str]:
    """Return the suites to run, one after the other: a browser's event loop and a swarm each need
    a process of their own. Whoever chooses tests or options gets them in one process."""
    if nightly:
        return ["nightly"]
    side_by_side = [] if given else ["side by side"]
    return [*side_by_side, "tests", "journeys", *(["rehearsal"] if rehearsal else [])]


def arguments(suite: str, given: Sequence[str]) -> list[str]:
    """Return pytest's arguments for a suite, with what the caller gave.

    Each suite but the first remembers its failures by itself, so that --lf runs those of each;
    a suite without any runs nothing then. Coverage is asked of whole runs alone.
    """
    most = "not rehearsal and not browser and not nightly"
    marker, folder = {
        "side by side": (most, ""),
        "tests": (most, "tests"),
        "journeys": ("browser and not nightly", "tests/journeys"),
        "rehearsal": ("rehearsal and not nightly", "tests/rehearsal"),
        "nightly": ("nightly", "tests"),
    }[suite]
    options = ["-m", marker, *given]
    if suite == "side by side":
        return [*options, *PROCESSES, *SIDE_BY_SIDE, "--cov", "--cov-report="]
    if not any(_names_tests(option) for option in given):
        options.append(folder)
    if suite == "journeys" and not given:
        options += PROCESSES  # a browser waits more than it works
    if suite != "tests":
        options += ["-o", f"cache_dir=.pytest_cache/{suite}"]
    if {"--lf", "--last-failed"} & set(given):
        options += ["--last-failed-no-failures=none"]
    if not given and suite == "tests":
        options += [f"--ignore={folder}" for folder in SIDE_BY_SIDE]
        options += ["--cov", "--cov-append", "--cov-report=term:skip-covered"]
        options += ["--cov-fail-under=90"]
    return options


def stops_at_once(given: Sequence[str]) -> bool:
    """Tell whether the caller wants to stop at the first failure."""
    return any(re.fullmatch(r"-[a-z]*x|--exitfirst", option) for option in given)


def _names_tests(option: str) -> bool:
    return not option.startswith("-") and (ROOT / option.partition("::")[0]).exists()


def _rehearsal(unwanted: bool, failed: list[str]) -> bool:
    """Tell whether the real swarm can be made, and say so when it is wanted and cannot."""
    reason = None if unwanted else _no_rehearsal_because()
    if reason:
        print(f"The rehearsal on a real swarm is left out: {reason}")
        if os.environ.get("CI"):
            failed.append("rehearsal")
    return not (unwanted or reason)


def _no_rehearsal_because() -> str | None:
    if sys.platform != "linux":
        return "it needs Linux."
    if os.geteuid() != 0:
        return "it makes network namespaces and hosts, which needs root."
    if shutil.which("apt-get") is None:
        return "it builds its hosts from Debian packages, which needs apt."
    return None


if __name__ == "__main__":
    sys.exit(main())
