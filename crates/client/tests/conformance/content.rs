//! Makes bodies, events and signatures of the compact descriptions of cases. The digest is computed
//! as docs/polling.md describes it, and not by the code of the watcher.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use traffic_manager_client::Scope;
use traffic_manager_core::{
    chain,
    snapshot::signature::{KeyId, Signatures, Statement},
};

use super::case::{CaseScope, Change, Event, FullChange, FullSnapshot, Piece, Signed, Snapshot};

pub const TENANT: &str = "acme";

/// Returns `aaaaaaaaaaaaaaaa.5` for `a.5`.
pub fn tag(short: &str) -> String {
    let (epoch, revision) = short.split_once('.').unwrap();
    format!("{}.{revision}", epoch.repeat(16))
}

fn revision(short: &str) -> u64 {
    short.split_once('.').unwrap().1.parse().unwrap()
}

pub fn scope(scope: &CaseScope) -> Scope {
    Scope {
        service: scope.service.as_ref().map(|name| name.parse().unwrap()),
        env: scope.env.as_ref().map(|name| name.parse().unwrap()),
    }
}

pub fn full(snapshot: &Snapshot) -> FullSnapshot {
    match snapshot {
        Snapshot::Full(full) => full.clone(),
        Snapshot::Tag(short) => {
            let at = revision(short);
            FullSnapshot {
                tag: short.clone(),
                routes: vec![("web/prod/v1".into(), format!("https://{at}.example/"), at)],
                ..FullSnapshot::default()
            }
        }
    }
}

fn split_of(weights: &BTreeMap<String, u16>) -> Value {
    let share = |(version, weight)| json!({ "version": version, "weight": weight });
    weights.iter().map(share).collect()
}

fn policy_spec(weights: &BTreeMap<String, u16>) -> Value {
    json!({
        "failover": [], "hosts": [], "path_prefix": "/", "rules": [], "split": split_of(weights), "sticky_by": null,
    })
}

fn objects(snapshot: &FullSnapshot) -> (Vec<Value>, Vec<Value>) {
    let mut rows = snapshot.routes.clone();
    for at in 0..snapshot.many {
        let url = format!("https://{at}.example/");
        rows.push((format!("web{}/prod/v{at}", at % 50), url, 1));
    }
    let mut routes: BTreeMap<Vec<String>, Value> = BTreeMap::new();
    for (name, url, revision) in rows {
        let parts: Vec<String> = name.split('/').map(str::to_owned).collect();
        let mut route = json!({
            "service": parts[0], "env": parts[1], "version": parts[2], "url": url, "labels": {}, "revision": revision,
        });
        let members = route.as_object_mut().unwrap();
        members.extend(snapshot.route_members.clone());
        routes.insert(parts, route);
    }
    let mut policies: BTreeMap<Vec<String>, Value> = BTreeMap::new();
    for (name, weights, revision) in &snapshot.policies {
        let parts: Vec<String> = name.split('/').map(str::to_owned).collect();
        let mut policy = policy_spec(weights);
        policy["service"] = json!(parts[0]);
        policy["env"] = json!(parts[1]);
        policy["revision"] = json!(revision);
        policies.insert(parts, policy);
    }
    (
        routes.into_values().collect(),
        policies.into_values().collect(),
    )
}

fn digest(routes: &[Value], policies: &[Value]) -> [u8; 32] {
    let mut services: BTreeMap<&str, Sha256> = BTreeMap::new();
    for object in routes.iter().chain(policies) {
        let service = services
            .entry(object["service"].as_str().unwrap())
            .or_default();
        service.update(Sha256::digest(chain::canonical(object).unwrap()));
    }
    let mut sum = Sha256::new();
    services
        .into_values()
        .for_each(|service| sum.update(service.finalize()));
    sum.finalize().into()
}

/// Returns the body of a snapshot.
pub fn body(snapshot: &FullSnapshot) -> Vec<u8> {
    let (routes, policies) = objects(snapshot);
    let digest = match snapshot.wrong_digest {
        true => [7; 32],
        false => digest(&routes, &policies),
    };
    let tag = tag(&snapshot.tag);
    let (epoch, _) = tag.split_once('.').unwrap();
    let mut body = json!({
        "tenant": snapshot.tenant.as_deref().unwrap_or(TENANT), "epoch": epoch, "revision": revision(&snapshot.tag),
        "digest": hex::encode(digest), "routes": routes, "policies": policies,
    });
    let members = body.as_object_mut().unwrap();
    members.extend(snapshot.members.clone());
    chain::canonical(&body).unwrap()
}

/// The key pair of a name: its seed is 32 times the name's first byte.
pub fn key(name: &str) -> Ed25519KeyPair {
    let seed = [name.as_bytes()[0]; 32];
    Ed25519KeyPair::from_seed_unchecked(&seed).unwrap()
}

/// Returns the header `TM-Signature`. `answered` is the content of the answer, `scope` the case's.
pub fn signatures(signed: &Signed, answered: Option<&Snapshot>, case: &CaseScope) -> String {
    let of = full(signed.of.as_ref().or(answered).unwrap());
    let (routes, policies) = objects(&of);
    let tenant = signed.tenant.as_deref().unwrap_or(TENANT).parse().unwrap();
    let text = Statement {
        tenant: &tenant,
        scope: &scope(signed.scope.as_ref().unwrap_or(case)),
        tag: &tag(signed.tag.as_deref().unwrap_or(&of.tag))
            .parse()
            .unwrap(),
        digest: &digest(&routes, &policies),
    }
    .to_string();
    let sign = |name: &String| {
        let key = key(name);
        let public: [u8; 32] = key.public_key().as_ref().try_into().unwrap();
        let mut signature: [u8; 64] = key.sign(text.as_bytes()).as_ref().try_into().unwrap();
        if signed.broken {
            signature[9] ^= 1;
        }
        (KeyId::of(&public), signature)
    };
    Signatures(signed.by.iter().map(sign).collect()).to_string()
}

/// Returns the bytes of a piece of a stream.
pub fn piece(piece: &Piece, case: &CaseScope) -> Vec<u8> {
    let event = match piece {
        Piece::Text(text) => return text.clone().into_bytes(),
        Piece::Event(event) => event,
    };
    let (name, data, id) = described(event, case);
    let id = match &event.id {
        Some(id) => id.as_deref().map(tag),
        None => id,
    };
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {data}\n\n").into_bytes()
}

fn described(event: &Event, case: &CaseScope) -> (String, String, Option<String>) {
    if let Some(snapshot) = &event.snapshot {
        let full = full(snapshot);
        let data = String::from_utf8(body(&full)).unwrap();
        return ("snapshot".into(), data, Some(tag(&full.tag)));
    }
    if let Some(signed) = &event.signature {
        let of = full(signed.of.as_ref().unwrap());
        let (routes, policies) = objects(&of);
        let data = json!({
            "tag": tag(&of.tag), "digest": hex::encode(digest(&routes, &policies)), "signature": signatures(signed, None, case),
        });
        return ("signature".into(), data.to_string(), None);
    }
    if let Some(change) = &event.change {
        let (data, id) = change_event(change);
        return ("change".into(), data, id);
    }
    let (name, data) = (event.event.clone().unwrap(), event.data.clone().unwrap());
    (name, data, None)
}

fn change_event(change: &Change) -> (String, Option<String>) {
    let short;
    let change = match change {
        Change::Full(full) => full,
        Change::Tag(tag) => {
            short = FullChange {
                tag: tag.clone(),
                route: Some("web/prod/v1".into()),
                url: Some(format!("https://{}.example/", revision(tag))),
                ..FullChange::default()
            };
            &short
        }
    };
    let items = change.items.unwrap_or(1);
    let tag = tag(&change.tag);
    let (epoch, _) = tag.split_once('.').unwrap();
    let mut event = json!({
        "action": change.action.as_deref().unwrap_or("updated"), "actor": { "id": "tester", "kind": "key" },
        "before": null, "after": null, "epoch": epoch, "hash": "0".repeat(64),
        "id": "01a1fd21-de3d-7778-bc54-13f5856b700d", "item": change.item, "items": items,
        "occurred_at": "2026-11-21T08:03:37.661997Z", "prev_hash": "0".repeat(64), "reason": null,
        "request_id": "case", "revision": revision(&change.tag), "source_ip": null,
        "tenant": change.tenant.as_deref().unwrap_or(TENANT), "trace_id": null,
    });
    if let Some(route) = &change.route {
        let parts: Vec<&str> = route.split('/').collect();
        event["route"] = json!({ "service": parts[0], "env": parts[1], "version": parts[2] });
        if let Some(url) = &change.url {
            let is_active = !change.inactive;
            event["after"] =
                json!({ "url": url, "is_active": is_active, "labels": {}, "description": null });
        }
    }
    if let Some(policy) = &change.policy {
        let parts: Vec<&str> = policy.split('/').collect();
        event["policy"] = json!({ "service": parts[0], "env": parts[1] });
        event["after"] = change.split.as_ref().map(policy_spec).into();
    }
    event
        .as_object_mut()
        .unwrap()
        .extend(change.members.clone());
    let is_last = change.item + 1 == items;
    (event.to_string(), is_last.then_some(tag))
}
