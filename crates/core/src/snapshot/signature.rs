//! Signatures of snapshots: what is signed, and how signatures are written.
//!
//! A signature covers the tenant, the scope, the tag and the digest, and the digest covers every object. So
//! whoever holds the public key can tell that a snapshot is what a service with the private key served, wherever
//! it came from: a relay, a disk, a connection. The signature scheme is Ed25519 (RFC 8032).

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Digest, Scope};
use crate::{ids::TenantName, tag::VersionTag};

/// A public key.
pub type PublicKey = [u8; 32];
/// The length of a signature in bytes.
pub const SIGNATURE: usize = 64;

/// The most signatures that are read: one of each key during a rotation, and some room.
const MAX_SIGNATURES: usize = 8;

/// What a signature says: a scope of a tenant had this digest at this tag. Its text, which is signed, has six
/// lines, each with its end:
///
/// ```text
/// tm-snapshot/v1
/// acme
/// service=*
/// env=prod
/// 00c0ffee00c0ffee.41
/// 6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
/// ```
///
/// Names have neither `*` nor the end of a line in them, so different statements have different texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The tenant.
    pub tenant: &'a TenantName,
    /// The part of the tenant; `*` stands for all services, or all environments.
    pub scope: &'a Scope,
    /// The scope's tag.
    pub tag: &'a VersionTag,
    /// The digest of the scope's active routes and policies.
    pub digest: &'a Digest,
}

impl fmt::Display for Statement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { service, env } = self.scope;
        let service = service.as_ref().map_or("*", |service| service.as_str());
        let env = env.as_ref().map_or("*", |env| env.as_str());
        writeln!(f, "tm-snapshot/v1\n{}", self.tenant)?;
        writeln!(f, "service={service}\nenv={env}")?;
        writeln!(f, "{}\n{}", self.tag, hex::encode(self.digest))
    }
}

/// What names a public key: the first 8 bytes of its SHA-256. It is written as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Returns the id of a public key.
    pub fn of(public_key: &PublicKey) -> Self {
        let hash: [u8; 32] = Sha256::digest(public_key).into();
        let mut id = [0; 8];
        id.copy_from_slice(&hash[..8]);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Signatures of one statement, each by another key. The text, which is the header `TM-Signature`, has one item
/// for each, `<key id>=<signature in hex>`, with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures(pub Vec<(KeyId, [u8; SIGNATURE])>);

impl fmt::Display for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (id, signature)) in self.0.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{id}={}", hex::encode(signature))?;
        }
        Ok(())
    }
}

/// Why a text has no signatures.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadSignatures {
    /// An item is something else.
    #[error("a signature is written as <key id>=<128 hex digits>")]
    Item,
    /// There are more than are read.
    #[error("there are more than {MAX_SIGNATURES} signatures")]
    TooMany,
}

impl FromStr for Signatures {
    type Err = BadSignatures;

    fn from_str(text: &str) -> Result<Self, BadSignatures> {
        let mut all = Vec::new();
        for item in text.split(',') {
            if all.len() == MAX_SIGNATURES {
                return Err(BadSignatures::TooMany);
            }
            let (id, signature) = item.trim().split_once('=').ok_or(BadSignatures::Item)?;
            let (mut key, mut bytes) = ([0; 8], [0; SIGNATURE]);
            hex::decode_to_slice(id, &mut key).map_err(|_| BadSignatures::Item)?;
            hex::decode_to_slice(signature, &mut bytes).map_err(|_| BadSignatures::Item)?;
            all.push((KeyId(key), bytes));
        }
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(scope: Scope) -> String {
        let (tenant, tag) = ("acme".parse().unwrap(), "00c0ffee00c0ffee.41".parse());
        let statement = Statement {
            tenant: &tenant,
            scope: &scope,
            tag: &tag.unwrap(),
            digest: &[7; 32],
        };
        statement.to_string()
    }

    #[test]
    fn text_of_a_statement_has_each_part_in_a_line() {
        let scope = Scope {
            service: None,
            env: Some("prod".parse().unwrap()),
        };
        let digest = "07".repeat(32);
        assert_eq!(
            text(scope),
            format!("tm-snapshot/v1\nacme\nservice=*\nenv=prod\n00c0ffee00c0ffee.41\n{digest}\n")
        );
        let service = Scope {
            service: Some("prod".parse().unwrap()),
            env: None,
        };
        assert!(text(service).contains("\nservice=prod\nenv=*\n"));
    }

    #[test]
    fn signatures_are_read_as_they_are_written() {
        let of = |at: u8| (KeyId::of(&[at; 32]), [at; SIGNATURE]);
        for many in 1..=MAX_SIGNATURES {
            let all = Signatures((0..many).map(|at| of(u8::try_from(at).unwrap())).collect());
            assert_eq!(all.to_string().parse(), Ok(all));
        }
        let too_many = vec![of(1); MAX_SIGNATURES + 1];
        let too_many = Signatures(too_many).to_string();
        assert_eq!(too_many.parse::<Signatures>(), Err(BadSignatures::TooMany));
        let (id, signature) = (KeyId::of(&[1; 32]), "ab".repeat(SIGNATURE));
        for bad in [
            String::new(),
            format!("{id}"),
            format!("{id}=abcd"),
            format!("{id}={signature}00"),
            format!("{id}={signature},"),
            format!("xx={signature}"),
            format!("{id}=={signature}"),
        ] {
            assert_eq!(bad.parse::<Signatures>(), Err(BadSignatures::Item), "{bad}");
        }
    }
}
