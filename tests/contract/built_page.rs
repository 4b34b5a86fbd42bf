//! Checks that the committed page is built from the committed source, without npm.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use sha2::{Digest as _, Sha256};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The script that seals a build, with the list of the files and folders that the page is built
/// from.
const SEAL: &str = "ui/scripts/seal.mjs";

/// The end of the names of the page's tests, which are no part of the page.
const TEST: &str = ".test.ts";

/// Returns the files and folders in the script's list `SOURCES`.
fn sources(script: &str) -> Vec<String> {
    let list = Regex::new(r"const SOURCES = \[([^\]]*)\]").unwrap();
    let list = list.captures(script).expect("a list SOURCES in the script");
    let path = Regex::new("\"([^\"]+)\"").unwrap();
    path.captures_iter(&list[1])
        .map(|found| found[1].to_owned())
        .collect()
}

fn collect(path: &str, files: &mut BTreeSet<String>) {
    let full = Path::new(ROOT).join(path);
    if !full.is_dir() {
        files.extend((!path.ends_with(TEST)).then(|| path.to_owned()));
        return;
    }
    for entry in fs::read_dir(full).unwrap() {
        let name = entry.unwrap().file_name();
        collect(&format!("{path}/{}", name.to_str().unwrap()), files);
    }
}

/// Returns the digest that `make ui` writes: the SHA-256 of a line for each file, with its SHA-256
/// and its path, in the order of the paths.
fn digest(sources: &[String]) -> String {
    let mut files = BTreeSet::new();
    for path in sources {
        collect(path, &mut files);
    }
    let line = |path: &String| {
        let digest = Sha256::digest(fs::read(Path::new(ROOT).join(path)).unwrap());
        format!("{}  {path}\n", hex::encode(digest))
    };
    let lines: String = files.iter().map(line).collect();
    hex::encode(Sha256::digest(lines))
}

#[test]
fn built_page_is_that_of_its_source() {
    let file = |path: &str| fs::read_to_string(Path::new(ROOT).join(path));
    let Ok(script) = file(SEAL) else {
        let is_built = file("ui/dist/index.html").is_ok();
        assert!(!is_built, "there is a page without {SEAL}");
        return;
    };
    let sources = sources(&script);
    assert!(sources.iter().any(|path| path == "ui/src"), "{sources:?}");
    let built = file("ui/dist/SOURCE").unwrap_or_default();
    assert_eq!(
        built.trim(),
        digest(&sources),
        "ui/dist is not built from this source: run make ui"
    );
}
