"""Run every test: `./run tests`. Sets up what they need first, and says what it could not."""

import argparse
import os
import shutil
import subprocess
import sys
import time
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
}
# Only where CI runs: a developer's machine does not get a door to the network from its tests.
CI_PACKAGES = {"sshd": "openssh-server", "sudo": "sudo"}

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
        prog="./run tests", description=__doc__, epilog="Other options go to pytest."
    )
    parser.add_argument(
        "--no-rehearsal", action="store_true", help="leave the real swarm out (20 minutes less)"
    )
    parser.add_argument("--no-checks", action="store_true", help="leave style and types out")
    options, pytest_options = parser.parse_known_args()

    missing = _install_packages()
    if missing and os.environ.get("CI"):
        print(f"Not installed, and CI may skip nothing: {', '.join(missing)}")
        return 1
    _install_browser_tools()
    failed = [] if options.no_checks else [name for name in CHECKS if not _check(name)]

    suites = [
        ("tests", ["-m", "not rehearsal and not browser", *_coverage(pytest_options)]),
        ("journeys", ["-m", "browser", *([] if _chosen(pytest_options) else ["tests/journeys"])]),
    ]
    if not options.no_rehearsal:
        reason = _no_rehearsal_because()
        if reason:
            print(f"The rehearsal on a real swarm is left out: {reason}")
            if os.environ.get("CI"):
                failed.append("rehearsal")
        else:
            suites.append(("rehearsal", ["-m", "rehearsal", "tests/rehearsal"]))
    for name, arguments in suites:
        print(f"\n== {name}", flush=True)
        status = subprocess.call(
            [sys.executable, "-m", "pytest", *arguments, *pytest_options], cwd=ROOT
        )
        if status not in {0, 5} or (status == 5 and not pytest_options):
            failed.append(name)
    if missing:
        print(f"\nSkipped for want of a package: {', '.join(missing)}")
    print("\n" + (f"FAILED: {', '.join(failed)}" if failed else "Everything passed."))
    return 1 if failed else 0


def _install_packages() -> list[str]:
    """Install the Debian packages that are missing when we may; return those still missing."""
    wanted = PACKAGES | (CI_PACKAGES if os.environ.get("CI") else {})
    missing = install(wanted)
    if missing:
        print(f"Missing: {', '.join(missing)}. Their tests are skipped. Install them with")
        print(f"  sudo apt-get install {' '.join(missing)}")
    return missing


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


def _chosen(pytest_options: list[str]) -> bool:
    """Tell whether the options name some tests, and not all."""
    return any(not option.startswith("-") for option in pytest_options)


def _coverage(pytest_options: list[str]) -> list[str]:
    """Measure coverage when everything runs; a chosen few tests cannot reach it."""
    if _chosen(pytest_options):
        return []
    return ["--cov", "--cov-report=term:skip-covered", "--cov-fail-under=90"]


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
