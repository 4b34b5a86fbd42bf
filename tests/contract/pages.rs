//! Checks the names in the pages for contributors and in the pages with tests as proofs: their
//! files, items, tests, settings, suites and make targets exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

const PAGES: [&str; 4] = [
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/reliability.md",
    "docs/security.md",
];

/// The folders to which a path of a page may be relative.
const FOLDERS: [&str; 5] = ["", "src", "crates/core/src", "docs", "tests"];

/// The least number of characters of a test's name before its `…`.
const SHORTEST: usize = 8;

/// The things that a page may name.
struct Tree {
    root: PathBuf,
    /// Every word of the Rust files and of the Makefile.
    words: BTreeSet<String>,
    /// The names of all functions, so also of all tests.
    functions: BTreeSet<String>,
    /// The keys of all settings, with their sections.
    settings: BTreeSet<String>,
    makefile: String,
    patterns: Patterns,
}

/// The forms of spans that are looked up. They are compiled once, because this takes longer than to
/// compare a page with them.
struct Patterns {
    /// A shortened name, with its suite and its module.
    shortened: Regex,
    /// A function, a test, a type or a constant.
    item: Regex,
    setting: Regex,
}

impl Patterns {
    fn new() -> Self {
        let pattern = |text: &str| Regex::new(text).expect("a pattern");
        let item = [
            r"^(?:[\w/]+\.rs::|(?:\w+ )?(?:\w+::)+)(\w+)$",
            r"^(\w+)\(\)$",
            r"^([A-Z][a-z]+[A-Z]\w+)$",
            r"^([A-Z][A-Z_]{3,})$",
        ];
        Self {
            shortened: pattern(r"^(?:(\w+) )?(?:(\w+)::)*(\w*)…$"),
            item: pattern(&item.join("|")),
            setting: pattern(r"^[a-z_]+(?:\.[a-z_]+)+$"),
        }
    }
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
        let makefile = read("Makefile");
        let mut words: BTreeSet<_> = makefile.split(is_between).map(str::to_owned).collect();
        let mut functions = BTreeSet::new();
        for file in files.iter().filter(|file| !file.ends_with(file!())) {
            let text = fs::read_to_string(file).expect("a Rust file");
            let parts: Vec<_> = text.split(is_between).collect();
            words.extend(parts.iter().map(|&part| part.to_owned()));
            let names = parts.windows(2).filter(|pair| pair[0] == "fn");
            functions.extend(names.map(|pair| pair[1].to_owned()));
        }
        Self {
            root: root().to_owned(),
            words,
            functions,
            settings: keys(&read("src/config.default.toml")),
            makefile,
            patterns: Patterns::new(),
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

    /// Returns whether a shortened name is the beginning of one that exists. After a suite or a
    /// module it is the beginning of a test's name, as in `api shares::large_command_…`, or missing
    /// for the whole module, as in `api shares::…`. Alone it is the beginning of any word, as in
    /// `tm_…`. Returns `None` for another span.
    fn knows_beginning(&self, span: &str) -> Option<bool> {
        let found = self.patterns.shortened.captures(span)?;
        let part = |at: usize| found.get(at).map(|part| part.as_str());
        let name = &found[3];
        let begins_one_of = |names: &BTreeSet<String>| names.iter().any(|n| n.starts_with(name));
        let is_place = match (part(1), part(2)) {
            (Some(suite), Some(module)) => self.has_file(&format!("tests/{suite}/{module}.rs")),
            (Some(suite), None) => self.has_suite(suite),
            (None, Some(module)) => self.words.contains(module),
            (None, None) => return Some(begins_one_of(&self.words)),
        };
        let is_test = name.len() >= SHORTEST && begins_one_of(&self.functions);
        Some(is_place && (is_test || name.is_empty()))
    }

    /// Returns whether a span of code names nothing, or something that exists.
    fn knows(&self, span: &str) -> bool {
        if let Some(is_known) = self.knows_beginning(span) {
            return is_known;
        }
        if let Some(found) = self.patterns.item.captures(span) {
            let name = found.iter().skip(1).flatten().next();
            return name.is_some_and(|name| self.words.contains(name.as_str()));
        }
        let section = format!("{}.", span.split('.').next().unwrap_or_default());
        let is_section = self.settings.iter().any(|key| key.starts_with(&section));
        let is_file = span.ends_with(".rs") || span.ends_with(".md");
        let is_setting = self.patterns.setting.is_match(span) && is_section && !is_file;
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
fn pages_name_only_what_exists() {
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
                `TenantSnapshot`, `Cache::apply`, `upsert()`, `write.lanes`, `If-Match`, `a.b`, \
                `api shares::large_command_…`, `shares::large_command_…`, `pipeline shares::…`, \
                `faults t1_kill9_of_the_relay_…`, `tm_…`, `/audit/…`, \
                `api tls::tls_1_1_and_plain_text_are_refused`, \
                `api/tls.rs::tls_1_1_and_plain_text_are_refused`";
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
        (
            "`api shares::nothing_like_it`",
            "api shares::nothing_like_it",
        ),
        (
            "`api/tls.rs::nothing_like_it`",
            "api/tls.rs::nothing_like_it",
        ),
        ("`api shares::nothing_like_…`", "api shares::nothing_like_…"),
        ("`shares::nothing_like_…`", "shares::nothing_like_…"),
        ("`nothing_like_it_…`", "nothing_like_it_…"),
        ("`api shares::large_…`", "api shares::large_…"),
        ("`api nothing::…`", "api nothing::…"),
        (
            "`api nothing::large_command_…`",
            "api nothing::large_command_…",
        ),
        ("`nothing t1_kill9_of_…`", "nothing t1_kill9_of_…"),
    ] {
        assert_eq!(tree.faults(page), BTreeSet::from([fault.to_owned()]));
    }
}
