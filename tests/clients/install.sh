#!/usr/bin/env bash
# install.sh FOLDER: installs the code generators of tests/clients into a folder, unless it has these versions already.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:?the folder to install into}

# A Python that can make virtual environments: Debian has that in the package python3-venv.
find_python() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    echo "a Python with venv is missing: run 'docker/local-stack.sh install'" >&2
    return 1
}

pins() { cat "$here/requirements.txt" "$here/package-lock.json"; }

mkdir -p "$folder"
# Two tests, or a test and 'docker/local-stack.sh install', may start at the same time.
exec 8>"$folder/lock"
flock 8
if pins | cmp -s - "$folder/installed"; then exit 0; fi

rm -rf "$folder/installed" "$folder/python" "$folder/node"
"$(find_python)" -m venv "$folder/python"
"$folder/python/bin/python" -m pip install -q --require-hashes -r "$here/requirements.txt"
mkdir "$folder/node"
cp "$here"/{package.json,package-lock.json,.npmrc} "$folder/node/"
# npm ci installs exactly the files that package-lock.json has the hashes of.
(cd "$folder/node" && "$folder/python/bin/npm" ci --silent)
pins >"$folder/installed"
