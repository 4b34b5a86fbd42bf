//! Instants of a tenant's history: a revision, a version tag or a time.

use super::problem::Problem;
use crate::{
    domain::{Invalid, etag::version_tag, tag::Revision, time::UtcTime},
    service::history::time_travel::{PointInTime, RevisionOrTime},
};

/// Parses a revision, a version tag or a time. `place` is the place in the request that errors
/// name.
pub fn parse_at(place: &'static str, raw: &str) -> Result<PointInTime, Invalid> {
    if !raw.is_empty() && raw.len() < 19 && raw.bytes().all(|b| b.is_ascii_digit()) {
        let revision = Revision(raw.parse().map_err(|_| wrong())?);
        return Ok(PointInTime {
            when: RevisionOrTime::Revision(revision),
            epoch: None,
            place,
        });
    }
    if let Ok(tag) = version_tag(raw) {
        return Ok(PointInTime {
            when: RevisionOrTime::Revision(tag.revision),
            epoch: Some(tag.epoch),
            place,
        });
    }
    let not_held = |invalid: Invalid| {
        if invalid.code == "not_a_time" {
            wrong()
        } else {
            invalid
        }
    };
    let time: UtcTime = raw.parse().map_err(not_held)?;
    Ok(PointInTime {
        when: RevisionOrTime::Time(time),
        epoch: None,
        place,
    })
}

fn wrong() -> Invalid {
    Invalid::new(
        "not_an_instant",
        "must be a revision, a version tag, or a time such as 2026-11-21T05:48:00Z",
    )
}

/// Parses a query parameter as [`parse_at`] does. `place` is the parameter's name after a question
/// mark.
pub fn at_in_query(place: &'static str, raw: &str) -> Result<PointInTime, Problem> {
    parse_at(place, raw).map_err(|invalid| Problem::field(place, invalid))
}
