# shellcheck shell=bash
# Paths, ports, passwords, and the handling of processes: what every part of the stack needs.
# Sourced by docker/local-stack.sh, which sets ROOT.

STACK=${TM_STACK_DIR:-$ROOT/.stack}
# What is fetched is no state: every stack of this repository uses the same.
TOOLS=$ROOT/.stack/tools
TM_BIN=${TM_BIN:-${CARGO_TARGET_DIR:-$ROOT/target}/debug/traffic-manager}
PARTS=(postgres-primary postgres-replica kafka mongo)

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    warn "error: $*"
    exit 1
}

# ---- state -----------------------------------------------------------------------------------------------------------

prepare_state() {
    umask 077
    mkdir -p "$STACK" "$STACK/pids" "$STACK/marks" "$STACK/log" "$TOOLS"
}

# One command at a time: two `up` at once would otherwise both start everything.
lock_state() {
    exec 9>"$STACK/lock"
    flock -w 180 9 || die "another command has held $STACK/lock for three minutes"
}

# Tells clones of the repository apart where they share something: data under /var/lib, names of containers.
repository_id() { printf '%s' "${TM_STACK_DIR:-$ROOT}" | cksum | cut -d' ' -f1; }

# ---- ports -----------------------------------------------------------------------------------------------------------

PORT_VARIABLES=(PG_PRIMARY_PORT PG_REPLICA_PORT KAFKA_PORT KAFKA_TLS_PORT KAFKA_CONTROLLER_PORT MONGO_PORT MONGO_TLS_PORT
    API_PORT OPS_PORT ADS_PORT PROMETHEUS_PORT ALERTMANAGER_PORT)

default_port() {
    case $1 in
    PG_PRIMARY_PORT) echo 15432 ;;
    PG_REPLICA_PORT) echo 15433 ;;
    KAFKA_PORT) echo 19092 ;;
    KAFKA_CONTROLLER_PORT) echo 19093 ;;
    KAFKA_TLS_PORT) echo 19094 ;;
    MONGO_PORT) echo 27117 ;;
    MONGO_TLS_PORT) echo 27118 ;;
    API_PORT) echo 8000 ;;
    OPS_PORT) echo 9000 ;;
    ADS_PORT) echo 18000 ;;
    PROMETHEUS_PORT) echo 19090 ;;
    ALERTMANAGER_PORT) echo 19096 ;;
    esac
}

# A port comes from the environment, else from what the last `up` used, else from the default. With TM_FREE_PORTS=1 the
# default gives way to the next free port when another program has it.
load_ports() {
    local variable saved
    for variable in "${PORT_VARIABLES[@]}"; do
        saved=$(saved_port "$variable")
        if [ -z "${!variable:-}" ]; then
            printf -v "$variable" '%s' "${saved:-$(pick_port "$variable")}"
        elif [ -n "$saved" ] && [ "${!variable}" != "$saved" ] && anything_runs; then
            die "$variable=${!variable}, but the running stack uses $saved: run 'docker/local-stack.sh down' first"
        fi
        [[ ${!variable} =~ ^[0-9]{1,5}$ ]] || die "$variable=${!variable} is not a port number"
        export "${variable?}"
    done
}

pick_port() {
    local port
    port=$(default_port "$1")
    if [ "${TM_FREE_PORTS:-}" = 1 ]; then
        while port_answers "$port"; do port=$((port + 100)); done
    fi
    echo "$port"
}

saved_port() {
    [ ! -f "$STACK/ports" ] || sed -n "s/^$1=//p" "$STACK/ports"
}

save_ports() {
    local variable
    for variable in "${PORT_VARIABLES[@]}"; do
        printf '%s=%s\n' "$variable" "${!variable}"
    done >"$STACK/ports"
}

anything_runs() {
    local part
    for part in "${PARTS[@]}" traffic-manager; do
        [ "$(state_of "$part")" = stopped ] || return 0
    done
    return 1
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Call before a part starts, when none of ours can be listening there.
require_free_port() {
    local variable=$1
    local port=${!variable}
    port_answers "$port" || return 0
    die "port $port is in use by another program; set $variable to a free port, for example: $variable=$((port + 1000)) make up"
}

# ---- passwords -------------------------------------------------------------------------------------------------------

SECRET_VARIABLES=(PG_SUPERUSER_PASSWORD PG_OWNER_PASSWORD PG_APP_PASSWORD KAFKA_APP_PASSWORD
    MONGO_ADMIN_PASSWORD MONGO_APP_PASSWORD MONGO_AUDITOR_PASSWORD KEY_PEPPER)

random_hex() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Made once, kept until `reset`; a stack from before is given what it has not yet. Hexadecimal, so that they need no quoting in SQL,
# URLs or shell.
load_secrets() {
    local variable
    { [ ! -f "$STACK/secrets" ] || cat "$STACK/secrets"; } >"$STACK/secrets.new"
    for variable in "${SECRET_VARIABLES[@]}"; do
        grep -q "^$variable=" "$STACK/secrets.new" || printf '%s=%s\n' "$variable" "$(random_hex)" >>"$STACK/secrets.new"
    done
    mv "$STACK/secrets.new" "$STACK/secrets"
    # shellcheck source=/dev/null
    . "$STACK/secrets"
}

# ---- processes -------------------------------------------------------------------------------------------------------
# A part is known by the pid that it wrote itself. A pid is believed only while the process behind it still has the part's
# mark in its command line, so that a pid file left over from before a reboot never points a signal at a stranger.

# spawn NAME MARK COMMAND...: runs on when this shell ends, holds none of its files open, logs to .stack/log/NAME.log
spawn() {
    local name=$1 mark=$2
    shift 2
    rm -f "$STACK/pids/$name"
    printf '%s\n' "$mark" >"$STACK/marks/$name"
    [ ! -f "$STACK/log/$name.log" ] || mv -f "$STACK/log/$name.log" "$STACK/log/$name.log.1"
    # shellcheck disable=SC2016 # expanded by the inner shell
    setsid bash -c '
        for fd in /proc/self/fd/*; do
            fd=${fd##*/}
            if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
        done
        echo "$$" >"$1.new" && mv "$1.new" "$1"
        shift
        exec "$@"
    ' spawn "$STACK/pids/$name" "$@" </dev/null >"$STACK/log/$name.log" 2>&1 &
    wait_until 5 test -f "$STACK/pids/$name" || die "$name could not be started"
}

# The pid of a part, if it is alive and ours.
pid_of() {
    local name=$1 pid mark
    [ -f "$STACK/pids/$name" ] && [ -f "$STACK/marks/$name" ] || return 1
    pid=$(<"$STACK/pids/$name")
    mark=$(<"$STACK/marks/$name")
    [[ $pid =~ ^[1-9][0-9]*$ ]] && [ -n "$mark" ] || return 1
    # A zombie has an empty command line, and so counts as gone.
    { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF -- "$mark" || return 1
    echo "$pid"
}

process_paused() { grep -q '^State:[[:space:]]*T' "/proc/$1/status" 2>/dev/null; }

# running, paused or stopped
state_of() {
    local pid
    if is_container "$1"; then container_state "$1"; return; fi
    pid=$(pid_of "$1") || { echo stopped; return; }
    if process_paused "$pid"; then echo paused; else echo running; fi
}

children_of() {
    grep -lE "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3 || true
}

# signal_tree SIGNAL PID: the process and then its children (PostgreSQL is many processes; the others are one). The parent
# goes first, so that a stopped one makes no new children meanwhile.
signal_tree() {
    local signal=$1 pid=$2 child children
    children=$(children_of "$pid")
    kill -s "$signal" "$pid"
    for child in $children; do
        kill -s "$signal" "$child" 2>/dev/null || true
    done
}

tree_gone() {
    local pid
    for pid in "$@"; do
        ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$pid/status" 2>/dev/null || return 1
    done
}

part_stop() { # NAME SIGNAL SECONDS
    local name=$1 signal=$2 seconds=$3 pid
    pid=$(pid_of "$name") || { forget "$name"; return 0; }
    if process_paused "$pid"; then signal_tree CONT "$pid"; fi
    kill -s "$signal" "$pid"
    wait_until "$seconds" part_gone "$name" || return 1
    forget "$name"
}

part_kill() {
    local name=$1 pid children
    if is_container "$name"; then compose kill "$name"; return; fi
    pid=$(pid_of "$name") || die "$name does not run"
    children=$(children_of "$pid")
    signal_tree KILL "$pid"
    # shellcheck disable=SC2086 # a list of pids
    wait_until 10 tree_gone "$pid" $children || die "$name is still there 10 s after SIGKILL"
    forget "$name"
    if [ "$name" = traffic-manager ]; then write_env; fi
    say "$name killed"
}

part_pause() {
    local pid
    if is_container "$1"; then compose pause "$1"; return; fi
    pid=$(pid_of "$1") || die "$1 does not run"
    signal_tree STOP "$pid"
    wait_until 5 process_paused "$pid" || die "$1 did not stop within 5 s"
    say "$1 paused"
}

part_resume() {
    local pid
    if is_container "$1"; then compose unpause "$1"; return; fi
    pid=$(pid_of "$1") || die "$1 does not run"
    signal_tree CONT "$pid"
    say "$1 resumed"
}

part_gone() { ! pid_of "$1" >/dev/null; }

forget() { rm -f "$STACK/pids/$1" "$STACK/marks/$1"; }

# ---- waiting ---------------------------------------------------------------------------------------------------------

# wait_until SECONDS COMMAND...: true as soon as the command is; false when the time is over
wait_until() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/[.,]/}" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# wait_ready NAME SECONDS COMMAND...: the same, but ends at once when the part dies, and shows why
wait_ready() {
    local name=$1 seconds=$2
    shift 2
    wait_until "$seconds" ready_or_gone "$name" "$@" || { show_log "$name"; die "$name was not ready within $seconds s"; }
    ! part_gone "$name" || { show_log "$name"; die "$name ended while starting"; }
}

ready_or_gone() {
    local name=$1
    shift
    "$@" || part_gone "$name"
}

show_log() {
    warn "the end of .stack/log/$1.log:"
    tail -n 30 "$STACK/log/$1.log" 2>/dev/null | sed 's/^/    /' >&2 || true
}
