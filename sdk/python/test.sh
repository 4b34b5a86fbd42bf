#!/usr/bin/env bash
# test.sh [core]: tests the Python SDK.
#
# From a clean checkout: installs what requirements-dev.txt pins into .venv, then format, lint, types and all tests.
# With `core` it uses what is installed, and runs the generated files' comparison, the conformance cases and the live
# walk alone. TM_CASE chooses conformance cases; TM_URL and TM_TOKEN add the live walk; PYTHON is the interpreter (3.10
# or later). Ends after 15 minutes at most.
set -euo pipefail
cd "$(dirname "$0")"
if [[ -z ${TM_BOUNDED:-} ]]; then
    TM_BOUNDED=1 exec timeout --kill-after=10 900 ./test.sh "$@"
fi
tests() { PYTHONPATH=src .venv/bin/python -m pytest -rs "$@"; }
case ${1:-all} in
core)
    ./install.sh
    tests tests/test_generated.py tests/test_conformance.py tests/test_live.py
    ;;
all)
    rm -rf .venv
    ./install.sh
    .venv/bin/ruff format --check --quiet . ../examples
    .venv/bin/ruff check --quiet . ../examples
    .venv/bin/mypy
    .venv/bin/mypy ../examples/canary.py
    tests
    ;;
*)
    echo "usage: $0 [core]" >&2
    exit 64
    ;;
esac
