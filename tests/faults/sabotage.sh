#!/usr/bin/env bash
# The tests are shown to fail: each patch in tests/faults/sabotage/ is a classic bug. It is applied to a copy of the tree, and the test that
# it names must go red there. Ends with 0 only if every one was caught. With names of patches, these alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
work=$root/target/sabotage
tree=$work/tree
export CARGO_TARGET_DIR=$work/target
limit=${TM_SABOTAGE_SECONDS:-900}

die() {
    echo "error: $*" >&2
    exit 1
}

# The copy has the same stack, and its script: a part that a test starts again is the stack's, not one of the copy's that goes with it.
prepare() {
    rm -rf "$tree"
    mkdir -p "$tree"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$tree"
    ln -s "$root/.stack" "$tree/.stack"
    printf '#!/usr/bin/env bash\nexec %q "$@"\n' "$root/docker/local-stack.sh" >"$tree/docker/local-stack.sh"
}

# How the test that the patch names ended, built before it is timed.
run_test() {
    local -a test=("$@")
    local kind=(--test "${test[0]}")
    [ "${test[0]}" != lib ] || kind=(--lib)
    (cd "$tree" && cargo test --locked "${kind[@]}" --no-run) >"$work/build.log" 2>&1 ||
        { tail -n 30 "$work/build.log" >&2; die "the tree does not compile with it"; }
    (cd "$tree" && timeout "$limit" cargo test --locked "${kind[@]}" -- "${test[@]:1}") >"$work/test.log" 2>&1
}

# A test that finds nothing to run is no test.
ran() { grep -Eq '^running [1-9]' "$work/test.log"; }

catch() {
    local patch=$1 name started
    name=$(basename "$patch" .patch)
    read -ra test < <(sed -n 's/^test: //p' "$patch")
    prepare
    # The copy is no repository, and must not be taken for a part of this one.
    (cd "$tree" && GIT_CEILING_DIRECTORIES=$work git apply "$patch") || die "$name does not apply any more"
    find "$tree/src" -name '*.rs' -exec touch {} +
    started=$SECONDS
    if run_test "${test[@]}"; then
        ran || die "$name: ${test[*]} runs no test"
        printf '%-24s NOT CAUGHT by %s\n' "$name" "${test[*]}"
        return 1
    fi
    ran || die "$name: ${test[*]} runs no test"
    printf '%-24s caught by %s in %s s\n' "$name" "${test[*]}" $((SECONDS - started))
}

patches=("$@")
[ ${#patches[@]} -gt 0 ] || patches=(tests/faults/sabotage/*.patch)
missed=0
for patch in "${patches[@]}"; do
    [ -f "$patch" ] || patch=tests/faults/sabotage/$patch.patch
    catch "$root/$patch" || missed=1
done
exit "$missed"
