#!/usr/bin/env bash
# `make game-day`: the faults of docker/observe/faults.py on the running stack, with the times of the rules divided by TM_OBSERVE_FACTOR (30).
# The service gets settings that make the faults quick, and its own ones back at the end. It takes the stack for itself: not beside tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
STACK_DIR=${TM_STACK_DIR:-.stack}
export TM_OBSERVE_FACTOR=${TM_OBSERVE_FACTOR:-30}
export TM_BIN=${TM_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/traffic-manager}

restore() {
    for part in postgres-primary postgres-replica kafka mongo; do
        docker/local-stack.sh resume "$part" >/dev/null 2>&1 || docker/local-stack.sh start "$part" >/dev/null 2>&1 || true
    done
    docker/local-stack.sh service-stop >/dev/null
    env -u TM__AUDIT__FAIL_CLOSED -u TM__AUDIT__MAX_UNPUBLISHED_SECONDS -u TM__KAFKA__STALLED_AFTER_MS -u TM__READ__MAX_WAITERS \
        -u TM__READ__MAX_WAITERS_PER_TENANT -u TM__NODES__SILENT_AFTER_MS -u TM__RELAY__SET_ASIDE_RETRY_MS \
        docker/local-stack.sh service-start >/dev/null
    TM_OBSERVE_FACTOR=1 docker/local-stack.sh observe >/dev/null
}

docker/local-stack.sh observe
docker/local-stack.sh service-stop
export TM__AUDIT__FAIL_CLOSED=true TM__AUDIT__MAX_UNPUBLISHED_SECONDS=90 TM__KAFKA__STALLED_AFTER_MS=5000
export TM__READ__MAX_WAITERS=40 TM__READ__MAX_WAITERS_PER_TENANT=40 TM__NODES__SILENT_AFTER_MS=2000 TM__RELAY__SET_ASIDE_RETRY_MS=2000
trap restore EXIT
docker/local-stack.sh service-start
set -a
# shellcheck source=/dev/null
. "$STACK_DIR/env"
set +a
# The stack's Python speaks MongoDB.
.stack/tools/venv/bin/python docker/observe/game_day.py "$TM_OBSERVE_FACTOR" "$@"
