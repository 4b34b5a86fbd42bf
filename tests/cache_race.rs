//! Loads and commits race for the same tenant: once a commit has been applied, nothing older is
//! served.
//!
//! The tenants are large, so that a load takes longer than a commit and most commits fall into the
//! middle of one.

use test_support as support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use support::{Database, settings};
use tokio_util::sync::CancellationToken;
use traffic_manager::{
    app::services::WritePath,
    cache::Cache,
    config::Settings,
    domain::{
        command::{Command, CommandContext, Op, Precondition},
        event::Actor,
        ids::{RouteName, TenantName},
        route::{RoutePatch, RouteSpec},
        snapshot::TenantSnapshot,
        tag::{Epoch, VersionTag},
    },
    service::{
        batch::Request,
        write::{
            after_commit::{RelayWakes, after_commit},
            unpublished::Unpublished,
            writer::{OnCommit, Writer},
        },
    },
    store::router::Router,
};
use uuid::Uuid;

/// The parts of an instance, without its HTTP edge.
struct Instance {
    router: Arc<Router>,
    writer: Arc<Writer>,
    /// The cache. Each round replaces it by a cold one.
    cache: Arc<Mutex<Arc<Cache>>>,
    settings: Settings,
}

impl Instance {
    async fn start(db: &Database, cache_bytes: u64) -> Self {
        let mut settings = settings(db, &[]);
        settings.read.cache_bytes = cache_bytes;
        let router = Router::connect(&settings.postgres, &settings.resilience).unwrap();
        let router = Arc::new(router);
        router.check().await;
        let cache = Arc::new(Mutex::new(Cache::new(
            router.clone(),
            &settings.read,
            None,
            Vec::new(),
        )));
        let (current, wakes) = (cache.clone(), RelayWakes::default());
        let on_commit: OnCommit = Arc::new(move |committed| {
            let cache = current.lock().clone();
            after_commit(&cache, &wakes, committed);
        });
        let unpublished = Unpublished::new(&settings.audit);
        let path = WritePath::start(&settings, &router, unpublished, on_commit).unwrap();
        Self {
            router,
            writer: path.writer,
            cache,
            settings,
        }
    }

    fn cache(&self) -> Arc<Cache> {
        self.cache.lock().clone()
    }

    fn turn_cold(&self) {
        *self.cache.lock() = Cache::new(self.router.clone(), &self.settings.read, None, Vec::new());
    }

    async fn write(&self, tenant: &TenantName, op: Op) -> VersionTag {
        let context = CommandContext {
            event_id: Uuid::now_v7(),
            new_epoch: Epoch::from_random(Uuid::new_v4().as_u64_pair().1.to_be_bytes()),
            now: jiff::Timestamp::now().into(),
            actor: Actor {
                kind: "test".into(),
                id: "test".into(),
                token: None,
            },
            may_create_tenant: true,
            reason: None,
            request_id: String::new(),
            trace_id: None,
            source_ip: None,
            body_bytes: 0,
            resource_scope: Default::default(),
        };
        let command = Command {
            tenant: tenant.clone(),
            op,
            precondition: Precondition::default(),
            confirm_in_use: false,
        };
        self.writer
            .write(Request {
                command,
                context,
                idempotency_key: None,
                traceparent: None,
            })
            .await
            .unwrap()
            .outcome
            .tag
    }

    /// Changes the route whose URL shows the revision: `http://r<n>`.
    async fn change(&self, tenant: &TenantName, n: u64) -> VersionTag {
        let patch = RoutePatch {
            url: Some(format!("http://r{n}").parse().unwrap()),
            ..RoutePatch::default()
        };
        self.write(
            tenant,
            Op::Patch {
                route: route(),
                patch,
            },
        )
        .await
    }

    /// Creates a tenant with `count` routes beside the one that changes.
    async fn fill(&self, db: &Database, name: &str, count: i32) -> TenantName {
        let tenant: TenantName = name.parse().unwrap();
        let spec = RouteSpec {
            url: "http://r1".parse().unwrap(),
            is_active: true,
            labels: Default::default(),
            description: None,
        };
        self.write(
            &tenant,
            Op::Upsert {
                route: route(),
                spec,
            },
        )
        .await;
        let sql = "insert into routes select $1, 'filler', 'prod', 'v' || n, 'http://filler', true, '{}', null, 1, now(), 'x', now(), 'x' \
                   from generate_series(1, $2) n";
        db.execute(sql, &[&name, &count]).await;
        db.caught_up().await;
        tenant
    }
}

fn route() -> RouteName {
    RouteName {
        service: "web".parse().unwrap(),
        env: "prod".parse().unwrap(),
        version: "v1".parse().unwrap(),
    }
}

/// Returns the revision of a snapshot, and checks that its tag and its route agree on it. Writes
/// change only that route.
fn revision(snapshot: &TenantSnapshot) -> u64 {
    let held = snapshot.get("web", "prod", "v1").expect("the route");
    assert_eq!(
        held.url.as_str(),
        format!("http://r{}", snapshot.tag().revision),
        "a snapshot is of one instant"
    );
    snapshot.tag().revision.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn load_overtaken_by_a_commit_is_never_kept() {
    const ROUNDS: u64 = 150;
    let db = Database::create().await;
    let instance = Arc::new(Instance::start(&db, 1 << 30).await);
    let tenant = instance.fill(&db, "acme", 1500).await;
    let (mut stale, mut races) = (0, 0);
    for n in 2..ROUNDS + 2 {
        instance.turn_cold();
        let cache = instance.cache();
        let (began, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let loaders: Vec<_> = (0..3)
            .map(|_| {
                let (cache, tenant, began, ended) =
                    (cache.clone(), tenant.clone(), began.clone(), ended.clone());
                tokio::spawn(async move {
                    began.fetch_add(1, Ordering::SeqCst);
                    let got = cache.get(&tenant, None).await.unwrap().expect("the tenant");
                    ended.fetch_add(1, Ordering::SeqCst);
                    revision(&got)
                })
            })
            .collect();
        // The delay varies from before the load's first byte to after its last.
        tokio::time::sleep(Duration::from_micros(n * 397 % 12_000)).await;
        let was_loading = began.load(Ordering::SeqCst) > 0 && ended.load(Ordering::SeqCst) == 0;
        let committed = instance.change(&tenant, n).await;
        assert_eq!(committed.revision.0, n);
        races += usize::from(was_loading);
        let read = async || revision(&cache.get(&tenant, None).await.unwrap().expect("the tenant"));
        stale += usize::from(read().await < n);
        for loader in loaders {
            // A cold cache may begin with a replica's state, however old: it has not served
            // anything newer.
            assert!(loader.await.unwrap() <= n);
        }
        // The overtaken load has ended. If it had stored its snapshot, that snapshot would be
        // served now.
        stale += usize::from(read().await < n);
    }
    assert_eq!(
        stale, 0,
        "stale reads in {ROUNDS} rounds with {races} races"
    );
    assert!(
        races > ROUNDS as usize / 10,
        "only {races} of {ROUNDS} commits fell into a load"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cache_too_small_for_its_tenants_never_goes_back() {
    const COMMITS: u64 = 120;
    let db = Database::create().await;
    // The cache has room for one of the three tenants: each load evicts another tenant, and the
    // next read loads that tenant again.
    let instance = Arc::new(Instance::start(&db, 350_000).await);
    let mut tenants = Vec::new();
    for name in ["a", "b", "c"] {
        tenants.push(instance.fill(&db, name, 500).await);
    }
    let weight = instance
        .cache()
        .get(&tenants[0], None)
        .await
        .unwrap()
        .expect("the tenant")
        .weight();
    assert!((175_000..350_000).contains(&weight), "{weight}");
    // A failing test ends the readers, too. They never wait for anything, so the runtime would wait
    // for them forever.
    let done = CancellationToken::new();
    let ended = done.clone().drop_guard();
    let readers: Vec<_> = (0..3)
        .map(|reader| {
            let (instance, tenants, done) = (instance.clone(), tenants.clone(), done.clone());
            tokio::spawn(async move {
                let (mut seen, mut reads) = ([0; 3], 0);
                while !done.is_cancelled() {
                    let at = (reads + reader) % tenants.len();
                    let got = revision(
                        &instance
                            .cache()
                            .get(&tenants[at], None)
                            .await
                            .unwrap()
                            .expect("the tenant"),
                    );
                    assert!(got >= seen[at], "{got} after {}", seen[at]);
                    seen[at] = got;
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    let refresher = {
        let (instance, done) = (instance.clone(), done.clone());
        tokio::spawn(async move {
            while !done.is_cancelled() {
                instance.cache().refresh().await;
            }
        })
    };
    let writers: Vec<_> = tenants
        .iter()
        .map(|tenant| {
            let (instance, tenant) = (instance.clone(), tenant.clone());
            tokio::spawn(async move {
                let mut stale = 0;
                for n in 2..COMMITS + 2 {
                    assert_eq!(instance.change(&tenant, n).await.revision.0, n);
                    stale += usize::from(
                        revision(
                            &instance
                                .cache()
                                .get(&tenant, None)
                                .await
                                .unwrap()
                                .expect("the tenant"),
                        ) < n,
                    );
                }
                stale
            })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), 0, "stale reads");
    }
    drop(ended);
    refresher.await.unwrap();
    for reader in readers {
        assert!(reader.await.unwrap() > 50, "a reader that read");
    }
}
