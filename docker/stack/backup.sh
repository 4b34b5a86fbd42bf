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

archive_start() { # DIR
    PGPASSWORD=$PG_SUPERUSER_PASSWORD spawn_as_postgres wal-archive "$1" \
        "$(postgres_bin)/pg_receivewal" -h 127.0.0.1 -p "$PG_PRIMARY_PORT" -U postgres -D "$1" -S backup --synchronous
    wait_ready wal-archive 20 archive_streams
}

archive_stop() { part_stop wal-archive INT 10 || part_kill wal-archive; }

# Called by `up`: goes on from where the archive ends. A primary that was restored has no slot, and its backup ends where it was restored to.
archive_resume() {
    [ "$(state_of wal-archive)" = stopped ] || return 0
    as_postgres test -d "$(backup_dir)/base" || return 0
    [ "$(superuser_sql "$PG_PRIMARY_PORT" -d postgres -c "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'backup'")" = 1 ] ||
        return 0
    archive_start "$(backup_dir)/wal"
}

# What is written before the base backup has ended is archived first, so that there is no gap between the two. The backup before this one
# stays until this one is whole; the slot keeps what is written while the archive moves.
postgres_backup() {
    local dir new
    require_no_containers backup
    [ "$(state_of postgres-primary)" = running ] || die "the primary does not run"
    dir=$(backup_dir) new=$(backup_dir).new
    archive_stop
    as_postgres rm -rf "$new"
    as_postgres mkdir -p "$new/wal"
    backup_tool pg_receivewal --create-slot --if-not-exists -S backup
    archive_start "$new/wal"
    backup_tool pg_basebackup -D "$new/base" -X stream -c fast
    archive_stop
    as_postgres rm -rf "$dir"
    as_postgres mv "$new" "$dir"
    archive_start "$dir/wal"
    say "backed up; every change from now on is archived as well"
}

# The primary as it was at that time, on a new timeline, and a replica that is a copy of it. Without a time, all that is archived; if that is
# not all there is, only with --force.
postgres_restore() {
    local time dir data force=
    if [ "${1:-}" = --force ]; then
        force=1
        shift
    fi
    time=${1:-}
    require_no_containers restore
    [[ $time != *\'* ]] || die "no such time: $time"
    dir=$(backup_dir) data=$(postgres_dir)/primary
    as_postgres test -d "$dir/base" || die "there is no backup: docker/local-stack.sh backup"
    if [ -z "$time$force" ]; then
        [ "$(state_of postgres-primary)" = running ] ||
            die "the primary does not run, so that nobody knows whether its newest changes are archived: give a time, or --force"
        wait_until 20 has_archived "$(superuser_sql "$PG_PRIMARY_PORT" -d postgres -c 'SELECT pg_current_wal_flush_lsn()')" ||
            die "the newest changes are not archived, and would be lost: give a time, or --force"
    fi
    archive_stop
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
