//! The issuer's key sets (JWKS), and the choice of the key for a token.
//!
//! Each key is for one algorithm, which is fixed when the key is read. The algorithm in a token is
//! only compared with it and selects nothing.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::config::{self, JwtAlgorithm};

/// The longest name of a key (`kid`), in bytes.
const MAX_KID: usize = 255;
/// The allowed sizes of RSA keys in bits. Smaller keys can be broken; larger keys only cost time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The SHA-256 of a key as the issuer published it. It identifies the key in later key sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPrint([u8; 32]);

impl KeyPrint {
    /// Hashes the text of a key.
    pub fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Returns the print with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the print.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

/// A key and the one algorithm that it is for.
#[derive(Debug)]
pub struct VerificationKey {
    /// Identifies the key in a later response of the issuer.
    pub print: KeyPrint,
    /// The key material that verifies signatures.
    pub decoding: DecodingKey,
    /// The only algorithm that the key verifies.
    pub algorithm: Algorithm,
}

/// The keys of one response of the issuer, by name.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: HashMap<String, Arc<VerificationKey>>,
    /// The key for tokens without a `kid`: set only if exactly one key is usable.
    only: Option<Arc<VerificationKey>>,
    /// The keys as they were read, for comparison with a later response.
    source: Vec<Jwk>,
}

/// The reason why a response of the issuer is no key set.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// The response is not JSON with a list `keys`.
    #[error("the issuer's answer is not a JWKS: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The response has more keys than `auth.jwt.max_keys`.
    #[error("the JWKS has {0} keys, more than auth.jwt.max_keys")]
    TooMany(usize),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWKS. Leaves out keys that are not for signatures, of a size that is not allowed,
    /// symmetric, or not understood. An empty set is accepted: it means that the issuer trusts no
    /// key any more.
    pub fn read(body: &[u8], settings: &config::Jwt) -> Result<Self, BadKeys> {
        let document: Document = serde_json::from_slice(body)?;
        if document.keys.len() > settings.max_keys {
            return Err(BadKeys::TooMany(document.keys.len()));
        }
        let source: Vec<Jwk> = document
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect();
        let usable: Vec<_> = source
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone(), Arc::new(key(jwk, settings)?))))
            .collect();
        let only = if let [(_, only)] = usable.as_slice() {
            Some(only.clone())
        } else {
            None
        };
        let mut keys = HashMap::new();
        for (kid, key) in &usable {
            let Some(kid) = kid
                .as_ref()
                .filter(|kid| (1..=MAX_KID).contains(&kid.len()))
            else {
                continue;
            };
            // If two keys have one name, neither is used: it is not clear which one a token means.
            let is_doubled = usable
                .iter()
                .filter(|(other, _)| other.as_ref() == Some(kid))
                .count()
                > 1;
            if !is_doubled {
                keys.insert(kid.clone(), key.clone());
            }
        }
        Ok(Self { keys, only, source })
    }

    /// Returns the key with exactly that name. For a token without a `kid`, returns the only key,
    /// if there is only one.
    pub fn find(&self, kid: Option<&str>) -> Option<Arc<VerificationKey>> {
        match kid {
            Some(kid) => self.keys.get(kid).cloned(),
            None => self.only.clone(),
        }
    }

    /// Returns whether the set contains this key.
    pub fn has(&self, print: &KeyPrint) -> bool {
        self.keys
            .values()
            .chain(&self.only)
            .any(|key| key.print == *print)
    }

    /// Returns whether any set could have a key of that name. If not, a fetch from the issuer is
    /// useless.
    pub fn may_have(kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| (1..=MAX_KID).contains(&kid.len()))
    }

    /// Returns whether both sets were read from the same keys.
    pub fn is_same(&self, other: &Self) -> bool {
        self.source == other.source
    }

    /// Returns the number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len().max(usize::from(self.only.is_some()))
    }
}

/// Returns the key with its algorithm. `None` if the key is not for signatures, is not strong
/// enough, or fits no configured algorithm.
fn key(jwk: &Jwk, settings: &config::Jwt) -> Option<VerificationKey> {
    let common = &jwk.common;
    let is_for_signatures = common
        .public_key_use
        .as_ref()
        .is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        && common
            .key_operations
            .as_ref()
            .is_none_or(|allowed| allowed.contains(&KeyOperations::Verify));
    if !is_for_signatures || !is_strong(&jwk.algorithm) {
        return None;
    }
    let mut fitting = settings
        .algorithms
        .iter()
        .map(|name| algorithm(*name))
        .filter(|algorithm| fits(*algorithm, &jwk.algorithm));
    let algorithm = match common.key_algorithm {
        Some(own) => fitting.find(|algorithm| KeyAlgorithm::from(*algorithm) == own)?,
        None => fitting.next()?,
    };
    let print = KeyPrint::of(&serde_json::to_vec(jwk).ok()?);
    Some(VerificationKey {
        print,
        decoding: DecodingKey::from_jwk(jwk).ok()?,
        algorithm,
    })
}

/// Returns whether keys of this type and curve fit the algorithm. A symmetric key fits none.
fn fits(algorithm: Algorithm, parameters: &AlgorithmParameters) -> bool {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match parameters {
        AlgorithmParameters::RSA(_) => {
            matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
        }
        AlgorithmParameters::EllipticCurve(key) => {
            matches!(
                (&key.curve, algorithm),
                (EllipticCurve::P256, ES256) | (EllipticCurve::P384, ES384)
            )
        }
        AlgorithmParameters::OctetKeyPair(key) => {
            key.curve == EllipticCurve::Ed25519 && algorithm == EdDSA
        }
        _ => false,
    }
}

fn is_strong(parameters: &AlgorithmParameters) -> bool {
    let AlgorithmParameters::RSA(key) = parameters else {
        return true;
    };
    let modulus = URL_SAFE_NO_PAD.decode(&key.n).unwrap_or_default();
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let bits = modulus.get(zeros).map_or(0, |first| {
        (modulus.len() - zeros) * 8 - first.leading_zeros() as usize
    });
    RSA_BITS.contains(&bits)
}

const fn algorithm(name: JwtAlgorithm) -> Algorithm {
    match name {
        JwtAlgorithm::RS256 => Algorithm::RS256,
        JwtAlgorithm::RS384 => Algorithm::RS384,
        JwtAlgorithm::RS512 => Algorithm::RS512,
        JwtAlgorithm::PS256 => Algorithm::PS256,
        JwtAlgorithm::PS384 => Algorithm::PS384,
        JwtAlgorithm::PS512 => Algorithm::PS512,
        JwtAlgorithm::ES256 => Algorithm::ES256,
        JwtAlgorithm::ES384 => Algorithm::ES384,
        JwtAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}
