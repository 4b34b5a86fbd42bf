//! What a poll says about the node that sends it: its name, what it runs, and what it refuses.

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    http::header::{HeaderMap, HeaderName},
};
use percent_encoding::percent_decode_str;
use traffic_manager_dataplane::Dialect;

use super::{
    etag::{seen, version_tag},
    extract::Fields,
    headers::{APPLIED, DIALECT, ERROR, NODE, REFUSED},
    problem::Problem,
    state::ApiState,
    waiting::Wait,
};
use crate::{
    auth::{AuthorizedTenant, Caller, certificate},
    domain::{
        ids::{DialectName, NodeName, RefusalCode},
        ledger::{Applied, Millis, NodeError, NodeKey, Sighting},
        snapshot::Scope,
        tag::VersionTag,
    },
    service::{
        Seen,
        nodes::{Nodes, Presence},
    },
};

/// What a poll's condition says about the tag that the node runs, unless it has `TM-Dialect` or `TM-Applied`.
#[derive(Debug, Clone, Copy)]
pub enum Condition<'a> {
    /// The node runs the tag of `If-None-Match`: who polls JSON uses what it has.
    Runs,
    /// The node runs the tag after which it asks for changes.
    After(&'a VersionTag),
    /// Nothing: a stream continues after the tag that a client has, and what it runs is said by reports of its own,
    /// perhaps at another instance.
    Streams,
    /// Nothing: a document of this dialect is there, and whether a proxy runs it is not known. Traefik and Caddy
    /// confirm nothing, and files may lie unused.
    Has(Dialect),
}

/// What a request says about its node.
#[derive(Debug)]
pub struct NodeHeaders {
    /// The node's name.
    pub name: NodeName,
    dialect: Option<DialectName>,
    applied: Applied,
    error: Option<Box<NodeError>>,
}

impl NodeHeaders {
    /// Reads what a request says. `None` for a request that names no node. The name in a client certificate is used
    /// before that in the header: a node with a certificate can say no other name.
    pub fn read(
        headers: &HeaderMap,
        certified: Option<&str>,
        condition: Condition<'_>,
    ) -> Result<Option<Self>, Problem> {
        let Some(raw) = certified.or_else(|| text(headers, &NODE)) else {
            return Ok(None);
        };
        let mut fields = Fields::default();
        let name = match certified {
            Some(name) => NodeName::of_text(name),
            None => fields.required::<NodeName>("TM-Node:", Some(raw.to_owned())),
        };
        let dialect = text(headers, &DIALECT).map(str::to_owned);
        let dialect = fields.optional::<DialectName>("TM-Dialect:", dialect);
        let mut tag = |header: &HeaderName, pointer: &str| {
            let raw = text(headers, header)?;
            fields.check(pointer, version_tag(raw))
        };
        let applied = tag(&APPLIED, "TM-Applied:");
        let refused = tag(&REFUSED, "TM-Refused:");
        let error = text(headers, &ERROR)
            .and_then(|raw| refusal(&mut fields, raw, refused))
            .map(Box::new);
        fields.finish(Some(()))?;
        let applied = match applied {
            Some(tag) => Applied::Tag(tag),
            None => {
                by_condition(headers, dialect.as_ref(), condition).unless_refused(error.as_deref())
            }
        };
        let dialect = dialect.or_else(|| match condition {
            Condition::Has(dialect) => dialect.as_str().parse().ok(),
            Condition::Runs | Condition::After(_) | Condition::Streams => None,
        });
        Ok(name.map(|name| Self {
            name,
            dialect,
            applied,
            error,
        }))
    }

    /// Returns the request as the ledger takes it.
    pub fn sighting(self, at: Millis, served: Option<VersionTag>) -> Sighting {
        Sighting {
            at,
            dialect: self.dialect,
            applied: self.applied,
            served,
            error: self.error,
        }
    }
}

/// What the condition says about the tag that a node runs. Of several tags nobody knows which one it is.
fn by_condition(
    headers: &HeaderMap,
    dialect: Option<&DialectName>,
    condition: Condition<'_>,
) -> Applied {
    let is_native = dialect.is_none_or(|dialect| dialect.as_str() == "native");
    match condition {
        Condition::Runs if is_native => {}
        Condition::After(tag) if is_native => return Applied::Tag(tag.clone()),
        _ => return Applied::Unsaid,
    }
    match seen(headers) {
        Seen::Any => Applied::Unsaid,
        Seen::Tags(tags) => match <[VersionTag; 1]>::try_from(tags) {
            Ok([tag]) => Applied::Tag(tag),
            Err(tags) if tags.is_empty() => Applied::Nothing,
            Err(_) => Applied::Unsaid,
        },
    }
}

/// Reads `<code> <text>`. The text is percent-encoded where it is not printable ASCII.
fn refusal(fields: &mut Fields, raw: &str, tag: Option<VersionTag>) -> Option<NodeError> {
    let (code, words) = raw.split_once(' ').unwrap_or((raw, ""));
    let code = fields.required::<RefusalCode>("TM-Error:", Some(code.to_owned()))?;
    let text = percent_decode_str(words).decode_utf8_lossy();
    Some(NodeError::new(tag, code, &text))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A poll, and the node that sends it, if it says so.
pub struct NodePoll {
    nodes: Arc<Nodes>,
    tenant: AuthorizedTenant,
    scope: Scope,
    name: Option<NodeName>,
    headers: Option<NodeHeaders>,
}

impl NodePoll {
    /// Reads what the poll of a tenant's scope says about its node.
    pub fn of(
        state: &ApiState,
        caller: &Caller,
        request: &HttpRequest,
        (tenant, scope): (&AuthorizedTenant, &Scope),
        condition: Condition<'_>,
    ) -> Result<Self, Problem> {
        let certified = certificate::node_name(caller);
        let headers = NodeHeaders::read(request.headers(), certified, condition)?;
        Ok(Self {
            nodes: state.nodes.clone(),
            tenant: tenant.clone(),
            scope: scope.clone(),
            name: headers.as_ref().map(|headers| headers.name.clone()),
            headers,
        })
    }

    /// For a poll that may be held: [`NodePoll::waits`], once it is sure that the tenant exists. Nothing is looked up for a
    /// poll that names no node.
    pub async fn held(
        &mut self,
        state: &ApiState,
        wait: Wait,
    ) -> Result<Option<Presence>, Problem> {
        if wait.time().is_none() || self.name.is_none() {
            return Ok(None);
        }
        state.polls.exists(&self.tenant).await?;
        Ok(self.waits())
    }

    /// Tells the ledger what the node says, and that it waits here until the result is dropped. The tenant exists.
    pub fn waits(&mut self) -> Option<Presence> {
        let presence = self
            .key()
            .map(|key| self.nodes.waits(self.tenant.name(), key));
        self.tell(None);
        presence
    }

    /// Tells the ledger that the node was answered with this tag, and what it said, unless that was told before.
    pub fn served(&mut self, tag: &VersionTag) {
        self.tell(Some(tag.clone()));
    }

    fn key(&self) -> Option<NodeKey> {
        let (node, scope) = (self.name.clone()?, self.scope.clone());
        Some(NodeKey { node, scope })
    }

    fn tell(&mut self, served: Option<VersionTag>) {
        let Some(key) = self.key() else {
            if served.is_some() {
                self.nodes.saw_anonymous(self.tenant.name());
            }
            return;
        };
        let at = self.nodes.now();
        let sighting = match self.headers.take() {
            Some(headers) => headers.sighting(at, served),
            // What it said at first may be outdated by now.
            None => Sighting {
                at,
                dialect: None,
                applied: Applied::Unsaid,
                served,
                error: None,
            },
        };
        self.nodes.saw(self.tenant.name(), key, sighting);
    }
}
