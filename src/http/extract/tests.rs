use actix_web::ResponseError as _;

use serde::Deserialize;
use validator::Validate;

use super::{json::*, *};
use crate::http::problem::Problem;

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
    let body =
        actix_web::body::MessageBody::try_into_bytes(problem.error_response().into_body()).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    body["errors"][0]["pointer"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

#[test]
fn query_errors_name_their_parameter() {
    assert_eq!(
        parse_query::<Params>("limit=5&name=x").unwrap().limit,
        Some(5)
    );
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
fn errors_do_not_repeat_values() {
    for (message, detail) in [
        (
            "invalid type: string \"a at line 1, expected b\", expected an object at line 1 column 9",
            "invalid type: string, expected an object",
        ),
        (
            "invalid type: integer `5`, expected a string at line 1 column 9",
            "invalid type: integer, expected a string",
        ),
        (
            "unknown variant `x`, expected `a` or `b`",
            "unknown variant, expected `a` or `b`",
        ),
        (
            "invalid type: null, expected a string",
            "invalid type: null, expected a string",
        ),
        (
            "unknown field `x`, expected `a`",
            "unknown field `x`, expected `a`",
        ),
        (
            "invalid type: floating point `5.5`, expected u16",
            "invalid type: floating point, expected a whole number",
        ),
        (
            "invalid value: integer `-5`, expected a whole number from 0 to 9",
            "invalid value: integer, expected a whole number from 0 to 9",
        ),
    ] {
        assert_eq!(data_error(message).detail, detail);
    }
}

#[test]
fn body_errors_name_their_member() {
    assert_eq!(pointer(parse_json::<Thing>(br#"{"url": 1}"#)), "/url");
    assert_eq!(
        pointer(parse_json::<Thing>(br#"{"labels": {"a/b": 1}}"#)),
        "/labels/a~1b"
    );
    assert_eq!(pointer(parse_json::<Thing>(br#"{"ulr": "x"}"#)), "/ulr");
    assert_eq!(
        pointer(parse_json::<Thing>(br#"{"url": "x", "url": "y"}"#)),
        "/url"
    );
    for malformed in [&b"{"[..], b"", b"{} x", b"\xff", b"{\"url\": \"\xff\"}"] {
        assert_eq!(
            parse_json::<Thing>(malformed).unwrap_err().status_code(),
            400
        );
    }
}
