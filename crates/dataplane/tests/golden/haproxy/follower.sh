#!/bin/sh
# Keeps haproxy's configuration up to date, and runs haproxy.
#
#   TM_TOKEN=… TM_DIR=/var/lib/tm-haproxy sh follower.sh
#
# Needs haproxy and curl, sha256sum, and jq or python3. TM_TOKEN is the key of this node. TM_DIR is
# the folder of the configuration; it is the current folder if TM_DIR is not set. Change what
# is different on this machine in the lines below.

# The service, and the tenant whose policies are served.
URL='http://127.0.0.1:8000/dataplane/haproxy?tenant=acme&env=prod&wait=30s'
# The name of this node.
NODE='edge-1'
DIALECT=haproxy
# The address and port where the proxy takes requests.
LISTEN='127.0.0.1:21080'
# The address and port of the proxy's own interface, if it has one.
ADMIN='127.0.0.1:21081'
# The certificates that https versions, and the service, are verified against: an absolute path.
CA_FILE='/etc/ssl/certs/ca-certificates.crt'

MAIN=haproxy.cfg
# The names of versions in the configuration.
names() { cat "$1"/*.cfg | sed -n 's/^  server [^ ]* \([^ ]*\):[0-9]*\( .*\)\{0,1\}$/\1/p'; }
# Puts in what this machine has in its own way. HAProxy starts without the versions whose names do
# not resolve, so they stay.
prepare() {
  for file in "$1"/*.cfg; do
    edit "$file" "s|^  bind .*|  bind $(replacement "$LISTEN")|" \
      "s|^\\(  server [^ ]* [^ ]* ssl verify required ca-file \\)'[^']*'|\\1'$(replacement "$CA_FILE")'|" || return 1
  done
}
check() { (cd "$1" && haproxy -c -f .); }
start() {
  haproxy -W -f . </dev/null &
  PROXY=$!
}
# HAProxy's workers end with their master.
note() { :; }
signal() { kill -USR2 "$PROXY"; }
# Whether the proxy runs the configuration with this revision.
shows() {
  printf 'show info\n' | curl -s -m 2 --unix-socket admin.sock telnet://localhost |
    tr -d '"\r' | grep -qxF "description: $1"
}

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


# ---- The same for all proxies whose configuration is files ----
# got: files as they came. latest: those that run, as they came. next: those that are tried.
# good: those that ran before.
revision() { sed -n '1s/^# revision //p' "$1"; }

# Takes the answer apart into the folder got. Fails if it is not what was asked for, to the byte.
unpack() {
  rm -rf "$WORK/got"
  mkdir "$WORK/got" || return 1
  if command -v jq >/dev/null; then unpack_with_jq; else unpack_with_python; fi || return 1
  [ -n "$(revision "$WORK/got/$MAIN" 2>/dev/null)" ]
}

unpack_with_jq() {
  jq -e '(.files | type == "array" and length > 0)
    and all(.files[]; (.path | type == "string") and (.content | type == "string") and (.sha256 | type == "string"))' \
    "$WORK/body" >/dev/null 2>&1 || return 1
  jq -r '.files[] | .sha256 + "  " + .path' "$WORK/body" >"$WORK/sums" || return 1
  ! grep -qv '^[0-9a-f]*  [A-Za-z0-9_][A-Za-z0-9._-]*$' "$WORK/sums" || return 1
  while read -r _ path; do : >"$WORK/got/$path" || return 1; done <"$WORK/sums"
  # Each line behind the path of its file: the answer is read once, however many files it has.
  jq -r '.files[] | (.path + "/") as $path | .content | split("\n")[:-1][] | $path + .' "$WORK/body" |
    LC_ALL=C awk -v folder="$WORK/got/" '{ at = index($0, "/"); print substr($0, at + 1) >(folder substr($0, 1, at - 1)) }' || return 1
  (cd "$WORK/got" && sha256sum -c) <"$WORK/sums" >/dev/null 2>&1
}

unpack_with_python() {
  python3 - "$WORK/body" "$WORK/got" 2>/dev/null <<'PYTHON'
import hashlib, json, re, sys
body, folder = sys.argv[1:]
with open(body, encoding="utf-8") as source:
    files = json.load(source)["files"]
if not files:
    sys.exit(1)
for file in files:
    content = file["content"].encode()
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", file["path"]):
        sys.exit(1)
    if hashlib.sha256(content).hexdigest() != file["sha256"]:
        sys.exit(1)
    with open(f"{folder}/{file['path']}", "wb") as target:
        target.write(content)
PYTHON
}

addresses() {
  if command -v getent >/dev/null; then
    getent ahosts "$1" | sed 's/ .*//'
  else
    python3 -c 'import socket, sys
for one in socket.getaddrinfo(sys.argv[1], 0): print(one[4][0])' "$1" 2>/dev/null
  fi | sort -u | tr '\n' ' '
}

# Writes the names in a folder's configuration with their addresses into names.new.
resolve() {
  names "$1" | sort -u | while read -r name; do
    case $name in *:* | \[*) continue ;; *[!0-9.]*) ;; *) continue ;; esac
    printf '%s %s\n' "$name" "$(addresses "$name")"
  done >"$WORK/names.new"
}

# Whether a name has come, or has none of its former addresses any more.
moved() {
  resolve "$WORK/latest"
  touch "$WORK/names"
  awk 'NR == FNR { old[$1] = " " $0 " "; next }
    NF > 1 { same = 0; for (i = 2; i <= NF; i++) if (index(old[$1], " " $i " ")) same = 1; if (!same) found = 1 }
    END { exit !found }' "$WORK/names" "$WORK/names.new"
}

# Whether two folders have the same files.
same() { [ -d "$2" ] && diff -r "$1" "$2" >/dev/null; }

# Puts the files of a folder into their places, each beside the old one first and then renamed.
place() {
  for file in "$1"/*; do
    [ -f "$file" ] || continue
    name=${file##*/}
    cp "$file" "$name.new" && mv -f "$name.new" "$name" || return 1
  done
}

# Makes the proxy run the files that are in their places. A reload signal may get lost if it comes
# right after another, so it is sent again until the proxy shows the new revision.
run() {
  wanted=$(revision "$MAIN")
  for attempt in 1 2 3; do
    if alive; then signal; else start; fi
    tries=0
    while [ "$tries" -lt 50 ]; do
      sleep 0.1
      alive || break
      if shows "$wanted"; then
        # The next signal must not come too soon either.
        sleep 0.2
        return 0
      fi
      tries=$((tries + 1))
    done
    log "attempt $attempt: $DIALECT does not show revision $wanted"
  done
  return 1
}

# Tries the files of a folder. What cannot be used changes nothing.
apply() {
  rm -rf "$WORK/next"
  cp -R "$1" "$WORK/next" || return 1
  resolve "$WORK/next"
  prepare "$WORK/next" || return 1
  if ! check "$WORK/next" >"$WORK/check" 2>&1; then
    FAULT="rejected $(grep -v NOTICE "$WORK/check" | tr '\n' ' ' | cut -c1-300)"
    return 1
  fi
  rm -rf "$WORK/good"
  mkdir "$WORK/good"
  for file in "$WORK"/next/*; do
    name=${file##*/}
    [ ! -f "$name" ] || cp "$name" "$WORK/good/$name"
  done
  if place "$WORK/next" && run; then
    mv -f "$WORK/names.new" "$WORK/names"
    FAULT=
    APPLIED=$(revision "$MAIN")
    log "$DIALECT runs revision $APPLIED"
    return 0
  fi
  FAULT="rejected $DIALECT did not take over revision $(revision "$MAIN")"
  if [ -f "$WORK/good/$MAIN" ]; then
    place "$WORK/good"
    run
  fi
  return 1
}

# The last good files serve until the service is there.
if [ -d "$WORK/latest" ] && apply "$WORK/latest"; then
  SEEN=$(cat "$WORK/tag" 2>/dev/null)
fi

DELAY=1
while :; do
  fetch
  case $STATUS in
  200)
    TAG=$(tr -d '\r' <"$WORK/head" | sed -n 's/^[Ee][Tt][Aa][Gg]: *//p' | tail -n 1)
    if ! unpack; then
      log "the answer of the service is not complete: nothing is changed"
      DELAY=$((DELAY * 2))
    elif same "$WORK/got" "$WORK/latest" || apply "$WORK/got"; then
      rm -rf "$WORK/latest"
      mv "$WORK/got" "$WORK/latest"
      SEEN=$TAG
      printf '%s\n' "$TAG" >"$WORK/tag"
      DELAY=0
    else
      log "nothing is changed: $FAULT"
      # The same files would be refused again: wait for others.
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
  if [ -d "$WORK/latest" ]; then
    if ! alive; then
      [ -z "$PROXY" ] || log "$DIALECT has ended: it is started again"
      run
    else
      note
      if moved; then
        log "names have other addresses"
        apply "$WORK/latest"
      fi
    fi
  fi
  [ "$DELAY" -le 10 ] || DELAY=10
  if [ "$DELAY" -gt 0 ]; then
    sleep "$DELAY" &
    wait $!
  else
    DELAY=1
  fi
done
