//! The statement that a removal of most routes was confirmed, which nodes check before they let the
//! removal through.
//!
//! It is no part of a snapshot or of its digest: a scope that did not change keeps its bytes and its
//! signatures. It has signatures of its own, over a text of its own kind, so neither can stand for
//! the other.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{Scope, signature::Signatures};
use crate::{ids::TenantName, removal::ConfirmedRemoval, tag::VersionTag};

/// A removal of most routes of a scope was confirmed. It is written in one line:
///
/// ```text
/// 00c0ffee00c0ffee.41 service=* env=prod routes=97 policies=5 left=3
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The tag of the write.
    pub tag: VersionTag,
    /// The part of the tenant that the statement is about; `*` stands for all services, or all
    /// environments.
    pub scope: Scope,
    /// How much the write removed. `None`, written `*`, if the write was about more than the scope:
    /// nobody counted what it removed in this part.
    pub counts: Option<Counts>,
}

/// How much a confirmed write removed in its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The active routes that were deleted or deactivated.
    pub routes: u32,
    /// The policies that were deleted.
    pub policies: u32,
    /// The active routes that were left.
    pub left: u32,
}

impl Confirmation {
    /// Returns the statement for readers of a scope: about the removal itself if the scope has all
    /// of it, or else about the part that both have. `None` if they have nothing in common.
    pub fn of(confirmed: &ConfirmedRemoval, scope: &Scope) -> Option<Self> {
        let removal = &confirmed.removal;
        let part = Scope {
            service: common(removal.service.as_ref(), scope.service.as_ref())?,
            env: common(removal.env.as_ref(), scope.env.as_ref())?,
        };
        let counts = (part == removal.scope()).then_some(Counts {
            routes: removal.removed_routes,
            policies: removal.removed_policies,
            left: removal.left_routes,
        });
        Some(Self {
            tag: confirmed.tag.clone(),
            scope: part,
            counts,
        })
    }

    /// The text that is signed:
    ///
    /// ```text
    /// tm-confirmed/v1
    /// acme
    /// 00c0ffee00c0ffee.41 service=* env=prod routes=97 policies=5 left=3
    /// ```
    ///
    /// Each line has its end. Names have neither spaces nor `*` in them, so different statements
    /// have different texts.
    pub fn text(&self, tenant: &TenantName) -> String {
        format!("tm-confirmed/v1\n{tenant}\n{self}\n")
    }
}

/// Returns what two names of a scope have in common, where `None` stands for all names. The outer
/// `None` is nothing.
fn common<T: PartialEq + Clone>(one: Option<&T>, other: Option<&T>) -> Option<Option<T>> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => None,
        (one, other) => Some(one.or(other).cloned()),
    }
}

impl fmt::Display for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { service, env } = &self.scope;
        let service = service.as_ref().map_or("*", |service| service.as_str());
        let env = env.as_ref().map_or("*", |env| env.as_str());
        write!(f, "{} service={service} env={env} ", self.tag)?;
        match self.counts {
            Some(Counts {
                routes,
                policies,
                left,
            }) => write!(f, "routes={routes} policies={policies} left={left}"),
            None => f.write_str("routes=* policies=* left=*"),
        }
    }
}

/// A text is not a signed confirmation in its only spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a confirmation with its signatures")]
pub struct BadConfirmation;

impl FromStr for Confirmation {
    type Err = BadConfirmation;

    fn from_str(text: &str) -> Result<Self, BadConfirmation> {
        let mut parts = text.split(' ');
        let tag = parts.next().ok_or(BadConfirmation)?;
        let mut value = |name: &str| {
            let part = parts.next().and_then(|part| part.strip_prefix(name));
            let value = part.and_then(|part| part.strip_prefix('='));
            value
                .map(|value| (value != "*").then_some(value))
                .ok_or(BadConfirmation)
        };
        let (service, env) = (value("service")?, value("env")?);
        let counts = [value("routes")?, value("policies")?, value("left")?];
        let read = Self {
            tag: tag.parse().map_err(|_| BadConfirmation)?,
            scope: Scope {
                service: parsed(service)?,
                env: parsed(env)?,
            },
            counts: match counts {
                [Some(routes), Some(policies), Some(left)] => Some(Counts {
                    routes: routes.parse().map_err(|_| BadConfirmation)?,
                    policies: policies.parse().map_err(|_| BadConfirmation)?,
                    left: left.parse().map_err(|_| BadConfirmation)?,
                }),
                _ => None,
            },
        };
        // Only one spelling: no more parts, no zeros in front, no half of the counts.
        (read.to_string() == text)
            .then_some(read)
            .ok_or(BadConfirmation)
    }
}

fn parsed<T: FromStr>(name: Option<&str>) -> Result<Option<T>, BadConfirmation> {
    let parsed = name.map(str::parse).transpose();
    parsed.map_err(|_| BadConfirmation)
}

/// A confirmation with its signatures, as the header `TM-Confirmed` has it:
/// `<confirmation>; <signatures>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedConfirmation {
    /// The statement.
    pub confirmation: Confirmation,
    /// Its signatures.
    pub signatures: Signatures,
}

/// The longest text of a signed confirmation, in bytes: there is room for eight signatures.
const MAX_TEXT: usize = 2048;

impl fmt::Display for SignedConfirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.confirmation, self.signatures)
    }
}

impl FromStr for SignedConfirmation {
    type Err = BadConfirmation;

    fn from_str(text: &str) -> Result<Self, BadConfirmation> {
        if text.len() > MAX_TEXT {
            return Err(BadConfirmation);
        }
        let (confirmation, signatures) = text.split_once("; ").ok_or(BadConfirmation)?;
        let read = Self {
            confirmation: confirmation.parse()?,
            signatures: signatures.parse().map_err(|_| BadConfirmation)?,
        };
        // Hex digits are read in both cases, and written in one.
        (read.to_string() == text)
            .then_some(read)
            .ok_or(BadConfirmation)
    }
}

#[cfg(test)]
mod tests;
