//! What commands print and how they end, against a scripted service.

#[path = "../../client/tests/calls/server.rs"]
#[expect(dead_code, reason = "the tests of the client use the rest")]
mod server;

use std::{
    fs,
    path::PathBuf,
    process::{Output, Stdio},
};

use server::{Server, answer, problem};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// A folder for the configuration of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tmctl-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    /// Runs `tmctl` with words and standard input.
    async fn run(&self, arguments: &str, input: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that fails early does not read it.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await.unwrap()
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tmctl"));
        command.args(arguments.split_whitespace()).env_clear();
        command
            .env("TM_CONFIG_DIR", &self.0)
            .env("TM_TENANT", "acme");
        for pipe in [Command::stdin, Command::stdout, Command::stderr] {
            pipe(&mut command, Stdio::piped());
        }
        command
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

fn route(version: &str) -> String {
    format!(
        r#"{{"tenant":"acme","service":"shop","env":"prod","version":"{version}","url":"http://{version}",
            "is_active":true,"labels":{{"b":"2","a":"1"}},"description":null,"revision":7,"created_by":"a",
            "created_at":"2026-11-21T08:03:37.1Z","updated_at":"2026-11-21T08:03:37.1Z","updated_by":"ann"}}"#
    )
}

fn routes(versions: &[&str]) -> String {
    let items: Vec<_> = versions.iter().map(|version| route(version)).collect();
    answer(
        200,
        &[],
        &format!(r#"{{"items":[{}],"next_cursor":null}}"#, items.join(",")),
    )
}

fn preview(create: u8) -> String {
    let change = r#"{"action":"create","key":{"service":"shop","env":"prod","version":"v1"},"before":null,"after":{"url":"http://a"}}"#;
    let changes = if create == 0 { "" } else { change };
    let body = format!(
        r#"{{"tenant":"acme","base":"0123456789abcdef.1","active_routes":[0,1],"prune":false,"warnings":[],
            "scope":{{"env":null,"service":null}},"changes":[{changes}],
            "summary":{{"create":{create},"update":0,"delete":0,"unchanged":0}}}}"#
    );
    answer(200, &[], &body)
}

#[tokio::test]
async fn list_is_a_table_names_or_csv_in_natural_order() {
    let list = routes(&["v10", "v2"]);
    let server = Server::start(&[list.clone(), list.clone(), list]).await;
    let folder = Folder::new("lists");
    let run = async |form: &str| {
        let arguments = format!("get routes --server {} -o {form}", server.url);
        let output = folder.run(&arguments, "").await;
        let (code, out, errors) = parts(&output);
        assert_eq!((code, errors), (0, ""));
        out.to_owned()
    };
    let table = "ROUTE          STATE   URL\n\
                 shop/prod/v2   active  http://v2\n\
                 shop/prod/v10  active  http://v10\n";
    assert_eq!(run("table").await, table);
    assert_eq!(run("name").await, "shop/prod/v2\nshop/prod/v10\n");
    let csv = run("csv").await;
    let second = csv.lines().nth(1).unwrap();
    let expected =
        "shop/prod/v2,active,http://v2,acme,\"a=1,b=2\",7,2026-11-21T08:03:37.100000Z,ann";
    assert_eq!(second, expected);
}

#[tokio::test]
async fn diff_ends_with_0_1_or_2_and_changes_nothing() {
    let wrong = problem(
        422,
        "invalid_request",
        &[],
        r#","errors":[{"pointer":"/routes/0/url","code":"x","detail":"no host"}]"#,
    );
    let server = Server::start(&[preview(0), preview(1), preview(1), wrong]).await;
    let folder = Folder::new("diff");
    let document = "routes:\n- {service: shop, env: prod, version: v1, url: 'http://a'}\n";
    let run = async |more: &str| {
        let arguments = format!("diff -f - --server {} {more}", server.url);
        folder.run(&arguments, document).await
    };
    assert_eq!(parts(&run("").await).0, 0);
    let output = run("").await;
    let (code, out, errors) = parts(&output);
    let expected = "+ route shop/prod/v1\n    + url: \"http://a\"\n\
                    1 to create, 0 to change, 0 to delete, 0 unchanged\n";
    assert_eq!((code, out, errors), (1, expected, ""));
    assert_eq!(parts(&run("--exit-code=false").await).0, 0);
    let output = run("").await;
    let (code, _, errors) = parts(&output);
    let expected = "error: d\n  /routes/0/url: no host\ncause: t (invalid_request)\n\
                    hint: Correct the places that `errors` names. The same request will be refused again.\n\
                    request: r-1\n";
    assert_eq!((code, errors), (2, expected));
    let seen = server.seen();
    assert!(
        seen.iter()
            .all(|seen| seen.line == "POST /api/v1/tenants/acme/plans?dry_run=true")
    );
}

#[tokio::test]
async fn apply_without_a_terminal_needs_yes_and_leaves_no_plan() {
    let plan = preview(1).replace(
        "\"tenant\":\"acme\"",
        "\"tenant\":\"acme\",\"id\":\"p1\",\"hash\":\"h1\",\"created_by\":\"a\",\"reason\":null,\
         \"created_at\":\"2026-11-21T08:03:37Z\",\"expires_at\":\"2026-11-22T08:03:37Z\"",
    );
    let body = plan.split("\r\n\r\n").nth(1).unwrap();
    let server = Server::start(&[answer(201, &[], body), answer(204, &[], "")]).await;
    let folder = Folder::new("apply");
    let arguments = format!("apply -f - --server {}", server.url);
    let output = folder.run(&arguments, "routes: []").await;
    let (code, _, errors) = parts(&output);
    assert_eq!(
        (code, errors),
        (64, "error: there is no terminal to ask on\nhint: --yes\n")
    );
    assert_eq!(
        server.seen()[1].line,
        "DELETE /api/v1/tenants/acme/plans/p1"
    );
}

#[tokio::test]
async fn exit_code_says_who_has_to_act() {
    let server = Server::start(&[
        problem(401, "unauthenticated", &[], ""),
        problem(404, "route_not_found", &[], ""),
        problem(500, "internal", &[], ""),
    ])
    .await;
    let folder = Folder::new("codes");
    let get = |url: &str| format!("get routes shop/prod/v1 -o json --server {url}");
    for expected in [5, 2, 4] {
        let output = folder.run(&get(&server.url), "").await;
        let (code, out, errors) = parts(&output);
        assert_eq!((code, out), (expected, ""));
        let error: serde_json::Value = serde_json::from_str(errors).unwrap();
        assert_eq!(error["exit_code"], expected);
        assert_eq!(error["request_id"], "r-1");
    }
    for wrong in [
        "get",
        "get routes",
        "get routes shop/v1 --server http://localhost:1",
        "nothing",
    ] {
        assert_eq!(parts(&folder.run(wrong, "").await).0, 64, "{wrong}");
    }
}

#[tokio::test]
async fn token_is_stored_for_its_owner_only_and_sent_and_shown_nowhere() {
    let caller = r#"{"actor":{"kind":"key","id":"key:3f1c"},"roles":["node"],"tenant":"acme","services":null,
        "envs":["prod","dev"],"expires_at":"2026-12-31T00:00:00Z"}"#;
    let tenants = answer(200, &[], r#"{"items":[],"next_cursor":null}"#);
    let server = Server::start(&[answer(200, &[], caller), tenants]).await;
    let folder = Folder::new("tokens");
    let set = format!("context set dev --server {}", server.url);
    assert_eq!(parts(&folder.run(&set, "").await).0, 0);
    assert_eq!(parts(&folder.run("auth status", "").await).0, 5);
    let login = folder.run("auth login --with-token", "hunter2\n").await;
    let status = folder.run("auth status", "").await;
    for output in [&login, &status] {
        let (code, out, errors) = parts(output);
        assert_eq!(code, 0, "{errors}");
        assert!(!out.contains("hunter2") && !errors.contains("hunter2"));
    }
    let file = folder.0.join("tokens/dev");
    let expected = format!(
        "token: the file {}\ncaller: key:3f1c\nroles: node\ntenants: acme\nservices: all\n\
         environments: prod, dev\nends: 2026-12-31T00:00:00.000000Z\n",
        file.display()
    );
    assert_eq!(parts(&status).1, expected);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let set = folder
        .command("context set dev")
        .arg("--token-command=echo hunter3")
        .output()
        .await;
    assert_eq!(parts(&set.unwrap()).0, 0);
    folder.run("get tenants", "").await;
    let set = folder
        .command("context set dev")
        .arg("--token-command=true")
        .output()
        .await;
    assert_eq!(parts(&set.unwrap()).0, 0);
    let output = folder.run("get tenants", "").await;
    let expected = "error: no token: true printed nothing\n\
                    hint: tmctl auth login, or set TM_TOKEN\n";
    assert_eq!((parts(&output).0, parts(&output).2), (5, expected));
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].header("authorization"), Some("Bearer hunter2"));
    assert_eq!(seen[1].header("authorization"), Some("Bearer hunter3"));
    assert!(seen[0].header("user-agent").unwrap().starts_with("tmctl/"));
}

#[tokio::test]
async fn reader_that_goes_early_is_no_error() {
    let versions: Vec<_> = (0..3000).map(|number| format!("v{number}")).collect();
    let versions: Vec<_> = versions.iter().map(String::as_str).collect();
    let server = Server::start(&[routes(&versions)]).await;
    let folder = Folder::new("pipe");
    let arguments = format!("get routes -o json --server {}", server.url);
    let mut child = folder.command(&arguments).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(parts(&output), (0, "", ""));
}

#[tokio::test]
async fn explain_needs_no_service() {
    let folder = Folder::new("explain");
    let output = folder.run("explain policy.split.weight", "").await;
    let (code, out, _) = parts(&output);
    assert_eq!(code, 0);
    assert!(
        out.starts_with("policy.split.weight: integer from 0 to 10000\n"),
        "{out}"
    );
    let output = folder.run("explain policy.splitt", "").await;
    let (code, _, errors) = parts(&output);
    assert_eq!(code, 64);
    assert!(
        errors.contains("hint: one of") && errors.contains("split"),
        "{errors}"
    );
}
