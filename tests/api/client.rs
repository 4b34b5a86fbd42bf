//! The client's calls against the real service: the twelve steps that every client walks.

use std::time::Duration;

use serde_json::json;
use traffic_manager::app::Role;
use traffic_manager_client::{
    Applied, Client, ClientSettings, Conditional, Confirmations, Document, Error, Problem, Tag,
    Token,
    types::{
        AccessFilter, AuditFilter, AuditQuery, BootstrapQuery, ChangesFilter, DeadLetterFilter,
        DiffFilter, ListFilter, PolicyKey, PolicySpec, ProxyFilter, ResolveQuery, RouteKey,
        RouteSpec, ScopeFilter, SplitEntry,
    },
    verify::Verifier,
};

use crate::support::{TestApp, World, eventually, secure};

fn client(app: &TestApp) -> Client {
    let mut settings = ClientSettings::new(vec![app.api.parse().unwrap()]);
    if let Some((token, ca)) = secure::client() {
        settings.token = Some(Token::fixed(token));
        settings.ca_pem = Some(ca);
    }
    Client::new(settings).unwrap()
}

fn route(version: &str) -> RouteKey {
    RouteKey::new("acme", "shop", "prod", version)
}

fn problem<T: std::fmt::Debug>(result: Result<T, Error>) -> Problem {
    result.unwrap_err().problem().expect("a problem").clone()
}

/// Returns the snapshot's tag if it changes within a second.
async fn poll(client: &Client, tag: &Tag) -> Option<Tag> {
    let scope = ScopeFilter::default();
    let call = client
        .get_snapshot("acme", &scope)
        .wait(Duration::from_secs(1));
    match call.unless(tag.clone()).await.unwrap() {
        Conditional::Changed(read) => read.tag,
        Conditional::Unchanged { .. } => None,
    }
}

/// Creates and changes a route. Returns the tag of the last change.
async fn walk_routes(client: &Client) -> Tag {
    let spec = RouteSpec::new("http://shop-1");
    let created = client.put_route(&route("v1"), &spec).create_only();
    let created = created.reason("the first").await.unwrap();
    assert!(created.created && !created.unchanged);
    let first = created.tag.unwrap();
    let again = client.put_route(&route("v1"), &spec).await.unwrap();
    assert!(again.unchanged && again.tag.as_ref() == Some(&first));
    let refused = problem(client.put_route(&route("v1"), &spec).create_only().await);
    assert_eq!(
        (refused.code.as_str(), refused.tag),
        ("precondition_failed", Some(first.clone()))
    );
    let bad = problem(
        client
            .put_route(&route("v1"), &RouteSpec::new("nowhere"))
            .await,
    );
    assert_eq!((bad.status, bad.errors[0].pointer.as_str()), (422, "/url"));
    assert!(!bad.request_id.is_empty());
    assert_eq!(poll(client, &first).await, None);

    let labels = json!({"labels": {"team": "shop"}});
    let changed = client
        .patch_route(&route("v1"), &labels)
        .if_match(first.clone());
    let changed = changed.await.unwrap().tag.unwrap();
    assert_eq!(poll(client, &first).await, Some(changed.clone()));
    let route = client.get_route(&route("v1")).await.unwrap();
    assert_eq!(route.value.labels["team"], "shop");
    assert_eq!(route.tag, Some(changed.clone()));
    changed
}

/// Makes a plan, which becomes stale, and rolls back what it did.
async fn walk_plans(client: &Client, before: &Tag) {
    let document = json!({
        "routes": [
            {"service": "shop", "env": "prod", "version": "v1", "url": "http://shop-1"},
            {"service": "shop", "env": "prod", "version": "v2", "url": "http://shop-2"},
        ],
        "policies": [{"service": "shop", "env": "prod", "split": [
            {"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}]}],
    });
    let preview = client.preview_plan("acme", &document).await.unwrap();
    assert_eq!(preview.value.summary.create, 2);
    let document = Document::Json(document);
    let mut plan = client
        .plan("acme", &document, Some("a canary"))
        .await
        .unwrap();
    assert_eq!(plan.plan().changes.len(), 3);
    client
        .put_route(&route("v9"), &RouteSpec::new("http://shop-9"))
        .await
        .unwrap();
    client
        .patch_route(&route("v1"), &json!({"labels": null}))
        .await
        .unwrap();
    let applied = plan.apply(Confirmations::default()).await.unwrap();
    assert_eq!(applied, Applied::Stale, "it has other changes now");
    let applied = plan.apply(Confirmations::default()).await.unwrap();
    let Applied::Done(done) = applied else {
        panic!("{applied:?}")
    };
    assert_eq!(done.value.summary.create, 2);
    let policy = PolicyKey::new("acme", "shop", "prod");
    let mut spec: PolicySpec = client.get_policy(&policy).await.unwrap().value.spec;
    let weights = |spec: &PolicySpec| {
        spec.split
            .iter()
            .map(|entry| entry.weight)
            .collect::<Vec<_>>()
    };
    assert_eq!(weights(&spec), [90, 10]);
    spec.split = vec![SplitEntry {
        version: "v2".to_owned(),
        weight: 1,
        other: serde_json::Map::new(),
    }];
    let put = client.put_policy(&policy, &spec).await.unwrap();
    assert_eq!(weights(&put.value.spec), [1]);

    let mut back = client
        .plan_rollback("acme", before.as_str(), Some("back"))
        .await
        .unwrap();
    let confirmed = Confirmations {
        shrink: true,
        in_use: true,
    };
    assert!(matches!(
        back.apply(confirmed).await.unwrap(),
        Applied::Done(_)
    ));
    assert_eq!(
        problem(client.get_policy(&policy).await).code,
        "policy_not_found"
    );
    assert_eq!(
        problem(client.get_route(&route("v2")).await).code,
        "route_not_found"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn client_walks_through_the_life_of_a_tenant() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let client = client(&app);
    let changed = walk_routes(&client).await;
    let scope = ScopeFilter::default();
    let stream = client.stream_changes("acme", &scope).after(changed.clone());
    let mut stream = stream.await.unwrap();
    let call = client
        .deactivate_route(&route("v1"))
        .parameter("confirm_in_use", "true");
    let deactivated = call.await.unwrap().tag.unwrap();
    let event = stream.event().await.unwrap().unwrap();
    assert_eq!(
        (event.name.as_str(), event.id),
        ("change", Some(deactivated.to_string()))
    );
    let activated = client
        .activate_route(&route("v1"))
        .await
        .unwrap()
        .tag
        .unwrap();
    walk_plans(&client, &activated).await;

    let exported = client.export_tenant("acme", &scope).await.unwrap().value;
    assert_eq!(exported.routes.len(), 1);
    let yaml = client
        .export_tenant_as_yaml("acme", &scope)
        .await
        .unwrap()
        .value
        .0;
    let plan = client
        .plan("acme", &Document::Yaml(yaml), None)
        .await
        .unwrap();
    assert!(plan.plan().changes.is_empty());
    plan.discard().await.unwrap();

    let revision = client.get_tenant("acme").await.unwrap().value.revision;
    let report = eventually("the chain is in the archive", async || {
        let mut reports = client.verify("acme", Verifier::new()).await.ok()?;
        let report = reports.pop()?;
        (report.revisions == Some((1, revision))).then_some(report)
    })
    .await;
    assert_eq!(report.fault, None);
    let filter = AuditFilter {
        tenant: Some("acme".to_owned()),
        limit: Some(2),
        ..AuditFilter::default()
    };
    let events = client
        .list_audit_events(&filter)
        .pages()
        .all()
        .await
        .unwrap();
    assert_eq!(events.len(), report.events);
    assert_eq!(Some(&events[0].hash), report.head.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn client_reads_what_every_group_of_operations_answers() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let client = client(&app);
    let spec = RouteSpec::new("http://shop-1");
    let key = route("v1");
    let first = client.put_route(&key, &spec).await.unwrap().tag.unwrap();
    let policy = PolicyKey::new("acme", "shop", "prod");
    let split = json!({"split": [{"version": "v1", "weight": 1}], "sticky_by": {"cookie": "sid"}});
    let spec: PolicySpec = serde_json::from_value(split).unwrap();
    let second = client
        .put_policy(&policy, &spec)
        .await
        .unwrap()
        .tag
        .unwrap();

    let blame = client.get_route_blame(&key).await.unwrap().value;
    assert_eq!(blame.members["url"].value, "http://shop-1");
    let history = client
        .get_policy_history(&policy)
        .pages()
        .all()
        .await
        .unwrap();
    assert!(history[0].json().contains(&history[0].hash));
    let query = ResolveQuery {
        tenant: "acme".to_owned(),
        service: "shop".to_owned(),
        env: "prod".to_owned(),
        key: Some("user-7".to_owned()),
        explain: Some(true),
        conditions: [("header.x-beta".to_owned(), "yes".to_owned())].into(),
        ..ResolveQuery::default()
    };
    let resolved = client.resolve_route(&query).await.unwrap().value;
    assert_eq!(resolved.explanation.unwrap().reason, "split");
    let after = ChangesFilter {
        after: first.to_string(),
        ..ChangesFilter::default()
    };
    let changes = client.get_changes("acme", &after).await.unwrap().value;
    assert_eq!((changes.changes.len(), changes.to), (1, second.to_string()));
    let diff = DiffFilter {
        from: first.to_string(),
        ..DiffFilter::default()
    };
    assert_eq!(
        client
            .diff_tenant("acme", &diff)
            .await
            .unwrap()
            .value
            .changes
            .len(),
        1
    );

    let all = ListFilter::default();
    assert_eq!(
        client.list_tenants(&all).pages().all().await.unwrap().len(),
        1
    );
    client.list_keys(&all).await.unwrap();
    client.list_plans("acme", &all).await.unwrap();
    client.list_replays(&all).await.unwrap();
    client
        .list_dead_letters(&DeadLetterFilter::default())
        .await
        .unwrap();
    client
        .list_access_records(&AccessFilter::default())
        .await
        .unwrap();
    client.get_audit_status(&all).await.unwrap();
    client
        .list_recent_audit_events(&AuditQuery::default())
        .await
        .unwrap();
    client.list_signing_keys().await.unwrap();
    let filter = ProxyFilter {
        tenant: "acme".to_owned(),
        ..ProxyFilter::default()
    };
    client
        .get_proxy_configuration("caddy", &filter)
        .await
        .unwrap();
    client.get_proxy_report("envoy", &filter).await.unwrap();
    let bootstrap = BootstrapQuery {
        tenant: "acme".to_owned(),
        ..BootstrapQuery::default()
    };
    client
        .get_proxy_bootstrap("haproxy", &bootstrap)
        .await
        .unwrap();
    client.get_readiness().await.unwrap();
    assert!(
        !client
            .get_resilience()
            .await
            .unwrap()
            .value
            .dependencies
            .is_empty()
    );
    let kind = client.get_problem("plan_stale").await.unwrap().value;
    assert_eq!((kind.code.as_str(), kind.status), ("plan_stale", 409));
    client.get_open_api_document().await.unwrap();
    client.get_async_api_document().await.unwrap();
}
