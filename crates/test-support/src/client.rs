//! A call of the API and its answer.

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;

use super::{contract, secure};

/// A call that a test puts together.
pub struct Call {
    request: RequestBuilder,
    name: String,
    /// The method and path by which the API's document describes the call; `None` skips the check
    /// of the answer.
    documented: Option<(Method, String)>,
}

/// The answer to a call.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The body, `null` when there is none or it is not JSON.
    pub json: Value,
    /// The body's bytes.
    pub bytes: Vec<u8>,
    /// The answer's HTTP status.
    pub status: StatusCode,
}

impl Call {
    pub(super) fn new(request: RequestBuilder, name: String) -> Self {
        Self {
            request,
            name,
            documented: None,
        }
    }

    /// Checks the answer against the API's document.
    pub(super) fn documented(self, method: Method, path: &str) -> Self {
        Self {
            documented: Some((method, path.to_owned())),
            ..self
        }
    }

    /// Skips that check: the answer may show data that the service has not written.
    pub fn of_tampered_data(self) -> Self {
        Self {
            documented: None,
            ..self
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value =
            HeaderValue::from_bytes(value.as_ref()).expect("a header value that can be sent");
        self.request = self.request.header(name, value);
        self
    }

    /// Sets the bearer token of the caller.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// The same call from a page: with this cookie in place of a token, and with nothing that tells
    /// where the page comes from.
    pub fn by_cookie(self, cookie: &str) -> Self {
        let client = secure::stranger().build().expect("a client");
        let call = self.changed(|request| {
            request.headers_mut().remove("authorization");
        });
        let request = call.request.build().expect("a request");
        Self {
            request: RequestBuilder::from_parts(client, request),
            ..call
        }
        .header("cookie", cookie)
    }

    /// Sets a time-out that is longer than that of other calls.
    pub fn patient(mut self, timeout: std::time::Duration) -> Self {
        self.request = self.request.timeout(timeout);
        self
    }

    /// Sets a JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// Sets a body of any media type.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request = self
            .request
            .header("content-type", content_type)
            .body(body.into());
        self
    }

    /// The same call with another spelling of its path. The answer is checked as that of the
    /// original path.
    pub fn at(self, path: &str) -> Self {
        self.changed(|request| request.url_mut().set_path(path))
    }

    /// The same call with `new` instead of `old` in its query.
    pub fn replacing_in_query(self, old: &str, new: &str) -> Self {
        self.changed(|request| {
            let query = request.url().query().unwrap_or_default().replace(old, new);
            request.url_mut().set_query(Some(&query));
        })
    }

    /// The same call with `new` instead of `old` in its body.
    pub fn replacing_in_body(self, old: &str, new: &str) -> Self {
        self.changed(|request| {
            let body = request
                .body()
                .and_then(reqwest::Body::as_bytes)
                .unwrap_or_default();
            let body = String::from_utf8_lossy(body).replace(old, new);
            *request.body_mut() = Some(body.into());
        })
    }

    fn changed(self, change: impl FnOnce(&mut reqwest::Request)) -> Self {
        let (client, request) = self.request.build_split();
        let mut request = request.expect("a request");
        change(&mut request);
        Self {
            request: RequestBuilder::from_parts(client, request),
            ..self
        }
    }

    /// Sends the call and accepts any status.
    pub async fn send(self) -> Answer {
        let answer = self
            .request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer
            .bytes()
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", self.name))
            .to_vec();
        if let Some((method, path)) = &self.documented {
            contract::check(method, path, status, &headers, &bytes);
        }
        Answer {
            headers,
            json: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
            status,
        }
    }

    /// Sends the call and fails the test on any other status.
    pub async fn expect(self, status: u16) -> Answer {
        let name = self.name.clone();
        let answer = self.send().await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{name}: {} {:?}",
            String::from_utf8_lossy(&answer.bytes),
            answer.headers
        );
        answer
    }

    /// Sends the call and fails the test unless the answer is a complete problem document with this
    /// status and code.
    pub async fn problem(self, status: u16, code: &str) -> Answer {
        let name = self.name.clone();
        let answer = self.expect(status).await;
        answer.assert_problem(&name);
        assert_eq!(answer.json["code"], code, "{name}: {}", answer.json);
        answer
    }
}

impl Answer {
    /// Returns a header as text; empty if the answer does not have it.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a header in ASCII"))
    }

    /// Returns the version tag of the `ETag` header, without quotes.
    pub fn tag(&self) -> String {
        let etag = self.header("etag");
        let tag = etag
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        tag.unwrap_or_else(|| panic!("no strong entity tag: {etag:?}"))
            .to_owned()
    }

    /// Returns the epoch of the version tag.
    pub fn epoch(&self) -> String {
        self.tag().split_once('.').unwrap().0.to_owned()
    }

    /// Returns the revision of the version tag.
    pub fn revision(&self) -> u64 {
        self.tag().split_once('.').unwrap().1.parse().unwrap()
    }

    /// Checks every member that RFC 9457 and the contract promise.
    pub fn assert_problem(&self, name: &str) {
        let body = &self.json;
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{name}: {body}"
        );
        let code = body["code"]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: no code in {body}"));
        assert!(
            !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name}: {code}"
        );
        assert_eq!(body["status"], self.status.as_u16(), "{name}");
        assert_eq!(body["type"], format!("/problems/{code}"), "{name}");
        for member in ["title", "detail"] {
            assert!(
                body[member].as_str().is_some_and(|text| !text.is_empty()),
                "{name}: {member} in {body}"
            );
        }
        let id = self.header("x-correlation-id");
        assert!(
            !id.is_empty() && body["request_id"] == id,
            "{name}: {id} {body}"
        );
        for error in body["errors"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        {
            assert!(error["pointer"].is_string(), "{name}: {error}");
            for member in ["code", "detail"] {
                assert!(
                    error[member].as_str().is_some_and(|text| !text.is_empty()),
                    "{name}: {error}"
                );
            }
        }
        if matches!(self.status.as_u16(), 429 | 503) {
            assert!(!self.header("retry-after").is_empty(), "{name}");
        }
    }

    /// Returns the JSON pointers to the faults that the problem document names.
    pub fn pointers(&self) -> Vec<&str> {
        self.json["errors"].as_array().map_or(Vec::new(), |errors| {
            errors
                .iter()
                .filter_map(|e| e["pointer"].as_str())
                .collect()
        })
    }
}
