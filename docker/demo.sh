#!/usr/bin/env bash
# Follows one change through the running system: the API, PostgreSQL's history, Kafka, MongoDB, the audit API, and a proxy that
# polls; and a key of a tenant from its making to its end. Every station has to show the same event, or the script says which one does
# not and fails. Then a real Envoy follows the service, also while the service is stopped.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
STACK_DIR=${TM_STACK_DIR:-.stack}
[ -f "$STACK_DIR/env" ] || { echo "there is no stack: run 'make demo'" >&2; exit 1; }
# shellcheck source=/dev/null
. "$STACK_DIR/env"
[ -f "$STACK_DIR/env.proxies" ] || { echo "there is no Envoy: run 'make proxies'" >&2; exit 1; }
# shellcheck source=/dev/null
. "$STACK_DIR/env.proxies"
[ -n "${API_URL:+${API_TOKEN:-}}" ] || { echo "Traffic Manager does not run: docker/local-stack.sh service-start" >&2; exit 1; }

STACK=docker/local-stack.sh
TENANT=demo SERVICE=checkout-$(date +%s) ENVIRONMENT=prod VERSION=v1
ROUTE=$TENANT/$SERVICE/$ENVIRONMENT/$VERSION
QUERY="tenant=$TENANT&service=$SERVICE&env=$ENVIRONMENT&version=$VERSION"
WORK=$(mktemp -d)
STARTED=() # the pids of what this script has started
trap 'end_started; rm -rf "$WORK"' EXIT

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' GREEN='' RED='' PLAIN=''
fi

STATION=0
station() { printf '\n%s%d. %s%s\n' "$BOLD" "$((STATION += 1))" "$1" "$PLAIN"; }
note() { printf '   %s%s%s\n' "$DIM" "$1" "$PLAIN"; }
ok() { printf '   %s✓%s %s\n' "$GREEN" "$PLAIN" "$1"; }
fail() {
    printf '\n   %s✗ %s%s\n' "$RED" "$1" "$PLAIN" >&2
    exit 1
}

# Who asks from now on: a token, or nobody. Given to curl as a file, for everybody can read command lines.
as() { if [ -n "$1" ]; then printf 'Authorization: Bearer %s\n' "$1"; fi >"$WORK/caller"; }

# call METHOD PATH [curl options]: sets STATUS, BODY and ETAG
call() {
    local method=$1 path=$2
    shift 2
    printf '   %s %s\n' "$method" "$path"
    STATUS=$(curl -sS -m 15 -X "$method" -H @"$WORK/caller" -D "$WORK/headers" -o "$WORK/body" -w '%{http_code}' "$@" \
        "$API_URL/api/v1$path") ||
        fail "the API does not answer at $API_URL"
    BODY=$(<"$WORK/body")
    ETAG=$(tr -d '\r' <"$WORK/headers" | sed -n 's/^[Ee][Tt][Aa][Gg]: *//p')
}

expect() { # STATUS...
    local wanted
    for wanted in "$@"; do
        [ "$STATUS" != "$wanted" ] || return 0
    done
    fail "the answer is $STATUS instead of $1: $BODY"
}

json() { jq -r "$1" <<<"$BODY" || fail "the answer is not the JSON that was expected: $BODY"; }
show() { jq -r "$1 | to_entries[] | \"     \(.key): \(.value | if type == \"string\" then . else tojson end)\"" <<<"$2"; }

# same STATION WHAT EXPECTED FOUND
same() { [ "$3" = "$4" ] || fail "$1 disagrees about the $2: expected '$3', found '$4'"; }

# The tag "<epoch>.<revision>" without its quotes.
tag_of() { tr -d '"' <<<"$1"; }

# ---- Kafka -----------------------------------------------------------------------------------------------------------

# "partition end" lines of the topic
kafka_ends() {
    "$STACK" kafka-tool get-offsets --topic route-events 2>/dev/null | sed -nE 's/^route-events:([0-9]+):([0-9]+)$/\1 \2/p'
}

# Records as lines of: partition, offset, headers, key, value; only what came since the start of this script.
kafka_records_since() {
    local before=$1 partition end start
    kafka_ends | while read -r partition end; do
        start=$(awk -v p="$partition" '$1 == p { print $2 }' <<<"$before")
        start=${start:-0}
        [ "$end" -gt "$start" ] || continue
        [ $((end - start)) -le 1000 ] || start=$((end - 1000))
        "$STACK" kafka-tool console-consumer --topic route-events --partition "$partition" --offset "$start" \
            --max-messages $((end - start)) --timeout-ms 10000 \
            --property print.partition=true --property print.offset=true --property print.headers=true \
            --property print.key=true </dev/null 2>/dev/null
    done
}

find_kafka_record() {
    local before=$1 id=$2 deadline=$((SECONDS + 30))
    until RECORD=$(kafka_records_since "$before" | awk -v wanted="ce_id:$id" 'index($0, wanted) && !found++') && [ -n "$RECORD" ]; do
        [ $SECONDS -lt $deadline ] || fail "Kafka has no record of event $id after 30 s"
    done
    IFS=$'\t' read -r KAFKA_PARTITION KAFKA_OFFSET KAFKA_HEADERS KAFKA_KEY KAFKA_VALUE <<<"$RECORD"
}

kafka_header() { tr ',' '\n' <<<"$KAFKA_HEADERS" | sed -n "s/^$1://p"; }

# ---- MongoDB ---------------------------------------------------------------------------------------------------------

find_document() {
    local deadline=$((SECONDS + 15))
    until DOCUMENT=$("$STACK" find-event "$1") && [ -n "$DOCUMENT" ]; do
        [ $SECONDS -lt $deadline ] || fail "MongoDB has no document of event $1 after 15 s"
        sleep 0.2
    done
}

# ---- Envoy -----------------------------------------------------------------------------------------------------------

# start COMMAND...: in the background, until end_started
start() {
    "$@" </dev/null >"$WORK/${1##*/}.log" 2>&1 &
    STARTED+=($!)
}

end_started() {
    [ ${#STARTED[@]} -gt 0 ] || return 0
    kill "${STARTED[@]}" 2>/dev/null || true
    wait "${STARTED[@]}" 2>/dev/null || true
    STARTED=()
}

# free_ports COUNT: ports of 127.0.0.1 that nothing listens at
free_ports() {
    local port=$((20000 + RANDOM % 10000)) left=$1
    while [ "$left" -gt 0 ]; do
        port=$((port + 1))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            left=$((left - 1))
        fi
    done
}

upstream() { # VERSION PORT: a server that answers with its version
    mkdir "$WORK/$1" && echo "$1" >"$WORK/$1/index.html"
    start python3 -m http.server -d "$WORK/$1" -b 127.0.0.1 "$2"
    until_true "the upstream $1 does not answer" curl -s -o /dev/null -m 2 "http://127.0.0.1:$2"
}

# Waits until a command succeeds, and fails after 30 s.
until_true() { # WHAT COMMAND...
    local what=$1 deadline=$((SECONDS + 30))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "after 30 s: $what"
        sleep 0.02
    done
}

envoy_answers() { curl -sf -o /dev/null -m 2 "http://127.0.0.1:$ADMIN_PORT/ready"; }
envoy_has() { curl -s -m 2 "http://127.0.0.1:$ADMIN_PORT/stats?filter=rds.tm.version_text" | grep -qF "\"$1\""; }

# Two hundred clients ask Envoy; sets COUNTS, such as "183 v1, 17 v2". An answer of Envoy itself is no version.
ask_envoy() {
    local user
    for user in $(seq 200); do
        printf 'next\nurl = "http://127.0.0.1:%s/"\nheader = "host: %s"\nheader = "x-user: %s"\nmax-time = 5\n' "$WEB_PORT" "$1" "$user"
    done | sed 1d | curl -sK - >"$WORK/answers" || true
    COUNTS=$(sort "$WORK/answers" | uniq -c | awk '{ printf "%s%s %s", separator, $1, $2; separator = ", " }')
}

# Shares the traffic, and waits until Envoy has it.
split() { # WEIGHT_OF_V1 WEIGHT_OF_V2
    local begun
    call PATCH "/policies/$TENANT/$SHOP/$ENVIRONMENT" -H 'Content-Type: application/merge-patch+json' \
        -d "{\"split\": [{\"version\": \"v1\", \"weight\": $1}, {\"version\": \"v2\", \"weight\": $2}]}"
    expect 200
    begun=${EPOCHREALTIME/[.,]/}
    until_true "Envoy does not have revision $(tag_of "$ETAG")" envoy_has "$(tag_of "$ETAG")"
    note "Envoy has it after $(((${EPOCHREALTIME/[.,]/} - begun) / 1000)) ms"
}

# ---- the story -------------------------------------------------------------------------------------------------------

printf '%sOne change, followed through everything%s\n' "$BOLD" "$PLAIN"
note "route $ROUTE"
OFFSETS_BEFORE=$(kafka_ends)

station 'Nobody may do anything without saying who it is'
as ''
call GET "/routes?tenant=$TENANT"
expect 401
ok "401, $(json .code)"
as "$API_TOKEN"
note 'from here on with API_TOKEN of .stack/env, made by: traffic-manager key create --role platform_admin'

station 'A platform engineer creates a route'
call POST /routes -H 'Content-Type: application/json' -H 'X-Reason: first release' -d @- <<EOF
{"tenant": "$TENANT", "service": "$SERVICE", "env": "$ENVIRONMENT", "version": "$VERSION",
 "url": "https://checkout-blue.example.com", "labels": {"team": "payments"}}
EOF
expect 201
CREATED_TAG=$ETAG
[ -n "$CREATED_TAG" ] || fail 'the answer has no ETag'
show '{url, is_active, revision}' "$BODY"
ok "201, version tag $CREATED_TAG"

station 'A program asks where to go'
call GET "/routes/resolve?$QUERY"
expect 200
same 'resolve' url 'https://checkout-blue.example.com' "$(json .url)"
ok "200, $(json .url)"

station 'She moves it, provided that nobody has touched it meanwhile'
note "If-Match: $CREATED_TAG"
call PATCH "/routes/$ROUTE" -H 'Content-Type: application/merge-patch+json' -H "If-Match: $CREATED_TAG" \
    -H 'X-Reason: blue is being drained' -d '{"url": "https://checkout-green.example.com"}'
expect 200
CHANGED_TAG=$ETAG
ok "200, version tag $CHANGED_TAG"
call PATCH "/routes/$ROUTE" -H 'Content-Type: application/merge-patch+json' -H "If-Match: $CREATED_TAG" \
    -d '{"url": "https://late.example.com"}'
expect 412
ok '412 for a colleague who still holds the old tag'
call GET "/routes/resolve?$QUERY"
same 'resolve' url 'https://checkout-green.example.com' "$(json .url)"
ok "resolve answers $(json .url)"

station "The history in PostgreSQL: committed together with the change"
call GET "/routes/$ROUTE/history"
expect 200
same 'the history' 'number of events' 2 "$(json '.items | length')"
EVENT=$(json '.items[0] | tojson')
EVENT_ID=$(jq -r .id <<<"$EVENT") REVISION=$(jq -r .revision <<<"$EVENT") HASH=$(jq -r .hash <<<"$EVENT")
EPOCH=$(jq -r .epoch <<<"$EVENT")
same 'the history' 'version tag' "$(tag_of "$CHANGED_TAG")" "$EPOCH.$REVISION"
same 'the history' 'link to the event before' "$(json '.items[1].hash')" "$(json '.items[0].prev_hash')"
same 'the event' 'hash of its own content' "$HASH" "$(jq -cSj 'del(.hash)' <<<"$EVENT" | sha256sum | cut -d' ' -f1)"
show '{id, revision, action, before: .before.url, after: .after.url, actor, reason, prev_hash, hash}' "$EVENT"
ok "event $EVENT_ID is revision $REVISION; its hash is right, and it names the event before it"

station 'Kafka: what every consumer gets'
find_kafka_record "$OFFSETS_BEFORE" "$EVENT_ID"
note "topic route-events, $KAFKA_PARTITION, $KAFKA_OFFSET, key $KAFKA_KEY"
tr ',' '\n' <<<"$KAFKA_HEADERS" | sed 's/^/     /'
show '{id, revision, action, hash}' "$KAFKA_VALUE"
same Kafka key "$TENANT" "$KAFKA_KEY"
same 'the ce_id header of Kafka' 'event id' "$EVENT_ID" "$(kafka_header ce_id)"
same 'the tm_revision header of Kafka' revision "$REVISION" "$(kafka_header tm_revision)"
same 'the value in Kafka' 'event id' "$EVENT_ID" "$(jq -r .id <<<"$KAFKA_VALUE")"
same 'the value in Kafka' revision "$REVISION" "$(jq -r .revision <<<"$KAFKA_VALUE")"
same 'the value in Kafka' hash "$HASH" "$(jq -r .hash <<<"$KAFKA_VALUE")"
ok 'the same event id, revision and hash'

station 'MongoDB: what the auditor sees, who may read and nothing else'
find_document "$EVENT_ID"
show '{event_id, revision, action, url, previous_url, changed_by, reason, hash, metadata}' "$DOCUMENT"
same MongoDB 'document id' "$EVENT_ID" "$(jq -r ._id <<<"$DOCUMENT")"
same MongoDB 'event id' "$EVENT_ID" "$(jq -r .event_id <<<"$DOCUMENT")"
same MongoDB revision "$REVISION" "$(jq -r .revision <<<"$DOCUMENT")"
same MongoDB hash "$HASH" "$(jq -r .hash <<<"$DOCUMENT")"
ok 'the same event id, revision and hash'

station 'The audit API: the same, for people'
call GET "/audit/route?$QUERY"
expect 200
AUDITED=$(jq -c --arg id "$EVENT_ID" '.events[] | select(.event_id == $id)' <<<"$BODY")
[ -n "$AUDITED" ] || fail "the audit API does not know event $EVENT_ID"
same 'the audit API' 'number of events' 2 "$(json .count)"
same 'the audit API' revision "$REVISION" "$(jq -r .revision <<<"$AUDITED")"
jq -r '.events[] | "     \(.occurred_at)  \(.action)  \(.previous_url // "-") → \(.url)  by \(.changed_by)"' <<<"$BODY"
ok 'the same event id and revision'

station "A proxy polls, and is told only what is new"
call GET "/tenants/$TENANT/snapshot"
expect 200
SNAPSHOT_TAG=$ETAG
ok "200, $(json '.routes | length') active routes, version tag $SNAPSHOT_TAG"
call GET "/tenants/$TENANT/snapshot" -H "If-None-Match: $SNAPSHOT_TAG"
expect 304
ok '304, nothing moved and nothing was sent'
call POST /routes -H 'Content-Type: application/json' -H 'X-Reason: next release' -d @- <<EOF
{"tenant": "$TENANT", "service": "$SERVICE", "env": "$ENVIRONMENT", "version": "v2", "url": "https://checkout-v2.example.com"}
EOF
expect 201
call GET "/tenants/$TENANT/snapshot" -H "If-None-Match: $SNAPSHOT_TAG"
expect 200
[ "$ETAG" != "$SNAPSHOT_TAG" ] || fail 'the snapshot moved and its tag did not'
same 'the snapshot' 'new route' 'https://checkout-v2.example.com' \
    "$(jq -r --arg s "$SERVICE" '.routes[] | select(.service == $s and .version == "v2") | .url' <<<"$BODY")"
ok "200, the new route is in it, version tag $ETAG"

station 'A key for one tenant: it sees that tenant, and no other'
call POST /tenants -H 'Content-Type: application/json' -d "{\"name\": \"$TENANT-other\"}"
expect 201 409
call POST /keys -H 'Content-Type: application/json' \
    -d "{\"tenant\": \"$TENANT\", \"roles\": [\"viewer\"], \"description\": \"the demo's dashboard\"}"
expect 201
KEY_ID=$(json .id) KEY_TOKEN=$(json .token)
note "key $KEY_ID; its token was in this answer and is nowhere else"
as "$KEY_TOKEN"
call GET "/routes/$ROUTE"
expect 200
ok '200 for a route of its tenant'
call GET "/tenants/$TENANT-other"
expect 404
OTHERS=$(json .code)
call GET "/tenants/$TENANT-there-is-none"
expect 404
same 'the answer about a tenant that is not there' code "$OTHERS" "$(json .code)"
ok "404 $OTHERS for another tenant, as for one that does not exist"
call DELETE "/routes/$ROUTE"
expect 403
ok "403, $(json .detail)"

station 'The key is revoked'
as "$API_TOKEN"
call DELETE "/keys/$KEY_ID"
expect 204
REVOKED=${EPOCHREALTIME/[.,]/}
as "$KEY_TOKEN"
until call GET "/routes/$ROUTE" >/dev/null && [ "$STATUS" = 401 ]; do
    [ $((${EPOCHREALTIME/[.,]/} - REVOKED)) -lt 5000000 ] || fail "the key still works 5 s after it was revoked: $STATUS"
    sleep 0.05
done
ok "401 after $(((${EPOCHREALTIME/[.,]/} - REVOKED) / 1000)) ms"
as "$API_TOKEN"

station 'A real Envoy, unmodified, gets its configuration from the service'
SHOP=shop-${SERVICE#checkout-}
SHOP_HOST=$SHOP.example.com
read -r -d '' WEB_PORT ADMIN_PORT V1_PORT V2_PORT < <(free_ports 4) || true
upstream v1 "$V1_PORT"
upstream v2 "$V2_PORT"
for version in "v1 $V1_PORT" "v2 $V2_PORT"; do
    call PUT "/routes/$TENANT/$SHOP/$ENVIRONMENT/${version% *}" -H 'Content-Type: application/json' \
        -d "{\"url\": \"http://127.0.0.1:${version#* }\"}"
    expect 201
done
call PUT "/policies/$TENANT/$SHOP/$ENVIRONMENT" -H 'Content-Type: application/json' -d @- <<EOF
{"hosts": ["$SHOP_HOST"], "sticky_by": {"header": "x-user"},
 "split": [{"version": "v1", "weight": 100}, {"version": "v2", "weight": 0}]}
EOF
expect 201
call POST /keys -H 'Content-Type: application/json' \
    -d "{\"tenant\": \"$TENANT\", \"roles\": [\"node\"], \"description\": \"the demo's Envoy\"}"
expect 201
NODE_KEY=$(json .id) NODE_TOKEN=$(json .token)
call GET "/dataplane/envoy/bootstrap?tenant=$TENANT&node=demo&listen=127.0.0.1:$WEB_PORT&admin=127.0.0.1:$ADMIN_PORT"
expect 200
printf '%s\n' "$BODY" >"$WORK/envoy.yaml"
TM_TOKEN=$NODE_TOKEN start "$TM_ENVOY" -c "$WORK/envoy.yaml" --concurrency 1 --disable-hot-restart
until_true 'Envoy is not ready' envoy_answers
ask_envoy "$SHOP_HOST"
same Envoy 'versions of 200 clients' '200 v1' "$COUNTS"
ok "Envoy is ready, with a stream from $ADS_ADDRESS; 200 clients: $COUNTS"

station 'A canary: 10 % move to v2, and back'
split 90 10
ask_envoy "$SHOP_HOST"
same Envoy 'number of versions' 2 "$(tr ',' '\n' <<<"$COUNTS" | wc -l)"
CANARY=$COUNTS
ok "200 clients: $COUNTS"
split 100 0
ask_envoy "$SHOP_HOST"
same Envoy 'versions of 200 clients' '200 v1' "$COUNTS"
ok "200 clients: $COUNTS"

station 'The service is stopped, and requests go on'
split 90 10
"$STACK" service-stop
! curl -s -o /dev/null -m 2 "$API_URL/health" || fail 'the service still answers'
ask_envoy "$SHOP_HOST"
same Envoy 'versions of 200 clients' "$CANARY" "$COUNTS"
ok "200 clients: $COUNTS, without a control plane"
"$STACK" service-start | sed 's/^/   /'
split 0 100
ask_envoy "$SHOP_HOST"
same Envoy 'versions of 200 clients' '200 v2' "$COUNTS"
ok "Envoy has come back by itself; 200 clients: $COUNTS"
end_started
for path in policies/$TENANT/$SHOP/$ENVIRONMENT routes/$TENANT/$SHOP/$ENVIRONMENT/v{1,2} "keys/$NODE_KEY"; do
    call DELETE "/$path"
    expect 204
done
ok 'Envoy and its two servers are ended'

printf '\n%s%sEvery station showed event %s, revision %s.%s\n\n' "$GREEN" "$BOLD" "$EVENT_ID" "$REVISION" "$PLAIN"
cat <<EOF
It goes on running:
  web page     $API_URL/ui/ (sign in with the API_TOKEN of $STACK_DIR/env)
  API          $API_URL/api/v1
  operations   $OPS_URL/health  $OPS_URL/metrics
  for Envoys   $ADS_ADDRESS
  addresses    $STACK_DIR/env (PostgreSQL, Kafka, MongoDB; API_TOKEN)
  stop         make down
EOF
