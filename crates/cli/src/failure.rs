//! Why a command did not do what it was asked, and the exit code that says so.

use std::{fmt, io, process::ExitCode};

use serde_json::{Value, json};
use traffic_manager_api_types::Code;
use traffic_manager_client::{Error, Problem, StartError};

/// A command that did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    hint: Option<String>,
}

#[derive(Debug)]
enum Kind {
    /// What was compared differs, or is not whole. Says nothing more than was printed.
    Differs,
    /// The reader of the output has gone.
    Pipe,
    /// The arguments, a file or the configuration are wrong.
    Usage(String),
    /// What was waited for cannot come about.
    Unmet(String),
    /// Time is over.
    Late(String),
    /// There is no token.
    SignedOut(String),
    /// The issuer of tokens does not answer.
    Unreachable(String),
    /// A call failed.
    Call(Box<Error>),
}

impl Failure {
    /// What was compared differs.
    pub fn differs() -> Self {
        Kind::Differs.into()
    }

    /// The arguments, a file or the configuration are wrong.
    pub fn usage(text: impl Into<String>) -> Self {
        Kind::Usage(text.into()).into()
    }

    /// What was waited for cannot come about.
    pub fn unmet(text: impl Into<String>) -> Self {
        Kind::Unmet(text.into()).into()
    }

    /// Time is over.
    pub fn late(text: impl Into<String>) -> Self {
        Kind::Late(text.into()).into()
    }

    /// There is no token.
    pub fn signed_out(text: impl Into<String>) -> Self {
        Kind::SignedOut(text.into()).into()
    }

    /// The issuer of tokens does not answer.
    pub fn unreachable(text: impl Into<String>) -> Self {
        Kind::Unreachable(text.into()).into()
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the problem that the service answered.
    pub fn problem(&self) -> Option<&Problem> {
        match &self.kind {
            Kind::Call(error) => error.problem(),
            _ => None,
        }
    }

    /// Returns the exit code: 1 differs or cannot be, 2 refused, 3 time over, 4 not reachable, 5 not signed in,
    /// 64 wrong usage.
    pub fn code(&self) -> u8 {
        match &self.kind {
            Kind::Pipe => 0,
            Kind::Differs | Kind::Unmet(_) => 1,
            Kind::Usage(_) => 64,
            Kind::Late(_) => 3,
            Kind::SignedOut(_) => 5,
            Kind::Unreachable(_) => 4,
            Kind::Call(error) => match (&**error, error.status()) {
                (Error::Request(_), _) => 64,
                (Error::Token(_), _) | (_, Some(401)) => 5,
                (_, Some(400..500)) => 2,
                _ => 4,
            },
        }
    }

    /// Returns whether the same call may succeed later: the service was not reached, or failed.
    pub fn is_passing(&self) -> bool {
        self.code() == 4
    }

    /// Returns whether there is nothing to print.
    pub fn is_silent(&self) -> bool {
        matches!(self.kind, Kind::Differs | Kind::Pipe)
    }

    /// Returns what to do: the command's own hint, or the remedy of the problem's code.
    fn remedy(&self) -> Option<String> {
        let own = || {
            let problem = self.problem()?;
            let hint = match problem.known_code()? {
                Code::ShrinkNotConfirmed => "if that is intended, --confirm-shrink",
                Code::VersionInUse if problem.in_use()?.may_confirm => {
                    "--confirm-in-use sends its traffic to the policies' other versions"
                }
                Code::VersionInUse => "change the policies first: tmctl get policies",
                Code::TenantNotFound => "tmctl get tenants; tmctl tenant create NAME",
                Code::TenantNotEmpty => "--confirm NAME deletes its routes and policies, too",
                Code::RouteNotFound => "tmctl get routes",
                Code::PolicyNotFound => "tmctl get policies",
                Code::PlanNotFound => "tmctl get plans",
                Code::KeyNotFound => "tmctl get keys",
                _ => return None,
            };
            Some(hint.to_owned())
        };
        let known = || {
            self.problem()?
                .known_code()
                .map(|code| code.what_to_do().to_owned())
        };
        let token = || match self.code() {
            5 => Some("tmctl auth login, or set TM_TOKEN".to_owned()),
            4 if self.problem().is_none() => Some("tmctl doctor".to_owned()),
            _ => None,
        };
        self.hint.clone().or_else(token).or_else(own).or_else(known)
    }

    fn summary(&self) -> String {
        match &self.kind {
            Kind::Differs => "differs".to_owned(),
            Kind::Pipe => "the output is closed".to_owned(),
            Kind::Usage(text)
            | Kind::Unmet(text)
            | Kind::Late(text)
            | Kind::Unreachable(text)
            | Kind::SignedOut(text) => text.clone(),
            Kind::Call(error) => match error.problem() {
                Some(problem) if problem.detail.is_empty() => problem.title.clone(),
                Some(problem) => problem.detail.clone(),
                None => error.to_string(),
            },
        }
    }

    /// Returns the failure as a JSON object.
    pub fn json(&self) -> Value {
        let problem = self.problem();
        let raw = problem.and_then(|problem| serde_json::from_str::<Value>(&problem.raw).ok());
        json!({
            "error": self.summary(),
            "code": problem.map(|problem| &problem.code),
            "request_id": problem.map(|problem| &problem.request_id),
            "hint": self.remedy(),
            "exit_code": self.code(),
            "problem": raw,
        })
    }
}

impl fmt::Display for Failure {
    /// Writes the error, its fields, its cause, what to do, and the id of the request, on a line
    /// each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.summary())?;
        if let Some(problem) = self.problem() {
            for error in &problem.errors {
                write!(f, "\n  {}: {}", error.pointer, error.detail)?;
            }
            if problem.title != self.summary() && !problem.title.is_empty() {
                write!(f, "\ncause: {} ({})", problem.title, problem.code)?;
            }
        }
        if let Some(hint) = self.remedy() {
            write!(f, "\nhint: {hint}")?;
        }
        match self.problem() {
            Some(problem) if !problem.request_id.is_empty() => {
                write!(f, "\nrequest: {}", problem.request_id)
            }
            _ => Ok(()),
        }
    }
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self { kind, hint: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Kind::Call(Box::new(error)).into()
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    /// An error of the output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Kind::Pipe.into(),
            _ => Self::usage(format!("cannot write: {error}")),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(kind) => io::Error::from(kind).into(),
            None => Self::usage(format!("cannot be written as JSON: {error}")),
        }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        failure.code().into()
    }
}
