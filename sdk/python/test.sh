#!/usr/bin/env bash
# Tests the Python SDK from a clean checkout: installs what requirements-dev.txt pins into .venv, then format, lint,
# types and tests. TM_CASE chooses conformance cases; TM_URL and TM_TOKEN add the live walk; PYTHON is the interpreter
# (3.10 or later). Ends after 15 minutes at most.
set -euo pipefail
cd "$(dirname "$0")"
if [[ -z ${TM_BOUNDED:-} ]]; then
    TM_BOUNDED=1 exec timeout --kill-after=10 900 ./test.sh "$@"
fi
"${PYTHON:-python3}" -m venv --clear .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
.venv/bin/ruff format --check --quiet .
.venv/bin/ruff check --quiet .
.venv/bin/mypy
PYTHONPATH=src .venv/bin/python -m pytest -rs
