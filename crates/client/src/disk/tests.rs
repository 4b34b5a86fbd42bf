use std::{
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jiff::Timestamp;
use traffic_manager_core::snapshot::signature::{KeyId, Signatures, Statement};

use super::*;
use crate::{
    Settings, State, TrustedKey,
    follow::{Verdict, signatures::Proof},
};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tm-watch-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn disk(&self) -> Disk {
        Disk::new(self.0.join("acme.tm"), 1 << 20)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap()
}

/// Returns settings that trust the key of [`pair`].
fn settings() -> Settings {
    let mut settings = Settings::new(Vec::new(), "acme".parse().unwrap());
    let public: [u8; 32] = pair().public_key().as_ref().try_into().unwrap();
    settings.trusted_keys = vec![TrustedKey::new(public)];
    settings
}

/// Returns a follower with an empty snapshot of that revision, signed.
fn follower(revision: u64) -> Follower {
    let mut follower = Follower::new(&settings());
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let body = format!(
        r#"{{"digest":"{digest}","epoch":"00c0ffee00c0ffee","policies":[],"revision":{revision},"routes":[],"tenant":"acme"}}"#
    );
    let mut bytes = [0; 32];
    hex::decode_to_slice(digest, &mut bytes).unwrap();
    let settings = settings();
    let text = Statement {
        tenant: &settings.tenant,
        scope: &settings.scope,
        tag: &format!("00c0ffee00c0ffee.{revision}").parse().unwrap(),
        digest: &bytes,
    }
    .to_string();
    let public: [u8; 32] = pair().public_key().as_ref().try_into().unwrap();
    let signature = pair().sign(text.as_bytes()).as_ref().try_into().unwrap();
    let signature = Signatures(vec![(KeyId::of(&public), signature)]).to_string();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let proof = Proof {
        signature: Some(&signature),
        confirmation: None,
    };
    let verdict = follower.snapshot(body.as_bytes(), proof, None, now);
    assert_eq!(verdict, Verdict::Taken);
    follower
}

fn save(disk: &Disk, revision: u64) {
    disk.save(&follower(revision).saved().unwrap()).unwrap();
}

fn restored(disk: &Disk) -> (State, Option<u64>, u64) {
    let mut follower = Follower::new(&settings());
    disk.restore(&mut follower);
    let view = follower.view();
    let revision = view.tag().map(|tag| tag.revision.0);
    (view.state, revision, view.counters.file_errors)
}

#[test]
fn two_generations_are_kept_for_the_owner_alone() {
    let folder = Folder::new();
    let disk = folder.disk();
    assert_eq!(restored(&disk), (State::Starting, None, 0));
    for revision in 5..8 {
        save(&disk, revision);
        assert_eq!(restored(&disk), (State::Disk, Some(revision), 0));
    }
    assert_eq!(folder.names(), ["acme.tm", "acme.tm.previous"]);
    for name in folder.names() {
        let mode = fs::metadata(folder.0.join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    fs::remove_file(folder.0.join("acme.tm")).unwrap();
    assert_eq!(restored(&disk), (State::Disk, Some(6), 0));
}

#[test]
fn damage_of_any_byte_is_noticed() {
    let folder = Folder::new();
    let disk = folder.disk();
    save(&disk, 5);
    let path = folder.0.join("acme.tm");
    let good = fs::read(&path).unwrap();
    assert!(good.len() > 400);
    for at in 0..good.len() {
        // One bit; the bit between upper and lower case; all bits.
        for mask in [0x01, 0x20, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            fs::write(&path, bad).unwrap();
            assert_eq!(restored(&disk), (State::Starting, None, 1), "byte {at}");
            assert_eq!(folder.names(), ["acme.tm.bad"], "byte {at}");
        }
        fs::write(&path, &good[..at]).unwrap();
        assert_eq!(restored(&disk), (State::Starting, None, 1), "cut at {at}");
    }
    let mut longer = good.clone();
    longer.push(b' ');
    fs::write(&path, longer).unwrap();
    assert_eq!(restored(&disk), (State::Starting, None, 1));
    fs::write(&path, good).unwrap();
    assert_eq!(restored(&disk), (State::Disk, Some(5), 0));
}

#[test]
fn file_that_is_consistent_but_not_signed_is_refused() {
    let folder = Folder::new();
    let disk = folder.disk();
    let mut saved = follower(5).saved().unwrap();
    saved.head.signature = None;
    disk.save(&saved).unwrap();
    assert_eq!(restored(&disk), (State::Starting, None, 1));
    let mut saved = follower(5).saved().unwrap();
    saved.head.signature = follower(6).saved().unwrap().head.signature;
    disk.save(&saved).unwrap();
    assert_eq!(restored(&disk), (State::Starting, None, 1));
    let mut saved = follower(5).saved().unwrap();
    saved.head.tag = "00c0ffee00c0ffee.9".parse().unwrap();
    disk.save(&saved).unwrap();
    assert_eq!(restored(&disk), (State::Starting, None, 1));
}

#[test]
fn file_over_the_limit_is_refused() {
    let folder = Folder::new();
    save(&folder.disk(), 5);
    let path = folder.0.join("acme.tm");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    assert_eq!(restored(&folder.disk()), (State::Starting, None, 1));
}

#[test]
fn write_that_fails_leaves_the_old_generations() {
    let folder = Folder::new();
    let disk = folder.disk();
    save(&disk, 5);
    save(&disk, 6);
    // A folder in the way of the new file.
    fs::create_dir(folder.0.join("acme.tm.new")).unwrap();
    assert!(disk.save(&follower(7).saved().unwrap()).is_err());
    assert_eq!(restored(&disk), (State::Disk, Some(6), 0));
    let nowhere = Disk::new(folder.0.join("missing/acme.tm"), 1 << 20);
    assert!(nowhere.save(&follower(7).saved().unwrap()).is_err());
}
