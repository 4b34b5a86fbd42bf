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
