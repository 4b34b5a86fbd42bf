//! Imports point one way, and each library has one home. The tests read the source, so a breach is
//! found before a review.

#[path = "architecture/capacity.rs"]
mod capacity;
#[path = "architecture/container.rs"]
mod container;
#[path = "architecture/deployment.rs"]
mod deployment;
#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/manifests.rs"]
mod manifests;
#[path = "architecture/packages.rs"]
mod packages;
#[path = "architecture/rules.rs"]
mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use imports::Imports;
use rules::{ALL_TENANTS, COMPILING, EXCEPTIONS, LIBRARIES, MODULES};

/// The longest file, in lines of at most 100 columns.
const MAX_LINES: usize = 660;

/// The packages without I/O, by their folder in `crates/`.
const PURE: [&str; 5] = ["api-types", "core", "dataplane", "import", "yaml"];

/// The packages of those who call the service, by their folder in `crates/`.
const CALLERS: [&str; 2] = ["client", "cli"];

struct Source {
    /// The file's path under `src/`, or for a file of another package `core/` and its path under
    /// `crates/core/src/`.
    path: String,
    /// The file's text without comments. A chain of calls is one line, however it is formatted.
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = sources_in(&root.join("src"), "");
    for package in PURE.into_iter().chain(CALLERS) {
        let package_sources = root.join("crates").join(package).join("src");
        sources.extend(sources_in(&package_sources, &format!("{package}/")));
    }
    sources
}

fn sources_in(root: &Path, prefix: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(root, &mut files);
    let read = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let path = file.strip_prefix(root).unwrap().to_str().unwrap();
        Source {
            path: format!("{prefix}{path}"),
            lines: text.lines().count(),
            code: joined_chains(&without_comments(&text)),
        }
    };
    files.iter().map(read).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Joins the calls that rustfmt writes on lines of their own: `.patterns` and `.check(` of one chain
/// become `.patterns.check(`.
fn joined_chains(code: &str) -> String {
    let mut joined = String::with_capacity(code.len());
    for line in code.lines() {
        let is_call = line.trim_start().starts_with('.') && !line.trim_start().starts_with("..");
        if is_call {
            joined.truncate(joined.trim_end().len());
            joined.push_str(line.trim_start());
        } else {
            joined.push_str(line);
        }
        joined.push('\n');
    }
    joined
}

fn without_comments(text: &str) -> String {
    // A line comment begins after white space; `https://` in a string does not.
    let code = |line: &str| match line.trim_start() {
        trimmed if trimmed.starts_with("//") => String::new(),
        _ => line.split(" // ").next().unwrap_or_default().to_owned(),
    };
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

fn without_tests(code: &str) -> &str {
    code.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
}

/// Returns whether `code` uses the crate `name`: the word, followed by `::` or the end of a use.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let starts = !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '"'));
        starts && (after.starts_with("::") || after.starts_with(';') || after.starts_with(" as "))
    })
}

/// Returns the modules of the crate that `code` uses.
fn modules(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
        {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => drop(found.insert(word(rest))),
            Some(group) => {
                let mut depth = 0;
                let mut expects = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => expects = true,
                        c if expects && depth == 0 && !c.is_whitespace() => {
                            found.insert(word(&group[at..]));
                            expects = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn module_of(path: &str) -> &str {
    path.split('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".rs")
}

/// Returns the text literals of `code`, roughly: the text between two quotes.
fn literals(code: &str) -> impl Iterator<Item = &str> {
    code.lines()
        .flat_map(|line| line.split('"').skip(1).step_by(2))
}

fn is_transaction_text(literal: &str) -> bool {
    let text = literal.trim().to_ascii_lowercase();
    let verbs = [
        "begin",
        "commit",
        "rollback",
        "start transaction",
        "savepoint",
        "end",
    ];
    verbs.iter().any(|verb| {
        text.strip_prefix(verb).is_some_and(|rest| {
            rest.is_empty()
                || rest.starts_with(';')
                || rest.starts_with(" transaction")
                || rest.starts_with(" isolation")
        })
    })
}

fn library_faults(source: &Source) -> Vec<String> {
    let homes = LIBRARIES
        .iter()
        .filter(|(library, _)| names(&source.code, library));
    let stray = homes.filter(|(_, homes)| !homes.iter().any(|(home, _)| is_in(&source.path, home)));
    stray
        .map(|(library, homes)| format!("{} uses {library}, whose home is {homes:?}", source.path))
        .collect()
}

/// Returns whether `path` is in `home`: a file, a directory (`a/`), or the beginning of a file's
/// name (`a/b`).
fn is_in(path: &str, home: &str) -> bool {
    if home.ends_with(".rs") {
        path == home
    } else {
        path.starts_with(home)
    }
}

fn module_faults(source: &Source) -> Vec<String> {
    let module = module_of(&source.path);
    // Cargo keeps the other packages from using the server.
    let is_elsewhere = PURE.contains(&module) || CALLERS.contains(&module);
    if matches!(module, "app" | "main" | "lib") || is_elsewhere {
        return Vec::new();
    }
    let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "{}: the module {module} has no row in MODULES",
            source.path
        )];
    };
    let is_allowed = |used: &str| {
        used == module
            || used == "domain"
            || allowed.contains(&used)
            || EXCEPTIONS
                .iter()
                .any(|(path, exception, _)| *path == source.path && *exception == used)
    };
    modules(&source.code)
        .iter()
        .filter(|used| !is_allowed(used))
        .map(|used| format!("{} uses {used}", source.path))
        .collect()
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_library_is_used_in_its_own_module_only() {
    assert_none(sources().iter().flat_map(library_faults).collect());
}

#[test]
fn imports_point_one_way() {
    assert_none(sources().iter().flat_map(module_faults).collect());
}

/// Returns the files of `src/http` by their module paths.
fn files_of_http() -> BTreeMap<String, String> {
    let module = |source: Source| {
        let path = source.path.strip_prefix("http/")?.strip_suffix(".rs")?;
        let path = if path == "mod" { "" } else { path };
        Some((path.to_owned(), source.code))
    };
    sources().into_iter().filter_map(module).collect()
}

/// Returns the resources: files with a list of endpoints. Their helpers stand beside them.
fn resources(files: &BTreeMap<String, String>) -> Vec<&str> {
    let has_list = |code: &str| code.contains("-> Vec<Endpoint> {");
    let with_list = files.iter().filter(|(_, code)| has_list(code));
    with_list.map(|(module, _)| module.as_str()).collect()
}

#[test]
fn http_imports_in_no_circle_and_no_resource_imports_another() {
    let files = files_of_http();
    let resources = resources(&files);
    assert!(resources.len() > 12, "{resources:?}");
    let imports = Imports::of("http", &files);
    let circles = imports.circles().into_iter();
    let circles = circles.map(|circle| format!("a circle of imports: {circle:?}"));
    let sideways = imports.between(&resources).into_iter();
    assert_none(circles.chain(sideways).collect());
}

/// Words of code that reads a clock or makes random ids. Cargo.toml keeps out the libraries that do
/// I/O; these come with libraries that the pure packages need.
const IMPURE: [&str; 11] = [
    "async ",
    ".await",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "SystemTime::",
    "Instant::now",
    "Timestamp::now",
    "now_v7",
    "new_v4",
];

#[test]
fn pure_packages_have_no_clock_async_or_randomness() {
    let pure: Vec<_> = sources()
        .into_iter()
        .filter(|source| PURE.contains(&module_of(&source.path)))
        .collect();
    assert!(pure.len() > 5);
    let found = |source: &Source| {
        let code = without_tests(&source.code).to_owned();
        let path = source.path.clone();
        IMPURE
            .into_iter()
            .filter(move |word| code.contains(word))
            .map(move |word| format!("{path}: {word}"))
    };
    assert_none(pure.iter().flat_map(found).collect());
}

#[test]
fn every_listed_exception_is_still_needed() {
    let sources = sources();
    let uses_it = |path: &str, used: &str| {
        sources
            .iter()
            .any(|source| source.path == path && modules(&source.code).contains(used))
    };
    let unneeded = EXCEPTIONS
        .iter()
        .filter(|(path, used, _)| !uses_it(path, used));
    assert_none(
        unneeded
            .map(|(path, used, _)| format!("{path} does not use {used} any more"))
            .collect(),
    );
    let needed = |library: &str, home: &str| {
        sources
            .iter()
            .any(|source| is_in(&source.path, home) && names(&source.code, library))
    };
    let homes = LIBRARIES
        .iter()
        .flat_map(|(library, homes)| homes.iter().map(move |(home, _)| (library, home)));
    let exists = |home: &str| {
        sources
            .iter()
            .any(|source| is_in(&source.path, home) && source.lines > 1)
    };
    let unneeded = homes.filter(|(library, home)| exists(home) && !needed(library, home));
    assert_none(
        unneeded
            .map(|(library, home)| format!("{home} does not use {library} any more"))
            .collect(),
    );
}

#[test]
fn no_file_is_too_long() {
    let long = sources()
        .into_iter()
        .filter(|source| source.lines > MAX_LINES);
    assert_none(
        long.map(|source| format!("{} has {} lines", source.path, source.lines))
            .collect(),
    );
}

#[test]
fn transactions_begin_in_one_place_only() {
    let mut faults = Vec::new();
    for source in sources() {
        for literal in literals(&source.code).filter(|literal| is_transaction_text(literal)) {
            faults.push(format!("{}: {literal:?}", source.path));
        }
        for call in [".batch_execute(", ".simple_query("] {
            if source.code.contains(call) {
                faults.push(format!("{}: {call}", source.path));
            }
        }
    }
    assert_none(faults);
}

fn compiling_faults(source: &Source) -> Vec<String> {
    // Tests may compile any pattern.
    let code = without_tests(&source.code);
    let stray = COMPILING
        .iter()
        .filter(|(call, homes)| code.contains(call) && !homes.contains(&source.path.as_str()));
    stray
        .map(|(call, homes)| {
            format!(
                "{}: {call}…) compiles patterns, and belongs to {homes:?}",
                source.path
            )
        })
        .collect()
}

#[test]
fn patterns_are_compiled_only_in_the_pool() {
    let sources = sources();
    let is_made = |path: &str, call: &str| {
        sources
            .iter()
            .any(|source| source.path == path && source.code.contains(call))
    };
    let calls = COMPILING
        .iter()
        .flat_map(|(call, homes)| homes.iter().map(move |home| (call, home)));
    let unneeded = calls.filter(|(call, home)| !is_made(home, call));
    let unneeded = unneeded.map(|(call, home)| format!("{home} does not call {call}…) any more"));
    assert_none(
        sources
            .iter()
            .flat_map(compiling_faults)
            .chain(unneeded)
            .collect(),
    );
    // In the pool itself both calls are part of the work that the pool runs, and not calls beside
    // that work.
    let pool = sources
        .iter()
        .find(|source| source.path == "service/write/patterns.rs")
        .unwrap();
    assert!(
        pool.code
            .contains("self.writes.run(tenant, move || policy::check_new_rules(&rules))")
    );
    assert!(
        pool.code
            .contains("self.reads.run(snapshot.tenant(), compile)")
    );
}

fn all_tenants_faults(source: &Source) -> Vec<String> {
    let is_home = ALL_TENANTS.iter().any(|(home, _)| source.path == *home);
    if !is_home && source.code.contains("all_tenants") {
        return vec![format!(
            "{} sees the rows of every tenant, and is not in ALL_TENANTS",
            source.path
        )];
    }
    // Only store/visible.rs sets `app.tenants` in Postgres.
    let stray = literals(&source.code)
        .filter(|literal| source.path != "store/visible.rs" && literal.contains("app.tenants"));
    stray
        .map(|literal| format!("{}: {literal:?}", source.path))
        .collect()
}

#[test]
fn modules_that_see_every_tenant_are_listed() {
    let sources = sources();
    let needed = |home: &str| {
        sources
            .iter()
            .any(|source| source.path == home && source.code.contains("all_tenants"))
    };
    let unneeded = ALL_TENANTS.iter().filter(|(home, _)| !needed(home));
    let unneeded = unneeded.map(|(home, _)| format!("{home} does not see every tenant any more"));
    assert_none(
        sources
            .iter()
            .flat_map(all_tenants_faults)
            .chain(unneeded)
            .collect(),
    );
}

/// The use cases that answer a caller about one tenant.
const ANSWER_CALLERS: [&str; 7] = [
    "service/read/choices.rs",
    "service/read/subscription.rs",
    "service/history/time_travel.rs",
    "service/write/plans.rs",
    "service/read/polls.rs",
    "service/read/reads.rs",
    "service/history/verify.rs",
];

/// Returns the methods that other modules can call and that take a tenant by its bare name.
fn bare_tenants(source: &Source) -> Vec<String> {
    let methods = source
        .code
        .split("\n    pub ")
        .skip(1)
        .filter_map(|rest| rest.split_once("{\n").map(|(signature, _)| signature));
    let bare = methods
        .filter(|signature| signature.contains("&self") || signature.contains("polls: Arc<Polls>"))
        .filter(|signature| {
            [
                ": &TenantName",
                ": TenantName",
                ": &RouteKey",
                ": RouteKey",
                ": &PolicyKey",
                ": PolicyKey",
            ]
            .iter()
            .any(|kind| signature.contains(kind))
        });
    bare.map(|signature| {
        format!(
            "{}: {} takes a tenant without authorization",
            source.path,
            signature.trim()
        )
    })
    .collect()
}

#[test]
fn use_cases_accept_only_authorized_tenants() {
    let sources = sources();
    let answering: Vec<_> = sources
        .iter()
        .filter(|source| ANSWER_CALLERS.contains(&&*source.path))
        .collect();
    assert_eq!(answering.len(), ANSWER_CALLERS.len());
    assert_none(
        answering
            .iter()
            .flat_map(|source| bare_tenants(source))
            .collect(),
    );
}

/// The parts of a statement that are no constants, each with its reason.
const IN_STATEMENTS: &[(&str, &str)] = &[
    (
        "of_tenant",
        "store/routes.rs: one of two texts of ours, so that an index serves it",
    ),
    ("after_key", "store/routes.rs: the same"),
    ("function", "store/router.rs: one of two names of functions"),
];

/// Finds names in braces that are no constants, in lines that look like SQL.
fn statement_faults(source: &Source) -> Vec<String> {
    let is_sql = |line: &&str| {
        [
            "select ", "insert ", "update ", "delete ", "where ", "from ", "and ",
        ]
        .iter()
        .any(|word| line.contains(word))
    };
    let mut faults = Vec::new();
    for line in source.code.lines().filter(is_sql) {
        for name in line
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
        {
            let is_variable =
                name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') || name.is_empty();
            let is_plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if is_variable && is_plain && !IN_STATEMENTS.iter().any(|(known, _)| *known == name) {
                faults.push(format!(
                    "{}: {{{name}}} in a statement: {}",
                    source.path,
                    line.trim()
                ));
            }
        }
    }
    faults
}

#[test]
fn sql_statements_are_constants() {
    let sources: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.path.starts_with("store/"))
        .collect();
    assert!(sources.len() > 10);
    assert_none(sources.iter().flat_map(statement_faults).collect());
}

#[test]
fn metric_names_are_in_one_table() {
    let named = |source: &Source| {
        let literals: Vec<_> = literals(&source.code)
            .filter(|literal| literal.starts_with("tm_"))
            .map(str::to_owned)
            .collect();
        literals
            .into_iter()
            .map(|literal| format!("{}: {literal}", source.path))
            .collect::<Vec<_>>()
    };
    // Headers of Kafka records begin like metrics, and so do cookies and variables of proxies.
    let homes = [
        "dataplane/caddy/split.rs",
        "dataplane/nginx/policy.rs",
        "dataplane/nginx/text.rs",
        "dataplane/traefik/services.rs",
        "telemetry/names.rs",
        "kafka.rs",
        "core/pipeline/record.rs",
        "relay.rs",
        "http/asyncapi.rs",
    ];
    let others: Vec<_> = sources()
        .into_iter()
        .filter(|source| !homes.contains(&source.path.as_str()))
        .collect();
    let faults = others.iter().flat_map(named);
    assert_none(faults.collect());
    let table = sources()
        .into_iter()
        .find(|source| source.path == "telemetry/names.rs")
        .unwrap();
    assert!(
        literals(&table.code)
            .filter(|literal| literal.starts_with("tm_"))
            .count()
            > 20
    );
}

#[test]
fn every_metric_is_used() {
    let sources = sources();
    let table = sources
        .iter()
        .find(|source| source.path == "telemetry/names.rs")
        .unwrap();
    let constants = table
        .code
        .lines()
        .filter_map(|line| line.trim().split_once(" = \"tm_")?.0.split(' ').nth(1));
    let unused: Vec<_> = constants
        .filter(|name| {
            !sources
                .iter()
                .any(|source| names_constant(&source.code, name))
        })
        .collect();
    assert_none(unused.into_iter().map(str::to_owned).collect());
}

/// Finds log lines and spans of the edge with a request's headers, body or query, which may be
/// secret or personal.
fn request_data_in_logs(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, _) in source.code.match_indices("tracing::") {
        let call = source.code[at..].split(");\n").next().unwrap_or_default();
        let is_one = call["tracing::".len()..]
            .trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
            .starts_with("!(");
        for word in [
            "headers()",
            "header(",
            "query_string",
            "query()",
            ".uri()",
            "body",
            "payload",
        ] {
            if is_one && call.contains(word) {
                faults.push(format!("{}: {word} in {call}", source.path));
            }
        }
    }
    faults
}

#[test]
fn spans_and_log_lines_have_no_headers_bodies_or_queries() {
    let sources = sources();
    assert_none(
        sources
            .iter()
            .filter(|source| source.path.starts_with("http/"))
            .flat_map(request_data_in_logs)
            .collect(),
    );
}

fn names_constant(code: &str, name: &str) -> bool {
    code.match_indices(&format!("names::{name}"))
        .any(|(at, found)| {
            !code[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
}

/// Pools without a share for each payer, each with its reason. Everything else that is bounded and
/// shared is made of `resilience::Shares`, so that one tenant cannot take all of it, and is
/// reported in `/health/resilience`.
const UNSHARED: &[(&str, &str)] = &[
    ("resilience/shares.rs", "makes them"),
    (
        "service/write/patterns.rs",
        "compiles one pattern of a tenant at a time, in turns",
    ),
    (
        "service/access/callers.rs",
        "loads keys before their tenant is known; each address has its own limit",
    ),
    (
        "http/ads.rs",
        "counts connections before their tenant is known; streams have shares",
    ),
];

#[test]
fn every_bounded_pool_has_a_share_for_each_payer() {
    for source in sources() {
        let is_listed = UNSHARED.iter().any(|(path, _)| source.path == *path);
        let pools =
            ["Semaphore", "web::block", "block_in_place"].map(|name| source.code.contains(name));
        let [semaphore, block, in_place] = pools;
        assert!(
            is_listed || !semaphore,
            "{}: a semaphore of its own; use resilience::Shares",
            source.path
        );
        assert!(!block, "{}: use resilience::Workers", source.path);
        assert!(
            !in_place || source.path == "service/write/writer.rs",
            "{}: use resilience::Workers",
            source.path
        );
    }
}

/// The checks themselves must be able to fail.
#[test]
fn architecture_checks_find_each_fault() {
    let source = |path: &str, text: &str| Source {
        path: path.into(),
        code: without_comments(text),
        lines: text.lines().count(),
    };
    let library = |path, text| library_faults(&source(path, text)).len();
    assert_eq!(library("service/x.rs", "use actix_web::web;"), 1);
    assert_eq!(
        library("service/x.rs", "fn f(client: &tokio_postgres::Client) {}"),
        1
    );
    assert_eq!(
        library("audit/consumer.rs", "use {\n    mongodb::bson,\n};"),
        1
    );
    assert_eq!(library("audit/archive_queries.rs", "use mongodb::bson;"), 0);
    assert_eq!(
        library(
            "service/x.rs",
            "/// like actix_web::web\n// use mongodb::x;\nlet a = \"actix_web\";"
        ),
        0
    );
    assert_eq!(
        library(
            "service/x.rs",
            "use my_actix_web::x; use crate::rdkafka_like::x;"
        ),
        0
    );
    let statement = |text| statement_faults(&source("store/x.rs", text)).len();
    assert_eq!(
        statement("format!(\"select * from routes where tenant = '{tenant}'\")"),
        1
    );
    assert_eq!(
        statement("format!(\"select * from {} where true\", table)"),
        1
    );
    assert_eq!(
        statement("format!(\"select {COLUMNS} from routes where {of_tenant} and name = $1\")"),
        0
    );
    let module = |path, text| module_faults(&source(path, text)).len();
    assert_eq!(
        module(
            "store/x.rs",
            "use crate::{\n    domain::{ids::{A, B}, route},\n    http::{self, X},\n    service,\n};"
        ),
        2
    );
    assert_eq!(module("http/x.rs", "use crate::store::Error;"), 1);
    assert_eq!(module("relay.rs", "fn f() { crate::app::migrate() }"), 1);
    assert_eq!(module("news/x.rs", ""), 1);
    let all_tenants = |path, text| all_tenants_faults(&source(path, text)).len();
    assert_eq!(
        all_tenants(
            "service/x.rs",
            "primary.read(&Visible::all_tenants(), read)"
        ),
        1
    );
    assert_eq!(
        all_tenants(
            "workers/upkeep.rs",
            "primary.read(&Visible::all_tenants(), read)"
        ),
        0
    );
    assert_eq!(
        all_tenants("workers/upkeep.rs", "\"set app.tenants = '*'\""),
        1
    );
    let bare = |text: &str| bare_tenants(&source("service/read/reads.rs", text)).len();
    assert_eq!(
        bare("impl A {\n    pub async fn get(&self, tenant: &TenantName) -> X {\n    }"),
        1
    );
    assert_eq!(
        bare("impl A {\n    pub fn get(\n        &self, key: &RouteKey,\n    ) -> X {\n    }"),
        1
    );
    assert_eq!(
        bare("impl A {\n    pub async fn get(&self, tenant: &AuthorizedTenant) -> X {\n    }"),
        0
    );
    let compiling = |path, text| compiling_faults(&source(path, text)).len();
    assert_eq!(
        compiling("store/policies.rs", "let made = Patterns::of(&spec.rules);"),
        1
    );
    assert_eq!(
        compiling(
            "http/policies.rs",
            "let wrong = policy::check_new_rules(&rules);"
        ),
        1
    );
    assert_eq!(
        compiling(
            "core/policy/choice.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests {\nPatterns::of(&rules);"
        ),
        0
    );
    let told = |text| request_data_in_logs(&source("http/x.rs", text)).len();
    assert_eq!(
        told("tracing::info_span!(\"x\", q = request.query_string());\nlet a = request.headers();"),
        1
    );
    assert_eq!(
        told("tracing::warn!(key = %request.headers().len(),\n \"x\");\n"),
        1
    );
    assert_eq!(
        told("tracing::warn!(\"x\");\nlet span = tracing::Span::none();\nrequest.headers();\n"),
        0
    );
    assert!(
        is_transaction_text("BEGIN")
            && is_transaction_text(" commit;")
            && is_transaction_text("start transaction isolation level serializable")
    );
    assert!(
        !is_transaction_text("commit_unknown")
            && !is_transaction_text("beginning")
            && !is_transaction_text("commits per second")
    );
}
