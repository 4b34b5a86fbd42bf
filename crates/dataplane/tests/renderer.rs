//! A renderer that keeps what does not change makes what a new one makes, to the byte.

mod tenant;

use std::collections::BTreeMap;

use proptest::{collection, option, prelude::*, sample};
use serde_json::json;
use tenant::{after, policy_change, route, route_change};
use traffic_manager_core::{
    event::Change,
    ids::{PolicyName, RouteName},
    policy::PolicySpec,
    snapshot::{Scope, TenantSnapshot},
};
use traffic_manager_dataplane::{
    Body, Dialect, Renderer, Settings,
    envoy::{Former, compose},
    model::{Compiler, Model},
};

const POLICIES: usize = 6;
const HOSTS: [&str; 7] = [
    "acme.io",
    "a.acme.io",
    "b.acme.io",
    "x.deep.acme.io",
    "*.acme.io",
    "*.deep.acme.io",
    "*.io",
];
const PREFIXES: [&str; 5] = ["/", "/a", "/a/b", "/ab", "/c"];

/// What a test writes of a policy.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    hosts: Vec<&'static str>,
    prefixes: Vec<&'static str>,
    weight: u16,
    kind: &'static str,
}

/// An edit of the tenant.
#[derive(Debug, Clone)]
enum Edit {
    Policy(usize, Option<Shape>),
    Route(usize, &'static str, &'static str),
}

/// What a test does.
#[derive(Debug, Clone)]
enum Step {
    Edit(Vec<Edit>),
    /// Renders the first state again.
    GoBack,
    Report,
}

fn policy_name(at: usize) -> PolicyName {
    PolicyName {
        service: ["pay", "pay-x", "shop"][at / 2].parse().unwrap(),
        env: ["prod", "prod-2"][at % 2].parse().unwrap(),
    }
}

fn route_name(at: usize, version: &str) -> RouteName {
    let PolicyName { service, env } = policy_name(at);
    RouteName {
        service,
        env,
        version: version.parse().unwrap(),
    }
}

fn spec(shape: &Shape) -> PolicySpec {
    let mut spec = json!({
        "hosts": shape.hosts,
        "path_prefixes": shape.prefixes,
        "split": [{"version": "v1", "weight": 10}, {"version": "v2", "weight": shape.weight}],
    });
    match shape.kind {
        "strip" => spec["rewrite"] = json!({"strip_prefix": true}),
        "named" => spec["version_header"] = json!("x-version"),
        "copied" => spec["mirror"] = json!({"version": "v2", "share": 5000}),
        // Caddy, Traefik and nginx refuse one of these each, HAProxy none.
        "starred" => spec["response_headers"] = json!({"remove": ["x-*"]}),
        "unnamed" => spec["rules"] = rule(json!({"respond": {"status": 299, "body": "x"}})),
        "closed" => spec["rules"] = rule(json!({"respond": {"status": 444}})),
        "moved" => {
            let redirect = json!({"status": 308, "url": "https://acme.io/a?b=$c"});
            spec["rules"] = rule(json!({"redirect": redirect}));
        }
        _ => {}
    }
    let spec: PolicySpec = serde_json::from_value(spec).unwrap();
    spec.checked().unwrap()
}

fn rule(mut rule: serde_json::Value) -> serde_json::Value {
    rule["name"] = json!("a \"rule\" \\ ü");
    rule["match"] = json!({"headers": {"x-a": {"exact": "a\"\\b"}}});
    json!([rule])
}

fn shape() -> impl Strategy<Value = Shape> {
    let kinds = [
        "plain", "strip", "named", "copied", "starred", "unnamed", "closed", "moved",
    ];
    (
        sample::subsequence(&HOSTS[..], 0..4),
        sample::subsequence(&PREFIXES[..], 1..4),
        0..3_u16,
        sample::select(kinds.to_vec()),
    )
        .prop_map(|(hosts, prefixes, weight, kind)| Shape {
            hosts,
            prefixes,
            weight,
            kind,
        })
}

fn edit() -> impl Strategy<Value = Edit> {
    // The last one is not active; HAProxy and nginx refuse the third, all refuse the second.
    let urls = [
        "http://127.0.0.1:81/x",
        "http://a.example/?a=b",
        "https://127.0.0.1/",
        "https://b.example/base",
        "",
    ];
    let version = sample::select(&["v1", "v2"][..]);
    prop_oneof![
        3 => (0..POLICIES, option::weighted(0.8, shape())).prop_map(|(at, shape)| Edit::Policy(at, shape)),
        1 => (0..POLICIES, version, sample::select(urls.to_vec())).prop_map(|(at, version, url)| Edit::Route(at, version, url)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => collection::vec(edit(), 1..4).prop_map(Step::Edit),
        1 => Just(Step::GoBack),
        1 => Just(Step::Report),
    ]
}

/// The policies of the tenant.
#[derive(Debug, Default)]
struct World {
    shapes: BTreeMap<usize, Shape>,
    /// Two of them may claim the same.
    has_conflicts: bool,
}

impl World {
    fn changes(&mut self, edits: Vec<Edit>) -> Vec<Change> {
        let (before, mut routes) = (self.shapes.clone(), Vec::new());
        for edit in edits {
            match edit {
                Edit::Route(at, version, url) => {
                    let is_active = !url.is_empty();
                    let url = if is_active { url } else { "http://c.example/" };
                    routes.push(route_change(route_name(at, version), url, is_active));
                }
                Edit::Policy(at, None) => drop(self.shapes.remove(&at)),
                Edit::Policy(at, Some(shape)) => self.put(at, shape),
            }
        }
        for at in 0..POLICIES {
            let (old, new) = (before.get(&at), self.shapes.get(&at));
            if old != new {
                routes.push(policy_change(policy_name(at), new.map(spec)));
            }
        }
        routes
    }

    /// Puts a policy there. Its hosts leave other policies that have them with one of its prefixes,
    /// unless there may be conflicts.
    fn put(&mut self, at: usize, shape: Shape) {
        self.shapes.remove(&at);
        for other in self.shapes.values_mut() {
            let mut prefixes = other.prefixes.iter();
            let shares = prefixes.any(|prefix| shape.prefixes.contains(prefix));
            if shares && !self.has_conflicts {
                other.hosts.retain(|host| !shape.hosts.contains(host));
            }
        }
        self.shapes.insert(at, shape);
    }
}

fn first() -> TenantSnapshot {
    let routes = (0..POLICIES).flat_map(|at| {
        [("v1", "http://127.0.0.1:81"), ("v2", "http://d.example/")]
            .map(|(version, url)| route(route_name(at, version), url))
    });
    tenant::tenant("acme", routes.collect(), Vec::new())
}

fn renderer(dialect: Dialect) -> Renderer {
    Renderer::new(dialect, Settings::default(), Scope::default())
}

/// Returns the state after a step.
fn state<'a>(
    step: &Step,
    first: &'a TenantSnapshot,
    now: &'a mut TenantSnapshot,
    world: &mut World,
) -> &'a TenantSnapshot {
    match step {
        Step::GoBack => return first,
        Step::Report => {}
        Step::Edit(edits) => {
            let changes = world.changes(edits.clone());
            if !changes.is_empty() {
                *now = after(now, changes);
            }
        }
    }
    now
}

/// Compares one rendering of a renderer, or its report, with that of a new one.
fn is_as_new(
    dialect: Dialect,
    kept: &mut Renderer,
    step: &Step,
    state: &TenantSnapshot,
) -> Result<(), TestCaseError> {
    let model = Model::compile([state], &Scope::default());
    let wanted = dialect.render(&model, &Settings::default());
    if let Step::Report = step {
        prop_assert_eq!(kept.report([state]), wanted.report);
        return Ok(());
    }
    let made = kept.render([state]);
    prop_assert_eq!(made.report, wanted.report);
    let text = |body: Body| String::from_utf8(body.to_bytes().to_vec()).unwrap();
    prop_assert_eq!(text(made.document), text(wanted.document));
    Ok(())
}

proptest! {
    #[test]
    fn kept_rendering_is_the_same_as_a_new_one(steps in collection::vec(step(), 1..10)) {
        let mut renderers = Dialect::ALL.map(|dialect| (dialect, renderer(dialect)));
        let (first, mut world) = (first(), World::default());
        let mut now = first.clone();
        for step in steps {
            let state = state(&step, &first, &mut now, &mut world);
            for (dialect, kept) in &mut renderers {
                is_as_new(*dialect, kept, &step, state)?;
            }
        }
    }

    // Envoy alone gets policies that claim the same: a search may offer an older form of one.
    #[test]
    fn kept_offers_and_files_with_conflicts_are_the_same_as_new_ones(
        steps in collection::vec(step(), 1..10)
    ) {
        let new = || (Compiler::new(Scope::default()), Former::new(Settings::default()));
        let offer = |(compiler, former): &mut (Compiler, Former), state: &TenantSnapshot| {
            let forms = former.forms(&compiler.compile([state]));
            compose(forms.version, &forms.all, |_| false)
        };
        let (mut kept, mut files) = (new(), renderer(Dialect::Envoy));
        let mut world = World { has_conflicts: true, ..World::default() };
        let first = first();
        let mut now = first.clone();
        for step in steps {
            let state = state(&step, &first, &mut now, &mut world);
            let wanted = offer(&mut new(), state);
            prop_assert_eq!(offer(&mut kept, state), wanted);
            is_as_new(Dialect::Envoy, &mut files, &step, state)?;
        }
    }
}

#[test]
fn order_of_tenants_does_not_matter() {
    let policies = |host: &'static str| {
        let shape = Shape {
            hosts: vec![host],
            prefixes: vec!["/"],
            weight: 1,
            kind: "plain",
        };
        vec![(policy_name(0), spec(&shape))]
    };
    let a = tenant::tenant("a", Vec::new(), policies("a.example"));
    let b = tenant::tenant("b", Vec::new(), policies("b.example"));
    for dialect in Dialect::ALL {
        let mut renderer = renderer(dialect);
        let one = renderer.render([&a, &b]);
        assert_eq!(one, renderer.render([&b, &a]));
        assert_eq!(one.report.len(), 2);
    }
}

#[test]
fn change_of_one_policy_leaves_nearly_all_blocks() {
    let shape = |weight| Shape {
        hosts: Vec::new(),
        prefixes: vec!["/"],
        weight,
        kind: "named",
    };
    let name = |at: usize| PolicyName {
        service: format!("service-{at}").parse().unwrap(),
        env: "prod".parse().unwrap(),
    };
    let spec = |at: usize, weight| PolicySpec {
        hosts: vec![serde_json::from_value(json!(format!("h{at}.acme.io"))).unwrap()],
        ..spec(&shape(weight))
    };
    let policies = (0..2000).map(|at| (name(at), spec(at, 1)));
    let before = tenant::tenant("acme", Vec::new(), policies.collect());
    let now = after(
        &before,
        vec![policy_change(name(1000), Some(spec(1000, 2)))],
    );
    for dialect in Dialect::ALL {
        let mut kept = renderer(dialect);
        let before = kept.render([&before]).document;
        let fresh = renderer(dialect).render([&now]).document;
        let now = kept.render([&now]).document;
        assert!(now == fresh, "{dialect:?} differs");
        let is_new = |block: &&bytes::Bytes| {
            !before
                .blocks()
                .iter()
                .any(|old| old.as_ptr() == block.as_ptr())
        };
        let new: usize = now
            .blocks()
            .iter()
            .filter(is_new)
            .map(|block| block.len())
            .sum();
        assert!(
            new * 10 < now.len(),
            "{dialect:?}: {new} bytes of {} are new",
            now.len()
        );
    }
}
