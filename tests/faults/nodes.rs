//! The ledger of nodes while Kafka is killed and hangs, and when an instance dies without a word: nobody claims what
//! cannot be known, no write waits for it, and all is known again afterwards.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    parts::{self, Fault},
    processes::{Process, eventually},
};

const PATIENCE: Duration = Duration::from_secs(60);
const TENANT: &str = "/api/v1/tenants/acme";

/// A process, and a client of it.
struct Instance {
    process: Process,
    http: reqwest::Client,
}

impl Instance {
    async fn start(environment: &std::collections::HashMap<String, String>) -> Self {
        let process = Process::start("all", environment);
        process.ready().await;
        let http = crate::support::secure::http().build().expect("a client");
        Self { process, http }
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.process.base());
        let answer = self.http.get(url).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Polls as a node that runs what it got last. Returns the tag of the answer.
    async fn poll(&self, node: &str, held: Option<&str>) -> String {
        let url = format!("{}{TENANT}/snapshot", self.process.base());
        let mut request = self.http.get(url).header("tm-node", node);
        if let Some(held) = held {
            request = request.header("if-none-match", held);
        }
        let answer = request.send().await.expect("an answer");
        let tag = answer.headers()["etag"].to_str();
        tag.expect("a tag").to_owned()
    }

    /// Changes the route, and returns the answer's convergence after a wait of a second.
    async fn write(&self, number: usize) -> Value {
        let url = format!(
            "{}/api/v1/routes/acme/web/prod/v1?wait=100%25,1s",
            self.process.base()
        );
        let body = json!({ "url": format!("http://{number}.example/") });
        let answer = self
            .http
            .put(url)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
        let answer: Value = answer.json().await.expect("JSON");
        answer["convergence"].clone()
    }

    async fn is_partial(&self, partial: bool) {
        eventually(
            PATIENCE,
            "the ledger says whether it is whole",
            async || self.get(&format!("{TENANT}/convergence")).await["partial"] == partial,
        )
        .await;
    }

    /// Waits until this instance says that the node runs this tag.
    async fn knows(&self, node: &str, tag: &str) {
        eventually(PATIENCE, "the node is known to run it", async || {
            let known = self.get(&format!("{TENANT}/nodes/{node}")).await;
            known["scopes"][0]["applied"] == tag.trim_matches('"')
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledger_claims_nothing_without_kafka_and_is_whole_again_with_it() {
    let alone = parts::alone().await;
    let world = alone.world().await;
    let mut environment = world.environment.clone();
    environment.insert("TM__NODES__SILENT_AFTER_MS".into(), "4000".into());
    environment.insert("TM__KAFKA__DELIVERY_TIMEOUT_MS".into(), "3000".into());
    let here = Instance::start(&environment).await;
    let there = Instance::start(&environment).await;
    let url = format!("{}/api/v1/routes", here.process.base());
    let route = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": "http://a.example/" });
    let made = here
        .http
        .post(url)
        .json(&route)
        .send()
        .await
        .expect("an answer");
    assert_eq!(made.status(), 201);
    for instance in [&here, &there] {
        instance.is_partial(false).await;
        let warm =
            async || instance.get(&format!("{TENANT}/convergence")).await["warming"] == false;
        eventually(PATIENCE, "the instance knows all nodes", warm).await;
    }
    for (number, fault) in [Fault::Kill, Fault::Pause].into_iter().enumerate() {
        let held = there.poll("edge", None).await;
        there.poll("edge", Some(&held)).await;
        here.knows("edge", &held).await;
        let outage = alone.strike(fault, "kafka").await;
        let began = Instant::now();
        here.is_partial(true).await;
        let noticed = began.elapsed();
        let convergence = here.write(number).await;
        assert_eq!(convergence["state"], "partial", "{convergence}");
        // The node takes the change where it is: only that instance knows.
        eventually(PATIENCE, "the change is there", async || {
            there.poll("edge", Some(&held)).await != held
        })
        .await;
        let newer = there.poll("edge", Some(&held)).await;
        there.poll("edge", Some(&newer)).await;
        there.knows("edge", &newer).await;
        let known = here.get(&format!("{TENANT}/nodes/edge")).await;
        assert_eq!(known["scopes"][0]["applied"], held.trim_matches('"'));
        outage.end().await;
        let began = Instant::now();
        // Once it claims to know all, it does.
        here.is_partial(false).await;
        let known = here.get(&format!("{TENANT}/nodes/edge")).await;
        assert_eq!(known["scopes"][0]["applied"], newer.trim_matches('"'));
        println!(
            "noticed after {noticed:?}, whole again after {:?}",
            began.elapsed()
        );
    }
    // Nobody can say what the nodes of a dead instance run, until they have come elsewhere or are lost.
    drop(there);
    here.is_partial(true).await;
    here.is_partial(false).await;
    drop(here);
    world.end().await;
}
