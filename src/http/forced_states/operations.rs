//! The operations of forced breaker states, for the OpenAPI document.

use serde_json::json;

use super::DrillIn;
use crate::http::{
    openapi::{Answer, Operation},
    problem::Code,
    shapes::dependency::{Dependency, dependency},
};

pub fn begin() -> Operation {
    Operation::new("forceBreaker", "Force a breaker open or closed")
        .about("Only at the instance that answers, and for a bounded time: to test that the service works without a dependency, or to overrule a breaker that misjudges the dependency. The change is recorded in the access log before it is made.")
        .headers(&["X-Reason"])
        .body::<DrillIn>(json!({ "state": "open", "seconds": 60 }))
        .answers(Answer::json::<Dependency>(200, "The breaker state is forced.", dependency()))
        .refuses(&[Code::DependencyNotFound, Code::CommitUnknown])
}

pub fn end() -> Operation {
    Operation::new("releaseBreaker", "Release a forced breaker")
        .about("The breaker starts again from its closed state. It is no error if the breaker was not forced.")
        .headers(&["X-Reason"])
        .answers(Answer::empty(204, "The breaker is not forced any more."))
        .refuses(&[Code::DependencyNotFound, Code::InvalidRequest])
}
