//! Checks that the committed page is built from the committed source, without npm.

use std::{collections::BTreeSet, fs, path::Path};

use sha2::{Digest as _, Sha256};

/// The folder of the page's source.
const UI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ui");

/// Parts of that folder that the page is not built from: the result, and the installed packages.
const NOT_SOURCE: [&str; 2] = ["dist", "node_modules"];

/// Returns the digest of everything that the page is built from, as `make ui` writes it: the
/// SHA-256 of the lines that `sha256sum` prints for the files, in the order of their paths.
fn source() -> String {
    let root = Path::new(UI);
    let mut files = BTreeSet::new();
    collect(root, root, &mut files);
    let mut lines = String::new();
    for path in files {
        let digest = Sha256::digest(fs::read(root.join(&path)).unwrap());
        lines.push_str(&format!("{}  {path}\n", hex::encode(digest)));
    }
    hex::encode(Sha256::digest(lines))
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        if !path.is_dir() {
            files.insert(name);
        } else if !NOT_SOURCE.contains(&name.as_str()) {
            collect(root, &path, files);
        }
    }
}

#[test]
fn built_page_is_that_of_its_source() {
    let dist = Path::new(UI).join("dist");
    if !Path::new(UI).join("package.json").exists() {
        assert!(
            !dist.join("index.html").exists(),
            "a page without its source"
        );
        return;
    }
    let built = fs::read_to_string(dist.join("SOURCE")).unwrap_or_default();
    assert_eq!(
        built.trim(),
        source(),
        "the page is not built from this source: run make ui"
    );
}
