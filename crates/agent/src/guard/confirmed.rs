//! What the guard lets through after a removal that was confirmed where it was written: the removal
//! itself, and what it would let through after it.

use traffic_manager_client::{Confirmation, Counts};
use traffic_manager_core::{snapshot::TenantSnapshot, tag::VersionTag};

use super::{Size, reason as reason_without};
use crate::config::Limits;

/// What a change drops.
#[derive(Debug, Clone, Copy)]
pub struct Dropped {
    /// In the scope of the confirmed removal.
    pub inside: Size,
    /// Elsewhere.
    pub outside: Size,
}

impl Dropped {
    /// Everything together.
    pub fn all(self) -> Size {
        self.inside.and(self.outside)
    }
}

/// Returns the confirmation if the removal came after the old state and is in the new one. Revisions of
/// different epochs cannot be compared.
pub fn between<'a>(
    confirmation: Option<&'a Confirmation>,
    old: &VersionTag,
    new: &VersionTag,
) -> Option<&'a Confirmation> {
    confirmation.filter(|it| new.covers(&it.tag) && it.tag.covers(old) && it.tag != *old)
}

/// Returns the reason to hold back a change although a removal in it was confirmed: it drops much
/// beside the removal, or the scope has much less than the removal left.
pub fn reason(
    limits: Limits,
    confirmation: &Confirmation,
    old: Size,
    dropped: Dropped,
    new: &TenantSnapshot,
) -> Option<String> {
    let tag = &confirmation.tag;
    let Some(Counts {
        routes,
        policies,
        left,
    }) = confirmation.counts
    else {
        // Only the state right after the removal is known to be confirmed.
        let is_it = new.tag() == tag;
        let later = || format!("it is later than {tag}, which was confirmed");
        return (!is_it).then(later);
    };
    let removed = Size {
        routes: count(routes),
        policies: count(policies),
    };
    let beside = dropped.inside.less(removed).and(dropped.outside);
    if let Some(reason) = reason_without(limits, old, beside, Size::of(new)) {
        return Some(format!("{reason} beside what was confirmed at {tag}"));
    }
    let routes = |routes| Size {
        routes,
        policies: 0,
    };
    let (left, now) = (
        routes(count(left)),
        routes(Size::routes_in(new, &confirmation.scope)),
    );
    let reason = reason_without(limits, left, left.less(now), now)?;
    Some(format!("{reason} that were left at {tag}"))
}

fn count(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
