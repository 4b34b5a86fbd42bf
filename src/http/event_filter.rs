//! The query parameters that select archived events.

use super::extract::Fields;
use crate::domain::{Invalid, event::Action, filter::EventFilter, plain_text};

/// The query parameters that select events by tenant and by the names of a route, before they are
/// parsed.
#[derive(Debug, Default)]
pub struct Narrowed {
    /// Only events of this tenant.
    pub tenant: Option<String>,
    /// Only events of this service.
    pub service: Option<String>,
    /// Only events of this environment.
    pub env: Option<String>,
    /// Only events of this version.
    pub version: Option<String>,
}

/// All query parameters that select events, before they are parsed.
#[derive(Debug, Default)]
pub struct Filtered {
    /// The tenant and the names of the route.
    pub route: Narrowed,
    /// Only events with this action, such as `created`.
    pub action: Option<String>,
    /// Only events of the actor with this id.
    pub actor: Option<String>,
    /// Only events at or after this time.
    pub from: Option<String>,
    /// Only events before this time.
    pub to: Option<String>,
}

impl Filtered {
    /// Parses the filter, and records each wrong parameter in `fields`.
    pub fn parse(self, fields: &mut Fields) -> EventFilter {
        let Self {
            route,
            action,
            actor,
            from,
            to,
        } = self;
        let (from, to) = (fields.optional("?from", from), fields.optional("?to", to));
        fields.ordered(from, "?to", to);
        EventFilter {
            action: parse_action(fields, action),
            actors: actor
                .and_then(|actor| {
                    fields.check("?actor", plain_text(&actor, 255, "actor").map(|()| actor))
                })
                .into_iter()
                .collect(),
            from,
            to,
            ..route.parse(fields)
        }
    }
}

impl Narrowed {
    /// Parses the filter, and records each wrong parameter in `fields`.
    pub fn parse(self, fields: &mut Fields) -> EventFilter {
        EventFilter {
            tenant: fields.optional("?tenant", self.tenant),
            service: fields.optional("?service", self.service),
            env: fields.optional("?env", self.env),
            version: fields.optional("?version", self.version),
            ..EventFilter::default()
        }
    }
}

/// Parses `?action=`.
pub fn parse_action(fields: &mut Fields, raw: Option<String>) -> Option<Action> {
    let raw = raw?;
    let known = Action::ALL
        .into_iter()
        .find(|action| action.as_str() == raw);
    let names = || Action::ALL.map(Action::as_str).join(", ");
    fields.check(
        "?action",
        known.ok_or_else(|| Invalid::new("unknown_action", format!("must be one of {}", names()))),
    )
}
