//! The configuration file: contexts, each a service with a tenant and a way to its token.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, oidc::Oidc};

/// The configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of the context that counts without `--context`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The contexts by name.
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

/// A service, and how to talk to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The base URLs of the service.
    pub servers: Vec<String>,
    /// The file with certificates of further authorities, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The tenant of commands without `--tenant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The program, with its arguments, that prints the token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_command: Vec<String>,
    /// The issuer at which `auth login` signs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Oidc>,
}

/// The place of the configuration and of the tokens.
#[derive(Debug, Clone)]
pub struct Files(PathBuf);

impl Files {
    /// The folder that was named, or `tmctl` in the folder for configurations.
    pub fn new(folder: Option<PathBuf>) -> Result<Self, Failure> {
        match folder {
            Some(folder) => Ok(Self(folder)),
            None => match etcetera::choose_base_strategy() {
                Ok(base) => Ok(Self(base.config_dir().join("tmctl"))),
                Err(error) => Err(Failure::usage(error.to_string()).hint("set TM_CONFIG_DIR")),
            },
        }
    }

    /// Returns the path of the configuration.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.yaml")
    }

    /// Returns the path of a context's token.
    pub fn token(&self, context: &str) -> PathBuf {
        self.0.join("tokens").join(context)
    }

    /// Returns the path of an object's text in an editor: one for each process. Not in a folder that all
    /// users share, where somebody else could have put a link.
    pub fn edit(&self, object: &str) -> PathBuf {
        let (name, process) = (object.replace('/', "-"), std::process::id());
        self.0.join("edits").join(format!("{name}-{process}.yaml"))
    }

    /// Reads the configuration; without a file, it is empty.
    pub fn read(&self) -> Result<Config, Failure> {
        let path = self.config();
        let wrong = |why: String| Failure::usage(format!("{}: {why}", path.display()));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let json =
            traffic_manager_yaml::as_json(&text).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))
    }

    /// Writes the configuration.
    pub fn write(&self, config: &Config) -> Result<(), Failure> {
        write_private(&self.config(), &traffic_manager_yaml::document(config)?)
    }
}

/// Checks the name of a context, which is also the name of its token's file.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_good) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{name:?} is no name of a context: it has letters, digits, - and _"
    )))
}

/// Writes a file that only its owner can read. A reader sees the old content or the new one.
pub fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new).map_err(failed)?;
    io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&new, path).map_err(failed)
}

/// Returns whether others than the owner can read a file.
pub fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
