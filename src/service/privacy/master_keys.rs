//! Master keys: they wrap the keys of persons, and stand only in the settings.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};

use super::envelope::{KEY_BYTES, SealingKey};
use crate::{config::ConfigError, service::Error, store::data_keys::Wrapped};

/// The name of the setting.
pub const KEY: &str = "privacy.master_keys";

/// The master keys of the settings: the first wraps, all unwrap.
pub struct MasterKeys {
    first: (String, SealingKey),
    others: Vec<(String, SealingKey)>,
}

impl MasterKeys {
    /// Parses the keys of `privacy.master_keys`; `None` if there are none.
    pub fn parse(settings: &[SecretString]) -> Result<Option<Self>, ConfigError> {
        let mut keys = settings
            .iter()
            .map(parse)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let Some(first) = keys.next() else {
            return Ok(None);
        };
        let master_keys = Self {
            first,
            others: keys.collect(),
        };
        let mut ids: Vec<_> = master_keys.all().map(|(id, _)| id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(wrong("names a key twice"));
        }
        Ok(Some(master_keys))
    }

    /// Returns the id of the key that wraps.
    pub fn first(&self) -> &str {
        &self.first.0
    }

    /// Wraps a key for storage, bound to its purpose.
    pub fn wrap(&self, bound: &str, key: &[u8]) -> Result<Wrapped, Error> {
        let (id, master) = &self.first;
        Ok(Wrapped {
            master: id.clone(),
            bytes: master.seal(bound, key)?,
        })
    }

    /// Unwraps a stored key.
    pub fn unwrap(&self, bound: &str, wrapped: &Wrapped) -> Result<Vec<u8>, Error> {
        let Wrapped { master, bytes } = wrapped;
        let known = self
            .all()
            .find(|(id, _)| id == master)
            .ok_or_else(|| Error::internal(format!("{KEY} has no key {master}")))?;
        known.1.open(bound, bytes).ok_or_else(|| {
            Error::internal(format!(
                "the key {master} in {KEY} is not the key that wrapped {bound}"
            ))
        })
    }

    fn all(&self) -> impl Iterator<Item = &(String, SealingKey)> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// Parses `id:base64 of 32 bytes`. Errors do not contain the value.
fn parse(setting: &SecretString) -> Result<(String, SealingKey), ConfigError> {
    let (id, key) = setting
        .expose_secret()
        .split_once(':')
        .ok_or_else(|| wrong("must be id:base64"))?;
    if id.is_empty()
        || id.len() > 32
        || !id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        return Err(wrong("an id has 1 to 32 letters, digits, - and _"));
    }
    let bytes = STANDARD
        .decode(key)
        .ok()
        .filter(|bytes| bytes.len() == KEY_BYTES);
    let key = bytes.as_deref().and_then(SealingKey::new);
    Ok((
        id.to_owned(),
        key.ok_or_else(|| wrong("a key is 32 bytes in base64, as of `openssl rand -base64 32`"))?,
    ))
}

fn wrong(reason: &str) -> ConfigError {
    ConfigError::Invalid {
        key: KEY.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master_keys(keys: &[&str]) -> Result<Option<MasterKeys>, ConfigError> {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| SecretString::from((*key).to_owned()))
            .collect();
        MasterKeys::parse(&keys)
    }

    #[test]
    fn first_master_key_wraps_and_all_unwrap() {
        let (old, new) = (
            format!("old:{}", STANDARD.encode([1; 32])),
            format!("new:{}", STANDARD.encode([2; 32])),
        );
        assert!(master_keys(&[]).unwrap().is_none());
        let before = master_keys(&[&old]).unwrap().unwrap();
        let rotating = master_keys(&[&new, &old]).unwrap().unwrap();
        let after = master_keys(&[&new]).unwrap().unwrap();
        let wrapped = before.wrap("acme/key/1", b"key").unwrap();
        assert_eq!(rotating.unwrap("acme/key/1", &wrapped).unwrap(), b"key");
        assert!(
            rotating.unwrap("acme/key/2", &wrapped).is_err(),
            "bound to its purpose"
        );
        assert!(after.unwrap("acme/key/1", &wrapped).is_err());
        let again = rotating.wrap("acme/key/1", b"key").unwrap();
        assert_eq!(after.unwrap("acme/key/1", &again).unwrap(), b"key");
        let impostor = master_keys(&[&new.replace("new:", "old:")])
            .unwrap()
            .unwrap();
        assert!(impostor.unwrap("acme/key/1", &wrapped).is_err());
    }

    #[test]
    fn invalid_master_key_stops_the_start_and_is_not_printed() {
        let (good, short) = (STANDARD.encode([1; 32]), STANDARD.encode([1; 16]));
        for keys in [
            vec![good.clone()],
            vec![format!(":{good}")],
            vec![format!("a b:{good}")],
            vec![format!("a:{short}")],
            vec!["a:nonsense".to_owned()],
            vec![format!("a:{good}"), format!("a:{good}")],
        ] {
            let keys: Vec<_> = keys.iter().map(String::as_str).collect();
            let error = master_keys(&keys).err().expect("refused").to_string();
            assert!(
                error.contains(KEY) && !error.contains(&good) && !error.contains("nonsense"),
                "{error}"
            );
        }
    }
}
