#!/usr/bin/env bash
# Installs what the benches compare Traffic Manager with: nginx, etcd and Unleash, the programs only. The benches start and end
# them.
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
    install_servers_of_debian
    install_unleash
}

install_servers_of_debian() {
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

# Unleash comes from npm. The Node.js in PATH runs it, or else the one of tests/clients, which the stack installs.
install_unleash() {
    local log=$STACK/log/unleash-install.log own=$TOOLS/clients/python/bin/node node
    node=$(command -v node || echo "$own")
    if [ "$("$node" -p 'process.versions.node.split(".")[0] >= 20' 2>/dev/null)" != true ]; then
        clients_install
        node=$own
    fi
    if ! "$ROOT/benches/unleash/install.sh" "$TOOLS/unleash" "$node" </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "Unleash could not be installed"
    fi
    say "Unleash is there"
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
