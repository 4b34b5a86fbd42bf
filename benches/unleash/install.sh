#!/usr/bin/env bash
# install.sh FOLDER [NODE]: installs Unleash into a folder, unless it has this version already. Without NODE, the Node.js in PATH.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:?the folder to install into}
node=${2:-$(command -v node || true)}

is_new_enough() { [ -x "$node" ] && [ "$("$node" -p 'process.versions.node.split(".")[0]')" -ge 20 ]; }

if ! is_new_enough; then
    echo "Unleash needs Node.js 20 or newer, with npm: 'docker/local-stack.sh install' installs one" >&2
    exit 1
fi

mkdir -p "$folder"
# Two installations may start at the same time.
exec 8>"$folder/lock"
flock 8
# The bench starts Unleash with this Node.js.
ln -sfn "$node" "$folder/node"
if cmp -s "$here/package-lock.json" "$folder/installed"; then exit 0; fi

rm -rf "$folder/installed" "$folder/node_modules"
cp "$here"/{package.json,package-lock.json,.npmrc} "$folder/"
# npm ci installs exactly the files that package-lock.json has the hashes of.
(cd "$folder" && PATH=$(dirname "$node"):$PATH npm ci --silent)
cp "$here/package-lock.json" "$folder/installed"
