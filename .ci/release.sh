#!/usr/bin/env bash
# What the workflow of releases asks of the repository.
#   .ci/release.sh check TAG             the tag, the packages, the manifests and the changelog name one version
#   .ci/release.sh notes TAG             the changelog's section of that version
#   .ci/release.sh archive FOLDER NAME   an archive of the folder's files, with the same bytes each time, and its name on the output
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

main() {
    case ${1:-} in
    check) check "$2" ;;
    notes) notes "$2" ;;
    archive) archive "$2" "$3" ;;
    *) die "use: .ci/release.sh check TAG | notes TAG | archive FOLDER NAME" ;;
    esac
}

die() {
    echo "error: $*" >&2
    exit 1
}

check() {
    local version=${1#v} packages file
    [[ $1 =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "the tag $1 is not of the form v1.2.3"
    packages=$(sed -nE '/^\[workspace\.package\]/,/^\[/s/^version = "(.*)"$/\1/p' Cargo.toml)
    [ "$packages" = "$version" ] || die "Cargo.toml says $packages, the tag $version"
    for file in docker/kubernetes/overlays/*/settings/kustomization.yaml docker/kubernetes/edge/kustomization.yaml; do
        grep -qx "    newTag: $version" "$file" || die "$file: another version than $version"
    done
    notes "$1" >/dev/null
    echo "$version"
}

notes() {
    local version=${1#v} text
    text=$(awk -v head="## $version" 'index($0, head " ") == 1 || $0 == head { found = 1; next } /^## / { found = 0 } found' CHANGELOG.md)
    [ -n "$(tr -d '[:space:]' <<<"$text")" ] || die "CHANGELOG.md has no section '## $version', or an empty one"
    printf '%s\n' "$text"
}

# Times, owners and order are those of the commit, not of the machine.
archive() {
    local epoch
    epoch=$(git log -1 --format=%ct)
    tar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar -C "$1" -cf - . | gzip -n9 >"$2.tar.gz"
    echo "$2.tar.gz"
}

main "$@"
