#!/bin/bash
# The replica's container: copies the primary if there is no copy yet, or only one that was promoted, then runs as the image
# would. Needs PGDATA (below the volume's root) and PGPASSWORD, the superuser's.
set -euo pipefail

primary=(-h postgres-primary -U postgres)

if [ ! -f "$PGDATA/standby.signal" ]; then
    rm -rf "$PGDATA" "$PGDATA.new"
    install -d -o postgres -g postgres -m 700 "$PGDATA.new"
    psql -X -q "${primary[@]}" -d postgres -o /dev/null \
        -c "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'replica1'"
    gosu postgres pg_basebackup "${primary[@]}" -D "$PGDATA.new" -R -X stream -c fast -C -S replica1
    mv "$PGDATA.new" "$PGDATA"
fi

exec docker-entrypoint.sh "$@"
