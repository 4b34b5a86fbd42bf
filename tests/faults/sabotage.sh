#!/usr/bin/env bash
# The tests are shown to fail: each patch in tests/faults/sabotage/ is a classic bug. It is applied to a copy of the tree, and the test that
# it names (`test:`) must go red there, and say what the bug looks like (`expect:`, a regular expression). In the copy without a patch it must be
# green. Ends with 0 only if every one was caught. With names of patches, these alone.
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

# How a test ended, built before it is timed; 124 is too late.
run_test() {
    local -a test=("$@") kind=()
    # `core` in front: a test of the package traffic-manager-core.
    if [ "${test[0]}" = core ]; then
        kind=(--package traffic-manager-core)
        test=("${test[@]:1}")
    fi
    if [ "${test[0]}" = lib ]; then kind+=(--lib); else kind+=(--test "${test[0]}"); fi
    (cd "$tree" && cargo test --locked "${kind[@]}" --no-run) >"$work/build.log" 2>&1 ||
        { tail -n 30 "$work/build.log" >&2; die "the tree does not compile"; }
    (cd "$tree" && timeout "$limit" cargo test --locked "${kind[@]}" -- "${test[@]:1}") >"$work/test.log" 2>&1
}

# A test that finds nothing to run is no test.
ran() { grep -Eq '^running [1-9]' "$work/test.log"; }

field() { sed -n "s/^$2: //p" "$1"; }

# Without any bug the tests are green: what is red afterwards is so because of the patch.
control() {
    local patch test
    local -A seen=()
    prepare
    for patch in "$@"; do
        test=$(field "$patch" test)
        [ -z "${seen[$test]:-}" ] || continue
        seen[$test]=1
        # shellcheck disable=SC2086
        run_test $test || { tail -n 30 "$work/test.log" >&2; die "$test is not green without a bug"; }
        ran || die "$test runs no test"
        printf '%-24s is green without a bug\n' "$test"
    done
}

catch() {
    local patch=$1 name test expect started ended=0
    name=$(basename "$patch" .patch)
    test=$(field "$patch" test)
    expect=$(field "$patch" expect)
    if [ -z "$test" ] || [ -z "$expect" ]; then
        die "$name does not say which test catches it, and how that fails"
    fi
    prepare
    # The copy is no repository, and must not be taken for a part of this one.
    (cd "$tree" && GIT_CEILING_DIRECTORIES=$work git apply "$patch") || die "$name does not apply any more"
    find "$tree/src" "$tree/crates" -name '*.rs' -exec touch {} +
    started=$SECONDS
    # shellcheck disable=SC2086
    run_test $test || ended=$?
    ran || die "$name: $test runs no test"
    if [ "$ended" = 0 ]; then
        printf '%-24s NOT CAUGHT by %s\n' "$name" "$test"
        return 1
    elif [ "$ended" = 124 ]; then
        printf '%-24s NOT CAUGHT by %s: it took more than %s s\n' "$name" "$test" "$limit"
        return 1
    elif ! grep -Eq -- "$expect" "$work/test.log"; then
        cp "$work/test.log" "$work/$name.log"
        printf '%-24s NOT CAUGHT by %s: it failed without a word of "%s", see %s\n' "$name" "$test" "$expect" "$work/$name.log"
        return 1
    fi
    printf '%-24s caught by %s in %s s\n' "$name" "$test" $((SECONDS - started))
}

patches=("$@")
[ ${#patches[@]} -gt 0 ] || patches=(tests/faults/sabotage/*.patch)
for at in "${!patches[@]}"; do
    patch=${patches[at]}
    [ -f "$patch" ] || patch=tests/faults/sabotage/$patch.patch
    [ -f "$patch" ] || die "there is no $patch"
    patches[at]=$root/$patch
done
control "${patches[@]}"
missed=0
for patch in "${patches[@]}"; do
    catch "$patch" || missed=1
done
exit "$missed"
