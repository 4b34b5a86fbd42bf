//! The header of a token.
//!
//! It is read only to find the key, and to refuse tokens that are not understood. `jku`, `x5u`,
//! `jwk` and `x5c`, with which a token would bring its own key, are ignored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{TokenRefusal, unique::UniqueObject};

/// The accepted values of `typ`: RFC 7519 and, for access tokens, RFC 9068. A token without `typ`
/// is accepted too.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// The header members that are used.
#[derive(Debug)]
pub struct Header {
    /// The algorithm that the token claims. It must equal the algorithm of the key.
    pub alg: String,
    /// The name of the key. It is used only to look the key up.
    pub kid: Option<String>,
}

impl Header {
    /// Reads the header of `token`. Refuses a token longer than `max_bytes`.
    pub fn read(token: &str, max_bytes: usize) -> Result<Self, TokenRefusal> {
        if token.len() > max_bytes {
            return Err(TokenRefusal::TooLarge);
        }
        let encoded = match token.bytes().filter(|byte| *byte == b'.').count() {
            2 => token.split('.').next().unwrap_or_default(),
            4 => return Err(TokenRefusal::Encrypted),
            _ => return Err(TokenRefusal::Malformed),
        };
        let decoded = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| TokenRefusal::Malformed)?;
        let UniqueObject(mut members) =
            serde_json::from_slice(&decoded).map_err(|_| TokenRefusal::Malformed)?;
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(TokenRefusal::Critical);
        }
        let mut text = |name: &str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenRefusal::Malformed),
        };
        if text("typ")?
            .is_some_and(|typ| !TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known)))
        {
            return Err(TokenRefusal::WrongType);
        }
        Ok(Self {
            alg: text("alg")?.ok_or(TokenRefusal::Malformed)?,
            kid: text("kid")?,
        })
    }
}
