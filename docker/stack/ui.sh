# shellcheck shell=bash
# The web page: what builds it (Node.js and its packages), and the browser that its tests drive.

UI=$ROOT/ui

# ui COMMAND: build, dev, test, or install.
ui() {
    local command=${1:-build}
    ui_node
    ui_packages
    case $command in
    install) ;;
    build) ui_build ;;
    dev) (cd "$UI" && exec npm run dev) ;;
    test)
        ui_browser
        (cd "$UI" && npm test && npx playwright test)
        ;;
    *) die "no such command of the page: $command (build, dev, test, install)" ;;
    esac
}

# Node.js 20.19, or 22.12 and newer: that of this machine, or the one that tests/clients has from PyPI.
ui_node() {
    if ui_node_fits; then return; fi
    clients_install
    PATH=$TOOLS/clients/python/bin:$PATH
    ui_node_fits || die "Node.js 20.19, or 22.12 or newer, is missing"
}

ui_node_fits() {
    have npm && node -e 'const [a, b] = process.versions.node.split("."); process.exit((a == 20 && b >= 19) || (a == 22 && b >= 12) || a > 22 ? 0 : 1)' 2>/dev/null
}

# npm ci installs exactly the files that the lock file has the hashes of.
ui_packages() {
    local log=$STACK/log/ui-install.log
    if cmp -s "$UI/package-lock.json" "$UI/node_modules/installed"; then return; fi
    say "ui: packages from npm"
    if ! (cd "$UI" && npm ci --silent && cp package-lock.json node_modules/installed) </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "the packages of the page could not be installed"
    fi
}

# Debian's browser, and a font that is the same everywhere.
ui_browser() {
    have chromium || install_packages chromium fonts-dejavu-core
}

ui_build() {
    (cd "$UI" && npm run --silent types && npm run --silent lint && npm run --silent bundle && npm run --silent seal)
}
