//! No secret is repeated anywhere.
//!
//! The test puts a marker into everything that can carry a secret, and looks for the markers in
//! everything that leaves the process or is stored.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
    process::Command,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use traffic_manager::http::endpoints;
use uuid::Uuid;

use crate::{
    processes::{Process, eventually},
    support::{
        World,
        database::{url_of, variable},
        secure,
        topic::all_records,
    },
    traces::collector,
};

/// The markers, which no part of the product may repeat. Each input has a marker of its own, so
/// that a leak names its source.
struct Markers {
    prefix: String,
    sown: Vec<String>,
}

impl Markers {
    fn new() -> Self {
        // Letters that survive every encoding: percent, base64url, JSON, header.
        Self {
            prefix: format!("canary{}", &Uuid::new_v4().simple().to_string()[..12]),
            sown: Vec::new(),
        }
    }

    fn sow(&mut self, place: &str) -> String {
        let marker = format!("{}x{}x", self.prefix, self.sown.len());
        self.sown.push(place.to_owned());
        marker
    }

    /// Returns the sources of the markers that are in `text`.
    fn found(&self, text: &str) -> Vec<&str> {
        let ends = text
            .match_indices(&self.prefix)
            .map(|(at, prefix)| &text[at + prefix.len()..]);
        let mut found: Vec<_> = ends
            .map(|rest| {
                let number = rest
                    .strip_prefix('x')
                    .and_then(|rest| rest.split_once('x'))
                    .and_then(|(n, _)| n.parse::<usize>().ok());
                number
                    .and_then(|at| self.sown.get(at))
                    .map_or("a part of a marker", String::as_str)
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Fails when a marker is in `text`.
    fn absent(&self, place: &str, text: &str) {
        assert!(
            self.found(text).is_empty(),
            "{place} has the secrets of: {:?}",
            self.found(text)
        );
    }
}

/// A request with a marker in it.
struct Sown {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, String)>,
}

fn filled(path: &str) -> String {
    path.replace("{tenant}", "acme")
        .replace("{service}", "web")
        .replace("{env}", "prod")
        .replace("{version}", "v1")
        .replace("{id}", "01a1fd21-de3d-7778-bc54-13f4251a9a0f")
        .replace("{key_id}", "0Yb3kQ9zTn5W")
        .replace("{code}", "not_found")
        .replace("{file:.*}", "index.html")
        .replace("{path:.*}", "acme/routes")
}

/// Returns requests to every endpoint except the streams, with a secret in each place that can
/// carry one.
fn requests(markers: &mut Markers, token: &str) -> Vec<Sown> {
    let mut all = Vec::new();
    for endpoint in endpoints::all()
        .iter()
        .filter(|endpoint| !endpoint.path.ends_with("/stream"))
    {
        let (name, path) = (
            format!("{} {}", endpoint.method, endpoint.path),
            filled(endpoint.path),
        );
        let method: Method = endpoint.method.parse().expect("a method");
        let mut sown = |headers: Vec<(&'static str, String)>,
                        query: String,
                        body: Option<(&'static str, String)>| {
            all.push(Sown {
                method: method.clone(),
                path: format!("{path}{query}"),
                headers,
                body,
            });
        };
        let good = || ("authorization", format!("Bearer {token}"));
        let mut credentials = |scheme: &str| markers.sow(&format!("{scheme} of {name}"));
        sown(
            vec![(
                "authorization",
                format!("Bearer {}", credentials("a token")),
            )],
            String::new(),
            None,
        );
        sown(
            vec![(
                "authorization",
                format!("Bearer tmk_{}", credentials("a malformed key")),
            )],
            String::new(),
            None,
        );
        sown(
            vec![(
                "authorization",
                format!("Bearer eyJhbGciOiJub25lIn0.{}.", credentials("a JWT")),
            )],
            String::new(),
            None,
        );
        sown(
            vec![("authorization", format!("Basic {}", credentials("Basic")))],
            String::new(),
            None,
        );
        sown(
            vec![("authorization", credentials("no scheme"))],
            String::new(),
            None,
        );
        sown(
            vec![
                good(),
                (
                    "authorization",
                    format!("Bearer {}", credentials("a second token")),
                ),
            ],
            String::new(),
            None,
        );
        for header in [
            "x-api-key",
            "cookie",
            "proxy-authorization",
            "x-auth-token",
            "x-forwarded-user",
            "referer",
            "user-agent",
        ] {
            sown(
                vec![
                    good(),
                    (
                        header,
                        format!("session={}", markers.sow(&format!("{header} of {name}"))),
                    ),
                ],
                String::new(),
                None,
            );
        }
        for parameter in ["access_token", "api_key", "password"] {
            let marker = markers.sow(&format!("?{parameter} of {name}"));
            sown(vec![good()], format!("?{parameter}={marker}"), None);
        }
        if endpoint.method != "GET" {
            let mut marker = |what: &str| markers.sow(&format!("{what} in the body of {name}"));
            let members = [
                json!({ "password": marker("a member") }),
                json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v7", "url": "http://a.example/", "secret": marker("another member") }),
                json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v7", "url": format!("http://user:{}@a.example/", marker("credentials of a URL")) }),
                json!({ "url": format!("http://{}@a.example/", marker("a user of a URL")) }),
                json!({ "url": format!("http://a.example/#{}", marker("a fragment")) }),
                json!([marker("an array")]),
                json!(marker("a text")),
            ];
            members.iter().for_each(|body| {
                sown(
                    vec![good()],
                    String::new(),
                    Some(("application/json", body.to_string())),
                )
            });
            let broken = format!("{{\"token\": \"{}", marker("invalid JSON"));
            sown(
                vec![good()],
                String::new(),
                Some(("application/json", broken)),
            );
            let yaml = format!("password: [{}", marker("invalid YAML"));
            sown(
                vec![good()],
                String::new(),
                Some(("application/yaml", yaml)),
            );
            let form = format!("password={}", marker("a form"));
            sown(
                vec![good()],
                String::new(),
                Some(("application/x-www-form-urlencoded", form)),
            );
        }
    }
    all
}

/// Returns the text of every table, as in a dump of the database.
async fn dump(world: &World) -> String {
    let sql = "select string_agg(query_to_xml(format('select * from %I.%I', table_schema, table_name), true, true, '')::text, ' ') \
               from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'";
    world.db.rows(sql, &[]).await[0].get(0)
}

/// Returns every document of the archive's database.
async fn documents(world: &World) -> String {
    let client = mongodb::Client::with_uri_str(variable("MONGO_ADMIN_URL"))
        .await
        .expect("a MongoDB URL");
    let database = client.database(&world.settings.mongo.database);
    let mut text = String::new();
    for name in database
        .list_collection_names()
        .await
        .expect("the collections")
    {
        let collection = database.collection::<mongodb::bson::Document>(&name);
        let mut found = collection
            .find(mongodb::bson::doc! {})
            .await
            .expect("the archive");
        while found.advance().await.expect("the archive") {
            text.push_str(&found.deserialize_current().expect("a document").to_string());
        }
    }
    text
}

/// Returns every record of the topic, with its headers.
async fn records(world: &World) -> String {
    let bytes = |bytes: &Option<Vec<u8>>| {
        String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned()
    };
    let mut text = String::new();
    for record in all_records(&world.settings.kafka.topic).await {
        text.push_str(&format!("{} {}", bytes(&record.key), bytes(&record.value)));
        for (key, value) in &record.headers {
            text.push_str(&format!(" {key} {}", bytes(value)));
        }
    }
    text
}

/// Returns the binary's output, standard output and error, since its start.
fn log_of(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Adds secrets to the configuration, each with a marker in it.
fn secrets(markers: &mut Markers, environment: &mut HashMap<String, String>) {
    environment.insert("TM__AUTH__MODE".into(), "required".into());
    let pepper = format!(
        "{} a pepper of 32 bytes or more",
        markers.sow("auth.key_pepper")
    );
    environment.insert("TM__AUTH__KEY_PEPPER".into(), pepper);
    // URLs of servers that do not exist: only an error message can repeat them.
    for (key, scheme) in [
        ("MIGRATE__POSTGRES_URL", "postgres"),
        ("MIGRATE__MONGO_URL", "mongodb"),
        ("RETENTION__POSTGRES_URL", "postgres"),
        ("RETENTION__MONGO_URL", "mongodb"),
    ] {
        let url = format!("{scheme}://user:{}@127.0.0.1:1/database", markers.sow(key));
        environment.insert(format!("TM__{key}"), url);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_in_requests_are_repeated_nowhere() {
    let mut markers = Markers::new();
    for format in ["json", "text"] {
        assert_no_secret_is_repeated(&mut markers, format).await;
    }
}

async fn assert_no_secret_is_repeated(markers: &mut Markers, format: &str) {
    let world = World::new().await;
    let (url, spans) = collector().await;
    let mut environment = world.environment.clone();
    secrets(markers, &mut environment);
    environment.insert("TM__TELEMETRY__OTLP_ENDPOINT".into(), url);
    environment.insert("TM__TELEMETRY__SAMPLE_RATIO".into(), "1".into());
    environment.insert("TM__TELEMETRY__FORMAT".into(), format.into());
    environment.insert(
        "TM__LIMITS__FAILED_LOGINS_PER_SECOND_PER_ADDRESS".into(),
        "0".into(),
    );
    environment.insert("TM__ACCESS_LOG__SUMMARY_MS".into(), "200".into());
    // On a busy machine connections take their time.
    for key in [
        "POSTGRES__CONNECT_TIMEOUT_MS",
        "POSTGRES__ACQUIRE_TIMEOUT_MS",
        "RESILIENCE__POSTGRES_PRIMARY__TIMEOUT_MS",
    ] {
        environment.insert(format!("TM__{key}"), "20000".into());
    }
    let token = first_key(&environment);
    let path = std::env::temp_dir().join(format!("tm-canary-{}", Uuid::new_v4()));
    let process = Process::logged("all", &environment, "debug", &path);
    process.ready().await;

    let client = secure::http()
        .timeout(Duration::from_secs(15))
        .build()
        .expect("a client");
    let tenant = client
        .post(format!("{}/api/v1/tenants", process.base()))
        .bearer_auth(&token)
        .json(&json!({ "name": "acme" }));
    assert_eq!(tenant.send().await.expect("an answer").status(), 201);
    let all = requests(markers, &token);
    let (count, mut refused, mut repeated) = (all.len(), 0, BTreeSet::new());
    for (
        at,
        Sown {
            method,
            path,
            headers,
            body,
        },
    ) in all.into_iter().enumerate()
    {
        let name = format!("{method} {path}");
        let mut request = client.request(method, format!("{}{path}", process.base()));
        request = headers.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        if let Some((content_type, body)) = body {
            request = request.header("content-type", content_type).body(body);
        }
        let answer = request
            .header("x-correlation-id", format!("sown-{at}"))
            .send()
            .await
            .expect("an answer");
        refused += usize::from(answer.status().is_client_error());
        let headers = format!("{:?}", answer.headers());
        let text = answer.text().await.unwrap_or_default();
        if !markers.found(&format!("{headers} {text}")).is_empty() {
            repeated.insert(format!("{name}: {headers} {text}"));
        }
    }
    println!("{count} requests with a secret, {refused} of them refused ({format})");
    assert!(refused > count / 2);
    assert!(
        repeated.is_empty(),
        "answers repeat what was sent: {repeated:#?}"
    );

    // This write puts an event into Kafka, the archive and the traces.
    let route = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": "http://a.example/" });
    let write = client
        .post(format!("{}/api/v1/routes", process.base()))
        .bearer_auth(&token)
        .json(&route)
        .send()
        .await;
    assert!(write.expect("an answer").status().is_success());
    eventually(
        Duration::from_secs(60),
        "everything is archived",
        async || {
            let resilience = client
                .get(format!("http://{}/health/resilience", process.ops))
                .send()
                .await
                .expect("an answer");
            let health: Value = resilience.json().await.expect("JSON");
            let trail = &health["trail"];
            let is_told = trail["records"]["waiting"] == 0
                && trail["records"]["suppressed"] == 0
                && trail["key_changes"]["events"] == 0;
            let is_archived = health["backlog"]["events"] == 0 && health["audit"]["lag"] == 0;
            // The queue's figures in health may be a second old.
            is_told && is_archived && documents(&world).await.contains("a.example")
        },
    )
    .await;
    for path in ["/metrics", "/health", "/health/ready", "/health/resilience"] {
        let answer = client
            .get(format!("http://{}{path}", process.ops))
            .send()
            .await
            .expect("an answer");
        markers.absent(path, &answer.text().await.expect("text"));
    }
    end(process).await;
    let log = log_of(&path);
    assert!(log.len() > 1000, "there is a log: {log}");
    markers.absent("the log", &log);
    markers.absent("a trace", &String::from_utf8_lossy(&spans.lock().await));
    assert!(!spans.lock().await.is_empty(), "there are traces");
    let (tables, archive) = (dump(&world).await, documents(&world).await);
    assert!(
        tables.contains("a.example") && archive.contains("a.example"),
        "the dumps contain written data"
    );
    assert!(
        archive.contains("unknown_token"),
        "refusals are in the access log: {archive}"
    );
    markers.absent("PostgreSQL", &tables);
    markers.absent("MongoDB", &archive);
    let records = records(&world).await;
    assert!(records.contains("a.example"));
    markers.absent("Kafka", &records);
    assert!(
        !log.contains(&token[20..])
            && !tables.contains(&token[20..])
            && !archive.contains(&token[20..]),
        "the key itself"
    );
    let _ = fs::remove_file(path);
    world.end().await;
}

/// Ends the process with SIGTERM, so that it sends and writes everything that it still holds.
async fn end(mut process: Process) {
    process.terminate();
    process.wait(Duration::from_secs(60)).await;
}

fn first_key(environment: &HashMap<String, String>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traffic-manager"));
    command
        .args(["key", "create", "--role", "platform_admin"])
        .env_clear()
        .envs(environment);
    let output = command.output().expect("the binary");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("a token")
        .trim()
        .to_owned()
}

/// The error for a wrong setting or an absent server does not repeat the setting's value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_in_the_configuration_are_absent_from_errors() {
    let mut markers = Markers::new();
    let world = World::new().await;
    let mut base = world.environment.clone();
    for (key, value) in [
        ("TELEMETRY__LOG", "debug".to_owned()),
        ("AUDIT__RETENTION_DAYS", "30".to_owned()),
        (
            "MIGRATE__POSTGRES_URL",
            url_of("PG_PRIMARY_URL", &world.db.name),
        ),
        (
            "RETENTION__POSTGRES_URL",
            "postgres://u:p@127.0.0.1:1/d".to_owned(),
        ),
        ("RETENTION__MONGO_URL", "mongodb://127.0.0.1:1".to_owned()),
    ] {
        base.insert(format!("TM__{key}"), value);
    }
    let mut runs = Vec::new();
    // Each setting with the command that reads it.
    let keyed: [(&str, &'static [&'static str]); 8] = [
        (
            "AUTH__KEY_PEPPER",
            &["key", "create", "--role", "platform_admin"],
        ),
        ("POSTGRES__PRIMARY_URL", &["relay"]),
        ("POSTGRES__REPLICA_URLS", &["serve"]),
        ("MONGO__URL", &["audit"]),
        ("MIGRATE__POSTGRES_URL", &["migrate"]),
        ("MIGRATE__MONGO_URL", &["migrate"]),
        ("RETENTION__POSTGRES_URL", &["retain"]),
        ("RETENTION__MONGO_URL", &["retain"]),
    ];
    for (key, command) in keyed {
        let scheme = if key.contains("MONGO") {
            "mongodb"
        } else {
            "postgres"
        };
        let marker = markers.sow(key);
        let wrong = [
            marker.clone(),
            format!("{scheme}://user:{marker}@"),
            format!("{scheme}://user:{marker}@127.0.0.1:notaport/d"),
            format!("{scheme}://user:{marker}@127.0.0.1:1/d"),
            format!("{scheme}://user:x@127.0.0.1:1/d?unknown={marker}"),
            format!("http://{marker}@127.0.0.1:1/d"),
        ];
        runs.extend(wrong.map(|value| {
            let mut environment = base.clone();
            environment.insert(format!("TM__{key}"), value);
            output(command, environment)
        }));
    }
    let outputs: Vec<String> = stream::iter(runs).buffer_unordered(4).collect().await;
    let silent: Vec<_> = outputs
        .iter()
        .filter(|output| !output.contains('\n'))
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
    markers.absent("what a command printed", &outputs.concat());
    world.end().await;
}

/// Returns the output of a command, which gets SIGTERM after 4 s.
async fn output(
    arguments: &'static [&'static str],
    environment: HashMap<String, String>,
) -> String {
    let run = move || {
        let mut command = Command::new("timeout");
        command
            .args([
                "-s",
                "TERM",
                "-k",
                "5",
                "4",
                env!("CARGO_BIN_EXE_traffic-manager"),
            ])
            .args(arguments);
        let output = command
            .env_clear()
            .envs(environment)
            .output()
            .expect("the binary");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!(
            "{arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        )
    };
    tokio::task::spawn_blocking(run).await.expect("the command")
}
