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

