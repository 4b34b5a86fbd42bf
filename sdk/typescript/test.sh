#!/usr/bin/env bash
# Tests the TypeScript SDK from a clean checkout: installs what package-lock.json pins, then format, lint, types and
# tests. TM_CASE chooses conformance cases; TM_URL and TM_TOKEN add the live walk. Ends after 15 minutes at most.
set -euo pipefail
cd "$(dirname "$0")"
if [[ -z ${TM_BOUNDED:-} ]]; then
    TM_BOUNDED=1 exec timeout --kill-after=10 900 ./test.sh "$@"
fi
npm ci --no-audit --no-fund
npm run --silent lint
npm run --silent test
