//! What an import leaves out, or brings over with another meaning.

use std::{collections::HashSet, fmt};

use traffic_manager_yaml::tree::Node;

/// Whether something is missing, or only different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It was left out, or brought over only in part.
    Left,
    /// It was brought over, or decides nothing about requests; people should know.
    Note,
}

/// One thing that a document does not say as the file did.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Left {
    /// Whether it is missing.
    pub kind: Kind,
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Which thing, such as `route orders: plugin cors`.
    pub what: String,
    /// The reason.
    pub why: String,
    /// What to do about it; empty if nothing.
    pub remedy: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Left => "left out",
            Kind::Note => "note",
        };
        let Self {
            file,
            line,
            what,
            why,
            remedy,
            ..
        } = self;
        // A line is one line, whatever a file has in its names.
        let text = format!("{file}:{line}: {kind}: {what}: {why}");
        let text = if remedy.is_empty() {
            text
        } else {
            format!("{text}; {remedy}")
        };
        f.write_str(&text.replace(|c: char| c.is_control(), "?"))
    }
}

/// The place of a thing, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: String,
    pub line: usize,
    pub what: String,
}

/// Collects what is left out.
#[derive(Debug)]
pub struct Log {
    file: String,
    left: Vec<Left>,
    known: HashSet<Left>,
}

impl Log {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            left: Vec::new(),
            known: HashSet::new(),
        }
    }

    /// Sets the file of what comes next.
    pub fn set_file(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    pub fn origin(&self, node: &Node, what: &str) -> Origin {
        Origin {
            file: self.file.clone(),
            line: node.line,
            what: what.to_owned(),
        }
    }

    pub fn left(&mut self, node: &Node, what: &str, why: &str, remedy: &str) {
        let origin = self.origin(node, what);
        self.add(Kind::Left, &origin, why, remedy);
    }

    pub fn note(&mut self, node: &Node, what: &str, why: &str) {
        let origin = self.origin(node, what);
        self.add(Kind::Note, &origin, why, "");
    }

    /// Adds a line, unless it is there already: one thing may come to several policies.
    pub fn add(&mut self, kind: Kind, origin: &Origin, why: &str, remedy: &str) {
        let left = Left {
            kind,
            file: origin.file.clone(),
            line: origin.line,
            what: origin.what.clone(),
            why: why.to_owned(),
            remedy: remedy.to_owned(),
        };
        if self.known.insert(left.clone()) {
            self.left.push(left);
        }
    }

    pub fn nothing_imported(&mut self) {
        let origin = Origin {
            file: self.file.clone(),
            line: 1,
            what: "the file".to_owned(),
        };
        self.add(
            Kind::Left,
            &origin,
            "has no route that can be brought over",
            "",
        );
    }

    pub fn into_left(self) -> Vec<Left> {
        self.left
    }
}
