//! Parses bodies and writes answers: small ones at once, large ones on worker threads.
//!
//! The worker threads serve no requests. They take a few tasks at a time, with a share for each
//! payer.

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::Payload,
    http::{Method, header},
    web,
};
use futures_util::future::{Ready, ready};
use serde::de::DeserializeOwned;

use super::json::{parse_json, text_of};
use crate::{
    http::{
        problem::{Code, Problem},
        state::ApiState,
    },
    resilience::Workers,
};

/// The largest body, in bytes, that is parsed on the thread that receives it. Parsing takes less
/// than a millisecond, whatever the body contains.
const AT_ONCE: usize = 8 * 1024;

/// The most items that are processed on the thread of the request.
const FEW: usize = 50;

/// Parses the bodies of requests.
pub struct Readers(Option<Arc<Workers>>);

impl Readers {
    /// Returns the readers of the service that received the request.
    pub fn of(request: &HttpRequest) -> Self {
        Self(
            request
                .app_data::<web::Data<ApiState>>()
                .map(|state| state.workers.clone()),
        )
    }

    /// Parses a body of this format.
    pub async fn read<T: DeserializeOwned + Send + 'static>(
        &self,
        body: web::Bytes,
        format: Format,
    ) -> Result<T, Problem> {
        if body.len() <= AT_ONCE {
            return parse(body, format);
        }
        self.apart(move || parse(body, format)).await
    }

    /// Does work that takes longer the more items there are: at once for few items, else on a
    /// worker thread.
    pub async fn work<T: Send + 'static>(
        &self,
        items: usize,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if items <= FEW {
            work()
        } else {
            self.apart(work).await
        }
    }

    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let not_done = || Problem::new(Code::Internal, "see the log for this request_id");
        let workers = self.0.as_ref().ok_or_else(not_done)?;
        workers.run(work).await.map_err(|error| {
            tracing::error!(error = %error, "a worker thread did not finish a request's task");
            not_done()
        })?
    }
}

impl FromRequest for Readers {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, also as a merge patch.
    Json,
    /// YAML.
    Yaml,
}

/// Returns the format of the body; `None` if the media type is not accepted. A compressed body is
/// refused: it may be small when it arrives, and huge when it is decompressed.
pub fn format(request: &HttpRequest) -> Result<Option<Format>, Problem> {
    let mut codings = request.headers().get_all(header::CONTENT_ENCODING);
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::unsupported(
            "send the body without Content-Encoding",
            header::ACCEPT_ENCODING,
            "identity",
        ));
    }
    Ok(media_type(request))
}

fn media_type(request: &HttpRequest) -> Option<Format> {
    let media_type = request.mime_type().ok().flatten()?;
    if media_type
        .get_param("charset")
        .is_some_and(|charset| !charset.as_str().eq_ignore_ascii_case("utf-8"))
    {
        return None;
    }
    // Another type with the same suffix means something else: a JSON Patch is no object to merge.
    match media_type.essence_str().to_ascii_lowercase().as_str() {
        "application/json" => Some(Format::Json),
        "application/merge-patch+json" if request.method() == Method::PATCH => Some(Format::Json),
        "application/yaml" => Some(Format::Yaml),
        _ => None,
    }
}

/// Parses a body as JSON, or converts YAML to JSON and parses that. The bytes of a YAML body are
/// dropped before the JSON is parsed.
fn parse<T: DeserializeOwned>(bytes: web::Bytes, format: Format) -> Result<T, Problem> {
    if format == Format::Json {
        return parse_json(&bytes);
    }
    let json = traffic_manager_yaml::as_json(text_of(&bytes)?).map_err(|error| {
        Problem::new(
            Code::MalformedRequest,
            format!("the body is not accepted as YAML: {error}"),
        )
    })?;
    drop(bytes);
    parse_json(&json)
}
