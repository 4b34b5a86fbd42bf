//! The watcher's file on the disk: two generations, written beside and moved into place.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    file,
    follow::{Follower, saved::Saved},
};

/// What the head of a file may take beside the body.
const HEAD: usize = 64 << 10;

/// The place of a watcher's file.
#[derive(Debug, Clone)]
pub struct Disk {
    path: PathBuf,
    max_bytes: usize,
}

impl Disk {
    /// A file whose snapshot has at most `max_bytes` bytes.
    pub fn new(path: PathBuf, max_bytes: usize) -> Self {
        Self { path, max_bytes }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(suffix);
        path.into()
    }

    /// Gives the follower the newest good generation. A bad one is set aside as `<file>.bad`, told,
    /// and the one before is tried. Nothing here is fatal: without a good file, the watcher begins
    /// with nothing.
    pub fn restore(&self, follower: &mut Follower) {
        for path in [self.path.clone(), self.beside(".previous")] {
            let bytes = match self.read(&path) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                Err(error) => {
                    follower.file_failed(&format!("cannot read {}: {error}", path.display()));
                    continue;
                }
            };
            let taken = match file::read(&bytes) {
                Ok((head, body)) => follower
                    .restore(head, body)
                    .map_err(|refusal| refusal.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let Err(why) = taken else {
                return;
            };
            follower.file_failed(&format!("set aside {}: {why}", path.display()));
            if let Err(error) = fs::rename(&path, self.beside(".bad")) {
                follower.file_failed(&format!("cannot rename {}: {error}", path.display()));
            }
        }
    }

    /// Reads a file, `None` if it is not there. A file that is too large is read up to the limit,
    /// and so it is damaged.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let most = self.max_bytes.saturating_add(HEAD);
        let mut bytes = Vec::new();
        file.take(u64::try_from(most).unwrap_or(u64::MAX))
            .read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Writes a new generation. After a fault, or a crash at any point, the one before is still
    /// there, under one of the two names.
    pub fn save(&self, saved: &Saved) -> io::Result<()> {
        let new = self.beside(".new");
        let written = self.write(&new, saved);
        if written.is_err() {
            // A file that is not whole helps nobody, and takes room on a disk that may be full. It
            // may not be there at all.
            let _ = fs::remove_file(&new);
            return written;
        }
        match fs::rename(&self.path, self.beside(".previous")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&new, &self.path)?;
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()
    }

    fn write(&self, path: &Path, saved: &Saved) -> io::Result<()> {
        let bytes = file::write(saved).map_err(io::Error::other)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(&bytes)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests;
