#!/bin/sh
# The gate: 90 % of all branches and lines, and every one in the core.
set -eu
.venv/bin/python -m coverage report --fail-under=90 || { echo "less than 90 % of nbxfer is covered" >&2; exit 1; }
.venv/bin/python -m coverage report --include='nbxfer/core/*' --fail-under=100 >/dev/null || {
    .venv/bin/python -m coverage report --include='nbxfer/core/*' || true
    echo "nbxfer/core must be covered wholly" >&2
    exit 1
}
