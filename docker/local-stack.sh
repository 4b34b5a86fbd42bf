#!/usr/bin/env bash
# The whole stack on this machine: PostgreSQL primary and replica, Kafka, MongoDB wire, and Traffic Manager itself.
# Without a container engine as it is; with TM_STACK=compose, the same from docker/compose.yaml. All of it on 127.0.0.1.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly ROOT

usage() {
    cat <<'EOF'
usage: docker/local-stack.sh COMMAND

  install                 fetch what is missing (Debian packages, Kafka's jars, the MongoDB wire server)
  proxies                 fetch Envoy, Traefik, Caddy, HAProxy and nginx, only the programs, and write .stack/env.proxies
  observe                 start Prometheus and Alertmanager beside the stack, with the rules of docker/observe
  ui [COMMAND]            build the web page into ui/dist; or: dev, test, install
  up [PART ...]           start every part (or these) that does not run, wait until all are ready, write .stack/env
  down                    stop everything, the service first
  reset                   down, and forget all data and passwords
  status                  what runs, where
  migrate                 create or upgrade the schema, the topics and the archive
  service-start           start Traffic Manager, wait until it is ready, and see that API_TOKEN in .stack/env is a key of it
  service-stop            stop it (SIGTERM, 40 s)

  start|stop|kill|pause|resume PART
                          one part: postgres-primary, postgres-replica, kafka, mongo, traffic-manager
                          (kill is SIGKILL; pause is SIGSTOP: the part hangs instead of being gone)
  promote                 make the replica a primary
  backup                  copy the primary, and archive every change from then on
  restore [--force] [TIME]
                          put the primary back as it was at that time, and make the replica anew from it

  kafka-tool TOOL ...     Kafka's own topics, get-offsets, console-consumer, console-producer or configs
  find-event ID           the archived document of one event, read as the auditor
  psql ...                psql on the primary, as superuser, database traffic_manager
  compose ...             docker compose with this stack's ports and passwords (TM_STACK=compose)

Ports: PG_PRIMARY_PORT PG_REPLICA_PORT KAFKA_PORT KAFKA_TLS_PORT KAFKA_CONTROLLER_PORT MONGO_PORT MONGO_TLS_PORT API_PORT OPS_PORT ADS_PORT
        PROMETHEUS_PORT ALERTMANAGER_PORT
        (with TM_FREE_PORTS=1, the next free one instead of a default that is taken)
Others: TM_STACK=local|compose|auto  TM_BIN=path of the traffic-manager program
        TM_STACK_DIR=another place than .stack, for a second stack beside the first
EOF
}

for file in common install observe proxies ui tls postgres backup kafka mongo service compose; do
    # shellcheck source=/dev/null
    . "$ROOT/docker/stack/$file.sh"
done

part_start() {
    local name=$1
    if is_container "$name"; then container_start "$name"; return; fi
    case $(state_of "$name") in
    running)
        say "$name already runs"
        return
        ;;
    paused) die "$name is paused: docker/local-stack.sh resume $name" ;;
    esac
    case $name in
    postgres-*) postgres_start "$name" ;;
    kafka) kafka_start ;;
    mongo) mongo_start ;;
    traffic-manager) service_start ;;
    esac
    say "$name is ready"
}

# A database that is told to stop does so within seconds; one that does not is killed, which it has to survive anyway.
part_stop_or_kill() {
    local name=$1
    if is_container "$name"; then compose stop -t 30 "$name"; return; fi
    case $name in
    traffic-manager) service_stop ;;
    postgres-*) part_stop "$name" INT 30 || part_kill "$name" ;;
    kafka) part_stop kafka TERM 30 || part_kill kafka ;;
    mongo) part_stop mongo TERM 10 || part_kill mongo ;;
    esac
}

require_part() {
    case $1 in
    postgres-primary | postgres-replica | kafka | mongo | traffic-manager) ;;
    *) die "no such part: '$1' (postgres-primary, postgres-replica, kafka, mongo, traffic-manager)" ;;
    esac
}

# With names of parts, these alone.
up() {
    local part paused=() parts=("$@")
    [ ${#parts[@]} -gt 0 ] || parts=("${PARTS[@]}")
    save_ports
    echo "$KIND" >"$STACK/kind"
    [ "$KIND" = compose ] || install_servers
    make_certificates
    for part in "${parts[@]}"; do
        require_part "$part"
        case $(state_of "$part") in
        running) ;;
        paused) paused+=("$part") ;;
        stopped) [ "$KIND" = compose ] || part_start "$part" ;;
        esac
    done
    write_env
    if [ ${#paused[@]} -gt 0 ]; then die "paused: ${paused[*]}; let go on with: docker/local-stack.sh resume NAME"; fi
    if [ "$KIND" = compose ]; then
        containers_up
    elif [[ " ${parts[*]} " == *' postgres-replica '* ]]; then
        postgres_repair_replica
    fi
    if [ "$KIND" != compose ] && [[ " ${parts[*]} " == *' postgres-primary '* ]]; then
        archive_resume
    fi
    if [[ " ${parts[*]} " == *' kafka '* ]]; then
        kafka_create_topics
        kafka_create_user
    fi
    say "the stack is up; '. .stack/env' has its addresses"
}

down() {
    local part failed=0
    observe_down
    # In a subshell, for a service that will not stop must not keep the rest running.
    (service_stop) || { failed=1 && part_kill traffic-manager; }
    if [ "$KIND" = compose ]; then
        compose --profile service down
    else
        part_stop wal-archive INT 10 || part_kill wal-archive
        for part in mongo kafka postgres-replica postgres-primary; do
            part_stop_or_kill "$part"
        done
    fi
    rm -f "$STACK/kind"
    [ "$failed" = 0 ] || die "everything is down, but traffic-manager had to be killed"
    say "the stack is down"
}

# The fetched tools stay: they are no state, and not quickly had again.
reset() {
    down
    [ "$KIND" = local ] || compose --profile service down -v
    rm -rf "$(postgres_dir)"
    find "$STACK" -mindepth 1 -maxdepth 1 ! -name tools ! -name lock -exec rm -rf {} +
    say "all data is gone"
}

status() {
    local part
    printf '%-18s %-8s %-8s %s\n' PART STATE PID PORT
    for part in "${PARTS[@]}" traffic-manager prometheus alertmanager; do
        printf '%-18s %-8s %-8s %s\n' "$part" "$(state_of "$part")" "$(part_pid "$part")" "$(part_ports "$part")"
    done
}

part_pid() {
    if is_container "$1"; then container_inspect "$1" '{{.State.Pid}}' || echo -; else pid_of "$1" || echo -; fi
}

part_ports() {
    case $1 in
    postgres-*) postgres_port "$1" ;;
    kafka) echo "$KAFKA_PORT, TLS $KAFKA_TLS_PORT" ;;
    mongo) echo "$MONGO_PORT, TLS $MONGO_TLS_PORT" ;;
    traffic-manager) echo "$API_PORT, operations $OPS_PORT, Envoys $ADS_PORT" ;;
    prometheus) echo "$PROMETHEUS_PORT" ;;
    alertmanager) echo "$ALERTMANAGER_PORT" ;;
    esac
}

main() {
    local command=${1:-help}
    [ $# = 0 ] || shift
    case $command in
    help | -h | --help) usage && return ;;
    esac
    prepare_state
    choose_kind "$command"
    case $command in
    install | proxies | observe | up | down | reset | service-start | service-stop | start | stop | kill | pause | resume | promote | backup | restore) lock_state ;;
    esac
    load_ports
    load_secrets
    [ "$KIND" = local ] || write_compose_env
    if [[ $command =~ ^(start|stop|kill|pause|resume)$ ]]; then require_part "${1:-}"; fi
    case $command in
    install) install_missing ;;
    proxies | observe | ui | up | down | reset | status | migrate) "$command" "$@" ;;
    promote) postgres_promote ;;
    backup) postgres_backup ;;
    restore) postgres_restore "$@" ;;
    service-start) part_start traffic-manager ;;
    service-stop) part_stop_or_kill traffic-manager ;;
    start | kill | pause | resume) "part_$command" "$1" ;;
    stop)
        part_stop_or_kill "$1"
        say "$1 stopped"
        ;;
    kafka-tool) kafka_tool "$@" ;;
    find-event) mongo_find_event "${1:?find-event needs an event id}" ;;
    compose) compose "$@" ;;
    psql) superuser_sql "$PG_PRIMARY_PORT" -d traffic_manager "$@" ;;
    *)
        usage >&2
        die "no such command: $command"
        ;;
    esac
}

main "$@"
