//! The explanation of a policy's choice, for the OpenAPI document.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::policies::PolicyName;
use crate::http::openapi::schemas;

/// The explanation of how a policy chose the version for a request.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
pub struct ChoiceExplanation {
    policy: PolicyName,
    /// The revision of the policy's last change.
    policy_revision: schemas::Revision,
    reason: ChoiceReason,
    /// The name of the rule that took the request; `null` if no rule did.
    rule: Option<String>,
    /// The key by which the split was decided; `null` if there was none and the choice was random.
    key: Option<String>,
    /// The slot of the key, of 16,384; `null` if no split decided.
    slot: Option<u32>,
    /// The version that the rule or the split chose first, if that version was not active.
    instead_of: Option<schemas::VersionName>,
    /// The versions of the split that decided, the one that has the slot first. Empty if a rule
    /// without a split took the request, unless `reason` is `next_of_split`.
    split: Vec<SplitScore>,
}

/// The reason for the choice. `version_header`: the request names its version. `failover`: the version that was chosen first is not active.
/// `next_of_split`: no version of the failover order is active either. `nowhere`: no version is
/// active.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum ChoiceReason {
    VersionHeader,
    Rule,
    Split,
    Failover,
    NextOfSplit,
    Nowhere,
}

/// A version in the split.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the derive")]
struct SplitScore {
    version: schemas::VersionName,
    weight: u32,
    /// The version's share of all keys, from 0 to 1.
    share: f64,
    /// 1 for the version that has the key's slot, 0 for the others.
    score: f64,
    /// The version's slots, of 16,384.
    slots: u32,
    standing: RouteStanding,
}

/// Whether traffic may go to a version.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive")]
enum RouteStanding {
    Active,
    Inactive,
    Missing,
}

/// Returns an example of an explanation.
pub fn explanation() -> Value {
    json!({
        "policy": { "service": "checkout", "env": "prod" }, "policy_revision": 3, "reason": "split", "rule": null, "key": "user-7", "slot": 11_201,
        "instead_of": null, "split": [
            { "version": "v1", "weight": 90, "share": 0.9, "score": 1.0, "slots": 14_746, "standing": "active" },
            { "version": "v2", "weight": 10, "share": 0.1, "score": 0.0, "slots": 1_638, "standing": "active" },
        ],
    })
}
