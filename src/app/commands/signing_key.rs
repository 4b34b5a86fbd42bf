//! Makes keys that sign snapshots. Needs no settings and no service.

use std::{io, path::PathBuf};

use clap::Subcommand;

use crate::signing::SigningKey;

/// The operations on signing keys.
#[derive(Debug, Clone, Subcommand)]
pub enum SigningKeyCommand {
    /// Make a private key, write it to a new file, and print the public key in hex, which nodes are given.
    Create {
        /// The file; only its owner may read it.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the public key of a private key's file in hex.
    Public {
        /// The file.
        #[arg(value_name = "FILE")]
        file: String,
    },
}

/// Runs the command. Returns the public key in hex.
pub fn run(command: &SigningKeyCommand) -> Result<String, SigningKeyError> {
    let key = match command {
        SigningKeyCommand::Create { file } => SigningKey::create(file).map_err(|error| {
            let file = file.display().to_string();
            SigningKeyError::NotWritten { file, error }
        })?,
        SigningKeyCommand::Public { file } => SigningKey::read(file)?,
    };
    Ok(hex::encode(key.public()))
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file could not be written.
    #[error("{file}: the key could not be written: {error}")]
    NotWritten {
        /// The file.
        file: String,
        /// The reason.
        #[source]
        error: io::Error,
    },
    /// The file has no key.
    #[error(transparent)]
    NotRead(#[from] crate::config::ConfigError),
}
