use actix_web::{
    App, HttpResponse,
    body::MessageBody as _,
    dev::ServiceResponse,
    http::{Method, header::HeaderMap},
    test::{self, TestRequest},
};

use super::*;
use crate::http::ui::endpoints;

const SCRIPT: &str = "assets/index-C0ffee12.js";

fn sample() -> Pages {
    let script = "console.log('seen');\n".repeat(200).into_bytes();
    let files: [(&str, Vec<u8>); 7] = [
        (
            PAGE,
            b"<!doctype html><title>Traffic Manager</title>".to_vec(),
        ),
        (SCRIPT, script),
        ("assets/logo-C0ffee12.png", vec![0x89; 4000]),
        ("favicon.svg", b"<svg/>".to_vec()),
        ("licenses.txt", b"MIT".to_vec()),
        ("SOURCE", b"0123".to_vec()),
        (".gitkeep", Vec::new()),
    ];
    let files = files.map(|(name, data)| (name.to_owned(), Cow::Owned(data)));
    Pages::new(true, files.into_iter())
}

async fn ask(
    pages: Pages,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> ServiceResponse {
    let pages = web::Data::new(pages);
    let app = App::new().app_data(pages).configure(|config| {
        for endpoint in endpoints() {
            config.route(endpoint.path, endpoint.route());
        }
    });
    let app = test::init_service(app).await;
    let request = TestRequest::with_uri(path).method(method);
    let request = headers
        .iter()
        .fold(request, |request, header| request.insert_header(*header));
    test::call_service(&app, request.to_request())
        .await
        .map_into_boxed_body()
}

async fn get(path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Bytes) {
    let answer = ask(sample(), Method::GET, path, headers).await;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let response: HttpResponse = answer.into();
    let body = response.into_body().try_into_bytes().unwrap();
    (status, headers, body)
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[actix_web::test]
async fn every_place_within_the_page_answers_the_page() {
    for path in [
        "/ui/",
        "/ui/index.html",
        "/ui/acme/routes",
        "/ui/acme/routes?filter=x",
        "/ui/a/b/c/d",
        "/ui/SOURCE",
        "/ui/.gitkeep",
        "/ui/asset",
        "/ui/../../../etc/passwd",
        "/ui/..%2f..%2fetc/passwd",
        "/ui/%2e%2e/%2e%2e/Cargo.toml",
        "/ui//etc/passwd",
    ] {
        let (status, headers, body) = get(path, &[]).await;
        assert_eq!(status, 200, "{path}");
        assert!(body.starts_with(b"<!doctype html>"), "{path}: {body:?}");
        assert_eq!(value(&headers, "content-type"), "text/html; charset=utf-8");
        assert_eq!(value(&headers, "cache-control"), "no-cache");
    }
    let (status, headers, _) = get("/ui", &[]).await;
    assert_eq!((status, value(&headers, "location")), (308, "/ui/"));
}

#[actix_web::test]
async fn missing_file_of_the_build_is_not_the_page() {
    for path in [
        "/ui/assets/",
        "/ui/assets/index-0ld0ld00.js",
        "/ui/assets/../index.html",
        "/ui/assets/../../Cargo.toml",
        "/ui/assets/..%2findex.html",
    ] {
        assert_eq!(get(path, &[]).await.0, 404, "{path}");
    }
}

#[actix_web::test]
async fn answers_have_the_policy_and_their_caching() {
    for (path, caching, content_type) in [
        ("/ui/", "no-cache", "text/html; charset=utf-8"),
        ("/ui/favicon.svg", "no-cache", "image/svg+xml"),
        (
            "/ui/assets/index-C0ffee12.js",
            "public, max-age=31536000, immutable",
            "text/javascript; charset=utf-8",
        ),
    ] {
        let (status, headers, _) = get(path, &[]).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(value(&headers, "content-security-policy"), POLICY);
        assert_eq!(value(&headers, "cross-origin-opener-policy"), "same-origin");
        assert!(value(&headers, "permissions-policy").contains("camera=()"));
        assert_eq!(value(&headers, "cache-control"), caching, "{path}");
        assert_eq!(value(&headers, "content-type"), content_type, "{path}");
        assert_eq!(value(&headers, "vary"), "accept-encoding", "{path}");
    }
    assert_eq!(
        POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
}

#[actix_web::test]
async fn texts_are_compressed_and_tagged_by_their_coding() {
    let path = "/ui/assets/index-C0ffee12.js";
    let (_, plain, whole) = get(path, &[]).await;
    let mut tags = vec![value(&plain, "etag").to_owned()];
    for coding in ["gzip", "zstd"] {
        let (_, headers, body) = get(path, &[("accept-encoding", coding)]).await;
        assert_eq!(value(&headers, "content-encoding"), coding);
        assert!(body.len() < whole.len() / 4, "{coding}: {}", body.len());
        tags.push(value(&headers, "etag").to_owned());
    }
    let (_, headers, _) = get(
        "/ui/assets/logo-C0ffee12.png",
        &[("accept-encoding", "gzip")],
    )
    .await;
    assert_eq!(value(&headers, "content-encoding"), "", "a picture");
    for (at, tag) in tags.iter().enumerate() {
        assert!(
            tag.starts_with('"') && !tags[..at].contains(tag),
            "{tags:?}"
        );
        let coding = ["identity", "gzip", "zstd"][at];
        let seen = [("accept-encoding", coding), ("if-none-match", tag.as_str())];
        let (status, headers, body) = get(path, &seen).await;
        assert_eq!((status, body.len()), (304, 0), "{coding}");
        assert_eq!(value(&headers, "etag"), tag);
        assert_eq!(value(&headers, "content-security-policy"), POLICY);
        let other = [("accept-encoding", coding), ("if-none-match", "\"other\"")];
        assert_eq!(get(path, &other).await.0, 200, "{coding}");
    }
}

#[actix_web::test]
async fn head_is_answered_and_other_methods_are_not() {
    let answer = ask(sample(), Method::HEAD, "/ui/acme", &[]).await;
    assert_eq!(answer.status(), 200);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = ask(sample(), method.clone(), "/ui/acme", &[]).await;
        assert!(answer.status().is_client_error(), "{method}");
    }
}

#[actix_web::test]
async fn page_that_is_off_or_not_built_is_not_found() {
    let off = Pages {
        is_on: false,
        ..sample()
    };
    for path in ["/ui", "/ui/", "/ui/assets/index-C0ffee12.js"] {
        let off = Pages {
            is_on: false,
            files: HashMap::new(),
        };
        assert_eq!(ask(off, Method::GET, path, &[]).await.status(), 404);
    }
    assert!(off.find(PAGE).is_err());
    let unbuilt = Pages::new(true, [].into_iter());
    let problem = unbuilt.find(PAGE).err().unwrap();
    assert!(problem.to_string().contains("run make ui"), "{problem}");
}
