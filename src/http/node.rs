//! What a poll says about the node that sends it: its name, what it runs, and what it refuses.

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, HeaderValue},
};

use super::{extract::Fields, problem::Problem, state::ApiState, waiting::Wait};
use crate::{
    auth::{AuthorizedTenant, Caller, certificate},
    domain::{
        ids::NodeName,
        ledger::{
            NodeKey, Sighting,
            words::{Condition, Malformed, NodeHeaders, NodeWords},
        },
        snapshot::Scope,
        tag::VersionTag,
    },
    service::nodes::{Nodes, Presence},
};

/// Keeps a header that is about the node of its request.
pub fn keep<'a>(name: &HeaderName, value: &'a HeaderValue, node: &mut NodeHeaders<'a>) {
    let kept = match name.as_str() {
        "tm-node" => &mut node.node,
        "tm-dialect" => &mut node.dialect,
        "tm-applied" => &mut node.applied,
        "tm-refused" => &mut node.refused,
        "tm-error" => &mut node.error,
        _ => return,
    };
    // Of several values the first one counts.
    *kept = kept.or_else(|| value.to_str().ok());
}

/// Reports every malformed header.
fn problem(malformed: Malformed) -> Problem {
    let mut fields = Fields::default();
    for (header, invalid) in malformed {
        fields.check::<()>(&format!("{header}:"), Err(invalid));
    }
    Problem::fields(fields.into_errors())
}

/// A poll, and the node that sends it, if it says so.
pub struct NodePoll {
    nodes: Arc<Nodes>,
    tenant: AuthorizedTenant,
    scope: Scope,
    name: Option<NodeName>,
    words: Option<NodeWords>,
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
        let mut headers = NodeHeaders::default();
        for (name, value) in request.headers() {
            keep(name, value, &mut headers);
        }
        let words = headers.read(certified, condition).map_err(problem)?;
        Ok(Self {
            nodes: state.nodes.clone(),
            tenant: tenant.clone(),
            scope: scope.clone(),
            name: words.as_ref().map(|words| words.name.clone()),
            words,
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
        let sighting = match self.words.take() {
            Some(words) => words.sighting(at, served),
            // What it said at first may be outdated by now.
            None => Sighting::silent(at, served),
        };
        self.nodes.saw(self.tenant.name(), key, sighting);
    }
}
