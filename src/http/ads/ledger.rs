//! What the ledger is told of an Envoy: that it is there, what it runs, and what it refuses.

use std::sync::Arc;

use traffic_manager_dataplane::model::Model;

use crate::{
    auth::{AuthorizedTenant, Caller, certificate},
    domain::{
        ids::{NodeName, TenantName},
        ledger::{Applied, NodeError, NodeKey, Sighting},
        snapshot::Scope,
        tag::VersionTag,
    },
    service::nodes::{Nodes, Presence},
};

/// An Envoy in the ledger, from its first request on until it leaves. It counts as there as long as this lives.
pub struct LedgerNode {
    nodes: Arc<Nodes>,
    name: Option<NodeName>,
    tenants: Vec<AuthorizedTenant>,
    scope: Scope,
    _presence: Vec<Presence>,
}

impl LedgerNode {
    /// The Envoy of this id follows these tenants. A client certificate's name counts before its id; one without a name
    /// that the ledger takes is not in the ledger.
    pub fn new(
        nodes: Arc<Nodes>,
        caller: &Caller,
        id: &str,
        tenants: &[AuthorizedTenant],
        scope: &Scope,
    ) -> Self {
        let name = NodeName::of_text(certificate::node_name(caller).unwrap_or(id));
        let key = name.clone().map(|node| NodeKey {
            node,
            scope: scope.clone(),
        });
        let waits = |tenant: &AuthorizedTenant| Some(nodes.waits(tenant.name(), key.clone()?));
        Self {
            _presence: tenants.iter().filter_map(waits).collect(),
            nodes,
            name,
            tenants: tenants.to_vec(),
            scope: scope.clone(),
        }
    }

    /// The Envoy runs this version, but for the policies of `lacking` tenants, of which it has older forms.
    pub fn runs(&self, version: &str, lacking: impl Fn(&TenantName) -> bool) {
        self.tell(version, |tenant, tag| {
            let applied = match lacking(tenant) {
                true => Applied::Unsaid,
                false => Applied::Tag(tag.clone()),
            };
            (applied, None)
        });
    }

    /// The Envoy refuses what this version has of a tenant, or of all of them, in these words.
    pub fn refuses(&self, version: &str, of: Option<&TenantName>, words: &str) {
        self.tell(version, |tenant, tag| {
            let is_its = of.is_none_or(|of| of == tenant);
            let code = "refused".parse().ok().filter(|_| is_its);
            let error = code.map(|code| NodeError::new(Some(tag.clone()), code, words));
            (Applied::Unsaid, error.map(Box::new))
        });
    }

    fn tell(
        &self,
        version: &str,
        said: impl Fn(&TenantName, &VersionTag) -> (Applied, Option<Box<NodeError>>),
    ) {
        let Some(node) = &self.name else {
            return;
        };
        let names: Vec<_> = self.tenants.iter().map(AuthorizedTenant::name).collect();
        let tags = Model::tags_of(version, &names);
        for (tenant, tag) in names.into_iter().zip(tags) {
            let Some(tag) = tag else { continue };
            let (applied, error) = said(tenant, &tag);
            let key = NodeKey {
                node: node.clone(),
                scope: self.scope.clone(),
            };
            let sighting = Sighting {
                at: self.nodes.now(),
                dialect: "envoy".parse().ok(),
                applied,
                served: Some(tag),
                error,
            };
            self.nodes.saw(tenant, key, sighting);
        }
    }
}
