#!/usr/bin/env bash
# Mutation tests of the pure core: every mutant of crates/core must turn one of its unit tests red, or stand in .cargo/mutants.toml with the
# reason. The package is built alone, so a mutant costs seconds. Arguments go to cargo-mutants, for instance `-f crates/core/src/walk.rs`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v cargo-mutants >/dev/null || { echo 'cargo-mutants is missing: cargo install --locked cargo-mutants' >&2; exit 1; }
unset CARGO_BUILD_BUILD_DIR CARGO_TARGET_DIR
# A mutant that survives few random cases is looked at by hand anyway.
export PROPTEST_CASES=${PROPTEST_CASES:-48}
mkdir -p target/mutants
# Not shuffled: what was found stands in the order of the files.
cargo mutants --package traffic-manager-core --no-shuffle --output target/mutants "$@" -- --lib
