//! API keys: `tmk_<id>_<secret><checksum>`.
//!
//! The id is used to look the key up. The secret proves possession of the key. It has 32 random
//! characters of 62, or 190 bits, and a mark of 11 characters. Only this installation can compute
//! the mark: it is an HMAC, under the pepper, of the text before it. So made-up keys are recognised
//! without a query to the database. Guessing keys therefore does not slow callers with valid ones.
//! The checksum (CRC-32, as GitHub's tokens have one) lets scanners for leaked secrets recognise a
//! mistyped key. The database stores the HMAC-SHA256 of the whole token under the same pepper. The
//! pepper is not in the database, so a dump of the database has no secrets, and nobody can test
//! secrets against it. A slow hash would add nothing to so many random bits, and would be a way to
//! use up our processors. Keys from before the mark was introduced have 43 random characters.

use std::fmt;

use aws_lc_rs::{
    constant_time, hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use secrecy::{ExposeSecret as _, SecretString};
use siphasher::sip128::SipHasher24;

use crate::domain::Invalid;
pub use crate::domain::access::{KeyId, TokenHash};

/// The prefix of every token.
pub const PREFIX: &str = "tmk_";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = KeyId::LEN;
const SECRET: usize = 43;
const MARK: usize = 11;
const CHECKSUM: usize = 6;
const TOKEN: usize = PREFIX.len() + ID + 1 + SECRET + CHECKSUM;

/// The minimum length of a pepper, in bytes.
pub const MIN_PEPPER: usize = 32;

/// A new token. It is shown once and never stored.
pub struct NewToken {
    /// The id of the key.
    pub id: KeyId,
    /// The whole token, with its secret.
    pub token: SecretString,
}

/// The system's random number generator failed.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random number generator failed")]
pub struct NoRandomness;

impl NewToken {
    /// Creates a token of a new key, issued under `pepper`.
    pub fn make(pepper: &Pepper) -> Result<Self, NoRandomness> {
        Self::of(KeyId::from_random(random()?), pepper)
    }

    /// Creates another token of the key `id`.
    pub fn of(id: KeyId, pepper: &Pepper) -> Result<Self, NoRandomness> {
        let secret: [u8; SECRET - MARK] = random()?;
        let mut token = format!("{PREFIX}{id}_{}", String::from_utf8_lossy(&secret));
        token.push_str(&pepper.mark(&token));
        token.push_str(&checksum(&token));
        Ok(Self {
            id,
            token: token.into(),
        })
    }
}

/// A well-formed token. It is not yet verified.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The id of the key that the token claims to belong to.
    pub id: KeyId,
    token: &'a str,
}

impl<'a> Presented<'a> {
    /// The token itself.
    pub fn token(&self) -> &'a str {
        self.token
    }

    /// Parses a token. Returns `None` if it is not well-formed or its checksum is wrong.
    pub fn parse(token: &'a str) -> Option<Self> {
        if token.len() != TOKEN || !token.is_ascii() {
            return None;
        }
        let (id, rest) = token.strip_prefix(PREFIX)?.split_at_checked(ID)?;
        let id = id.parse().ok()?;
        let secret = rest.strip_prefix('_')?;
        if !secret.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let (said, sum) = token.split_at_checked(TOKEN - CHECKSUM)?;
        (checksum(said) == sum).then_some(Self { id, token })
    }
}

/// Returns the id that a token claims, without checking the rest of the token.
pub fn claimed_id(token: &str) -> Option<KeyId> {
    let (id, _) = token
        .strip_prefix(PREFIX)
        .filter(|_| token.len() == TOKEN)?
        .split_at_checked(ID)?;
    id.parse().ok()
}

/// The HMAC key of the token hashes and marks.
pub struct Pepper(hmac::Key);

impl Pepper {
    /// Creates a pepper of at least [`MIN_PEPPER`] bytes.
    pub fn new(pepper: &SecretString) -> Result<Self, Invalid> {
        let bytes = pepper.expose_secret().as_bytes();
        if bytes.len() < MIN_PEPPER {
            return Err(Invalid::new(
                "too_short",
                format!("must have at least {MIN_PEPPER} bytes"),
            ));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// Returns the hash of a token that is stored.
    pub fn hash(&self, token: &SecretString) -> TokenHash {
        let tag = hmac::sign(&self.0, token.expose_secret().as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(tag.as_ref());
        TokenHash(hash)
    }

    /// Returns whether the token has a mark made under this pepper. A token with the mark may have
    /// expired or been revoked since. A token without it is made up, or was issued before the mark
    /// was introduced.
    pub fn has_issued(&self, presented: &Presented<'_>) -> bool {
        let (marked, _) = presented.token.split_at(TOKEN - CHECKSUM);
        let (said, mark) = marked.split_at(marked.len() - MARK);
        aws_lc_rs::constant_time::verify_slices_are_equal(
            self.mark(said).as_bytes(),
            mark.as_bytes(),
        )
        .is_ok()
    }

    /// Returns the mark for the text `said`: 65 bits of an HMAC, which only a holder of the pepper
    /// can compute. The HMAC's input begins with `issued `. No token begins like this, so the mark
    /// is never part of a token's stored hash.
    fn mark(&self, said: &str) -> String {
        let tag = hmac::sign(&self.0, format!("issued {said}").as_bytes());
        let mut number = tag
            .as_ref()
            .first_chunk::<16>()
            .map_or(0, |bytes| u128::from_be_bytes(*bytes));
        let mut mark = String::with_capacity(MARK);
        for _ in 0..MARK {
            mark.push(char::from(ALPHABET[(number % 62) as usize]));
            number /= 62;
        }
        mark
    }

    /// Returns whether the hash is the hash of this token. Compares in constant time.
    pub fn is_of(&self, presented: &Presented<'_>, hash: &TokenHash) -> bool {
        hmac::verify(&self.0, presented.token.as_bytes(), &hash.0).is_ok()
    }
}

/// Makes fingerprints of tokens that were checked already: a code of 128 bits, with a key of this
/// process (SipHash-2-4, <https://www.aumasson.jp/siphash/siphash.pdf>). It stays in memory: for
/// what is stored, the [`Pepper`] makes a hash.
pub struct Fingerprints(SipHasher24);

/// The fingerprint of a token.
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 16]);

impl Fingerprints {
    /// Chooses a random key.
    pub fn new() -> Result<Self, NoRandomness> {
        let mut key = [0; 16];
        let system = SystemRandom::new();
        system.fill(&mut key).map_err(|_| NoRandomness)?;
        Ok(Self(SipHasher24::new_with_key(&key)))
    }

    /// Returns the fingerprint of a token.
    pub fn of(&self, token: &str) -> Fingerprint {
        Fingerprint(self.0.hash(token.as_bytes()).as_bytes())
    }
}

impl PartialEq for Fingerprint {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}

/// Returns random characters of the alphabet, all equally likely.
fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let system = SystemRandom::new();
    let mut characters = [0; N];
    let mut filled = 0;
    while filled < N {
        let mut bytes = [0; 64];
        system.fill(&mut bytes).map_err(|_| NoRandomness)?;
        // 248 is four times 62: bytes from 248 up would make some characters likelier.
        for byte in bytes
            .into_iter()
            .filter(|byte| *byte < 248)
            .take(N - filled)
        {
            characters[filled] = ALPHABET[usize::from(byte % 62)];
            filled += 1;
        }
    }
    Ok(characters)
}

fn checksum(text: &str) -> String {
    let mut sum = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(sum % 62) as usize];
        sum /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_differ_between_tokens_and_processes() {
        let pepper = pepper(b'p');
        let [one, other] = [0; 2].map(|_| NewToken::make(&pepper).unwrap().token);
        let of = |fingerprints: &Fingerprints, token: &SecretString| {
            fingerprints.of(token.expose_secret())
        };
        let here = Fingerprints::new().unwrap();
        assert!(of(&here, &one) == of(&here, &one));
        assert!(of(&here, &one) != of(&here, &other));
        assert!(of(&here, &one) != of(&Fingerprints::new().unwrap(), &one));
    }

    fn pepper(byte: u8) -> Pepper {
        Pepper::new(&char::from(byte).to_string().repeat(MIN_PEPPER).into()).unwrap()
    }

    #[test]
    fn token_matches_only_its_own_key_and_pepper() {
        let NewToken { id, token } = NewToken::make(&pepper(b'a')).unwrap();
        let presented = Presented::parse(token.expose_secret()).unwrap();
        assert_eq!(presented.id, id);
        let hash = pepper(b'a').hash(&token);
        assert!(pepper(b'a').is_of(&presented, &hash));
        assert!(!pepper(b'b').is_of(&presented, &hash), "another pepper");
        let other = NewToken::of(id, &pepper(b'a')).unwrap();
        assert!(
            !pepper(b'a').is_of(
                &Presented::parse(other.token.expose_secret()).unwrap(),
                &hash
            ),
            "another secret"
        );
    }

    #[test]
    fn token_made_without_the_pepper_does_not_look_issued() {
        let token = NewToken::make(&pepper(b'a')).unwrap().token;
        let token = token.expose_secret();
        let is_issued = |token: &str| pepper(b'a').has_issued(&Presented::parse(token).unwrap());
        assert!(is_issued(token));
        let (said, _) = token.split_at(TOKEN - CHECKSUM);
        for at in (PREFIX.len()..said.len()).filter(|at| *at != PREFIX.len() + ID) {
            let mut other = said.as_bytes().to_vec();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            let other = String::from_utf8(other).unwrap();
            assert!(
                !is_issued(&format!("{other}{}", checksum(&other))),
                "another character at {at}"
            );
        }
        let made_up = NewToken::make(&pepper(b'b')).unwrap().token;
        assert!(!is_issued(made_up.expose_secret()), "under another pepper");
    }

    #[test]
    fn mistyped_or_invented_tokens_do_not_parse() {
        let token = NewToken::make(&pepper(b'a')).unwrap().token;
        let token = token.expose_secret();
        assert_eq!(token.len(), TOKEN);
        for at in 0..token.len() {
            let mut other = token.as_bytes().to_vec();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            assert!(
                Presented::parse(&String::from_utf8(other).unwrap()).is_none(),
                "{at}"
            );
        }
        let long = format!("{token}x");
        for wrong in [
            "",
            "tmk_",
            &token[1..],
            &token[..TOKEN - 1],
            &long,
            &"é".repeat(TOKEN / 2),
            &"tmk_".repeat(17),
        ] {
            assert!(Presented::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_unique_and_absent_from_debug_output() {
        let made: std::collections::HashSet<_> = (0..1000)
            .map(|_| {
                NewToken::make(&pepper(b'a'))
                    .unwrap()
                    .token
                    .expose_secret()
                    .to_owned()
            })
            .collect();
        assert_eq!(made.len(), 1000);
        assert_eq!(format!("{:?}", pepper(b'a')), "Pepper");
        assert_eq!(Pepper::new(&"short".into()).unwrap_err().code, "too_short");
    }
}
