//! Plans: the difference between a tenant's present and desired state, to be reviewed before it is
//! applied.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    chain,
    command::{Desired, Summary},
    event::Change,
    hash::EventHash,
    ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName, VersionName},
    policy::PolicySpec,
    route::RouteSpec,
    snapshot::Scope,
    tag::VersionTag,
    time::UtcTime,
};

/// The routes and policies of a tenant, without revisions, times and actors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Routes by name.
    pub routes: BTreeMap<RouteName, RouteSpec>,
    /// Traffic policies by name.
    pub policies: BTreeMap<PolicyName, PolicySpec>,
}

impl Content {
    /// The number of active routes.
    pub fn active(&self) -> u32 {
        u32::try_from(self.routes.values().filter(|spec| spec.is_active).count())
            .unwrap_or(u32::MAX)
    }

    /// Returns the changes that turn this content into `desired`. Objects that `desired` does not
    /// name are removed only if `prune` is set. New and changed routes come first and removed
    /// routes last, with the policies in between, each in the order of their names.
    pub fn difference(&self, desired: &Self, prune: bool) -> Vec<Change> {
        let route = |name: &RouteName, after: Option<&RouteSpec>| Change::Route {
            name: name.clone(),
            before: self.routes.get(name).cloned(),
            after: after.cloned(),
        };
        let policy = |name: &PolicyName, after: Option<&PolicySpec>| Change::Policy {
            name: name.clone(),
            before: self.policies.get(name).cloned(),
            after: after.cloned(),
        };
        let gone_routes = self
            .routes
            .keys()
            .filter(|name| prune && !desired.routes.contains_key(*name));
        let gone_policies = self
            .policies
            .keys()
            .filter(|name| prune && !desired.policies.contains_key(*name));
        let set = desired
            .routes
            .iter()
            .map(|(name, spec)| route(name, Some(spec)));
        let changes = set
            .chain(
                desired
                    .policies
                    .iter()
                    .map(|(name, spec)| policy(name, Some(spec))),
            )
            .chain(gone_policies.map(|name| policy(name, None)))
            .chain(gone_routes.map(|name| route(name, None)));
        changes.filter(|change| change.action().is_some()).collect()
    }
}

/// The effect of a plan on an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    /// The object is new.
    Create,
    /// The object changes.
    Update,
    /// The object is removed.
    Delete,
}

/// The name of a route, or of a policy, which has no version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The service's name.
    pub service: ServiceName,
    /// The environment's name.
    pub env: EnvName,
    /// The version's name; `None` for a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionName>,
}

/// A change as people review it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// The effect on the object.
    pub action: PlannedAction,
    /// The object's name.
    pub key: ObjectKey,
    /// The spec before the change; `None` if the object does not exist.
    pub before: Option<Value>,
    /// The spec after the change; `None` if the object is removed.
    pub after: Option<Value>,
}

impl PlannedChange {
    /// Converts a change of a route or a policy; `None` for a change of the tenant itself.
    pub fn of(change: &Change) -> Result<Option<Self>, serde_json::Error> {
        let action = match change.is_there() {
            (false, _) => PlannedAction::Create,
            (true, true) => PlannedAction::Update,
            (true, false) => PlannedAction::Delete,
        };
        let Some((service, env)) = change.place() else {
            return Ok(None);
        };
        let key = |version| ObjectKey {
            service: service.clone(),
            env: env.clone(),
            version,
        };
        Ok(match change {
            Change::Route {
                name,
                before,
                after,
            } => {
                let (before, after) = (value(before)?, value(after)?);
                Some(Self {
                    action,
                    key: key(Some(name.version.clone())),
                    before,
                    after,
                })
            }
            Change::Policy { before, after, .. } => Some(Self {
                action,
                key: key(None),
                before: value(before)?,
                after: value(after)?,
            }),
            Change::Tenant { .. } => None,
        })
    }

    /// Returns the change as a part of a command.
    pub fn desired(&self) -> Result<Desired, serde_json::Error> {
        let ObjectKey {
            service,
            env,
            version,
        } = self.key.clone();
        let after = self.after.clone();
        Ok(match version {
            Some(version) => {
                let spec = after.map(serde_json::from_value).transpose()?;
                Desired::Route {
                    name: RouteName {
                        service,
                        env,
                        version,
                    },
                    spec,
                }
            }
            None => Desired::Policy {
                name: PolicyName { service, env },
                spec: after.map(serde_json::from_value).transpose()?,
            },
        })
    }
}

fn value<T: Serialize>(spec: &Option<T>) -> Result<Option<Value>, serde_json::Error> {
    spec.as_ref().map(serde_json::to_value).transpose()
}

/// A set of changes that were computed and wait to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The plan's id.
    pub id: Uuid,
    /// The hash that the caller must send to apply the plan: SHA-256 over the JCS bytes of
    /// `{base, changes, scope, tenant}`.
    pub hash: EventHash,
    /// The tenant that the plan changes.
    pub tenant: TenantName,
    /// The tenant's tag when the plan was computed. The plan can be applied while nothing in its
    /// scope has changed since.
    pub base: VersionTag,
    /// The part of the tenant that the plan covers.
    pub scope: Scope,
    /// Whether objects in the scope that the document did not name are removed.
    pub prune: bool,
    /// The number of objects by effect.
    pub summary: Summary,
    /// The number of active routes in the scope, before and after.
    pub active_routes: [u32; 2],
    /// The changes, in the order in which they are made.
    pub changes: Vec<PlannedChange>,
    /// Points to consider before the plan is applied, such as a confirmation that will be needed.
    pub warnings: Vec<Warning>,
    /// The reason, in the words of the plan's author.
    pub reason: Option<String>,
    /// The time when the plan was made.
    pub created_at: UtcTime,
    /// The id of the plan's author.
    pub created_by: String,
    /// The time from which the plan can no longer be applied.
    pub expires_at: UtcTime,
}

/// A point to consider before a plan is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The stable code, in `snake_case`: the code of the problem that applying the plan returns
    /// without a confirmation.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
}

/// Returns the hash of changes to a state.
pub fn hash(
    tenant: &TenantName,
    base: Option<&VersionTag>,
    scope: &Scope,
    changes: &[PlannedChange],
) -> Result<EventHash, serde_json::Error> {
    /// Borrows its members: the changes may be megabytes.
    #[derive(Serialize)]
    struct Hashed<'a> {
        base: Option<&'a VersionTag>,
        changes: &'a [PlannedChange],
        scope: &'a Scope,
        tenant: &'a TenantName,
    }

    Ok(EventHash::of(&chain::canonical(&Hashed {
        base,
        changes,
        scope,
        tenant,
    })?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(name: &str, url: &str) -> (RouteName, RouteSpec) {
        let name = RouteName {
            service: "s".parse().unwrap(),
            env: "e".parse().unwrap(),
            version: name.parse().unwrap(),
        };
        (
            name,
            RouteSpec {
                url: url.parse().unwrap(),
                is_active: true,
                labels: Default::default(),
                description: None,
            },
        )
    }

    fn content(routes: &[(&str, &str)]) -> Content {
        Content {
            routes: routes.iter().map(|(name, url)| route(name, url)).collect(),
            policies: BTreeMap::new(),
        }
    }

    #[test]
    fn difference_lists_exactly_the_needed_changes() {
        let (now, desired) = (
            content(&[("a", "http://a"), ("b", "http://b"), ("c", "http://c")]),
            content(&[("b", "http://b"), ("c", "http://x"), ("d", "http://d")]),
        );
        let versions = |prune| {
            let changes = now.difference(&desired, prune);
            let planned: Vec<_> = changes
                .iter()
                .map(|change| PlannedChange::of(change).unwrap().unwrap())
                .collect();
            planned
                .iter()
                .map(|p| {
                    (
                        p.action,
                        p.key.version.as_ref().unwrap().as_str().to_owned(),
                    )
                })
                .collect::<Vec<_>>()
        };
        use PlannedAction::{Create, Delete, Update};
        assert_eq!(
            versions(false),
            [(Update, "c".to_owned()), (Create, "d".to_owned())]
        );
        assert_eq!(
            versions(true),
            [
                (Update, "c".to_owned()),
                (Create, "d".to_owned()),
                (Delete, "a".to_owned())
            ]
        );
        assert_eq!(now.difference(&now, true), []);
    }

    #[test]
    fn planned_change_requests_the_state_that_it_shows() {
        let change = &content(&[]).difference(&content(&[("a", "http://a")]), true)[0];
        let desired = PlannedChange::of(change)
            .unwrap()
            .unwrap()
            .desired()
            .unwrap();
        let (name, spec) = route("a", "http://a");
        assert_eq!(
            desired,
            Desired::Route {
                name,
                spec: Some(spec)
            }
        );
    }

    #[test]
    fn only_active_routes_count_and_policies_prune_like_routes() {
        let (mut now, policy) = (
            content(&[("a", "http://a"), ("b", "http://b"), ("c", "http://c")]),
            PolicySpec::default(),
        );
        now.routes.values_mut().next().unwrap().is_active = false;
        assert_eq!((now.active(), Content::default().active()), (2, 0));
        let name = |env: &str| PolicyName {
            service: "s".parse().unwrap(),
            env: env.parse().unwrap(),
        };
        now.policies = [("e", &policy), ("f", &policy)]
            .map(|(env, spec)| (name(env), spec.clone()))
            .into();
        let mut desired = now.clone();
        desired.policies.remove(&name("f"));
        assert_eq!(now.difference(&desired, false), []);
        let gone = Change::Policy {
            name: name("f"),
            before: Some(policy),
            after: None,
        };
        assert_eq!(now.difference(&desired, true), [gone]);
    }
}
