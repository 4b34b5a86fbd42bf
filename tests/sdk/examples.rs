//! The examples in `sdk/examples`, against the service: the steps of the workflow, and the canary.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    scene::{Scene, package, repository, run},
    support::{secure, tmctl},
};

const TENANT: &str = "boutique";

fn example(name: &str) -> PathBuf {
    repository().join("sdk/examples").join(name)
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("sdk")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Returns the token of a new key of the tenant.
async fn key(scene: &Scene, role: &str) -> String {
    let asked = json!({ "tenant": TENANT, "roles": [role] });
    let call = scene.app.post("/keys").bearer(&scene.token).json(&asked);
    let made = call.expect(201).await.json;
    made["token"].as_str().expect("a token").to_owned()
}

async fn revision(scene: &Scene) -> Value {
    let call = scene
        .app
        .get(&format!("/tenants/{TENANT}"))
        .bearer(&scene.token);
    call.expect(200).await.json["revision"].clone()
}

/// Runs the steps of a job of the workflow, but for the one that installs the program.
fn run_job(workflow: &Value, job: &str, variables: &[(&str, &str)]) -> String {
    let mut output = String::new();
    let steps = workflow["jobs"][job]["steps"].as_array().expect("steps");
    let steps = steps.iter().filter(|step| step["name"] != "install tmctl");
    let mut count = 0;
    for step in steps {
        let Some(script) = step["run"].as_str() else {
            continue;
        };
        let secret = step["env"]["TM_TOKEN"].as_str().expect("a secret");
        let secret = secret
            .trim_start_matches("${{ secrets.")
            .trim_end_matches(" }}");
        let token = variables.iter().find(|(name, _)| *name == secret);
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
        command.current_dir(example("gitops"));
        command.envs(variables.iter().copied());
        command.env("TM_TOKEN", token.expect("a secret of the workflow").1);
        output.push_str(&run(&mut command));
        count += 1;
    }
    assert_eq!(count, 1, "{job}: one step does the work");
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn workflow_plans_with_a_reading_key_and_applies_with_a_writing_one() {
    let built = tokio::task::spawn_blocking(tmctl::build);
    let scene = Scene::start().await;
    let tenant = json!({ "name": TENANT });
    let call = scene
        .app
        .post("/tenants")
        .bearer(&scene.token)
        .json(&tenant);
    call.expect(201).await;
    let (viewer, editor) = (key(&scene, "viewer").await, key(&scene, "editor").await);
    let program = built.await.expect("tmctl is built");

    let folder = scratch("workflow");
    let before = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{before}", program.display());
    let summary = folder.join("summary").display().to_string();
    let (config, ca) = (
        folder.join("config").display().to_string(),
        secure::is_on().then(secure::ca),
    );
    let mut variables = vec![
        ("PATH", path.as_str()),
        ("TM_SERVER", &scene.app.api),
        ("TM_TENANT", TENANT),
        ("TM_VIEWER_TOKEN", &viewer),
        ("TM_EDITOR_TOKEN", &editor),
        ("TM_CONFIG_DIR", &config),
        ("GITHUB_STEP_SUMMARY", &summary),
        ("GITHUB_SHA", "11bd71901bbe5b1630ceea73d27597364c9af683"),
    ];
    variables.extend(ca.as_deref().map(|ca| ("TM_CA", ca)));

    let text = fs::read_to_string(example("gitops/.github/workflows/routes.yml")).expect("a file");
    let workflow: Value = serde_yaml_ng::from_str(&text).expect("YAML");
    let first = revision(&scene).await;
    let planned = run_job(&workflow, "plan", &variables);
    assert!(
        planned.contains("6 to create, 0 to change, 0 to delete"),
        "{planned}"
    );
    assert_eq!(revision(&scene).await, first, "a plan changes nothing");
    let applied = run_job(&workflow, "apply", &variables);
    assert!(applied.contains("applied as revision 2"), "{applied}");
    let planned = run_job(&workflow, "plan", &variables);
    assert!(
        planned.contains("0 to create, 0 to change, 0 to delete, 6 unchanged"),
        "{planned}"
    );
    let summary = fs::read_to_string(&summary).expect("a summary");
    assert!(summary.contains("applied as revision 2"), "{summary}");
    scene.end().await;
}

/// Writes a program that prints an error rate.
fn prints(folder: &Path, rate: &str) -> PathBuf {
    let file = folder.join("error-rate.sh");
    fs::write(&file, format!("#!/bin/sh\necho {rate}\n")).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
    file
}

async fn split(scene: &Scene) -> Value {
    let path = format!("/policies/{TENANT}/shop/prod");
    let call = scene.app.get(&path).bearer(&scene.token);
    call.expect(200).await.json["split"].clone()
}

fn canary(scene: &Scene, program: &Path) -> Output {
    let mut command = scene.program(package("python").join(".venv/bin/python"));
    command.arg(example("canary.py"));
    command.args(["shop/prod", "v1", "v2", "--hold", "0.2", "--every", "0.1"]);
    command
        .args(["--steps", "10,100", "--error-rate"])
        .arg(program);
    command.env("PYTHONPATH", package("python").join("src"));
    command.env("TM_TENANT", TENANT);
    command.output().expect("Python")
}

#[tokio::test(flavor = "multi_thread")]
async fn canary_goes_on_while_requests_succeed_and_back_when_they_fail() {
    let scene = Scene::start().await;
    let _alone = scene.alone_with("python").await;
    run(&mut scene.command(package("python").join("install.sh")));
    let batch = json!({ "changes": [
        {"action": "put", "route": {"service": "shop", "env": "prod", "version": "v1", "url": "http://1.example"}},
        {"action": "put", "route": {"service": "shop", "env": "prod", "version": "v2", "url": "http://2.example"}},
        {"action": "put", "policy": {"service": "shop", "env": "prod",
            "split": [{"version": "v1", "weight": 1}], "timeout_ms": 500}},
    ]});
    let _node = scene.node(TENANT).await;
    let call = scene.app.post(&format!("/tenants/{TENANT}/batch"));
    call.bearer(&scene.token).json(&batch).expect(200).await;
    let folder = scratch("canary");
    let before = split(&scene).await;

    // Failing at the first step, or not known: the traffic is back where it was.
    for (rate, why) in [
        ("0.5", "50.00% of the requests fail"),
        ("none", "is not known"),
    ] {
        let done = canary(&scene, &prints(&folder, rate));
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{errors}");
        assert!(errors.contains(why), "{errors}");
        assert_eq!(split(&scene).await, before);
    }
    let done = canary(&scene, &prints(&folder, "0.001"));
    let printed = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{printed}");
    assert!(
        printed.contains("10 % to v2") && printed.contains("100 % to v2"),
        "{printed}"
    );
    let all = json!([{"version": "v1", "weight": 0}, {"version": "v2", "weight": 10_000}]);
    assert_eq!(split(&scene).await, all);
    let path = format!("/policies/{TENANT}/shop/prod");
    let policy = scene
        .app
        .get(&path)
        .bearer(&scene.token)
        .expect(200)
        .await
        .json;
    assert_eq!(policy["timeout_ms"], 500, "other members stay");
    scene.end().await;
}
