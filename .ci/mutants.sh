#!/usr/bin/env bash
# Mutation tests of the pure core: every mutant of src/domain must turn a unit test red, or stand in .cargo/mutants.toml with the reason.
# src/domain uses nothing of the crate (tests/architecture.rs), so it is built alone, in a package made here with the locked versions of the
# libraries: a mutant costs seconds instead of a minute. Arguments go to cargo-mutants, for instance `-f src/domain/walk.rs`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v cargo-mutants >/dev/null || { echo 'cargo-mutants is missing: cargo install --locked cargo-mutants' >&2; exit 1; }
work=$PWD/target/mutants
rm -rf "$work/src" "$work/.cargo" && mkdir -p "$work/src" "$work/.cargo"
cp -r src/domain "$work/src/domain"
cp Cargo.lock "$work/Cargo.lock"
cp .cargo/mutants.toml "$work/.cargo/mutants.toml"
printf '//! The pure core, alone.\n#![recursion_limit = "256"]\npub mod domain;\n' >"$work/src/lib.rs"
{
    printf '[package]\nname = "traffic-manager"\nversion = "0.1.0"\nedition = "2024"\n\n[lib]\nname = "traffic_manager"\n\n[workspace]\n\n'
    # The libraries are those of the whole package that the core names; a missing one is an error of the build.
    awk '/^\[/ { part = $0 }
         part == "[dependencies]" && /^(bytes|compact_str|hashbrown|hex|jiff|regex|serde|serde_json|serde_json_canonicalizer|sha2|thiserror|url|uuid) =/ { kept = kept $0 "\n" }
         part == "[dev-dependencies]" && /^proptest =/ { tests = tests $0 "\n" }
         END { printf "[dependencies]\n%s\n[dev-dependencies]\n%s", kept, tests }' Cargo.toml
    printf '\n[profile.dev]\ndebug = false\n'
} >"$work/Cargo.toml"
cd "$work"
unset CARGO_BUILD_BUILD_DIR CARGO_TARGET_DIR
# A mutant that survives few random cases is looked at by hand anyway.
export PROPTEST_CASES=${PROPTEST_CASES:-48}
# Not shuffled: what was found stands in the order of the files.
cargo mutants --no-shuffle --output "$work" "$@" -- --lib
