//! The texts of an answer that may be envelopes, and the place that each was sealed for.

use uuid::Uuid;

use super::envelope::SealedPlace;
use crate::{
    audit::document::ArchivedEvent,
    domain::{
        blame::Blame,
        command::ChangedObject,
        event::{EventBody, id_of_first},
        plan::Plan,
        policy::Policy,
        route::Route,
        tenant::Tenant,
    },
};

/// A text that may be an envelope.
pub struct Text<'a> {
    /// The tenant that the text belongs to.
    pub tenant: &'a str,
    /// The place that the text was sealed for.
    pub place: SealedPlace,
    /// The text itself: an envelope, or plain.
    pub text: &'a mut String,
}

impl<'a> Text<'a> {
    fn actor(tenant: &'a str, text: &'a mut String) -> Self {
        Self {
            tenant,
            place: SealedPlace::Actor,
            text,
        }
    }
}

/// Returns the names of a route's creator and its last editor.
pub fn of_route<'a>(tenant: &'a str, route: &'a mut Route) -> Vec<Text<'a>> {
    vec![
        Text::actor(tenant, &mut route.created_by),
        Text::actor(tenant, &mut route.updated_by),
    ]
}

/// Returns the names of a traffic policy's creator and its last editor.
pub fn of_policy<'a>(tenant: &'a str, policy: &'a mut Policy) -> Vec<Text<'a>> {
    vec![
        Text::actor(tenant, &mut policy.created_by),
        Text::actor(tenant, &mut policy.updated_by),
    ]
}

/// Returns the names of a tenant's creator and its last editor.
pub fn of_tenant(tenant: &mut Tenant) -> Vec<Text<'_>> {
    let Tenant {
        name,
        created_by,
        updated_by,
        ..
    } = tenant;
    vec![
        Text::actor(name.as_str(), created_by),
        Text::actor(name.as_str(), updated_by),
    ]
}

/// Returns the same names for the object in the answer to a write.
pub fn of_object<'a>(tenant: &'a str, object: &'a mut ChangedObject) -> Vec<Text<'a>> {
    match object {
        ChangedObject::Route(route) => of_route(tenant, route),
        ChangedObject::Policy(policy) => of_policy(tenant, policy),
        ChangedObject::Tenant(tenant) => of_tenant(tenant),
        ChangedObject::Applied { .. } | ChangedObject::Gone => Vec::new(),
    }
}

/// Returns the name of a plan's creator, and the plan's reason.
pub fn of_plan(plan: &mut Plan) -> Vec<Text<'_>> {
    let Plan {
        id,
        tenant,
        reason,
        created_by,
        ..
    } = plan;
    let (tenant, place) = (tenant.as_str(), SealedPlace::Plan(*id));
    let reason = reason.as_mut().map(|text| Text {
        tenant,
        place,
        text,
    });
    std::iter::once(Text::actor(tenant, created_by))
        .chain(reason)
        .collect()
}

fn of_members<'a>(
    tenant: &'a str,
    first: Uuid,
    actor: &'a mut String,
    reason: Option<&'a mut String>,
    address: Option<&'a mut String>,
) -> Vec<Text<'a>> {
    let member = |name, text| Text {
        tenant,
        place: SealedPlace::Event(first, name),
        text,
    };
    let reason = reason.map(|text| member(REASON, text));
    let address = address.map(|text| member(SOURCE_IP, text));
    std::iter::once(Text::actor(tenant, actor))
        .chain(reason)
        .chain(address)
        .collect()
}

/// The member of an event with the reason of the change.
pub const REASON: &str = "reason";
/// The member of an event with the IP address of the actor.
pub const SOURCE_IP: &str = "source_ip";

/// Returns the actor, reason and IP address of an event.
pub fn of_event(event: &mut EventBody) -> Vec<Text<'_>> {
    let first = id_of_first(event.id, event.item);
    of_members(
        event.tenant.as_str(),
        first,
        &mut event.actor.id,
        event.reason.as_mut(),
        event.source_ip.as_mut(),
    )
}

/// Returns the same texts of an archived event, except those in its member `event`, which stays as
/// it was published.
pub fn of_archived(event: &mut ArchivedEvent) -> Vec<Text<'_>> {
    let ArchivedEvent {
        tenant,
        event_id,
        item,
        changed_by,
        reason,
        source_ip,
        ..
    } = event;
    // An invalid id or item was tampered with. Texts that were sealed for it do not open.
    let first = Uuid::parse_str(event_id)
        .ok()
        .zip(u32::try_from(*item).ok())
        .map(|(id, item)| id_of_first(id, item));
    of_members(
        tenant,
        first.unwrap_or_default(),
        changed_by,
        reason.as_mut(),
        source_ip.as_mut(),
    )
}

/// Returns the actor and reason of the last change to a member of a route.
pub fn of_blame<'a>(tenant: &'a str, blame: &'a mut Blame) -> Vec<Text<'a>> {
    let first = id_of_first(blame.event_id, blame.item);
    of_members(
        tenant,
        first,
        &mut blame.actor.id,
        blame.reason.as_mut(),
        None,
    )
}
