//! The keys that snapshots are signed with (Ed25519, RFC 8032), in PEM files (PKCS #8, RFC 5958).

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use crate::{
    config::{self, ConfigError},
    domain::snapshot::signature::{KeyId, PublicKey, SIGNATURE},
};

/// The setting that names the files.
const SETTING: &str = "dataplane.signing_keys";

/// A key that signs snapshots.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

impl SigningKey {
    /// Reads the private keys of these files, each of which has another key.
    pub fn read_all(files: &[String]) -> Result<Vec<Self>, ConfigError> {
        let mut keys: Vec<Self> = Vec::new();
        for file in files {
            let key = Self::read(file)?;
            if keys.iter().any(|other| other.public == key.public) {
                let why = format_args!("{file}: another file has this key");
                return Err(config::unusable(SETTING, why));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// Reads a private key from a PEM file. Errors name the setting and the file.
    pub fn read(file: &str) -> Result<Self, ConfigError> {
        let wrong =
            |error: &dyn fmt::Display| config::unusable(SETTING, format_args!("{file}: {error}"));
        let der = PrivatePkcs8KeyDer::from_pem_file(file).map_err(|error| wrong(&error))?;
        let pair = Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map_err(|error| wrong(&format_args!("is no Ed25519 key: {error}")))?;
        Self::of(pair).ok_or_else(|| wrong(&"has a public key of another length"))
    }

    /// Makes a new key and writes it to a file that does not exist yet, readable by its owner only.
    pub fn create(file: &Path) -> io::Result<Self> {
        let failed = || io::Error::other("no key could be made");
        let pair = Ed25519KeyPair::generate().map_err(|_| failed())?;
        let der = pair.to_pkcs8v1().map_err(|_| failed())?;
        let text = BASE64_STANDARD.encode(der.as_ref());
        let mut open = OpenOptions::new();
        let mut out = open.write(true).create_new(true).mode(0o600).open(file)?;
        // One line of text: an Ed25519 key has 64 characters.
        let written = writeln!(
            out,
            "-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----"
        );
        if let Err(error) = written.and_then(|()| out.sync_all()) {
            // No part of a key stays, which would be in the way of the next try.
            let _ = fs::remove_file(file);
            return Err(error);
        }
        Self::of(pair).ok_or_else(failed)
    }

    fn of(pair: Ed25519KeyPair) -> Option<Self> {
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { pair, public })
    }

    /// Returns the public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Returns the public key's name.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.public)
    }

    /// Signs a text. `None` only if the library fails.
    pub fn sign(&self, text: &str) -> Option<[u8; SIGNATURE]> {
        let signature = self.pair.try_sign(text.as_bytes()).ok()?;
        signature.as_ref().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("tm-signing-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_made_and_its_file_is_private_and_stays() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = Folder::new();
        let file = folder.0.join("key.pem");
        let made = SigningKey::create(&file).unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = SigningKey::read(file.to_str().unwrap()).unwrap();
        assert_eq!(read.public(), made.public());
        let signature = read.sign("text").unwrap();
        let public = UnparsedPublicKey::new(&ED25519, made.public());
        public.verify(b"text", &signature).unwrap();
        assert!(public.verify(b"texT", &signature).is_err());
        let again = SigningKey::create(&file).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_file_without_a_key_is_named_with_its_setting() {
        let folder = Folder::new();
        let file = folder.0.join("key.pem");
        std::fs::write(&file, "-----BEGIN PRIVATE KEY-----\nAAAA\n").unwrap();
        for file in [&file, &folder.0.join("none.pem")] {
            let error = SigningKey::read(file.to_str().unwrap()).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(SETTING), "{error}");
            assert!(error.contains(".pem"), "{error}");
        }
    }
}
