//! An imported document sends requests where the other gateway would send them.

use std::{collections::BTreeMap, fs, path::Path};

use traffic_manager_core::{
    host::first_match,
    ids::PolicyName,
    plan::Content,
    policy::{Host, Outcome, choice::Asked, pattern::Patterns},
};
use traffic_manager_import::{BackendUrl, Options, Source, gateway_api, kong};

struct Site(Content);

impl Site {
    fn of(sample: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/samples")
            .join(sample);
        Self::read(
            sample.starts_with("kong"),
            &fs::read_to_string(path).unwrap(),
        )
    }

    fn read(is_kong: bool, text: &str) -> Self {
        let options = Options {
            env: "prod".parse().unwrap(),
            hosts: vec![Host::try_from("any.example.com".to_owned()).unwrap()],
            backend_url: BackendUrl::default(),
        };
        let source = Source { name: "test", text };
        let imported = if is_kong {
            kong(&source, &options)
        } else {
            gateway_api(&[source], &options)
        };
        Self(imported.unwrap().document.content().unwrap())
    }

    /// Returns the URL that gets a request, as `METHOD host/path header=value…`, or what happens
    /// instead. Of a split, the first version gets it.
    fn ask(&self, request: &str) -> String {
        let mut words = request.split(' ');
        let method = words.next().unwrap();
        let (host, path) = words.next().unwrap().split_once('/').unwrap();
        let path = format!("/{path}");
        let headers: BTreeMap<_, _> = words
            .map(|header| header.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let claims = self.0.policies.iter().flat_map(|(name, spec)| {
            spec.claims()
                .map(move |(host, prefix)| (host, prefix, (name, spec)))
        });
        let Some((name, spec)) = first_match(claims, host, &path) else {
            return "404".to_owned();
        };
        let asked = Asked {
            headers,
            method: Some(method.to_owned()),
            path: Some(path),
            ..Asked::default()
        };
        let patterns = Patterns::of(&spec.rules);
        let mut rules = spec.rules.iter().enumerate();
        let rule = rules.find(|(at, rule)| rule.matching.takes(&asked, patterns.of_rule(*at)));
        match rule.map(|(_, rule)| &rule.outcome) {
            Some(Outcome::Redirect(redirect)) => format!("{} {}", redirect.status, redirect.url),
            Some(Outcome::Respond(respond)) => respond.status.to_string(),
            Some(Outcome::Version(version)) => self.url(name, version),
            Some(Outcome::Split(split)) => self.url(name, &split[0].version),
            None => spec
                .split
                .first()
                .map_or("404".to_owned(), |share| self.url(name, &share.version)),
        }
    }

    fn url(&self, policy: &PolicyName, version: &traffic_manager_core::ids::VersionName) -> String {
        self.0.routes[&policy.route(version)]
            .url
            .as_str()
            .to_owned()
    }

    fn assert(&self, expected: &[(&str, &str)]) {
        for (request, target) in expected {
            assert_eq!(self.ask(request), *target, "{request}");
        }
    }
}

#[test]
fn overlapping_rules_of_the_gateway_api_keep_their_order() {
    Site::of("gateway/precedence.yaml").assert(&[
        ("GET site.example.com/", "http://web.default.svc:80"),
        ("GET site.example.com/shop", "http://web.default.svc:80"),
        (
            "POST site.example.com/shop/x",
            "http://orders.default.svc:80",
        ),
        (
            "GET site.example.com/shop x-beta=1",
            "http://shop-beta.default.svc:80",
        ),
        (
            "POST site.example.com/shop x-beta=1",
            "http://orders.default.svc:80",
        ),
        (
            "POST site.example.com/shop/cart",
            "http://cart.default.svc:80",
        ),
        (
            "GET site.example.com/shop/cart/1",
            "http://web.default.svc:80",
        ),
        ("GET other.example.com/shop", "http://fallback.other.svc:80"),
        ("GET other.example.com/", "404"),
    ]);
}

#[test]
fn exact_paths_and_prefixes_of_any_host_are_served_at_the_named_host() {
    Site::of("gateway/bookinfo.yaml").assert(&[
        (
            "GET any.example.com/productpage",
            "http://productpage.default.svc:9080",
        ),
        ("GET any.example.com/productpage/x", "404"),
        (
            "GET any.example.com/static/a.css",
            "http://productpage.default.svc:9080",
        ),
        (
            "GET any.example.com/api/v1/products/7",
            "http://productpage.default.svc:9080",
        ),
        ("GET any.example.com/api/v1", "404"),
        ("GET other.example.com/static", "404"),
    ]);
}

#[test]
fn patterns_and_headers_of_kong_go_before_plain_paths() {
    Site::of("kong/shop.yaml").assert(&[
        ("GET shop.example.com/orders", "http://10.0.0.1:8080/base"),
        (
            "GET www.shop.example.com/v1/orders/7",
            "http://10.0.0.1:8080/base",
        ),
        (
            "GET shop.example.com/items/12",
            "http://catalog.internal:9000",
        ),
        (
            "POST shop.example.com/items/12",
            "http://catalog.internal:9000",
        ),
        ("GET www.shop.example.com/items/12", "404"),
    ]);
    let text = r#"
_format_version: "3.0"
services:
- {name: all, url: "http://all", routes: [{hosts: [a.example.com], paths: [/]}]}
- {name: api, url: "http://api", routes: [{hosts: [a.example.com], paths: [/api], strip_path: false}]}
- {name: post, url: "http://post", routes: [{hosts: [a.example.com], methods: [POST], paths: [/]}]}
- {name: number, url: "http://number", routes: [{hosts: [a.example.com], paths: ["~/api/[0-9]+$"], strip_path: false}]}
- {name: rest, url: "http://rest", routes: [{paths: [/]}]}
"#;
    Site::read(true, text).assert(&[
        ("GET a.example.com/x", "http://all"),
        // A host, a method and a path are more kinds of conditions than a host and a longer path.
        ("POST a.example.com/api/x", "http://post"),
        ("GET a.example.com/api/x", "http://api"),
        ("GET a.example.com/api/12", "http://number"),
        ("GET any.example.com/x", "http://rest"),
    ]);
}

#[test]
fn redirects_and_answers_of_kong_become_those_of_rules() {
    Site::of("kong/answers.yaml").assert(&[
        ("GET old.example.com/x", "308 https://www.example.com/"),
        ("GET api.example.com/legacy/x", "410"),
        ("GET api.example.com/x", "http://api.internal/v3"),
    ]);
}

#[test]
fn file_of_another_kind_is_refused_with_its_place() {
    let options = Options {
        env: "prod".parse().unwrap(),
        hosts: Vec::new(),
        backend_url: BackendUrl::default(),
    };
    for (text, place) in [
        ("a: 1\n", "f: line 1, column 1: has no _format_version"),
        (
            "_format_version: \"4.0\"\n",
            "f: line 1, column 18: _format_version must be",
        ),
        (
            "_format_version: \"3.0\"\nservices: 1\n",
            "f: line 2, column 11: services must be a list",
        ),
        ("_format_version: [\n", "f: line"),
        ("", "f: line 1, column 1: the file is empty"),
    ] {
        let error = kong(&Source { name: "f", text }, &options)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(place), "{text}: {error}");
    }
    let text = "kind: HTTPRoute\n";
    let error = gateway_api(&[Source { name: "f", text }], &options).unwrap_err();
    assert!(error.why.contains("has no apiVersion"), "{error}");
}
