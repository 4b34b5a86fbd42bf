//! The JSON members of an event.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{Action, Actor, Change, EventBody};
use crate::{
    hash::EventHash,
    ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName, VersionName},
    policy::PolicySpec,
    removal::Removal,
    route::RouteSpec,
    tag::{Epoch, Revision},
    tenant::TenantSpec,
    time::UtcTime,
};

/// The members of an event, declared in the order of RFC 8785, see
/// [`crate::chain::in_order`]. Either `policy` or `route` is present; neither is if the
/// event is about the tenant itself.
#[derive(Serialize)]
struct Members<'a> {
    action: Action,
    actor: &'a Actor,
    after: Spec<'a>,
    before: Spec<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_removal: &'a Option<Removal>,
    epoch: &'a Epoch,
    id: Uuid,
    item: u32,
    items: u32,
    occurred_at: UtcTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyMembers<'a>>,
    prev_hash: EventHash,
    reason: &'a Option<String>,
    request_id: &'a str,
    revision: Revision,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<RouteMembers<'a>>,
    source_ip: &'a Option<String>,
    tenant: &'a TenantName,
    trace_id: &'a Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Spec<'a> {
    Route(&'a Option<RouteSpec>),
    Policy(&'a Option<PolicySpec>),
    Tenant(&'a Option<TenantSpec>),
}

/// The members in the order of RFC 8785. [`RouteName`] itself is ordered by service first.
#[derive(Serialize)]
struct RouteMembers<'a> {
    env: &'a EnvName,
    service: &'a ServiceName,
    version: &'a VersionName,
}

#[derive(Serialize)]
struct PolicyMembers<'a> {
    env: &'a EnvName,
    service: &'a ServiceName,
}

impl Serialize for EventBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (before, after) = match &self.change {
            Change::Route { before, after, .. } => (Spec::Route(before), Spec::Route(after)),
            Change::Policy { before, after, .. } => (Spec::Policy(before), Spec::Policy(after)),
            Change::Tenant { before, after } => (Spec::Tenant(before), Spec::Tenant(after)),
        };
        let (mut route, mut policy) = (None, None);
        match &self.change {
            Change::Route {
                name:
                    RouteName {
                        service,
                        env,
                        version,
                    },
                ..
            } => {
                route = Some(RouteMembers {
                    env,
                    service,
                    version,
                })
            }
            Change::Policy {
                name: PolicyName { service, env },
                ..
            } => policy = Some(PolicyMembers { env, service }),
            Change::Tenant { .. } => {}
        }
        let Self {
            action,
            actor,
            change: _,
            confirmed_removal,
            epoch,
            id,
            item,
            items,
            occurred_at,
            prev_hash,
            reason,
            request_id,
            ..
        } = self;
        let Self {
            revision,
            source_ip,
            tenant,
            trace_id,
            ..
        } = self;
        Members {
            action: *action,
            actor,
            after,
            before,
            confirmed_removal,
            epoch,
            id: *id,
            item: *item,
            items: *items,
            occurred_at: *occurred_at,
            policy,
            prev_hash: *prev_hash,
            reason,
            request_id,
            revision: *revision,
            route,
            source_ip,
            tenant,
            trace_id,
        }
        .serialize(serializer)
    }
}

/// The members of an event, owned, for reading. Unknown members are ignored, but the hash covers
/// them too.
#[derive(Deserialize)]
struct Read {
    action: Action,
    actor: Actor,
    after: Option<Value>,
    before: Option<Value>,
    #[serde(default)]
    confirmed_removal: Option<Removal>,
    epoch: Epoch,
    id: Uuid,
    item: u32,
    items: u32,
    occurred_at: UtcTime,
    policy: Option<PolicyName>,
    prev_hash: EventHash,
    reason: Option<String>,
    request_id: String,
    revision: Revision,
    route: Option<RouteName>,
    source_ip: Option<String>,
    tenant: TenantName,
    trace_id: Option<String>,
}

impl<'de> Deserialize<'de> for EventBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let read = Read::deserialize(deserializer)?;
        let change = match (read.route, read.policy) {
            (Some(name), None) => {
                both(read.before, read.after).map(|(before, after)| Change::Route {
                    name,
                    before,
                    after,
                })
            }
            (None, Some(name)) => {
                both(read.before, read.after).map(|(before, after)| Change::Policy {
                    name,
                    before,
                    after,
                })
            }
            (None, None) => both(read.before, read.after)
                .map(|(before, after)| Change::Tenant { before, after }),
            (Some(_), Some(_)) => Err(serde_json::Error::custom(
                "an event is about a route or about a policy",
            )),
        };
        Ok(Self {
            action: read.action,
            actor: read.actor,
            change: change.map_err(D::Error::custom)?,
            confirmed_removal: read.confirmed_removal,
            epoch: read.epoch,
            id: read.id,
            item: read.item,
            items: read.items,
            occurred_at: read.occurred_at,
            prev_hash: read.prev_hash,
            reason: read.reason,
            request_id: read.request_id,
            revision: read.revision,
            source_ip: read.source_ip,
            tenant: read.tenant,
            trace_id: read.trace_id,
        })
    }
}

/// Reads the states before and after the change, both of the same type.
fn both<T: DeserializeOwned>(
    before: Option<Value>,
    after: Option<Value>,
) -> Result<(Option<T>, Option<T>), serde_json::Error> {
    let read = |spec: Option<Value>| spec.map(serde_json::from_value).transpose();
    Ok((read(before)?, read(after)?))
}
