#!/usr/bin/env bash
# Runs the program as docker/compose.yaml does, without a container engine: as a user that owns nothing, with a read-only root, without
# capabilities and without a way to new ones. It has to serve, to answer a healthcheck, and to end in order. Wants root, a built
# program, and the stack with a migrated database of `make up` and `make demo` (or .stack/env of one).
#   .ci/read-only.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=$(readlink -f "${1:-target/debug/traffic-manager}")
[ "$(id -u)" = 0 ] || { echo 'only root may make a read-only root' >&2; exit 1; }
export TM__HTTP__LISTEN=127.0.0.1:$((20000 + RANDOM % 5000)) TM__HTTP__OPS_LISTEN=127.0.0.1:$((25000 + RANDOM % 5000))

# In a mount namespace of its own: every file system that can be written to becomes read-only.
# shellcheck disable=SC2016 # the inner shell expands it
confined() {
    exec unshare --mount --propagation private bash -euo pipefail -c '
        for at in / $(awk "\$4 ~ /^rw/ && \$3 != \"proc\" && \$3 != \"sysfs\" && \$2 != \"/\" { print \$2 }" /proc/self/mounts); do
            mount -o remount,bind,ro "$at" 2>/dev/null || { [ "$at" != / ] || exit 1; }
        done
        exec setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs "$@"' confined "$@"
}

if (confined touch /tmp/proof) 2>/dev/null; then
    echo 'the root is not read-only' >&2
    exit 1
fi
log=$(mktemp)
confined "$program" serve 2>"$log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; tail -3 "$log" >&2' EXIT
for _ in $(seq 100); do
    if (confined "$program" healthcheck) 2>/dev/null; then break; fi
    kill -0 "$server" 2>/dev/null || { echo 'it ended' >&2; exit 1; }
    sleep 0.1
done
echo "user and capabilities: $(awk '/^(Uid|CapEff|CapBnd|NoNewPrivs)/ { printf "%s %s  ", $1, $2 }' "/proc/$server/status")"
for _ in $(seq 300); do
    if curl -sf "http://$TM__HTTP__OPS_LISTEN/health/ready" >/dev/null; then break; fi
    sleep 0.1
done
curl -sf --retry 20 --retry-delay 1 "http://$TM__HTTP__LISTEN/api/v1/tenants?limit=1" >/dev/null || { echo 'it does not serve' >&2; exit 1; }
kill -TERM "$server"
wait "$server"
trap - EXIT
if (confined "$program" healthcheck) 2>/dev/null; then
    echo 'a healthcheck of nothing says that it serves' >&2
    exit 1
fi
echo 'it serves as user 10001 with a read-only root and no capabilities, and ends in order'
