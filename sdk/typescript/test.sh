#!/usr/bin/env bash
# test.sh [core]: tests the TypeScript SDK.
#
# From a clean checkout: installs what package-lock.json pins, then format, lint, types and all tests. With `core` it
# uses what is installed, and runs the generated files' comparison, the conformance cases and the live walk alone.
# TM_CASE chooses conformance cases; TM_URL and TM_TOKEN add the live walk. Ends after 15 minutes at most.
set -euo pipefail
cd "$(dirname "$0")"
if [[ -z ${TM_BOUNDED:-} ]]; then
    TM_BOUNDED=1 exec timeout --kill-after=10 900 ./test.sh "$@"
fi
case ${1:-all} in
core)
    ./install.sh
    npm run --silent test:core
    ;;
all)
    rm -rf node_modules
    ./install.sh
    npm run --silent lint
    npm run --silent test
    ;;
*)
    echo "usage: $0 [core]" >&2
    exit 64
    ;;
esac
