//! Problems in the form of the service (RFC 9457), with the same codes.

use serde_json::{Map, Value, json};
use traffic_manager_api_types::Code;
use traffic_manager_core::Invalid;

/// The longest detail, pointer and text of a request in an answer, in bytes.
const MAX_TEXT: usize = 512;

/// A problem on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The code, which says the status too.
    pub code: Code,
    detail: String,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem; `detail` is a sentence for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: clipped(detail.into()),
            members: Map::new(),
        }
    }

    /// 422 for one field of the request, such as `?tenant`.
    pub fn field(pointer: &str, invalid: &Invalid) -> Self {
        Self::fields(vec![(pointer.to_owned(), invalid.clone())])
    }

    /// 422 for several fields of the request.
    pub fn fields(invalid: Vec<(String, Invalid)>) -> Self {
        let (mut pointers, mut errors) = (Vec::new(), Vec::new());
        for (pointer, invalid) in invalid {
            let pointer = clipped(pointer);
            errors.push(
                json!({"pointer": pointer, "code": invalid.code, "detail": clipped(invalid.detail)}),
            );
            pointers.push(pointer);
        }
        let detail = format!("not valid: {}", pointers.join(", "));
        Self::new(Code::InvalidRequest, detail).with("errors", errors)
    }

    /// Adds a member to the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl serde::Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.members.insert(name.to_owned(), value);
        }
        self
    }

    /// Returns the JSON of the document. The id is in no log: the agent logs no requests.
    pub fn json(self) -> Vec<u8> {
        let mut document = self.members;
        let code = self.code.name();
        for (name, value) in [
            ("type", json!(format!("/problems/{code}"))),
            ("status", json!(self.code.status().as_u16())),
            ("title", json!(self.code.title())),
            ("detail", json!(self.detail)),
            ("code", json!(code)),
            ("request_id", json!(format!("{:032x}", fastrand::u128(..)))),
        ] {
            document.insert(name.to_owned(), value);
        }
        Value::Object(document).to_string().into_bytes()
    }
}

fn clipped(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}
