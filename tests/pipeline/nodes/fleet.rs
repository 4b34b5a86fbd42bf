//! A fleet that hops between instances, is slow, follows a part, refuses and vanishes, against a model of it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{end, instances};
use crate::support::{TestApp, eventually};

const NODES: usize = 1000;
/// How long a node may be silent, in milliseconds.
const SILENT: u32 = 6000;
/// How long all instances may take to say the same as the model.
const LATE: Duration = Duration::from_secs(3);

/// What a node is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It takes what it gets.
    Good,
    /// It refuses everything after the first.
    Refuses,
    /// It goes away in the middle.
    Vanishes,
}

struct Node {
    name: String,
    env: Option<&'static str>,
    kind: Kind,
    /// The tag that it has said last to run, by its own log.
    said: Mutex<Option<String>>,
}

struct Fleet {
    urls: Vec<String>,
    http: reqwest::Client,
    nodes: Vec<Arc<Node>>,
    leaves: AtomicBool,
}

impl Fleet {
    fn new(apps: &[TestApp]) -> Arc<Self> {
        let kind = |number: usize| match number % 20 {
            7 => Kind::Refuses,
            13 => Kind::Vanishes,
            _ => Kind::Good,
        };
        let node = |number: usize| {
            Arc::new(Node {
                name: format!("n{number:04}"),
                env: [None, Some("prod"), Some("test")][number % 3],
                kind: kind(number),
                said: Mutex::default(),
            })
        };
        Arc::new(Self {
            urls: apps.iter().map(|app| app.api.clone()).collect(),
            http: crate::support::secure::http().build().expect("a client"),
            nodes: (0..NODES).map(node).collect(),
            leaves: AtomicBool::new(false),
        })
    }

    /// Polls as this node until the process ends: somewhere else each time, in its own rhythm.
    async fn run(self: Arc<Self>, node: Arc<Node>) {
        let pause = Duration::from_millis(200 + fastrand::u64(0..2800));
        let (mut held, mut newest): (Option<String>, Option<String>) = (None, None);
        loop {
            if node.kind == Kind::Vanishes && self.leaves.load(Ordering::Relaxed) {
                return;
            }
            // It refuses what is newer than what it took first.
            let refuses = node.kind == Kind::Refuses && newest != held;
            node.said.lock().clone_from(&held);
            let refused = newest.as_deref().filter(|_| refuses);
            if let Some(tag) = self.poll(&node, held.as_deref(), refused).await {
                if held.is_none() || node.kind != Kind::Refuses {
                    held = Some(tag.clone());
                }
                newest = Some(tag);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn poll(&self, node: &Node, held: Option<&str>, refused: Option<&str>) -> Option<String> {
        let url = fastrand::choice(&self.urls).expect("an instance");
        let query = node.env.map_or(String::new(), |env| format!("?env={env}"));
        let mut request = self
            .http
            .get(format!("{url}/api/v1/tenants/acme/snapshot{query}"))
            .header("tm-node", &node.name);
        if let Some(held) = held {
            request = request.header("if-none-match", format!("\"{held}\""));
        }
        if let Some(refused) = refused {
            request = request
                .header("tm-refused", refused)
                .header("tm-error", "refused no");
        }
        let answer = request.send().await.ok()?;
        let tag = answer.headers().get("etag")?.to_str().ok()?;
        Some(tag.trim_start_matches("W/").trim_matches('"').to_owned())
    }

    /// The number of nodes whose own log says that they run at least this revision of their scope.
    fn run_it(&self, needed: impl Fn(Option<&str>) -> u64) -> u64 {
        let runs = |node: &&Arc<Node>| {
            let said = node.said.lock();
            revision(said.as_deref()).is_some_and(|has| has >= needed(node.env))
        };
        self.nodes.iter().filter(runs).count() as u64
    }
}

fn revision(tag: Option<&str>) -> Option<u64> {
    tag?.rsplit_once('.')?.1.parse().ok()
}

/// Returns every node that an instance knows: its state and the tag that it runs.
async fn known(app: &TestApp) -> BTreeMap<String, (String, Value)> {
    let (mut all, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = app
            .get(&format!("/tenants/acme/nodes?limit=200&cursor={cursor}"))
            .expect(200)
            .await
            .json;
        for node in page["items"].as_array().expect("nodes") {
            let name = node["node"].as_str().expect("a name").to_owned();
            let state = node["state"].as_str().expect("a state").to_owned();
            all.insert(name, (state, node["applied"].clone()));
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return all,
        }
    }
}

/// What every instance has to say of the fleet at rest.
fn model(fleet: &Fleet) -> BTreeMap<String, (String, Value)> {
    let state = |node: &Arc<Node>| {
        let state = match node.kind {
            Kind::Good => "converged",
            Kind::Refuses => "refused",
            Kind::Vanishes => "lost",
        };
        let applied = node.said.lock().clone();
        (node.name.clone(), (state.to_owned(), json!(applied)))
    };
    fleet.nodes.iter().map(state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instance_says_of_a_thousand_nodes_what_a_model_says() {
    let (world, apps) = instances(3, SILENT).await;
    let route = json!({ "tenant": "acme", "service": "web", "env": "test", "version": "v1", "url": "http://a.example/" });
    apps[0].post("/routes").json(&route).expect(201).await;
    let fleet = Fleet::new(&apps);
    let running: Vec<_> = fleet
        .nodes
        .iter()
        .map(|node| tokio::spawn(fleet.clone().run(node.clone())))
        .collect();
    for app in &apps {
        eventually("every node is known", async || {
            (known(app).await.len() == NODES).then_some(())
        })
        .await;
    }
    let mut newest = (0, 0);
    for number in 0..8 {
        let env = ["prod", "test"][number % 2];
        let path = format!("/routes/acme/web/{env}/v1");
        let url = json!({ "url": format!("http://{number}.example/") });
        let written = apps[number % 3].put(&path).json(&url).expect(200).await;
        let tag = written.headers["etag"].to_str().expect("a tag");
        let at = revision(Some(tag.trim_matches('"'))).expect("a revision");
        if env == "prod" {
            newest.0 = at
        } else {
            newest.1 = at
        }
        // No instance says of more nodes that they have it than have said so.
        for app in &apps {
            let numbers = app
                .get(&format!(
                    "/tenants/acme/convergence?revision={}",
                    tag.trim_matches('"')
                ))
                .header("tm-min-revision", tag)
                .expect(200)
                .await
                .json;
            let needed = |env: Option<&str>| match env {
                None => newest.0.max(newest.1),
                Some("prod") => newest.0,
                Some(_) => newest.1,
            };
            let most = fleet.run_it(needed);
            let told = numbers["converged"].as_u64().expect("a number");
            assert!(told <= most, "{told} told, {most} have said so");
        }
    }
    fleet.leaves.store(true, Ordering::Relaxed);
    // The slowest node comes every 3 s, and is lost after three of these intervals, measured by its answers.
    let began = Instant::now();
    let late = Duration::from_secs(3) + Duration::from_secs(11) + LATE;
    for app in &apps {
        loop {
            let (told, wanted) = (known(app).await, model(&fleet));
            if told == wanted {
                break;
            }
            let differs: Vec<_> = wanted
                .iter()
                .filter(|(name, state)| told.get(*name) != Some(*state))
                .map(|(name, state)| (name, state, told.get(name)))
                .take(5)
                .collect();
            assert!(began.elapsed() < late, "{differs:?}");
        }
    }
    println!("all instances agree after {:?}", began.elapsed());
    running.iter().for_each(tokio::task::JoinHandle::abort);
    Box::pin(end(world, apps)).await;
}
