//! The reasons why commands are rejected, with the places in the request.

use super::MAX_CHANGES;
use crate::{
    Invalid,
    host::NotAllowed,
    ids::{EnvName, PolicyName, RouteName, ServiceName, VersionName},
    policy::Host,
    tag::VersionTag,
};

/// The reason why a command is rejected. A rejected command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The tenant does not exist.
    #[error("tenant does not exist")]
    TenantNotFound,
    /// The caller's resource scope does not cover this service and environment.
    #[error("the caller may not change {service} in {env}")]
    OutsideGrant {
        /// The service outside the caller's resource scope.
        service: ServiceName,
        /// The environment outside the caller's resource scope.
        env: EnvName,
    },
    /// The route does not exist.
    #[error("route does not exist")]
    RouteNotFound,
    /// `POST /tenants` named a tenant that exists.
    #[error("tenant exists already")]
    TenantExists,
    /// The tenant still has routes or policies. It is deleted together with them only if the caller
    /// confirms that.
    #[error("tenant still has {routes} routes and {policies} policies")]
    TenantNotEmpty {
        /// The tenant's number of routes.
        routes: u32,
        /// The tenant's number of policies.
        policies: u32,
    },
    /// The traffic policy does not exist.
    #[error("traffic policy does not exist")]
    PolicyNotFound,
    /// A policy names versions that do not exist.
    #[error("a policy may only name versions that exist")]
    VersionsNotFound {
        /// The policy that names them.
        policy: PolicyName,
        /// The missing versions, each with its JSON pointer into the policy.
        versions: Vec<(String, VersionName)>,
    },
    /// A host belongs to another tenant, or with this path prefix to another policy of the tenant.
    #[error("{}", taken(host, prefix, *of_another_tenant))]
    HostTaken {
        /// The host that is taken.
        host: Host,
        /// The path prefix of the refused policy.
        prefix: String,
        /// Whether the host belongs to another tenant, or overlaps with a host of another tenant.
        of_another_tenant: bool,
    },
    /// The tenant may not have a host, whether another tenant has it or not.
    #[error("{}", not_allowed(host, *why))]
    HostNotAllowed {
        /// The host that the tenant may not have.
        host: Host,
        /// The reason why the tenant may not have it.
        why: NotAllowed,
    },
    /// A policy uses a route that would be deleted or deactivated.
    #[error("a traffic policy uses this version")]
    VersionInUse {
        /// The route that is in use.
        route: RouteName,
        /// The policies that use the route.
        policies: Vec<PolicyName>,
        /// Whether the command would be accepted with a confirmation.
        may_confirm: bool,
    },
    /// More than half of a scope's active routes and more than ten of them would be removed, or all
    /// of them.
    #[error("{removed} of {active} active routes would be removed: confirm with the hash")]
    ShrinkNotConfirmed {
        /// The number of active routes in the scope.
        active: u32,
        /// The number of active routes that would be removed.
        removed: u32,
        /// The hash of the changes, which the caller sends to confirm them.
        hash: String,
    },
    /// The scope has changed since the plan was computed.
    #[error(
        "the tenant has changed since the plan was made: review the new plan in `plan` and apply that one"
    )]
    PlanStale,
    /// The tenant is being deleted.
    #[error("the tenant is being deleted")]
    TenantEnding,
    /// The tenant writes more often than its quota allows.
    #[error("the tenant may make at most {limit} changes per second")]
    TooManyWrites {
        /// The tenant's quota, in changes per second.
        limit: u32,
        /// The time to wait before the next attempt, in milliseconds.
        retry_after_ms: u64,
    },
    /// The command has more changes than one revision may have.
    #[error("a revision may have at most {MAX_CHANGES} changes")]
    TooManyChanges,
    /// `If-Match` or `If-None-Match` did not hold.
    #[error("the object's version does not meet the precondition")]
    PreconditionFailed {
        /// The tag that the object has now, if it exists.
        current: Option<VersionTag>,
    },
    /// The command would exceed a quota of the tenant.
    #[error("the tenant may have at most {limit} {quota}")]
    QuotaExceeded {
        /// The name of the quota, such as `routes`.
        quota: &'static str,
        /// The limit that the quota sets.
        limit: u32,
    },
    /// Objects would be larger than the size limit of events allows.
    #[error("an object may take at most {limit} bytes as JSON")]
    TooLarge {
        /// The objects that are too large, at most ten of them.
        objects: Vec<TooLarge>,
        /// The most bytes that an object may take as JSON.
        limit: usize,
    },
    /// The result of the command would be invalid.
    #[error("the result would not be valid")]
    Invalid {
        /// JSON pointers into the body, each with the error there.
        errors: Vec<(String, Invalid)>,
    },
    /// The same `Idempotency-Key` was used with another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// Another rejection, with the place in the body that it is about.
    #[error("{rejection}")]
    Placed {
        /// A JSON pointer into the body.
        pointer: String,
        /// The rejection without the place.
        rejection: Box<Rejection>,
    },
}

/// The part of a body of many changes that a rejection is about.
#[derive(Debug, Clone, Copy)]
pub enum Sought<'a> {
    /// The change of this policy.
    Policy(&'a PolicyName),
    /// The change of this route.
    Route(&'a RouteName),
    /// The first change of an object of this service in this environment.
    Place(&'a ServiceName, &'a EnvName),
    /// The last claim of this host, with this path prefix if one is given.
    Host(&'a Host, Option<&'a str>),
    /// All changes together.
    Changes,
}

fn taken(host: &Host, prefix: &str, of_another_tenant: bool) -> String {
    if of_another_tenant {
        format!(
            "{host} belongs to another tenant, or overlaps with a host of another tenant: remove it from `hosts`; until then the policy can \
             be deleted, but not changed"
        )
    } else {
        format!(
            "{host} with the path prefix {prefix} belongs to another policy of the tenant: choose another host or path prefix"
        )
    }
}

fn not_allowed(host: &Host, why: NotAllowed) -> String {
    let why = match why {
        NotAllowed::OutsideSuffixes => "is under none of the tenant's `allowed_hosts`",
        NotAllowed::PublicSuffix => "is a public suffix, or a wildcard for all names under one",
    };
    format!(
        "{host} {why}: remove it from `hosts`, or have a platform_admin add it to the tenant's `allowed_hosts`"
    )
}

/// An object that is larger than the size limit of events allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge {
    /// The JSON pointer of the object in the body.
    pub pointer: String,
    /// The object's name; `None` for the tenant itself.
    pub object: Option<ObjectName>,
    /// The object's size as JSON, in bytes.
    pub bytes: usize,
}

impl TooLarge {
    fn sought(&self) -> Option<Sought<'_>> {
        Some(match self.object.as_ref()? {
            ObjectName::Route(name) => Sought::Route(name),
            ObjectName::Policy(name) => Sought::Policy(name),
        })
    }
}

/// The name of an object that a revision can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectName {
    /// The name of a route.
    Route(RouteName),
    /// The name of a traffic policy.
    Policy(PolicyName),
}

impl Rejection {
    /// Adds JSON pointers into a body of many changes. `place` returns the pointer of a part in the
    /// body.
    #[must_use]
    pub fn placed(mut self, place: impl Fn(Sought<'_>) -> Option<String>) -> Self {
        if let Self::TooLarge { objects, .. } = &mut self {
            objects.iter_mut().for_each(|object| {
                object.pointer = object.sought().and_then(&place).unwrap_or_default()
            });
        }
        let pointer = match &self {
            Self::VersionsNotFound { policy, .. } => place(Sought::Policy(policy)),
            Self::HostTaken { host, prefix, .. } => place(Sought::Host(host, Some(prefix))),
            Self::HostNotAllowed { host, .. } => place(Sought::Host(host, None)),
            Self::VersionInUse { route, .. } => place(Sought::Route(route)),
            Self::OutsideGrant { service, env } => place(Sought::Place(service, env)),
            Self::QuotaExceeded {
                quota: "routes" | "policies",
                ..
            }
            | Self::ShrinkNotConfirmed { .. } => place(Sought::Changes),
            // These are about the tenant or the whole request, or have a place already.
            Self::QuotaExceeded { .. }
            | Self::TenantNotFound
            | Self::RouteNotFound
            | Self::TenantExists
            | Self::TenantNotEmpty { .. }
            | Self::PolicyNotFound
            | Self::PlanStale
            | Self::TenantEnding
            | Self::TooManyWrites { .. }
            | Self::TooManyChanges
            | Self::PreconditionFailed { .. }
            | Self::Invalid { .. }
            | Self::TooLarge { .. }
            | Self::IdempotencyMismatch
            | Self::Placed { .. } => None,
        };
        match (self, pointer) {
            (rejection, None) => rejection,
            (
                Self::VersionsNotFound {
                    policy,
                    mut versions,
                },
                Some(prefix),
            ) => {
                versions
                    .iter_mut()
                    .for_each(|(pointer, _)| pointer.insert_str(0, &prefix));
                Self::VersionsNotFound { policy, versions }
            }
            (rejection, Some(pointer)) => Self::Placed {
                pointer,
                rejection: Box::new(rejection),
            },
        }
    }
}
