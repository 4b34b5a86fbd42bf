//! The names of objects.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a route with its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteKey {
    /// The name of the tenant.
    pub tenant: String,
    /// The name of the service.
    pub service: String,
    /// The name of the environment.
    pub env: String,
    /// The name of the version.
    pub version: String,
}

/// The name of a traffic policy with its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyKey {
    /// The name of the tenant.
    pub tenant: String,
    /// The name of the service.
    pub service: String,
    /// The name of the environment.
    pub env: String,
}

/// The name of a route within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteName {
    /// The name of the service.
    pub service: String,
    /// The name of the environment.
    pub env: String,
    /// The name of the version.
    pub version: String,
}

/// The name of a traffic policy within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyName {
    /// The name of the service.
    pub service: String,
    /// The name of the environment.
    pub env: String,
}

/// The name of a route, or of a policy, which has no version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectName {
    /// The name of the service.
    pub service: String,
    /// The name of the environment.
    pub env: String,
    /// The name of the version; `None` for a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl RouteKey {
    /// A name from its four parts.
    pub fn new(
        tenant: impl Into<String>,
        service: impl Into<String>,
        env: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Self {
            tenant: tenant.into(),
            service: service.into(),
            env: env.into(),
            version: version.into(),
        }
    }
}

impl PolicyKey {
    /// A name from its three parts.
    pub fn new(
        tenant: impl Into<String>,
        service: impl Into<String>,
        env: impl Into<String>,
    ) -> Self {
        Self {
            tenant: tenant.into(),
            service: service.into(),
            env: env.into(),
        }
    }
}

impl fmt::Display for RouteKey {
    /// Writes `tenant/service/env/version`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tenant, service) = (&self.tenant, &self.service);
        write!(f, "{tenant}/{service}/{}/{}", self.env, self.version)
    }
}

impl fmt::Display for PolicyKey {
    /// Writes `tenant/service/env`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.service, self.env)
    }
}

impl fmt::Display for ObjectName {
    /// Writes `service/env/version`, or `service/env` for a policy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.env)?;
        match &self.version {
            Some(version) => write!(f, "/{version}"),
            None => Ok(()),
        }
    }
}
