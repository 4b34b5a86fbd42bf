//! Offers, requests and responses as the tests write and read them.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use prost::Message as _;
use traffic_manager_dataplane::{
    ads::{
        Action, Frames, Kind, Report, Type,
        message::{
            Any, BuildVersion, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
            DiscoveryResponse, Node, SemanticVersion, Status,
        },
    },
    envoy::{Offer, Resource},
};

/// A resource whose content is a text. It begins with the name.
fn resource(resources: Type, name: &str, content: &str) -> (Arc<str>, Arc<Resource>) {
    let value = Bytes::from(format!("{name} {content}"));
    let type_url = resources.url().to_owned();
    let body = Bytes::from(Any { type_url, value }.encode_to_vec());
    let (name, version) = (Arc::<str>::from(name), format!("v-{content}"));
    let resource = Resource {
        name: name.clone(),
        version,
        body,
    };
    (name, Arc::new(resource))
}

/// An offer with these clusters (name, content), and with the route configuration `tm` that names `used`.
pub fn offer(version: &str, clusters: &[(&str, &str)], used: &[&str]) -> Arc<Offer> {
    let clusters = clusters.iter().map(|(n, c)| resource(Type::Clusters, n, c));
    Arc::new(Offer {
        version: version.to_owned(),
        clusters: clusters.collect(),
        routes: BTreeMap::from([resource(Type::Routes, "tm", &used.join(","))]),
    })
}

pub fn node(minor_number: u32) -> Node {
    let version = SemanticVersion {
        major_number: 1,
        minor_number,
        patch: 0,
    };
    Node {
        id: "n1".to_owned(),
        cluster: "edge".to_owned(),
        metadata: None,
        user_agent_build_version: Some(BuildVersion {
            version: Some(version),
        }),
    }
}

/// What a node says about one type.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    pub node: Option<Node>,
    pub nonce: String,
    pub error: Option<String>,
    /// Delta: names to add; state of the world: all names.
    pub names: Vec<String>,
    pub drop: Vec<String>,
    /// Delta: what the node has, by name.
    pub has: BTreeMap<String, String>,
    /// State of the world: the version that the node has.
    pub version: String,
}

impl Ask {
    pub fn first() -> Self {
        Self {
            node: Some(node(40)),
            ..Self::default()
        }
    }

    pub fn names(mut self, names: &[&str]) -> Self {
        self.names = names.iter().map(|n| (*n).to_owned()).collect();
        self
    }

    pub fn has(mut self, has: &[(&str, &str)]) -> Self {
        let has = has.iter().map(|(n, v)| ((*n).to_owned(), format!("v-{v}")));
        self.has = has.collect();
        self
    }

    pub fn encode(self, kind: Kind, type_url: &str) -> Vec<u8> {
        let error_detail = self.error.map(|message| Status { code: 13, message });
        let type_url = type_url.to_owned();
        match kind {
            Kind::Delta => DeltaDiscoveryRequest {
                node: self.node,
                type_url,
                resource_names_subscribe: self.names,
                resource_names_unsubscribe: self.drop,
                initial_resource_versions: self.has,
                response_nonce: self.nonce,
                error_detail,
            }
            .encode_to_vec(),
            Kind::World => DiscoveryRequest {
                version_info: self.version,
                node: self.node,
                resource_names: self.names,
                type_url,
                response_nonce: self.nonce,
                error_detail,
            }
            .encode_to_vec(),
        }
    }
}

/// A response of either kind. `resources`: name to (version, content); over the state of the world the version is the
/// content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub resources: Type,
    pub version: String,
    pub nonce: String,
    pub added: BTreeMap<String, (String, String)>,
    pub removed: Vec<String>,
}

impl Response {
    pub fn read(kind: Kind, frame: &Bytes) -> Self {
        let mut frames = Frames::new(usize::MAX);
        frames.push(frame);
        let message = frames.next_message().unwrap().unwrap();
        assert_eq!(frames.next_message(), Ok(None));
        match kind {
            Kind::Delta => {
                let r = DeltaDiscoveryResponse::decode(message).unwrap();
                let added = r.resources.into_iter().map(|x| {
                    let (name, content) = content(&x.resource, &r.type_url);
                    assert_eq!(name, x.name);
                    (name, (x.version, content))
                });
                Self {
                    added: added.collect(),
                    resources: Type::from_url(&r.type_url).unwrap(),
                    version: r.system_version_info,
                    nonce: r.nonce,
                    removed: r.removed_resources,
                }
            }
            Kind::World => {
                let r = DiscoveryResponse::decode(message).unwrap();
                let added = r.resources.iter().map(|body| {
                    let (name, content) = content(body, &r.type_url);
                    (name, (format!("v-{content}"), content))
                });
                Self {
                    added: added.collect(),
                    resources: Type::from_url(&r.type_url).unwrap(),
                    version: r.version_info,
                    nonce: r.nonce,
                    removed: Vec::new(),
                }
            }
        }
    }

    pub fn names(&self) -> Vec<&str> {
        self.added.keys().map(String::as_str).collect()
    }
}

fn content(body: &[u8], type_url: &str) -> (String, String) {
    let any = Any::decode(body).unwrap();
    assert_eq!(any.type_url, type_url);
    let text = String::from_utf8(any.value.to_vec()).unwrap();
    let (name, content) = text.split_once(' ').unwrap();
    (name.to_owned(), content.to_owned())
}

pub fn responses(kind: Kind, actions: &[Action]) -> Vec<Response> {
    let sends = actions.iter().filter_map(|a| match a {
        Action::Send(bytes) => Some(Response::read(kind, bytes)),
        _ => None,
    });
    sends.collect()
}

/// Returns the reports but those of the node itself and of routes that are used.
pub fn reports(actions: &[Action]) -> Vec<Report> {
    let reports = actions.iter().filter_map(|a| match a {
        Action::Report(Report::Node(_) | Report::Taken { .. }) => None,
        Action::Report(r) => Some(r.clone()),
        _ => None,
    });
    reports.collect()
}
