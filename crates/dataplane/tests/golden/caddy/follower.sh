#!/bin/sh
# Keeps caddy's configuration up to date, and runs caddy.
#
#   TM_TOKEN=… TM_DIR=/var/lib/tm-caddy sh follower.sh
#
# Needs caddy and curl. TM_TOKEN is the key of this node. TM_DIR is
# the folder of the configuration; it is the current folder if TM_DIR is not set. Change what
# is different on this machine in the lines below.

# The service, and the tenant whose policies are served.
URL='http://127.0.0.1:28100/dataplane/caddy?tenant=acme&env=prod&listen=127.0.0.1:28080&admin=127.0.0.1:28180&wait=30s'
# The name of this node.
NODE='edge-1'
DIALECT=caddy
# The address and port of the proxy's own interface, if it has one.
ADMIN='127.0.0.1:28180'
# The certificates that https versions, and the service, are verified against: an absolute path.
CA_FILE='/var/lib/tm/ca.pem'

# ---- The same for all proxies ----
set -u
: "${TM_TOKEN:?is the key of this node}"
cd "${TM_DIR:-.}" || exit 1
WORK=.follower
mkdir -p "$WORK" || exit 1
PROXY= CURL= SEEN= FAULT= APPLIED=

log() { printf '%s follower: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2; }
alive() { [ -n "$PROXY" ] && kill -0 "$PROXY" 2>/dev/null; }
# Escapes a text for a quoted value of curl's configuration.
escaped() { printf '%s' "$1" | tr -cd '[:print:]' | sed 's/[\\"]/\\&/g'; }

header() { printf 'header = "%s: %s"\n' "$1" "$(escaped "$2")"; }
# Escapes a text for the right side of sed's s|…|…|.
replacement() { printf '%s' "$1" | sed 's/[\\&|]/\\&/g'; }
# Changes a file by sed commands.
edit() {
  edited=$1
  shift
  for command in "$@"; do
    sed "$command" "$edited" >"$edited.new" && mv -f "$edited.new" "$edited" || return 1
  done
}

end() {
  trap - TERM INT
  [ -z "$CURL" ] || kill "$CURL" 2>/dev/null
  if alive; then
    kill -TERM "$PROXY"
    wait "$PROXY"
  fi
  exit 0
}
trap end TERM INT

# Asks for the configuration. The service answers once it differs from that of the tag, or after 30 s.
# The key is not on the command line, where other users could read it.
fetch() {
  : >"$WORK/body"
  {
    printf 'url = "%s"\n' "$(escaped "$URL")"
    case $URL in https:*) printf 'cacert = "%s"\n' "$(escaped "$CA_FILE")" ;; esac
    header authorization "Bearer $TM_TOKEN"
    header tm-node "$NODE"
    header tm-dialect "$DIALECT"
    [ -z "$SEEN" ] || header if-none-match "$SEEN"
    [ -z "$APPLIED" ] || header tm-applied "$APPLIED"
    [ -z "$FAULT" ] || header tm-error "$FAULT"
  } | curl -q -sS --connect-timeout 5 --max-time 60 -o "$WORK/body" -D "$WORK/head" \
    -w '%{http_code}' -K - >"$WORK/status" 2>"$WORK/curl" &
  CURL=$!
  wait "$CURL"
  CURL=
  STATUS=$(cat "$WORK/status")
}


first() { cat <<'FIRST'
{
  "admin": {
    "listen": "127.0.0.1:28180"
  },
  "apps": {
    "http": {
      "servers": {
        "tm": {
          "automatic_https": {
            "disable": true
          },
          "listen": [
            "127.0.0.1:28080"
          ],
          "routes": [
            {
              "handle": [
                {
                  "body": "\\{\"code\":\"not_loaded\",\"status\":503,\"title\":\"No configuration was loaded yet\"\\}",
                  "handler": "static_response",
                  "headers": {
                    "Content-Type": [
                      "application/problem+json"
                    ]
                  },
                  "status_code": 503
                }
              ]
            }
          ]
        }
      }
    }
  }
}
FIRST
}
# ---- Caddy ----
# latest.json: the document that Caddy runs, or ran last. first.json: 503 until there is one.

# Writes the revision of a document; nothing if it is no document of the service.
revision() { sed -n 's/.*"@id":"tm-\([^"]*\)".*/\1/p' "$1"; }

# Starts Caddy and waits until it takes documents.
start() {
  first >"$WORK/first.json" || return 1
  file=$WORK/first.json
  [ ! -s "$WORK/latest.json" ] || file=$WORK/latest.json
  caddy run --config "$file" </dev/null &
  PROXY=$!
  while alive && ! curl -q -s -m 2 -o "$WORK/now" "http://$ADMIN/config/"; do sleep 0.1; done
  APPLIED=$(revision "$file")
}

# Gives Caddy the document that came. What it cannot take changes nothing: it says why.
load() {
  curl -q -sS -m 60 -o "$WORK/answer" -w '%{http_code}' -H 'content-type: application/json' \
    --data-binary "@$WORK/body" "http://$ADMIN/load" >"$WORK/loaded" 2>"$WORK/curl" || return 1
  [ "$(cat "$WORK/loaded")" = 200 ]
}

start
[ -z "$APPLIED" ] || SEEN=$(cat "$WORK/tag" 2>/dev/null)

DELAY=1
while :; do
  fetch
  case $STATUS in
  200)
    TAG=$(tr -d '\r' <"$WORK/head" | sed -n 's/^[Ee][Tt][Aa][Gg]: *//p' | tail -n 1)
    NEXT=$(revision "$WORK/body")
    if [ -z "$NEXT" ]; then
      log "the answer of the service is no configuration: nothing is changed"
      DELAY=$((DELAY * 2))
    elif load; then
      cp "$WORK/body" "$WORK/latest.new" && mv -f "$WORK/latest.new" "$WORK/latest.json" &&
        printf '%s\n' "$TAG" >"$WORK/tag"
      SEEN=$TAG APPLIED=$NEXT FAULT=
      log "caddy runs revision $NEXT"
      DELAY=0
    else
      FAULT="rejected $(tr '\n' ' ' <"$WORK/answer" | cut -c1-300)"
      log "nothing is changed: $FAULT"
      # The same document would be refused again: wait for another.
      SEEN=$TAG
      DELAY=1
    fi
    ;;
  304) DELAY=0 ;;
  *)
    log "the service answered $STATUS: nothing is changed. $(cat "$WORK/curl")"
    DELAY=$((DELAY * 2))
    ;;
  esac
  if ! alive; then
    log "caddy has ended: it is started again"
    start
  fi
  [ "$DELAY" -le 10 ] || DELAY=10
  if [ "$DELAY" -gt 0 ]; then
    sleep "$DELAY" &
    wait $!
  else
    DELAY=1
  fi
done
