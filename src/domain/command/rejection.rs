//! The ways to be refused, and the places in a request that they are about.

use super::MAX_CHANGES;
use crate::domain::{
    Invalid,
    host::NotAllowed,
    ids::{EnvName, PolicyName, RouteName, ServiceName, VersionName},
    policy::Host,
    tag::VersionTag,
};

/// Why a command is refused. A refused command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The tenant does not exist.
    #[error("tenant does not exist")]
    TenantNotFound,
    /// The caller may change other services or environments, and not this.
    #[error("the caller may not change {service} in {env}")]
    OutsideGrant {
        /// The service.
        service: ServiceName,
        /// The environment.
        env: EnvName,
    },
    /// The route does not exist.
    #[error("route does not exist")]
    RouteNotFound,
    /// `POST /tenants` for one that exists.
    #[error("tenant exists already")]
    TenantExists,
    /// A tenant that has something is deleted with all of it only when that is confirmed.
    #[error("tenant still has {routes} routes and {policies} policies")]
    TenantNotEmpty {
        /// How many routes.
        routes: u32,
        /// How many policies.
        policies: u32,
    },
    /// The traffic policy does not exist.
    #[error("traffic policy does not exist")]
    PolicyNotFound,
    /// A policy names versions that do not exist.
    #[error("a policy may only name versions that exist")]
    VersionsNotFound {
        /// Which policy.
        policy: PolicyName,
        /// Where in it, and which.
        versions: Vec<(String, VersionName)>,
    },
    /// A host belongs to another tenant, or with this path prefix to another policy of the tenant.
    #[error("{}", taken(host, prefix, *of_another_tenant))]
    HostTaken {
        /// The host.
        host: Host,
        /// The path prefix.
        prefix: String,
        /// It belongs to another tenant, or overlaps with a host that does.
        of_another_tenant: bool,
    },
    /// The tenant may not have a host, whoever else has it.
    #[error("{}", not_allowed(host, *why))]
    HostNotAllowed {
        /// The host.
        host: Host,
        /// Why not.
        why: NotAllowed,
    },
    /// A policy sends traffic to what is to be removed.
    #[error("a traffic policy sends traffic there")]
    VersionInUse {
        /// The route that they send it to.
        route: RouteName,
        /// Which policies.
        policies: Vec<PolicyName>,
        /// Whether confirming would do.
        may_confirm: bool,
    },
    /// More than half of the active routes of a scope, or the last of them, would be removed.
    #[error("{removed} of {active} active routes would be removed: confirm with the hash")]
    ShrinkNotConfirmed {
        /// Active routes of the scope.
        active: u32,
        /// How many fewer they would be.
        removed: u32,
        /// What to confirm with.
        hash: String,
    },
    /// The scope moved since the changes were worked out.
    #[error("the tenant has changed since: work the changes out again")]
    PlanStale,
    /// The tenant is being deleted.
    #[error("the tenant is being deleted")]
    TenantEnding,
    /// The tenant writes more often than it may.
    #[error("the tenant may change {limit} times a second")]
    TooManyWrites {
        /// Its quota.
        limit: u32,
        /// How long to wait, in milliseconds.
        retry_after_ms: u64,
    },
    /// More changes than one revision may have.
    #[error("a revision may have at most {MAX_CHANGES} changes")]
    TooManyChanges,
    /// `If-Match` or `If-None-Match` did not hold.
    #[error("the object is not as the precondition says")]
    PreconditionFailed {
        /// The tag that the object has now, if it exists.
        current: Option<VersionTag>,
    },
    /// The tenant has as many as it may have.
    #[error("the tenant may have at most {limit} {quota}")]
    QuotaExceeded {
        /// Which quota.
        quota: &'static str,
        /// Its number.
        limit: u32,
    },
    /// Objects would be larger than their events may be.
    #[error("an object may take at most {limit} bytes as JSON")]
    TooLarge {
        /// The first of them.
        objects: Vec<TooLarge>,
        /// How many bytes one may take.
        limit: usize,
    },
    /// What would come out would be invalid.
    #[error("the result would not be valid")]
    Invalid {
        /// JSON pointers into the body, and what is wrong there.
        errors: Vec<(String, Invalid)>,
    },
    /// The same `Idempotency-Key` was used with another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// One of the above, with the place of what it is about.
    #[error("{rejection}")]
    Placed {
        /// A JSON pointer into the body.
        pointer: String,
        /// The rejection.
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
    /// The first change of anything of this service in this environment.
    Place(&'a ServiceName, &'a EnvName),
    /// The last claim of this host, with this path prefix if one is given.
    Host(&'a Host, Option<&'a str>),
    /// All changes together.
    Changes,
}

fn taken(host: &Host, prefix: &str, of_another_tenant: bool) -> String {
    if of_another_tenant {
        format!(
            "{host} belongs to another tenant, or overlaps with a host of another tenant: take it out of `hosts`; until then the policy can \
             be deleted and not changed"
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
        NotAllowed::PublicSuffix => "is a public suffix, or stands for all names under one",
    };
    format!("{host} {why}: take it out of `hosts`, or have a platform_admin add it to the tenant's `allowed_hosts`")
}

/// An object that is larger than its events may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge {
    /// JSON pointer into the body.
    pub pointer: String,
    /// The object; `None` is the tenant itself.
    pub object: Option<ObjectName>,
    /// Its size as JSON.
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
    /// A route.
    Route(RouteName),
    /// A traffic policy.
    Policy(PolicyName),
}

impl Rejection {
    /// The same, with pointers into a body of many changes: `place` is where a part stands in it.
    #[must_use]
    pub fn placed(mut self, place: impl Fn(Sought<'_>) -> Option<String>) -> Self {
        if let Self::TooLarge { objects, .. } = &mut self {
            objects.iter_mut().for_each(|object| object.pointer = object.sought().and_then(&place).unwrap_or_default());
        }
        let pointer = match &self {
            Self::VersionsNotFound { policy, .. } => place(Sought::Policy(policy)),
            Self::HostTaken { host, prefix, .. } => place(Sought::Host(host, Some(prefix))),
            Self::HostNotAllowed { host, .. } => place(Sought::Host(host, None)),
            Self::VersionInUse { route, .. } => place(Sought::Route(route)),
            Self::OutsideGrant { service, env } => place(Sought::Place(service, env)),
            Self::QuotaExceeded { quota: "routes" | "policies", .. } | Self::ShrinkNotConfirmed { .. } => place(Sought::Changes),
            // About the tenant, the whole request, or placed already.
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
            (Self::VersionsNotFound { policy, mut versions }, Some(prefix)) => {
                versions.iter_mut().for_each(|(pointer, _)| pointer.insert_str(0, &prefix));
                Self::VersionsNotFound { policy, versions }
            }
            (rejection, Some(pointer)) => Self::Placed { pointer, rejection: Box::new(rejection) },
        }
    }
}
