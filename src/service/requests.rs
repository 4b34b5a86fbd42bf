//! Requests that the service itself makes, with ids and times of its own.

use jiff::Timestamp;
use uuid::Uuid;

use super::batch::Request;
use crate::domain::{
    command::{Command, CommandContext, Op, Precondition},
    event::Actor,
    ids::TenantName,
    resource_scope::ResourceScope,
    tag::Epoch,
};

/// Returns a random epoch that no tenant ever had.
pub fn random_epoch() -> Epoch {
    // 8 of the 16 bytes of a random UUID; the fixed bits lie in bytes 6 and 8.
    let random = Uuid::new_v4().into_bytes();
    Epoch::from_random([
        random[0], random[1], random[2], random[3], random[4], random[5], random[10], random[11],
    ])
}

/// Returns the request to start a new epoch for a tenant on the database's current timeline.
/// The service itself makes this request, so it has no personal data.
pub fn continuing(tenant: TenantName) -> Request {
    of_service(tenant, Op::StartEpoch, "lineage")
}

/// Returns the request to continue a tenant's deletion. Its events name the actor that began
/// the deletion.
pub fn ending(tenant: TenantName) -> Request {
    of_service(tenant, Op::EndTenant, "deletion")
}

fn of_service(tenant: TenantName, op: Op, part: &str) -> Request {
    let context = CommandContext {
        event_id: Uuid::now_v7(),
        new_epoch: random_epoch(),
        now: Timestamp::now().into(),
        actor: Actor {
            kind: "system".into(),
            id: part.into(),
            token: None,
        },
        may_create_tenant: false,
        reason: None,
        request_id: Uuid::now_v7().to_string(),
        trace_id: None,
        source_ip: None,
        body_bytes: 0,
        resource_scope: ResourceScope::default(),
    };
    let command = Command {
        tenant,
        op,
        precondition: Precondition::default(),
        confirm_in_use: false,
    };
    Request {
        command,
        context,
        idempotency_key: None,
        traceparent: None,
    }
}
