//! Reads the configuration files of other programs, with the place of each value.
//!
//! Other programs' files have anchors, aliases and merge keys (`<<`), and several documents in one
//! file. Aliases are replaced by their values; the number of values, repeated ones included, is
//! bounded, so no alias can make a file larger than a file that was written out.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

use crate::{
    NotYaml, options,
    scalar::{self, Value as Plain},
};

/// The longest file, in bytes.
pub const MAX_FILE: usize = 16 * 1024 * 1024;
/// The most values of a file, repeated ones included. A value takes about 100 bytes of memory.
pub const MAX_VALUES: usize = 1_000_000;
/// The deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 64;

/// A value, and the place where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The value.
    pub value: Value,
}

/// A value of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, or `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, as JSON writes it.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, each key once.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Returns a member of a mapping, unless it is `null`.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let member = self.members().iter().find(|(name, _)| name == key);
        member.map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// Returns the members of a mapping; none for any other value.
    pub fn members(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Map(members) => members,
            _ => &[],
        }
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}

/// Reads the documents of a file, without the empty ones. The error names the first place that is
/// not accepted: what is not YAML, tags, directives, a key that is not a text or is there twice,
/// and what exceeds the bounds of this module.
pub fn documents(text: &str) -> Result<Vec<Node>, NotYaml> {
    let start = |why: String| NotYaml {
        line: 1,
        column: 1,
        why,
    };
    if text.len() > MAX_FILE {
        return Err(start(format!("a file of more than {MAX_FILE} bytes")));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    for next in Parser::<StrInput<'_>>::new_from_str_with_options(text, options(MAX_DEPTH)) {
        let (event, span) = next.map_err(|error| NotYaml::at(error.marker(), &error.info()))?;
        builder.take(event, &span.start)?;
    }
    builder.documents.retain(|node| !node.is_null());
    Ok(builder.documents)
}

/// A list or mapping that is being read.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next, and whether it is a merge key.
    key: Option<(String, bool)>,
    /// The keys that were read.
    names: HashSet<String>,
    merged: Vec<Node>,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    /// The values with an anchor, each with the number of values in it.
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: &Marker) -> Result<(), NotYaml> {
        if event.tag().is_some() {
            return Err(NotYaml::at(at, "tags (!) are not accepted: quote texts"));
        }
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, _) => return self.scalar(&text, style, anchor, at),
            Event::SequenceStart(_, anchor, _) => {
                return self.begin(Value::List(Vec::new()), anchor, at);
            }
            Event::MappingStart(_, anchor, _) => {
                return self.begin(Value::Map(Vec::new()), anchor, at);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.end(at),
            Event::Alias(anchor) => {
                let unknown = || NotYaml::at(at, "an alias (*) of a value that contains it");
                let (node, size) = self.anchors.get(&anchor).cloned().ok_or_else(unknown)?;
                self.count(size, at)?;
                return self.put(node, at);
            }
            Event::UnresolvedAlias(..) => {
                return Err(NotYaml::at(at, "an alias (*) without its anchor (&)"));
            }
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, more: usize, at: &Marker) -> Result<(), NotYaml> {
        self.values += more;
        if self.values > MAX_VALUES {
            let why = format!("more than {MAX_VALUES} values, those of aliases (*) included");
            return Err(NotYaml::at(at, &why));
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        at: &Marker,
    ) -> Result<(), NotYaml> {
        let is_plain = style == ScalarStyle::Plain;
        if let Some(open) = self.open.last_mut()
            && matches!(open.node.value, Value::Map(_))
            && open.key.is_none()
        {
            open.key = Some((text.to_owned(), is_plain && text == "<<"));
            return Ok(());
        }
        self.count(1, at)?;
        let plain = if is_plain {
            scalar::plain(text).map_err(|why| NotYaml::at(at, why))?
        } else {
            Plain::Text
        };
        let value = match plain {
            Plain::Text => Value::Text(text.to_owned()),
            Plain::Other(json) => match json.as_str() {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => Value::Number(json),
            },
        };
        let node = node(value, at);
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), 1));
        }
        self.put(node, at)
    }

    fn begin(&mut self, value: Value, anchor: usize, at: &Marker) -> Result<(), NotYaml> {
        self.count(1, at)?;
        if self.open.len() == MAX_DEPTH {
            let why = format!("nested too deep: at most {MAX_DEPTH} lists and mappings");
            return Err(NotYaml::at(at, &why));
        }
        self.open.push(Open {
            node: node(value, at),
            anchor,
            key: None,
            names: HashSet::new(),
            merged: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self, at: &Marker) -> Result<(), NotYaml> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        if let Value::Map(members) = &mut open.node.value {
            for (name, node) in open.merged.into_iter().flat_map(into_members) {
                if open.names.insert(name.clone()) {
                    members.push((name, node));
                }
            }
        }
        if open.anchor != 0 {
            let size = size(&open.node);
            // The anchor keeps a copy.
            self.count(size, at)?;
            self.anchors.insert(open.anchor, (open.node.clone(), size));
        }
        self.put(open.node, at)
    }

    /// Puts a value into the innermost open list or mapping, or ends a document with it.
    fn put(&mut self, node: Node, at: &Marker) -> Result<(), NotYaml> {
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(members) => match open.key.take() {
                None => return Err(NotYaml::at(at, "a key must be a text")),
                Some((_, true)) => open.merged.extend(mergeable(node)?),
                Some((key, false)) => {
                    if !open.names.insert(key.clone()) {
                        let why = format!("the key {key} is there twice");
                        return Err(NotYaml {
                            line: node.line,
                            column: node.column,
                            why,
                        });
                    }
                    members.push((key, node));
                }
            },
            _ => {}
        }
        Ok(())
    }
}

fn node(value: Value, at: &Marker) -> Node {
    Node {
        line: at.line(),
        column: at.col() + 1,
        value,
    }
}

fn into_members(node: Node) -> Vec<(String, Node)> {
    match node.value {
        Value::Map(members) => members,
        _ => Vec::new(),
    }
}

/// Returns the mappings that a merge key names: one, or a list of them.
fn mergeable(node: Node) -> Result<Vec<Node>, NotYaml> {
    let (line, column) = (node.line, node.column);
    let nodes = match node.value {
        Value::List(items) => items,
        _ => vec![node],
    };
    if nodes.iter().all(|node| matches!(node.value, Value::Map(_))) {
        return Ok(nodes);
    }
    let why = "a merge key (<<) needs a mapping, or a list of mappings".to_owned();
    Err(NotYaml { line, column, why })
}

/// Returns the number of values in a value, itself included.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(members) => members.iter().map(|(_, node)| size(node)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        documents(text).unwrap().remove(0)
    }

    #[test]
    fn values_know_their_lines_and_columns() {
        let file = one("a: 1\nb:\n  - x\n  - {c: yes, d: true}\n");
        let Some(Value::List(items)) = file.get("b").map(|node| &node.value) else {
            panic!("{file:?}");
        };
        assert_eq!((items[1].line, items[1].column), (4, 5));
        assert_eq!(items[1].get("c").unwrap().value, Value::Text("yes".into()));
        assert_eq!(items[1].get("d").unwrap().value, Value::Bool(true));
        assert_eq!(file.get("a").unwrap().value, Value::Number("1".into()));
    }

    #[test]
    fn aliases_and_merge_keys_are_written_out() {
        let file = one("base: &b {x: 1, y: 2}\nc: *b\nd:\n  <<: *b\n  y: 3\n");
        let d = file.get("d").unwrap();
        assert_eq!(file.get("c").unwrap().members().len(), 2);
        assert_eq!(d.get("x").unwrap().value, Value::Number("1".into()));
        assert_eq!(d.get("y").unwrap().value, Value::Number("3".into()));
    }

    #[test]
    fn several_documents_are_read_and_empty_ones_are_not() {
        let files = documents("---\n---\na: 1\n---\nb: 2\n...\n").unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!(files[1].line, 5);
        assert!(documents("# nothing\n").unwrap().is_empty());
    }

    #[test]
    fn alias_bomb_is_refused_before_it_takes_memory() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            let list = vec![before; 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        let error = documents(&bomb).unwrap_err();
        assert!(error.why.contains("more than 1000000 values"), "{error}");
    }

    #[test]
    fn what_is_not_accepted_is_named_with_its_place() {
        for (text, place, why) in [
            ("a: [\n", "line", ""),
            ("a: !x 1\n", "line 1", "tags"),
            ("a: 1\na: 2\n", "line 2, column 4", "twice"),
            ("? [a]\n: 1\n", "line 1", "a key must be a text"),
            ("a: *x\n", "line 1, column 4", "without its anchor"),
            ("a: &x [*x]\n", "line 1", "contains it"),
            ("<<: 1\n", "line 1", "merge key"),
        ] {
            let error = documents(text).unwrap_err().to_string();
            assert!(
                error.contains(place) && error.contains(why),
                "{text}: {error}"
            );
        }
        let deep = documents(&format!("{}{}", "[".repeat(100), "]".repeat(100))).unwrap_err();
        assert!(deep.why.contains("nested too deep"), "{deep}");
        let long = documents(&" ".repeat(MAX_FILE + 1)).unwrap_err();
        assert!(long.why.contains("bytes"), "{long}");
    }
}
