//! The texts of an answer that may be envelopes, and the place that each was sealed for.

use uuid::Uuid;

use super::envelope::Place;
use crate::{
    audit::document::ArchivedEvent,
    domain::{
        blame::Blame,
        command::Object,
        event::{EventBody, id_of_first},
        plan::Plan,
        policy::Policy,
        route::Route,
        tenant::Tenant,
    },
};

/// A text that may be an envelope.
pub struct Text<'a> {
    /// Whose tenant's.
    pub tenant: &'a str,
    /// What it was sealed for.
    pub place: Place,
    /// The text.
    pub text: &'a mut String,
}

impl<'a> Text<'a> {
    fn actor(tenant: &'a str, text: &'a mut String) -> Self {
        Self { tenant, place: Place::Actor, text }
    }
}

/// Who made and changed a route.
pub fn of_route<'a>(tenant: &'a str, route: &'a mut Route) -> Vec<Text<'a>> {
    vec![Text::actor(tenant, &mut route.created_by), Text::actor(tenant, &mut route.updated_by)]
}

/// Who made and changed a traffic policy.
pub fn of_policy<'a>(tenant: &'a str, policy: &'a mut Policy) -> Vec<Text<'a>> {
    vec![Text::actor(tenant, &mut policy.created_by), Text::actor(tenant, &mut policy.updated_by)]
}

/// Who made and changed a tenant.
pub fn of_tenant(tenant: &mut Tenant) -> Vec<Text<'_>> {
    let Tenant { name, created_by, updated_by, .. } = tenant;
    vec![Text::actor(name.as_str(), created_by), Text::actor(name.as_str(), updated_by)]
}

/// The same of what a write answers with.
pub fn of_object<'a>(tenant: &'a str, object: &'a mut Object) -> Vec<Text<'a>> {
    match object {
        Object::Route(route) => of_route(tenant, route),
        Object::Policy(policy) => of_policy(tenant, policy),
        Object::Tenant(tenant) => of_tenant(tenant),
        Object::Applied { .. } | Object::Gone => Vec::new(),
    }
}

/// Who made a plan, and why.
pub fn of_plan(plan: &mut Plan) -> Vec<Text<'_>> {
    let Plan { id, tenant, reason, created_by, .. } = plan;
    let (tenant, place) = (tenant.as_str(), Place::Plan(*id));
    let reason = reason.as_mut().map(|text| Text { tenant, place, text });
    std::iter::once(Text::actor(tenant, created_by)).chain(reason).collect()
}

fn of_members<'a>(
    tenant: &'a str, first: Uuid, actor: &'a mut String, reason: Option<&'a mut String>, address: Option<&'a mut String>,
) -> Vec<Text<'a>> {
    let member = |name, text| Text { tenant, place: Place::Event(first, name), text };
    let reason = reason.map(|text| member(REASON, text));
    let address = address.map(|text| member(SOURCE_IP, text));
    std::iter::once(Text::actor(tenant, actor)).chain(reason).chain(address).collect()
}

/// The member of an event that says why.
pub const REASON: &str = "reason";
/// The member of an event that says from where.
pub const SOURCE_IP: &str = "source_ip";

/// Who, why and from where, of an event.
pub fn of_event(event: &mut EventBody) -> Vec<Text<'_>> {
    let first = id_of_first(event.id, event.item);
    of_members(event.tenant.as_str(), first, &mut event.actor.id, event.reason.as_mut(), event.source_ip.as_mut())
}

/// The same of an archived event, beside its member `event`, which stays as it was published.
pub fn of_archived(event: &mut ArchivedEvent) -> Vec<Text<'_>> {
    let ArchivedEvent { tenant, event_id, item, changed_by, reason, source_ip, .. } = event;
    // An id or item that is none was tampered with: what is sealed there does not open.
    let first = Uuid::parse_str(event_id).ok().zip(u32::try_from(*item).ok()).map(|(id, item)| id_of_first(id, item));
    of_members(tenant, first.unwrap_or_default(), changed_by, reason.as_mut(), source_ip.as_mut())
}

/// Who changed a member of a route, and why.
pub fn of_blame<'a>(tenant: &'a str, blame: &'a mut Blame) -> Vec<Text<'a>> {
    let first = id_of_first(blame.event_id, blame.item);
    of_members(tenant, first, &mut blame.actor.id, blame.reason.as_mut(), None)
}
