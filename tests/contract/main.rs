//! Compares the committed documents with the generated ones, and checks that they break no client of
//! the previous release.

mod built_page;
mod compat;
mod pages;
mod security;
mod shape;
mod urls;

use std::{fs, path::PathBuf};

use serde_json::Value;
use traffic_manager::{
    config::Settings,
    http::{asyncapi, docs, document},
};

/// With `UPDATE_DOCS=1` the test writes the files instead of comparing them.
fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1")
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name)
}

fn assert_committed(name: &str, made: &str) {
    if is_update() {
        fs::write(file(name), made).unwrap();
    }
    let committed = fs::read_to_string(file(name)).unwrap_or_default();
    let line = committed
        .lines()
        .zip(made.lines())
        .position(|(committed, made)| committed != made);
    assert!(
        committed == made,
        "docs/{name} is not what the source says, from line {:?} on; `UPDATE_DOCS=1 cargo test --test contract` writes it",
        line.map(|line| line + 1)
    );
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap() + "\n"
}

#[test]
fn committed_openapi_document_is_current() {
    assert_committed("openapi.json", &pretty(&document::openapi()));
}

#[test]
fn committed_asyncapi_document_is_current() {
    assert_committed(
        "asyncapi.json",
        &pretty(&asyncapi::document(
            &Settings::without_environment(&[]).unwrap().kafka,
        )),
    );
}

#[test]
fn committed_errors_page_is_current() {
    assert_committed("errors.md", &docs::errors_page());
}

#[test]
fn committed_roles_page_is_current() {
    assert_committed("roles.md", &document::roles_page());
}

#[test]
fn api_stays_compatible_with_the_previous_release() {
    let baseline =
        fs::read_to_string(file("openapi.baseline.json")).expect("docs/openapi.baseline.json");
    let baseline: Value = serde_json::from_str(&baseline).unwrap();
    let breakages = compat::breakages(&baseline, &document::openapi());
    assert!(
        breakages.is_empty(),
        "docs/openapi.baseline.json promised more:\n{breakages:#?}"
    );
}
