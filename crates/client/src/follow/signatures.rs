//! Checks of signatures by the trusted public keys.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use thiserror::Error;
use traffic_manager_core::{
    ids::TenantName,
    snapshot::{
        confirmation::{Confirmation, SignedConfirmation},
        signature::{KeyId, PublicKey, Signatures, Statement},
    },
};

/// What comes with a state to vouch for it, as texts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proof<'a> {
    /// The signatures of the state, as the header `TM-Signature` has them.
    pub signature: Option<&'a str>,
    /// The confirmation of a removal, as the header `TM-Confirmed` has it.
    pub confirmation: Option<&'a str>,
}

/// The confirmation of a removal that came with a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The statement, as it came.
    pub signed: SignedConfirmation,
    /// Whether a trusted key signed it. Without keys nothing is vouched for.
    pub is_vouched: bool,
}

impl Confirmed {
    /// Reads and checks a confirmation; `None` if the text is none.
    pub fn read(keys: &[TrustedKey], tenant: &TenantName, text: &str) -> Option<Self> {
        let signed: SignedConfirmation = text.parse().ok()?;
        let statement = signed.confirmation.text(tenant);
        let is_vouched = check_all(keys, &statement, &signed.signatures) == Checked::Good;
        Some(Self { signed, is_vouched })
    }

    /// The statement, if a trusted key signed it.
    pub fn vouched(&self) -> Option<&Confirmation> {
        self.is_vouched.then_some(&self.signed.confirmation)
    }
}

/// A public key (Ed25519) whose signatures the watcher trusts. It is written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TrustedKey {
    id: KeyId,
    bytes: PublicKey,
}

impl TrustedKey {
    /// A key from its 32 bytes.
    pub fn new(bytes: PublicKey) -> Self {
        Self {
            id: KeyId::of(&bytes),
            bytes,
        }
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedKey({})", self.id)
    }
}

/// A text is not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a public key is written as 64 hex digits")]
pub struct NotAKey;

impl FromStr for TrustedKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut bytes = PublicKey::default();
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAKey)?;
        Ok(Self::new(bytes))
    }
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// A trusted key signed the statement, or no keys are configured.
    Good,
    /// None of the signatures is by a trusted key.
    Missing,
    /// A signature that names a trusted key is not of the statement, or the text has no signatures.
    Bad,
}

/// The longest text of signatures, in bytes: there is room for eight.
pub const MAX_TEXT: usize = 2048;

/// Checks the signatures of a statement. One wrong signature of a trusted key spoils all; those of
/// other keys are ignored. Without keys everything is good.
pub fn check(keys: &[TrustedKey], statement: &Statement<'_>, text: Option<&str>) -> Checked {
    if keys.is_empty() {
        return Checked::Good;
    }
    let Some(text) = text else {
        return Checked::Missing;
    };
    if text.len() > MAX_TEXT {
        return Checked::Bad;
    }
    match text.parse() {
        Ok(signatures) => check_all(keys, &statement.to_string(), &signatures),
        Err(_) => Checked::Bad,
    }
}

fn check_all(keys: &[TrustedKey], signed: &str, signatures: &Signatures) -> Checked {
    let mut checked = Checked::Missing;
    for (id, signature) in &signatures.0 {
        for key in keys.iter().filter(|key| key.id == *id) {
            let key = UnparsedPublicKey::new(&ED25519, &key.bytes);
            if key.verify(signed.as_bytes(), signature).is_err() {
                return Checked::Bad;
            }
            checked = Checked::Good;
        }
    }
    checked
}
