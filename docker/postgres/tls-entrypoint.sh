#!/bin/bash
# Gives the server a copy of its certificate's key that nobody else may read, as it demands, and then runs what is told.
set -euo pipefail

install -d -o postgres -g postgres -m 700 /tmp/tls
install -o postgres -g postgres -m 600 /traffic-manager/tls/server.pem /traffic-manager/tls/server.key /tmp/tls/

exec "$@"
