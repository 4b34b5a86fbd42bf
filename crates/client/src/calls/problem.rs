//! Problem documents, and what people do about them.

use std::{fmt, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use traffic_manager_api_types::Code;

use super::Tag;
use crate::types::{ChoiceExplanation, Members, Plan, PolicyName};

/// A field of a request that the service refuses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// The place: a JSON pointer into the body, or the name of a parameter or header.
    pub pointer: String,
    /// The stable code of the error.
    pub code: String,
    /// The error in words.
    pub detail: String,
}

/// An error that the service answered (RFC 9457). Its text has the detail, the fields and the id of
/// the request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, such as `route_not_found`.
    pub code: String,
    /// The problem in a few words.
    #[serde(default)]
    pub title: String,
    /// This occurrence of the problem, for people.
    #[serde(default)]
    pub detail: String,
    /// The id of the request, which is in the service's log.
    #[serde(default)]
    pub request_id: String,
    /// The fields that are wrong: the first 20.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// The members that only some codes have.
    #[serde(flatten)]
    pub members: Members,
    /// The JSON, byte for byte as the service sent it.
    #[serde(skip)]
    pub raw: String,
    /// The time that the service asks to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
    /// The object's tag, with `precondition_failed`: decide again, and send this one.
    #[serde(skip)]
    pub tag: Option<Tag>,
}

/// What confirms a change that removes many routes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Shrink {
    /// The hash to send as `confirm_shrink`.
    pub confirm_shrink: String,
    /// The number of routes that would be removed.
    pub removed_routes: u64,
    /// The number of active routes in the scope.
    pub active_routes: u64,
}

/// The policies that use a version which would go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InUse {
    /// The policies.
    pub policies: Vec<PolicyName>,
    /// Whether `confirm_in_use` confirms the change: the policies have other versions.
    #[serde(default)]
    pub may_confirm: bool,
}

/// The quota that is used up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Quota {
    /// The name of the quota.
    pub quota: String,
    /// The number that it allows.
    pub limit: u64,
}

impl Problem {
    /// Reads a problem document.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        let mut problem: Self = serde_json::from_slice(json).ok()?;
        problem.raw = String::from_utf8_lossy(json).into_owned();
        Some(problem)
    }

    /// Returns the code, with cause and remedy, if this version of the client knows it.
    pub fn known_code(&self) -> Option<Code> {
        Code::named(&self.code)
    }

    /// Returns whether the problem has this code.
    pub fn is(&self, code: Code) -> bool {
        self.code == code.name()
    }

    /// `plan_stale`: returns the new plan for the same document. If it is cut short
    /// (`more_changes`), read it by its id.
    pub fn new_plan(&self) -> Option<Plan> {
        self.member(Code::PlanStale, "plan")
    }

    /// `plan_stale`: returns whether [`Self::new_plan`] has more changes than it shows.
    pub fn has_more_changes(&self) -> bool {
        self.members
            .get("more_changes")
            .is_some_and(|more| more == true)
    }

    /// `shrink_not_confirmed`: returns what confirms the change.
    pub fn shrink(&self) -> Option<Shrink> {
        self.parts(Code::ShrinkNotConfirmed)
    }

    /// `version_in_use`: returns the policies that use the version.
    pub fn in_use(&self) -> Option<InUse> {
        self.parts(Code::VersionInUse)
    }

    /// `quota_exceeded`: returns the quota.
    pub fn quota(&self) -> Option<Quota> {
        self.parts(Code::QuotaExceeded)
    }

    /// `host_taken`, `host_not_allowed`: returns the host.
    pub fn host(&self) -> Option<&str> {
        self.members.get("host")?.as_str()
    }

    /// `answered_by_policy`, `no_active_version`: returns the rule and the versions that the
    /// policy looked at.
    pub fn explanation(&self) -> Option<ChoiceExplanation> {
        serde_json::from_value(self.members.get("explanation")?.clone()).ok()
    }

    fn member<T: DeserializeOwned>(&self, code: Code, name: &str) -> Option<T> {
        let member = self.members.get(name).filter(|_| self.is(code))?;
        serde_json::from_value(member.clone()).ok()
    }

    fn parts<T: DeserializeOwned>(&self, code: Code) -> Option<T> {
        let members = self.is(code).then(|| self.members.clone())?;
        serde_json::from_value(members.into()).ok()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.detail.is_empty() {
            &self.title
        } else {
            &self.detail
        };
        write!(f, "{text} ({}, {})", self.code, self.status)?;
        for error in &self.errors {
            write!(f, "; {}: {}", error.pointer, error.detail)?;
        }
        if !self.request_id.is_empty() {
            write!(f, "; request {}", self.request_id)?;
        }
        Ok(())
    }
}
