//! Reads the members of a mapping, and reports every one that nobody asked for.

use traffic_manager_yaml::tree::{Node, Value};

use crate::left::Log;

/// The members of a mapping of a file.
pub struct Fields<'a> {
    node: &'a Node,
    /// The thing that the mapping describes, for messages.
    pub what: String,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub fn new(node: &'a Node, what: impl Into<String>) -> Self {
        Self {
            node,
            what: what.into(),
            asked: Vec::new(),
        }
    }

    /// Returns a member that is not `null`.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.node.get(key)
    }

    /// Marks members that say nothing about requests, such as ids and times of creation.
    pub fn ignore(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    /// Returns a text; a number counts as one.
    pub fn text(&mut self, key: &'static str, log: &mut Log) -> Option<String> {
        let node = self.get(key)?;
        self.expect(key, node, text(node), "a text", log)
    }

    pub fn bool(&mut self, key: &'static str, log: &mut Log) -> Option<bool> {
        let node = self.get(key)?;
        let value = match node.value {
            Value::Bool(value) => Some(value),
            _ => None,
        };
        self.expect(key, node, value, "true or false", log)
    }

    pub fn number(&mut self, key: &'static str, log: &mut Log) -> Option<u64> {
        let node = self.get(key)?;
        self.expect(key, node, number(node), "a whole number", log)
    }

    /// Returns the items of a list; a list that is absent is empty.
    pub fn list(&mut self, key: &'static str, log: &mut Log) -> &'a [Node] {
        let Some(node) = self.get(key) else {
            return &[];
        };
        match &node.value {
            Value::List(items) => items,
            _ => {
                self.expect(key, node, None::<()>, "a list", log);
                &[]
            }
        }
    }

    /// Returns the texts of a list, each with its node.
    pub fn texts(&mut self, key: &'static str, log: &mut Log) -> Vec<(String, &'a Node)> {
        let items = self.list(key, log).iter();
        let texts = items.filter_map(|node| {
            let text = self.expect(key, node, text(node), "a list of texts", log)?;
            Some((text, node))
        });
        texts.collect()
    }

    fn expect<T>(
        &self,
        key: &str,
        node: &Node,
        value: Option<T>,
        expected: &str,
        log: &mut Log,
    ) -> Option<T> {
        if value.is_none() {
            let what = format!("{}: {key}", self.what);
            log.left(
                node,
                &what,
                &format!("must be {expected}"),
                "correct the file",
            );
        }
        value
    }

    /// Reports each member that nobody asked for.
    pub fn finish(self, log: &mut Log) {
        for (key, node) in self.node.members() {
            if !self.asked.contains(&key.as_str()) && !node.is_null() {
                let what = format!("{}: {key}", self.what);
                log.left(node, &what, "is not known to the import", "");
            }
        }
    }
}

/// Returns a text, or a number or boolean as it is written.
pub fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) | Value::Number(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Returns a whole number.
pub fn number(node: &Node) -> Option<u64> {
    match &node.value {
        Value::Number(text) => text.parse().ok(),
        _ => None,
    }
}
