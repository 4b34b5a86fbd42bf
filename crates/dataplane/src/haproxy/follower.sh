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
