//! The records by which instances tell each other about nodes.
//!
//! Their times are of the clock that all instances have in common, the broker's. None is later than the time at which
//! the broker wrote the record down, whatever the clock of the instance that sent it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Entry, Millis, NodeError, NodeKey, Record, Running, Said, Statement};
use crate::{
    ids::{DialectName, TenantName},
    tag::VersionTag,
};

/// The version of the records that this program writes. It reads this one only: what it cannot read, it learns from
/// the node itself.
const VERSION: u32 = 1;

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// The instance works.
    Beat(Beat),
    /// A node of a tenant.
    Node(TenantName, Box<Record>),
}

/// What an instance says about itself every second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Its name.
    pub instance: Arc<str>,
    /// When it said so, by its own clock.
    pub sent: Millis,
    /// Whether it has been there for so long that it knows every node.
    pub is_warm: bool,
    /// Whether it has told all that it knows.
    pub is_whole: bool,
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    version: u32,
    instance: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warm: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<NodeWire>,
}

#[derive(Serialize, Deserialize)]
struct NodeWire {
    #[serde(flatten)]
    key: NodeKey,
    #[serde(default)]
    dialect: Option<DialectName>,
    #[serde(default)]
    served: Option<VersionTag>,
    #[serde(default)]
    applied: Option<VersionTag>,
    #[serde(default)]
    error: Option<Box<NodeError>>,
    seen: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied_said: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied_since: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_said: Option<Millis>,
    interval: u32,
}

/// Returns the key of the records about a node.
pub fn key_of(tenant: &TenantName, key: &NodeKey) -> String {
    let part = |name: Option<&str>| name.unwrap_or("*").to_owned();
    let service = part(key.scope.service.as_ref().map(|name| name.as_str()));
    let env = part(key.scope.env.as_ref().map(|name| name.as_str()));
    format!("{tenant}/{}/{service}/{env}", key.node)
}

/// Reads the key of a record about a node.
pub fn parse_key(raw: &str) -> Option<(TenantName, NodeKey)> {
    let mut parts = raw.split('/');
    let tenant = parts.next()?.parse().ok()?;
    let node = parts.next()?.parse().ok()?;
    let [service, env] = [parts.next()?, parts.next()?];
    let (service, env) = (
        (service != "*").then(|| service.parse()).transpose().ok()?,
        (env != "*").then(|| env.parse()).transpose().ok()?,
    );
    let scope = crate::snapshot::Scope { service, env };
    parts
        .next()
        .is_none()
        .then_some((tenant, NodeKey { node, scope }))
}

/// Returns the key of an instance's records about itself.
pub fn key_of_instance(instance: &str) -> String {
    format!("instance/{instance}")
}

/// Returns the instance whose records about itself have this key.
pub fn instance_of(key: &str) -> Option<&str> {
    key.strip_prefix("instance/")
        .filter(|name| !name.contains('/'))
}

/// Writes that an instance works.
pub fn write_beat(beat: &Beat) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Wire {
        version: VERSION,
        instance: &beat.instance,
        sent: Some(beat.sent),
        warm: Some(beat.is_warm),
        whole: Some(beat.is_whole),
        tenant: None,
        node: None,
    })
}

/// Writes what `record` says.
pub fn write(tenant: &TenantName, record: Record) -> serde_json::Result<Vec<u8>> {
    let Record {
        key,
        instance,
        seen,
        interval,
        statement:
            Statement {
                dialect,
                served,
                running,
                error,
            },
    } = record;
    let said = |at: Millis| (at > 0).then_some(at);
    let node = NodeWire {
        key,
        dialect,
        served,
        seen,
        applied_said: said(running.at),
        applied_since: said(running.what.since),
        applied: running.what.tag,
        error_said: said(error.at),
        error: error.what,
        interval,
    };
    serde_json::to_vec(&Wire {
        version: VERSION,
        instance: &instance,
        sent: None,
        warm: None,
        whole: None,
        tenant: Some(tenant.clone()),
        node: Some(node),
    })
}

/// Reads a record that the broker wrote down at `written`. `None` for a record of another version, and for anything else.
pub fn read(bytes: &[u8], written: Millis) -> Option<Told> {
    let wire: Wire<'_> = serde_json::from_slice(bytes).ok()?;
    if wire.version != VERSION {
        return None;
    }
    let instance: Arc<str> = wire.instance.into();
    let (Some(tenant), Some(node)) = (wire.tenant, wire.node) else {
        return Some(Told::Beat(Beat {
            instance,
            sent: wire.sent?,
            is_warm: wire.warm.unwrap_or_default(),
            is_whole: wire.whole.unwrap_or_default(),
        }));
    };
    let then = |at: Millis| at.min(written).max(1);
    let said = |at: Option<Millis>| at.map_or(0, then);
    let running = Running {
        tag: node.applied,
        since: said(node.applied_since),
    };
    let statement = Statement {
        dialect: node.dialect,
        served: node.served,
        running: Said {
            at: said(node.applied_said),
            what: running,
        },
        error: Said {
            at: said(node.error_said),
            what: node.error,
        },
    };
    let record = Record {
        key: node.key,
        instance,
        seen: then(node.seen),
        interval: node.interval,
        statement,
    };
    Some(Told::Node(tenant, Box::new(record)))
}

impl Entry {
    /// What other instances are told about the node.
    pub(super) fn record(&self, key: NodeKey, now: Millis) -> Record {
        Record {
            key,
            instance: self.instance.clone(),
            seen: self.last(now),
            interval: self.interval,
            statement: self.statement.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let tag = |revision: u64| format!("0123456789abcdef.{revision}").parse().unwrap();
        Record {
            key: NodeKey {
                node: "edge-1".parse().unwrap(),
                scope: crate::snapshot::Scope {
                    service: None,
                    env: Some("prod".parse().unwrap()),
                },
            },
            instance: "one".into(),
            seen: 90_000,
            interval: 5_000,
            statement: Statement {
                dialect: Some("envoy".parse().unwrap()),
                served: Some(tag(7)),
                running: Said {
                    at: 80_000,
                    what: Running {
                        tag: Some(tag(6)),
                        since: 70_000,
                    },
                },
                error: Said {
                    at: 80_000,
                    what: Some(Box::new(NodeError {
                        tag: Some(tag(7)),
                        code: "refused".parse().unwrap(),
                        text: "no \"route\"".to_owned(),
                    })),
                },
            },
        }
    }

    #[test]
    fn no_time_is_later_than_the_one_at_which_the_record_was_written_down() {
        let tenant: TenantName = "acme".parse().unwrap();
        let bytes = write(&tenant, record()).unwrap();
        let Some(Told::Node(of, read)) = read(&bytes, 85_000) else {
            panic!("{}", String::from_utf8_lossy(&bytes))
        };
        assert_eq!(of, tenant);
        assert_eq!((read.seen, read.statement.running.at), (85_000, 80_000));
        assert_eq!(read.statement.running.what.since, 70_000);
        assert_eq!(read.statement.error.what, record().statement.error.what);
        assert_eq!((read.key, read.interval), (record().key, 5_000));
    }

    #[test]
    fn what_was_never_said_stays_unsaid() {
        let mut quiet = record();
        quiet.statement = Statement::default();
        let bytes = write(&"acme".parse().unwrap(), quiet).unwrap();
        let Some(Told::Node(_, read)) = read(&bytes, 100_000) else {
            panic!("no node")
        };
        assert_eq!(read.statement, Statement::default());
    }

    #[test]
    fn records_of_others_are_skipped() {
        let beat = Beat {
            instance: "one".into(),
            sent: 5,
            is_warm: true,
            is_whole: false,
        };
        let bytes = write_beat(&beat).unwrap();
        assert_eq!(read(&bytes, 1), Some(Told::Beat(beat)));
        let next = String::from_utf8(bytes).unwrap();
        let next = next.replace("\"version\":1", "\"version\":2");
        for other in [&next, "", "{}", "[1]", "{\"version\":1}"] {
            assert_eq!(read(other.as_bytes(), 1), None, "{other}");
        }
    }

    #[test]
    fn key_names_tenant_node_and_scope() {
        let (tenant, key) = ("acme".parse().unwrap(), record().key);
        let raw = key_of(&tenant, &key);
        assert_eq!(raw, "acme/edge-1/*/prod");
        assert_eq!(parse_key(&raw), Some((tenant, key)));
        for other in [
            "",
            "acme",
            "acme/edge-1/*",
            "acme/edge-1/*/prod/x",
            "A/b/*/*",
            "instance/x",
        ] {
            assert_eq!(parse_key(other), None, "{other}");
        }
    }
}
