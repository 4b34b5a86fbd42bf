#!/usr/bin/env bash
# `make observe-check`: each query of the dashboards, asked a real Prometheus that scrapes the running service. Times are divided by 30
# meanwhile, so that the longest windows have data within minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
STACK_DIR=${TM_STACK_DIR:-.stack}

# shellcheck disable=SC2317 # called by the trap
restore() { TM_OBSERVE_FACTOR=1 docker/local-stack.sh observe >/dev/null; }
trap restore EXIT
TM_OBSERVE_FACTOR=30 docker/local-stack.sh observe
# shellcheck source=/dev/null
. "$STACK_DIR/env"
if [ -z "${API_URL:-}" ]; then
    echo 'error: the service does not run: make demo, or docker/local-stack.sh service-start' >&2
    exit 1
fi
python3 docker/observe/check.py
