//! The watchers of the clients in Rust, TypeScript and Python through faults: nothing is lost, nothing goes back,
//! reading never waits, and memory stays.
//!
//! Each watcher is a process ([`follower`]) that prints what it holds. A writer knows the digest of each revision.

mod follower;
mod rust;
mod writer;

use std::{path::PathBuf, time::Duration};

use reqwest::Method;
use serde_json::json;

use self::{
    follower::{Followed, Follower},
    writer::Writer,
};
use crate::{
    cluster::Placed,
    parts::{self, World},
    processes::Process,
    replica::Paused,
    restored::epoch,
    support::{
        callers::{ASKING, first_key},
        database::{connect, variable},
        secure,
        switch::Switch,
    },
};

const TENANT: &str = "acme";
const PATIENCE: Duration = Duration::from_secs(120);

/// A read takes microseconds. The machine may stand still meanwhile, but not for as long as a request takes to fail.
const SLOWEST_READ: Duration = Duration::from_millis(500);

/// The share of a watcher's memory that may be added by many changes, in percent, and its least in bytes: garbage that
/// is not collected yet.
const MEMORY_MAY_GROW: (u64, u64) = (20, 24 << 20);

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tm-watchers-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        Self(folder)
    }

    /// Writes the followers' token, if the service asks for one.
    fn token(&self, token: Option<&str>) -> Option<PathBuf> {
        let file = self.0.join("token");
        std::fs::write(&file, token?).expect("a token");
        Some(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Has each follower read a thousand times: none may wait.
fn reading_never_waits(followers: &mut [Follower]) {
    for follower in followers {
        let (routes, slowest) = follower.read();
        assert!(routes > 0, "{} has no data", follower.language);
        assert!(slowest < SLOWEST_READ, "{}: {slowest:?}", follower.language);
    }
}

async fn prepared() {
    let prepared = tokio::task::spawn_blocking(follower::prepare).await;
    prepared.expect("the followers are installed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_live_through_killed_instances_a_replica_behind_and_cut_streams() {
    prepared().await;
    let alone = parts::alone().await;
    let world = alone.world().await;
    let mut environment = world.environment.clone();
    environment.insert(
        "TM__POSTGRES__REPLICA_MAX_LAG_BYTES".into(),
        "1000000000".into(),
    );
    let mut instances = ["all", "serve", "serve"].map(|role| Process::start(role, &environment));
    for instance in &instances {
        instance.ready().await;
    }
    let mut writer = Writer::new(&instances);
    let mut lines = Vec::new();
    for instance in &instances {
        lines.push(Switch::start(instance.api.to_string()).await);
    }
    let urls: Vec<String> = lines
        .iter()
        .map(|line| secure::base(line.address))
        .collect();
    let tag = writer.writes(5).await;
    let folder = Folder::new();
    let token = folder.token(secure::client().map(|(token, _)| token));
    let followed = Followed {
        urls: &urls,
        tenant: TENANT,
        token: token.as_deref(),
        folder: &folder.0,
    };
    let mut followers = Follower::start_all(&followed);
    writer.is_followed(&followers, &tag).await;

    for instance in &mut instances {
        instance.kill();
        writer.writes(3).await;
        reading_never_waits(&mut followers);
        instance.start_again();
        let tag = writer.writes(2).await;
        writer.is_followed(&followers, &tag).await;
        instance.ready().await;
    }

    let replica = connect(&variable("PG_REPLICA_URL")).await;
    let paused = Paused::begin(&alone, &replica).await;
    writer.writes(3).await;
    // A cold instance knows nothing but what the replica and the primary tell it.
    instances[2].kill_and_restart();
    let tag = writer.writes(3).await;
    instances[2].ready().await;
    writer.is_followed(&followers, &tag).await;
    paused.end(&replica).await;

    for round in 0..3 {
        lines.iter().for_each(Switch::cut);
        for follower in &followers {
            follower
                .holds("old data", |held| held.state == "stale")
                .await;
        }
        let tag = writer.writes(2).await;
        reading_never_waits(&mut followers);
        // One comes back, another one each time.
        lines[round].pass();
        writer.is_followed(&followers, &tag).await;
    }
    writer.check(&followers);
    drop((followers, instances));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_take_the_new_epoch_of_a_restored_database_and_never_return() {
    prepared().await;
    let _load = parts::only_load().await;
    let placed = Placed::start("all", &[("TM__WRITE__TIMELINE_CHECK_MS", "1000")]).await;
    let Some(Placed {
        process,
        world,
        owner,
        cluster,
    }) = placed
    else {
        return;
    };
    let mut writer = Writer::new([&process]);
    cluster.run(&["backup"]);
    let tag = writer.writes(6).await;
    let folder = Folder::new();
    let token = folder.token(secure::client().map(|(token, _)| token));
    let followed = Followed {
        urls: &[process.base()],
        tenant: TENANT,
        token: token.as_deref(),
        folder: &folder.0,
    };
    let mut followers = Follower::start_all(&followed);
    writer.is_followed(&followers, &tag).await;
    let time: String = owner
        .query_one("select clock_timestamp()::text", &[])
        .await
        .expect("the time")
        .get(0);
    let lost = writer.writes(4).await;
    writer.is_followed(&followers, &lost).await;

    cluster.run(&["restore", &time]);
    reading_never_waits(&mut followers);
    let tag = writer.leaves(&lost).await;
    writer.is_followed(&followers, &tag).await;
    let tag = writer.writes(3).await;
    writer.is_followed(&followers, &tag).await;
    writer.check(&followers);
    for follower in &followers {
        let seen = follower.seen();
        let epochs: Vec<&str> = seen
            .iter()
            .filter_map(|held| Some(&*held.tag.as_ref()?.0))
            .collect();
        assert_eq!(epochs.first(), Some(&epoch(&lost)));
        assert_eq!(epochs.last(), Some(&epoch(&tag)));
    }
    drop((followers, process));
    world.end().await;
}

/// Makes a key that may read what nodes read. Returns its id and its token.
async fn node_key(writer: &Writer) -> (String, String) {
    let body = json!({ "tenant": TENANT, "roles": ["node"] });
    let asked = writer
        .ask(Method::POST, &writer.bases[0], "/keys", Some(body))
        .await;
    let (status, key) = asked.expect("an answer");
    assert_eq!(status, 201, "{key}");
    let text = |name: &str| key[name].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_keep_their_data_when_a_token_ends_and_go_on_with_the_next() {
    prepared().await;
    let world = World::with(&ASKING).await;
    let process = Process::start("all", &world.environment);
    process.ready().await;
    let mut writer = Writer::new([&process]);
    writer.http = secure::stranger().build().expect("a client");
    writer.token = Some(first_key(&world.settings).await);
    let tag = writer.writes(3).await;
    let (id, token) = node_key(&writer).await;
    let folder = Folder::new();
    let file = folder.token(Some(&token));
    let followed = Followed {
        urls: &[process.base()],
        tenant: TENANT,
        token: file.as_deref(),
        folder: &folder.0,
    };
    let mut followers = Follower::start_all(&followed);
    writer.is_followed(&followers, &tag).await;

    let path = format!("/keys/{id}");
    let revoked = writer
        .ask(Method::DELETE, &process.base(), &path, None)
        .await;
    assert!(matches!(revoked, Some((204, _))), "{revoked:?}");
    for follower in &followers {
        follower
            .holds("old data", |held| held.state == "denied")
            .await;
    }
    reading_never_waits(&mut followers);
    let tag = writer.writes(3).await;
    folder.token(Some(&node_key(&writer).await.1));
    writer.is_followed(&followers, &tag).await;
    let tag = writer.writes(2).await;
    writer.is_followed(&followers, &tag).await;
    writer.check(&followers);
    drop((followers, process));
    world.end().await;
}

/// Changes the URLs of a hundred routes, in one revision.
async fn change_hundred(writer: &Writer, round: usize) {
    let put = |number: usize| {
        json!({"action": "put", "route": {"service": "web", "env": "prod", "version": format!("v{number}"),
            "url": format!("http://{round}.example/{number}")}})
    };
    let body = json!({ "changes": (0..100).map(put).collect::<Vec<_>>() });
    let path = format!("/tenants/{TENANT}/batch");
    let asked = writer
        .ask(Method::POST, &writer.bases[0], &path, Some(body))
        .await;
    let (status, answer) = asked.expect("an answer");
    assert_eq!(status, 200, "{answer}");
}

/// The number of revisions of a hundred changes each, before and after the first measurement.
fn rounds() -> (usize, usize) {
    match std::env::var_os("TM_FAULTS_FULL") {
        Some(_) => (50, 1_000),
        None => (30, 100),
    }
}

fn memory_is_steady(follower: &mut Follower, before: u64) -> String {
    let now = follower.memory();
    let (percent, least) = MEMORY_MAY_GROW;
    let most = before + (before * percent / 100).max(least);
    assert!(
        now <= most,
        "{}: {before} bytes, then {now}",
        follower.language
    );
    format!(
        "{} {} MiB, then {} MiB",
        follower.language,
        before >> 20,
        now >> 20
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_take_no_more_memory_after_thousands_of_changes() {
    prepared().await;
    let _load = parts::only_load().await;
    let world = World::new().await;
    let process = Process::start("all", &world.environment);
    process.ready().await;
    let mut writer = Writer::new([&process]);
    writer.write().await;
    let folder = Folder::new();
    let token = folder.token(secure::client().map(|(token, _)| token));
    let followed = Followed {
        urls: &[process.base()],
        tenant: TENANT,
        token: token.as_deref(),
        folder: &folder.0,
    };
    let mut followers = Follower::start_all(&followed);
    let (warm, more) = rounds();
    for round in 0..warm {
        change_hundred(&writer, round).await;
    }
    let tag = writer.look().await;
    writer.is_followed(&followers, &tag).await;
    let before: Vec<u64> = followers.iter_mut().map(Follower::memory).collect();
    for round in warm..warm + more {
        change_hundred(&writer, round).await;
    }
    let tag = writer.look().await;
    writer.is_followed(&followers, &tag).await;
    reading_never_waits(&mut followers);
    for (follower, before) in followers.iter_mut().zip(before) {
        println!("{}", memory_is_steady(follower, before));
    }
    drop((followers, process));
    world.end().await;
}
