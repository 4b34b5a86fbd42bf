//! The folder of a proxy's files.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::ApplyError;
use crate::{disk, release::ConfigFile};

/// A file as it was before it was replaced; `None` if it was not there.
pub type Before = (String, Option<Vec<u8>>);

/// Returns one digest of several files with their paths, in whatever order.
fn digest<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let files: BTreeMap<_, _> = files.into_iter().collect();
    let mut all = Sha256::new();
    for (path, content) in files {
        all.update(path);
        all.update([0]);
        all.update(Sha256::digest(content));
    }
    hex::encode(all.finalize())
}

/// Returns the digest of files as they were rendered.
pub fn digest_of(files: &[ConfigFile]) -> String {
    let files = files.iter();
    digest(files.map(|file| (file.path.as_str(), file.content.as_bytes())))
}

/// Returns the digest of the files of the same paths that are in the folder; empty if one is not.
pub fn digest_on_disk(folder: &Path, files: &[ConfigFile]) -> String {
    let mut found = Vec::with_capacity(files.len());
    for file in files {
        match fs::read(folder.join(&file.path)) {
            Ok(content) => found.push((file.path.as_str(), content)),
            Err(_) => return String::new(),
        }
    }
    let found = found.iter();
    digest(found.map(|(path, content)| (*path, content.as_slice())))
}

/// Puts those files in place that are not there as they should be, in their order. Returns the
/// former ones.
pub fn replace(folder: &Path, files: &[ConfigFile]) -> Result<Vec<Before>, ApplyError> {
    let mut replaced = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let before = read(&path)?;
        if before.as_deref() == Some(file.content.as_bytes()) {
            continue;
        }
        write(&path, file.content.as_bytes())?;
        replaced.push((file.path.clone(), before));
    }
    Ok(replaced)
}

/// Puts former files in place again.
pub fn restore(folder: &Path, replaced: &[Before]) -> Result<(), ApplyError> {
    for (path, content) in replaced {
        let path = folder.join(path);
        match content {
            Some(content) => write(&path, content)?,
            None => fs::remove_file(&path).map_err(|error| ApplyError::File(path, error))?,
        }
    }
    Ok(())
}

/// Writes all files into an empty folder.
pub fn fill(folder: &Path, files: &[ConfigFile]) -> Result<(), ApplyError> {
    let failed = |error| ApplyError::File(folder.to_owned(), error);
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::create_dir_all(folder).map_err(failed)?;
    for file in files {
        let path = folder.join(&file.path);
        fs::write(&path, &file.content).map_err(|error| ApplyError::File(path, error))?;
    }
    Ok(())
}

fn read(path: &PathBuf) -> Result<Option<Vec<u8>>, ApplyError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ApplyError::File(path.clone(), error)),
    }
}

/// Writes a file that the proxy reads.
pub fn write(path: &Path, content: &[u8]) -> Result<(), ApplyError> {
    let failed = |error| ApplyError::File(path.to_owned(), error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    disk::write(path, content, disk::READABLE).map_err(failed)
}
