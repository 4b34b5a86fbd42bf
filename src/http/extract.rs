//! Raw input becomes checked values here: JSON bodies, query parameters, path segments. Every error names its field.

use std::{collections::HashSet, fmt, marker::PhantomData};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, error::PayloadError, web};
use futures_util::future::{LocalBoxFuture, Ready, ready};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use validator::{Validate, ValidationErrorsKind};

use super::problem::{Code, FieldError, Problem};
use crate::domain::Invalid;

/// Collects the errors of several fields, so that a client sees all of them at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// A field that must be there.
    pub fn required<T: TryFrom<String, Error = Invalid>>(&mut self, pointer: &str, raw: Option<String>) -> Option<T> {
        match raw {
            Some(raw) => self.check(pointer, T::try_from(raw)),
            None => self.check(pointer, Err(Invalid::new("required", "is required"))),
        }
    }

    /// A field that may be missing.
    pub fn optional<T: TryFrom<String, Error = Invalid>>(&mut self, pointer: &str, raw: Option<String>) -> Option<T> {
        raw.and_then(|raw| self.check(pointer, T::try_from(raw)))
    }

    /// Keeps the value, or notes what is wrong with it.
    pub fn check<T>(&mut self, pointer: &str, result: Result<T, Invalid>) -> Option<T> {
        result.map_err(|Invalid { code, detail }| self.0.push(FieldError { pointer: pointer.to_owned(), code, detail })).ok()
    }

    /// The problem, if anything was wrong; `all` must be `Some` when nothing was.
    pub fn finish<T>(self, all: Option<T>) -> Result<T, Problem> {
        match all {
            Some(all) if self.0.is_empty() => Ok(all),
            _ => Err(Problem::fields(self.0)),
        }
    }
}

/// A JSON body: `application/json` or any `+json`, UTF-8, at most `http.max_body_bytes`, without unknown members. With its size
/// in bytes.
#[derive(Debug)]
pub struct Body<T>(pub T, pub usize);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = format(request);
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            if format != Some(Format::Json) {
                return Err(Problem::new(Code::UnsupportedMediaType, "send application/json"));
            }
            let bytes = bytes.await.map_err(unreadable)?;
            parse_json(&bytes).map(|body| Self(body, bytes.len()))
        })
    }
}

/// The same of up to `http.max_bulk_bytes`, and also as `application/yaml` (RFC 9512).
#[derive(Debug)]
pub struct Bulk<T>(pub T, pub usize);

impl<T: DeserializeOwned + 'static> FromRequest for Bulk<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = format(request);
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let Some(format) = format else {
                return Err(Problem::new(Code::UnsupportedMediaType, "send application/json or application/yaml"));
            };
            let bytes = bytes.await.map_err(unreadable)?;
            let size = bytes.len();
            let body = match format {
                Format::Json => parse_json(&bytes)?,
                Format::Yaml => parse_json(&yaml_as_json(&bytes)?)?,
            };
            Ok(Self(body, size))
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
}

fn format(request: &HttpRequest) -> Option<Format> {
    let media_type = request.mime_type().ok().flatten()?;
    let is = |name: &str| media_type.subtype() == name || media_type.suffix().is_some_and(|suffix| suffix == name);
    match media_type.type_().as_str() {
        "application" if is("json") => Some(Format::Json),
        "application" if is("yaml") => Some(Format::Yaml),
        _ => None,
    }
}

fn unreadable(error: actix_web::Error) -> Problem {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => Problem::new(Code::PayloadTooLarge, "see http.max_body_bytes and http.max_bulk_bytes"),
        _ => Problem::of_status(error.as_response_error().status_code()),
    }
}

/// YAML is read as the JSON that it stands for. The library refuses a member that is there twice, and too deep a nesting.
fn yaml_as_json(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let not_yaml = |error: &dyn fmt::Display| Problem::new(Code::MalformedRequest, format!("the body is not YAML: {error}"));
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_slice(bytes).map_err(|error| not_yaml(&error))?;
    serde_json::to_vec(&value).map_err(|error| not_yaml(&error))
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::new(Code::MalformedRequest, "the body is not UTF-8"))?;
    let not_json = |error: serde_json::Error| Problem::new(Code::MalformedRequest, format!("the body is not JSON: {error}"));
    let mut deserializer = serde_json::Deserializer::from_str(text);
    if let Err(error) = serde_path_to_error::deserialize::<_, EveryMemberOnce>(&mut deserializer) {
        return Err(if error.inner().is_data() { wrong_data(error) } else { not_json(error.into_inner()) });
    }
    deserializer.end().map_err(not_json)?;
    // It is JSON. What is wrong now is the data, also where serde_json calls it syntax: a member too many in an enum.
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map(|Object(value)| value).map_err(wrong_data)
}

fn wrong_data(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let pointer = json_pointer(error.path());
    Problem::field(pointer, data_error(&error.into_inner().to_string()))
}

/// A `T` that must be written as a JSON object: what serde derives for a struct takes an array of its members' values too.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// Any JSON in which no object has a member twice: which of the two is meant, parsers do not agree on (RFC 8259 §4).
struct EveryMemberOnce;

impl<'de> Deserialize<'de> for EveryMemberOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for EveryMemberOnce {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            // The error is made while the value is read, so that its path ends with the member's name.
            let is_new = seen.insert(name);
            members.next_value_seed(Member { is_new })?;
        }
        Ok(self)
    }
}

struct Member {
    is_new: bool,
}

impl<'de> DeserializeSeed<'de> for Member {
    type Value = EveryMemberOnce;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<EveryMemberOnce, D::Error> {
        if self.is_new {
            EveryMemberOnce::deserialize(deserializer)
        } else {
            Err(D::Error::custom("duplicate field: a member may be given once"))
        }
    }
}

/// How serde's own messages begin; others are those of our types.
const SERDES_OWN: [&str; 6] =
    ["invalid type", "invalid value", "invalid length", "unknown variant", "expected ", "data did not match"];

/// serde's message without its position, and a stable code for it.
pub(super) fn data_error(message: &str) -> Invalid {
    let detail = message.split(" at line ").next().unwrap_or(message).to_owned();
    let code = if detail.starts_with("unknown field") {
        "unknown_member"
    } else if detail.starts_with("duplicate field") {
        "duplicate_member"
    } else if detail.starts_with("missing field") {
        "required"
    } else if SERDES_OWN.iter().any(|own| detail.starts_with(own)) {
        "wrong_type"
    } else {
        "not_valid"
    };
    Invalid::new(code, detail)
}

pub(super) fn json_pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escape(key)),
            Segment::Enum { variant } => format!("/{}", escape(variant)),
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}

/// Query parameters, without unknown or doubled ones, in the ranges that `T` states.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Validate> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_query(request.query_string()).map(Self))
    }
}

/// What [`Query`] makes of the text of a query.
pub(super) fn parse_query<T: DeserializeOwned + Validate>(query: &str) -> Result<T, Problem> {
    let mut seen = HashSet::new();
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        if !seen.insert(name.clone()) {
            return Err(Problem::field(format!("?{name}"), Invalid::new("duplicate", "may be given once")));
        }
    }
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    let value: T = serde_path_to_error::deserialize(pairs).map_err(|error| {
        let pointer = json_pointer(error.path()).replacen('/', "?", 1);
        let invalid = data_error(&error.into_inner().to_string());
        let code = if invalid.code == "unknown_member" { "unknown_parameter" } else { invalid.code };
        Problem::field(pointer, Invalid::new(code, invalid.detail))
    })?;
    if let Err(errors) = value.validate() {
        let fields = errors.errors().iter().filter_map(|(name, kind)| match kind {
            ValidationErrorsKind::Field(list) => Some(FieldError {
                pointer: format!("?{name}"),
                code: "out_of_range",
                detail: list.first().and_then(|e| e.message.as_deref()).unwrap_or("is not valid").to_owned(),
            }),
            ValidationErrorsKind::Struct(_) | ValidationErrorsKind::List(_) => None,
        });
        return Err(Problem::fields(fields.collect()));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError as _;

    use super::*;

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Params {
        #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
        limit: Option<u32>,
        #[allow(dead_code)]
        name: Option<String>,
    }

    fn pointer<T: std::fmt::Debug>(result: Result<T, Problem>) -> String {
        let problem = result.unwrap_err();
        let body = actix_web::body::MessageBody::try_into_bytes(problem.error_response().into_body()).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        body["errors"][0]["pointer"].as_str().unwrap_or("none").to_owned()
    }

    #[test]
    fn query_errors_name_their_parameter() {
        assert_eq!(parse_query::<Params>("limit=5&name=x").unwrap().limit, Some(5));
        assert_eq!(pointer(parse_query::<Params>("limit=x")), "?limit");
        assert_eq!(pointer(parse_query::<Params>("limit=0")), "?limit");
        assert_eq!(pointer(parse_query::<Params>("name=a&name=b")), "?name");
        assert_eq!(pointer(parse_query::<Params>("nmae=a")), "?nmae");
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        #[allow(dead_code)]
        url: Option<String>,
        #[allow(dead_code)]
        labels: Option<std::collections::BTreeMap<String, String>>,
    }

    #[test]
    fn body_errors_name_their_member() {
        assert_eq!(pointer(parse_json::<Thing>(br#"{"url": 1}"#)), "/url");
        assert_eq!(pointer(parse_json::<Thing>(br#"{"labels": {"a/b": 1}}"#)), "/labels/a~1b");
        assert_eq!(pointer(parse_json::<Thing>(br#"{"ulr": "x"}"#)), "/ulr");
        assert_eq!(pointer(parse_json::<Thing>(br#"{"url": "x", "url": "y"}"#)), "/url");
        for malformed in [&b"{"[..], b"", b"{} x", b"\xff", b"{\"url\": \"\xff\"}"] {
            assert_eq!(parse_json::<Thing>(malformed).unwrap_err().status_code(), 400);
        }
    }
}
