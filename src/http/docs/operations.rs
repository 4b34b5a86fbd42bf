//! The operations of the API's own documentation.

use serde_json::{Map, Value, json};

use super::ProblemKind;
use crate::http::{
    openapi::{Answer, Operation},
    problem::Code,
};

pub fn openapi() -> Operation {
    Operation::new("getOpenApiDocument", "Get this OpenAPI document")
        .about("The page `/docs` shows this document; every operation can be tried there.")
        .answers(Answer::json::<Map<String, Value>>(
            200,
            "The document, in OpenAPI 3.1.",
            json!({ "openapi": "3.1.0" }),
        ))
}

pub fn events() -> Operation {
    Operation::new(
        "getAsyncApiDocument",
        "Get the AsyncAPI document of the Kafka events",
    )
    .answers(Answer::json::<Map<String, Value>>(
        200,
        "The document, in AsyncAPI 3.0.",
        json!({ "asyncapi": "3.0.0" }),
    ))
}

pub fn event_schema() -> Operation {
    Operation::new("getEventSchema", "Get the JSON Schema of an event").answers(Answer::of::<
        Map<String, Value>,
    >(
        200,
        "The schema, in JSON Schema 2020-12.",
        "application/schema+json",
    ))
}

pub fn tenant_schema() -> Operation {
    Operation::new("getTenantDocumentSchema", "Get the JSON Schema of a tenant's document")
        .about("The document is the body of an export and of a new plan. Editors can use the schema to complete and check it.")
        .answers(Answer::of::<Map<String, Value>>(200, "The schema, in JSON Schema 2020-12.", "application/schema+json"))
}

pub fn problem() -> Operation {
    Operation::new("getProblem", "Explain the code of a problem")
        .about("The `type` of every problem document is the path of this operation. The answer is HTML if the request accepts `text/html`, otherwise JSON.")
        .answers(Answer::json::<ProblemKind>(200, "The explanation of the code.", json!(ProblemKind::from(Code::QuotaExceeded))).also_as("text/html").with(&["Vary"]))
        .refuses(&[Code::NotFound])
}
