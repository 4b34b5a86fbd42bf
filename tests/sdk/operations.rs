//! The table of all operations with their command and their methods: `docs/sdk/operations.md`. `UPDATE_DOCS=1` writes
//! it.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use serde_json::Value;
use traffic_manager_client::Client;

use crate::scene::{package, repository};

/// How `tmctl` offers an operation.
enum Tmctl {
    /// The command that makes the call.
    By(&'static str),
    /// The reason why no command does.
    Not(&'static str),
}

use Tmctl::{By, Not};

const BY_BODY: &str = "the operation with the name in its path does the same";
const FOR_OPERATORS: &str = "for operators, with curl as in docs/operations.md";
const FOR_PROBES: &str = "for probes and balancers";
const FOR_PROXIES: &str = "for the proxy itself, or for tm-agent";
const IN_EDIT: &str = "tmctl edit and tmctl apply change members by a plan";
const ONE_LIST: &str = "tmctl audit list has the same filters";
const SCHEMAS: &str = "a document for programs; tmctl explain has the schema built in";

/// Each operation, sorted by its name.
const COMMANDS: &[(&str, Tmctl)] = &[
    ("activateRoute", By("tmctl activate")),
    ("activateRouteByBody", Not(BY_BODY)),
    (
        "applyBatch",
        Not("tmctl apply shows a plan before it changes many objects"),
    ),
    ("applyPlan", By("tmctl apply")),
    ("cancelReplay", Not(FOR_OPERATORS)),
    ("createKey", By("tmctl keys create")),
    ("createPlan", By("tmctl apply")),
    ("createReplay", Not(FOR_OPERATORS)),
    (
        "createRollbackPlan",
        Not("tmctl rollout undo takes one policy back; a whole tenant goes back by the API"),
    ),
    ("createTenant", By("tmctl tenant create")),
    ("deactivateRoute", By("tmctl deactivate")),
    ("deactivateRouteByBody", Not(BY_BODY)),
    ("deletePlan", By("tmctl apply")),
    ("deletePolicy", By("tmctl delete")),
    ("deleteRoute", By("tmctl delete")),
    ("deleteTenant", By("tmctl tenant delete")),
    (
        "diffTenant",
        Not("tmctl diff compares with a document; two past states are compared by the API"),
    ),
    ("discardDeadLetter", Not(FOR_OPERATORS)),
    ("exportAuditEvents", By("tmctl audit export")),
    ("exportTenant", By("tmctl edit")),
    ("forceBreaker", Not(FOR_OPERATORS)),
    ("getAsyncApiDocument", Not(SCHEMAS)),
    (
        "getAuditStatus",
        Not("tmctl audit verify shows the last revision of the archive"),
    ),
    (
        "getChanges",
        Not("tmctl get --watch follows the stream, which has the same changes"),
    ),
    ("getConvergence", By("tmctl wait")),
    ("getDeadLetter", By("tmctl get")),
    ("getEventSchema", Not(SCHEMAS)),
    ("getHealth", By("tmctl doctor")),
    ("getKey", By("tmctl get")),
    ("getLiveness", Not(FOR_PROBES)),
    ("getNode", By("tmctl get")),
    ("getOpenApiDocument", Not(SCHEMAS)),
    ("getPlan", By("tmctl get")),
    ("getPolicy", By("tmctl get")),
    ("getPolicyHistory", By("tmctl log")),
    (
        "getProblem",
        Not("errors have the cause and a hint; docs/errors.md has the page"),
    ),
    ("getProxyBootstrap", Not(FOR_PROXIES)),
    ("getProxyConfiguration", Not(FOR_PROXIES)),
    ("getProxyReport", Not(FOR_PROXIES)),
    ("getReadiness", By("tmctl doctor")),
    ("getReplay", By("tmctl get")),
    ("getResilience", Not(FOR_OPERATORS)),
    ("getRoute", By("tmctl get")),
    ("getRouteBlame", By("tmctl blame")),
    ("getRouteHistory", By("tmctl log")),
    ("getSelf", By("tmctl auth status")),
    ("getSnapshot", By("tmctl get")),
    ("getTenant", By("tmctl get")),
    ("getTenantDocumentSchema", Not(SCHEMAS)),
    (
        "listAccessRecords",
        Not("for auditors of the platform, with curl as in docs/authentication.md"),
    ),
    ("listAuditEvents", By("tmctl audit list")),
    ("listAuditEventsByAction", Not(ONE_LIST)),
    ("listAuditEventsByRoute", Not(ONE_LIST)),
    ("listAuditEventsInTimeRange", Not(ONE_LIST)),
    ("listDeadLetters", By("tmctl get")),
    ("listKeys", By("tmctl get")),
    ("listNodes", By("tmctl get")),
    ("listPlans", By("tmctl get")),
    ("listPolicies", By("tmctl get")),
    ("listRecentAuditEvents", Not(ONE_LIST)),
    ("listReplays", By("tmctl get")),
    ("listRoutes", By("tmctl get")),
    (
        "listSigningKeys",
        Not("keys that are trusted come another way than the data that they sign"),
    ),
    ("listTenants", By("tmctl get")),
    ("patchPolicy", Not(IN_EDIT)),
    ("patchRoute", Not(IN_EDIT)),
    ("patchTenant", Not("quotas are set by the API")),
    ("putPolicy", By("tmctl rollout set-weight")),
    (
        "putRoute",
        Not("tmctl apply creates and replaces routes by a plan"),
    ),
    ("redriveDeadLetter", Not(FOR_OPERATORS)),
    ("redriveDeadLetters", Not(FOR_OPERATORS)),
    ("releaseBreaker", Not(FOR_OPERATORS)),
    ("reportNodes", Not("nodes and relays report by themselves")),
    ("resolveRoute", By("tmctl resolve")),
    ("revokeKey", By("tmctl keys revoke")),
    ("rotateKey", By("tmctl keys rotate")),
    ("streamAllChanges", Not("for proxies of all tenants")),
    ("streamChanges", By("tmctl doctor")),
    ("upsertRoute", Not(BY_BODY)),
    (
        "verifyAuditChain",
        Not("tmctl audit verify recomputes the chain without trust in the service"),
    ),
];

/// The methods of the Rust client that stand for an operation in the command's code.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("create_plan", ".plan("),
    ("apply_plan", ".apply("),
    ("delete_plan", ".discard("),
];

/// An operation of the document: its method and its path.
type Operations = BTreeMap<String, (String, String)>;

fn operations() -> Operations {
    let text = read(&repository().join("docs/openapi.json"));
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut found = Operations::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("an id");
            found.insert(id.to_owned(), (method.to_uppercase(), path.clone()));
        }
    }
    assert!(found.len() > 70, "{}", found.len());
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns `listRoutes` as `list_routes`.
fn snake_case(id: &str) -> String {
    let mut name = String::new();
    for c in id.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Returns the text of all files of the command.
fn source_of_tmctl() -> String {
    let mut text = String::new();
    let mut folders = vec![repository().join("crates/cli/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => text.push_str(&read(&path)),
            }
        }
    }
    text
}

fn cell(tmctl: &Tmctl) -> String {
    match tmctl {
        By(command) => format!("`{command}`"),
        Not(reason) => format!("none: {reason}"),
    }
}

/// Returns the page.
fn page(operations: &Operations) -> String {
    let mut page = String::from(
        "# Operations\n\n\
         Each operation of [the API's document](../openapi.json), its command of [tmctl](../tmctl.md) or the reason why it has\n\
         none, and its method in the packages for [Rust](rust.md), [TypeScript](typescript.md) and [Python](python.md). A test\n\
         compares the table with the document, the command's source and the packages, and writes it.\n\n\
         | request | tmctl | TypeScript | Rust and Python |\n|---|---|---|---|\n",
    );
    for (id, tmctl) in COMMANDS {
        let (method, path) = &operations[*id];
        let (command, name) = (cell(tmctl), snake_case(id));
        writeln!(
            page,
            "| `{method} {path}` | {command} | `{id}` | `{name}` |"
        )
        .expect("a text");
    }
    page
}

#[test]
fn every_operation_is_in_the_table_of_commands() {
    let operations = operations();
    let listed: Vec<&str> = COMMANDS.iter().map(|(id, _)| *id).collect();
    let expected: Vec<&str> = operations.keys().map(String::as_str).collect();
    assert_eq!(listed, expected, "COMMANDS has each operation once, sorted");
}

#[test]
fn command_of_the_table_makes_the_call() {
    let source = source_of_tmctl();
    let help = repository().join("crates/cli/tests/help");
    for (id, tmctl) in COMMANDS {
        let name = snake_case(id);
        let other = OTHER_NAMES.iter().find(|(own, _)| *own == name);
        let is_called = source.contains(&format!(".{name}("))
            || other.is_some_and(|(_, text)| source.contains(text));
        match tmctl {
            By(command) => {
                assert!(is_called, "{id}: tmctl does not call it");
                let page = help.join(format!("{}.txt", command.replace(' ', "-")));
                assert!(page.exists(), "{id}: there is no command {command}");
            }
            Not(_) => assert!(!is_called, "{id}: tmctl calls it, so it has a command"),
        }
    }
}

#[test]
fn every_package_has_a_method_for_every_operation() {
    let rust: Vec<&str> = Client::operations().map(|row| row.name).collect();
    let typescript = read(&package("typescript").join("src/generated/operations.ts"));
    let python = read(&package("python").join("src/traffic_manager_client/methods.py"));
    for id in operations().keys() {
        let name = snake_case(id);
        assert!(rust.contains(&name.as_str()), "Rust: {name}");
        assert!(
            typescript.contains(&format!("\n  {id}: {{")),
            "TypeScript: {id}"
        );
        for keyword in ["    def", "    async def"] {
            assert!(
                python.contains(&format!("\n{keyword} {name}(")),
                "Python: {name}"
            );
        }
    }
}

#[test]
fn table_of_operations_is_up_to_date() {
    let (file, page) = (
        repository().join("docs/sdk/operations.md"),
        page(&operations()),
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &page).expect("the page is written");
    }
    assert_eq!(
        read(&file),
        page,
        "UPDATE_DOCS=1 writes docs/sdk/operations.md"
    );
}
