//! The node agent between the real service and a real Envoy.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use test_support::{
    authority::{Authority, Folder},
    eventually,
    ports::free_address,
    secure,
};
use tokio::task::JoinHandle;
use traffic_manager::signing::SigningKey;
use traffic_manager_agent::{agent, bootstrap, config::Config};

use crate::{
    ask::Ask,
    load::{Connections, Load},
    programs::{Program, Site},
    scene::{HOST, SERVICE, comes_to, nothing_was_lost, split},
    served::{Service, policy, route},
    upstreams::Upstream,
};

/// From the agent's start to the old answers, with nothing but its disk.
const FROM_DISK: Duration = Duration::from_secs(2);

/// Returns the configuration of an agent for the Envoy of this site.
fn config(service: &Service, site: &Site, public_key: &str) -> Config {
    let authorities = match secure::is_on() {
        true => format!("ca_file = \"{}\"", secure::ca()),
        false => String::new(),
    };
    let text = format!(
        r#"
[service]
servers = ["{url}"]
tenant = "acme"
token_file = "{token}"
trusted_keys = ["{public_key}"]
{authorities}
[node]
name = "edge-1"
state = "{state}"
listen = "{listen}"
[proxy]
dialect = "envoy"
folder = "{folder}"
listen = "{web}"
admin = "{admin}"
[times]
pause_ms = 100
retry_ms = 100
ask_again_ms = 200
"#,
        url = secure::base(service.address),
        token = site.path("token"),
        state = site.path("state"),
        listen = free_address(),
        folder = site.path("tm"),
        web = site.web,
        admin = site.admin,
    );
    Config::parse(&text).expect("a configuration")
}

fn run(config: &Config) -> JoinHandle<anyhow::Result<()>> {
    tokio::spawn(agent::run(config.clone()))
}

/// Ends an agent, and returns once nothing of it is left.
async fn end(agent: JoinHandle<anyhow::Result<()>>) {
    agent.abort();
    let ended = agent.await;
    assert!(ended.is_err_and(|error| error.is_cancelled()), "it ran");
}

async fn has_files(folder: &Path) {
    eventually("the agent has written the files", async || {
        folder.join("rds.json").exists().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_agent_serves_on_without_the_service_and_follows_it_again() {
    let keys = Folder::new();
    let file = keys.write("none", "");
    let file = Path::new(&file).with_file_name("signing.pem");
    let key = SigningKey::create(&file).expect("a key");
    let signing = format!("dataplane.signing_keys={}", file.display());
    let mut service = Service::start_with(&Authority::new(), &[&signing]).await;
    let upstreams = [
        Upstream::plain("first").await,
        Upstream::plain("second").await,
    ];
    let changes = [
        route(SERVICE, "v1", &upstreams[0].url("/a"), true),
        route(SERVICE, "v2", &upstreams[1].url("/b"), true),
        policy(SERVICE, &split(1, 0)),
    ];
    service.change(&changes).await;

    let site = Site::new(Program::Envoy);
    site.write("token", service.node_token());
    let config = config(&service, &site, &hex::encode(key.public()));
    fs::create_dir(site.path("tm")).expect("a folder for the files");
    let mut agent = run(&config);
    has_files(Path::new(&site.path("tm"))).await;
    let text = bootstrap::text(&config).expect("a bootstrap");
    let envoy = site.run_bootstrap(&text, "");
    let ask: Ask = envoy.get("/x").host(HOST);
    comes_to(&ask, "first").await;
    let load = {
        let ask = ask.clone();
        Load::start(2, Connections::Kept, move |_| ask.clone())
    };

    // The service goes, then the agent, and the agent comes back to nothing.
    service.stop().await;
    end(agent).await;
    let started = Instant::now();
    agent = run(&config);
    eventually("the agent is ready", async || {
        let ready = reqwest::get(format!("http://{}/ready", config.node.listen)).await;
        (ready.ok()?.status() == 200).then_some(())
    })
    .await;
    let took = started.elapsed();
    assert!(took < FROM_DISK, "from its disk after {took:?}");
    assert_eq!(ask.send().await.expect("an answer").name(), Some("first"));

    // The service comes back, and the Envoy follows it through the agent.
    service.run().await;
    service.change(&[policy(SERVICE, &split(0, 1))]).await;
    comes_to(&ask, "second").await;
    let node = service.node_comes_to("edge-1", "converged").await;
    assert_eq!(node["dialect"], "envoy");
    nothing_was_lost(Program::Envoy, &load.stop().await);
    end(agent).await;
}
