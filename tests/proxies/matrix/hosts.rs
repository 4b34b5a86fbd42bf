//! Which policy a request comes to.

use serde_json::json;

use super::{
    probes::get,
    rows::{Row, row},
};

pub fn rows() -> Vec<Row> {
    let to_second = json!([{"version": "v2", "weight": 1}]);
    vec![
        row("host", json!({}))
            .asks(get("/").from("v1").with_target("/one/"))
            .asks(
                get("/a?b=c&d=%20")
                    .from("v1")
                    .with_target("/one/a?b=c&d=%20"),
            )
            .asks(get("/").host("HOST.acme.io:8080").from("v1"))
            .asks(get("/").host("nobody.acme.io").problem(404, "no_route"))
            .asks(get("/").method("POST").body("two of these").from("v1"))
            .asks(get("/").method("DELETE").from("v1")),
        row("wildcard", json!({"hosts": ["*.wild.acme.io"]}))
            .asks(get("/").host("a.wild.acme.io").from("v1"))
            .asks(get("/").host("b.a.wild.acme.io").from("v1"))
            .asks(get("/").host("wild.acme.io").problem(404, "no_route"))
            .asks(get("/").host("tamed-wild.acme.io").problem(404, "no_route")),
        row(
            "longer-wildcard",
            json!({"hosts": ["*.deep.wild.acme.io"], "split": to_second}),
        )
        .asks(get("/").host("a.deep.wild.acme.io").from("v2"))
        .asks(get("/").host("b.a.deep.wild.acme.io").from("v2"))
        .asks(get("/").host("deep.wild.acme.io").from("v1")),
        row(
            "exact-under-wildcard",
            json!({"hosts": ["one.wild.acme.io"], "split": to_second}),
        )
        .asks(get("/").host("one.wild.acme.io").from("v2"))
        .asks(get("/").host("a.one.wild.acme.io").from("v1")),
        row(
            "prefix",
            json!({"hosts": ["shop.acme.io"], "path_prefix": "/shop"}),
        )
        .asks(get("/shop").from("v1").with_target("/one/shop"))
        .asks(get("/shop?a").from("v1").with_target("/one/shop?a"))
        .asks(get("/shop/").from("v1").with_target("/one/shop/"))
        .asks(get("/shop/x").from("v1"))
        .asks(get("/shop/cartoon").from("v1"))
        .asks(get("/shopping").problem(404, "no_route"))
        .asks(get("/").problem(404, "no_route")),
        row(
            "longer-prefix",
            json!({"hosts": ["shop.acme.io"], "path_prefix": "/shop/cart", "split": to_second}),
        )
        .asks(get("/shop/cart").from("v2"))
        .asks(
            get("/shop/cart/1?x")
                .from("v2")
                .with_target("/shop/cart/1?x"),
        ),
        row(
            "prefixes",
            json!({"path_prefixes": ["/a", "/b/c"], "rewrite": {"strip_prefix": true}}),
        )
        .asks(get("/a/x").from("v1").with_target("/one/x"))
        .asks(get("/b/c/x").from("v1").with_target("/one/x"))
        .asks(get("/b").problem(404, "no_route"))
        .asks(get("/b/cc").problem(404, "no_route")),
        row(
            "any-host-of-several",
            json!({"hosts": ["first.acme.io", "*.second.acme.io"]}),
        )
        .asks(get("/").host("first.acme.io").from("v1"))
        .asks(get("/").host("a.second.acme.io").from("v1")),
    ]
}
