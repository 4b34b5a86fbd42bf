//! Seals small texts that a browser keeps for the service: AES-256-GCM under keys of the settings.
//!
//! The form is the base64url of nonce, ciphertext and tag. The purpose is authenticated, so a text
//! that was sealed for one purpose does not open for another one.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf, rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

/// The purpose of a sealed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A session.
    Session,
    /// A sign-in that has begun at the identity provider.
    SignIn,
}

impl Purpose {
    fn text(self) -> &'static str {
        match self {
            Self::Session => "session v1",
            Self::SignIn => "sign-in v1",
        }
    }
}

/// The cryptographic library failed: it has no randomness or no memory.
#[derive(Debug, thiserror::Error)]
#[error("a cookie cannot be sealed")]
pub struct CannotSeal;

/// Seals with the first key, and opens with each of them. Each sealing takes a new random nonce,
/// which is safe for 2^32 sealings of a key (NIST SP 800-38D §8.3).
pub struct Sealer {
    first: RandomizedNonceKey,
    others: Vec<RandomizedNonceKey>,
}

impl Sealer {
    /// Derives the keys from these secrets. Without a secret it makes a random key, which lives as
    /// long as the process.
    pub fn new(secrets: &[SecretString]) -> Result<Self, CannotSeal> {
        let mut keys = secrets
            .iter()
            .map(|secret| derived(secret.expose_secret().as_bytes()))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let first = match keys.next() {
            Some(first) => first,
            None => {
                let mut secret = [0; 32];
                rand::fill(&mut secret).map_err(|_| CannotSeal)?;
                derived(&secret)?
            }
        };
        Ok(Self {
            first,
            others: keys.collect(),
        })
    }

    /// Seals `plain` for one purpose.
    pub fn seal(&self, purpose: Purpose, plain: &[u8]) -> Result<String, CannotSeal> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .first
            .seal_in_place_append_tag(Aad::from(purpose.text()), &mut sealed)
            .map_err(|_| CannotSeal)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat()))
    }

    /// Opens a text. Returns `None` if it was sealed for another purpose or under another key, or
    /// was altered.
    pub fn open(&self, purpose: Purpose, text: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let open = |key: &RandomizedNonceKey| {
            let mut plain = sealed.to_vec();
            let length = key
                .open_in_place(Nonce::from(nonce), Aad::from(purpose.text()), &mut plain)
                .ok()?
                .len();
            plain.truncate(length);
            Some(plain)
        };
        std::iter::once(&self.first)
            .chain(&self.others)
            .find_map(open)
    }
}

/// Derives a key by HKDF-SHA256 (RFC 5869): the secret is a text of any length.
fn derived(secret: &[u8]) -> Result<RandomizedNonceKey, CannotSeal> {
    let mut key = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"traffic-manager")
        .extract(secret)
        .expand(&[b"cookies of the web page"], hkdf::HKDF_SHA256)
        .and_then(|output| output.fill(&mut key))
        .map_err(|_| CannotSeal)?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| CannotSeal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(secrets: &[&str]) -> Sealer {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|secret| SecretString::from(secret.repeat(32)))
            .collect();
        Sealer::new(&secrets).unwrap()
    }

    #[test]
    fn sealed_text_opens_only_unaltered_and_for_its_purpose() {
        let sealer = sealer(&["a"]);
        let sealed = sealer.seal(Purpose::Session, b"somebody").unwrap();
        assert_eq!(
            sealer.open(Purpose::Session, &sealed).as_deref(),
            Some(&b"somebody"[..])
        );
        assert_eq!(sealer.open(Purpose::SignIn, &sealed), None);
        for at in 0..sealed.len() {
            for other in [b'A', b'B', b'!'] {
                let mut altered = sealed.clone().into_bytes();
                if altered[at] == other {
                    continue;
                }
                altered[at] = other;
                let altered = String::from_utf8(altered).unwrap();
                assert_eq!(sealer.open(Purpose::Session, &altered), None, "{at}");
            }
            assert_eq!(sealer.open(Purpose::Session, &sealed[..at]), None, "{at}");
        }
    }

    #[test]
    fn both_keys_of_a_rotation_open_and_the_first_seals() {
        let [old, both, new] = [sealer(&["a"]), sealer(&["b", "a"]), sealer(&["b"])];
        let of_old = old.seal(Purpose::Session, b"x").unwrap();
        assert!(both.open(Purpose::Session, &of_old).is_some());
        assert!(new.open(Purpose::Session, &of_old).is_none());
        let of_both = both.seal(Purpose::Session, b"x").unwrap();
        assert!(new.open(Purpose::Session, &of_both).is_some());
        assert!(old.open(Purpose::Session, &of_both).is_none());
    }

    #[test]
    fn processes_without_a_secret_do_not_share_a_key() {
        let sealed = sealer(&[]).seal(Purpose::Session, b"x").unwrap();
        assert_eq!(sealer(&[]).open(Purpose::Session, &sealed), None);
    }
}
