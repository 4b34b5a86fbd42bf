//! Checks that each row of the security page names its test, and that all of these tests exist.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

const PAGE: &str = "docs/security.md";

/// Returns the tests that the page names: a file under `tests/`, `src/` or `crates/`, and the function in it.
fn named(page: &str) -> BTreeSet<(String, String)> {
    let name = Regex::new(r"`([a-z0-9_/]+\.rs)::([a-z0-9_]+)`").expect("a pattern");
    name.captures_iter(page)
        .map(|found| found.extract::<2>().1.map(str::to_owned).into())
        .collect()
}

/// Returns the rows of the page's tables, without their heads.
fn rows(page: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<_> = page.lines().collect();
    let is_head = |at: usize| {
        lines
            .get(at + 1)
            .is_some_and(|next| next.starts_with("|---"))
    };
    let rows: Vec<_> = (0..lines.len())
        .filter(|at| lines[*at].starts_with("| ") && !is_head(*at))
        .map(|at| lines[at])
        .collect();
    rows.into_iter()
}

/// Returns whether a file has a test of that name: the function, right after an attribute that
/// makes it a test.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let is_it = |line: &str| {
        line.trim_start_matches("async ")
            .strip_prefix("fn ")
            .is_some_and(|rest| rest.starts_with(&format!("{name}(")))
    };
    let is_mark = |line: &str| {
        ["#[test]", "#[tokio::test", "#[actix_web::test"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    let above = |at: usize| {
        lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
    };
    (0..lines.len()).any(|at| is_it(lines[at]) && above(at).any(|line| is_mark(line)))
}

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = if name.starts_with("src/") || name.starts_with("crates/") {
        root.join(name)
    } else {
        root.join("tests").join(name)
    };
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn every_test_named_on_the_security_page_exists() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).expect(PAGE);
    let named = named(&page);
    assert!(named.len() > 40, "{}", named.len());
    let missing: Vec<_> = named
        .iter()
        .filter(|(path, name)| !has_test(&file(path), name))
        .collect();
    assert!(
        missing.is_empty(),
        "{PAGE} names tests that are not there: {missing:#?}"
    );
}

#[test]
fn every_row_of_the_security_page_names_a_test() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).expect(PAGE);
    assert!(rows(&page).count() > 50);
    let without: Vec<_> = rows(&page).filter(|row| !row.contains(".rs::")).collect();
    assert!(without.is_empty(), "{PAGE}: {without:#?}");
}

#[test]
fn security_page_checks_find_each_fault() {
    let page = "| wants | shown by |\n|---|---|\n| x | `api/a.rs::b_c`, `src/d.rs::e` |\n| y | *api/f.rs::g* |\n";
    let pairs = [("api/a.rs", "b_c"), ("src/d.rs", "e")]
        .map(|(file, name)| (file.to_owned(), name.to_owned()));
    assert_eq!(named(page), BTreeSet::from(pairs));
    assert_eq!(rows(page).count(), 2);
    let text = "#[test]\n// Why.\nfn one() {}\n\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn two() {}\n\nfn three() {}\n";
    assert!(has_test(text, "one") && has_test(text, "two"));
    assert!(!has_test(text, "three") && !has_test(text, "on") && !has_test(text, "four"));
}
