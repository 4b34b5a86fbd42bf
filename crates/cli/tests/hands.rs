//! What `tmctl` does for people: the editor, lists that go on, completion and the manual.

#[path = "../../client/tests/calls/server.rs"]
#[expect(dead_code, reason = "the tests of the client use the rest")]
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use server::{Server, answer, problem};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

/// A folder for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tmctl-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn command(&self, arguments: &str, url: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tmctl"));
        command.args(arguments.split_whitespace()).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TM_CONFIG_DIR", &self.0)
            .env("TM_SERVER", url)
            .env("TM_TENANT", "acme");
        command
    }

    /// Returns the text that an editor was given and that was kept.
    fn kept(&self) -> Option<String> {
        let folders = fs::read_dir(&self.0).unwrap();
        let mut files = folders.filter_map(|folder| fs::read_dir(folder.unwrap().path()).ok());
        let file = files.next()?.next()?.unwrap();
        Some(fs::read_to_string(file.path()).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns exit code, standard output and standard error.
fn parts(output: &Output) -> (i32, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

fn export(weight: u8) -> String {
    let body = format!(
        r#"{{"scope":{{"service":"shop","env":"prod"}},"prune":false,"routes":[],"policies":[
            {{"service":"shop","env":"prod","split":[{{"version":"v1","weight":{weight}}}]}}]}}"#
    );
    answer(200, &[], &body)
}

fn plan() -> String {
    let body = r#"{"tenant":"acme","base":"0123456789abcdef.1","active_routes":[1,1],"prune":false,"warnings":[],
        "scope":{"env":null,"service":null},"summary":{"create":0,"update":1,"delete":0,"unchanged":0},
        "id":"p1","hash":"h1","created_by":"a","reason":null,"created_at":"2026-11-21T08:03:37Z",
        "expires_at":"2026-11-22T08:03:37Z","changes":[{"action":"update",
        "key":{"service":"shop","env":"prod"},"before":{"weight":1},"after":{"weight":2}}]}"#;
    answer(201, &[], body)
}

fn applied() -> String {
    let body = r#"{"tenant":"acme","revision":2,"events":1,"summary":{"create":0,"update":1,"delete":0,"unchanged":0}}"#;
    answer(200, &[], body)
}

async fn edit(folder: &Folder, server: &Server, editor: &str) -> Output {
    let mut command = folder.command("edit shop/prod --yes", &server.url);
    command.env("EDITOR", editor).output().await.unwrap()
}

#[tokio::test]
async fn edited_policy_is_planned_shown_and_applied() {
    let server = Server::start(&[export(1), export(1), plan(), applied()]).await;
    let folder = Folder::new("edit");
    let output = edit(&folder, &server, "sed -i 's/weight: 1/weight: 2/'").await;
    let (code, out, errors) = parts(&output);
    assert_eq!((code, errors), (0, ""));
    assert!(
        out.starts_with("~ policy shop/prod\n") && out.ends_with("applied as revision 2\n"),
        "{out}"
    );
    let seen = server.seen();
    assert_eq!(seen[2].line, "POST /api/v1/tenants/acme/plans");
    let sent: serde_json::Value = serde_json::from_str(&seen[2].body).unwrap();
    assert_eq!(sent["policies"][0]["split"][0]["weight"], 2);
    assert_eq!(folder.kept(), None);
}

#[tokio::test]
async fn edit_without_a_change_sends_nothing() {
    let server = Server::start(&[export(1)]).await;
    let folder = Folder::new("edit-nothing");
    let output = edit(&folder, &server, "true").await;
    assert_eq!(parts(&output), (0, "", "nothing is changed\n"));
    assert_eq!(server.seen().len(), 1);
    assert_eq!(folder.kept(), None);
}

#[tokio::test]
async fn refused_edit_opens_again_with_the_reason_and_loses_nothing() {
    let refused = problem(
        422,
        "invalid_request",
        &[],
        r#","errors":[{"pointer":"/policies/0/split/0/weight","code":"x","detail":"too heavy"}]"#,
    );
    let server = Server::start(&[export(1), export(1), refused]).await;
    let folder = Folder::new("edit-refused");
    let output = edit(
        &folder,
        &server,
        "sed -i 's/weight: 1/weight: 20/; s/20*/20/'",
    )
    .await;
    let (code, _, errors) = parts(&output);
    assert_eq!(code, 64);
    assert!(
        errors.contains("too heavy") && errors.contains("hint: what you typed is in "),
        "{errors}"
    );
    let kept = folder.kept().unwrap();
    assert!(
        kept.contains("weight: 20\n")
            && kept.contains("#!   /policies/0/split/0/weight: too heavy\n"),
        "{kept}"
    );
}

#[tokio::test]
async fn edit_of_what_somebody_else_changed_is_kept_and_not_sent() {
    let server = Server::start(&[export(1), export(7)]).await;
    let folder = Folder::new("edit-race");
    let output = edit(&folder, &server, "sed -i 's/weight: 1/weight: 2/'").await;
    let (code, _, errors) = parts(&output);
    assert_eq!(code, 64);
    assert!(errors.contains("changed by somebody else"), "{errors}");
    assert!(folder.kept().unwrap().contains("weight: 2\n"));
    assert_eq!(server.seen().len(), 2);
}

fn routes(routes: &[(&str, bool)]) -> String {
    let route = |(version, is_active): &(&str, bool)| {
        format!(
            r#"{{"tenant":"acme","service":"shop","env":"prod","version":"{version}","url":"http://{version}",
                "is_active":{is_active},"labels":{{}},"description":null,"revision":7,"created_by":"a",
                "created_at":"2026-11-21T08:03:37Z","updated_at":"2026-11-21T08:03:37Z","updated_by":"ann"}}"#
        )
    };
    let items: Vec<_> = routes.iter().map(route).collect();
    answer(
        200,
        &[],
        &format!(r#"{{"items":[{}],"next_cursor":null}}"#, items.join(",")),
    )
}

/// Returns an empty snapshot at a revision.
fn snapshot(revision: u8) -> String {
    let tag = format!("etag: \"0123456789abcdef.{revision}\"");
    let body = format!(
        r#"{{"digest":"","epoch":"0123456789abcdef","policies":[],"revision":{revision},"routes":[],"tenant":"acme"}}"#
    );
    answer(200, &[&tag], &body)
}

/// Returns the first lines of a command that does not end by itself.
async fn first_lines(command: &mut Command, count: usize) -> Vec<String> {
    let mut child = command
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut read = Vec::new();
    while read.len() < count {
        let line = timeout(Duration::from_secs(20), lines.next_line()).await;
        read.push(line.expect("a line in time").unwrap().expect("a line"));
    }
    read
}

#[tokio::test]
async fn watched_list_goes_on_with_what_changes() {
    let server = Server::start(&[
        routes(&[("v10", true), ("v2", true)]),
        snapshot(7),
        routes(&[("v10", true), ("v2", true)]),
        snapshot(8),
        routes(&[("v10", false), ("v3", true)]),
    ])
    .await;
    let folder = Folder::new("watch");
    let mut command = folder.command("get routes --watch", &server.url);
    let lines = first_lines(&mut command, 6).await;
    let expected = [
        "ROUTE          STATE   URL",
        "shop/prod/v2   active  http://v2",
        "shop/prod/v10  active  http://v10",
        "shop/prod/v3   active  http://v3",
        "shop/prod/v10  inactive  http://v10",
        "shop/prod/v2   (deleted)",
    ];
    assert_eq!(lines, expected);
    let seen = server.seen();
    assert!(
        seen[3].line.ends_with("/snapshot?wait=30s"),
        "{}",
        seen[3].line
    );
    assert_eq!(
        seen[3].header("if-none-match"),
        Some("\"0123456789abcdef.7\"")
    );
}

#[tokio::test]
async fn watched_list_is_a_line_of_json_for_each_change() {
    let server = Server::start(&[
        routes(&[("v1", true)]),
        snapshot(7),
        routes(&[("v1", false)]),
        snapshot(8),
        routes(&[]),
    ])
    .await;
    let folder = Folder::new("watch-json");
    let mut command = folder.command("get routes --watch -o json", &server.url);
    let lines = first_lines(&mut command, 3).await;
    let lines: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let changes: Vec<_> = lines
        .iter()
        .map(|line| line["change"].as_str().unwrap())
        .collect();
    assert_eq!(changes, ["present", "changed", "deleted"]);
    assert_eq!(lines[1]["object"]["is_active"], false);
    assert_eq!(lines[2]["name"], "shop/prod/v1");
}

/// Asks for the completion of a line as the fish shell does.
async fn complete(folder: &Folder, url: &str, words: &str) -> Output {
    let mut command = folder.command(&format!("-- tmctl {words}"), url);
    if words.ends_with(' ') {
        command.arg("");
    }
    command.env("COMPLETE", "fish").output().await.unwrap()
}

#[tokio::test]
async fn names_are_completed_by_the_service() {
    let all = routes(&[("v1", true), ("v2", true)]);
    let server = Server::start(&[all.clone(), all]).await;
    let folder = Folder::new("complete");
    let output = complete(&folder, &server.url, "-t globex wait shop/").await;
    assert_eq!(parts(&output), (0, "shop/prod/v1\nshop/prod/v2\n", ""));
    let output = complete(&folder, &server.url, "get routes ").await;
    let (code, out, _) = parts(&output);
    assert_eq!(code, 0);
    assert!(out.starts_with("shop/prod/v1\nshop/prod/v2\n"), "{out}");
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /api/v1/routes?limit=200&tenant=globex");
    assert_eq!(seen[1].line, "GET /api/v1/routes?limit=200&tenant=acme");
}

#[tokio::test]
async fn completion_without_a_service_is_silent() {
    let folder = Folder::new("complete-nothing");
    let output = complete(&folder, "http://127.0.0.1:1", "wait shop/").await;
    assert_eq!(parts(&output), (0, "", ""));
}

#[tokio::test]
async fn manual_and_completion_scripts_are_written() {
    let folder = Folder::new("manual");
    let pages = folder.0.join("man");
    let arguments = format!("man {}", pages.display());
    let output = folder.command(&arguments, "").output().await.unwrap();
    assert_eq!(parts(&output).0, 0);
    for page in ["tmctl.1", "tmctl-get.1", "tmctl-rollout-set-weight.1"] {
        let text = fs::read_to_string(Path::join(&pages, page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let command = folder
            .command(&format!("completion {shell}"), "")
            .output()
            .await;
        let output = command.unwrap();
        let (code, script, errors) = parts(&output);
        assert_eq!((code, errors), (0, ""), "{shell}");
        assert!(
            script.contains("COMPLETE") && script.contains("tmctl"),
            "{shell}"
        );
    }
}
