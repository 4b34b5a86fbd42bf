//! A request before it is sent: the parts that every try has.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::{Error, Operation, Tag};
use crate::types::{PolicyKey, RouteKey};

/// The names that fill the parameters of a path, in their order.
pub trait PathParts {
    /// Returns the names.
    fn parts(&self) -> Vec<&str>;
}

impl PathParts for str {
    fn parts(&self) -> Vec<&str> {
        vec![self]
    }
}

impl PathParts for RouteKey {
    fn parts(&self) -> Vec<&str> {
        vec![&self.tenant, &self.service, &self.env, &self.version]
    }
}

impl PathParts for PolicyKey {
    fn parts(&self) -> Vec<&str> {
        vec![&self.tenant, &self.service, &self.env]
    }
}

/// The oldest state that a read may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MinRevision {
    /// The client's own last write of the tenant.
    OwnWrites,
    /// Any state.
    Any,
    /// At least this tag.
    At(Tag),
}

/// A request of a call.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub operation: &'static Operation,
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Option<(Bytes, &'static str)>,
    /// The tenant that the request is about, where it names one.
    pub tenant: Option<String>,
    pub min_revision: MinRevision,
    pub idempotency_key: Option<String>,
    /// The longest time of the call, if it is not the client's.
    pub timeout: Option<Duration>,
    /// The time that the service may hold the request.
    pub held_for: Duration,
}

impl Request {
    pub fn new(operation: &'static Operation) -> Self {
        Self {
            operation,
            path: Vec::new(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            tenant: None,
            min_revision: MinRevision::OwnWrites,
            idempotency_key: None,
            timeout: None,
            held_for: Duration::ZERO,
        }
    }

    /// Fills the next parameters of the path.
    pub fn fill(&mut self, parts: &[&str]) -> Result<(), Error> {
        for part in parts {
            // A URL has no such segments: they would lead to another path.
            if matches!(*part, "" | "." | "..") {
                return Err(Error::Request(format!("{part:?} is no name")));
            }
            if self.next_parameter() == Some("tenant") {
                self.tenant = Some((*part).to_owned());
            }
            self.path.push((*part).to_owned());
        }
        Ok(())
    }

    /// Returns the name of the path's first parameter without a value.
    fn next_parameter(&self) -> Option<&'static str> {
        let parameters = self.operation.path.split('/');
        let mut parameters =
            parameters.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        parameters.nth(self.path.len())
    }

    /// Adds the members of an object to the query. Absent ones are left out, and a list is a
    /// parameter for each item.
    pub fn add_query(&mut self, parameters: &impl Serialize) -> Result<(), Error> {
        let value = serde_json::to_value(parameters)
            .map_err(|error| Error::Request(format!("the query: {error}")))?;
        for (name, value) in value.as_object().into_iter().flatten() {
            match value {
                Value::Null => {}
                Value::Array(items) => {
                    for item in items {
                        self.query.push((name.clone(), plain(item)));
                    }
                }
                value => self.query.push((name.clone(), plain(value))),
            }
            if name == "tenant"
                && let Some(tenant) = value.as_str()
            {
                self.tenant = Some(tenant.to_owned());
            }
        }
        Ok(())
    }

    /// Sets a query parameter, in place of an earlier one of the name.
    pub fn set_query(&mut self, name: &str, value: &str) {
        self.query.retain(|(other, _)| other != name);
        self.query.push((name.to_owned(), value.to_owned()));
    }

    /// Sets a header.
    pub fn set_header(&mut self, name: &'static str, value: &str) -> Result<(), Error> {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Error::Request(format!("{name} has characters that no header can have"))
        })?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(())
    }

    /// Returns the URL of the request at a server.
    pub fn url(&self, server: &Url) -> Url {
        let mut url = server.clone();
        let mut values = self.path.iter();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            for part in self.operation.path.split('/').skip(1) {
                match part.starts_with('{') {
                    true => path.extend(values.next()),
                    false => path.push(part),
                };
            }
        }
        url.set_query(None);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

/// Returns a text without quotes, and any other value as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
