//! Changes while requests come: each reaches the proxy, and none costs a request.

use serde_json::json;
use test_support::eventually;

use crate::{
    load::{Connections, Load},
    programs::Program,
    scene::{SERVICE, Scene, comes_to, nothing_was_lost, split},
    served::{code, policy, route},
};

/// The changes in a row for an Envoy.
const CHANGES: usize = 50;

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
    let mut scene = Scene::new(&[program]).await;
    let load = scene.load(Connections::Fresh, 2);
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
        .proxy()
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
    scene.proxy().answers(&scene.ask(), 404).await;
    let answer = scene.ask().send().await.expect("an answer");
    // Traefik answers by itself what no router takes.
    if scene.proxy().site.program != Program::Traefik {
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
    let other = scene.proxy().get("/").host("other.acme.io");
    comes_to(&other, "first").await;
    scene.proxy().answers(&scene.ask(), 404).await;
}

/// The traffic changes sides each time, every fifth time to a new URL.
#[tokio::test]
async fn envoy_loses_no_request_in_fifty_changes() {
    let scene = Scene::new(&[Program::Envoy]).await;
    let loads = [Connections::Fresh, Connections::Kept].map(|kind| scene.load(kind, 2));
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
