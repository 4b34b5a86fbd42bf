//! Lists: filters, and keyset cursors that cannot be altered or carried elsewhere.

use serde_json::{Value, json};

use crate::support::{TestApp, eventually};

/// 2 tenants × 2 services × 3 versions. Odd versions are inactive, and the label `tier`
/// distinguishes the services.
async fn filled() -> TestApp {
    let app = TestApp::start().await;
    for tenant in ["a", "b"] {
        for (service, tier) in [("api", "gold"), ("web", "iron")] {
            for n in 1..=3 {
                let body = json!({ "url": format!("http://{tenant}.{service}/{n}"), "is_active": n % 2 == 0, "labels": { "tier": tier } });
                app.put(&format!("/routes/{tenant}/{service}/prod/v{n}"))
                    .json(&body)
                    .expect(201)
                    .await;
            }
        }
    }
    whole(&app, "", 12).await;
    app
}

/// Returns the names of a list once it has `count` items. A list over all tenants has no tag with
/// which a replica's answer could be checked.
async fn whole(app: &TestApp, query: &str, count: usize) -> Vec<String> {
    eventually("the list is whole", async || {
        let names = names(&app.get(&format!("/routes?{query}")).expect(200).await.json);
        (names.len() == count).then_some(names)
    })
    .await
}

fn names(page: &Value) -> Vec<String> {
    let name = |route: &Value| {
        ["tenant", "service", "env", "version"]
            .map(|member| route[member].as_str().unwrap())
            .join("/")
    };
    page["items"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn list_filters_combine() {
    let app = filled().await;
    let list =
        async |query: &str| names(&app.get(&format!("/routes{query}")).expect(200).await.json);
    assert_eq!(list("").await.len(), 12);
    assert_eq!(
        list("?tenant=a").await,
        [
            "a/api/prod/v1",
            "a/api/prod/v2",
            "a/api/prod/v3",
            "a/web/prod/v1",
            "a/web/prod/v2",
            "a/web/prod/v3"
        ]
    );
    assert_eq!(
        list("?service=api&version=v3").await,
        ["a/api/prod/v3", "b/api/prod/v3"]
    );
    assert_eq!(
        list("?tenant=b&is_active=true").await,
        ["b/api/prod/v2", "b/web/prod/v2"]
    );
    assert_eq!(
        list("?tenant=b&is_active=false&env=prod&label=tier%3Diron").await,
        ["b/web/prod/v1", "b/web/prod/v3"]
    );
    assert_eq!(list("?tenant=a&env=dev").await, [""; 0]);
    assert_eq!(list("?label=tier%3Dlead").await, [""; 0]);
    assert_eq!(list("?label=none%3D").await, [""; 0]);
    let one = app.get("/routes?tenant=a").expect(200).await;
    assert_eq!(one.revision(), 6);
    assert_eq!(
        one.json["items"][0],
        app.get("/routes/a/api/prod/v1").expect(200).await.json
    );
    assert_eq!(
        app.get("/routes").expect(200).await.header("etag"),
        "",
        "many tenants have no tag in common"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_continue_where_the_last_one_ended() {
    let app = filled().await;
    for (query, limit, want) in [
        ("", 5, vec![5, 5, 2]),
        ("&tenant=a", 2, vec![2, 2, 2]),
        ("&is_active=false", 3, vec![3, 3, 2]),
    ] {
        let whole = whole(&app, query.trim_start_matches('&'), want.iter().sum()).await;
        let (mut sizes, mut all, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = app
                .get(&format!("/routes?limit={limit}{query}{cursor}"))
                .expect(200)
                .await
                .json;
            sizes.push(page["items"].as_array().unwrap().len());
            all.extend(names(&page));
            // Deleting an item that was already read does not change the pages that follow.
            app.delete(&format!("/routes/{}", all[0])).send().await;
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(sizes, want, "{query}");
        assert_eq!(all, whole, "{query}");
        app.put(&format!("/routes/{}", all[0]))
            .json(&json!({ "url": "http://x", "is_active": false }))
            .expect(201)
            .await;
        // The next round reads from the replica too.
        app.db.caught_up().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_is_valid_for_its_own_list_only() {
    let app = filled().await;
    let cursor = async |path: &str| {
        app.get(path).expect(200).await.json["next_cursor"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let routes = cursor("/routes?limit=2").await;
    let of_a = cursor("/routes?tenant=a&limit=2").await;
    let tenants = cursor("/tenants?limit=1").await;
    // A cursor is valid with another limit too.
    assert_eq!(
        names(
            &app.get(&format!("/routes?limit=1&cursor={routes}"))
                .expect(200)
                .await
                .json
        ),
        ["a/api/prod/v3"]
    );
    for path in [
        format!("/routes?cursor={of_a}"),
        format!("/routes?tenant=b&cursor={of_a}"),
        format!("/routes?tenant=a&is_active=true&cursor={of_a}"),
        format!("/routes?cursor={tenants}"),
        format!("/tenants?cursor={routes}"),
        format!("/routes/a/api/prod/v1/history?cursor={routes}"),
        "/routes?cursor=AAAA".to_owned(),
        "/routes?cursor=%00".to_owned(),
        "/tenants?cursor=%22%22".to_owned(),
        format!("/routes?cursor={routes}AA"),
        format!("/routes?cursor={}", &routes[..routes.len() - 4]),
    ] {
        app.get(&path).problem(400, "invalid_cursor").await;
    }
    for at in (0..routes.len()).step_by(3) {
        let mut altered = routes.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        app.get(&format!("/routes?cursor={altered}"))
            .problem(400, "invalid_cursor")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_size_defaults_to_fifty() {
    let app = TestApp::start().await;
    app.post("/tenants")
        .json(&json!({ "name": "t" }))
        .expect(201)
        .await;
    let sql = "insert into routes select 't', 's', 'e', 'v' || n, 'http://a', true, '{}', null, n, now(), 'x', now(), 'x' \
               from generate_series(1, 250) n";
    app.db.execute(sql, &[]).await;
    let size = async |query: &str| {
        let page = app.get(&format!("/routes?tenant=t{query}")).header(
            "tm-min-revision",
            app.get("/tenants/t").expect(200).await.tag(),
        );
        page.expect(200).await.json["items"]
            .as_array()
            .unwrap()
            .len()
    };
    // The routes were written directly to the database: the primary has them at once, a replica a
    // moment later, and no revision shows it.
    app.db.caught_up().await;
    assert_eq!(size("&limit=200").await, 200);
    assert_eq!(size("&limit=1000").await, 250);
    assert_eq!(size("").await, 50);
    assert_eq!(size("&limit=1").await, 1);
    for limit in ["0", "1001", "-1", "1.5", "many", "", "4294967296"] {
        let refused = app
            .get(&format!("/routes?limit={limit}"))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(refused.pointers(), ["?limit"], "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn search_looks_into_names_and_urls_now_and_in_the_past() {
    let app = filled().await;
    let list =
        async |query: &str| names(&app.get(&format!("/routes?{query}")).expect(200).await.json);
    let of_a = "tenant=a&search=";
    let v2 = ["a/api/prod/v2", "a/web/prod/v2"];
    assert_eq!(list(&format!("{of_a}V2")).await, v2);
    assert_eq!(list(&format!("{of_a}%2FWEB%2Fprod")).await, [""; 0]);
    assert_eq!(list(&format!("{of_a}web%20prod%20v2")).await, [v2[1]]);
    assert_eq!(list(&format!("{of_a}a.api%2F2")).await, [v2[0]]);
    // No character has a meaning of its own.
    for text in ["%25", "_", "v.", "%5C", "'"] {
        assert_eq!(list(&format!("{of_a}{text}")).await, [""; 0], "{text}");
    }
    assert_eq!(whole(&app, "search=HTTP://B", 6).await.len(), 6);

    let before = app.get("/tenants/a/snapshot").expect(200).await.tag();
    app.delete("/routes/a/web/prod/v2").expect(204).await;
    assert_eq!(list(&format!("{of_a}v2")).await, v2[..1]);
    let at = before.trim_matches('"');
    assert_eq!(list(&format!("{of_a}V2&at={at}")).await, v2);

    for bad in ["", "%00", "a%0A", "%E2%80%8B"] {
        let answer = app.get(&format!("/routes?{of_a}{bad}")).expect(422).await;
        assert_eq!(answer.json["errors"][0]["pointer"], "?search", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn count_is_of_all_pages_that_match() {
    let app = filled().await;
    let page = async |query: &str| app.get(&format!("/routes?{query}")).expect(200).await.json;
    let first = page("tenant=a&count=true&limit=2").await;
    assert_eq!((&first["count"], names(&first).len()), (&json!(6), 2));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = page(&format!("tenant=a&count=true&limit=2&cursor={cursor}")).await;
    assert_eq!((&second["count"], names(&second).len()), (&json!(6), 2));
    for (query, count) in [
        ("is_active=true", 2),
        ("search=web", 3),
        ("service=api&search=v1", 1),
        ("label=tier%3Dgold", 3),
        ("env=none", 0),
    ] {
        let json = page(&format!("tenant=a&count=true&{query}")).await;
        assert_eq!(json["count"], count, "{query}");
    }
    assert!(page("tenant=a").await.get("count").is_none());
    for alone in ["count=true", "count=true&tenant=a&at=1"] {
        let answer = app.get(&format!("/routes?{alone}")).expect(422).await;
        assert_eq!(answer.json["errors"][0]["pointer"], "?count", "{alone}");
    }
}
