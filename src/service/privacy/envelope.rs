//! Envelopes: texts sealed with AES-256-GCM, each for the one place where it stands.
//!
//! The form is `enc:v1:<key id>:<base64url of nonce ‖ ciphertext ‖ tag>`. The place is
//! authenticated and not kept in the envelope, so an envelope that was moved to another tenant,
//! event or member does not open. docs/events.md describes the form for readers in other languages.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::service::Error;

const PREFIX: &str = "enc:v1:";

/// The size of a key in bytes.
pub const KEY_BYTES: usize = 32;

/// A key that seals and opens. Each sealing takes a new random nonce, which is safe for 2^32
/// sealings (NIST SP 800-38D §8.3).
pub struct SealingKey(RandomizedNonceKey);

impl SealingKey {
    /// Returns the key of these bytes; `None` if their number is wrong.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).ok().map(Self)
    }

    /// Seals `plain` for one place, and returns nonce, ciphertext and tag.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place), &mut sealed)
            .map_err(defect)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens a text that was sealed for this place. Returns `None` if it was sealed for another
    /// place or under another key, or was altered.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = sealed.to_vec();
        let length = self
            .0
            .open_in_place(Nonce::from(nonce), Aad::from(place), &mut plain)
            .ok()?
            .len();
        plain.truncate(length);
        Some(plain)
    }
}

/// Returns the bytes of a new random key.
pub fn random_key() -> Result<[u8; KEY_BYTES], Error> {
    let mut bytes = [0; KEY_BYTES];
    rand::fill(&mut bytes).map_err(defect)?;
    Ok(bytes)
}

fn defect(_: Unspecified) -> Error {
    Error::internal("the cryptographic library failed")
}

/// The name of a person's key: 16 hex digits that say nothing of the person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Returns a new random id.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 8];
        rand::fill(&mut bytes).map_err(defect)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// Parses an id that was stored as text.
    pub fn parse(raw: &str) -> Option<Self> {
        let is_one = raw.len() == 16
            && raw
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        is_one.then(|| Self(raw.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place of a sealed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedPlace {
    /// A person's name: the same envelope wherever the person is named.
    Actor,
    /// A member of the events of a revision, whose first event has this id.
    Event(Uuid, &'static str),
    /// The reason of a plan.
    Plan(Uuid),
}

impl SealedPlace {
    /// Returns the text that the envelope is bound to. Tenants have no slash in their names, so no
    /// two places are written alike.
    pub fn of(self, tenant: &str, key: &KeyId) -> String {
        match self {
            Self::Actor => format!("{tenant}/actor/{key}"),
            Self::Event(first, member) => format!("{tenant}/{first}/{member}"),
            Self::Plan(id) => format!("{tenant}/plan/{id}"),
        }
    }
}

/// A sealed text, with the id of the key that it is sealed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The id of the key that sealed the text.
    pub key: KeyId,
    /// Nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl Envelope {
    /// Parses `text`; `None` if it is no envelope.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, sealed) = text.strip_prefix(PREFIX)?.split_once(':')?;
        Some(Self {
            key: KeyId::parse(key)?,
            sealed: URL_SAFE_NO_PAD.decode(sealed).ok()?,
        })
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}:{}",
            self.key,
            URL_SAFE_NO_PAD.encode(&self.sealed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "acme";

    fn first() -> Uuid {
        Uuid::from_u128(7)
    }

    #[test]
    fn envelope_opens_only_in_its_own_place() {
        let (key, other, id) = (new_key(), new_key(), KeyId::random().unwrap());
        let place = SealedPlace::Event(first(), "reason").of(TENANT, &id);
        let text = Envelope {
            key: id.clone(),
            sealed: key.seal(&place, "wört".as_bytes()).unwrap(),
        }
        .to_string();
        assert!(
            text.starts_with("enc:v1:") && !text.contains("wört"),
            "{text}"
        );
        let envelope = Envelope::parse(&text).unwrap();
        assert_eq!(envelope.key, id);
        assert_eq!(
            key.open(&place, &envelope.sealed).unwrap(),
            "wört".as_bytes()
        );
        for elsewhere in [
            SealedPlace::Event(first(), "reason").of("globex", &id),
            SealedPlace::Event(Uuid::from_u128(8), "reason").of(TENANT, &id),
            SealedPlace::Event(first(), "source_ip").of(TENANT, &id),
            SealedPlace::Plan(first()).of(TENANT, &id),
            SealedPlace::Actor.of(TENANT, &id),
        ] {
            assert_eq!(key.open(&elsewhere, &envelope.sealed), None, "{elsewhere}");
        }
        assert_eq!(other.open(&place, &envelope.sealed), None, "another's key");
    }

    #[test]
    fn flipped_bit_anywhere_is_detected() {
        let key = new_key();
        let sealed = key.seal("a", b"secret").unwrap();
        for at in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_eq!(key.open("a", &flipped), None, "bit {at}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open("a", &sealed[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn equal_texts_encrypt_differently() {
        let key = new_key();
        assert_ne!(
            key.seal("a", b"same").unwrap(),
            key.seal("a", b"same").unwrap()
        );
    }

    #[test]
    fn ordinary_text_is_no_envelope() {
        for text in [
            "",
            "enc:v1:",
            "enc:v1:0123456789abcdef",
            "enc:v2:0123456789abcdef:AAAA",
            "enc:v1:0123456789ABCDEF:AAAA",
            "enc:v1:0123456789abcdef:A?",
        ] {
            assert_eq!(Envelope::parse(text), None, "{text}");
        }
        assert!(Envelope::parse("enc:v1:0123456789abcdef:AAAA").is_some());
    }

    fn new_key() -> SealingKey {
        SealingKey::new(&random_key().unwrap()).unwrap()
    }
}
