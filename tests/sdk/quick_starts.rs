//! The quick starts of the packages' pages, against the service and a node of it.

mod rust;

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use crate::{
    scene::{Scene, package, repository, run},
    support::{eventually, secure},
};

/// The URL and the token of the pages.
const IN_DOCS: [&str; 2] = ["http://127.0.0.1:8000", "tmk_…"];

/// The route that the quick starts make.
const URL: &str = "https://web-1.example.com";

/// Returns the blocks of code of a page that run.
fn runnable(page: &str, language: &str) -> Vec<String> {
    let file = repository().join("docs/sdk").join(page);
    let text = fs::read_to_string(file).expect("the page");
    let block = Regex::new(&format!("(?ms)^```{language} run\n(.*?)^```$")).expect("a pattern");
    block
        .captures_iter(&text)
        .map(|found| found[1].to_owned())
        .collect()
}

/// Waits until all nodes that are there run the newest. The programs of one language have ended when the next one begins,
/// and their nodes are there for a while.
async fn knows_all_nodes(scene: &Scene) {
    eventually(
        "the service knows its nodes, and all run the newest",
        async || {
            let call = scene.app.get("/tenants/acme/convergence");
            let numbers = call.bearer(&scene.token).expect(200).await.json;
            let is_known = numbers["partial"] == false && numbers["warming"] == false;
            let converged = numbers["converged"]
                .as_u64()
                .filter(|converged| *converged > 0);
            (is_known && converged == numbers["live"].as_u64()).then_some(())
        },
    )
    .await;
}

/// Runs the blocks of a page one after the other; `line` makes a command of a file. Returns what each printed.
fn outputs(
    scene: &Scene,
    page: &str,
    language: &str,
    folder: &Path,
    program: &Path,
) -> Vec<String> {
    fs::create_dir_all(folder).expect("a folder");
    let blocks = runnable(page, language);
    let run_block = |(at, code): (usize, &String)| {
        let file = folder.join(format!(
            "block{at}.{}",
            if language == "ts" { "mts" } else { "py" }
        ));
        let code = code
            .replace(IN_DOCS[0], &scene.app.api)
            .replace(IN_DOCS[1], &scene.token);
        fs::write(&file, code).expect("a file");
        let mut command = scene.program(program);
        command.current_dir(folder).arg(&file);
        run(command.env("PYTHONPATH", package("python").join("src")))
    };
    blocks.iter().enumerate().map(run_block).collect()
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("sdk")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn quick_starts_of_all_languages_work() {
    let scene = Scene::with(&["nodes.silent_after_ms=5000"]).await;
    let _node = scene.node("acme").await;
    knows_all_nodes(&scene).await;
    let (url, token) = (scene.app.api.as_str(), scene.token.as_str());

    let python = scene.alone_with("python").await;
    run(&mut scene.command(package("python").join("install.sh")));
    let program = package("python").join(".venv/bin/python");
    let printed = outputs(&scene, "python.md", "python", &scratch("python"), &program);
    let [written, followed, async_followed] = &printed[..] else {
        panic!("three quick starts: {printed:?}");
    };
    assert!(written.trim().ends_with("converged"), "{written}");
    for followed in [followed, async_followed] {
        assert_eq!(followed.trim(), format!("1 {URL}"));
    }

    drop(python);
    knows_all_nodes(&scene).await;

    let typescript = scene.alone_with("typescript").await;
    let folder = scratch("typescript");
    let modules = folder.join("node_modules");
    fs::create_dir_all(&modules).expect("a folder");
    std::os::unix::fs::symlink(
        package("typescript"),
        modules.join("traffic-manager-client"),
    )
    .expect("a link");
    run(&mut scene.command(package("typescript").join("install.sh")));
    run(scene
        .command("npm")
        .args(["run", "--silent", "build"])
        .current_dir(package("typescript")));
    let printed = outputs(&scene, "typescript.md", "ts", &folder, Path::new("node"));
    let [written, followed] = &printed[..] else {
        panic!("two quick starts: {printed:?}");
    };
    assert!(written.trim().ends_with("converged"), "{written}");
    assert!(
        followed.trim().ends_with(&format!("live 1\n{URL}")),
        "{followed}"
    );

    drop(typescript);
    knows_all_nodes(&scene).await;

    if !secure::is_on() {
        let state = rust::put_and_wait(url, token).await.expect("a route");
        assert_eq!(state.as_deref(), Some("converged"));
        let (watcher, route) = rust::follow(url, token, &folder).await.expect("data");
        assert_eq!(route, URL);
        drop(watcher);
        let chains = eventually("the archive has changes", async || {
            let chains = rust::verify(url, token).await.expect("a proof");
            (!chains.is_empty()).then_some(chains)
        })
        .await;
        assert!(chains.iter().all(|chain| chain.fault.is_none()));
    }
    scene.end().await;
}

/// Returns the body of a function of `quick_starts/rust.rs`, without its last line.
fn body(source: &str, name: &str) -> String {
    let from = source.find(&format!("pub async fn {name}(")).expect(name);
    let signature = source[from..].find("{\n").expect("a body");
    let lines = source[from + signature..].lines().skip(1);
    let lines = lines.take_while(|line| !line.starts_with("    Ok("));
    let lines = lines.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line)));
    lines.collect()
}

#[test]
fn page_of_rust_shows_the_code_that_is_tested() {
    let source = include_str!("quick_starts/rust.rs");
    let file = repository().join("docs/sdk/rust.md");
    let mut page = fs::read_to_string(&file).expect("the page");
    for name in ["put_and_wait", "follow", "verify"] {
        let start = format!("```rust {name}\n");
        let from = page.find(&start).expect(name) + start.len();
        let to = from + page[from..].find("```").expect("an end");
        let code = body(source, name);
        let lines = code
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("use "));
        assert!(lines.count() <= 10, "{name}: a quick start has ten lines");
        page.replace_range(from..to, &code);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &page).expect("the page is written");
    }
    let present = fs::read_to_string(&file).expect("the page");
    assert_eq!(present, page, "UPDATE_DOCS=1 writes docs/sdk/rust.md");
}
