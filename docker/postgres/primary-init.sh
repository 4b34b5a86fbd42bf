#!/bin/bash
# Runs once in the primary's container, while the image sets the data directory up: the roles, and leave for a replica to connect.
set -euo pipefail

{
    printf "\\set owner_password '%s'\n" "$PG_OWNER_PASSWORD"
    printf "\\set app_password '%s'\n" "$PG_APP_PASSWORD"
    cat /traffic-manager/roles.sql
} | psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres

echo 'host replication postgres all scram-sha-256' >>"$PGDATA/pg_hba.conf"
