//! Whose request it is.

use futures::join_all;
use jiff::{SignedDuration, Timestamp};
use traffic_manager_core::snapshot::TenantSnapshot;

use super::{
    plane::{NODE, Plane, caller},
    process::{Relay, ask},
};
use crate::common::{eventually, tenant, tenant_of};

const SNAPSHOT: &str = "/api/v1/tenants/acme/snapshot";

/// The tests' own: waits for all of some futures.
mod futures {
    pub async fn join_all<T: Send + 'static>(
        all: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
    ) -> Vec<T> {
        let tasks: Vec<_> = all.into_iter().map(tokio::spawn).collect();
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.unwrap());
        }
        done
    }
}

fn tenants() -> [TenantSnapshot; 2] {
    let beta = tenant_of("beta", "beta.example", 1, 1, "http://b.example/");
    [tenant(3, 3, "http://a.example/"), beta]
}

async fn status(relay: &Relay, token: &str, path: &str) -> u16 {
    let url = format!("{}{path}", relay.url());
    ask(&url, token, &[]).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_asked_about_once_and_kept() {
    let plane = Plane::start(tenants()).await;
    let relay = Relay::start(&[plane.url()], "").await;
    let url = format!("{}{SNAPSHOT}", relay.url());
    let asks = (0..50).map(|_| {
        let url = url.clone();
        async move { ask(&url, NODE, &[]).await.status().as_u16() }
    });
    assert_eq!(join_all(asks).await, [200; 50]);
    assert_eq!(plane.selves(), 1, "one question for all of them");
    for _ in 0..5 {
        assert_eq!(status(&relay, "wrong", SNAPSHOT).await, 401);
    }
    assert_eq!(plane.selves(), 2, "a refused key is remembered, too");
    let shown = relay.status().await;
    assert_eq!(
        (
            &shown["counts"]["tokens_good"],
            &shown["counts"]["tokens_refused"]
        ),
        (&1.into(), &1.into())
    );
    assert!(!shown.to_string().contains(NODE), "no key is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_reaches_its_own_tenant_and_part_alone() {
    let plane = Plane::start(tenants()).await;
    plane.allow("prod-key", caller(Some("acme"), Some(&["prod"]), None));
    let mut none = caller(Some("acme"), None, None);
    none["roles"] = serde_json::json!([]);
    plane.allow("no-role", none);
    let relay = Relay::start(&[plane.url()], "").await;
    let beta = "/api/v1/tenants/beta/snapshot";
    assert_eq!(status(&relay, NODE, SNAPSHOT).await, 200);
    assert_eq!(
        status(&relay, NODE, beta).await,
        404,
        "another tenant does not exist"
    );
    assert_eq!(
        status(&relay, "relay-key", beta).await,
        200,
        "a key of all tenants"
    );
    let missing = "/api/v1/tenants/gamma/snapshot";
    assert_eq!(status(&relay, "relay-key", missing).await, 404);
    assert_eq!(status(&relay, "no-role", SNAPSHOT).await, 403);
    for (path, wanted) in [
        (SNAPSHOT, 403),
        ("/api/v1/tenants/acme/snapshot?env=prod", 200),
        ("/api/v1/tenants/acme/snapshot?env=dev", 403),
        ("/api/v1/tenants/acme/stream?env=dev", 403),
        ("/api/v1/dataplane/nginx?tenant=acme&env=prod", 200),
        ("/api/v1/dataplane/nginx?tenant=acme", 403),
        (
            "/api/v1/routes/resolve?tenant=acme&service=shop&env=prod&version=v1",
            200,
        ),
        (
            "/api/v1/routes/resolve?tenant=acme&service=shop&env=dev&version=v1",
            403,
        ),
    ] {
        assert_eq!(status(&relay, "prod-key", path).await, wanted, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_ends_at_its_time_and_when_it_is_withdrawn() {
    let plane = Plane::start(tenants()).await;
    let end = Timestamp::now() + SignedDuration::from_millis(1500);
    plane.allow("short", caller(Some("acme"), None, Some(&end.to_string())));
    let relay = Relay::start(&[plane.url()], "token_ttl_ms = 300\ntoken_refused_ms = 100").await;
    assert_eq!(status(&relay, "short", SNAPSHOT).await, 200);
    let refused = async |token: &str| (status(&relay, token, SNAPSHOT).await == 401).then_some(());
    eventually("the key has ended", async || refused("short").await).await;
    assert!(Timestamp::now() >= end, "not before its time");
    assert_eq!(status(&relay, NODE, SNAPSHOT).await, 200);
    plane.forbid(NODE);
    eventually("the key was withdrawn", async || refused(NODE).await).await;
    plane.allow(NODE, caller(Some("acme"), None, None));
    let good = async || (status(&relay, NODE, SNAPSHOT).await == 200).then_some(());
    eventually("the key is good again", good).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_keys_go_on_while_the_control_plane_is_away() {
    let plane = Plane::start(tenants()).await;
    let keys = "token_ttl_ms = 100\ntoken_grace_ms = 3000";
    let relay = Relay::start(&[plane.url()], keys).await;
    assert_eq!(status(&relay, NODE, SNAPSHOT).await, 200);
    let address = plane.address;
    drop(plane);
    relay.holds("acme", "stale", &crate::common::tag(3)).await;
    let answer = ask(&format!("{}{SNAPSHOT}", relay.url()), NODE, &[]).await;
    assert_eq!(answer.status(), 200);
    assert!(
        answer.headers().contains_key("tm-stale"),
        "{:?}",
        answer.headers()
    );
    let unknown = ask(&format!("{}{SNAPSHOT}", relay.url()), "unknown", &[]).await;
    assert_eq!(unknown.status(), 503);
    let again: u32 = unknown.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=5).contains(&again));
    let late = async || (status(&relay, NODE, SNAPSHOT).await == 503).then_some(());
    eventually("the grace is over", late).await;
    let _plane = Plane::start_at(address, tenants()).await;
    let good = async || (status(&relay, NODE, SNAPSHOT).await == 200).then_some(());
    eventually("the key is good again", good).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_are_bounded_in_a_second_and_known_ones_are_not() {
    let plane = Plane::start(tenants()).await;
    let keys = "unknown_tokens_per_second = 5\nmax_tokens = 10";
    let relay = Relay::start(&[plane.url()], keys).await;
    assert_eq!(status(&relay, NODE, SNAPSHOT).await, 200);
    let url = format!("{}{SNAPSHOT}", relay.url());
    let asks = (0..100).map(|at| {
        let url = url.clone();
        async move {
            ask(&url, &format!("guess-{at}"), &[])
                .await
                .status()
                .as_u16()
        }
    });
    let answers = join_all(asks).await;
    let refused = answers.iter().filter(|status| **status == 401).count();
    assert!(refused >= 4, "{answers:?}");
    assert!(
        answers.iter().all(|status| matches!(status, 401 | 503)),
        "{answers:?}"
    );
    assert!(plane.selves() < 60, "{} questions", plane.selves());
    assert_eq!(
        status(&relay, NODE, SNAPSHOT).await,
        200,
        "a known key is not forgotten for them"
    );
    let known = relay.status().await["counts"]["tokens"].as_u64().unwrap();
    assert!(known <= 10, "{known}");
}
