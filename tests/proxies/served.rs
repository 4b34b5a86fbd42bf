//! The service itself in front of the proxies: each proxy is started as `GET
//! /dataplane/{dialect}/bootstrap` says, with the key of a node, and gets what it does from there.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Value, json};
use test_support::{
    Call, Database, TestApp,
    authority::{Authority, Folder},
    callers::{ASKING, first_key},
    ports::free_address,
    secure, settings,
};

use crate::{
    ask::Answer,
    programs::{Program, Proxy, Site},
};

/// The tenant of every test here.
pub const TENANT: &str = "acme";

/// A running service that knows each caller, and what a restart of it needs.
pub struct Service {
    /// The address of its API, the same after a restart.
    pub address: std::net::SocketAddr,
    app: Option<TestApp>,
    database: Arc<Database>,
    overrides: Vec<String>,
    admin: String,
    node: String,
    _folder: Folder,
}

/// What a dialect made of a policy, as the report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    pub state: String,
    pub notes: Vec<String>,
}

impl Service {
    /// Starts a service whose proxies trust the certificates of `authority`.
    pub async fn start(authority: &Authority) -> Self {
        let folder = Folder::new();
        let (address, ads) = (free_address(), free_address());
        let mut overrides: Vec<String> = ASKING.map(str::to_owned).into();
        overrides.extend([
            format!("http.listen={address}"),
            format!("http.ads_listen={ads}"),
            format!("dataplane.ca_file={}", trusted(authority, &folder)),
        ]);
        let database = Arc::new(Database::create().await);
        let admin = first_key(&settings(&database, &texts(&overrides))).await;
        let mut service = Self {
            address,
            app: None,
            database,
            overrides,
            admin,
            node: String::new(),
            _folder: folder,
        };
        service.run().await;
        let tenant = service.post("/tenants").json(&json!({ "name": TENANT }));
        tenant.expect(201).await;
        let key = json!({ "tenant": TENANT, "roles": ["node"] });
        let made = service.post("/keys").json(&key).expect(201).await;
        made.json["token"]
            .as_str()
            .expect("a token")
            .clone_into(&mut service.node);
        service
    }

    /// Starts the service again after [`Service::stop`].
    pub async fn run(&mut self) {
        let app = TestApp::on(self.database.clone(), &texts(&self.overrides)).await;
        self.app = Some(app);
    }

    /// Stops the service. Its database stays.
    pub async fn stop(&mut self) {
        self.app.take().expect("it runs").drain().await;
    }

    fn app(&self) -> &TestApp {
        self.app.as_ref().expect("the service runs")
    }

    /// `GET /api/v1…` of the administrator.
    pub fn get(&self, path: &str) -> Call {
        self.app().get(path).bearer(&self.admin)
    }

    fn post(&self, path: &str) -> Call {
        self.app().post(path).bearer(&self.admin)
    }

    /// Makes all changes in one revision, and returns it.
    pub async fn change(&self, changes: &[Value]) -> u64 {
        let path = format!("/tenants/{TENANT}/batch");
        let body = json!({ "changes": changes, "confirm_in_use": true });
        let answer = self.post(&path).json(&body).expect(200).await;
        answer.json["revision"].as_u64().expect("a revision")
    }

    /// Deletes versions of a service, also the tenant's last ones.
    pub async fn empty(&self, service: &str, versions: &[&str]) {
        for version in versions {
            let path = format!("/routes/{TENANT}/{service}/prod/{version}");
            let deleted = self.app().delete(&path).bearer(&self.admin);
            deleted.expect(204).await;
        }
    }

    /// Returns what a dialect made of each policy, by the name of its service.
    pub async fn report(&self, program: Program) -> BTreeMap<String, Reported> {
        let path = format!("/dataplane/{}/report?tenant={TENANT}", program.dialect());
        let report = self.get(&path).expect(200).await.json;
        let policies = report["policies"].as_array().expect("policies");
        policies
            .iter()
            .map(|policy| {
                let notes = policy["notes"].as_array().expect("notes");
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                let reported = Reported {
                    state: text(&policy["state"]),
                    notes: notes.iter().map(text).collect(),
                };
                (text(&policy["service"]), reported)
            })
            .collect()
    }

    /// Starts a proxy as its bootstrap says, with the key of a node. What it serves comes later:
    /// wait for it.
    pub async fn proxy(&self, program: Program) -> Proxy {
        let mut site = Site::new(program);
        site.set("TM_TOKEN", &self.node);
        site.offer_program();
        let bootstrap = self.bootstrap(&site).await;
        let name = match program {
            Program::Envoy => "bootstrap.yaml",
            _ => "bootstrap.sh",
        };
        site.write(name, &bootstrap);
        let file = site.path(name);
        match program {
            Program::Envoy => {
                let words = [
                    "-c",
                    &file,
                    "--concurrency",
                    "1",
                    "--disable-hot-restart",
                    "-l",
                    "warn",
                ];
                site.spawn(&program.path(), &words.map(str::to_owned))
            }
            _ => site.spawn(Path::new("sh"), &[file]),
        }
    }

    /// Returns the configuration or the script with which the proxy of this site starts.
    async fn bootstrap(&self, site: &Site) -> String {
        let transport = match site.program {
            Program::Envoy => "&transport=ads",
            _ => "",
        };
        let path = format!(
            "/dataplane/{}/bootstrap?tenant={TENANT}&listen={}&admin={}{transport}",
            site.program.dialect(),
            site.web,
            site.admin,
        );
        let answer = self.app().get(&path).bearer(&self.node).expect(200).await;
        String::from_utf8(answer.bytes).expect("text")
    }
}

/// Writes the file of the authorities that versions are verified against, and in an encrypted run
/// the service, too.
fn trusted(authority: &Authority, folder: &Folder) -> String {
    let own = authority.file(folder);
    if !secure::is_on() {
        return own;
    }
    let both = [own, secure::ca()].map(|file| std::fs::read_to_string(file).expect("a CA"));
    folder.write("trusted.pem", &both.concat())
}

fn texts(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

/// The change that puts a version of a service.
pub fn route(service: &str, version: &str, url: &str, is_active: bool) -> Value {
    json!({"action": "put", "route": {
        "service": service, "env": "prod", "version": version, "url": url, "is_active": is_active,
    }})
}

/// The change that puts the policy of a service.
pub fn policy(service: &str, spec: &Value) -> Value {
    let mut policy = spec.clone();
    policy["service"] = json!(service);
    policy["env"] = json!("prod");
    json!({"action": "put", "policy": policy})
}

/// Returns the code of a problem document that a proxy answered.
pub fn code(answer: &Answer) -> Option<String> {
    if answer.header("content-type")? != "application/problem+json" {
        return None;
    }
    let problem: Value = serde_json::from_str(&answer.text()).ok()?;
    Some(problem["code"].as_str()?.to_owned())
}
