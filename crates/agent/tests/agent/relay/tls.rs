//! A relay with a certificate.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::time::timeout;
use traffic_manager_client::{Connections, Watcher};

use super::{
    plane::{NODE, Plane},
    process::{Relay, ask, watcher},
};
use crate::common::{PATIENCE, folder::Folder, stage::program, tenant};

/// The further watchers, whose memory at the relay is measured.
const OTHERS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_served_with_the_certificate_of_the_files() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let files = Folder::new();
    files.write("chain.pem", &cert.pem());
    files.write("key.pem", &signing_key.serialize_pem());
    let keys = format!(
        "certificate_file = {:?}\nkey_file = {:?}",
        files.path("chain.pem"),
        files.path("key.pem")
    );
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let relay = Relay::start(&[plane.url()], &keys).await;
    let url = relay.url().replace("http:", "https:");
    let mut settings = watcher(&[url]);
    settings.ca_pem = Some(cert.pem().into_bytes());
    settings.connections = Some(Connections::new(&settings).unwrap());
    let watcher = Watcher::start(settings.clone()).await.unwrap();
    timeout(PATIENCE, watcher.ready()).await.unwrap().unwrap();
    let mut views = watcher.changed();
    let wanted = plane.change("acme", &["shop/prod/v1"], "http://b.example/");
    let held = views.wait_for(|view| view.tag() == Some(&wanted));
    timeout(PATIENCE, held).await.unwrap().unwrap();

    let before = relay.resident();
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        others.push(Watcher::start(settings.clone()).await.unwrap());
    }
    let all = |status: &serde_json::Value| status["counts"]["waiters"] == OTHERS + 1;
    relay.shows("all have streams", all).await;
    let each = (relay.resident() - before) as f64 / OTHERS as f64;
    println!("{OTHERS} encrypted streams, {each:.1} KiB each");
    assert!(each < 100.0, "{each:.1} KiB");
    drop(others);

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let path = format!("{}/api/v1/tenants/acme/snapshot", relay.url());
    let plain = client.get(path).bearer_auth(NODE).send().await;
    assert!(plain.is_err(), "not without the certificate: {plain:?}");

    // Files that do not fit together are found before a start.
    let other = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    files.write("key.pem", &other.signing_key.serialize_pem());
    let (is_good, text) = program(&["check"], &relay.config());
    assert!(!is_good && text.contains("do not fit together"), "{text}");
    assert_eq!(
        ask(&format!("{}/api/v1/self", plane.url()), NODE, &[])
            .await
            .status(),
        200
    );
}
