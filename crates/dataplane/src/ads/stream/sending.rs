//! What a stream sends.

use std::collections::BTreeSet;

use super::{Step, Stream};
use crate::{
    ads::{
        action::{Action, Code, Kind, Type},
        frame::frame,
        message::{DeltaDiscoveryResponse, DeltaResource, DiscoveryResponse},
        subscription::Sent,
    },
    envoy::{Offer, Resource},
};

impl Stream {
    pub(super) fn send(
        &mut self,
        step: Step,
        now: u64,
        out: &mut Vec<Action>,
    ) -> Result<(), (Code, String)> {
        let (resources, removed) = match step {
            Step::Add(resources) => (resources, BTreeSet::new()),
            Step::Remove(names) => (Type::Clusters, names),
        };
        let slot = match resources {
            Type::Clusters => &mut self.clusters,
            Type::Routes => &mut self.routes,
        };
        let (Some(s), Some(target)) = (slot, &self.target) else {
            return Ok(());
        };
        let changed: Vec<&Resource> = s.changed(target).collect();
        self.nonce += 1;
        let nonce = self.nonce.to_string();
        let type_url = resources.url().to_owned();
        let bytes = match self.kind {
            Kind::Delta => frame(&DeltaDiscoveryResponse {
                system_version_info: target.version.clone(),
                resources: changed
                    .iter()
                    .map(|r| delta_resource(r, resources, target))
                    .collect(),
                type_url,
                nonce: nonce.clone(),
                removed_resources: removed.iter().cloned().collect(),
            }),
            Kind::World => {
                let (version_info, resources) = s.world(target, &removed);
                frame(&DiscoveryResponse {
                    version_info,
                    resources,
                    type_url,
                    nonce: nonce.clone(),
                })
            }
        };
        let too_long = || {
            (
                Code::ResourceExhausted,
                "the response exceeds 4 GiB".to_owned(),
            )
        };
        out.push(Action::Send(bytes.ok_or_else(too_long)?));
        let mut sent = Sent::new(nonce, target.version.clone(), now);
        // While another cluster is not warm this ACK is withheld too, and nothing depends on it.
        sent.late = !removed.is_empty() && !s.outstanding.is_empty();
        s.sent(sent, &changed, &removed);
        self.leaving.retain(|name, _| !removed.contains(name));
        Ok(())
    }
}

/// The version of routes begins with that of their offer: after a reconnect the node says it.
fn delta_resource(r: &Resource, resources: Type, offer: &Offer) -> DeltaResource {
    let version = match resources {
        Type::Clusters => r.version.clone(),
        Type::Routes => format!("{}/{}", offer.version, r.version),
    };
    DeltaResource {
        version,
        resource: r.body.clone(),
        name: r.name.to_string(),
    }
}
