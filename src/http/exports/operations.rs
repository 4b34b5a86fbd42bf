//! The operation of exports, for the OpenAPI document.

use super::ExportIn;
use crate::http::{
    openapi::{Answer, Operation},
    problem::Code,
    shapes::archive::ArchivedEvent,
};

pub fn export() -> Operation {
    let body = Answer::of::<ArchivedEvent>(
        200,
        "The events, one on each line. The export is complete only if the body ends properly.",
        "application/x-ndjson",
    );
    Operation::new("exportAuditEvents", "Export archived events as a stream")
        .about(
            "Oldest first. `format` is `ndjson` (the default: one archived event on each line) or `csv` (RFC 4180, with a header). If the export \
             fails midway, the service cuts the connection. `HEAD` is not answered.",
        )
        .query::<ExportIn>()
        .reads()
        .answers(body.also_as("text/csv").with(&["Content-Disposition"]))
        .refuses(&[Code::TooManyExports])
}
