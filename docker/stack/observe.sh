# shellcheck shell=bash
# `observe`: Prometheus and Alertmanager beside the stack, with the rules of docker/observe, scraping Traffic Manager. Only the programs of
# Debian's packages: their system services do not start.

GRAFANA_VENV=$TOOLS/grafana-sdk

observe_install() {
    local program missing=
    for program in prometheus promtool prometheus-alertmanager amtool; do have "$program" || missing=1; done
    [ -z "$missing" ] || install_idle_packages "prometheus prometheus-alertmanager" prometheus prometheus-alertmanager
}

# The types of Grafana's dashboards, for docker/observe/dashboards.py.
grafana_sdk_install() {
    local requirements=$ROOT/docker/observe/requirements.txt python log=$STACK/log/grafana-sdk-install.log
    if cmp -s "$requirements" "$GRAFANA_VENV/installed"; then return 0; fi
    say "install: the types of Grafana's dashboards from PyPI"
    python=$(system_python) || die "a Python with venv is missing: run 'docker/local-stack.sh install'"
    rm -rf "$GRAFANA_VENV"
    if ! { "$python" -m venv "$GRAFANA_VENV" && "$GRAFANA_VENV/bin/python" -m pip install -q --require-hashes -r "$requirements"; } \
        </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "the types of Grafana's dashboards could not be installed"
    fi
    cp "$requirements" "$GRAFANA_VENV/installed"
}

observe() {
    observe_install
    mkdir -p "$STACK/observe"
    observe_configure
    if [ "$(state_of alertmanager)" = stopped ]; then alertmanager_start; fi
    if [ "$(state_of prometheus)" = stopped ]; then
        prometheus_start
    else
        curl -sf -m 10 -X POST "http://127.0.0.1:$PROMETHEUS_PORT/-/reload" || die "Prometheus refuses its configuration: see .stack/log/prometheus.log"
    fi
    save_ports
    [ ! -f "$STACK/env" ] || write_env
    say "Prometheus: http://127.0.0.1:$PROMETHEUS_PORT, Alertmanager: http://127.0.0.1:$ALERTMANAGER_PORT"
}

# With TM_OBSERVE_FACTOR every time in the rules is divided by it, for rehearsals.
observe_configure() {
    local target=$STACK/observe
    rm -rf "$target/rules"
    cp -r "$ROOT/docker/observe/prometheus.yaml" "$ROOT/docker/observe/alertmanager.yaml" "$ROOT/docker/observe/rules" "$target/"
    sed -i "s|RUNBOOKS|file://$ROOT/docs/operations/runbooks|" "$target/prometheus.yaml"
    if [ "${TM_OBSERVE_FACTOR:-1}" != 1 ]; then
        "$(system_python)" "$ROOT/docker/observe/shorten.py" "$TM_OBSERVE_FACTOR" "$target" || die "the rules could not be shortened"
    fi
    printf '[{"targets": ["127.0.0.1:%s"]}]\n' "$OPS_PORT" >"$target/traffic-manager.json"
    printf '[{"targets": ["127.0.0.1:%s"]}]\n' "$ALERTMANAGER_PORT" >"$target/alertmanagers.json"
}

prometheus_start() {
    require_free_port PROMETHEUS_PORT
    spawn prometheus "$STACK/observe/prometheus.yaml" prometheus --config.file="$STACK/observe/prometheus.yaml" \
        --storage.tsdb.path="$STACK/observe/data" --storage.tsdb.retention.time=2d --storage.tsdb.retention.size=512MB \
        --web.listen-address="127.0.0.1:$PROMETHEUS_PORT" --web.enable-lifecycle
    wait_ready prometheus 30 curl -sf -o /dev/null -m 2 "http://127.0.0.1:$PROMETHEUS_PORT/-/ready"
}

alertmanager_start() {
    require_free_port ALERTMANAGER_PORT
    spawn alertmanager "$STACK/observe/alertmanager.yaml" prometheus-alertmanager \
        --config.file="$STACK/observe/alertmanager.yaml" --storage.path="$STACK/observe/alertmanager" \
        --web.listen-address="127.0.0.1:$ALERTMANAGER_PORT" --cluster.listen-address=
    wait_ready alertmanager 30 curl -sf -o /dev/null -m 2 "http://127.0.0.1:$ALERTMANAGER_PORT/-/ready"
}

observe_down() {
    local part
    for part in prometheus alertmanager; do
        part_stop "$part" TERM 20 || part_kill "$part"
    done
}
