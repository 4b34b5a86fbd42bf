//! Tenants: the owners of routes, each with one revision counter and one hash chain.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    event::Actor,
    host::HostSuffix,
    ids::TenantName,
    removal::ConfirmedRemoval,
    tag::{Epoch, Revision, VersionTag},
    time::UtcTime,
    whole,
};

/// The largest value of any quota of a tenant.
pub const MAX_QUOTA: u32 = 10_000_000;

/// The limits of one tenant; `None` means the service's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// The largest body of a write, in bytes. Never more than `http.max_body_bytes` and
    /// `http.max_bulk_bytes`.
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
    /// The most changes of the tenant in a second, over all instances. As many may come at once.
    #[serde(default, deserialize_with = "quota")]
    pub writes_per_second: Option<u32>,
}

impl Quotas {
    /// Returns these quotas, with `defaults` for those that are `None`.
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

/// The most bytes of an event, unless the settings say otherwise: half of the message size that a
/// topic takes by default.
pub const EVENT_BYTES: usize = 524_288;

/// The limits that apply to every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The default of each quota, for tenants that do not set it.
    pub quotas: Quotas,
    /// The most bytes of an event.
    pub event_bytes: usize,
}

impl From<Quotas> for Limits {
    fn from(quotas: Quotas) -> Self {
        Self {
            quotas,
            event_bytes: EVENT_BYTES,
        }
    }
}

/// A merge patch of [`Quotas`]: absent keeps, `Some(None)` goes back to the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct QuotasPatch {
    /// The patch of [`Quotas::body_bytes`].
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub body_bytes: Option<Option<u32>>,
    /// The patch of [`Quotas::policies`].
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub policies: Option<Option<u32>>,
    /// The patch of [`Quotas::routes`].
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub routes: Option<Option<u32>>,
    /// The patch of [`Quotas::waiters`].
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub waiters: Option<Option<u32>>,
    /// The patch of [`Quotas::writes_per_second`].
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub writes_per_second: Option<Option<u32>>,
}

impl QuotasPatch {
    /// Applies the patch to `old`.
    pub fn apply(self, old: Quotas) -> Quotas {
        Quotas {
            body_bytes: self.body_bytes.unwrap_or(old.body_bytes),
            policies: self.policies.unwrap_or(old.policies),
            routes: self.routes.unwrap_or(old.routes),
            waiters: self.waiters.unwrap_or(old.waiters),
            writes_per_second: self.writes_per_second.unwrap_or(old.writes_per_second),
        }
    }

    /// The patch that sets every quota back to its default.
    pub const DEFAULTS: Self = Self {
        body_bytes: Some(None),
        policies: Some(None),
        routes: Some(None),
        waiters: Some(None),
        writes_per_second: Some(None),
    };
}

/// Reads a member that is present, so that `null` differs from an absent member.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    quota(deserializer).map(Some)
}

fn quota<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole::optional::<0, { MAX_QUOTA as u64 }, _, _>(deserializer)
}

/// The part of a tenant that people set; the `before` and `after` of an event. Members are declared
/// in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSpec {
    /// The host suffixes of the tenant. An empty list is left out of an event, as in events from
    /// before this member existed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<HostSuffix>,
    /// The tenant's own limits.
    pub quotas: Quotas,
}

/// A tenant's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The tenant's name.
    pub name: TenantName,
    /// The epoch that the revisions belong to.
    pub epoch: Epoch,
    /// The newest committed revision.
    pub revision: Revision,
    /// The tenant's own limits.
    pub quotas: Quotas,
    /// The host suffixes of the tenant; with an empty list, any free host is allowed.
    #[serde(default)]
    pub allowed_hosts: Vec<HostSuffix>,
    /// The number of routes, active or not.
    pub routes: u32,
    /// The number of traffic policies.
    #[serde(default)]
    pub policies: u32,
    /// The time when the tenant was created.
    pub created_at: UtcTime,
    /// The id of the actor that created the tenant.
    pub created_by: String,
    /// The time of the last change of the tenant's own record (not of its routes).
    pub updated_at: UtcTime,
    /// The id of the actor that made the last change.
    pub updated_by: String,
    /// The time when all changes so far are paid for, each at `1 / writes_per_second` seconds: the
    /// "theoretical arrival time" of GCRA (ITU-T I.371).
    #[serde(skip)]
    pub paid_until: Option<UtcTime>,
    /// Set while the tenant is being deleted, which may take several revisions.
    #[serde(skip)]
    pub ending: Option<Box<Ending>>,
    /// The newest removal of most routes that was confirmed.
    #[serde(skip)]
    pub confirmed: Option<Box<ConfirmedRemoval>>,
}

/// The unfinished deletion of a tenant. The revisions with which the service continues the deletion
/// have these members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The caller that deletes the tenant.
    pub actor: Actor,
    /// The request's `X-Reason`.
    pub reason: Option<String>,
    /// The request's `X-Correlation-ID`.
    pub request_id: String,
    /// The W3C trace id of the request.
    pub trace_id: Option<String>,
    /// The caller's address.
    pub source_ip: Option<String>,
}

impl Tenant {
    /// The tag of the newest revision.
    pub fn tag(&self) -> VersionTag {
        VersionTag {
            epoch: self.epoch.clone(),
            revision: self.revision,
        }
    }

    /// The part of the tenant that people set.
    pub fn spec(&self) -> TenantSpec {
        TenantSpec {
            allowed_hosts: self.allowed_hosts.clone(),
            quotas: self.quotas,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quota_patch_keeps_absent_members_and_null_resets() {
        let old = Quotas {
            routes: Some(1),
            policies: Some(2),
            waiters: Some(3),
            ..Quotas::default()
        };
        let patch: QuotasPatch =
            serde_json::from_value(json!({ "routes": 7, "policies": null })).unwrap();
        assert_eq!(
            (patch.routes, patch.policies, patch.waiters),
            (Some(Some(7)), Some(None), None)
        );
        assert_eq!(
            patch.apply(old),
            Quotas {
                routes: Some(7),
                waiters: Some(3),
                ..Quotas::default()
            }
        );
        assert_eq!(
            serde_json::to_value(patch).unwrap(),
            json!({ "routes": 7, "policies": null })
        );
        assert_eq!(QuotasPatch::DEFAULTS.apply(old), Quotas::default());
        assert!(serde_json::from_value::<QuotasPatch>(json!({ "rotes": 7 })).is_err());
    }
}
