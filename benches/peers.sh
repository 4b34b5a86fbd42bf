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
    install_idle_packages "${services[*]}" "${missing[@]}"
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

main "$@"
