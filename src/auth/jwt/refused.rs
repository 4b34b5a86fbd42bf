//! Why a token was refused.

use std::fmt;

/// Why a token was refused: for logs, metrics and the audit. Its sender is told only that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Longer than `auth.jwt.max_token_bytes`.
    TooLarge,
    /// Not three parts of base64url, or not JSON in which each name stands once.
    Malformed,
    /// Five parts: encrypted.
    Encrypted,
    /// Its header wants something that is not known here (`crit`, `b64`).
    Critical,
    /// Its `typ` is of another sort of token.
    WrongType,
    /// No key of that name.
    UnknownKey,
    /// The issuer's keys have not been fetched yet, or not for too long.
    NoKeys,
    /// Another algorithm than its key is for.
    WrongAlgorithm,
    /// Its signature does not hold.
    BadSignature,
    /// Without one of `exp`, `iss`, `aud` and `sub`.
    MissingClaim,
    /// A claim is not of the sort that it has to be.
    BadClaim,
    /// `exp` is past.
    Expired,
    /// `nbf` or `iat` is still to come.
    NotYetValid,
    /// Valid for longer than `auth.jwt.max_lifetime_seconds`.
    TooLongLived,
    /// Of another issuer.
    WrongIssuer,
    /// For somebody else.
    WrongAudience,
    /// Its claims make no sensible grant: the code of what is wrong with them.
    NoGrant(&'static str),
}

impl Refused {
    /// Its name in logs, metrics and the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Encrypted => "encrypted",
            Self::Critical => "critical_header",
            Self::WrongType => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::NoKeys => "no_keys",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::MissingClaim => "missing_claim",
            Self::BadClaim => "bad_claim",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::TooLongLived => "too_long_lived",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::NoGrant(code) => code,
        }
    }

    /// Whether nothing was found wrong with the token, and it only could not be checked: its sender may try again.
    pub const fn is_unavailable(self) -> bool {
        matches!(self, Self::NoKeys)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
