//! The ledger of nodes over several instances: what nodes say at one of them is known at all.

mod fleet;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use traffic_manager::app::Role;

use crate::support::{TestApp, World, eventually};

/// Returns a world whose nodes are lost after `silent_after_ms`, and `count` instances of the service.
async fn instances(count: usize, silent_after_ms: u32) -> (World, Vec<TestApp>) {
    let silent = format!("nodes.silent_after_ms={silent_after_ms}");
    let world = World::with(&[silent.as_str()]).await;
    let mut apps = Vec::new();
    for _ in 0..count {
        apps.push(TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await);
    }
    for version in ["v1", "v2"] {
        let route = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": version, "url": "http://a.example/" });
        apps[0].post("/routes").json(&route).expect(201).await;
    }
    for app in &apps {
        eventually("the instance knows all nodes", async || {
            let numbers = convergence(app).await;
            (numbers["partial"] == false && numbers["warming"] == false).then_some(())
        })
        .await;
    }
    (world, apps)
}

async fn end(world: World, apps: Vec<TestApp>) {
    for app in apps {
        app.drain().await;
    }
    world.end().await;
}

async fn convergence(app: &TestApp) -> Value {
    app.get("/tenants/acme/convergence").expect(200).await.json
}

/// Polls the snapshot as a node that runs `applied`. Returns the answer's tag.
async fn poll(app: &TestApp, node: &str, applied: Option<&str>) -> String {
    let mut call = app.get("/tenants/acme/snapshot").header("tm-node", node);
    if let Some(applied) = applied {
        call = call.header("if-none-match", format!("\"{applied}\""));
    }
    let answer = call.send().await;
    assert!([200, 304].contains(&answer.status.as_u16()), "{answer:?}");
    tag_of(&answer)
}

fn tag_of(answer: &crate::support::Answer) -> String {
    let tag = answer.headers["etag"].to_str().expect("a tag");
    tag.trim_start_matches("W/").trim_matches('"').to_owned()
}

async fn write(app: &TestApp, url: &str, wait: &str) -> crate::support::Answer {
    let path = format!("/routes/acme/web/prod/v1?{wait}");
    app.put(&path)
        .json(&json!({ "url": url }))
        .patient(Duration::from_secs(70))
        .expect(200)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_says_at_one_instance_is_known_at_all() {
    let (world, apps) = instances(3, 3000).await;
    let tag = poll(&apps[0], "edge-1", None).await;
    poll(&apps[0], "edge-1", Some(&tag)).await;
    apps[1]
        .get("/tenants/acme/snapshot?env=prod")
        .header("tm-node", "edge-2")
        .header("tm-dialect", "haproxy")
        .header("tm-refused", &tag)
        .header("tm-error", "refused line 7: no such backend \"caf%C3%A9\"")
        .expect(200)
        .await;
    for app in &apps {
        let nodes = eventually("both nodes are known", async || {
            let nodes = app.get("/tenants/acme/nodes").expect(200).await.json;
            (nodes["items"].as_array()?.len() == 2 && nodes["items"][0]["state"] == "converged")
                .then_some(nodes)
        })
        .await;
        let (first, second) = (&nodes["items"][0], &nodes["items"][1]);
        assert_eq!(
            (&first["node"], &first["applied"]),
            (&json!("edge-1"), &json!(tag))
        );
        assert_eq!(
            (&second["state"], &second["env"]),
            (&json!("refused"), &json!("prod"))
        );
        assert_eq!(
            second["error"],
            json!({ "tag": tag, "code": "refused", "text": "line 7: no such backend \"café\"" })
        );
        let refused = app
            .get("/tenants/acme/nodes?state=refused&limit=1")
            .expect(200)
            .await
            .json;
        assert_eq!(refused["items"][0]["node"], "edge-2");
        let one = app.get("/tenants/acme/nodes/edge-2").expect(200).await.json;
        assert_eq!(one["scopes"][0]["dialect"], "haproxy");
    }
    // Both fall silent: they are lost everywhere, and leave the numbers.
    for app in &apps {
        eventually("the nodes are lost", async || {
            let numbers = convergence(app).await;
            (numbers["live"] == 0 && numbers["lost"] == 2).then_some(())
        })
        .await;
    }
    Box::pin(end(world, apps)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn write_waits_until_the_share_of_nodes_at_all_instances_runs_it() {
    let (world, apps) = instances(2, 3000).await;
    let none = write(&apps[0], "http://b.example/", "wait=95%25,10s").await;
    assert_eq!(none.json["convergence"]["state"], "no_nodes");
    assert!(!none.headers.contains_key("tm-convergence"));
    // Four nodes hold long-polls at the two instances; the last one never takes anything.
    let held = poll(&apps[0], "a", None).await;
    let refuses = AtomicBool::new(false);
    let follow = async |app: &TestApp, node: &str, takes: bool| {
        let (mut tag, mut newest) = (held.clone(), held.clone());
        loop {
            let mut call = app
                .get("/tenants/acme/snapshot?wait=20s")
                .header("tm-node", node)
                .header("if-none-match", format!("\"{tag}\""))
                .patient(Duration::from_secs(40));
            if !takes && refuses.load(Ordering::Relaxed) {
                call = call
                    .header("tm-error", "refused no")
                    .header("tm-refused", &newest);
            }
            newest = tag_of(&call.send().await);
            if takes {
                tag.clone_from(&newest);
            } else {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    let fleet = async {
        tokio::join!(
            follow(&apps[0], "a", true),
            follow(&apps[1], "b", true),
            follow(&apps[1], "c", true),
            follow(&apps[0], "stuck", false),
        )
    };
    let writes = async {
        eventually("all nodes are known", async || {
            (convergence(&apps[0]).await["live"] == 4).then_some(())
        })
        .await;
        let began = Instant::now();
        let most = write(&apps[0], "http://c.example/", "wait=75%25,20s").await;
        assert_eq!(
            most.json["convergence"]["state"], "converged",
            "{:?}",
            most.json
        );
        assert_eq!(most.headers["tm-convergence"], "0.7500");
        assert_eq!(most.json["url"], "http://c.example/");
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
        let all = write(&apps[1], "http://d.example/", "wait=100%25,1s").await;
        let convergence = &all.json["convergence"];
        assert_eq!(convergence["state"], "timeout", "{convergence}");
        assert_eq!(convergence["laggards"][0]["node"], "stuck");
        assert_eq!(
            (&convergence["live"], &convergence["converged"]),
            (&json!(4), &json!(3))
        );
        // It says that it cannot: then waiting for it is in vain.
        refuses.store(true, Ordering::Relaxed);
        let began = Instant::now();
        let refused = write(&apps[1], "http://e.example/", "wait=100%25,60s").await;
        assert_eq!(
            refused.json["convergence"]["state"], "failed",
            "{:?}",
            refused.json
        );
        assert!(began.elapsed() < Duration::from_secs(30));
        let gone = apps[0]
            .delete("/routes/acme/web/prod/v2?wait=75%25")
            .patient(Duration::from_secs(30))
            .expect(204)
            .await;
        assert_eq!(gone.headers["tm-convergence"], "0.7500");
    };
    tokio::select! {
        _ = fleet => panic!("the nodes never end"),
        () = writes => {}
    }
    Box::pin(end(world, apps)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_deleted_tenant_are_unknown_to_the_next_one_of_its_name() {
    let (world, apps) = instances(2, 30_000).await;
    poll(&apps[0], "edge-1", None).await;
    for app in &apps {
        eventually("the node is known", async || {
            (app.get("/tenants/acme/nodes").expect(200).await.json["items"][0]["node"] == "edge-1")
                .then_some(())
        })
        .await;
    }
    apps[0].delete("/tenants/acme?confirm=acme").send().await;
    eventually("the tenant is gone", async || {
        (apps[0].get("/tenants/acme").send().await.status == 404).then_some(())
    })
    .await;
    let route = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": "http://a.example/" });
    apps[0].post("/routes").json(&route).expect(201).await;
    for app in &apps {
        eventually("the old node is unknown", async || {
            let answer = app.get("/tenants/acme/nodes").send().await;
            (answer.status == 200 && answer.json["items"].as_array()?.is_empty()).then_some(())
        })
        .await;
    }
    Box::pin(end(world, apps)).await;
}
