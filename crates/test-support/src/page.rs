//! Pages of the documentation, run as they are written.
//!
//! In a page that is run, a block marked `sh` is a command. If another block comes right after it,
//! that block is the command's output. All commands of a page run in one shell, as for a reader who
//! follows it. Blocks marked `text` are for reading only, and those marked `promql` are for Prometheus.
//!
//! The service authenticates callers, and the page runs with the token of a `platform_admin`, like
//! that of the demo.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use regex::Regex;
use traffic_manager::auth::key::{PREFIX, Presented};

/// Pages that query the archive, and so need a relay and a consumer. The API's suite runs all other
/// guides.
pub const WITH_ARCHIVE: &[&str] = &["guides/audit-question.md", "events.md", "../README.md"];

/// Pages that start a real proxy. The suite `proxies` runs them.
pub const WITH_PROXY: &[&str] = &[
    "guides/envoy.md",
    "guides/traefik.md",
    "guides/caddy.md",
    "guides/haproxy.md",
    "guides/nginx.md",
];

/// The key id that pages show. It replaces the id of the run's own key, so that pages do not change
/// with each run.
const KEY: &str = "0Yb3kQ9zTn5W";

/// The separator between the outputs of two commands.
const END: &str = "\n=== end of a command\n";

/// A page and its commands.
pub struct Page {
    path: PathBuf,
    text: String,
    examples: Vec<Example>,
    environment: Vec<(&'static str, String)>,
}

/// A command, and the range of the page that holds its output.
struct Example {
    command: String,
    output: Option<Range<usize>>,
}

impl Page {
    /// Reads a page in `docs/`.
    pub fn read(name: &str) -> Self {
        let path = docs().join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let examples = examples(name, &text);
        assert!(!examples.is_empty(), "{name} has no command");
        Self {
            path,
            text,
            examples,
            environment: Vec::new(),
        }
    }

    /// Sets an environment variable for the page's commands.
    #[must_use]
    pub fn with(mut self, variable: &'static str, value: String) -> Self {
        self.environment.push((variable, value));
        self
    }

    /// Runs the page's commands against a service, with a key of that service, and compares their
    /// output with the page. With `TM_WRITE_EXAMPLES=1` the output is written into the page
    /// instead, if it differs.
    pub async fn run(self, api: &str, token: &str) {
        let (script, mut environment) = (self.script(), self.environment.clone());
        environment.extend([("API_URL", api.to_owned()), ("API_TOKEN", token.to_owned())]);
        let output = tokio::task::spawn_blocking(move || shell(&script, environment))
            .await
            .unwrap();
        let name = self.path.display();
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(!printed.contains(PREFIX), "{name} prints a token");
        let id = Presented::parse(token).expect("an API key").id;
        let printed = printed.replace(id.as_str(), KEY);
        let printed: Vec<&str> = printed.split(END).collect();
        let failed = self
            .examples
            .get(printed.len() - 1)
            .map_or("", |example| &example.command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{name}: {}\n{failed}\n{}\n{errors}",
            output.status,
            printed[printed.len() - 1]
        );
        if std::env::var_os("TM_WRITE_EXAMPLES").is_some() {
            return self.write(&printed);
        }
        for (example, printed) in self.examples.iter().zip(printed) {
            assert_eq!(
                normal(printed),
                normal(self.shown(example)),
                "{name}: {}",
                example.command
            );
        }
    }

    fn script(&self) -> String {
        self.examples
            .iter()
            .map(|example| format!("{}wait\nprintf '%s' \"{END}\"\n", example.command))
            .collect()
    }

    /// Returns the output that the page shows for a command; empty if it shows none.
    fn shown(&self, example: &Example) -> &str {
        example.output.clone().map_or("", |range| &self.text[range])
    }

    /// Writes the outputs of one run, all together, so that ids and hashes across the page belong
    /// to one history.
    fn write(&self, printed: &[&str]) {
        let differs =
            |(example, printed): (&Example, &&str)| normal(printed) != normal(self.shown(example));
        if !self.examples.iter().zip(printed).any(differs) {
            return;
        }
        let mut text = self.text.clone();
        for (example, printed) in self.examples.iter().zip(printed).rev() {
            if let Some(range) = example.output.clone() {
                text.replace_range(range, &format!("{}\n", printed.trim_end()));
            }
        }
        std::fs::write(&self.path, text).expect("the page is written");
    }
}

/// The folder of the documentation.
pub fn docs() -> PathBuf {
    repository().join("docs")
}

/// The folder of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn examples(name: &str, text: &str) -> Vec<Example> {
    const FENCE: &str = "```";
    let (mut examples, mut at): (Vec<Example>, usize) = (Vec::new(), 0);
    let mut before = "";
    // Parts alternate: outside a block, inside a block.
    for (turn, part) in text.split(FENCE).enumerate() {
        let from = at;
        at += part.len() + FENCE.len();
        if turn % 2 == 0 {
            before = part;
        } else if let Some(command) = part.strip_prefix("sh\n") {
            examples.push(Example {
                command: command.to_owned(),
                output: None,
            });
        } else if !["text\n", "promql\n"]
            .iter()
            .any(|mark| part.starts_with(mark))
        {
            let example = examples
                .last_mut()
                .filter(|example| example.output.is_none() && before.trim().is_empty());
            let example = example
                .unwrap_or_else(|| panic!("{name}: neither a command nor what one prints: {part}"));
            assert!(
                part.starts_with('\n'),
                "{name}: only sh, text and promql mark a block: {part}"
            );
            example.output = Some(from + 1..from + part.len());
        }
    }
    examples
}

/// Runs a script in the repository's folder. Its folder for temporary files is removed afterwards.
fn shell(script: &str, environment: Vec<(&str, String)>) -> Output {
    let scratch = std::env::temp_dir().join(format!("tm-page-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&scratch).expect("a folder");
    let output = Command::new("timeout")
        .args(["120", "bash", "-euo", "pipefail", "-c", script])
        .current_dir(repository())
        .envs(environment)
        .env("TMPDIR", &scratch)
        .env("PATH", path_with_program())
        .output()
        .expect("bash");
    std::fs::remove_dir_all(&scratch).expect("the folder goes");
    output
}

/// Returns the search path with the folder of the program before it: Cargo builds the program beside
/// the folder of the tests that use it.
fn path_with_program() -> String {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.ancestors().nth(2).expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}

/// Replaces the parts that differ from run to run: ids, times, hashes and epochs.
fn normal(text: &str) -> String {
    let mut text = text.trim_end().to_owned();
    for (pattern, name) in [
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        (r"\b([0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})\b", "<hash>"),
    ] {
        text = Regex::new(pattern)
            .expect("a pattern")
            .replace_all(&text, name)
            .into_owned();
    }
    text
}
