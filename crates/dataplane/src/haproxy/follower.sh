MAIN=haproxy.cfg
# The names of versions in the configuration.
names() { sed -n 's/^  server [^ ]* \([^ ]*\):[0-9]*\( .*\)\{0,1\}$/\1/p' "$1"; }
# Puts in what this machine has in its own way. HAProxy starts without the versions whose names do
# not resolve, so they stay.
prepare() {
  edit "$1/haproxy.cfg" "s|^  bind .*|  bind $(replacement "$LISTEN")|" \
    "s|^\\(  server [^ ]* [^ ]* ssl verify required ca-file \\)'[^']*'|\\1'$(replacement "$CA_FILE")'|"
}
check() { (cd "$1" && haproxy -c -f haproxy.cfg); }
start() {
  haproxy -W -f haproxy.cfg </dev/null &
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
