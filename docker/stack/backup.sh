# shellcheck shell=bash
# A backup of the primary, and the way back to a point in time: docs/operations/backup.md says what else belongs to a restore.

backup_dir() { echo "$(postgres_dir)/backup"; }

backup_tool() { # PROGRAM [arguments]
    local program=$1
    shift
    PGPASSWORD=$PG_SUPERUSER_PASSWORD as_postgres "$(postgres_bin)/$program" -h 127.0.0.1 -p "$PG_PRIMARY_PORT" -U postgres "$@"
}

archived_lsn() {
    superuser_sql "$PG_PRIMARY_PORT" -d postgres \
        -c "SELECT flush_lsn >= '$1'::pg_lsn FROM pg_stat_replication WHERE application_name = 'pg_receivewal'" 2>/dev/null
}

has_archived() { [ "$(archived_lsn "$1")" = t ]; }

archive_streams() { [ -n "$(archived_lsn 0/0)" ]; }

# What is written before the base backup has ended is archived first, so that there is no gap between the two.
postgres_backup() {
    local dir
    require_no_containers backup
    [ "$(state_of postgres-primary)" = running ] || die "the primary does not run"
    dir=$(backup_dir)
    part_stop wal-archive INT 10 || part_kill wal-archive
    as_postgres rm -rf "$dir"
    as_postgres mkdir -p "$dir/wal"
    backup_tool pg_receivewal --create-slot --if-not-exists -S backup
    PGPASSWORD=$PG_SUPERUSER_PASSWORD spawn_as_postgres wal-archive "$dir/wal" \
        "$(postgres_bin)/pg_receivewal" -h 127.0.0.1 -p "$PG_PRIMARY_PORT" -U postgres -D "$dir/wal" -S backup --synchronous
    wait_ready wal-archive 20 archive_streams
    backup_tool pg_basebackup -D "$dir/base" -X stream -c fast
    say "backed up; every change from now on is archived as well"
}

# The primary as it was at that time, on a new timeline, and a replica that is a copy of it. Without a time, all that is archived.
postgres_restore() {
    local time=${1:-} dir data
    require_no_containers restore
    [[ $time != *\'* ]] || die "no such time: $time"
    dir=$(backup_dir) data=$(postgres_dir)/primary
    as_postgres test -d "$dir/base" || die "there is no backup: docker/local-stack.sh backup"
    if [ "$(state_of postgres-primary)" = running ]; then
        wait_until 20 has_archived "$(superuser_sql "$PG_PRIMARY_PORT" -d postgres -c 'SELECT pg_current_wal_flush_lsn()')" ||
            warn "the newest changes are not archived"
    fi
    part_stop wal-archive INT 10 || part_kill wal-archive
    part_stop_or_kill postgres-replica
    part_stop_or_kill postgres-primary
    as_postgres rm -rf "$data" "$(postgres_dir)/replica"
    as_postgres cp -a "$dir/base" "$data"
    {
        # The last segment is not full, and so still has its provisional name.
        echo "restore_command = 'cp \"$dir/wal/%f\" \"%p\" 2>/dev/null || cp \"$dir/wal/%f.partial\" \"%p\"'"
        echo "recovery_target_action = 'promote'"
        [ -z "$time" ] || echo "recovery_target_time = '$time'"
    } | as_postgres tee -a "$data/postgresql.auto.conf" >/dev/null
    as_postgres touch "$data/recovery.signal"
    postgres_start postgres-primary
    # Its replicas would take them over, and end their own recovery where this one did.
    superuser_sql "$PG_PRIMARY_PORT" -d postgres -c 'ALTER SYSTEM RESET restore_command' \
        -c 'ALTER SYSTEM RESET recovery_target_action' -c 'ALTER SYSTEM RESET recovery_target_time'
    postgres_start postgres-replica
    say "restored to ${time:-the end of the archive}; the backup ends there: make another one"
}
