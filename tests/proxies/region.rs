//! A relay between the real service and nodes: the same bytes, and what the nodes say arrives.

use std::path::Path;

use test_support::{
    authority::{Authority, Folder},
    eventually,
    ports::free_address,
    secure,
};
use traffic_manager::signing::SigningKey;
use traffic_manager_agent::{config::relay::RelayConfig, relay};

use crate::{
    programs::{Program, Site},
    scene::SERVICE,
    served::{Service, route},
};

const SNAPSHOT: &str = "/api/v1/tenants/acme/snapshot";

fn config(service: &Service, site: &Site, public_key: &str) -> RelayConfig {
    let authorities = match secure::is_on() {
        true => format!("ca_file = \"{}\"", secure::ca()),
        false => String::new(),
    };
    let text = format!(
        r#"
[service]
servers = ["{url}"]
token_file = "{token}"
trusted_keys = ["{public_key}"]
{authorities}
[node]
name = "relay-1"
state = "{state}"
[relay]
listen = "{listen}"
admin = "{admin}"
"#,
        url = secure::base(service.address),
        token = site.path("token"),
        state = site.path("state"),
        listen = free_address(),
        admin = free_address(),
    );
    RelayConfig::parse(&text).expect("a configuration")
}

/// Polls as this node, which runs what it has. Returns the status, the tag and the body.
async fn poll(base: &str, token: &str, node: &str, held: &str) -> (u16, String, Vec<u8>) {
    let request = secure::http()
        .build()
        .expect("a client")
        .get(format!("{base}{SNAPSHOT}"))
        .bearer_auth(token)
        .header("tm-node", node)
        .header("if-none-match", held);
    let Ok(answer) = request.send().await else {
        return (0, String::new(), Vec::new());
    };
    let status = answer.status().as_u16();
    let tag = answer.headers().get("etag");
    let tag = tag
        .map_or("", |tag| tag.to_str().expect("a tag"))
        .to_owned();
    let body = answer.bytes().await.expect("a body").to_vec();
    (status, tag, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_relay_gives_the_bytes_of_the_service_and_its_nodes_are_in_the_ledger() {
    let keys = Folder::new();
    let file = keys.write("none", "");
    let file = Path::new(&file).with_file_name("signing.pem");
    let key = SigningKey::create(&file).expect("a key");
    let signing = format!("dataplane.signing_keys={}", file.display());
    let service = Service::start_with(&Authority::new(), &[&signing]).await;
    service
        .change(&[route(SERVICE, "v1", "http://127.0.0.1:1/a", true)])
        .await;
    let site = Site::new(Program::Envoy);
    site.write("token", service.node_token());
    let config = config(&service, &site, &hex::encode(key.public()));
    let listen = config.relay.listen.expect("an address");
    let (relay, own) = (format!("http://{listen}"), secure::base(service.address));
    let running = tokio::spawn(relay::run(config));
    let token = service.node_token();

    let (tag, body) = eventually("the relay answers", async || {
        let (status, tag, body) = poll(&relay, token, "edge-1", "").await;
        (status == 200).then_some((tag, body))
    })
    .await;
    let (_, same_tag, same) = poll(&own, token, "other", "").await;
    assert_eq!((&tag, &body), (&same_tag, &same));
    assert_eq!(poll(&relay, "tmk_nobody", "edge-1", "").await.0, 401);

    // The node takes the next change from the relay, and the service knows it.
    service
        .change(&[route(SERVICE, "v2", "http://127.0.0.1:1/b", true)])
        .await;
    let newer = eventually("the relay has the change", async || {
        let (status, newer, _) = poll(&relay, token, "edge-1", &tag).await;
        (status == 200).then_some(newer)
    })
    .await;
    assert_eq!(poll(&relay, token, "edge-1", &newer).await.0, 304);
    let node = service.node_comes_to("edge-1", "converged").await;
    assert_eq!(
        node["applied"],
        newer.trim_start_matches("W/").trim_matches('"')
    );
    running.abort();
}
