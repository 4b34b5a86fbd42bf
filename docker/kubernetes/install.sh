# shellcheck shell=bash
# What check.sh needs: an API server of Kubernetes with its etcd, kubectl, the definitions of custom resources, and the schemas. Everything is
# built or fetched once, from registries of packages, into .stack/tools/kubernetes. Sourced by check.sh.

KUBERNETES=$TOOLS/kubernetes
# Versions of the operators whose resources the components use. That of Kubernetes is in tools/go.mod.
KEDA=v2.18.1
EXTERNAL_SECRETS=v0.20.4
PROMETHEUS_OPERATOR=v0.86.2
CONTROLLER_GEN=v0.20.0

kubernetes_install() {
    mkdir -p "$KUBERNETES/bin"
    find_go
    install_etcd
    install_api_server
    install_kubectl
    install_definitions
    install_schemas
}

find_go() {
    have go && return
    die "Go is missing: install it from https://go.dev/dl, then try again (it builds the API server of Kubernetes)"
}

install_etcd() {
    PATH=$PATH:/usr/sbin:/sbin
    have etcd || install_idle_packages etcd etcd-server
    have openssl || install_packages openssl
    have jq || install_packages jq
}

# Some minutes, once: one package at a time, for the linker and the largest packages take a gigabyte each.
install_api_server() {
    local mark=$KUBERNETES/api-server.sum
    if [ -x "$KUBERNETES/bin/kube-apiserver" ] && cmp -s "$HERE/tools/go.sum" "$mark"; then return 0; fi
    say "install: the API server of Kubernetes, which is compiled (several minutes, once)"
    build_tool apiserver kube-apiserver
    cp "$HERE/tools/go.sum" "$mark"
}

install_kubectl() {
    local version
    # A field that is newer than the client is no problem: the server judges. 1.29 knows what the options need.
    version=$(kubectl version --client -o json 2>/dev/null | sed -nE 's/.*"minor": "([0-9]+).*/\1/p' | head -n 1)
    if [ "${version:-0}" -ge 29 ]; then return 0; fi
    if [ ! -x "$KUBERNETES/bin/kubectl" ]; then
        say "install: kubectl, which is compiled"
        build_tool kubectl kubectl
    fi
    PATH=$KUBERNETES/bin:$PATH
}

build_tool() { # PACKAGE PROGRAM
    local log=$STACK/log/kubernetes-$2.log
    (cd "$HERE/tools" && GOFLAGS=-mod=readonly nice go build -p "${TM_GO_PARALLEL:-1}" -trimpath -ldflags='-s -w' -o "$KUBERNETES/bin/$2.new" "./$1") \
        </dev/null >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "$2 could not be built"; }
    mv "$KUBERNETES/bin/$2.new" "$KUBERNETES/bin/$2"
}

# The definitions of the components' custom resources, from the operators' own modules.
install_definitions() {
    local folder=$KUBERNETES/definitions wanted="$KEDA $EXTERNAL_SECRETS $PROMETHEUS_OPERATOR $CONTROLLER_GEN"
    if [ "$(cat "$folder/versions" 2>/dev/null)" = "$wanted" ]; then return 0; fi
    say "install: definitions of KEDA, External Secrets and the Prometheus Operator"
    rm -rf "$folder" && mkdir -p "$folder"
    cp "$(module_folder github.com/kedacore/keda/v2 "$KEDA")/config/crd/bases/keda.sh_scaledobjects.yaml" "$folder/"
    cp "$(module_folder github.com/external-secrets/external-secrets "$EXTERNAL_SECRETS")/config/crds/bases/external-secrets.io_externalsecrets.yaml" "$folder/"
    definitions_of_prometheus_operator "$folder"
    chmod u+w "$folder"/*
    printf '%s\n' "$wanted" >"$folder/versions"
}

module_folder() {
    local folder
    folder=$(go mod download -json "$1@$2" | sed -nE 's/^\t"Dir": "(.*)",$/\1/p')
    [ -n "$folder" ] || die "$1@$2 could not be fetched"
    echo "$folder"
}

# Its module has the types only: its own tool makes the definitions from them.
definitions_of_prometheus_operator() {
    local types=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring build
    [ -x "$KUBERNETES/bin/controller-gen" ] || GOBIN=$KUBERNETES/bin go install "sigs.k8s.io/controller-tools/cmd/controller-gen@$CONTROLLER_GEN"
    build=$(mktemp -d)
    cp -r "$(module_folder "$types" "$PROMETHEUS_OPERATOR")/." "$build/" && chmod -R u+w "$build"
    (cd "$build" && "$KUBERNETES/bin/controller-gen" crd:crdVersions=v1 paths=./v1 output:crd:dir="$build/out")
    cp "$build/out/monitoring.coreos.com_podmonitors.yaml" "$1/"
    rm -rf "$build"
}

install_schemas() {
    local venv=$KUBERNETES/schemas python log=$STACK/log/kubernetes-schemas.log
    if cmp -s "$HERE/requirements.txt" "$venv/installed"; then return 0; fi
    say "install: kubernetes-validate from PyPI"
    system_python >/dev/null || install_packages python3 python3-venv
    python=$(system_python) || die "a Python with venv is missing"
    rm -rf "$venv"
    if ! { "$python" -m venv "$venv" && "$venv/bin/python" -m pip install -q --require-hashes -r "$HERE/requirements.txt"; } </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "kubernetes-validate could not be installed"
    fi
    cp "$HERE/requirements.txt" "$venv/installed"
}
