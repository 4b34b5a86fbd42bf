//! What proxies answer by themselves, and what they change on the way to a version and back.

use serde_json::json;

use super::{
    probes::{Host, get},
    rows::{Row, row},
};
use crate::programs::Program::{Nginx, Traefik};

pub fn rows() -> Vec<Row> {
    let mut rows = named_versions();
    rows.extend(own_answers());
    rows.extend(without_a_version());
    rows.extend(secured());
    rows.extend(rewritten());
    rows
}

fn named_versions() -> Vec<Row> {
    let named = |version| get("/").header("x-version", version);
    let rule = json!({"name": "all", "match": {"methods": ["GET"]}, "version": "v1"});
    let bare: &[&str] = &["the answer for an unknown version has no problem body"];
    vec![
        row(
            "version-header",
            json!({"version_header": "x-version", "rules": [rule]}),
        )
        .versions(&["tls"])
        .inactive(&["tls"])
        .asks(get("/").from("v1"))
        .asks(named("v1").from("v1"))
        .asks(named("v2").from("v2"))
        .asks(named("v9").problem(404, "unknown_version"))
        .asks(named("tls").problem(404, "unknown_version"))
        .noted(&[Nginx], &["an empty header x-version names no version"])
        .otherwise(
            Traefik,
            bare,
            [
                get("/").from("v1").into(),
                named("v1").from("v1").into(),
                named("v2").from("v2").into(),
                named("v9").status(404).into(),
                named("tls").status(404).into(),
            ],
        ),
    ]
}

fn own_answers() -> Vec<Row> {
    let ruled = |outcome: serde_json::Value| {
        let mut rule = json!({"name": "old", "match": {"path": {"prefix": "/old"}}});
        for (name, value) in outcome.as_object().expect("an outcome") {
            rule[name] = value.clone();
        }
        json!({ "rules": [rule] })
    };
    let place = "https://else.example.com/there?a=1";
    let mut rows: Vec<Row> = [
        ("redirect-301", 301),
        ("redirect-302", 302),
        ("redirect-307", 307),
        ("redirect-308", 308),
    ]
    .into_iter()
    .map(|(name, status)| {
        row(
            name,
            ruled(json!({"redirect": {"url": place, "status": status}})),
        )
        .asks(
            get("/old/x?b=2")
                .status(status)
                .told("location", Some(place)),
        )
        .asks(
            get("/old")
                .method("POST")
                .status(status)
                .told("location", Some(place)),
        )
        .asks(get("/").from("v1"))
    })
    .collect();
    let body = "not \"for\" {you}: $1 100 %";
    rows.extend([
        row(
            "respond",
            ruled(json!({"respond": {"status": 403, "body": body}})),
        )
        .asks(get("/old").status(403).text(body))
        .asks(get("/old").method("POST").status(403).text(body))
        .asks(get("/").from("v1"))
        .otherwise(
            Traefik,
            &["the body of the answer 403 is the name of the status"],
            [
                get("/old").status(403).text("Forbidden").into(),
                get("/").from("v1").into(),
            ],
        ),
        row(
            "respond-ok",
            ruled(json!({"respond": {"status": 200, "body": "fine"}})),
        )
        .asks(get("/old").status(200).text("fine"))
        .refused(&[Traefik], "Traefik cannot answer 200 with a body"),
        row("respond-empty", ruled(json!({"respond": {"status": 204}})))
            .asks(get("/old").status(204).text("")),
    ]);
    rows
}

fn without_a_version() -> Vec<Row> {
    let both = json!([{"version": "v1", "weight": 3}, {"version": "v2", "weight": 1}]);
    vec![
        row("failover", json!({"failover": ["v2"]}))
            .inactive(&["v1"])
            .asks(get("/").from("v2")),
        row("rest-of-split", json!({ "split": both }))
            .inactive(&["v1"])
            .asks(get("/").share(100)),
        row("nothing-active", json!({ "split": both }))
            .inactive(&["v1", "v2"])
            .asks(get("/").problem(503, "no_active_version"))
            .otherwise(
                Traefik,
                &["the answer while no version is active has no problem body"],
                [get("/").status(503).into()],
            ),
        // No proxy can add a query of its own to each request.
        row(
            "url-with-query",
            json!({"split": [{"version": "query", "weight": 1}]}),
        )
        .versions(&["query"])
        .refused(&crate::programs::Program::ALL, "a query"),
    ]
}

fn secured() -> Vec<Row> {
    let to = |version: &str| json!({"split": [{"version": version, "weight": 1}]});
    let refused = [500, 502, 503];
    vec![
        row("tls", to("tls")).versions(&["tls"]).asks(
            get("/a?b")
                .from("tls")
                .with_target("/two/a?b")
                .with_server_name("localhost")
                .with_host(Host::Own),
        ),
        row("tls-of-a-stranger", to("stranger"))
            .versions(&["stranger"])
            .asks(get("/").statuses(&refused)),
        row("tls-of-another-name", to("misnamed"))
            .versions(&["misnamed"])
            .asks(get("/").statuses(&refused)),
    ]
}

fn rewritten() -> Vec<Row> {
    let two =
        json!({"name": "two", "match": {"headers": {"x-two": {"exact": "1"}}}, "version": "v2"});
    let second = |target| get(target).header("x-two", "1");
    vec![
        row(
            "strip-prefix",
            json!({"path_prefix": "/shop", "rewrite": {"strip_prefix": true}, "rules": [two]}),
        )
        .asks(get("/shop/a?q=1").from("v1").with_target("/one/a?q=1"))
        .asks(get("/shop").from("v1").with_target("/one"))
        .asks(get("/shop/").from("v1").with_target("/one/"))
        .asks(second("/shop/a?q=1").from("v2").with_target("/a?q=1"))
        .asks(second("/shop").from("v2").with_target("/")),
        row("add-prefix", json!({"rewrite": {"prefix": "/api"}}))
            .asks(get("/a?q=1").from("v1").with_target("/one/api/a?q=1"))
            .asks(get("/").from("v1").with_target("/one/api/")),
        row(
            "strip-and-add",
            json!({"path_prefix": "/shop", "rewrite": {"strip_prefix": true, "prefix": "/api"}, "rules": [two]}),
        )
        .asks(get("/shop/a").from("v1").with_target("/one/api/a"))
        .asks(get("/shop").from("v1").with_target("/one/api"))
        .asks(second("/shop/a").from("v2").with_target("/api/a")),
        row("host-of-the-url", json!({"host_header": "upstream"}))
            .asks(get("/").from("v1").with_host(Host::Own)),
        row("host-kept", json!({"host_header": "keep"}))
            .asks(get("/").from("v1").with_host(Host::Clients)),
        row("host-kept-over-tls", json!({"host_header": "keep", "split": [{"version": "tls", "weight": 1}]}))
            .versions(&["tls"])
            .asks(get("/").from("tls").with_host(Host::Clients).with_server_name("localhost")),
        row("host-fixed", json!({"host_header": "inner.example.com"}))
            .asks(get("/").from("v1").with_host(Host::This("inner.example.com"))),
        row(
            "header-edits",
            json!({
                "request_headers": {"set": {"x-a": "100 % {b} $c \"d\""}, "remove": ["x-secret"]},
                "response_headers": {"set": {"x-told": "50 % {e} $f"}, "remove": ["x-upstream"]},
            }),
        )
        .asks(
            get("/")
                .header("x-a", "the client's")
                .header("x-secret", "1")
                .header("x-other", "2")
                .from("v1")
                .sent("x-a", Some("100 % {b} $c \"d\""))
                .sent("x-secret", None)
                .sent("x-other", Some("2"))
                .told("x-told", Some("50 % {e} $f"))
                .told("x-upstream", None),
        ),
    ]
}
