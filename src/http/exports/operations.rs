//! The operation of exports, for the OpenAPI document.

use super::ExportIn;
use crate::http::{
    openapi::{Answer, Operation},
    problem::Code,
};

/// Returns the operation for the OpenAPI document.
pub fn operation() -> Operation {
    let body = Answer::of(
        200,
        "The events; all of them only if the body ends properly.",
        "application/x-ndjson",
    );
    Operation::get("/api/v1/audit/export", "exportAudit", "Everything that matches, as a stream")
        .about(
            "Oldest first. `format`: `ndjson` (the default), an archived event a line, or `csv` (RFC 4180, with a header). When anything fails \
             midway the connection is cut. Not answered to `HEAD`.",
        )
        .query::<ExportIn>()
        .reads()
        .answers(body.also_as("text/csv").with(&["Content-Disposition"]))
        .refuses(&[Code::TooManyExports])
}
