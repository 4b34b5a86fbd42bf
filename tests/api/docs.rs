//! The API's own documentation: the OpenAPI document, the pages at `/docs` and the types of
//! problems.

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use crate::support::TestApp;

const CSP: &str = "content-security-policy";

fn policy(headers: &HeaderMap) -> &str {
    headers
        .get(CSP)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn served_openapi_document_equals_the_committed_one() {
    let app = TestApp::start().await;
    let document = app.get("/openapi.json").expect(200).await;
    let committed: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    assert_eq!(document.json, committed);
    assert_eq!(document.header("content-type"), "application/json");
    let head = app
        .call(Method::HEAD, "/api/v1/openapi.json")
        .expect(200)
        .await;
    assert!(head.bytes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn docs_page_loads_nothing_from_other_hosts() {
    let app = TestApp::start().await;
    let client = crate::support::secure::http().build().unwrap();
    let get = async |path: &str| {
        let answer = client
            .get(format!("{}{path}", app.api))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers().clone();
        (headers, answer.text().await.unwrap())
    };
    // `/docs` redirects to `/docs/`, because the page's links are relative to it.
    let (headers, page) = get("/docs").await;
    assert!(
        policy(&headers).starts_with("default-src 'none'; script-src 'self';"),
        "{}",
        policy(&headers)
    );
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(page.contains("swagger-ui"), "{page}");
    let links = page
        .split(['"', '\''])
        .filter(|text| text.ends_with(".js") || text.ends_with(".css") || text.contains("://"));
    let links: Vec<_> = links.collect();
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        let (headers, _) = get(&format!("/docs/{}", link.trim_start_matches("./"))).await;
        let is_script = link.ends_with(".js");
        let media_type = headers["content-type"].to_str().unwrap();
        assert!(
            media_type.starts_with(if is_script {
                "text/javascript"
            } else {
                "text/css"
            }),
            "{link}: {media_type}"
        );
    }
    let (_, settings) = get("/docs/swagger-initializer.js").await;
    assert!(
        settings.contains("\"/api/v1/openapi.json\"") && !settings.contains("petstore"),
        "{settings}"
    );
    // A missing page is answered with a problem document like any other.
    let missing = client
        .get(format!("{}/docs/nothing.js", app.api))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            missing.status().as_u16(),
            missing.headers()["content-type"].to_str().unwrap()
        ),
        (404, "application/problem+json")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn problem_type_url_leads_to_its_description() {
    let app = TestApp::start().await;
    let problem = app
        .get("/tenants/nobody")
        .problem(404, "tenant_not_found")
        .await;
    let path = problem.json["type"].as_str().unwrap();
    let kind = app.call(Method::GET, path).expect(200).await.json;
    assert_eq!(
        (&kind["code"], &kind["status"], &kind["title"]),
        (&problem.json["code"], &404.into(), &problem.json["title"])
    );
    let page = app
        .call(Method::GET, path)
        .header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
        .expect(200)
        .await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(policy(&page.headers).contains("frame-ancestors 'none'"));
    assert_eq!(page.header("vary"), "accept");
    let page = String::from_utf8(page.bytes).unwrap();
    assert!(
        page.contains("tenant_not_found") && page.contains("What to do"),
        "{page}"
    );
    app.call(Method::GET, "/problems/nothing")
        .problem(404, "not_found")
        .await;
}
