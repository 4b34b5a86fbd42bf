#!/usr/bin/env bash
# Shows that deny.toml refuses what it is there to refuse: a crate under the GPL, a crate from an unknown source, one with a known fault.
# Each is planted in a package of its own, beside one that is fine. Everything is local: no network is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rules=$PWD/deny.toml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Git and cargo keep what they fetch here, and nobody's own settings count.
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=proof GIT_AUTHOR_EMAIL=proof@localhost
export GIT_COMMITTER_NAME=proof GIT_COMMITTER_EMAIL=proof@localhost

# package DIRECTORY NAME LICENCE [DEPENDENCIES]
package() {
    mkdir -p "$work/$1/src"
    touch "$work/$1/src/lib.rs"
    printf '[package]\nname = "%s"\nversion = "1.0.0"\nedition = "2024"\nlicense = "%s"\npublish = false\n\n[dependencies]\n%s\n' \
        "$2" "$3" "${4:-}" >"$work/$1/Cargo.toml"
}

repository() {
    git -C "$1" init --quiet --initial-branch main
    git -C "$1" add --all
    git -C "$1" commit --quiet --message planted
}

# check DIRECTORY RULES WHICH…
check() {
    local package=$1 rules=$2
    shift 2
    cargo deny --offline --manifest-path "$work/$package/Cargo.toml" --config "$rules" check "$@" 2>&1
}

# refused WHAT WORD CHECK…: the check fails, and says why.
refused() {
    local what=$1 word=$2 said
    shift 2
    if said=$(check "$@"); then
        echo "$what was not refused" >&2
        exit 1
    fi
    if ! grep -q "$word" <<<"$said"; then
        printf '%s was refused for something else:\n%s\n' "$what" "$said" >&2
        exit 1
    fi
    echo "refused: $what"
}

package fine/inner inner MIT
package fine fine Apache-2.0 'inner = { path = "inner" }'
check fine "$rules" licenses bans sources >/dev/null || { echo 'a package that is fine was refused' >&2; exit 1; }
echo 'taken:   a package that is fine'

package gpl/planted planted GPL-3.0-only
package gpl gpl Apache-2.0 'planted = { path = "planted" }'
refused 'a crate under the GPL' 'GPL-3.0' gpl "$rules" licenses

package nobody/planted planted ''
sed -i '/^license/d' "$work/nobody/planted/Cargo.toml"
package nobody nobody Apache-2.0 'planted = { path = "planted" }'
refused 'a crate without a licence' 'unlicensed' nobody "$rules" licenses

package elsewhere planted MIT
repository "$work/elsewhere"
package source source Apache-2.0 "planted = { git = \"file://$work/elsewhere\" }"
cargo generate-lockfile --quiet --manifest-path "$work/source/Cargo.toml"
refused 'a crate from an unknown repository' 'source-not-allowed' source "$rules" sources

package wild/inner inner MIT
package wild wild Apache-2.0 'inner = { path = "inner", version = "*" }'
sed -i '/^publish/d' "$work/wild/Cargo.toml"
refused 'a dependency of any version' 'wildcard' wild "$rules" bans

# A known fault, in a database of our own, of a crate that is really used here.
mkdir -p "$work/advisories/crates/failsafe"
cat >"$work/advisories/crates/failsafe/RUSTSEC-2099-0001.md" <<'ADVISORY'
```toml
[advisory]
id = "RUSTSEC-2099-0001"
package = "failsafe"
date = "2099-01-01"

[versions]
patched = []
```

# Planted

Nothing is wrong with it.
ADVISORY
repository "$work/advisories"
# cargo-deny wants a server's name; git is told that it stands for a directory.
printf '[url "file://%s/"]\n\tinsteadOf = https://advisories.invalid/\n' "$work" >"$work/gitconfig"
export GIT_CONFIG_GLOBAL="$work/gitconfig"
sed "s|^\[advisories\]|&\ndb-path = \"$work/db\"\ndb-urls = [\"https://advisories.invalid/advisories\"]|" "$rules" >"$work/deny.toml"
if said=$(cargo deny --locked --config "$work/deny.toml" check advisories 2>&1) || ! grep -q 'RUSTSEC-2099-0001' <<<"$said"; then
    printf 'a crate with a known fault was not refused:\n%s\n' "$said" >&2
    exit 1
fi
echo 'refused: a crate with a known fault'
