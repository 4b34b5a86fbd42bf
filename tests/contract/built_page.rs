//! Checks that the committed page is built from the committed source, without npm.

use std::{collections::BTreeSet, fs, path::Path};

use sha2::{Digest as _, Sha256};

/// The folder of the page.
const UI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ui");

/// The folders of the page's source: its own, and the client that is part of it.
const SOURCE: [&str; 2] = ["ui", "sdk/typescript/src"];

/// Parts of them that the page is not built from: the result, the installed packages, and what
/// tests leave.
const NOT_SOURCE: [&str; 3] = ["ui/dist", "ui/node_modules", "ui/test-results"];

/// Returns the digest of everything that the page is built from, as `make ui` writes it: the
/// SHA-256 of the lines that `sha256sum` prints for the files, in the order of their paths.
fn source() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeSet::new();
    for folder in SOURCE {
        collect(root, &root.join(folder), &mut files);
    }
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
