//! Query parameters.

use std::collections::HashSet;

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::{Ready, ready};
use serde::de::DeserializeOwned;
use validator::{Validate, ValidationErrorsKind};

use super::json::{data_error, json_pointer};
use crate::{
    domain::Invalid,
    http::problem::{FieldError, Problem},
};

/// Query parameters. Unknown and repeated ones are refused, and values must be in the ranges that
/// `T` states.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Validate> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_query(request.query_string()).map(Self))
    }
}

/// Parses the text of a query for [`Query`].
pub fn parse_query<T: DeserializeOwned + Validate>(query: &str) -> Result<T, Problem> {
    let mut seen = HashSet::new();
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        if !seen.insert(name.clone()) {
            return Err(Problem::field(
                format!("?{name}"),
                Invalid::new("duplicate", "may be given once"),
            ));
        }
    }
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    let value: T = serde_path_to_error::deserialize(pairs).map_err(|error| {
        let pointer = json_pointer(error.path()).replacen('/', "?", 1);
        let invalid = data_error(&error.into_inner().to_string());
        let code = if invalid.code == "unknown_member" {
            "unknown_parameter"
        } else {
            invalid.code
        };
        Problem::field(pointer, Invalid::new(code, invalid.detail))
    })?;
    if let Err(errors) = value.validate() {
        let fields = errors
            .errors()
            .iter()
            .filter_map(|(name, kind)| match kind {
                ValidationErrorsKind::Field(list) => Some(FieldError {
                    pointer: format!("?{name}"),
                    code: "out_of_range",
                    detail: list
                        .first()
                        .and_then(|e| e.message.as_deref())
                        .unwrap_or("is not valid")
                        .to_owned(),
                }),
                ValidationErrorsKind::Struct(_) | ValidationErrorsKind::List(_) => None,
            });
        return Err(Problem::fields(fields.collect()));
    }
    Ok(value)
}
