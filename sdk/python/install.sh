#!/usr/bin/env bash
# Installs what requirements-dev.txt pins into .venv, unless these versions are there already. PYTHON is the
# interpreter (3.10 or later).
set -euo pipefail
cd "$(dirname "$0")"

# A Python that can make virtual environments: Debian has that in the package python3-venv.
find_python() {
    local python
    for python in ${PYTHON:-python3 /usr/bin/python3}; do
        if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    echo "a Python with venv is missing: run 'docker/local-stack.sh install'" >&2
    return 1
}

# Several tests may start at the same time.
exec 8>.install-lock
flock 8
if cmp -s requirements-dev.txt .venv/installed && .venv/bin/python -c '' 2>/dev/null; then exit 0; fi
"$(find_python)" -m venv --clear .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
cp requirements-dev.txt .venv/installed
