# shellcheck shell=bash
# `proxies`: the real proxies that tests/proxies starts and asks. Envoy, Traefik and Caddy come from PyPI, HAProxy and nginx from Debian.
# Only the programs: nothing runs until a test starts it.

# What is fetched is no state, so it is where the other tools are, and outlives `reset`.
PROXIES_VENV=$TOOLS/proxies

proxies() {
    # Debian has the programs of servers outside of the PATH of other users than root.
    PATH=$PATH:/usr/sbin:/sbin
    proxies_install_from_debian
    proxies_install_from_pypi
    proxies_write_env
    say "the five proxies are there; '. ${STACK#"$PWD"/}/env.proxies' has their programs"
}

proxies_install_from_debian() {
    local missing=() services=()
    have haproxy || { missing+=(haproxy) && services+=(haproxy); }
    have nginx || { missing+=(nginx-light) && services+=(nginx); }
    [ ${#missing[@]} = 0 ] || install_idle_packages "${services[*]}" "${missing[@]}"
}

proxies_install_from_pypi() {
    local requirements=$ROOT/tests/proxies/requirements.txt python log=$STACK/log/proxies-install.log
    if cmp -s "$requirements" "$PROXIES_VENV/installed" && proxies_programs >/dev/null; then
        return 0
    fi
    say "install: Envoy, Traefik and Caddy from PyPI"
    find_venv_packages
    python=$(system_python) || die "a Python with venv is missing: run 'docker/local-stack.sh install'"
    rm -rf "$PROXIES_VENV"
    if ! { "$python" -m venv "$PROXIES_VENV" && "$PROXIES_VENV/bin/python" -m pip install -q --require-hashes -r "$requirements"; } \
        </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "Envoy, Traefik and Caddy could not be installed; the whole output is in ${log#"$PWD"/}"
    fi
    cp "$requirements" "$PROXIES_VENV/installed"
}

# Debian splits venv off; `make proxies` alone, before any `make up`, must not fail for that.
find_venv_packages() {
    system_python >/dev/null || install_packages python3 python3-venv
}

# Lines `NAME=program`. False if a program is missing.
proxies_programs() {
    local envoy
    # The command `envoy` of the package is a Python script that only executes this file.
    envoy=$(compgen -G "$PROXIES_VENV/lib/python3*/site-packages/envoy/_bin/envoy") || envoy=$PROXIES_VENV/bin/envoy
    proxies_program TM_ENVOY "$envoy" &&
        proxies_program TM_TRAEFIK "$PROXIES_VENV/bin/traefik" &&
        proxies_program TM_CADDY "$PROXIES_VENV/bin/caddy" &&
        proxies_program TM_HAPROXY "$(command -v haproxy)" &&
        proxies_program TM_NGINX "$(command -v nginx)"
}

proxies_program() {
    if [ ! -x "$2" ]; then
        warn "$1: no program ${2:-in the PATH}"
        return 1
    fi
    printf '%s=%s\n' "$1" "$2"
}

proxies_write_env() {
    proxies_programs >"$STACK/env.proxies.new" || die "a proxy is missing although it was installed: remove $PROXIES_VENV and try again"
    mv "$STACK/env.proxies.new" "$STACK/env.proxies"
}
