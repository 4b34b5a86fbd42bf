#!/bin/bash
# The container of mongod: a replica set of one, with authentication. Members of a replica set prove themselves to one another
# with a key file that only mongod may read; a set of one needs none but its own, so each start makes a new one.
set -euo pipefail

key=/tmp/replica-set.key
rm -f "$key"
(umask 077 && head -c 512 /dev/urandom | base64 -w 0 >"$key")
chown mongodb:mongodb "$key"
chmod 400 "$key"

# Encrypted connections on the same port, for who wants them; nobody has to show a certificate.
tls=(--tlsMode allowTLS --tlsCertificateKeyFile /traffic-manager/tls/server-both.pem
    --tlsCAFile /traffic-manager/tls/ca.pem --tlsAllowConnectionsWithoutCertificates)

exec docker-entrypoint.sh mongod --replSet rs0 --keyFile "$key" --bind_ip_all --port "$MONGO_PORT" --wiredTigerCacheSizeGB 0.25 "${tls[@]}"
