//! How much memory the agent takes.

use std::fs;

use crate::common::{Agent, EPOCH, control_plane::ControlPlane, folder::Folder, free_address, tag};
use serde_json::{Value, json};
use traffic_manager_core::snapshot::{TenantContent, TenantSnapshot};

const SERVICES: usize = 1000;
const VERSIONS: usize = 10;

/// The most resident memory with 10,000 routes, in MiB. An optimised agent has about 30.
const MOST: u64 = 64;

/// Returns a tenant with 10,000 routes. The revision is in one policy.
fn large(revision: u64) -> TenantSnapshot {
    let route = |at: usize| {
        let (service, version) = (at / VERSIONS, at % VERSIONS);
        json!({
            "service": format!("service-{service}"), "env": "prod", "version": format!("v{version}"),
            "url": format!("http://10.0.{}.{version}:8080/", service % 256), "is_active": true, "labels": {}, "revision": 1,
        })
    };
    let policy = |service: usize| {
        let weight = if service == 0 { revision } else { 1 };
        json!({
            "service": format!("service-{service}"), "env": "prod", "failover": [],
            "hosts": [format!("service-{service}.example")], "path_prefix": "/", "rules": [],
            "split": [{"version": "v0", "weight": weight}, {"version": "v1", "weight": 1}], "sticky_by": null, "revision": 1,
        })
    };
    let content = json!({
        "tag": tag(revision),
        "routes": (0..SERVICES * VERSIONS).map(route).collect::<Vec<_>>(),
        "policies": (0..SERVICES).map(policy).collect::<Vec<_>>(),
        "scopes": [],
    });
    let content: TenantContent = serde_json::from_value(content).unwrap();
    TenantSnapshot::new("acme".parse().unwrap(), content).unwrap()
}

/// Returns a value of `/proc/…/status` in MiB.
fn mib(agent: &Agent, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_routes_take_little_memory() {
    let (folder, listen) = (Folder::new(), free_address());
    let plane = ControlPlane::start(large(1)).await;
    let root = folder.path("");
    let root = root.to_str().unwrap().trim_end_matches('/');

    let config = format!(
        r#"
[service]
servers = ["{url}"]
tenant = "acme"
[node]
state = "{root}/state"
listen = "{listen}"
[proxy]
dialect = "haproxy"
folder = "{root}/proxy"
read_back = false
check = ["true"]
reload = ["true"]
[times]
pause_ms = 20
"#,
        url = plane.url,
    );
    folder.write("agent.toml", &config);
    let agent = Agent::start(&folder, listen);
    let status: Value = agent.applies(1).await;
    assert_eq!(
        status["tenants"]["acme"]["held"]["size"]["routes"], 10_000,
        "{EPOCH}"
    );
    for revision in 2..=10 {
        plane.publish(large(revision));
        agent.applies(revision).await;
    }
    let (now, most) = (mib(&agent, "VmRSS:"), mib(&agent, "VmHWM:"));
    println!("10,000 routes: {now} MiB resident, {most} MiB at most");
    assert!(now <= MOST, "{now} MiB");
}
