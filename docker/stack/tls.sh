# shellcheck shell=bash
# A CA of this stack's own, and one certificate that all of its servers show. For this machine only. The CA signs once: its key is forgotten then,
# so that nobody who gets at these files, in a container for one, can make other certificates that are believed here.

TLS=$STACK/tls

# Made when there is none, and anew when it has less than a week left.
make_certificates() {
    rm -f "$TLS/ca.key"
    if [ -f "$TLS/server-both.pem" ] && openssl x509 -in "$TLS/server.pem" -noout -checkend 604800 >/dev/null; then return 0; fi
    rm -rf "$TLS" "$TLS.new"
    mkdir "$TLS.new"
    { make_ca "$TLS.new" && make_server_certificate "$TLS.new" && rm "$TLS.new/ca.key"; } >"$STACK/log/tls.log" 2>&1 ||
        { tail "$STACK/log/tls.log" >&2; die "the stack's certificates could not be made"; }
    # In containers servers run as users of their own. Nobody else gets here: .stack itself is closed.
    [ "$KIND" = local ] || chmod -R a+rX "$TLS.new"
    mv "$TLS.new" "$TLS"
}

make_ca() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -sha256 -subj '/CN=Traffic Manager local stack' \
        -addext 'keyUsage=critical,keyCertSign' -keyout "$1/ca.key" -out "$1/ca.pem"
}

make_server_certificate() {
    # localhost and 127.0.0.1, and the names that the parts have for one another in containers.
    local names=DNS:localhost,IP:127.0.0.1,DNS:postgres-primary,DNS:postgres-replica,DNS:kafka,DNS:mongo
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -subj '/CN=localhost' -keyout "$1/server.key" -out "$1/server.csr" &&
        openssl x509 -req -in "$1/server.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 365 -sha256 -out "$1/server.pem" \
            -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$names") &&
        cat "$1/server.key" "$1/server.pem" >"$1/server-both.pem"
}
