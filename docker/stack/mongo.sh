# shellcheck shell=bash
# The MongoDB wire: SecantusDB, a server in Python over WiredTiger, in a virtual environment of its own.

MONGO_VENV=$TOOLS/venv
MONGO_DATA=$STACK/mongo

mongo_install() {
    local requirements=$ROOT/docker/mongo/requirements.txt python
    # A virtual environment does not survive being moved, so ask it whether it still runs.
    if cmp -s "$requirements" "$MONGO_VENV/installed" && "$MONGO_VENV/bin/python" -c 'import pymongo, secantus' 2>/dev/null; then
        return 0
    fi
    say "install: SecantusDB from PyPI"
    python=$(system_python) || die "a Python with venv is missing: run 'docker/local-stack.sh install'"
    rm -rf "$MONGO_VENV"
    if ! { "$python" -m venv "$MONGO_VENV" && "$MONGO_VENV/bin/python" -m pip install -q --require-hashes -r "$requirements"; } \
        </dev/null >"$STACK/log/mongo-install.log" 2>&1; then
        tail -n 20 "$STACK/log/mongo-install.log" >&2
        die "SecantusDB could not be installed"
    fi
    cp "$requirements" "$MONGO_VENV/installed"
}

mongo_answers() { grep -q 'listening on' "$STACK/log/mongo.log" && port_answers "$MONGO_PORT" && port_answers "$MONGO_TLS_PORT"; }

mongo_spawn() {
    # The empty configuration file keeps it from picking up one from the home directory.
    : >"$MONGO_DATA/secantusd.toml"
    spawn mongo "$MONGO_DATA/data" \
        "$MONGO_VENV/bin/python" "$ROOT/docker/mongo/serve.py" "$MONGO_TLS_PORT" "$MONGO_PORT" "$TLS/server-both.pem" --config "$MONGO_DATA/secantusd.toml" \
        --host 127.0.0.1 --port "$MONGO_PORT" --storage-path "$MONGO_DATA/data" --cache-size 256M "$@"
    wait_ready mongo 30 mongo_answers
}

# Users are made while authentication is off, then the server starts again with it on. Both only on loopback. Data of an earlier version
# lack what its users.py did not grant: the mark holds the sum of the one that has run.
mongo_start() {
    local users
    require_free_port MONGO_PORT
    require_free_port MONGO_TLS_PORT
    mkdir -p "$MONGO_DATA"
    users=$(cksum <"$ROOT/docker/mongo/users.py")
    if [ "$(cat "$MONGO_DATA/users-created" 2>/dev/null)" != "$users" ]; then
        mongo_spawn
        MONGO_ADMIN_PASSWORD=$MONGO_ADMIN_PASSWORD MONGO_APP_PASSWORD=$MONGO_APP_PASSWORD \
            MONGO_AUDITOR_PASSWORD=$MONGO_AUDITOR_PASSWORD "$MONGO_VENV/bin/python" "$ROOT/docker/mongo/users.py" ||
            die "the MongoDB users could not be created"
        printf '%s\n' "$users" >"$MONGO_DATA/users-created"
        part_stop mongo TERM 20 || die "mongo did not stop"
    fi
    mongo_spawn --auth
}

# Reads as the auditor, the user who may look and do nothing else.
mongo_find_event() {
    # shellcheck source=/dev/null
    . "$STACK/env"
    if [ "$KIND" = compose ]; then
        compose exec -T mongo mongosh --quiet "$MONGO_AUDITOR_URL" \
            --eval "const d = db.route_events.findOne({_id: $(jq -n --arg id "$1" '$id')}); if (d) print(EJSON.stringify(d))"
    else
        "$MONGO_VENV/bin/python" "$ROOT/docker/mongo/find-event.py" "$MONGO_AUDITOR_URL" "$1"
    fi
}
