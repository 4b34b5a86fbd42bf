//! List cursors: opaque, keyset-based, tamper-evident.
//!
//! A cursor is base64url of a truncated HMAC-SHA256 (16 bytes, RFC 2104 §5) and the JSON of the
//! position. The MAC also covers the list that the cursor belongs to, filters included, so a cursor
//! of one list is refused by another.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::service::Error;

const MAC: usize = 16;

/// Makes and reads cursors with the installation's key.
#[derive(Clone)]
pub struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    /// Uses `key` to authenticate cursors.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Returns a cursor for `position` in `list`.
    pub fn seal(&self, list: &str, position: &impl Serialize) -> Result<String, Error> {
        let position = serde_json::to_vec(position).map_err(Error::internal)?;
        let mac = self.mac(list, &position).finalize().into_bytes();
        Ok(URL_SAFE_NO_PAD.encode([&mac[..MAC], &position].concat()))
    }

    /// Returns the position in `list` that a cursor contains. Refuses a cursor of another list or
    /// installation.
    pub fn open<T: DeserializeOwned>(&self, list: &str, cursor: &str) -> Result<T, Error> {
        let bytes = URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_| Error::InvalidCursor)?;
        let (mac, position) = bytes.split_at_checked(MAC).ok_or(Error::InvalidCursor)?;
        // Compares the MAC in constant time.
        self.mac(list, position)
            .verify_truncated_left(mac)
            .map_err(|_| Error::InvalidCursor)?;
        serde_json::from_slice(position).map_err(|_| Error::InvalidCursor)
    }

    fn mac(&self, list: &str, position: &[u8]) -> Hmac<Sha256> {
        // HMAC pads its key with zeros to the hash's block.
        let mut block = [0; 64];
        block[..self.key.len()].copy_from_slice(&self.key);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(&(list.len() as u64).to_be_bytes());
        mac.update(list.as_bytes());
        mac.update(position);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cursor_opens_only_unaltered_and_in_its_own_list() {
        let cursors = Cursors::new([7; 32]);
        let cursor = cursors.seal("routes", &("a", 1)).unwrap();
        assert_eq!(
            cursors.open::<(String, u32)>("routes", &cursor).unwrap(),
            ("a".to_owned(), 1)
        );
        assert!(matches!(
            cursors.open::<(String, u32)>("tenants", &cursor),
            Err(Error::InvalidCursor)
        ));
        assert!(matches!(
            Cursors::new([8; 32]).open::<(String, u32)>("routes", &cursor),
            Err(Error::InvalidCursor)
        ));
        for at in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(
                cursors.open::<(String, u32)>("routes", &altered).is_err() || altered == cursor,
                "{altered}"
            );
        }
        assert!(cursors.open::<(String, u32)>("routes", "").is_err());
    }

    proptest! {
        /// Arbitrary input is never accepted as a cursor.
        #[test]
        fn forged_cursors_are_refused(bytes: Vec<u8>, text in "[A-Za-z0-9_=-]{0,90}|\\PC{0,40}|(?s).{0,40}", position in "\\PC{0,20}") {
            let cursors = Cursors::new([7; 32]);
            let forged = [&[0; MAC][..], &serde_json::to_vec(&position).unwrap()].concat();
            let encoded = [bytes, forged].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
            for cursor in encoded.iter().chain([&text]) {
                prop_assert!(matches!(cursors.open::<String>("routes", cursor), Err(Error::InvalidCursor)));
                prop_assert!(matches!(cursors.open::<serde_json::Value>("routes", cursor), Err(Error::InvalidCursor)));
            }
        }

        /// A cursor is accepted only in its own list, and only with every bit as it was sealed.
        #[test]
        fn cursor_of_another_list_or_with_a_flipped_bit_is_refused(
            list in "\\PC{0,20}", other in "\\PC{0,20}", position in "(?s).{0,20}", at: prop::sample::Index, bit in 0..8_u32,
        ) {
            let cursors = Cursors::new([7; 32]);
            let cursor = cursors.seal(&list, &position).unwrap();
            prop_assert_eq!(cursors.open::<String>(&list, &cursor).unwrap(), position);
            prop_assert!(list == other || cursors.open::<String>(&other, &cursor).is_err());
            let mut bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(cursors.open::<String>(&list, &URL_SAFE_NO_PAD.encode(&bytes)).is_err());
            bytes.truncate(at);
            prop_assert!(cursors.open::<String>(&list, &URL_SAFE_NO_PAD.encode(&bytes)).is_err());
        }
    }
}
