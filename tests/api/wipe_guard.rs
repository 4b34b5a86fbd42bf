//! The node agent's wipe guard and the real service: a removal that was confirmed is applied, any other is held back.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use traffic_manager::signing::SigningKey;
use traffic_manager_agent::{agent, config::Config};

use crate::{
    confirmed::{batch, deletions, names, puts, tenant},
    support::{Database, TestApp, eventually, ports::free_address, secure},
};

/// A signing key of the service, and a node whose proxy is a Traefik that nobody asks.
struct Node {
    folder: PathBuf,
    service: SocketAddr,
    listen: SocketAddr,
    public_key: String,
    config: Config,
    agent: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Node {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tm-guarded-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let key = SigningKey::create(&folder.join("key.pem")).unwrap();
        let public_key = hex::encode(key.public());
        let (service, listen) = (free_address(), free_address());
        let config = config(service, listen, &folder, "");
        let mut node = Self {
            folder,
            service,
            listen,
            public_key,
            config,
            agent: None,
        };
        node.configure("");
        node
    }

    /// Configures the agent with the key and further lines of the section `service`.
    fn configure(&mut self, more: &str) {
        let keys = format!("trusted_keys = [\"{}\"]\n{more}", self.public_key);
        self.config = config(self.service, self.listen, &self.folder, &keys);
    }

    /// Starts the service that the agent asks.
    async fn app(&self, db: Arc<Database>) -> TestApp {
        let key = self.folder.join("key.pem");
        let signing = format!("dataplane.signing_keys={}", key.display());
        let listen = format!("http.listen={}", self.service);
        TestApp::on(db, &[&signing, &listen]).await
    }

    fn run(&mut self) {
        self.agent = Some(tokio::spawn(agent::run(self.config.clone())));
    }

    /// Ends the agent, and returns once nothing of it is left.
    async fn end(&mut self) {
        let agent = self.agent.take().expect("it runs");
        agent.abort();
        let ended = agent.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()), "it ran");
    }

    async fn status(&self) -> Option<Value> {
        let answer = reqwest::get(format!("http://{}/status", self.listen)).await;
        answer.ok()?.json().await.ok()
    }

    async fn applies(&self, tag: &str) {
        eventually(&format!("the proxy has {tag}"), async || {
            let status = self.status().await?;
            let acme = &status["tenants"]["acme"];
            (acme["applied"] == tag && acme["held_back"] == Value::Null).then_some(())
        })
        .await;
    }

    /// Waits until a state is held back, and returns why.
    async fn holds_back(&self, tag: &str) -> String {
        eventually(&format!("{tag} is held back"), async || {
            let status = self.status().await?;
            let acme = &status["tenants"]["acme"];
            assert_ne!(acme["applied"], tag, "it is applied");
            let held_back = &acme["held_back"];
            let reason = held_back["reason"].as_str()?;
            (held_back["tag"] == tag).then(|| reason.to_owned())
        })
        .await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(agent) = &self.agent {
            agent.abort();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn config(service: SocketAddr, listen: SocketAddr, folder: &std::path::Path, more: &str) -> Config {
    let (url, folder) = (secure::base(service), folder.display());
    let credentials = match secure::client() {
        Some((token, _)) => {
            std::fs::write(format!("{folder}/token"), token).unwrap();
            let ca = secure::ca();
            format!("token_file = \"{folder}/token\"\nca_file = \"{ca}\"")
        }
        None => String::new(),
    };
    let unused = free_address();
    let text = format!(
        r#"
[service]
servers = ["{url}"]
tenant = "acme"
{credentials}
{more}
[node]
name = "edge-1"
state = "{folder}/state"
listen = "{listen}"
[proxy]
dialect = "traefik"
listen = "{unused}"
admin = "{unused}"
read_back = false
[times]
pause_ms = 20
retry_ms = 20
ask_again_ms = 200
"#
    );
    Config::parse(&text).expect("a configuration")
}

async fn delete_one_by_one(app: &TestApp, names: &[Value]) -> String {
    let mut last = String::new();
    for name in names {
        let part = |part: &str| name[part].as_str().unwrap();
        let path = ["service", "env", "version"].map(part).join("/");
        let deleted = app.delete(&format!("/routes/acme/{path}"));
        last = deleted.expect(204).await.tag();
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn confirmed_removal_is_applied_by_a_node_that_is_there_or_comes_later() {
    let mut node = Node::new();
    let app = node.app(Arc::new(Database::create().await)).await;
    tenant(&app).await;
    let first = batch(&app, &puts(names("web", "prod", 30))).await;
    node.run();
    node.applies(&first.tag()).await;
    let removed = batch(&app, &deletions(names("web", "prod", 29))).await;
    node.applies(&removed.tag()).await;

    // The node is away: what happens after the removal comes together with it.
    let again = batch(&app, &puts(names("web", "prod", 30))).await;
    node.applies(&again.tag()).await;
    node.end().await;
    batch(&app, &deletions(names("web", "prod", 30))).await;
    let last = batch(&app, &puts(names("shop", "prod", 2))).await;
    node.run();
    node.applies(&last.tag()).await;

    // The confirmation is used up: the same again needs another one.
    let again = batch(&app, &puts(names("web", "prod", 30))).await;
    node.applies(&again.tag()).await;
    node.end().await;
    let last = delete_one_by_one(&app, &names("web", "prod", 30)).await;
    node.run();
    let reason = node.holds_back(&last).await;
    assert_eq!(reason, "it drops 30 of 32 routes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unconfirmed_wipe_beside_a_confirmed_removal_is_held_back() {
    let mut node = Node::new();
    let app = node.app(Arc::new(Database::create().await)).await;
    tenant(&app).await;
    let all = [names("web", "prod", 12), names("shop", "prod", 30)];
    let first = batch(&app, &puts(all.concat())).await;
    node.run();
    node.applies(&first.tag()).await;
    node.end().await;
    delete_one_by_one(&app, &names("shop", "prod", 25)).await;
    let body = json!({"routes": [], "prune": true, "scope": {"service": "web"}});
    let plan = app.post("/tenants/acme/plans").json(&body);
    let plan = plan.expect(201).await;
    let (id, hash) = (plan.json["id"].as_str().unwrap(), &plan.json["hash"]);
    let applied = app
        .post(&format!("/tenants/acme/plans/{id}/apply"))
        .json(&json!({"hash": hash, "confirm_shrink": hash}))
        .expect(200)
        .await;
    node.run();
    let tag = applied.tag();
    let reason = node.holds_back(&tag).await;
    let expected = format!("it drops 25 of 42 routes beside what was confirmed at {tag}");
    assert_eq!(reason, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_that_vanish_behind_the_service_are_held_back() {
    let mut node = Node::new();
    let db = Arc::new(Database::create().await);
    let app = node.app(db.clone()).await;
    tenant(&app).await;
    let first = batch(&app, &puts(names("web", "prod", 30))).await;
    node.run();
    node.applies(&first.tag()).await;
    app.drain().await;
    let sql = "delete from routes where tenant = 'acme' and version >= 'v05'";
    assert_eq!(db.execute(sql, &[]).await, 25);
    let app = node.app(db).await;
    let last = batch(&app, &puts(names("shop", "prod", 1))).await;
    let reason = node.holds_back(&last.tag()).await;
    assert_eq!(reason, "it drops 25 of 30 routes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_trusted_keys_a_confirmed_removal_is_held_back() {
    let mut node = Node::new();
    node.config.service.trusted_keys.clear();
    let app = node.app(Arc::new(Database::create().await)).await;
    tenant(&app).await;
    let first = batch(&app, &puts(names("web", "prod", 30))).await;
    node.run();
    node.applies(&first.tag()).await;
    let removed = batch(&app, &deletions(names("web", "prod", 29))).await;
    let reason = node.holds_back(&removed.tag()).await;
    assert_eq!(reason, "it drops 29 of 30 routes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn node_of_one_environment_applies_its_part_of_a_confirmed_removal() {
    let mut node = Node::new();
    node.configure("env = \"prod\"");
    let app = node.app(Arc::new(Database::create().await)).await;
    tenant(&app).await;
    let all = [names("web", "prod", 30), names("web", "dev", 4)];
    let first = batch(&app, &puts(all.concat())).await;
    node.run();
    node.applies(&first.tag()).await;
    let gone = [names("web", "prod", 29), names("web", "dev", 2)];
    let removed = batch(&app, &deletions(gone.concat())).await;
    node.applies(&removed.tag()).await;
}
