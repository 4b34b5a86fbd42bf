//! A tenant that sends twenty times its limit of requests is refused, and its neighbour is not.
//!
//! The slowdown of the neighbour is measured side by side: windows with the flood between windows
//! without it. The ratio is printed. `make soak-neighbours` measures for longer, and fails when the
//! ratio is above `PROMISED`.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    processes::Process,
    support::{
        World,
        callers::{ASKING, first_key},
        secure,
    },
};

/// The requests that a tenant may send per second, and the number that the noisy tenant sends.
const LIMIT: u64 = 100;
const FLOOD: u64 = 20 * LIMIT;
/// The requests of the quiet tenant per second.
const QUIET: u64 = 50;
/// The factor by which the quiet tenant's p99 may grow.
const PROMISED: f64 = 1.2;

struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// Sends `per_second` requests a second for `time`, however long the answers take. Returns the
    /// time since each request was due, and its status.
    async fn ask(&self, per_second: u64, time: Duration) -> Vec<(Duration, u16)> {
        let count = per_second * u64::try_from(time.as_millis()).unwrap() / 1000;
        let begun = Instant::now();
        let asked = stream::iter(0..count).map(|number| async move {
            let due = begun + Duration::from_micros(number * 1_000_000 / per_second);
            tokio::time::sleep_until(due.into()).await;
            let answer = self
                .http
                .get(&self.url)
                .bearer_auth(&self.token)
                .send()
                .await
                .expect("an answer");
            (due.elapsed(), answer.status().as_u16())
        });
        asked
            .buffer_unordered(usize::try_from(per_second).unwrap())
            .collect()
            .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenant_at_twenty_times_its_limit_slows_no_other() {
    if secure::is_on() {
        // With TLS, two thousand requests at once open two thousand connections, and the test could
        // measure only their handshakes.
        return;
    }
    let limit = format!("limits.requests_per_second_per_tenant={LIMIT}");
    let mut overrides = ASKING.to_vec();
    overrides.push(&limit);
    let world = World::with(&overrides).await;
    let admin = first_key(&world.settings).await;
    let process = Process::start("serve", &world.environment);
    process.ready().await;
    let http = secure::http().build().expect("a client");
    let api = format!("{}/api/v1", process.base());
    let client = async |tenant: &str| {
        let route = json!({ "tenant": tenant, "service": "web", "env": "prod", "version": "v1", "url": "http://a/" });
        let made = http
            .post(format!("{api}/routes"))
            .bearer_auth(&admin)
            .json(&route)
            .send()
            .await
            .expect("an answer");
        assert_eq!(made.status(), 201);
        let key = json!({ "tenant": tenant, "roles": ["node"] });
        let key = http
            .post(format!("{api}/keys"))
            .bearer_auth(&admin)
            .json(&key)
            .send()
            .await
            .expect("an answer");
        let key: serde_json::Value = key.json().await.expect("JSON");
        let url = format!("{api}/routes/resolve?tenant={tenant}&service=web&env=prod&version=v1");
        let client = Client {
            http: http.clone(),
            url,
            token: key["token"].as_str().expect("a token").to_owned(),
        };
        // From here on the service knows the key and holds the tenant.
        assert_eq!(client.ask(1, Duration::from_secs(1)).await[0].1, 200);
        client
    };
    let (noisy, quiet) = (client("noisy").await, client("quiet").await);
    let seconds: u64 = std::env::var("TM_NEIGHBOURS_SECONDS")
        .map_or(8, |seconds| seconds.parse().expect("seconds"));
    let window = Duration::from_secs(2);
    let (mut alone, mut beside, mut flood) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..(seconds / 4).max(1) {
        alone.extend(quiet.ask(QUIET, window).await);
        let (asked, flooded) = tokio::join!(quiet.ask(QUIET, window), noisy.ask(FLOOD, window));
        beside.extend(asked);
        flood.push(flooded);
    }
    for (_, status) in alone.iter().chain(&beside) {
        assert_eq!(*status, 200, "the quiet tenant is not refused");
    }
    for window in &flood {
        let admitted = window.iter().filter(|(_, status)| *status == 200).count();
        let refused = window.iter().filter(|(_, status)| *status == 429).count();
        // A machine that is busy with other tests sheds a few of the flood.
        let shed = window.iter().filter(|(_, status)| *status == 503).count();
        assert_eq!(admitted + refused + shed, window.len());
        assert!(shed <= window.len() / 100, "{shed} were shed");
        let slowest = window
            .iter()
            .map(|(took, _)| *took)
            .max()
            .unwrap_or_default();
        // A second's worth of requests at once, and then the limit of each second.
        let most = LIMIT as f64 * (3.0 + slowest.as_secs_f64());
        assert!(
            (admitted as f64) <= most && refused > admitted,
            "{admitted} of {} were let in",
            window.len()
        );
    }
    let (alone, beside) = (p99(alone), p99(beside));
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    println!("the quiet tenant's p99: {alone:?} alone, {beside:?} beside the flood: {ratio:.2}");
    if std::env::var_os("TM_NEIGHBOURS_SECONDS").is_some() {
        assert!(ratio <= PROMISED, "{ratio:.2}");
    }
}

fn p99(mut asked: Vec<(Duration, u16)>) -> Duration {
    asked.sort_unstable();
    asked[asked.len() * 99 / 100].0
}
