//! Rows of the table.

use serde_json::{Value, json};

use super::{Stage, probes::Probe};
use crate::{ask::Ask, programs::Program, served::Reported};

/// A policy, and what becomes of requests.
pub struct Row {
    /// The name of the policy's service.
    pub name: &'static str,
    pub policy: Value,
    /// The versions beside `v1` and `v2`.
    pub versions: Vec<&'static str>,
    pub inactive: Vec<&'static str>,
    probes: Vec<Probe>,
    differs: Vec<(Program, How)>,
}

/// How a dialect does what a policy says.
pub enum How {
    /// As it says: nothing is to be reported.
    Native,
    /// Otherwise. The report has these notes and no others; the questions are these, if the
    /// difference shows in their answers.
    Degraded(&'static [&'static str], Option<Vec<Probe>>),
    /// Not at all, for this reason.
    Refused(&'static str),
}

/// A row with a policy whose hosts are `{name}.acme.io` and whose traffic goes to `v1`, as far as
/// `policy` does not say otherwise.
pub fn row(name: &'static str, policy: Value) -> Row {
    let mut whole = json!({
        "hosts": [format!("{name}.acme.io")], "split": [{"version": "v1", "weight": 1}],
    });
    let (Value::Object(whole_members), Value::Object(members)) = (&mut whole, policy) else {
        panic!("a policy is an object");
    };
    whole_members.extend(members);
    Row {
        name,
        policy: whole,
        versions: Vec::new(),
        inactive: Vec::new(),
        probes: Vec::new(),
        differs: Vec::new(),
    }
}

impl Row {
    pub fn versions(mut self, versions: &[&'static str]) -> Self {
        self.versions = versions.to_vec();
        self
    }

    pub fn inactive(mut self, versions: &[&'static str]) -> Self {
        self.inactive = versions.to_vec();
        self
    }

    pub fn asks(mut self, probe: impl Into<Probe>) -> Self {
        self.probes.push(probe.into());
        self
    }

    /// These dialects do it otherwise, which shows in no answer to the row's questions.
    pub fn noted(self, programs: &[Program], notes: &'static [&'static str]) -> Self {
        self.differs_as(programs, |_| How::Degraded(notes, None))
    }

    /// This dialect does it otherwise, which shows in the answers.
    pub fn otherwise(
        self,
        program: Program,
        notes: &'static [&'static str],
        probes: impl IntoIterator<Item = Probe>,
    ) -> Self {
        let probes: Vec<Probe> = probes.into_iter().collect();
        let mut row = self;
        row.differs
            .push((program, How::Degraded(notes, Some(probes))));
        row
    }

    /// These dialects cannot take the policy.
    pub fn refused(self, programs: &[Program], reason: &'static str) -> Self {
        self.differs_as(programs, |_| How::Refused(reason))
    }

    fn differs_as(mut self, programs: &[Program], how: impl Fn(Program) -> How) -> Self {
        self.differs
            .extend(programs.iter().map(|&program| (program, how(program))));
        self
    }

    /// Returns how a dialect does what the policy says.
    pub fn how(&self, program: Program) -> &How {
        let found = self.differs.iter().find(|(of, _)| *of == program);
        found.map_or(&How::Native, |(_, how)| how)
    }

    /// Returns the first host of the policy.
    pub fn host(&self) -> String {
        self.policy["hosts"][0]
            .as_str()
            .expect("a host")
            .replace("*.", "any.")
    }

    /// Prepares a request that comes to the policy.
    pub fn ask(&self, stage: &Stage) -> Ask {
        let path = self.policy["path_prefix"].as_str().unwrap_or("/");
        stage.proxy.get(path).host(&self.host())
    }
}

impl How {
    pub fn probes<'a>(&'a self, row: &'a Row) -> &'a [Probe] {
        match self {
            Self::Degraded(_, Some(probes)) => probes,
            _ => &row.probes,
        }
    }

    /// Compares with the report: the same state, and each note is one that was expected.
    pub fn is_reported(&self, reported: Option<Reported>) -> Result<(), String> {
        let Some(Reported { state, notes }) = reported else {
            return Err("is not in the report".to_owned());
        };
        let (wanted_state, wanted): (_, &[&str]) = match self {
            Self::Native => ("native", &[]),
            Self::Degraded(notes, _) => ("degraded", notes),
            Self::Refused(reason) => ("refused", std::slice::from_ref(reason)),
        };
        let is_known = |note: &String| wanted.iter().any(|part| note.contains(part));
        let is_there = |part: &&str| notes.iter().any(|note| note.contains(part));
        if state == wanted_state && notes.iter().all(is_known) && wanted.iter().all(is_there) {
            return Ok(());
        }
        Err(format!(
            "reported as {state} {notes:?}, not {wanted_state} {wanted:?}"
        ))
    }
}
