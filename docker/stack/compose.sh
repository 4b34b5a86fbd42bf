# shellcheck shell=bash
# The same stack in containers. Every part but Traffic Manager itself is then a service of docker/compose.yaml under the
# same name; the program runs on this machine as it does without containers, and finds everything at the same addresses.

# Sets KIND. A stack that is up stays of its kind; `auto` means containers where an engine answers.
choose_kind() {
    local running=
    [ ! -f "$STACK/kind" ] || running=$(<"$STACK/kind")
    KIND=${TM_STACK:-${running:-local}}
    if [ "$KIND" = auto ]; then
        KIND=${running:-local}
        if [ -z "$running" ] && docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then KIND=compose; fi
    fi
    case $KIND in
    local | compose) ;;
    *) die "TM_STACK=$KIND: it is local, compose or auto" ;;
    esac
    [ -z "$running" ] || [ "$running" = "$KIND" ] || die "the stack that is up is of the kind '$running': bring that one down first"
}

is_container() { [ "$KIND" = compose ] && [[ ! $1 =~ ^(traffic-manager|prometheus|alertmanager)$ ]]; }

compose_project() { echo "traffic-manager-$(repository_id)"; }

# docker compose, with the ports and passwords of this stack
compose() {
    docker compose -p "$(compose_project)" --env-file "$STACK/compose.env" -f "$ROOT/docker/compose.yaml" "$@"
}

write_compose_env() {
    local variable
    for variable in "${PORT_VARIABLES[@]}" "${SECRET_VARIABLES[@]}"; do
        printf '%s=%s\n' "$variable" "${!variable}"
    done >"$STACK/compose.env"
}

container_inspect() { docker inspect -f "$2" "$(compose_project)-$1-1" 2>/dev/null; }

container_state() {
    case $(container_inspect "$1" '{{.State.Status}}') in
    running) echo running ;;
    paused) echo paused ;;
    *) echo stopped ;;
    esac
}

container_start() {
    compose up -d --no-deps --wait --wait-timeout 120 "$1" || { compose logs --tail 30 "$1" >&2; die "$1 did not become ready"; }
}

containers_up() {
    # Without this mark the passwords are new, and volumes of an earlier stack would not know them.
    [ -f "$STACK/volumes-created" ] || compose --profile service down -v
    touch "$STACK/volumes-created"
    compose up -d --wait --wait-timeout 300 "${PARTS[@]}" || { compose logs --tail 30 >&2; die "the containers did not become ready"; }
    # The image runs users.js on an empty volume only; one of an earlier version lacks what that did not grant.
    # shellcheck disable=SC2016 # expanded by the inner shell
    compose exec -T mongo sh -c 'exec mongosh --quiet --port "$MONGO_PORT" -u admin -p "$MONGO_INITDB_ROOT_PASSWORD" \
        --authenticationDatabase admin /docker-entrypoint-initdb.d/users.js' || die "the MongoDB users could not be brought up to date"
}
