//! Measures what one change of a tenant with many policies costs, compared with a full rendering:
//! `cargo bench -p traffic-manager-dataplane --bench render [-- POLICIES [DIALECT]]`.
//!
//! The memory that the process grows by is only right for the first dialect: later ones use what is
//! freed. A change is a new snapshot. Its rendering is all from there to the body: compiling, rendering,
//! digests. The snapshot itself is not measured.

#[path = "../tests/tenant/mod.rs"]
mod tenant;

use std::time::{Duration, Instant};

use serde_json::json;
use traffic_manager_core::{
    ids::{PolicyName, RouteName},
    policy::PolicySpec,
    snapshot::{Scope, TenantSnapshot},
};
use traffic_manager_dataplane::{
    Dialect, Renderer, Settings,
    envoy::{Former, Offer, compose},
    model::Compiler,
};

/// Changes of each kind that are measured.
const CHANGES: usize = 100;
/// Full renderings that are measured.
const FULL: usize = 5;
const ENVS: [&str; 4] = ["dev", "prod", "qa", "stage"];

fn policy_name(number: usize) -> PolicyName {
    PolicyName {
        service: format!("service-{:05}", number / ENVS.len())
            .parse()
            .unwrap(),
        env: ENVS[number % ENVS.len()].parse().unwrap(),
    }
}

fn route_name(number: usize, version: &str) -> RouteName {
    let PolicyName { service, env } = policy_name(number);
    RouteName {
        service,
        env,
        version: version.parse().unwrap(),
    }
}

fn url(number: usize, version: &str, port: usize) -> String {
    let PolicyName { service, env } = policy_name(number);
    format!("http://{service}-{version}.{env}.svc.cluster.local:{port}/")
}

/// Returns a policy as teams write them. A change moves `weight`.
fn spec(number: usize, weight: usize) -> PolicySpec {
    let PolicyName { service, env } = policy_name(number);
    let host = format!("{service}.{env}.acme.example");
    let mut spec = json!({
        "hosts": [host],
        "version_header": "x-version",
        "timeout_ms": 3000,
        "request_headers": {"set": {"x-env": env}},
        "sticky_by": {"header": "x-user"},
        "split": [{"version": "v1", "weight": 100 - weight}, {"version": "v2", "weight": weight}],
        "rules": [
            {"name": "beta", "match": {"headers": {"x-beta": {"exact": "yes"}}}, "version": "v2"},
            {"name": "internal", "match": {"path": {"prefix": "/internal"}, "methods": ["GET", "POST"]},
             "respond": {"status": 403}},
        ],
    });
    if number.is_multiple_of(3) {
        spec["path_prefixes"] = json!(["/", "/api/v1", "/static"]);
        spec["hosts"] = json!([host, format!("www.{host}")]);
    }
    if number.is_multiple_of(100) {
        spec["hosts"] = json!([host, format!("*.{host}")]);
        spec["rewrite"] = json!({"strip_prefix": true});
    }
    let spec: PolicySpec = serde_json::from_value(spec).unwrap();
    spec.checked().unwrap()
}

fn tenant_of(policies: usize) -> TenantSnapshot {
    let routes = (0..policies).flat_map(|number| {
        ["v1", "v2"]
            .map(|version| tenant::route(route_name(number, version), &url(number, version, 8080)))
    });
    let specs = (0..policies).map(|number| (policy_name(number), spec(number, 10)));
    tenant::tenant("acme", routes.collect(), specs.collect())
}

/// Makes the changes: first of policies, then of routes, then of hosts, each of a random one.
fn changes(first: &TenantSnapshot, policies: usize) -> Vec<TenantSnapshot> {
    let mut random = 7_u64;
    let mut snapshots: Vec<TenantSnapshot> = Vec::with_capacity(3 * CHANGES);
    for at in 0..3 * CHANGES {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let number = (random >> 33) as usize % policies;
        let change = if at < CHANGES {
            tenant::policy_change(policy_name(number), Some(spec(number, 11 + at % 80)))
        } else if at < 2 * CHANGES {
            let url = url(number, "v2", 9000 + at);
            tenant::route_change(route_name(number, "v2"), &url, true)
        } else {
            let mut spec = spec(number, 10);
            spec.hosts.pop();
            let host = json!(format!("service-{number:05}-{at}.acme.example"));
            spec.hosts.push(serde_json::from_value(host).unwrap());
            tenant::policy_change(policy_name(number), Some(spec))
        };
        let before = snapshots.last().unwrap_or(first);
        let next = tenant::after(before, vec![change]);
        snapshots.push(next);
    }
    snapshots
}

fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the memory of this process in MiB, as the system counts it; 0 where it does not.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0.0) * 4096.0 / 1_048_576.0
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / 1_048_576.0
}

fn compiling(first: &TenantSnapshot, snapshots: &[TenantSnapshot]) {
    let full = median(
        (0..FULL)
            .map(|_| time(|| Compiler::new(Scope::default()).compile([first])).0)
            .collect(),
    );
    let mut compiler = Compiler::new(Scope::default());
    let mut model = compiler.compile([first]);
    let times = snapshots.iter().map(|snapshot| {
        let (time, next) = time(|| compiler.compile([snapshot]));
        model = next;
        time
    });
    let change = median(times.collect());
    println!(
        "compiling alone: full {:.1} ms, one change {:.2} ms; {} policies",
        ms(full),
        ms(change),
        model.policies.len()
    );
}

/// The times of one kind of rendering.
struct Times {
    full: Duration,
    /// One for each snapshot.
    changes: Vec<Duration>,
}

impl Times {
    /// Prints a row of the table.
    fn print(mut self, name: &str, more: &str) {
        let hosts = median(self.changes.split_off(2 * CHANGES));
        let routes = median(self.changes.split_off(CHANGES));
        let policies = median(self.changes);
        let of_full = |time| 100.0 * ms(time) / ms(self.full);
        println!(
            "{name:9} full {:7.1} ms | policy {:6.2} ms {:5.2} % | route {:6.2} ms {:5.2} % | \
             hosts {:6.2} ms {:5.2} % | {more}",
            ms(self.full),
            ms(policies),
            of_full(policies),
            ms(routes),
            of_full(routes),
            ms(hosts),
            of_full(hosts),
        );
    }
}

fn rendering(dialect: Dialect, first: &TenantSnapshot, snapshots: &[TenantSnapshot]) {
    let new = || Renderer::new(dialect, Settings::default(), Scope::default());
    let full = median(
        (0..FULL)
            .map(|_| time(|| new().render([first])).0)
            .collect(),
    );
    let memory = resident();
    let mut renderer = new();
    let mut rendered = renderer.render([first]);
    let memory = resident() - memory;
    let changes = snapshots
        .iter()
        .map(|snapshot| {
            let (time, next) = time(|| renderer.render([snapshot]));
            rendered = next;
            time
        })
        .collect();
    let (body, blocks) = (rendered.document.len(), rendered.document.blocks().len());
    let fresh = new().render(snapshots.last()).document;
    assert!(fresh == rendered.document, "{dialect:?} differs");
    let more = format!(
        "body {:5.1} MiB in {blocks} blocks | keeps {:5.1} MiB, process {memory:+.1} MiB",
        mib(body),
        mib(renderer.weight()),
    );
    Times { full, changes }.print(dialect.as_str(), &more);
}

/// Makes one offer after the other, as streams of Envoys get them.
#[derive(Debug)]
struct Offering {
    compiler: Compiler,
    former: Former,
}

impl Offering {
    fn new() -> Self {
        Self {
            compiler: Compiler::new(Scope::default()),
            former: Former::new(Settings::default()),
        }
    }

    fn offer(&mut self, snapshot: &TenantSnapshot) -> Offer {
        let model = self.compiler.compile([snapshot]);
        let forms = self.former.forms(&model);
        compose(forms.version, &forms.all, |_| false)
    }
}

/// Returns the bytes that a delta stream sends for the step from one offer to the next: the clusters
/// that differ, and the route configuration.
fn sent(before: &Offer, now: &Offer) -> [usize; 2] {
    let clusters = now
        .clusters
        .values()
        .filter(|cluster| before.clusters.get(&cluster.name) != Some(cluster));
    let routes = now
        .routes
        .values()
        .filter(|routes| before.routes.get(&routes.name) != Some(routes));
    [
        clusters.map(|one| one.body.len()).sum(),
        routes.map(|one| one.body.len()).sum(),
    ]
}

fn streaming(first: &TenantSnapshot, snapshots: &[TenantSnapshot]) {
    let full = median(
        (0..FULL)
            .map(|_| time(|| Offering::new().offer(first)).0)
            .collect(),
    );
    let memory = resident();
    let mut offering = Offering::new();
    let mut offer = offering.offer(first);
    let memory = resident() - memory;
    let (mut clusters, mut routes) = (0, 0);
    let changes = snapshots
        .iter()
        .map(|snapshot| {
            let (time, next) = time(|| offering.offer(snapshot));
            let [of_clusters, of_routes] = sent(&offer, &next);
            clusters = clusters.max(of_clusters);
            routes = routes.max(of_routes);
            offer = next;
            time
        })
        .collect();
    let fresh = snapshots.last().map(|last| Offering::new().offer(last));
    assert!(fresh.as_ref() == Some(&offer), "offers differ");
    let more = format!(
        "sends at most {clusters} B of clusters and {:.1} MiB of routes | process {memory:+.1} MiB",
        mib(routes),
    );
    Times { full, changes }.print("envoy ads", &more);
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let policies = arguments
        .iter()
        .find_map(|one| one.parse().ok())
        .unwrap_or(10_000);
    let asked: Vec<Dialect> = arguments
        .iter()
        .filter_map(|one| one.parse().ok())
        .collect();
    let first = tenant_of(policies);
    let snapshots = changes(&first, policies);
    compiling(&first, &snapshots);
    for dialect in Dialect::ALL {
        if asked.is_empty() || asked.contains(&dialect) {
            rendering(dialect, &first, &snapshots);
            if dialect == Dialect::Envoy {
                streaming(&first, &snapshots);
            }
        }
    }
}
