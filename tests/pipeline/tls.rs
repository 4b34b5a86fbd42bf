//! The connections to Postgres, Kafka and MongoDB: with the right certificate everything works.
//!
//! A certificate for another host, an expired one, and one of an unknown CA are refused, although
//! the servers behind them would answer.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use traffic_manager::{
    audit::archive::Archive,
    config::{self, Settings},
    kafka::{Tail, TailFrom},
    store::{self, Server},
};
use url::Url;

use crate::support::{
    World,
    authority::{Authority, Behind, Folder, Front, Time},
    eventually,
};

const HERE: &str = "127.0.0.1";

/// A front with one certificate, and the CA that its client trusts.
struct Case {
    name: &'static str,
    front: Front,
    ca: String,
    is_right: bool,
}

/// The right certificate and the wrong ones, all in front of the same server.
async fn cases(folder: &Folder, behind: Behind, target: &str) -> Vec<Case> {
    let (ours, other) = (Authority::new(), Authority::new());
    let ca = ours.file(folder);
    let mut cases = Vec::new();
    for (name, shown, is_right) in [
        ("the right certificate", ours.server(HERE, Time::Now), true),
        (
            "a certificate for another host",
            ours.server("other.example", Time::Now),
            false,
        ),
        (
            "an expired certificate",
            ours.server(HERE, Time::Over),
            false,
        ),
        (
            "a certificate of an unknown CA",
            other.server(HERE, Time::Now),
            false,
        ),
    ] {
        let front = Front::open(&shown, behind, target.to_owned()).await;
        cases.push(Case {
            name,
            front,
            ca: ca.clone(),
            is_right,
        });
    }
    cases
}

/// Returns the host and port of a URL.
fn target(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

fn by_way_of(url: &str, front: &Front) -> SecretString {
    let mut url = Url::parse(url).unwrap();
    url.set_port(Some(front.address.port())).unwrap();
    url.to_string().into()
}

fn check(case: &Case, answered: Result<(), String>) {
    assert_eq!(
        answered.is_ok(),
        case.is_right,
        "{}: {answered:?}",
        case.name
    );
}

fn server(
    url: &SecretString,
    postgres: &config::Postgres,
    settings: &Settings,
) -> Result<Server, String> {
    Server::new(
        "postgres",
        "postgres.primary_url",
        url,
        postgres,
        settings
            .resilience
            .policy(&settings.resilience.postgres_primary),
    )
    .map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_with_a_wrong_certificate_is_refused() {
    let (world, folder) = (World::new().await, Folder::new());
    let url = world.db.app_url.clone();
    for case in cases(&folder, Behind::Postgres, &target(&url)).await {
        let url = by_way_of(&url, &case.front);
        let mut postgres = world.settings.postgres.clone();
        postgres.ca_file.clone_from(&case.ca);
        // A session of its own, like those of the relay and `migrate`, and a pooled connection.
        let tls = store::connector(&postgres).unwrap();
        let session = store::connect(
            "postgres.primary_url",
            &url,
            &postgres,
            &tls,
            &store::PoolGeneration::now(),
        )
        .await;
        check(
            &case,
            session.map(drop).map_err(|error| format!("{error:?}")),
        );
        let pooled = server(&url, &postgres, &world.settings).unwrap();
        check(
            &case,
            pooled
                .connection()
                .await
                .map(drop)
                .map_err(|error| format!("{error:?}")),
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_is_cancelled_over_tls() {
    let (world, folder) = (World::new().await, Folder::new());
    let authority = Authority::new();
    let shown = authority.server(HERE, Time::Now);
    let front = Front::open(&shown, Behind::Postgres, target(&world.db.app_url)).await;
    let mut postgres = world.settings.postgres.clone();
    postgres.ca_file = authority.file(&folder);
    postgres.statement_timeout = Duration::from_millis(60_000);
    let mut settings = world.settings.clone();
    settings.resilience.postgres_primary.timeout = Duration::from_millis(200);
    let server = server(&by_way_of(&world.db.app_url, &front), &postgres, &settings).unwrap();
    let sleep =
        async |tx: &store::Transaction<'_>| Ok(tx.execute("select pg_sleep(60)", &[]).await?);
    assert!(
        server
            .read(&store::Visible::no_tenants(), sleep)
            .await
            .is_err(),
        "it takes too long"
    );
    eventually("the server has stopped it", async || {
        let sql = "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(60)%' \
                   and state = 'active' and pid <> pg_backend_pid()";
        (world.db.count(sql).await == 0).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_with_a_wrong_certificate_is_refused() {
    let (world, folder) = (World::new().await, Folder::new());
    let brokers = world.settings.kafka.bootstrap_servers.clone();
    for case in cases(&folder, Behind::Kafka, &brokers).await {
        let mut kafka = world.settings.kafka.clone();
        kafka.bootstrap_servers = case.front.address.to_string();
        kafka.ca_file.clone_from(&case.ca);
        if kafka.security_protocol == config::SecurityProtocol::Plaintext {
            kafka.security_protocol = config::SecurityProtocol::Ssl;
        }
        let tail = Tail {
            name: "cache",
            topic: kafka.topic.clone(),
            from: TailFrom::End,
            settings: kafka,
        };
        let asked = tokio::task::spawn_blocking(move || tail.connect().map(drop));
        check(
            &case,
            asked.await.unwrap().map_err(|error| error.to_string()),
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_with_a_wrong_certificate_is_refused() {
    let (world, folder) = (World::new().await, Folder::new());
    let url = world.settings.mongo.url.expose_secret().to_owned();
    for case in cases(&folder, Behind::Any, &target(&url)).await {
        let mut mongo = world.settings.mongo.clone();
        mongo.url = by_way_of(&url, &case.front);
        mongo.ca_file.clone_from(&case.ca);
        let archive = Archive::new(&mongo, Duration::from_secs(10)).await.unwrap();
        let answered = archive.query(&Default::default(), 1, None).await;
        check(
            &case,
            answered.map(drop).map_err(|error| format!("{error:?}")),
        );
    }
    world.end().await;
}

#[tokio::test]
async fn unprotected_connection_settings_stop_the_start() {
    let folder = Folder::new();
    let ca = Authority::new().file(&folder);
    let settings = Settings::without_environment(&[]).unwrap();
    let mut with_ca = settings.clone();
    with_ca.postgres.ca_file.clone_from(&ca);
    with_ca.mongo.ca_file.clone_from(&ca);
    let postgres = |url: &str, settings: &Settings| {
        server(&SecretString::from(url), &settings.postgres, settings).map(drop)
    };
    assert!(postgres("postgres://u:hunter2@h/d?sslmode=disable", &settings).is_ok());
    assert!(postgres("postgres://u:hunter2@h/d", &with_ca).is_ok());
    let mongo = async |url: &str, settings: &Settings| {
        let mongo = config::Mongo {
            url: url.into(),
            ..settings.mongo.clone()
        };
        Archive::new(&mongo, Duration::from_secs(10))
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert!(
        mongo("mongodb://u:hunter2@h/?tls=true", &with_ca)
            .await
            .is_ok()
    );
    let refused = [
        postgres("postgres://u:hunter2@h/d?sslmode=disable", &with_ca),
        postgres("postgres://u:hunter2@h/d?sslmode=require", &settings),
        mongo("mongodb://u:hunter2@h/?tlsInsecure=true", &settings).await,
        mongo(
            "mongodb://u:hunter2@h/?tls=true&tlsAllowInvalidCertificates=true",
            &with_ca,
        )
        .await,
        mongo("mongodb://u:hunter2@h/?tls=false", &with_ca).await,
    ];
    for refused in refused {
        let message = refused.unwrap_err();
        assert!(
            message.contains("_url") || message.contains("mongo.url"),
            "{message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
    }
    for ca in [
        folder.write("empty.pem", ""),
        folder.write("rubbish.pem", "rubbish"),
        "/nowhere".to_owned(),
    ] {
        (with_ca.postgres.ca_file, with_ca.mongo.ca_file) = (ca.clone(), ca.clone());
        assert!(
            postgres("postgres://u@h/d", &with_ca)
                .unwrap_err()
                .contains("postgres.ca_file"),
            "{ca}"
        );
        assert!(
            mongo("mongodb://u@h/", &with_ca)
                .await
                .unwrap_err()
                .contains("mongo.ca_file"),
            "{ca}"
        );
    }
}
