//! What a tenant is: the owner of routes, of one revision counter and of one hash chain.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    event::Actor,
    host::HostSuffix,
    ids::TenantName,
    tag::{Epoch, Revision, VersionTag},
    time::UtcTime,
    whole,
};

/// The largest quota that a tenant can be given, of whatever.
pub const MAX_QUOTA: u32 = 10_000_000;

/// The limits of one tenant; `None` means the service's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// The largest body of a write, in bytes. Never more than `http.max_body_bytes` and `http.max_bulk_bytes`.
    #[serde(default, deserialize_with = "quota")]
    pub body_bytes: Option<u32>,
    /// The most traffic policies.
    #[serde(default, deserialize_with = "quota")]
    pub policies: Option<u32>,
    /// The most routes, active or not.
    #[serde(default, deserialize_with = "quota")]
    pub routes: Option<u32>,
    /// The most long-polls and event streams that wait at one instance.
    #[serde(default, deserialize_with = "quota")]
    pub waiters: Option<u32>,
    /// The most changes of it in a second, over all instances. As many may come at once.
    #[serde(default, deserialize_with = "quota")]
    pub writes_per_second: Option<u32>,
}

impl Quotas {
    /// These, and `defaults` where they say nothing.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self {
            body_bytes: self.body_bytes.or(defaults.body_bytes),
            policies: self.policies.or(defaults.policies),
            routes: self.routes.or(defaults.routes),
            waiters: self.waiters.or(defaults.waiters),
            writes_per_second: self.writes_per_second.or(defaults.writes_per_second),
        }
    }
}

/// Bytes that an event may take, unless the settings say otherwise: half of what a topic takes by default.
pub const EVENT_BYTES: usize = 524_288;

/// The limits that every tenant is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The quotas of a tenant that has none of its own.
    pub quotas: Quotas,
    /// Bytes that an event may take.
    pub event_bytes: usize,
}

impl From<Quotas> for Limits {
    fn from(quotas: Quotas) -> Self {
        Self { quotas, event_bytes: EVENT_BYTES }
    }
}

/// A merge patch of [`Quotas`]: absent keeps, `Some(None)` goes back to the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct QuotasPatch {
    /// Of [`Quotas::body_bytes`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<Option<u32>>,
    /// Of [`Quotas::policies`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub policies: Option<Option<u32>>,
    /// Of [`Quotas::routes`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub routes: Option<Option<u32>>,
    /// Of [`Quotas::waiters`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub waiters: Option<Option<u32>>,
    /// Of [`Quotas::writes_per_second`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub writes_per_second: Option<Option<u32>>,
}

impl QuotasPatch {
    /// The quotas that it makes of `old`.
    pub fn apply(self, old: Quotas) -> Quotas {
        Quotas {
            body_bytes: self.body_bytes.unwrap_or(old.body_bytes),
            policies: self.policies.unwrap_or(old.policies),
            routes: self.routes.unwrap_or(old.routes),
            waiters: self.waiters.unwrap_or(old.waiters),
            writes_per_second: self.writes_per_second.unwrap_or(old.writes_per_second),
        }
    }

    /// The one that goes back to every default.
    pub const DEFAULTS: Self = Self {
        body_bytes: Some(None),
        policies: Some(None),
        routes: Some(None),
        waiters: Some(None),
        writes_per_second: Some(None),
    };
}

/// A member that is `null` is not one that is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    quota(deserializer).map(Some)
}

fn quota<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole::optional::<0, { MAX_QUOTA as u64 }, _, _>(deserializer)
}

/// What people set of a tenant; the `before` and `after` of an event. Members are declared in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSpec {
    /// The names that it may have hosts of. Not in an event where there are none, as before there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<HostSuffix>,
    /// Its own limits.
    pub quotas: Quotas,
}

/// A tenant as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name.
    pub name: TenantName,
    /// Which history its revisions belong to.
    pub epoch: Epoch,
    /// Its newest committed revision.
    pub revision: Revision,
    /// Its own limits.
    pub quotas: Quotas,
    /// The names that it may have hosts of; with none, any host that is free.
    #[serde(default)]
    pub allowed_hosts: Vec<HostSuffix>,
    /// How many routes it has, active or not.
    pub routes: u32,
    /// How many traffic policies it has.
    #[serde(default)]
    pub policies: u32,
    /// When it was created.
    pub created_at: UtcTime,
    /// By whom.
    pub created_by: String,
    /// When its own record (not its routes) last changed.
    pub updated_at: UtcTime,
    /// By whom.
    pub updated_by: String,
    /// When the changes that were made are all paid for, one a `1 / writes_per_second`: the "theoretical arrival time" of GCRA (ITU-T I.371).
    #[serde(skip)]
    pub paid_until: Option<UtcTime>,
    /// Set while the tenant is being deleted, which may take several revisions.
    #[serde(skip)]
    pub ending: Option<Box<Ending>>,
}

/// The deletion of a tenant that goes on: its next revisions are its author's too, whoever makes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The person or program that deletes it.
    pub actor: Actor,
    /// `X-Reason`.
    pub reason: Option<String>,
    /// `X-Correlation-ID`.
    pub request_id: String,
    /// W3C trace id.
    pub trace_id: Option<String>,
    /// The caller's address.
    pub source_ip: Option<String>,
}

impl Tenant {
    /// The tag of its newest revision.
    pub fn tag(&self) -> VersionTag {
        VersionTag { epoch: self.epoch.clone(), revision: self.revision }
    }

    /// What people set of it.
    pub fn spec(&self) -> TenantSpec {
        TenantSpec { allowed_hosts: self.allowed_hosts.clone(), quotas: self.quotas }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_patch_does_not_name_stays_and_null_goes_back_to_the_default() {
        let old = Quotas { routes: Some(1), policies: Some(2), waiters: Some(3), ..Quotas::default() };
        let patch: QuotasPatch = serde_json::from_value(json!({ "routes": 7, "policies": null })).unwrap();
        assert_eq!((patch.routes, patch.policies, patch.waiters), (Some(Some(7)), Some(None), None));
        assert_eq!(patch.apply(old), Quotas { routes: Some(7), waiters: Some(3), ..Quotas::default() });
        assert_eq!(serde_json::to_value(patch).unwrap(), json!({ "routes": 7, "policies": null }));
        assert_eq!(QuotasPatch::DEFAULTS.apply(old), Quotas::default());
        assert!(serde_json::from_value::<QuotasPatch>(json!({ "rotes": 7 })).is_err());
    }
}
