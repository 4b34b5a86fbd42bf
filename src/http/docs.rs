//! The API's own documentation: OpenAPI with a page to try it, AsyncAPI, the event schema, and the
//! meaning of each problem code.
//!
//! Nothing here calls a dependency or the network.

mod operations;

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    asyncapi,
    endpoint::Endpoint,
    event_schema,
    permission::Anyone,
    problem::{Code, Problem},
};
use crate::config;

/// The endpoints of the API's own documentation.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/openapi.json", openapi, operations::openapi),
        Endpoint::get("/problems/{code}", problem, operations::problem),
        Endpoint::page("/docs", home),
        Endpoint::get("/docs/events", events, operations::events),
        Endpoint::get(
            "/docs/events/route-event.v1.json",
            event_schema,
            operations::event_schema,
        ),
        Endpoint::get(
            "/docs/tenant-document.v1.json",
            tenant_schema,
            operations::tenant_schema,
        ),
        Endpoint::page("/docs/{file:.*}", page),
    ]
}

/// The `Content-Security-Policy` of pages: a page loads only files of this service, and `data:`
/// images. Inline styles are allowed: the pages are ours, and Swagger UI uses inline styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The documents, built once when the server is created.
pub struct Documents {
    openapi: Bytes,
    asyncapi: Bytes,
    event: Bytes,
    tenant: Bytes,
}

impl Documents {
    /// Builds the documents of an installation, with the `OpenAPI` document of its endpoints.
    pub fn new(openapi: Value, tenant: Value, kafka: &config::Kafka) -> Self {
        let bytes = |document: Value| Bytes::from(document.to_string());
        Self {
            openapi: bytes(openapi),
            asyncapi: bytes(asyncapi::document(kafka)),
            event: bytes(event_schema::document()),
            tenant: bytes(tenant),
        }
    }
}

/// `GET /api/v1/openapi.json`
pub async fn openapi(_: Anyone, documents: web::Data<Documents>) -> HttpResponse {
    document("application/json", &documents.openapi)
}

/// `GET /docs/events`
pub async fn events(_: Anyone, documents: web::Data<Documents>) -> HttpResponse {
    document("application/json", &documents.asyncapi)
}

/// `GET /docs/events/route-event.v1.json`
pub async fn event_schema(_: Anyone, documents: web::Data<Documents>) -> HttpResponse {
    document("application/schema+json", &documents.event)
}

/// `GET /docs/tenant-document.v1.json`
pub async fn tenant_schema(_: Anyone, documents: web::Data<Documents>) -> HttpResponse {
    document("application/schema+json", &documents.tenant)
}

fn document(media_type: &'static str, bytes: &Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(media_type)
        .body(bytes.clone())
}

/// `GET /docs`: redirects to `/docs/`, because the page's own links are relative to that path.
pub async fn home(_: Anyone) -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

/// `GET /docs/…`: Swagger UI, from memory.
pub async fn page(_: Anyone, file: web::Path<String>) -> Result<HttpResponse, Problem> {
    static SETTINGS: LazyLock<Arc<utoipa_swagger_ui::Config<'static>>> = LazyLock::new(|| {
        // No validator: Swagger UI would call an external server.
        Arc::new(
            utoipa_swagger_ui::Config::from("/api/v1/openapi.json")
                .validator_url("none")
                .try_it_out_enabled(true),
        )
    });
    match utoipa_swagger_ui::serve(&file, SETTINGS.clone()) {
        Ok(Some(file)) => Ok(guarded(&file.content_type, file.bytes.into_owned())),
        Ok(None) => Err(Problem::new(Code::NotFound, "no such page")),
        Err(error) => {
            tracing::error!(error = %error, "a documentation page cannot be built");
            Err(Problem::new(
                Code::Internal,
                "see the log for this request_id",
            ))
        }
    }
}

/// Returns a page for people. The page may load nothing from other hosts and may not be framed.
fn guarded(content_type: &str, body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(body.into())
}

/// The meaning of a problem code.
#[derive(Debug, Serialize, JsonSchema)]
struct ProblemKind {
    /// The stable code, as in problem documents.
    code: &'static str,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// The title of the problem, for people.
    title: &'static str,
    /// The situation in which the problem occurs.
    when: &'static str,
    /// The advice for callers that get the problem.
    what_to_do: &'static str,
}

impl From<Code> for ProblemKind {
    fn from(code: Code) -> Self {
        let (status, title) = (code.status().as_u16(), code.title());
        Self {
            code: code.name(),
            status,
            title,
            when: code.when(),
            what_to_do: code.what_to_do(),
        }
    }
}

/// `GET /problems/{code}`: the `type` of a problem document. HTML for clients that ask for HTML, as
/// browsers do, else JSON.
pub async fn problem(
    _: Anyone,
    code: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let known = Code::ALL
        .iter()
        .copied()
        .find(|known| known.name() == code.as_str());
    let kind = ProblemKind::from(
        known.ok_or_else(|| Problem::new(Code::NotFound, "there is no problem of that code"))?,
    );
    let accepted = request
        .headers()
        .get_all(header::ACCEPT)
        .filter_map(|value| value.to_str().ok());
    let mut response = if accepted
        .into_iter()
        .any(|value| value.contains("text/html"))
    {
        guarded("text/html; charset=utf-8", page_of(&kind))
    } else {
        HttpResponse::Ok().json(kind)
    };
    response
        .headers_mut()
        .insert(header::VARY, header::HeaderValue::from_static("accept"));
    Ok(response)
}

fn page_of(kind: &ProblemKind) -> String {
    let ProblemKind {
        code,
        status,
        title,
        when,
        what_to_do,
    } = kind;
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let (title, when, what_to_do) = (escaped(title), escaped(when), escaped(what_to_do));
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{code}</title>\n<h1>{title}</h1>\n\
         <p><code>{code}</code>, status {status}</p>\n<h2>When</h2>\n<p>{when}</p>\n<h2>What to do</h2>\n<p>{what_to_do}</p>\n</html>\n"
    )
}

/// Returns docs/errors.md: every code, from the table in the source.
pub fn errors_page() -> String {
    let mut page = String::from(
        "# Errors\n\nEvery error is a problem document (RFC 9457). Its `type` is `/problems/<code>`, where the service explains it: as HTML for \
         those who\nask for `text/html`, else as JSON. This page is made from the table in [crates/api-types/src/code.rs](../crates/api-types/src/code.rs) by\n\
         `UPDATE_DOCS=1 cargo test --test contract`.\n\n| status | code | title | when | what to do |\n|---|---|---|---|---|\n",
    );
    for code in Code::ALL.iter().copied() {
        let ProblemKind {
            code,
            status,
            title,
            when,
            what_to_do,
        } = code.into();
        page.push_str(&format!(
            "| {status} | `{code}` | {title} | {when} | {what_to_do} |\n"
        ));
    }
    page
}
