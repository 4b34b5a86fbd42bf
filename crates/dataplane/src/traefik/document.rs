//! The document: the parts of all policies, and what they share.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, json};

use super::{CLEAN, answer, parts};
use crate::{
    Settings, blocks::Blocks, body::Body, kept::Kept, model::Model, report::Report, text::members,
};

/// What is made of a policy: members of the objects of the document.
#[derive(Debug, Clone)]
struct Made {
    middlewares: Bytes,
    routers: Bytes,
    services: Bytes,
    transports: Bytes,
    answers: Box<[u16]>,
    is_cleaned: bool,
}

/// The document of one model after the other. It is never without a router, which Traefik would
/// not take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    policies: Kept<Made>,
    middlewares: Blocks,
    routers: Blocks,
    services: Blocks,
    transports: Blocks,
}

impl Document {
    /// Takes over the policies of a model.
    pub(crate) fn take(&mut self, model: &Model, settings: &Settings) {
        let _ = self.policies.take(model, |policy, _, _| {
            let (parts, findings) = parts(policy, settings);
            let made = Made {
                middlewares: members(parts.middlewares),
                routers: members(parts.routers),
                services: members(parts.services),
                transports: members(parts.transports),
                answers: parts.answers.into_iter().collect(),
                is_cleaned: parts.is_cleaned,
            };
            (made, findings)
        });
    }

    /// Returns what became of the policies.
    pub(crate) fn report(&self) -> Report {
        self.policies.report()
    }

    /// Returns roughly how many bytes are kept.
    pub(crate) fn weight(&self) -> usize {
        let all = [
            &self.middlewares,
            &self.routers,
            &self.services,
            &self.transports,
        ];
        self.policies.weight() + all.map(Blocks::len).iter().sum::<usize>()
    }

    /// Returns the document.
    pub(crate) fn body(&mut self, version: &str) -> Body {
        self.join();
        let [middlewares, routers, services] = self.shared(version).map(members);
        let mut body = Body::from(r#"{"http":{"middlewares":{"#);
        body.list(&[middlewares]);
        body.extend(self.middlewares.as_slice());
        body.push(r#"},"routers":{"#);
        body.list(&[routers]);
        body.extend(self.routers.as_slice());
        // Traefik refuses a document with an empty map.
        if !self.transports.as_slice().is_empty() {
            body.push(r#"},"serversTransports":{"#);
            body.list(self.transports.as_slice());
        }
        body.push(r#"},"services":{"#);
        body.list(&[services]);
        body.extend(self.services.as_slice());
        body.push("}}}");
        body
    }

    fn join(&mut self) {
        let count = self.policies.entries().len();
        let mut parts = [(); 4].map(|()| Vec::with_capacity(count));
        for entry in self.policies.entries_mut() {
            let made = &mut entry.made;
            let texts = [
                &mut made.middlewares,
                &mut made.routers,
                &mut made.services,
                &mut made.transports,
            ];
            for (part, text) in parts.iter_mut().zip(texts) {
                part.push((entry.place, text));
            }
        }
        let [middlewares, routers, services, transports] = parts;
        self.middlewares.join(middlewares);
        self.routers.join(routers);
        self.services.join(services);
        self.transports.join(transports);
    }

    /// Returns the middlewares, routers and services that are no policy's.
    fn shared(&self, version: &str) -> [Map<String, serde_json::Value>; 3] {
        let entries = self.policies.entries();
        let (own, own_answer) = answer(200);
        let mut statuses: BTreeSet<u16> = entries
            .iter()
            .flat_map(|entry| entry.made.answers.iter().copied())
            .collect();
        statuses.remove(&200);
        let mut middlewares: Map<_, _> = statuses.into_iter().map(answer).collect();
        middlewares.insert(own.clone(), own_answer);
        if entries.iter().any(|entry| entry.made.is_cleaned) {
            let headers = json!({"headers": {"customRequestHeaders": {"X-Replaced-Path": ""}}});
            middlewares.insert(CLEAN.to_owned(), headers);
        }
        let revision = json!({"headers": {"customResponseHeaders": {"x-tm-revision": version}}});
        middlewares.insert("tm-revision".to_owned(), revision);
        let read_back = json!({
            "entryPoints": ["traefik"],
            "middlewares": ["tm-revision", own],
            "priority": 1,
            "rule": "Path(`/revision`)",
            "service": "tm-none",
        });
        let routers = Map::from_iter([("tm-revision".to_owned(), read_back)]);
        let no_server = json!({"loadBalancer": {"servers": []}});
        let services = Map::from_iter([("tm-none".to_owned(), no_server)]);
        [middlewares, routers, services]
    }
}
