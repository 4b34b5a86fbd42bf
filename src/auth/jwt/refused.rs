//! The reasons why a token is refused.

use std::fmt;

/// The reason why a token is refused, for logs, metrics and the audit. The sender learns only that
/// the token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The token is longer than `auth.jwt.max_token_bytes`.
    TooLarge,
    /// The token is not three parts of base64url, or its JSON is invalid or repeats a name.
    Malformed,
    /// The token has five parts: it is encrypted.
    Encrypted,
    /// The header has `crit` or `b64`, which are not supported.
    Critical,
    /// The header's `typ` is that of another kind of token.
    WrongType,
    /// The issuer has no key of that name.
    UnknownKey,
    /// The issuer's keys were not fetched yet, or the last fetch is too long ago.
    NoKeys,
    /// The token's algorithm is not the one that its key is for.
    WrongAlgorithm,
    /// The signature is invalid.
    BadSignature,
    /// A required claim is missing: `exp`, `iss`, `aud` or `sub`.
    MissingClaim,
    /// A claim has a wrong type or an invalid value.
    BadClaim,
    /// The `exp` claim is in the past.
    Expired,
    /// The `nbf` or `iat` claim is in the future.
    NotYetValid,
    /// The token is valid for longer than `auth.jwt.max_lifetime_seconds`.
    TooLongLived,
    /// The `iss` claim is not the configured issuer.
    WrongIssuer,
    /// The `aud` claim does not have the configured audience.
    WrongAudience,
    /// The `nonce` claim of an id token is not the one of the sign-in.
    WrongNonce,
    /// The claims make no valid grant. The text is the code of the error.
    NoGrant(&'static str),
}

impl TokenRefusal {
    /// Returns the name of the reason in logs, metrics and the audit.
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
            Self::WrongNonce => "wrong_nonce",
            Self::NoGrant(code) => code,
        }
    }

    /// Returns whether the token could not be checked, though nothing was found wrong with it. The
    /// sender may try again then.
    pub const fn is_unavailable(self) -> bool {
        matches!(self, Self::NoKeys)
    }
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
