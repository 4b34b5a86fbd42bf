//! The live walk of the Rust client: twelve steps, the same as in `sdk/typescript/test/live.test.ts` and
//! `sdk/python/tests/test_live.py`.

use std::time::Duration;

use serde_json::json;
use traffic_manager_client::{
    Applied, Client, ClientSettings, Conditional, Confirmations, Document, Label, Scope, Settings,
    State, TenantSnapshot, Token, View, Watcher,
    types::{
        AuditFilter, ListFilter, NewTenant, PolicyKey, PolicySpec, RouteKey, RouteSpec,
        ScopeFilter, VerifyQuery,
    },
    verify::Verifier,
};

use crate::{
    scene::Scene,
    support::{PATIENCE, eventually, secure},
};

const TENANT: &str = "walk-rust";

/// The client, a watcher with a node's name, and the route that the steps change.
struct Walk {
    client: Client,
    watcher: Watcher,
    route: RouteKey,
}

impl Walk {
    async fn start(scene: &Scene) -> Self {
        let server = scene.app.api.parse().expect("a URL");
        let ca = secure::client().map(|(_, ca)| ca);
        let mut settings = ClientSettings::new(vec![server]);
        settings.token = Some(Token::fixed(scene.token.as_str()));
        settings.ca_pem.clone_from(&ca);
        let servers = settings.servers.clone();
        let client = Client::new(settings).expect("a client");
        let tenant = NewTenant {
            name: TENANT.to_owned(),
            allowed_hosts: None,
            quotas: None,
        };
        client.create_tenant(&tenant).await.expect("a tenant");
        let mut settings = Settings::new(servers, TENANT.parse().expect("a name"));
        settings.token = Some(Token::fixed(scene.token.as_str()));
        settings.ca_pem = ca;
        settings.node = Label::from_host("walk");
        Self {
            client,
            watcher: Watcher::start(settings).await.expect("a watcher"),
            route: RouteKey::new(TENANT, "web", "prod", "v1"),
        }
    }

    /// Waits until the watcher has what is wanted.
    async fn sees(&self, what: &str, is_wanted: impl Fn(&View, &TenantSnapshot) -> bool) {
        let mut changes = self.watcher.changed();
        let wanted = changes.wait_for(|view| {
            let held = view.snapshot.as_deref();
            held.is_some_and(|snapshot| is_wanted(view, snapshot))
        });
        let seen = tokio::time::timeout(PATIENCE, wanted).await;
        assert!(
            seen.is_ok_and(|seen| seen.is_ok()),
            "the watcher never has {what}"
        );
    }

    async fn sees_url(&self, url: &str) {
        self.sees(url, |view, snapshot| {
            let route = snapshot.get("web", "prod", "v1");
            view.state == State::Live && route.is_some_and(|route| route.url.as_str() == url)
        })
        .await;
    }

    async fn sees_routes(&self, count: usize) {
        let what = format!("{count} routes");
        self.sees(&what, |_, snapshot| snapshot.route_count() == count)
            .await;
    }

    /// 1 create, 2 a refused condition, 3 a wrong body.
    async fn writes(&self) {
        let spec = RouteSpec::new("https://one.example/");
        let put = self.client.put_route(&self.route, &spec);
        let written = put.create_only().reason("walk").await.expect("a route");
        assert!(written.created);
        let read = self.client.get_route(&self.route).await.expect("the route");
        assert_eq!(read.tag, written.tag);
        let again = self
            .client
            .put_route(&self.route, &spec)
            .create_only()
            .await;
        let problem = again.expect_err("it exists");
        let problem = problem.problem().expect("a problem");
        assert_eq!(
            (problem.status, &*problem.code),
            (412, "precondition_failed")
        );
        let wrong = RouteSpec::new("nonsense");
        let wrong = self.client.put_route(&self.route, &wrong).await;
        let problem = wrong.expect_err("no URL");
        let problem = problem.problem().expect("a problem");
        assert_eq!(problem.status, 422);
        assert_eq!(problem.errors[0].pointer, "/url");
    }

    /// 4 a held poll without news, 5 a change, 6 the stream and the wait for nodes.
    async fn follows(&self) {
        let scope = ScopeFilter::default();
        let held = self
            .client
            .get_snapshot(TENANT, &scope)
            .await
            .expect("data");
        let poll = self.client.get_snapshot(TENANT, &scope);
        let poll = poll.unless(held.tag.expect("a tag"));
        let poll = poll.wait(Duration::from_secs(1)).await.expect("an answer");
        assert!(matches!(poll, Conditional::Unchanged { .. }));
        let patch = json!({ "url": "https://two.example/" });
        let changed = self.client.patch_route(&self.route, &patch).await;
        assert_eq!(changed.expect("a change").value.url, "https://two.example/");
        let same = self.client.patch_route(&self.route, &patch).await;
        assert!(same.expect("no change").unchanged);
        self.sees_url("https://two.example/").await;
        let spec = RouteSpec::new("https://three.example/");
        let put = self.client.put_route(&self.route, &spec);
        let put = put.wait_for_nodes(100.0, Duration::from_secs(10)).await;
        let waited = put.expect("a change").convergence.expect("the wait's end");
        // Not all nodes are known to a service that has just started.
        let state = waited.state.as_deref();
        assert!(matches!(state, Some("converged" | "partial" | "warming")));
        assert_eq!((waited.live, waited.converged), (1, 1));
        self.sees_url("https://three.example/").await;
        // What the watcher made of events is what the service has.
        let policy: PolicySpec = serde_json::from_value(json!({
            "split": [{"version": "v1", "weight": 1}],
            "sticky_by": {"header": "x-user"},
            "timeout_ms": 900,
        }))
        .expect("a policy");
        let key = PolicyKey::new(TENANT, "web", "prod");
        self.client
            .put_policy(&key, &policy)
            .await
            .expect("a policy");
        let whole = self
            .client
            .get_snapshot(TENANT, &scope)
            .await
            .expect("data");
        let digest = whole.value.digest;
        self.sees("the service's digest", |_, snapshot| {
            hex::encode(snapshot.digest(&Scope::default())) == digest
        })
        .await;
    }

    /// 7 plan, 8 apply, 9 rollback, 10 export.
    async fn plans(&self) {
        let document = Document::Json(json!({ "routes": [
            {"service": "web", "env": "prod", "version": "v2", "url": "https://v2.example/"},
        ]}));
        let plan = self.client.plan(TENANT, &document, Some("walk")).await;
        let mut plan = plan.expect("a plan");
        assert_eq!(plan.plan().summary.create, 1);
        let applied = plan.apply(Confirmations::default()).await.expect("applied");
        assert!(matches!(applied, Applied::Done(write) if write.value.summary.create == 1));
        self.sees_routes(2).await;
        let to = (self.revision().await - 1).to_string();
        let back = self.client.plan_rollback(TENANT, &to, Some("walk")).await;
        let mut back = back.expect("a plan");
        assert_eq!(back.plan().summary.delete, 1);
        back.apply(Confirmations::default()).await.expect("applied");
        self.sees_routes(1).await;
        let exported = self.client.export_tenant(TENANT, &ScopeFilter::default());
        assert_eq!(exported.await.expect("a document").value.routes.len(), 1);
    }

    /// 11 the archive's list and export, 12 the proof.
    async fn audit(&self) {
        let revision = self.revision().await;
        eventually("the archive has it all", async || {
            let filter = ListFilter {
                tenant: Some(TENANT.to_owned()),
                ..ListFilter::default()
            };
            let status = self
                .client
                .get_audit_status(&filter)
                .await
                .expect("a status");
            let tenants = &status.value.tenants;
            let has_all = |archived: u64| archived >= revision;
            tenants
                .iter()
                .any(|one| has_all(one.archived_revision))
                .then_some(())
        })
        .await;
        let of_tenant = AuditFilter {
            tenant: Some(TENANT.to_owned()),
            ..AuditFilter::default()
        };
        let newest = AuditFilter {
            limit: Some(1),
            ..of_tenant.clone()
        };
        let page = self
            .client
            .list_audit_events(&newest)
            .await
            .expect("events")
            .value;
        let found = page
            .items
            .iter()
            .map(|event| (event.revision, &*event.action));
        assert_eq!(found.collect::<Vec<_>>(), [(revision, "deleted")]);
        let mut body = self
            .client
            .export_audit_events(&of_tenant)
            .await
            .expect("a body");
        let mut exported = 0;
        while body.line().await.expect("a line").is_some() {
            exported += 1;
        }
        assert!(exported >= revision, "{exported}");
        let reports = self.client.verify(TENANT, Verifier::new()).await;
        let [chain] = &reports.expect("a proof")[..] else {
            panic!("one epoch");
        };
        assert_eq!(
            (chain.fault.as_ref(), chain.events as u64),
            (None, exported)
        );
        let asked = VerifyQuery {
            tenant: TENANT.to_owned(),
            ..VerifyQuery::default()
        };
        let verified = self
            .client
            .verify_audit_chain(&asked)
            .await
            .expect("an answer");
        assert!(verified.value.verified);
    }

    async fn revision(&self) -> u64 {
        let tenant = self.client.get_tenant(TENANT).await.expect("the tenant");
        tenant.value.revision
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_client_walks_twelve_steps() {
    let scene = Scene::start().await;
    let walk = Walk::start(&scene).await;
    walk.writes().await;
    walk.follows().await;
    walk.plans().await;
    walk.audit().await;
    drop(walk);
    scene.end().await;
}
