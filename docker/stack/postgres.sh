# shellcheck shell=bash
# PostgreSQL: a primary and a streaming replica, clusters of our own.

postgres_bin() {
    local dir newest=
    for dir in $(compgen -G '/usr/lib/postgresql/*/bin' | sort -V) "$(dirname "$(command -v initdb 2>/dev/null || echo /none/)")"; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/pg_basebackup" ]; then newest=$dir; fi
    done
    [ -n "$newest" ] && echo "$newest"
}

# PostgreSQL refuses to run as root. For root it therefore runs as the user postgres, whose data cannot live in the
# repository: that may be under a directory that only root may enter. /var/lib is open to everybody and, unlike /tmp and
# /var/tmp, nothing there is cleaned up by age from under a server. Anybody else runs it as themselves, inside .stack/.
postgres_dir() {
    if [ "$(id -u)" = 0 ]; then
        echo "/var/lib/traffic-manager-stack/$(repository_id)"
    else
        echo "$STACK/postgres"
    fi
}

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/ "$@")
    else
        "$@"
    fi
}

# `spawn`, as the user whose data it is. Not through as_postgres: the process that is known has to be the program itself.
spawn_as_postgres() { # NAME MARK COMMAND...
    local name=$1 mark=$2
    shift 2
    local command=("$@")
    if [ "$(id -u)" = 0 ]; then
        command=(env -C / setpriv --reuid=postgres --regid=postgres --init-groups "${command[@]}")
    fi
    spawn "$name" "$mark" "${command[@]}"
}

postgres_prepare_dir() {
    local dir
    dir=$(postgres_dir)
    if [ ! -f "$STACK/postgres-dir" ]; then discard_orphans "$dir"; fi
    if [ "$(id -u)" = 0 ]; then
        id postgres >/dev/null 2>&1 || die "there is no user 'postgres', and PostgreSQL refuses to run as root"
        (umask 022 && mkdir -p "${dir%/*}")
        install -d -o postgres -g postgres -m 700 "$dir"
    else
        mkdir -p "$dir"
    fi
    echo "$dir" >"$STACK/postgres-dir"
}

# Data of a repository that was at this path before and was deleted without `down`: its passwords are gone with it.
discard_orphans() {
    local dir=$1 pid
    for pid in "$dir"/*/postmaster.pid; do
        [ -f "$pid" ] || continue
        pid=$(head -n 1 "$pid")
        if [ -d "/proc/$pid" ] && grep -qF "$dir" "/proc/$pid/cmdline" 2>/dev/null; then
            die "PostgreSQL of an earlier stack at this path still runs in $dir (pid $pid); stop it with: kill -INT $pid"
        fi
    done
    rm -rf "$dir"
}

postgres_port() {
    case $1 in
    postgres-primary) echo "$PG_PRIMARY_PORT" ;;
    postgres-replica) echo "$PG_REPLICA_PORT" ;;
    esac
}

# psql as the superuser: superuser_sql PORT [psql arguments]
superuser_sql() {
    local port=$1
    shift
    if [ "$KIND" = compose ]; then
        compose exec -T postgres-primary psql -X -q -A -t -v ON_ERROR_STOP=1 -U postgres "$@"
        return
    fi
    PGPASSWORD=$PG_SUPERUSER_PASSWORD PGCONNECT_TIMEOUT=5 PGOPTIONS='-c client_min_messages=warning' \
        "$(postgres_bin)/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres "$@"
}

postgres_answers() { [ "$(superuser_sql "$1" -d postgres -c 'SELECT 1' 2>/dev/null)" = 1 ]; }

# Settings go into a file of their own, written anew before each start, so that a changed port is taken over.
write_postgres_settings() {
    local name=$1 data
    data=$(postgres_dir)/${name#postgres-}
    {
        cat <<EOF
# written by docker/local-stack.sh before each start
listen_addresses = '127.0.0.1'
port = $(postgres_port "$name")
unix_socket_directories = ''
wal_level = logical
max_connections = 300
max_wal_senders = 10
max_replication_slots = 10
max_slot_wal_keep_size = 1GB
shared_buffers = $([ "$name" = postgres-primary ] && echo 256MB || echo 128MB)
timezone = 'UTC'
log_timezone = 'UTC'
ssl = on
ssl_cert_file = 'stack-server.pem'
ssl_key_file = 'stack-server.key'
EOF
        [ "$name" = postgres-primary ] || cat <<EOF
primary_slot_name = 'replica1'
wal_retrieve_retry_interval = 500ms
primary_conninfo = 'host=127.0.0.1 port=$PG_PRIMARY_PORT user=postgres password=$PG_SUPERUSER_PASSWORD application_name=replica1'
EOF
    } | as_postgres tee "$data/stack.conf" >/dev/null
    # Copies: the user that the server runs as cannot look into the repository.
    as_postgres tee "$data/stack-server.pem" <"$TLS/server.pem" >/dev/null
    as_postgres tee "$data/stack-server.key" <"$TLS/server.key" >/dev/null
    as_postgres chmod 600 "$data/stack-server.key"
}

postgres_init_primary() {
    local dir bin
    dir=$(postgres_dir) bin=$(postgres_bin)
    as_postgres rm -rf "$dir/primary.new"
    printf '%s\n' "$PG_SUPERUSER_PASSWORD" | as_postgres tee "$dir/pwfile" >/dev/null
    as_postgres "$bin/initdb" -D "$dir/primary.new" -U postgres -A scram-sha-256 --pwfile="$dir/pwfile" \
        -E UTF8 --locale=C.UTF-8 >"$STACK/log/initdb.log" 2>&1 || { tail "$STACK/log/initdb.log" >&2; die "initdb failed"; }
    as_postgres rm -f "$dir/pwfile"
    echo "include 'stack.conf'" | as_postgres tee -a "$dir/primary.new/postgresql.conf" >/dev/null
    as_postgres mv "$dir/primary.new" "$dir/primary"
}

# A copy of the running primary. Also the way back for a replica that was promoted or has lost its place.
postgres_init_replica() {
    local dir bin
    dir=$(postgres_dir) bin=$(postgres_bin)
    as_postgres rm -rf "$dir/replica" "$dir/replica.new"
    superuser_sql "$PG_PRIMARY_PORT" -d postgres -o /dev/null <<'SQL'
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'replica1';
SQL
    PGPASSWORD=$PG_SUPERUSER_PASSWORD as_postgres "$bin/pg_basebackup" -h 127.0.0.1 -p "$PG_PRIMARY_PORT" -U postgres \
        -D "$dir/replica.new" -X stream -c fast -C -S replica1 >"$STACK/log/basebackup.log" 2>&1 ||
        { tail "$STACK/log/basebackup.log" >&2; die "pg_basebackup failed"; }
    as_postgres touch "$dir/replica.new/standby.signal"
    as_postgres mv "$dir/replica.new" "$dir/replica"
}

# After SIGKILL the lock file stays, and PostgreSQL believes it for as long as its parent has not collected the dead process:
# for ever, in a container whose first process collects nothing. Nobody works in the directory any more, so the lock is stale.
forget_crash() {
    wait_until 10 nobody_works_in "$1" || die "processes of an earlier server still work in $1"
    as_postgres rm -f "$1/postmaster.pid"
}

nobody_works_in() { ! find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$1" 2>/dev/null | grep -q .; }

postgres_start() {
    local name=$1 dir data port
    postgres_prepare_dir
    dir=$(postgres_dir) data=$dir/${name#postgres-} port=$(postgres_port "$name")
    if [ "$name" = postgres-primary ]; then
        require_free_port PG_PRIMARY_PORT
        [ -d "$data" ] || postgres_init_primary
    else
        require_free_port PG_REPLICA_PORT
        if ! as_postgres test -f "$data/standby.signal"; then
            [ "$(state_of postgres-primary)" = running ] || die "the replica has to be copied from the primary, and that does not run"
            postgres_init_replica
        fi
    fi
    forget_crash "$data"
    write_postgres_settings "$name"
    spawn_as_postgres "$name" "$data" "$(postgres_bin)/postgres" -D "$data"
    wait_ready "$name" 60 postgres_answers "$port"
    if [ "$name" = postgres-primary ]; then
        wait_until 60 postgres_takes_writes || die "$name does not take writes"
        postgres_create_roles
    fi
}

# The same file serves the containers; see docker/postgres/roles.sql for who may do what.
postgres_create_roles() {
    {
        printf "\\set owner_password '%s'\n" "$PG_OWNER_PASSWORD"
        printf "\\set app_password '%s'\n" "$PG_APP_PASSWORD"
        cat "$ROOT/docker/postgres/roles.sql"
    } | superuser_sql "$PG_PRIMARY_PORT" -d postgres
}

replica_streams() {
    [ "$(superuser_sql "$PG_PRIMARY_PORT" -d postgres \
        -c "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'replica1' AND state = 'streaming'" 2>/dev/null)" = 1 ]
}

# One that is restored answers before it does.
postgres_takes_writes() { [ "$(superuser_sql "$PG_PRIMARY_PORT" -d postgres -c 'SELECT pg_is_in_recovery()')" = f ]; }

replica_promoted() {
    [ "$(superuser_sql "$PG_REPLICA_PORT" -d postgres -c 'SELECT pg_is_in_recovery()')" = f ]
}

require_no_containers() {
    [ "$KIND" = local ] || die "$1 needs a stack without containers (TM_STACK=local)"
}

# What it had not received of the old primary is lost, and the old primary may go on beside it: whoever promotes sees to that.
postgres_promote() {
    require_no_containers promote
    superuser_sql "$PG_REPLICA_PORT" -d postgres -o /dev/null -c 'SELECT pg_promote(true, 30)'
    replica_promoted || die "postgres-replica was not promoted"
    say "postgres-replica takes writes"
}

# Called by `up` when both run: a replica that was promoted, or that fell so far behind that its slot was given up, is rebuilt.
postgres_repair_replica() {
    replica_promoted || ! wait_until 20 replica_streams || return 0
    say "postgres-replica does not follow the primary: copying it anew"
    part_stop postgres-replica INT 30 || die "postgres-replica did not stop"
    as_postgres rm -rf "$(postgres_dir)/replica"
    postgres_start postgres-replica
    wait_until 20 replica_streams || { show_log postgres-replica; die "postgres-replica does not follow the primary"; }
}
