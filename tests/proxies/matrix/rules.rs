//! What rules take: each of these policies has a rule that leads to `v2`.

use serde_json::{Value, json};

use super::{
    probes::get,
    rows::{Row, row},
};
use crate::programs::Program::{Caddy, Nginx, Traefik};

/// A policy with one rule.
fn ruled(name: &'static str, matching: Value) -> Row {
    let rule = json!({"name": "a rule", "match": matching, "version": "v2"});
    row(name, json!({ "rules": [rule] }))
}

pub fn rows() -> Vec<Row> {
    let mut rows = headers();
    rows.extend(requests());
    rows.extend(queries());
    rows
}

fn headers() -> Vec<Row> {
    let with = |matching: Value| json!({"headers": {"x-beta": matching}});
    let beta = |value| get("/").header("x-beta", value);
    vec![
        ruled("header-exact", with(json!({"exact": "yes"})))
            .asks(beta("yes").from("v2"))
            .asks(get("/").header("X-BETA", "yes").from("v2"))
            .asks(beta("Yes").from("v1"))
            .asks(beta("yes!").from("v1"))
            .asks(get("/").from("v1")),
        ruled("header-odd", with(json!({"exact": "a*{$b}%c\"\\d"})))
            .asks(beta("a*{$b}%c\"\\d").from("v2"))
            .asks(beta("aaa{$b}%c\"\\d").from("v1")),
        ruled("header-prefix", with(json!({"prefix": "a.c"})))
            .asks(beta("a.cde").from("v2"))
            .asks(beta("a.c").from("v2"))
            .asks(beta("abcd").from("v1"))
            .asks(beta("xa.c").from("v1")),
        ruled("header-suffix", with(json!({"suffix": ".io"})))
            .asks(beta("acme.io").from("v2"))
            .asks(beta("acme.io2").from("v1"))
            .asks(beta("acmexio").from("v1")),
        ruled("header-contains", with(json!({"contains": "b+c"})))
            .asks(beta("ab+cd").from("v2"))
            .asks(beta("abbc").from("v1"))
            .asks(beta("b+").from("v1")),
        ruled(
            "header-regex",
            with(json!({"regex": "v[0-9]{1,3}(?:-rc|$)"})),
        )
        .asks(beta("v12-rc").from("v2"))
        .asks(beta("v123").from("v2"))
        .asks(beta("xv12-rc").from("v1"))
        .asks(beta("v12-rc1").from("v1"))
        .asks(beta("V12").from("v1")),
        ruled("header-present", with(json!({"present": true})))
            .asks(beta("anything").from("v2"))
            .asks(get("/").from("v1"))
            .noted(
                &[Nginx],
                &["an empty header x-beta counts as an absent one"],
            ),
        ruled("header-absent", with(json!({"present": false})))
            .asks(get("/").from("v2"))
            .asks(beta("anything").from("v1"))
            .noted(
                &[Nginx],
                &["an empty header x-beta counts as an absent one"],
            ),
        ruled(
            "header-unnameable",
            json!({"headers": {"x_beta": {"exact": "yes"}}}),
        )
        .asks(get("/").header("x_beta", "yes").from("v2"))
        .asks(get("/").from("v1"))
        .refused(&[Nginx], "nginx cannot read the header x_beta")
        .refused(&[Caddy], "Caddy drops the header x_beta"),
    ]
}

fn requests() -> Vec<Row> {
    let (x_a, x_b) = (json!({"exact": "1"}), json!({"present": true}));
    vec![
        ruled("method", json!({"methods": ["POST", "PUT"]}))
            .asks(get("/").method("POST").from("v2"))
            .asks(get("/").method("PUT").from("v2"))
            .asks(get("/").from("v1"))
            .asks(get("/").method("DELETE").from("v1")),
        ruled("path-exact", json!({"path": {"exact": "/a/b"}}))
            .asks(get("/a/b").from("v2"))
            .asks(get("/a/b?c").from("v2"))
            .asks(get("/a/b/").from("v1"))
            .asks(get("/a/B").from("v1")),
        ruled("path-prefix", json!({"path": {"prefix": "/a/b"}}))
            .asks(get("/a/b").from("v2"))
            .asks(get("/a/b/c").from("v2"))
            .asks(get("/a/bc").from("v1")),
        ruled("path-regex", json!({"path": {"regex": "/items/[0-9]+"}}))
            .asks(get("/items/12?x").from("v2"))
            .asks(get("/items/12/x").from("v1"))
            .asks(get("/x/items/12").from("v1")),
        ruled(
            "all-conditions",
            json!({"headers": {"x-a": x_a, "x-b": x_b}, "methods": ["GET"]}),
        )
        .asks(get("/").header("x-a", "1").header("x-b", "2").from("v2"))
        .asks(get("/").header("x-a", "1").from("v1"))
        .asks(
            get("/")
                .method("POST")
                .header("x-a", "1")
                .header("x-b", "2")
                .from("v1"),
        )
        .noted(&[Nginx], &["an empty header x-b counts as an absent one"]),
        row(
            "rule-order",
            json!({"rules": [
                {"name": "first", "match": {"path": {"prefix": "/a"}}, "version": "v2"},
                {"name": "second", "match": {"methods": ["GET"]}, "version": "tls"},
            ]}),
        )
        .versions(&["tls"])
        .asks(get("/a").from("v2"))
        .asks(get("/b").from("tls"))
        .asks(get("/b").method("POST").from("v1")),
        row(
            "rule-split",
            json!({"rules": [{"name": "some", "match": {"path": {"prefix": "/some"}}, "split": [
                {"version": "v1", "weight": 1}, {"version": "v2", "weight": 1},
            ]}]}),
        )
        .asks(get("/some").share(50))
        .asks(get("/").share(0)),
    ]
}

fn queries() -> Vec<Row> {
    let with = |matching: Value| json!({"query": {"beta": matching}});
    let several: &[&str] = &["a query parameter that comes more than once"];
    vec![
        ruled("query-exact", with(json!({"exact": "yes"})))
            .asks(get("/?beta=yes").from("v2"))
            .asks(get("/?a=b&beta=yes&c").from("v2"))
            .asks(get("/?beta=Yes").from("v1"))
            .asks(get("/?alphabeta=yes").from("v1"))
            .asks(get("/").from("v1"))
            .noted(&[Traefik, Caddy], several),
        ruled("query-regex", with(json!({"regex": "[0-9]+"})))
            .asks(get("/?beta=12").from("v2"))
            .asks(get("/?beta=12x").from("v1"))
            .noted(&[Traefik, Caddy], several)
            .noted(
                &[Nginx],
                &["nginx compares patterns with query parameters as they were sent"],
            ),
        ruled("query-present", with(json!({"present": true})))
            .asks(get("/?beta=1").from("v2"))
            .asks(get("/").from("v1"))
            .noted(&[Traefik], several),
        ruled("query-absent", with(json!({"present": false})))
            .asks(get("/?beta=1").from("v1"))
            .asks(get("/?b=1").from("v2"))
            .noted(&[Traefik], several),
    ]
}
