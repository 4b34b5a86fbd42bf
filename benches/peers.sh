#!/usr/bin/env bash
# Installs what the benches compare Traffic Manager with: nginx and etcd, the programs only. The benches start and end them.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly ROOT
# shellcheck source=/dev/null
. "$ROOT/docker/stack/common.sh"
# shellcheck source=/dev/null
. "$ROOT/docker/stack/install.sh"

# Debian starts a server when its package is installed, unless this file says no.
readonly POLICY=/usr/sbin/policy-rc.d
# What goes before a command that only root may run.
AS_ROOT=()

main() {
    prepare_state
    lock_state
    PATH=$PATH:/usr/sbin:/sbin
    local missing=() services=()
    have nginx || { missing+=(nginx-light) && services+=(nginx); }
    have etcd || { missing+=(etcd-server) && services+=(etcd); }
    if [ ${#missing[@]} = 0 ]; then
        say "nginx and etcd are there"
        return
    fi
    if [ "$(id -u)" != 0 ] && have sudo; then AS_ROOT=(sudo); fi
    # On a machine without apt-get, or without root, install_packages says what to do.
    if have apt-get && { [ "$(id -u)" = 0 ] || have sudo; }; then
        trap accept_services EXIT
        refuse_services
    fi
    install_packages "${missing[@]}"
    # Nor are they started when the machine starts.
    if have systemctl; then "${AS_ROOT[@]}" systemctl disable "${services[@]}" >/dev/null 2>&1 || true; fi
    say "installed: ${missing[*]}"
}

refuse_services() {
    [ ! -e "$POLICY" ] || "${AS_ROOT[@]}" mv "$POLICY" "$POLICY.before-bench-peers"
    printf '#!/bin/sh\nexit 101\n' | "${AS_ROOT[@]}" tee "$POLICY" >/dev/null
    "${AS_ROOT[@]}" chmod 755 "$POLICY"
}

accept_services() {
    "${AS_ROOT[@]}" rm -f "$POLICY"
    [ ! -e "$POLICY.before-bench-peers" ] || "${AS_ROOT[@]}" mv "$POLICY.before-bench-peers" "$POLICY"
}

main "$@"
