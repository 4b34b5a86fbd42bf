//! What a dialect made of each policy.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;
use traffic_manager_core::{
    ids::{EnvName, ServiceName, TenantName},
    tag::Revision,
};

use crate::model::PolicyModel;

/// What a dialect made of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The proxy does what the policy says.
    Native,
    /// The proxy does it with the differences that the notes name.
    Degraded,
    /// The proxy does not get the policy, for the reasons that the notes name.
    Refused,
}

/// What a dialect made of one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// The policy's tenant.
    pub tenant: TenantName,
    /// The policy's service.
    pub service: ServiceName,
    /// The policy's environment.
    pub env: EnvName,
    /// The revision of the policy's last change.
    pub revision: Revision,
    /// What the dialect made of it.
    pub state: State,
    /// Why, each a sentence.
    pub notes: Vec<String>,
}

impl PolicyReport {
    /// Returns roughly how many bytes the report takes.
    pub(crate) fn weight(&self) -> usize {
        let notes = self
            .notes
            .iter()
            .map(|note| size_of::<String>() + note.len());
        size_of::<Self>() + notes.sum::<usize>()
    }

    /// Returns the report of a policy that is refused, for these reasons too.
    pub(crate) fn also_refused(&self, why: &[String]) -> Self {
        let notes = match self.state {
            State::Refused => self.notes.as_slice(),
            State::Native | State::Degraded => &[],
        };
        let notes: BTreeSet<_> = notes.iter().chain(why).cloned().collect();
        Self {
            state: State::Refused,
            notes: notes.into_iter().collect(),
            ..self.clone()
        }
    }
}

/// What a dialect made of the policies, in the order of tenant, service and environment.
pub type Report = Vec<Arc<PolicyReport>>;

/// The differences and reasons that are found while a policy is rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    degraded: Vec<String>,
    refused: Vec<String>,
}

impl Findings {
    /// Notes that the proxy does something in another way than the policy says.
    pub fn degrade(&mut self, how: impl Into<String>) {
        self.degraded.push(how.into());
    }

    /// Notes that the proxy cannot get the policy.
    pub fn refuse(&mut self, why: impl Into<String>) {
        self.refused.push(why.into());
    }

    /// Adds what was found elsewhere.
    pub fn add(&mut self, found: Self) {
        self.degraded.extend(found.degraded);
        self.refused.extend(found.refused);
    }

    /// Whether the proxy cannot get the policy.
    pub fn is_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Returns the report for a policy. Each note is there once.
    pub fn report(self, policy: &PolicyModel) -> Arc<PolicyReport> {
        let (state, mut notes) = if !self.refused.is_empty() {
            (State::Refused, self.refused)
        } else if !self.degraded.is_empty() {
            (State::Degraded, self.degraded)
        } else {
            (State::Native, Vec::new())
        };
        notes.sort();
        notes.dedup();
        Arc::new(PolicyReport {
            tenant: policy.tenant.clone(),
            service: policy.name.service.clone(),
            env: policy.name.env.clone(),
            revision: policy.revision,
            state,
            notes,
        })
    }
}
