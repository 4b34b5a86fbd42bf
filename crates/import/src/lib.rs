//! Makes tenant documents of the configuration files of other gateways.
//!
//! ```text
//!  text ─► tree with places ─► kong, gateway: entries (host, path, conditions, where to) ─► compile: policies and routes
//!                                   └──────────────► what was left out, and why ◄──────────────┘
//! ```
//!
//! Other gateways choose between rules of equal standing by an order of their own. Here a policy owns
//! hosts and path prefixes, and has an ordered list of rules. So for each host and each prefix the
//! rules that can take a request there are put into the other gateway's order, and places with the
//! same rules become one policy.
//!
//! Nothing is left out silently: each part of a file that the document does not say has a [`Left`].

mod compile;
mod entry;
mod fields;
mod gateway;
mod kong;
mod left;
mod names;
mod path;
mod transform;

use std::fmt;

pub use traffic_manager_core::document::Document;
use traffic_manager_core::{ids::EnvName, policy::Host};
use traffic_manager_yaml::{NotYaml, tree};

use self::{entry::Entry, left::Log};
pub use self::{
    gateway::BackendUrl,
    left::{Kind, Left},
};

/// A file of another gateway.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file's name, for messages.
    pub name: &'a str,
    /// The file's text: YAML or JSON.
    pub text: &'a str,
}

/// What the files do not say.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment of all routes and policies.
    pub env: EnvName,
    /// The hosts of routes that take requests for any host, beside the hosts that the files name.
    pub hosts: Vec<Host>,
    /// The address of a backend of the Gateway API.
    pub backend_url: BackendUrl,
}

/// The result of an import.
#[derive(Debug)]
pub struct Imported {
    /// The routes and policies. Its scope is the environment, and it removes nothing.
    pub document: Document,
    /// The differences, in the order in which they were found: parts that were left out, and notes
    /// on parts that mean something slightly different.
    pub left: Vec<Left>,
}

impl Imported {
    /// Whether everything that decides where a request goes was brought over.
    pub fn is_whole(&self) -> bool {
        self.left.iter().all(|left| left.kind == Kind::Note)
    }
}

/// The reason why a file cannot be imported at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The reason.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            why,
        } = self;
        write!(f, "{file}: line {line}, column {column}: {why}")
    }
}

impl std::error::Error for Unreadable {}

impl Unreadable {
    fn of(source: &Source<'_>, error: NotYaml) -> Self {
        let NotYaml { line, column, why } = error;
        Self {
            file: source.name.to_owned(),
            line,
            column,
            why,
        }
    }

    fn at(source: &Source<'_>, node: &tree::Node, why: &str) -> Self {
        Self {
            file: source.name.to_owned(),
            line: node.line,
            column: node.column,
            why: why.to_owned(),
        }
    }
}

/// Makes a document of a declarative file of Kong (`_format_version` 1.1 to 3.0).
pub fn kong(source: &Source<'_>, options: &Options) -> Result<Imported, Unreadable> {
    let documents = tree::documents(source.text).map_err(|error| Unreadable::of(source, error))?;
    let mut log = Log::new(source.name);
    let entries = kong::entries(source, &documents, &mut log)?;
    finished(entries, options, log, source)
}

/// Makes a document of resources of the Gateway API, of one or several files.
pub fn gateway_api(sources: &[Source<'_>], options: &Options) -> Result<Imported, Unreadable> {
    let mut files = Vec::new();
    for source in sources {
        let documents =
            tree::documents(source.text).map_err(|error| Unreadable::of(source, error))?;
        files.push((*source, documents));
    }
    let first = sources.first().copied().unwrap_or(Source {
        name: "-",
        text: "",
    });
    let mut log = Log::new(first.name);
    let entries = gateway::entries(&files, &options.backend_url, &mut log)?;
    finished(entries, options, log, &first)
}

fn finished(
    entries: Vec<Entry>,
    options: &Options,
    mut log: Log,
    source: &Source<'_>,
) -> Result<Imported, Unreadable> {
    let wrong = |why: String| Unreadable {
        file: source.name.to_owned(),
        line: 1,
        column: 1,
        why,
    };
    if entries.is_empty() {
        log.nothing_imported();
    }
    let document = compile::document(entries, options, &mut log).map_err(wrong)?;
    Ok(Imported {
        document,
        left: log.into_left(),
    })
}
