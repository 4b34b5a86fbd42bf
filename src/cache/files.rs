//! Snapshots on disk, for an instance that starts while no database server answers.
//!
//! Each tenant has one file, and the previous version of it. The first line is the hex SHA-256 of
//! the rest, which is JSON. A file is written under a temporary name, synced and renamed, so that
//! one of the two is intact at any time. A damaged file is refused in favour of the other. The
//! modification time of a file says when the primary last confirmed it.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::{
        ids::TenantName,
        snapshot::{TenantContent, TenantSnapshot},
        tag::VersionTag,
    },
    telemetry::names,
};

/// Version of the file format. Raised when a file of an earlier version could be misread.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    format: u32,
    tenant: TenantName,
    content: TenantContent,
}

/// The snapshot directory of one instance.
pub struct Files {
    directory: PathBuf,
    /// The tenants that have files, with the tag that this process last wrote; `None` if this
    /// process has written none.
    written: Mutex<HashMap<TenantName, Option<VersionTag>>>,
}

impl Files {
    /// Opens the directory, and creates it if it does not exist. Fails if it is not writable.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let probe = directory.join(format!("probe.{}", std::process::id()));
        File::create(&probe)?;
        fs::remove_file(&probe)?;
        let tenant = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            // Left by a process that was killed while it was writing.
            if name.ends_with(".tmp") {
                let _ = fs::remove_file(entry.path());
            }
            name.strip_suffix(".json")?
                .trim_end_matches(".previous")
                .parse()
                .ok()
        };
        let written = fs::read_dir(directory)?
            .filter_map(tenant)
            .map(|tenant| (tenant, None))
            .collect();
        Ok(Self {
            directory: directory.to_owned(),
            written: Mutex::new(written),
        })
    }

    /// Returns whether any tenant has a file.
    pub fn has_any(&self) -> bool {
        !self.lock_written().is_empty()
    }

    /// Returns the tenants that have files.
    pub fn tenants(&self) -> Vec<TenantName> {
        self.lock_written().keys().cloned().collect()
    }

    /// Returns whether this tenant has a file.
    pub fn has(&self, tenant: &TenantName) -> bool {
        self.lock_written().contains_key(tenant)
    }

    /// Writes the snapshots that changed since they were last written, and marks the others as
    /// confirmed now. Blocks.
    pub fn save(&self, snapshots: &[Arc<TenantSnapshot>]) {
        for snapshot in snapshots {
            let tenant = snapshot.tenant();
            let is_written = self
                .lock_written()
                .get(tenant)
                .is_some_and(|tag| tag.as_ref() == Some(snapshot.tag()));
            let saved = if is_written {
                self.confirm(tenant)
            } else {
                self.write(snapshot)
            };
            match saved {
                Ok(()) => {}
                Err(error) => {
                    metrics::counter!(names::SNAPSHOT_FILES, "result" => "failed").increment(1);
                    tracing::warn!(tenant = tenant.as_str(), error = %error, "a snapshot could not be written to read.snapshot_dir");
                }
            }
        }
    }

    fn confirm(&self, tenant: &TenantName) -> io::Result<()> {
        File::options()
            .append(true)
            .open(self.newest(tenant))?
            .set_modified(SystemTime::now())
    }

    fn write(&self, snapshot: &TenantSnapshot) -> io::Result<()> {
        let tenant = snapshot.tenant().clone();
        let json = serde_json::to_vec(&Saved {
            format: FORMAT,
            tenant: tenant.clone(),
            content: snapshot.content(),
        })?;
        let beside = self
            .directory
            .join(format!("{tenant}.{}.tmp", std::process::id()));
        let mut file = File::create(&beside)?;
        file.write_all(hex::encode(Sha256::digest(&json)).as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(&json)?;
        file.sync_all()?;
        match fs::rename(self.newest(&tenant), self.previous(&tenant)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&beside, self.newest(&tenant))?;
        File::open(&self.directory)?.sync_all()?;
        self.lock_written()
            .insert(tenant, Some(snapshot.tag().clone()));
        metrics::counter!(names::SNAPSHOT_FILES, "result" => "saved").increment(1);
        Ok(())
    }

    /// Reads a tenant's snapshot from disk, with the time when it was last confirmed. Blocks.
    pub fn read(&self, tenant: &TenantName) -> Option<(TenantContent, SystemTime)> {
        let read = |path: PathBuf| match read(&path, tenant) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                metrics::counter!(names::SNAPSHOT_FILES, "result" => "refused").increment(1);
                tracing::error!(file = %path.display(), error = %error, "a snapshot file is not valid and is ignored");
                None
            }
        };
        let found = read(self.newest(tenant)).or_else(|| read(self.previous(tenant)))?;
        metrics::counter!(names::SNAPSHOT_FILES, "result" => "restored").increment(1);
        Some(found)
    }

    /// Removes the files of a deleted tenant. Blocks.
    pub fn remove(&self, tenant: &TenantName) {
        self.lock_written().remove(tenant);
        for path in [self.newest(tenant), self.previous(tenant)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(file = %path.display(), error = %error, "a snapshot file of a deleted tenant could not be removed");
                }
                _ => {}
            }
        }
    }

    fn newest(&self, tenant: &TenantName) -> PathBuf {
        // A tenant's name has no dot and no slash.
        self.directory.join(format!("{tenant}.json"))
    }

    fn previous(&self, tenant: &TenantName) -> PathBuf {
        self.directory.join(format!("{tenant}.previous.json"))
    }

    fn lock_written(&self) -> parking_lot::MutexGuard<'_, HashMap<TenantName, Option<VersionTag>>> {
        self.written.lock()
    }
}

fn read(path: &Path, tenant: &TenantName) -> io::Result<(TenantContent, SystemTime)> {
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let confirmed = fs::metadata(path)?.modified()?;
    let bytes = fs::read(path)?;
    let (sum, json) = bytes
        .split_at_checked(64)
        .ok_or_else(|| wrong("the file is too short"))?;
    let json = json
        .strip_prefix(b"\n")
        .ok_or_else(|| wrong("the file has no checksum"))?;
    if hex::encode(Sha256::digest(json)).as_bytes() != sum {
        return Err(wrong("the file's checksum is wrong"));
    }
    let saved: Saved = serde_json::from_slice(json)?;
    if saved.format != FORMAT || saved.tenant != *tenant {
        return Err(wrong("the file has another format or tenant"));
    }
    Ok((saved.content, confirmed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        snapshot::SnapshotRoute,
        tag::{Epoch, Revision},
    };

    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("tm-files-{}", uuid::Uuid::new_v4())))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn snapshot(revision: u64) -> Arc<TenantSnapshot> {
        let tag = VersionTag {
            epoch: Epoch::from_random([7; 8]),
            revision: Revision(revision),
        };
        let route = serde_json::json!({"service": "s", "env": "e", "version": "v", "url": "http://a", "is_active": true, "labels": {}, "revision": revision});
        let routes: Vec<SnapshotRoute> = vec![serde_json::from_value(route).unwrap()];
        let scopes = vec![(
            "s".parse().unwrap(),
            "e".parse().unwrap(),
            Revision(revision),
        )];
        Arc::new(
            TenantSnapshot::new(
                "t".parse().unwrap(),
                TenantContent {
                    confirmed: None,
                    tag,
                    routes,
                    policies: Vec::new(),
                    scopes,
                    waiters: None,
                },
            )
            .unwrap(),
        )
    }

    fn revision(files: &Files) -> Option<u64> {
        files
            .read(&"t".parse().unwrap())
            .map(|(content, _)| content.tag.revision.0)
    }

    #[test]
    fn saved_snapshot_file_reads_back_equal() {
        let scratch = Scratch::new();
        let files = Files::open(&scratch.0).unwrap();
        assert!(!files.has_any());
        assert_eq!(revision(&files), None);
        files.save(&[snapshot(1)]);
        assert_eq!(
            files.read(&"t".parse().unwrap()).unwrap().0,
            snapshot(1).content()
        );
        assert!(Files::open(&scratch.0).unwrap().has_any());
        files.remove(&"t".parse().unwrap());
        assert_eq!(revision(&files), None);
    }

    #[test]
    fn damaged_snapshot_file_falls_back_to_the_previous_one() {
        let scratch = Scratch::new();
        let files = Files::open(&scratch.0).unwrap();
        files.save(&[snapshot(1)]);
        files.save(&[snapshot(2)]);
        let path = scratch.0.join("t.json");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for bit in [1, 0x80] {
                let mut damaged = whole.clone();
                damaged[at] ^= bit;
                fs::write(&path, &damaged).unwrap();
                assert_eq!(revision(&files), Some(1), "byte {at} with {bit:#x}");
            }
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(revision(&files), Some(1), "cut off at {at}");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(revision(&files), Some(2));
        fs::remove_file(&path).unwrap();
        assert_eq!(revision(&files), Some(1), "between the two renames");
        // An intact file of another tenant is refused.
        fs::copy(scratch.0.join("t.previous.json"), scratch.0.join("u.json")).unwrap();
        assert!(files.read(&"u".parse().unwrap()).is_none());
    }

    #[test]
    fn unchanged_snapshot_file_only_gets_a_new_timestamp() {
        let scratch = Scratch::new();
        let files = Files::open(&scratch.0).unwrap();
        files.save(&[snapshot(1)]);
        let path = scratch.0.join("t.json");
        let long_ago = SystemTime::UNIX_EPOCH;
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        files.save(&[snapshot(1)]);
        assert!(files.read(&"t".parse().unwrap()).unwrap().1 > long_ago);
        assert!(!scratch.0.join("t.previous.json").exists());
    }
}
