//! A call of the API and its answer.

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;

use super::contract;

/// A call that is being put together.
pub struct Call {
    request: RequestBuilder,
    name: String,
    /// Where it stands in the document of the API.
    documented: Option<(Method, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Headers.
    pub headers: HeaderMap,
    /// The body, `null` when there is none or it is not JSON.
    pub json: Value,
    /// The body's bytes.
    pub bytes: Vec<u8>,
    /// The status.
    pub status: StatusCode,
}

impl Call {
    pub(super) fn new(request: RequestBuilder, name: String) -> Self {
        Self { request, name, documented: None }
    }

    /// The answer has to be as the API's document says.
    pub(super) fn documented(self, method: Method, path: &str) -> Self {
        Self { documented: Some((method, path.to_owned())), ..self }
    }

    /// The answer may show data that nobody of ours has written.
    pub fn of_tampered_data(self) -> Self {
        Self { documented: None, ..self }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value that can be sent");
        self.request = self.request.header(name, value);
        self
    }

    /// Who asks.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Waits for the answer for longer than other calls do.
    pub fn patient(mut self, timeout: std::time::Duration) -> Self {
        self.request = self.request.timeout(timeout);
        self
    }

    /// The JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// A body of any sort.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.header("content-type", content_type).body(body.into());
        self
    }

    /// The same call with another spelling of its path. Its answer is documented as that of the plain one.
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
            let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
            let body = String::from_utf8_lossy(body).replace(old, new);
            *request.body_mut() = Some(body.into());
        })
    }

    fn changed(self, change: impl FnOnce(&mut reqwest::Request)) -> Self {
        let (client, request) = self.request.build_split();
        let mut request = request.expect("a request");
        change(&mut request);
        Self { request: RequestBuilder::from_parts(client, request), ..self }
    }

    /// Sends it, whatever comes back.
    pub async fn send(self) -> Answer {
        let answer = self.request.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.bytes().await.unwrap_or_else(|error| panic!("{}: {error:?}", self.name)).to_vec();
        if let Some((method, path)) = &self.documented {
            contract::check(method, path, status, &headers, &bytes);
        }
        Answer { headers, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null), bytes, status }
    }

    /// Sends it, and fails the test on any other status.
    pub async fn expect(self, status: u16) -> Answer {
        let name = self.name.clone();
        let answer = self.send().await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {} {:?}", String::from_utf8_lossy(&answer.bytes), answer.headers);
        answer
    }

    /// Sends it, and fails the test unless it is a complete problem document with this status and code.
    pub async fn problem(self, status: u16, code: &str) -> Answer {
        let name = self.name.clone();
        let answer = self.expect(status).await;
        answer.assert_problem(&name);
        assert_eq!(answer.json["code"], code, "{name}: {}", answer.json);
        answer
    }
}

impl Answer {
    /// A header as text, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header in ASCII"))
    }

    /// The version tag, without quotes.
    pub fn tag(&self) -> String {
        let etag = self.header("etag");
        let tag = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        tag.unwrap_or_else(|| panic!("no strong entity tag: {etag:?}")).to_owned()
    }

    /// The epoch of the tag.
    pub fn epoch(&self) -> String {
        self.tag().split_once('.').unwrap().0.to_owned()
    }

    /// The revision of the tag.
    pub fn revision(&self) -> u64 {
        self.tag().split_once('.').unwrap().1.parse().unwrap()
    }

    /// Every member that RFC 9457 and the contract promise.
    pub fn assert_problem(&self, name: &str) {
        let body = &self.json;
        assert_eq!(self.header("content-type"), "application/problem+json", "{name}: {body}");
        let code = body["code"].as_str().unwrap_or_else(|| panic!("{name}: no code in {body}"));
        assert!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}: {code}");
        assert_eq!(body["status"], self.status.as_u16(), "{name}");
        assert_eq!(body["type"], format!("/problems/{code}"), "{name}");
        for member in ["title", "detail"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {member} in {body}");
        }
        let id = self.header("x-correlation-id");
        assert!(!id.is_empty() && body["request_id"] == id, "{name}: {id} {body}");
        for error in body["errors"].as_array().map(Vec::as_slice).unwrap_or_default() {
            assert!(error["pointer"].is_string(), "{name}: {error}");
            for member in ["code", "detail"] {
                assert!(error[member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {error}");
            }
        }
        if matches!(self.status.as_u16(), 429 | 503) {
            assert!(!self.header("retry-after").is_empty(), "{name}");
        }
    }

    /// Where the problem says that the fault lies.
    pub fn pointers(&self) -> Vec<&str> {
        self.json["errors"].as_array().map_or(Vec::new(), |errors| errors.iter().filter_map(|e| e["pointer"].as_str()).collect())
    }
}
