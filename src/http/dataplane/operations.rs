//! The operations of `/dataplane`, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{BootstrapIn, DocumentIn, report::ReportIn, signing_keys::SigningKeys};
use crate::http::{
    openapi::{Answer, Operation, schemas},
    problem::Code,
    query::NothingIn,
};

pub fn document() -> Operation {
    Operation::new("getProxyConfiguration", "Get the configuration of a kind of proxy")
        .about(
            "`dialect` is `caddy`, `envoy`, `haproxy`, `nginx` or `traefik`. The answer for Caddy and Traefik is what they take; for the \
             others `{files: [{path, content, sha256}], reload, revision}`: write the files beside the present ones, rename them, and do \
             what `reload` says. Every instance answers the same bytes for the same revision. With `wait` and the newest tag in \
             `If-None-Match`, the request waits until the scope changes.",
        )
        .query::<DocumentIn>()
        .reads_no_older()
        .headers(&["Prefer", "Accept-Encoding"])
        .answers(
            Answer::json::<Map<String, Value>>(200, "The configuration.", json!({
                "files": [{ "content": "…", "path": "nginx.conf", "sha256": "33e6392dcf4e803dbfb2fabd5615c04f0a104c7e504a1166c061f2f1cbbb3e3c" }],
                "reload": "nginx -t && nginx -s reload", "revision": "adc74a594a3e0e8f.7",
            }))
            .with(&["ETag.weak"])
            .perhaps(&["Vary", "TM-Stale", "Preference-Applied", "Content-Encoding"]),
        )
        .refuses(&[Code::TenantNotFound, Code::NotFound, Code::TooManyWaiters])
}

pub fn signing_keys() -> Operation {
    Operation::new("listSigningKeys", "List the keys that snapshots are signed with")
        .about(
            "A snapshot's `TM-Signature` has a signature of each key: Ed25519 over six lines, which the guide on polling shows. Give nodes \
             their keys by another way than this: a key from the service that it shall check proves nothing.",
        )
        .query::<NothingIn>()
        .answers(Answer::json::<SigningKeys>(200, "The public keys.", json!({
            "keys": [{
                "id": "6a3803d5f059902a", "algorithm": "Ed25519",
                "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            }],
        })))
        .refuses(&[Code::TenantNotFound])
}

pub fn bootstrap() -> Operation {
    Operation::new("getProxyBootstrap", "Get a configuration with which a new proxy starts")
        .about(
            "The proxy runs with it as it is: its key is in the environment variable `TM_TOKEN`. Comments say what to change. For HAProxy, \
             nginx and Caddy it is a shell script that writes, checks and reloads. With `transport=agent` it is the configuration of a node \
             agent beside the proxy.",
        )
        .query::<BootstrapIn>()
        .answers(Answer::of::<String>(200, "The configuration or script.", "text/plain"))
        .refuses(&[Code::TenantNotFound, Code::NotFound])
}

/// What a dialect made of a tenant's policies.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ProxyReport {
    /// The dialect.
    dialect: String,
    tenant: schemas::TenantName,
    /// The version tag of the scope.
    revision: schemas::VersionTag,
    /// The policies, sorted by service and environment.
    policies: Vec<ReportedPolicy>,
}

/// What a dialect made of one policy.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct ReportedPolicy {
    tenant: schemas::TenantName,
    service: schemas::ServiceName,
    env: schemas::EnvName,
    /// The revision of the policy's last change.
    revision: schemas::Revision,
    state: PolicyState,
    /// The differences, or the reasons of the refusal.
    notes: Vec<String>,
    /// Present if the state is `quarantined`.
    #[schemars(skip_serializing_if = "Option::is_none")]
    quarantine: Option<PolicyQuarantine>,
}

/// A proxy's refusal of a policy. Proxies that take the policy have it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct PolicyQuarantine {
    /// When the first proxy refused it.
    since: schemas::Timestamp,
    /// The tenant's revision whose form of the policy the proxies have instead; null: they have none, and answer its
    /// requests with 503.
    serves: Option<schemas::Revision>,
    /// The name of the node.
    node: String,
    /// The proxy and its version.
    program: String,
    /// The proxy's own words.
    reason: String,
    /// Who changed the policy last; null while that cannot be read.
    author: Option<String>,
}

/// `native`: the proxy does what the policy says. `degraded`: with the differences that the notes
/// name. `refused`: the proxy does not get the policy. `quarantined`: a proxy refuses it, and has an older
/// form.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum PolicyState {
    Native,
    Degraded,
    Refused,
    Quarantined,
}

pub fn report() -> Operation {
    Operation::new("getProxyReport", "See what a kind of proxy can do of the policies")
        .query::<ReportIn>()
        .reads_no_older()
        .answers(
            Answer::json::<ProxyReport>(
                200,
                "The report.",
                json!({
                    "dialect": "traefik", "tenant": "acme", "revision": "adc74a594a3e0e8f.7", "policies": [{
                        "tenant": "acme", "service": "checkout", "env": "prod", "revision": 5, "state": "degraded",
                        "notes": ["a client stays with its version by a cookie of Traefik, not by the header x-user"],
                    }],
                }),
            )
            .with(&["ETag"])
            .perhaps(&["TM-Stale"]),
        )
        .refuses(&[Code::TenantNotFound, Code::NotFound])
}
