#!/usr/bin/env bash
# Re-make the lock files from pyproject.toml. Needs uv on the PATH. `--upgrade` takes newer versions.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {  # lock NAME [uv options]
    local name=$1; shift
    uv pip compile pyproject.toml --universal --python-version 3.13 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet "$@" \
        --output-file "requirements/$name.lock"
}
lock all --group dev --group ops --group load --group edge "$@"
lock app --constraints requirements/all.lock
lock ops --constraints requirements/all.lock --group ops
lock load --constraints requirements/all.lock --group load
lock edge --constraints requirements/all.lock --group edge
lock bench --constraints requirements/all.lock --group bench
