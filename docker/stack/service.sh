# shellcheck shell=bash
# Traffic Manager itself, as a process on this machine, and the file by which the stack describes itself.

# Written whole and then moved into place, so that a reader never meets half of it.
write_env() {
    local pg=@127.0.0.1:$PG_PRIMARY_PORT/traffic_manager replica=@127.0.0.1:$PG_REPLICA_PORT/traffic_manager
    local mongo=@127.0.0.1:$MONGO_PORT audit=traffic_manager_audit
    PG_PRIMARY_URL=postgres://postgres:$PG_SUPERUSER_PASSWORD$pg
    PG_REPLICA_URL=postgres://postgres:$PG_SUPERUSER_PASSWORD$replica
    PG_OWNER_URL=postgres://traffic_manager_owner:$PG_OWNER_PASSWORD$pg
    PG_APP_URL=postgres://traffic_manager:$PG_APP_PASSWORD$pg
    PG_APP_REPLICA_URL=postgres://traffic_manager:$PG_APP_PASSWORD$replica
    KAFKA_BOOTSTRAP=127.0.0.1:$KAFKA_PORT
    MONGO_ADMIN_URL="mongodb://admin:$MONGO_ADMIN_PASSWORD$mongo/?authSource=admin&directConnection=true"
    MONGO_APP_URL="mongodb://tm_service:$MONGO_APP_PASSWORD$mongo/$audit?authSource=$audit&directConnection=true"
    MONGO_AUDITOR_URL="mongodb://tm_auditor:$MONGO_AUDITOR_PASSWORD$mongo/$audit?authSource=$audit&directConnection=true"
    {
        cat <<EOF
# The running stack, in shell syntax; written by docker/local-stack.sh. It holds passwords.

# for people, tests and benches: superuser, owner of the schema, the service's role
export PG_PRIMARY_URL='$PG_PRIMARY_URL'
export PG_REPLICA_URL='$PG_REPLICA_URL'
export PG_OWNER_URL='$PG_OWNER_URL'
export PG_APP_URL='$PG_APP_URL'
export PG_APP_REPLICA_URL='$PG_APP_REPLICA_URL'
export KAFKA_BOOTSTRAP='$KAFKA_BOOTSTRAP'
export MONGO_ADMIN_URL='$MONGO_ADMIN_URL'
export MONGO_APP_URL='$MONGO_APP_URL'
export MONGO_AUDITOR_URL='$MONGO_AUDITOR_URL'

# for tests/fuzz
export SCHEMATHESIS='$SCHEMATHESIS_VENV/bin/schemathesis'

# for tests/observe
export GRAFANA_PYTHON='$GRAFANA_VENV/bin/python'

# for the service
export TM__POSTGRES__PRIMARY_URL='$PG_APP_URL'
export TM__POSTGRES__REPLICA_URLS='$PG_APP_REPLICA_URL'
export TM__KAFKA__BOOTSTRAP_SERVERS='$KAFKA_BOOTSTRAP'
export TM__MONGO__URL='$MONGO_APP_URL'
export TM__HTTP__LISTEN='127.0.0.1:$API_PORT'
export TM__HTTP__OPS_LISTEN='127.0.0.1:$OPS_PORT'
export TM__HTTP__ADS_LISTEN='127.0.0.1:$ADS_PORT'
export TM__AUTH__KEY_PEPPER='$KEY_PEPPER'

# for 'traffic-manager migrate'
export TM__MIGRATE__POSTGRES_URL='$PG_OWNER_URL'
export TM__MIGRATE__MONGO_URL='$MONGO_ADMIN_URL'
EOF
        if [ "$(state_of traffic-manager)" != stopped ]; then
            cat <<EOF

# where the service listens
export API_URL='http://127.0.0.1:$API_PORT'
export OPS_URL='http://127.0.0.1:$OPS_PORT'
export ADS_ADDRESS='127.0.0.1:$ADS_PORT'
EOF
        fi
        if [ "$(state_of prometheus)" != stopped ]; then
            cat <<EOF

# where Prometheus and Alertmanager listen
export PROMETHEUS_URL='http://127.0.0.1:$PROMETHEUS_PORT'
export ALERTMANAGER_URL='http://127.0.0.1:$ALERTMANAGER_PORT'
EOF
        fi
        if [ -f "$STACK/api-token" ]; then
            cat <<EOF

# who may do everything: send it as 'Authorization: Bearer'
export API_TOKEN='$(<"$STACK/api-token")'
EOF
        fi
    } >"$STACK/env.new"
    chmod 600 "$STACK/env.new"
    mv "$STACK/env.new" "$STACK/env"
    write_secure_env
}

# For who wants everything encrypted and verified: read after .stack/env, whose addresses it replaces.
write_secure_env() {
    local name tls_port=$MONGO_TLS_PORT
    # mongod itself serves both on one port.
    [ "$KIND" = local ] || tls_port=$MONGO_PORT
    {
        cat <<EOF
# What differs from .stack/env when everything is encrypted; written by docker/local-stack.sh. It holds passwords.

export STACK_CA='$TLS/ca.pem'
export CURL_CA_BUNDLE='$TLS/ca.pem'
EOF
        for name in PG_PRIMARY_URL PG_REPLICA_URL PG_OWNER_URL PG_APP_URL PG_APP_REPLICA_URL; do
            printf "export %s='%s?sslmode=require'\n" "$name" "${!name}"
        done
        for name in MONGO_ADMIN_URL MONGO_APP_URL MONGO_AUDITOR_URL; do
            printf "export %s='%s&tls=true&tlsCAFile=%s'\n" "$name" "${!name/:$MONGO_PORT/:$tls_port}" "$TLS/ca.pem"
        done
        cat <<EOF
export KAFKA_BOOTSTRAP='127.0.0.1:$KAFKA_TLS_PORT'
export KAFKA_USERNAME='traffic-manager'
export KAFKA_PASSWORD='$KAFKA_APP_PASSWORD'

# for the service
export TM__POSTGRES__PRIMARY_URL="\$PG_APP_URL"
export TM__POSTGRES__REPLICA_URLS="\$PG_APP_REPLICA_URL"
export TM__POSTGRES__CA_FILE="\$STACK_CA"
export TM__KAFKA__BOOTSTRAP_SERVERS="\$KAFKA_BOOTSTRAP"
export TM__KAFKA__SECURITY_PROTOCOL='sasl_ssl'
export TM__KAFKA__CA_FILE="\$STACK_CA"
export TM__KAFKA__SASL_USERNAME="\$KAFKA_USERNAME"
export TM__KAFKA__SASL_PASSWORD="\$KAFKA_PASSWORD"
export TM__MONGO__URL="\$MONGO_APP_URL"
export TM__MONGO__CA_FILE="\$STACK_CA"
export TM__HTTP__TLS__CERT_FILE='$TLS/server.pem'
export TM__HTTP__TLS__KEY_FILE='$TLS/server.key'

# for 'traffic-manager migrate'
export TM__MIGRATE__POSTGRES_URL="\$PG_OWNER_URL"
export TM__MIGRATE__MONGO_URL="\$MONGO_ADMIN_URL"
EOF
    } >"$STACK/env.secure.new"
    chmod 600 "$STACK/env.secure.new"
    mv "$STACK/env.secure.new" "$STACK/env.secure"
}

require_binary() {
    [ -x "$TM_BIN" ] || die "$TM_BIN is not there: run 'make build' first, or name the program in TM_BIN"
}

migrate() {
    require_binary
    # shellcheck source=/dev/null
    (. "$STACK/env" && exec "$TM_BIN" migrate 9>&-)
}

service_ready() {
    [ "$(curl -s -o /dev/null -m 2 -w '%{http_code}' "http://127.0.0.1:$OPS_PORT/health/ready")" = 200 ]
}

# The status that a request with our token is answered with. The token is given as a file, for everybody can read command lines.
token_status() {
    curl -s -o /dev/null -m 10 -w '%{http_code}' -H @<(printf 'Authorization: Bearer %s\n' "$(<"$STACK/api-token")") \
        "http://127.0.0.1:$API_PORT/api/v1/keys?limit=1"
}

# The first key can only be made here, where the database's password is; all others over the API. One that still works is kept.
ensure_token() {
    local status=
    if [ -f "$STACK/api-token" ]; then
        status=$(token_status) || true
        case $status in
        200) return 0 ;;
        401) ;;
        *) die "the API does not say whether API_TOKEN of .stack/env is good (status ${status:-none}): see .stack/log/traffic-manager.log" ;;
        esac
    fi
    # shellcheck source=/dev/null
    (. "$STACK/env" && exec "$TM_BIN" key create --role platform_admin --description 'API_TOKEN of the local stack' 9>&-) \
        >"$STACK/api-token.new" 2>"$STACK/log/key-create.log" || { cat "$STACK/log/key-create.log" >&2; die "the first key could not be made"; }
    mv "$STACK/api-token.new" "$STACK/api-token"
    say "an API key was made: API_TOKEN in .stack/env"
}

service_start() {
    require_binary
    [ -f "$STACK/env" ] || die "there is no stack yet: docker/local-stack.sh up"
    require_free_port API_PORT
    require_free_port OPS_PORT
    require_free_port ADS_PORT
    # shellcheck source=/dev/null
    . "$STACK/env"
    spawn traffic-manager "$TM_BIN all" "$TM_BIN" all
    wait_ready traffic-manager 60 service_ready
    ensure_token
    write_env
}

# SIGTERM lets it finish what it has begun; more than 40 s is a fault of the service, and is said so.
service_stop() {
    part_stop traffic-manager TERM 40 || { show_log traffic-manager; die "traffic-manager did not stop within 40 s of SIGTERM"; }
    [ ! -f "$STACK/env" ] || write_env
}
