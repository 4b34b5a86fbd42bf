#!/usr/bin/env bash
# Checks the manifests without a cluster: each overlay is rendered, compared with Kubernetes' schemas, and given to a real API server, which
# says what it would refuse (a dry run on the server: nothing runs). Then mistakes are planted, and each must be refused.
#   docker/kubernetes/check.sh install | check
# Nodes and controllers are not there: whether images exist, pods start, and networks enforce their policies, only a cluster shows.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
ROOT=$(cd "$HERE/../.." && pwd -P)
readonly HERE ROOT
# shellcheck source=docker/stack/common.sh
. "$ROOT/docker/stack/common.sh"
# shellcheck source=docker/stack/install.sh
. "$ROOT/docker/stack/install.sh"
# shellcheck source=docker/kubernetes/install.sh
. "$HERE/install.sh"

RENDERED=(overlays/small/migrate overlays/small overlays/production/migrate overlays/production edge gateway)
SCHEMAS=1.37

main() {
    prepare_state
    case ${1:-} in
    install) kubernetes_install ;;
    check)
        kubernetes_install
        check
        ;;
    *) die "use: docker/kubernetes/check.sh install | check" ;;
    esac
}

check() {
    WORK=$(mktemp -d)
    trap stop_api_server EXIT
    start_api_server
    apply_definitions
    local overlay
    for overlay in "${RENDERED[@]}"; do
        kubectl kustomize "$HERE/$overlay" >"$WORK/rendered.yaml"
        compare_with_schemas "$overlay"
        compare_names "$overlay"
        dry_run "$WORK/rendered.yaml" >"$WORK/answer" 2>&1 || { cat "$WORK/answer" >&2; die "$overlay is refused"; }
        say "$overlay: $(grep -c 'server dry run' "$WORK/answer") objects accepted"
    done
    # The same objects in the namespaces that they were just accepted for, each with one mistake.
    planted base/disruption.yaml '0,/maxUnavailable: 1/s//maxUnavailable: 1\n  minAvailable: 1/' 'minAvailable and maxUnavailable cannot be both set'
    planted base/audit.yaml 's/minReadySeconds: 5/minReadySeconds: five/' 'spec.minReadySeconds'
    planted base/serve.yaml 's/readOnlyRootFilesystem/readOnlyRootFileSystem/' 'unknown field.*readOnlyRootFileSystem'
    planted base/relay.yaml 's/allowPrivilegeEscalation: false/allowPrivilegeEscalation: true/' 'violates? PodSecurity "restricted'
    planted components/keda/audit.yaml 's/pollingInterval/pollingIntervall/' 'unknown field.*pollingIntervall'
    planted components/retention/cronjob.yaml 's/20 3 \* \* \*/every night/' 'spec.schedule'
    planted overlays/production/scaling.yaml 's/minReplicas: 3/minReplicas: 30/' 'maxReplicas'
    planted_name
    say "every planted mistake is refused"
    follow_the_page
}

# Everything on loopback, on free ports, with a token and a folder of this run.
start_api_server() {
    local etcd_port peer_port
    etcd_port=$(free_port) peer_port=$(free_port) SERVER_PORT=$(free_port)
    TOKEN=$(random_hex)
    printf '%s,admin,1,system:masters\n' "$TOKEN" >"$WORK/tokens"
    openssl genrsa -out "$WORK/account.key" 2048 2>/dev/null
    etcd --data-dir "$WORK/etcd" --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
        --listen-peer-urls "http://127.0.0.1:$peer_port" </dev/null >"$WORK/etcd.log" 2>&1 &
    ETCD_PID=$!
    "$KUBERNETES/bin/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd_port" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 \
        --secure-port="$SERVER_PORT" --cert-dir="$WORK/certificates" --service-cluster-ip-range=10.0.0.0/24 \
        --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$WORK/account.key" \
        --service-account-signing-key-file="$WORK/account.key" --token-auth-file="$WORK/tokens" --authorization-mode=RBAC \
        --disable-admission-plugins=ServiceAccount --endpoint-reconciler-type=none </dev/null >"$WORK/api-server.log" 2>&1 &
    API_PID=$!
    wait_until 120 client get --raw /readyz >/dev/null 2>&1 || { tail -n 20 "$WORK/api-server.log" >&2; die "the API server is not ready after 120 s"; }
}

stop_api_server() {
    local code=$? pid
    for pid in "${API_PID:-}" "${ETCD_PID:-}"; do
        [ -z "$pid" ] || { kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
    done
    rm -rf "$WORK"
    exit "$code"
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && port_answers "$port"; do :; done
    echo "$port"
}

client() {
    kubectl --server="https://127.0.0.1:$SERVER_PORT" --token="$TOKEN" --certificate-authority="$WORK/certificates/apiserver.crt" \
        --kubeconfig=/dev/null --cache-dir="$WORK/cache" --request-timeout=20s "$@"
}

apply_definitions() {
    local file
    for file in "$KUBERNETES"/definitions/*.yaml; do
        # --server-side: one of them is too long for the annotation that the other way writes.
        client apply --server-side -f "$file" >/dev/null
    done
    client wait --for=condition=Established --timeout=30s crd --all >/dev/null
}

# Custom resources have no schema there; the API server has their definitions.
compare_with_schemas() {
    "$KUBERNETES/schemas/bin/kubernetes-validate" --strict -k "$SCHEMAS" "$WORK/rendered.yaml" >"$WORK/schemas" 2>&1 ||
        { grep -v '^INFO' "$WORK/schemas" >&2; die "$1 does not fit the schemas of Kubernetes $SCHEMAS"; }
}

# What Kustomize leaves behind when a reference or a namespace is not what it knows, and no server minds: an object would land in the namespace
# that kubectl happens to use, and a pod would wait for a ConfigMap that nobody makes.
compare_names() {
    "$KUBERNETES/schemas/bin/python" "$HERE/names.py" "$WORK/rendered.yaml" >"$WORK/names" || { cat "$WORK/names" >&2; die "$1: names do not fit"; }
}

# A namespace of a dry run is not there for the objects in it, so namespaces are made. A warning is a refusal: Pod Security warns about a
# Deployment, and refuses its pods only later.
dry_run() {
    local namespaces=$WORK/namespaces.yaml
    awk 'BEGIN { RS = "---\n"; ORS = "---\n" } /(^|\n)kind: Namespace\n/' "$1" >"$namespaces"
    client apply -f "$namespaces" >/dev/null
    client apply --dry-run=server --warnings-as-errors -f "$1"
}

planted() { # FILE SED WORDS
    local copy=$WORK/planted
    rm -rf "$copy" && cp -r "$HERE" "$copy"
    sed -i "$2" "$copy/$1"
    ! cmp -s "$HERE/$1" "$copy/$1" || die "$1: the mistake could not be planted: $2"
    kubectl kustomize "$copy/overlays/production" >"$WORK/rendered.yaml"
    if dry_run "$WORK/rendered.yaml" >"$WORK/answer" 2>&1; then die "accepted with a mistake in $1: $2"; fi
    grep -qE "$3" "$WORK/answer" || { cat "$WORK/answer" >&2; die "$1: refused, but not for $2"; }
    say "refused: $(grep -m 1 -oE ".{0,60}$3.{0,60}" "$WORK/answer")"
}

planted_name() {
    local copy=$WORK/planted
    rm -rf "$copy" && cp -r "$HERE" "$copy"
    sed -i 's/traffic-manager-settings/traffic-manager-setting/' "$copy/components/retention/cronjob.yaml"
    kubectl kustomize "$copy/overlays/production" >"$WORK/rendered.yaml"
    if (compare_names production) >"$WORK/answer" 2>&1; then die "accepted: a ConfigMap that is not there"; fi
    say "refused: $(head -n 1 "$WORK/answer")"
}

# The commands of docs/operations/kubernetes.md that need no nodes, in order, in a folder where a newcomer has the repository.
follow_the_page() {
    local page=$ROOT/docs/operations/kubernetes.md folder=$WORK/newcomer
    mkdir -p "$folder/bin" && ln -s "$ROOT/docker" "$folder/docker"
    { echo '#!/usr/bin/env bash'; declare -f client; } >"$folder/bin/kubectl"
    sed -i "s#^    kubectl #    $(command -v kubectl) #" "$folder/bin/kubectl"
    printf 'SERVER_PORT=%q TOKEN=%q WORK=%q\nclient "$@"\n' "$SERVER_PORT" "$TOKEN" "$WORK" >>"$folder/bin/kubectl"
    chmod 700 "$folder/bin/kubectl"
    awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' "$page" >"$folder/commands.sh"
    # What was made for the dry runs would be in the way.
    client delete namespace traffic-manager traffic-manager-edge gateway --wait=false >/dev/null
    finish_namespaces
    (cd "$folder" && PATH=$folder/bin:$PATH bash -euo pipefail commands.sh) >"$WORK/answer" 2>&1 || { cat "$WORK/answer" >&2; die "a command of ${page#"$ROOT"/} fails"; }
    say "${page#"$ROOT"/}: $(grep -c . "$folder/commands.sh") lines of commands run, $(grep -cE ' (created|labeled|configured)$' "$WORK/answer") objects made"
}

# Without the controller that empties namespaces, their finalizer stays.
finish_namespaces() {
    local name
    for name in traffic-manager traffic-manager-edge gateway; do
        client get namespace "$name" -o json | jq '.spec.finalizers = []' |
            client replace --raw "/api/v1/namespaces/$name/finalize" -f - >/dev/null
    done
}

main "$@"
