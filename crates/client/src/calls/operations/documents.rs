//! The documents that the API tells of itself.

use serde_json::Value;

use crate::{
    calls::{Read, operation::operations},
    types::ProblemKind,
};

operations! {
    /// Returns the OpenAPI document.
    Read get_open_api_document: GET "/api/v1/openapi.json" () -> Read<Value>;
    /// Returns the AsyncAPI document of the events.
    Read get_async_api_document: GET "/docs/events" () -> Read<Value>;
    /// Returns the JSON Schema of events.
    Read get_event_schema: GET "/docs/events/route-event.v1.json" () -> Read<Value>;
    /// Returns the JSON Schema of documents of tenants.
    Read get_tenant_document_schema: GET "/docs/tenant-document.v1.json" () -> Read<Value>;
    /// Returns cause and remedy of a problem, by its code.
    Read get_problem: GET "/problems/{code}" (code: &str => path) -> Read<ProblemKind>;
}
