//! Checks that the pages for contributors name only files, items, settings, suites and make targets
//! that exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

const PAGES: [&str; 2] = ["CONTRIBUTING.md", "docs/architecture.md"];

/// The folders to which a path of a page may be relative.
const FOLDERS: [&str; 4] = ["", "src", "crates/core/src", "docs"];

/// The things that a page may name.
struct Tree {
    root: PathBuf,
    /// Every word of the Rust files.
    words: BTreeSet<String>,
    /// The keys of all settings, with their sections.
    settings: BTreeSet<String>,
    makefile: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Returns the keys of a settings file, such as `http.tls.cert_file`.
fn keys(toml: &str) -> BTreeSet<String> {
    let (mut section, mut keys) = (String::new(), BTreeSet::new());
    for line in toml.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && !key.starts_with('#')
        {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

impl Tree {
    fn read() -> Self {
        let mut files = Vec::new();
        for folder in ["src", "crates", "tests"] {
            rust_files(&root().join(folder), &mut files);
        }
        let is_between = |c: char| !c.is_alphanumeric() && c != '_';
        let mut words = BTreeSet::new();
        for file in files.iter().filter(|file| !file.ends_with(file!())) {
            let text = fs::read_to_string(file).expect("a Rust file");
            words.extend(text.split(is_between).map(str::to_owned));
        }
        Self {
            root: root().to_owned(),
            words,
            settings: keys(&read("src/config.default.toml")),
            makefile: read("Makefile"),
        }
    }

    fn has_file(&self, name: &str) -> bool {
        let name = name.trim_start_matches("../");
        FOLDERS
            .iter()
            .any(|folder| self.root.join(folder).join(name).exists())
    }

    fn has_suite(&self, name: &str) -> bool {
        let is_in = |folder: &Path| {
            let tests = folder.join("tests");
            tests.join(format!("{name}.rs")).exists() || tests.join(name).join("main.rs").exists()
        };
        let crates = fs::read_dir(self.root.join("crates")).expect("crates");
        let crates = crates.map(|entry| entry.expect("an entry").path());
        is_in(&self.root) || crates.into_iter().any(|folder| is_in(&folder))
    }

    fn has_target(&self, name: &str) -> bool {
        let rule = format!("{name}:");
        self.makefile.lines().any(|line| line.starts_with(&rule))
    }

    /// Returns whether a span of code names nothing, or something that exists.
    fn knows(&self, span: &str) -> bool {
        let item = Regex::new(
            r"^(?:\w+::)+(\w+)$|^(\w+)\(\)$|^([A-Z][a-z]+[A-Z]\w+)$|^([A-Z][A-Z_]{3,})$",
        );
        let setting = Regex::new(r"^[a-z_]+(?:\.[a-z_]+)+$").expect("a pattern");
        if let Some(found) = item.expect("a pattern").captures(span) {
            let name = found.iter().skip(1).flatten().next();
            return name.is_some_and(|name| self.words.contains(name.as_str()));
        }
        let section = format!("{}.", span.split('.').next().unwrap_or_default());
        let is_section = self.settings.iter().any(|key| key.starts_with(&section));
        let is_file = span.ends_with(".rs") || span.ends_with(".md");
        let is_setting = setting.is_match(span) && is_section && !is_file;
        !is_setting || self.settings.contains(span)
    }

    /// Returns the names of a page that do not exist.
    fn faults(&self, page: &str) -> BTreeSet<String> {
        let all = |pattern: &str| -> Vec<String> {
            let pattern = Regex::new(pattern).expect("a pattern");
            let found = pattern.captures_iter(page);
            found.map(|found| found[1].to_owned()).collect()
        };
        let files = all(r"([\w./<>-]*[\w>]\.(?:rs|toml|lock|md|sh|sql|ya?ml|json|patch))\b");
        let is_path = |name: &String| !name.contains('<') && !name.contains("//");
        let files = files.into_iter().filter(is_path);
        let suites = all(r"--test (\w+)").into_iter();
        let targets = all(r"(?m)(?:^|`)make ([a-z-]+)").into_iter();
        let spans = all(r"`([^`\n]+)`").into_iter();
        files
            .filter(|name| !self.has_file(name))
            .chain(suites.filter(|name| !self.has_suite(name)))
            .chain(targets.filter(|name| !self.has_target(name)))
            .chain(spans.filter(|span| !self.knows(span)))
            .collect()
    }
}

#[test]
fn pages_for_contributors_name_only_what_exists() {
    let tree = Tree::read();
    for page in PAGES {
        let faults = tree.faults(&read(page));
        assert!(faults.is_empty(), "{page} names {faults:#?}");
    }
}

#[test]
fn page_check_finds_every_wrong_name() {
    let tree = Tree::read();
    let good = "`src/lib.rs`, [a page](../README.md), `make test`, `cargo test --test contract`, \
                `TenantSnapshot`, `Cache::apply`, `upsert()`, `write.lanes`, `If-Match`, `a.b`";
    assert_eq!(tree.faults(good), BTreeSet::new());
    for (page, fault) in [
        ("`src/nothing_here.rs`", "src/nothing_here.rs"),
        ("[a page](../NOTHING.md)", "../NOTHING.md"),
        ("`make nothing`", "nothing"),
        ("`cargo test --test nothing`", "nothing"),
        ("`NothingLikeIt`", "NothingLikeIt"),
        ("`Cache::nothing_like_it`", "Cache::nothing_like_it"),
        ("`nothing_like_it()`", "nothing_like_it()"),
        ("`write.nothing`", "write.nothing"),
    ] {
        assert_eq!(tree.faults(page), BTreeSet::from([fault.to_owned()]));
    }
}
