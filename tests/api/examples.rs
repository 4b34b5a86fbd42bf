//! The documentation: every command of these pages is run, and its output is compared with the
//! page.

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use crate::support::{
    callers::Office,
    page::{Page, WITH_ARCHIVE, WITH_PROXY, docs},
};

/// Runs a page against its own service, which requires credentials.
async fn follow(name: &str) {
    let office = Office::open().await;
    Page::read(name).run(&office.app.api, &office.admin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_page_examples_work_with_curl() {
    follow("polling.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_page_examples_work() {
    follow("api.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authentication_page_examples_work() {
    follow("authentication.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_examples_work() {
    let files = fs::read_dir(docs().join("guides")).expect("guides");
    let names = files.map(|file| {
        format!(
            "guides/{}",
            file.expect("a file").file_name().to_string_lossy()
        )
    });
    let names: Vec<_> = names
        .filter(|name| {
            // The commands of agent.md need root and systemd.
            let not_run: &[&str] = &["guides/README.md", "guides/agent.md"];
            let elsewhere = [not_run, WITH_ARCHIVE, WITH_PROXY].concat();
            !elsewhere.contains(&name.as_str())
        })
        .collect();
    assert!(names.len() >= 5, "{names:?}");
    // The pages run one after the other: each has its own service, and all at once would only wait
    // for each other.
    for name in &names {
        follow(name).await;
    }
}

/// Returns every page of the documentation.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    folders
        .iter()
        .flat_map(|folder| pages(folder))
        .chain(here)
        .collect()
}

/// Returns the anchors of a page's headings, as used in links.
fn anchors(page: &str) -> Vec<String> {
    let headings = page
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    headings
        .map(|heading| {
            heading
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn links_between_the_docs_pages_resolve() {
    let (link, mut dead, mut seen) = (
        Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern"),
        Vec::new(),
        0,
    );
    for path in pages(&docs())
        .into_iter()
        .chain([docs().join("../README.md")])
    {
        let text = fs::read_to_string(&path).expect("a page");
        for target in link
            .captures_iter(&text)
            .map(|found| found.extract::<1>().1[0])
            .filter(|target| !target.contains("://"))
        {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = if file.is_empty() {
                path.clone()
            } else {
                path.with_file_name(file)
            };
            let leads = there.exists()
                && (anchor.is_empty()
                    || fs::read_to_string(&there)
                        .is_ok_and(|page| anchors(&page).iter().any(|a| a == anchor)));
            seen += 1;
            if !leads {
                dead.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(
        dead.is_empty() && seen > 50,
        "{seen} links, dead: {dead:#?}"
    );
}
