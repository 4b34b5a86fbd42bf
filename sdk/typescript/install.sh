#!/usr/bin/env bash
# Installs what package-lock.json pins into node_modules, unless these versions are there already. Needs Node.js 20.11.
set -euo pipefail
cd "$(dirname "$0")"

# Several tests may start at the same time.
exec 8>.install-lock
flock 8
if cmp -s package-lock.json node_modules/.installed; then exit 0; fi
npm ci --no-audit --no-fund --silent
cp package-lock.json node_modules/.installed
