# shellcheck shell=bash
# `install`: what the stack and the build need and this machine lacks. Debian and its relatives; elsewhere it says what to install.

install_missing() {
    MISSING=()
    find_missing_build_packages
    [ "$KIND" = compose ] || find_missing_server_packages
    if [ ${#MISSING[@]} -gt 0 ]; then install_packages "${MISSING[@]}"; fi
    [ "$KIND" = compose ] || install_servers
    schemathesis_install
    clients_install
    observe_install
    grafana_sdk_install
    say "install: everything is there"
}

find_missing_build_packages() {
    have gcc || MISSING+=(gcc libc6-dev)
    have g++ || MISSING+=(g++)
    have make || MISSING+=(make)
    have pkg-config || MISSING+=(pkg-config)
    have curl || MISSING+=(curl ca-certificates)
    have openssl || MISSING+=(openssl)
    have jq || MISSING+=(jq)
    system_python >/dev/null || MISSING+=(python3 python3-venv)
    have_header openssl/ssl.h || MISSING+=(libssl-dev)
    have_header zlib.h || MISSING+=(zlib1g-dev)
    # For tests/faults: a process whose clock is wrong.
    have faketime || MISSING+=(faketime)
    # For the guard of the hot paths (`make counts`).
    have valgrind || MISSING+=(valgrind)
}

find_missing_server_packages() {
    postgres_bin >/dev/null || MISSING+=(postgresql)
    have java || MISSING+=(default-jre-headless)
    have mvn || MISSING+=(maven)
}

have() { command -v "$1" >/dev/null 2>&1; }

have_header() { [ -e "/usr/include/$1" ] || compgen -G "/usr/include/*/$1" >/dev/null; }

# A Python that can make virtual environments (Debian splits that off into python3-venv).
system_python() {
    local python
    for python in python3 /usr/bin/python3; do
        if have "$python" && "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    return 1
}

install_packages() {
    local log=$STACK/log/install.log sudo=()
    have apt-get || die "please install: $* (there is no apt-get here to do it)"
    if [ "$(id -u)" != 0 ]; then
        have sudo || die "please install as root: apt-get install $*"
        sudo=(sudo)
    fi
    say "install: apt-get install $*"
    refuse_default_cluster "$*"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=300)
    if ! { "${sudo[@]}" "${apt[@]}" update && "${sudo[@]}" "${apt[@]}" install --no-install-recommends "$@"; } \
        </dev/null >"$log" 2>&1; then
        accept_default_cluster
        tail -n 20 "$log" >&2
        die "apt-get failed; the whole output is in .stack/log/install.log"
    fi
    accept_default_cluster
}

# Debian starts a server when its package is installed, unless this file says no.
SERVICE_POLICY=/usr/sbin/policy-rc.d

# install_idle_packages "SERVICE ..." PACKAGE ...: servers of which only the programs are wanted. They are neither started now nor
# when the machine starts.
install_idle_packages() {
    local services=$1 as_root=()
    shift
    if [ "$(id -u)" != 0 ] && have sudo; then as_root=(sudo); fi
    # On a machine without apt-get, or without root, install_packages says what to do.
    if have apt-get && { [ "$(id -u)" = 0 ] || have sudo; }; then
        trap accept_services EXIT
        refuse_services
    fi
    install_packages "$@"
    accept_services
    trap - EXIT
    # shellcheck disable=SC2086 # a list of names
    if have systemctl; then "${as_root[@]}" systemctl disable --now $services >/dev/null 2>&1 || true; fi
}

refuse_services() {
    [ ! -e "$SERVICE_POLICY" ] || "${as_root[@]}" mv "$SERVICE_POLICY" "$SERVICE_POLICY.before-traffic-manager"
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$SERVICE_POLICY" >/dev/null
    "${as_root[@]}" chmod 755 "$SERVICE_POLICY"
}

accept_services() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
    "${as_root[@]}" rm -f "$SERVICE_POLICY"
    [ ! -e "$SERVICE_POLICY.before-traffic-manager" ] || "${as_root[@]}" mv "$SERVICE_POLICY.before-traffic-manager" "$SERVICE_POLICY"
}

# Debian's postgresql makes and starts a cluster of its own while it is installed. Nobody asked for that one: a drop-in says
# no for the time of the installation, and goes away again.
CLUSTER_DROPIN=/etc/postgresql-common/createcluster.d/traffic-manager.conf

refuse_default_cluster() {
    [[ " $1 " == *" postgresql "* ]] || return 0
    "${sudo[@]}" mkdir -p "${CLUSTER_DROPIN%/*}"
    echo 'create_main_cluster = false' | "${sudo[@]}" tee "$CLUSTER_DROPIN" >/dev/null
}

accept_default_cluster() {
    [ ! -e "$CLUSTER_DROPIN" ] || "${sudo[@]}" rm -f "$CLUSTER_DROPIN"
}

# What tests/fuzz sends requests with, in a virtual environment of its own.
SCHEMATHESIS_VENV=$TOOLS/schemathesis

schemathesis_install() {
    local requirements=$ROOT/tests/fuzz/requirements.txt python log=$STACK/log/schemathesis-install.log
    if cmp -s "$requirements" "$SCHEMATHESIS_VENV/installed" && "$SCHEMATHESIS_VENV/bin/python" -c 'import schemathesis' 2>/dev/null; then
        return 0
    fi
    say "install: Schemathesis from PyPI"
    python=$(system_python) || die "a Python with venv is missing: run 'docker/local-stack.sh install'"
    rm -rf "$SCHEMATHESIS_VENV"
    if ! { "$python" -m venv "$SCHEMATHESIS_VENV" && "$SCHEMATHESIS_VENV/bin/python" -m pip install -q --require-hashes -r "$requirements"; } \
        </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "Schemathesis could not be installed"
    fi
    cp "$requirements" "$SCHEMATHESIS_VENV/installed"
}

# The code generators of tests/clients, with a Node.js of their own. The tests install them too, if they are missing.
clients_install() {
    local log=$STACK/log/clients-install.log
    if ! "$ROOT/tests/clients/install.sh" "$TOOLS/clients" </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "the code generators of tests/clients could not be installed"
    fi
}

install_servers() {
    require_java_17
    kafka_install
    mongo_install
}

require_java_17() {
    local version
    version=$(java -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | head -n 1)
    [ "${version:-0}" -ge 17 ] || die "Kafka 4 needs Java 17 or newer; 'java' here is version ${version:-unknown}"
}
