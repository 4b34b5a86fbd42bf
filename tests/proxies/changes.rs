//! Changes while requests come: each reaches the proxy, and none costs a request.

use serde_json::{Value, json};
use test_support::{authority::Authority, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    ask::Ask,
    load::{Connections, Counts, Load},
    programs::{Program, Proxy},
    served::{Service, code, policy, route},
    upstreams::Upstream,
};

const SERVICE: &str = "pay";
const HOST: &str = "pay.acme.io";

/// The changes in a row for an Envoy.
const CHANGES: usize = 50;

/// A service with one policy, and a proxy that has it.
struct Scene {
    first: Upstream,
    second: Upstream,
    service: Service,
    proxy: Proxy,
}

impl Scene {
    async fn new(program: Program) -> Self {
        let (first, second) = (
            Upstream::plain("first").await,
            Upstream::plain("second").await,
        );
        let service = Service::start(&Authority::new()).await;
        let (to_first, to_second) = (first.url("/a"), second.url("/b"));
        let changes = [
            route(SERVICE, "v1", &to_first, true),
            route(SERVICE, "v2", &to_second, true),
            policy(SERVICE, &split(1, 0)),
        ];
        service.change(&changes).await;
        let proxy = service.proxy(program).await;
        let scene = Self {
            first,
            second,
            service,
            proxy,
        };
        scene.comes_to("first").await;
        scene
    }

    fn ask(&self) -> Ask {
        self.proxy.get("/x").host(HOST)
    }

    async fn set(&self, spec: &Value) {
        self.service.change(&[policy(SERVICE, spec)]).await;
    }

    /// Waits until the proxy forwards to this upstream.
    async fn comes_to(&self, name: &str) {
        comes_to(&self.ask(), name).await;
    }

    fn load(&self, connections: Connections) -> Load {
        let ask = self.ask();
        Load::start(2, connections, move |_| ask.clone())
    }
}

async fn comes_to(ask: &Ask, name: &str) {
    eventually(&format!("an answer of {name}"), async || {
        (ask.send().await.ok()?.name() == Some(name)).then_some(())
    })
    .await;
}

fn split(first: u32, second: u32) -> Value {
    json!({"hosts": [HOST], "failover": ["v1"], "split": [
        {"version": "v1", "weight": first}, {"version": "v2", "weight": second},
    ]})
}

#[tokio::test]
async fn envoy_takes_changes_and_outlives_the_service() {
    a_life(Program::Envoy).await;
}

#[tokio::test]
async fn traefik_takes_changes_and_outlives_the_service() {
    a_life(Program::Traefik).await;
}

#[tokio::test]
async fn caddy_takes_changes_and_outlives_the_service() {
    a_life(Program::Caddy).await;
}

#[tokio::test]
async fn haproxy_takes_changes_and_outlives_the_service() {
    a_life(Program::HaProxy).await;
}

#[tokio::test]
async fn nginx_takes_changes_and_outlives_the_service() {
    a_life(Program::Nginx).await;
}

async fn a_life(program: Program) {
    let mut scene = Scene::new(program).await;
    let load = scene.load(Connections::Fresh);
    weights_addresses_and_rules(&scene, &load).await;
    the_service_is_away(&mut scene, &load).await;
    nothing_was_lost(program, &load.stop().await);
    what_is_deleted_is_not_found(&scene).await;
}

async fn weights_addresses_and_rules(scene: &Scene, load: &Load) {
    load.goes_on(50).await;
    scene.set(&split(0, 1)).await;
    scene.comes_to("second").await;

    let third = scene.second.url("/c");
    scene
        .service
        .change(&[route(SERVICE, "v2", &third, true)])
        .await;
    eventually("an answer of the new URL", async || {
        let echo = scene.ask().send().await.ok()?.echo()?;
        (echo.target == "/c/x").then_some(())
    })
    .await;

    let moved = scene.first.url("/d");
    scene
        .service
        .change(&[route(SERVICE, "v2", &moved, true)])
        .await;
    scene.comes_to("first").await;

    let mut ruled = split(0, 1);
    let back = json!({"headers": {"x-back": {"exact": "1"}}});
    ruled["rules"] = json!([{"name": "back", "match": back, "respond": {"status": 418}}]);
    scene.set(&ruled).await;
    scene
        .proxy
        .answers(&scene.ask().header("x-back", "1"), 418)
        .await;

    let away = [
        route(SERVICE, "v1", &scene.second.url("/e"), true),
        json!({"action": "deactivate", "route": {"service": SERVICE, "env": "prod", "version": "v2"}}),
    ];
    scene.service.change(&away).await;
    scene.comes_to("second").await;
    load.goes_on(50).await;
}

/// The proxy goes on with what it had, and takes the next change of the service that is back.
async fn the_service_is_away(scene: &mut Scene, load: &Load) {
    scene.service.stop().await;
    load.goes_on(400).await;
    scene.service.run().await;
    let moved = scene.first.url("/f");
    scene
        .service
        .change(&[route(SERVICE, "v1", &moved, true)])
        .await;
    scene.comes_to("first").await;
    load.goes_on(50).await;
}

async fn what_is_deleted_is_not_found(scene: &Scene) {
    let deleted = json!({"action": "delete", "policy": {"service": SERVICE, "env": "prod"}});
    scene.service.change(&[deleted]).await;
    scene.proxy.answers(&scene.ask(), 404).await;
    let answer = scene.ask().send().await.expect("an answer");
    // Traefik answers by itself what no router takes.
    if scene.proxy.site.program != Program::Traefik {
        assert_eq!(code(&answer).as_deref(), Some("no_route"));
    }

    scene.service.empty(SERVICE, &["v1", "v2"]).await;
    let marker = [
        route("other", "v1", &scene.first.url(""), true),
        policy(
            "other",
            &json!({"hosts": ["other.acme.io"], "split": [{"version": "v1", "weight": 1}]}),
        ),
    ];
    scene.service.change(&marker).await;
    let other = scene.proxy.get("/").host("other.acme.io");
    comes_to(&other, "first").await;
    scene.proxy.answers(&scene.ask(), 404).await;
}

/// A reload of Caddy closes connections that were just opened; what it answers is right.
fn nothing_was_lost(program: Program, counts: &Counts) {
    let statuses: Vec<_> = counts.statuses.keys().collect();
    assert_eq!(statuses, [&200], "{program:?}: {counts:?}");
    let lost = match program {
        Program::Caddy => counts.requests() / 50,
        _ => 0,
    };
    assert!(counts.failures <= lost, "{program:?}: {counts:?}");
}

/// The traffic changes sides each time, every fifth time to a new URL.
#[tokio::test]
async fn envoy_loses_no_request_in_fifty_changes() {
    let scene = Scene::new(Program::Envoy).await;
    let loads = [Connections::Fresh, Connections::Kept].map(|kind| scene.load(kind));
    for at in 1..=CHANGES {
        let is_second = at % 2 == 1;
        let mut changes = vec![policy(
            SERVICE,
            &split(u32::from(!is_second), u32::from(is_second)),
        )];
        if at % 5 == 0 {
            let (upstream, version) = match is_second {
                true => (&scene.second, "v2"),
                false => (&scene.first, "v1"),
            };
            let url = upstream.url(&format!("/at-{at}"));
            changes.insert(0, route(SERVICE, version, &url, true));
        }
        scene.service.change(&changes).await;
        scene
            .comes_to(if is_second { "second" } else { "first" })
            .await;
    }
    for load in loads {
        nothing_was_lost(Program::Envoy, &load.stop().await);
    }
}

/// Something else listens in the place of the service: a page for maintenance, an empty document.
#[tokio::test]
async fn an_answer_that_is_no_configuration_changes_nothing() {
    let programs = [Program::Caddy, Program::HaProxy, Program::Nginx];
    let followers = programs.map(keeps_what_it_has);
    futures_util::future::join_all(followers).await;
}

async fn keeps_what_it_has(program: Program) {
    let mut scene = Scene::new(program).await;
    let address = scene.service.address;
    let load = scene.load(Connections::Kept);
    scene.service.stop().await;
    for (kind, body) in [
        ("application/json", "{}"),
        ("text/html", "<html>back soon</html>"),
        ("application/json", ""),
    ] {
        garbage(address, kind, body).await;
    }
    scene.service.run().await;
    scene.set(&split(0, 1)).await;
    scene.comes_to("second").await;
    nothing_was_lost(program, &load.stop().await);
}

/// Answers one request so, and waits until the client has gone.
async fn garbage(address: std::net::SocketAddr, kind: &str, body: &str) {
    let listener = TcpListener::bind(address)
        .await
        .expect("the service's port");
    let (mut client, _) = listener.accept().await.expect("a client");
    let mut head = vec![0; 4096];
    let length = client.read(&mut head).await.expect("a request");
    assert!(head[..length].starts_with(b"GET "), "a request");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\netag: \"a\"\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client
        .write_all(answer.as_bytes())
        .await
        .expect("an answer");
    client.shutdown().await.expect("the end");
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
}
