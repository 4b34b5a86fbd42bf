//! Limits: of a tenant, of readers that take nothing, and of parts.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    plane::{NODE, Plane, caller},
    process::{Relay, ask},
};
use crate::common::{PATIENCE, tag, tenant, tenant_of};

fn waiters(status: &Value) -> u64 {
    status["counts"]["waiters"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_at_its_limit_of_waiters_does_not_take_those_of_others() {
    let beta = tenant_of("beta", "beta.example", 3, 1, "http://b.example/");
    let plane = Plane::start([tenant(3, 3, "http://a.example/"), beta]).await;
    plane.allow("beta-key", caller(Some("beta"), None, None));
    let keys = "max_waiters = 6\nmax_waiters_per_tenant = 4";
    let relay = Relay::start(&[plane.url()], keys).await;
    let url = |tenant: &str, what: &str| format!("{}/api/v1/tenants/{tenant}/{what}", relay.url());
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(ask(&url("acme", "stream"), NODE, &[]).await);
    }
    let etag = format!("\"{}\"", tag(3));
    let wait = |tenant: &str, key: &'static str| {
        let (url, etag) = (url(tenant, "snapshot?wait=30s"), etag.clone());
        tokio::spawn(async move {
            ask(&url, key, &[("if-none-match", &etag)])
                .await
                .status()
                .as_u16()
        })
    };
    let polls: Vec<_> = (0..2).map(|_| wait("acme", NODE)).collect();
    relay
        .shows("acme is at its limit", |it| waiters(it) == 4)
        .await;
    assert_eq!(wait("acme", NODE).await.unwrap(), 429);
    let refused = ask(&url("acme", "stream"), NODE, &[]).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let others: Vec<_> = (0..2).map(|_| wait("beta", "beta-key")).collect();
    relay
        .shows("beta has its places", |it| waiters(it) == 6)
        .await;
    assert_eq!(
        wait("beta", "beta-key").await.unwrap(),
        429,
        "the relay is full"
    );
    assert_eq!(
        ask(&url("acme", "snapshot"), NODE, &[]).await.status(),
        200,
        "without a wait"
    );
    plane.change("acme", &["shop/prod/v1"], "http://c.example/");
    for poll in polls {
        assert_eq!(poll.await.unwrap(), 200);
    }
    plane.change("beta", &["shop/prod/v1"], "http://c.example/");
    for poll in others {
        assert_eq!(poll.await.unwrap(), 200);
    }
    drop(streams);
    relay
        .shows("all places are free", |it| waiters(it) == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_that_takes_nothing_is_cut_off() {
    // More than what the system takes for a reader.
    let url = format!("http://a.example/{}", "p".repeat(1000));
    let plane = Plane::start([tenant(3, 20_000, &url)]).await;
    let relay = Relay::start(&[plane.url()], "write_stall_ms = 500").await;
    relay_has(&relay).await;
    let mut connection = TcpStream::connect(relay.listen).await.unwrap();
    let request = format!(
        "GET /api/v1/tenants/acme/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {NODE}\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    relay
        .shows("it is cut off", |it| it["counts"]["cut_connections"] == 1)
        .await;
    relay
        .shows("its place is free", |it| waiters(it) == 0)
        .await;
    let rest = async {
        while connection
            .read(&mut [0; 4096])
            .await
            .is_ok_and(|read| read > 0)
        {}
    };
    timeout(PATIENCE, rest)
        .await
        .expect("the connection has ended");
}

/// Waits until the relay has the tenant, which takes a while for a large one.
async fn relay_has(relay: &Relay) {
    let url = format!("{}/api/v1/tenants/acme/snapshot", relay.url());
    crate::common::eventually("the relay has the tenant", async || {
        let answer = ask(&url, NODE, &[]).await;
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_bounded_and_one_that_is_in_use_stays() {
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let relay = Relay::start(&[plane.url()], "max_followed = 2\nidle_ms = 60000").await;
    let url = |part: &str| format!("{}/api/v1/tenants/acme/snapshot{part}", relay.url());
    for part in ["", "?env=prod"] {
        assert_eq!(ask(&url(part), NODE, &[]).await.status(), 200);
    }
    let refused = ask(&url("?env=dev"), NODE, &[]).await;
    assert_eq!(refused.status(), 503, "the others were asked for just now");
    assert_eq!(relay.status().await["parts"].as_array().unwrap().len(), 2);
    assert_eq!(plane.streams().len(), 2, "{:?}", plane.streams());
    // Nothing more is asked of the control plane for all further nodes.
    for _ in 0..20 {
        assert_eq!(ask(&url("?env=prod"), NODE, &[]).await.status(), 200);
    }
    assert_eq!(plane.streams().len(), 2);
}
