//! The service itself in front of the proxies: each proxy is started as `GET
//! /dataplane/{dialect}/bootstrap` says, with the key of a node, and gets what it does from there.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use serde_json::{Value, json};
use test_support::{
    Call, Database, TestApp,
    authority::{Authority, Folder},
    callers::{ASKING, first_key},
    eventually,
    ports::free_address,
    secure, settings,
};
use traffic_manager::{
    app::{Role, commands},
    config::Settings,
};

use crate::{
    ask::Answer,
    programs::{Program, Proxy, Site},
};

/// The tenant of every test here.
pub const TENANT: &str = "acme";

/// A service that knows each caller, and what a restart of it needs.
pub struct Service {
    /// The address of its API, the same after a restart.
    pub address: SocketAddr,
    /// The address of its listener for Envoys, the same after a restart.
    pub ads: SocketAddr,
    app: Option<TestApp>,
    installation: Arc<Installation>,
}

/// What all instances of a service share.
struct Installation {
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
        Self::start_with(authority, &[]).await
    }

    /// The same, with further settings of all its instances.
    pub async fn start_with(authority: &Authority, more: &[&str]) -> Self {
        let folder = Folder::new();
        let more = more.iter().copied();
        let mut overrides: Vec<String> =
            ASKING.into_iter().chain(more).map(str::to_owned).collect();
        overrides.extend([
            // A restored database is noticed at once.
            "write.timeline_check_ms=200".to_owned(),
            format!("dataplane.ca_file={}", trusted(authority, &folder)),
        ]);
        let database = Arc::new(Database::create().await);
        let admin = first_key(&settings(&database, &texts(&overrides))).await;
        let mut installation = Installation {
            database,
            overrides,
            admin,
            node: String::new(),
            _folder: folder,
        };
        let (address, ads) = (free_address(), free_address());
        let app = installation.instance(&listen(address, ads)).await;
        installation.node = installation.first_node(&app).await;
        Self {
            address,
            ads,
            app: Some(app),
            installation: Arc::new(installation),
        }
    }

    /// Starts another instance of the same installation.
    pub async fn another(&self) -> Self {
        self.another_with(&[]).await
    }

    /// The same, with settings of its own until it is stopped.
    pub async fn another_with(&self, overrides: &[&str]) -> Self {
        let mut another = Self {
            address: free_address(),
            ads: free_address(),
            app: None,
            installation: self.installation.clone(),
        };
        let own = overrides.iter().map(|pair| (*pair).to_owned());
        let all: Vec<_> = another.listen().into_iter().chain(own).collect();
        another.app = Some(self.installation.instance(&all).await);
        another
    }

    /// Starts the service again after [`Service::stop`].
    pub async fn run(&mut self) {
        let app = self.installation.instance(&self.listen()).await;
        self.app = Some(app);
    }

    /// The same with another database, a primary and its replica, with which the service may never
    /// be ready.
    pub async fn run_on(&mut self, primary: &str, replica: &str) {
        let (listen, installation) = (self.listen(), &self.installation);
        let databases = [
            format!("postgres.primary_url={primary}"),
            format!("postgres.replica_urls={replica}"),
        ];
        let settings = installation.settings(&[listen, databases].concat());
        let database = installation.database.clone();
        self.app = Some(TestApp::launch(database, settings, Role::Serve).await);
    }

    /// Stops the service. Its database stays.
    pub async fn stop(&mut self) {
        self.app.take().expect("it runs").drain().await;
    }

    /// Returns the key of a node.
    pub fn node_token(&self) -> &str {
        &self.installation.node
    }

    fn listen(&self) -> [String; 2] {
        listen(self.address, self.ads)
    }

    fn app(&self) -> &TestApp {
        self.app.as_ref().expect("the service runs")
    }

    /// `GET /api/v1…` of the administrator.
    pub fn get(&self, path: &str) -> Call {
        self.app().get(path).bearer(&self.installation.admin)
    }

    fn post(&self, path: &str) -> Call {
        self.app().post(path).bearer(&self.installation.admin)
    }

    /// Makes all changes in one revision, and returns it.
    pub async fn change(&self, changes: &[Value]) -> u64 {
        let path = format!("/tenants/{TENANT}/batch");
        let body = json!({ "changes": changes, "confirm_in_use": true });
        let answer = self.post(&path).json(&body).expect(200).await;
        answer.json["revision"].as_u64().expect("a revision")
    }

    /// Returns the epoch and the revision of the tenant.
    pub async fn tag(&self) -> (String, u64) {
        let tenant = self
            .get(&format!("/tenants/{TENANT}"))
            .expect(200)
            .await
            .json;
        let epoch = tenant["epoch"].as_str().expect("an epoch").to_owned();
        (epoch, tenant["revision"].as_u64().expect("a revision"))
    }

    /// Deletes versions of a service, also the tenant's last ones.
    pub async fn empty(&self, service: &str, versions: &[&str]) {
        for version in versions {
            let path = format!("/routes/{TENANT}/{service}/prod/{version}");
            let deleted = self.app().delete(&path).bearer(&self.installation.admin);
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
        let site = Site::new(program);
        let bootstrap = self.bootstrap(&site).await;
        self.start_proxy(site, &bootstrap)
    }

    /// Starts a proxy with this bootstrap and the key of a node.
    pub fn start_proxy(&self, site: Site, bootstrap: &str) -> Proxy {
        site.run_bootstrap(bootstrap, &self.installation.node)
    }

    /// Returns the report on the policy of a service for Envoys.
    pub async fn report_of(&self, service: &str) -> Value {
        let path = format!("/dataplane/envoy/report?tenant={TENANT}&service={service}");
        let report = self.get(&path).expect(200).await.json;
        report["policies"][0].clone()
    }

    /// Waits until the ledger says that a node is in this state, and returns what it knows of the node.
    pub async fn node_comes_to(&self, node: &str, state: &str) -> Value {
        let path = format!("/tenants/{TENANT}/nodes/{node}");
        eventually(&format!("{node} is {state}"), async || {
            let answer = self.get(&path).send().await;
            let scope = answer.json["scopes"][0].clone();
            (scope["state"] == state).then_some(scope)
        })
        .await
    }

    /// Returns the actions in the queue of the access log whose names begin so, in their order. They stay there
    /// until the service is stopped.
    pub async fn access_events(&self, begin: &str) -> Vec<String> {
        let sql = "select event ->> 'action' as action from access_outbox order by id";
        let rows = self.installation.database.rows(sql, &[]).await;
        let actions = rows.iter().map(|row| row.get::<_, String>("action"));
        actions.filter(|action| action.starts_with(begin)).collect()
    }

    /// Copies all rows, as a backup does.
    pub async fn back_up(&self) {
        self.installation.database.execute(BACK_UP, &[]).await;
    }

    /// Puts the copied rows back, and says so to the database as the operator does (see
    /// docs/operations/backup.md).
    pub async fn restore(&self) {
        let database = &self.installation.database;
        database.execute(RESTORE, &[]).await;
        let mut settings = settings(database, &[]);
        settings.migrate.postgres_url = database.owner_url().into();
        commands::mark_restored(&settings)
            .await
            .expect("the restore is recorded");
    }

    /// Returns the configuration or the script with which the proxy of this site starts.
    pub async fn bootstrap(&self, site: &Site) -> String {
        let transport = match site.program {
            Program::Envoy => "&transport=ads",
            _ => "",
        };
        self.bootstrap_with(site, transport).await
    }

    /// The same, with further parameters.
    pub async fn bootstrap_with(&self, site: &Site, transport: &str) -> String {
        let path = format!(
            "/dataplane/{}/bootstrap?tenant={TENANT}&listen={}&admin={}{transport}",
            site.program.dialect(),
            site.web,
            site.admin,
        );
        let answer = self
            .app()
            .get(&path)
            .bearer(&self.installation.node)
            .expect(200)
            .await;
        String::from_utf8(answer.bytes).expect("text")
    }
}

impl Installation {
    /// Starts an instance at these addresses.
    async fn instance(&self, listen: &[String]) -> TestApp {
        TestApp::run(self.database.clone(), self.settings(listen), Role::Serve).await
    }

    fn settings(&self, more: &[String]) -> Settings {
        let all = [self.overrides.as_slice(), more].concat();
        settings(&self.database, &texts(&all))
    }

    /// Makes the tenant, and returns the key of a node of it.
    async fn first_node(&self, app: &TestApp) -> String {
        let post = |path: &str, body: &Value| app.post(path).bearer(&self.admin).json(body);
        post("/tenants", &json!({ "name": TENANT }))
            .expect(201)
            .await;
        let key = json!({ "tenant": TENANT, "roles": ["node"] });
        let made = post("/keys", &key).expect(201).await;
        made.json["token"].as_str().expect("a token").to_owned()
    }
}

/// Returns the settings of an instance at these addresses.
fn listen(api: SocketAddr, ads: SocketAddr) -> [String; 2] {
    [
        format!("http.listen={api}"),
        format!("http.ads_listen={ads}"),
    ]
}

/// Copies every table into a schema of its own.
const BACK_UP: &str = "do $$ declare name text; begin
    create schema backup;
    for name in select tablename from pg_tables where schemaname = 'public' loop
        execute format('create table backup.%I as table public.%1$I', name);
    end loop;
end $$";

/// Puts the rows of the copies in the place of those that the tables have.
const RESTORE: &str = "do $$ declare name text; begin
    set local session_replication_role = replica;
    for name in select tablename from pg_tables where schemaname = 'backup' loop
        execute format('delete from public.%I', name);
        execute format('insert into public.%I overriding system value table backup.%1$I', name);
    end loop;
end $$";

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
