MAIN=nginx.conf
# The names of versions in the configuration.
names() { cat "$1"/*.conf | sed -n 's/^  upstream [^ ]* { server \([^ ]*\):[0-9]* .*/\1/p'; }
# Puts in what this machine has in its own way, and leaves out the versions whose names do not
# resolve: nginx would refuse the whole configuration. Their requests are answered with 502 until
# the names resolve.
prepare() {
  for file in "$1"/*.conf; do
    edit "$file" "s|^    listen [^ ]*; # the|    listen $(replacement "$ADMIN"); # the|" \
      "s|^    listen [^ ;]*\\( default_server\\)*;\$|    listen $(replacement "$LISTEN")\\1;|" \
      "s|^      proxy_ssl_trusted_certificate .*|      proxy_ssl_trusted_certificate \"$(replacement "$CA_FILE")\";|" || return 1
  done
  while read -r name addresses; do
    [ -z "$addresses" ] || continue
    log "$name does not resolve: its versions are left out"
    literal=$(printf '%s' "$name" | sed 's/\./\\./g')
    for file in "$1"/policies-*.conf; do
      edit "$file" "/^  upstream /s/server $literal:[0-9]* /server 127.0.0.1:1 down /g" || return 1
    done
  done <"$WORK/names.new"
}
check() { nginx -t -c "$PWD/$1/nginx.conf" -p "$PWD/$1"; }
# Remembers the workers: they outlive a master that was killed, and hold its ports.
WORKERS=
note() { WORKERS=$(sed -n "s/^\([0-9]*\) (nginx) . $PROXY .*/\1/p" /proc/[0-9]*/stat 2>/dev/null); }
start() {
  for worker in $WORKERS; do
    ! grep -q '^[0-9]* (nginx) ' "/proc/$worker/stat" 2>/dev/null || kill -TERM "$worker"
  done
  nginx -c "$PWD/nginx.conf" -p "$PWD" -g 'daemon off;' </dev/null &
  PROXY=$!
}
signal() { kill -HUP "$PROXY"; }
# Whether the proxy runs the configuration with this revision.
shows() { [ "$(curl -s -m 2 "http://$ADMIN/revision")" = "$1" ]; }
