//! An operation of the OpenAPI document, with a builder for its parameters, body and answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{
    problems,
    schemas::{Schemas, Shape},
    shared,
};
use crate::{
    auth::Role,
    http::{
        endpoints::{self, Found},
        problem::Code,
    },
};

/// Problem codes that every operation may answer, for errors that do not depend on the operation.
const ANYWHERE: [Code; 6] = [
    Code::MalformedRequest,
    Code::MisdirectedRequest,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::Internal,
    Code::DeadlineExceeded,
];

/// An operation. Its parameters and its body imply problem codes; [`refuses`](Self::refuses) adds
/// the operation's own codes.
pub struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    about: String,
    headers: Vec<&'static str>,
    query: Option<fn(&mut Schemas) -> Vec<Value>>,
    body: Option<(Shape, Value)>,
    needs_body: bool,
    more_media_types: Vec<&'static str>,
    parameter: Option<fn() -> Value>,
    answers: Vec<Answer>,
    codes: Vec<Code>,
}

/// An answer that is not an error.
pub struct Answer {
    status: u16,
    what: &'static str,
    content: Vec<(&'static str, Shape, Option<Value>)>,
    others: Vec<&'static str>,
    certain: Vec<&'static str>,
    possible: Vec<&'static str>,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: u16, what: &'static str) -> Self {
        Self {
            status,
            what,
            content: Vec::new(),
            others: Vec::new(),
            certain: Vec::new(),
            possible: Vec::new(),
        }
    }

    /// An answer with a JSON body and an example of the body.
    pub fn json<T: JsonSchema>(status: u16, what: &'static str, example: Value) -> Self {
        Self {
            content: vec![("application/json", Schemas::written::<T>, Some(example))],
            ..Self::empty(status, what)
        }
    }

    /// An answer with a body of another media type, which the document does not describe further.
    pub fn of(status: u16, what: &'static str, media_type: &'static str) -> Self {
        let anything: Shape = |_| json!({});
        Self {
            content: vec![(media_type, anything, None)],
            ..Self::empty(status, what)
        }
    }

    /// An answer with a body that callers can also send to the API, in one of these media types.
    pub fn as_read<T: JsonSchema>(
        status: u16,
        what: &'static str,
        media_types: &[&'static str],
        example: Value,
    ) -> Self {
        let mut answer = Self::empty(status, what);
        let content = |media_type: &&'static str| {
            (
                *media_type,
                Schemas::read::<T> as Shape,
                Some(example.clone()),
            )
        };
        answer.content = media_types.iter().map(content).collect();
        answer
    }

    /// Adds a media type in which a caller can get the same content as text.
    #[must_use]
    pub fn also_as(mut self, media_type: &'static str) -> Self {
        self.others.push(media_type);
        self
    }

    /// Adds headers that are always present.
    #[must_use]
    pub fn with(mut self, headers: &[&'static str]) -> Self {
        self.certain.extend(headers);
        self
    }

    /// Adds headers that may be present.
    #[must_use]
    pub fn perhaps(mut self, headers: &[&'static str]) -> Self {
        self.possible.extend(headers);
        self
    }

    fn headers(&self) -> impl Iterator<Item = &'static str> {
        self.certain.iter().chain(&self.possible).copied()
    }

    fn document(&self, schemas: &mut Schemas) -> Value {
        let certain = ["X-Correlation-ID", "Cache-Control"]
            .iter()
            .chain(&self.certain)
            .map(|name| (name, true));
        let possible = ["traceparent"]
            .iter()
            .chain(&problems::RATE_LIMIT)
            .chain(&self.possible)
            .map(|name| (name, false));
        let headers = certain
            .chain(possible)
            .map(|(name, is_certain)| shared::response_header(schemas, name, is_certain));
        let mut answer =
            json!({ "description": self.what, "headers": headers.collect::<Map<_, _>>() });
        for (media_type, shape, example) in &self.content {
            answer["content"][media_type] = json!({ "schema": shape(schemas) });
            if let Some(example) = example {
                answer["content"][media_type]["example"] = example.clone();
            }
        }
        for media_type in &self.others {
            answer["content"][media_type] = json!({ "schema": { "type": "string" } });
        }
        answer
    }
}

impl Operation {
    fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        let codes = if path.contains("{tenant}") {
            vec![Code::InvalidRequest]
        } else {
            Vec::new()
        };
        let (headers, about) = (vec!["X-Correlation-ID", "traceparent"], String::new());
        let (query, body, answers) = (None, None, Vec::new());
        let (more_media_types, parameter) = (Vec::new(), None);
        let needs_body = true;
        Self {
            method,
            path,
            id,
            summary,
            about,
            headers,
            query,
            body,
            needs_body,
            more_media_types,
            parameter,
            answers,
            codes,
        }
    }

    /// A `GET` operation. `HEAD` is answered too, with the same headers.
    pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("get", path, id, summary)
    }

    /// A `POST` operation.
    pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("post", path, id, summary)
    }

    /// A `PUT` operation.
    pub fn put(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("put", path, id, summary)
    }

    /// A `PATCH` operation with a merge patch (RFC 7396).
    pub fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            more_media_types: vec!["application/merge-patch+json"],
            ..Self::new("patch", path, id, summary)
        }
    }

    /// A `DELETE` operation.
    pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("delete", path, id, summary)
    }

    /// Sets the description: the details that the summary leaves out.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        self.about = text.to_owned();
        self
    }

    /// Takes the query parameters that `T` has.
    #[must_use]
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(shared::query::<T>);
        self.refuses(&[Code::InvalidRequest])
    }

    /// Takes one more parameter, for which there is no type.
    #[must_use]
    pub fn parameter(mut self, parameter: fn() -> Value) -> Self {
        self.parameter = Some(parameter);
        self
    }

    /// Takes a large body, as JSON or YAML.
    #[must_use]
    pub fn bulk_body<T: JsonSchema>(mut self, example: Value) -> Self {
        self.more_media_types.push("application/yaml");
        self.body::<T>(example)
    }

    /// Takes a JSON body.
    #[must_use]
    pub fn body<T: JsonSchema>(mut self, example: Value) -> Self {
        self.body = Some((Schemas::read::<T>, example));
        self.refuses(&[
            Code::MalformedRequest,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidRequest,
        ])
    }

    /// Takes a JSON body, or none.
    #[must_use]
    pub fn perhaps_body<T: JsonSchema>(self, example: Value) -> Self {
        Self {
            needs_body: false,
            ..self.body::<T>(example)
        }
    }

    /// Takes request headers, by name.
    #[must_use]
    pub fn headers(mut self, names: &[&'static str]) -> Self {
        self.headers.extend(names);
        self
    }

    /// Marks the operation as a write: it takes preconditions, a reason and an idempotency key.
    #[must_use]
    pub fn writes(self) -> Self {
        self.headers(&[
            "Idempotency-Key",
            "If-Match",
            "If-None-Match.create",
            "X-Reason",
        ])
        .refuses(&[
            Code::MalformedRequest,
            Code::PreconditionFailed,
            Code::InvalidRequest,
            Code::IdempotencyKeyReused,
            Code::TooManyWrites,
            Code::TenantEnding,
            Code::Unavailable,
            Code::AuditBacklog,
            Code::Overloaded,
            Code::CommitUnknown,
        ])
    }

    /// Marks the operation as a read from a dependency that may be unavailable.
    #[must_use]
    pub fn reads(self) -> Self {
        self.refuses(&[Code::Unavailable, Code::Overloaded])
    }

    /// Marks the operation as a read that never returns an older state than the caller has seen.
    #[must_use]
    pub fn reads_no_older(self) -> Self {
        self.headers(&["TM-Min-Revision", "If-None-Match"])
            .reads()
            .refuses(&[Code::InvalidRequest, Code::RevisionNotReached])
    }

    /// Adds a possible answer.
    #[must_use]
    pub fn answers(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Adds problem codes that the operation may answer.
    #[must_use]
    pub fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// Documents compressed answers: the route has `compressed` in `http/mod.rs`.
    #[must_use]
    pub fn compressed(mut self) -> Self {
        for answer in self
            .answers
            .iter_mut()
            .filter(|answer| answer.status == 200)
        {
            let tags = answer.certain.iter_mut().chain(&mut answer.possible);
            tags.filter(|name| **name == "ETag")
                .for_each(|name| *name = "ETag.weak");
            answer.certain.push("Vary");
            answer.possible.push("Content-Encoding");
        }
        self.headers(&["Accept-Encoding"])
    }

    /// Returns the operation's place in the document: path and method.
    pub fn place(&self) -> (&'static str, &'static str) {
        (self.path, self.method)
    }

    /// Returns the operation as JSON for the document. The roles come from the access table.
    pub fn document(&self, tag: &str, schemas: &mut Schemas) -> Value {
        let roles = self.roles();
        let mut operation = json!({
            "tags": [tag], "operationId": self.id, "summary": self.summary,
            "parameters": self.parameters(schemas), "responses": self.responses(schemas),
            "security": if roles.is_some() { json!([{ "apiKey": [] }, { "token": [] }]) } else { json!([]) },
        });
        if let Some(roles) = roles {
            operation["x-roles"] = json!(roles);
        }
        if !self.about.is_empty() {
            operation["description"] = json!(self.about);
        }
        if let Some((shape, example)) = &self.body {
            let content = json!({ "schema": shape(schemas), "example": example });
            let mut media_types = json!({ "application/json": content });
            for media_type in &self.more_media_types {
                media_types[media_type] = content.clone();
            }
            operation["requestBody"] =
                json!({ "required": self.needs_body, "content": media_types });
        }
        operation
    }

    /// Returns the roles that may call the operation; `None` stands for everybody.
    fn roles(&self) -> Option<&'static [Role]> {
        match endpoints::find(&self.method.to_uppercase(), self.path) {
            Found::Endpoint(endpoint) => endpoint.access.roles(),
            _ => None,
        }
    }

    /// Returns the codes of the checks that run before the handler.
    fn refused_before(&self) -> Vec<Code> {
        let Some(roles) = self.roles() else {
            return vec![Code::TooManyRequests];
        };
        let mut codes = vec![
            Code::Unauthenticated,
            Code::Forbidden,
            Code::TooManyRequests,
            Code::Unavailable,
            Code::Overloaded,
        ];
        let is_narrowed =
            self.method != "get" && roles.contains(&Role::Editor) || roles.contains(&Role::Node);
        codes.extend(is_narrowed.then_some(Code::OutsideGrant));
        codes.extend(self.names_tenant().then_some(Code::TenantNotFound));
        codes
    }

    fn names_tenant(&self) -> bool {
        self.path.contains("{tenant}")
            || self.query.is_some_and(|query| {
                query(&mut Schemas::default())
                    .iter()
                    .any(|row| row["name"] == "tenant")
            })
            || self.method == "post" && self.path.starts_with("/api/v1/routes")
    }

    /// Returns the 304 answer that the middleware sends if the caller already has the tagged
    /// answer. The headers are the same, except those of the body.
    fn not_modified(&self) -> Option<Answer> {
        let is_tag = |name: &&str| name.starts_with("ETag");
        let tagged = self
            .answers
            .iter()
            .find(|answer| answer.status == 200 && answer.headers().any(|name| is_tag(&name)))?;
        let is_kept = |name: &&&'static str| !name.starts_with("Content-");
        let certain: Vec<_> = tagged.certain.iter().filter(is_kept).copied().collect();
        let possible: Vec<_> = tagged.possible.iter().filter(is_kept).copied().collect();
        let is_read =
            self.method == "get" && self.answers.iter().all(|answer| answer.status != 304);
        is_read.then(|| {
            Answer::empty(304, "The caller has it.")
                .with(&certain)
                .perhaps(&possible)
        })
    }

    fn parameters(&self, schemas: &mut Schemas) -> Vec<Value> {
        let parts = self
            .path
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next());
        let mut parameters: Vec<_> = parts
            .map(|name| shared::path_parameter(schemas, name))
            .collect();
        parameters.extend(self.query.map(|query| query(schemas)).unwrap_or_default());
        parameters.extend(self.parameter.map(|parameter| parameter()));
        let condition = self
            .not_modified()
            .map(|_| "If-None-Match")
            .filter(|name| !self.headers.contains(name));
        let headers = self.headers.iter().copied().chain(condition);
        parameters.extend(headers.map(|name| shared::request_header(schemas, name)));
        parameters
    }

    fn responses(&self, schemas: &mut Schemas) -> Map<String, Value> {
        let answers = self
            .answers
            .iter()
            .map(|answer| (answer.status.to_string(), answer.document(schemas)));
        let mut responses: Map<String, Value> = answers.collect();
        responses.extend(
            self.not_modified()
                .map(|answer| ("304".to_owned(), answer.document(schemas))),
        );
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in self
            .codes
            .iter()
            .chain(&self.refused_before())
            .chain(&ANYWHERE)
        {
            let codes = by_status.entry(code.status().as_u16()).or_default();
            if !codes.contains(code) {
                codes.push(*code);
            }
        }
        for (status, mut codes) in by_status {
            // Sorted, so that operations with the same codes share one response.
            codes.sort_unstable_by_key(|code| *code as usize);
            let mut problem = problems::response(schemas, &codes);
            match responses.get_mut(&status.to_string()) {
                // The operation has an answer of its own with the status of a problem, such as
                // readiness.
                Some(answer) => {
                    answer["content"][problems::MEDIA_TYPE] =
                        problem["content"][problems::MEDIA_TYPE].take()
                }
                None => {
                    let names: Vec<_> = codes.iter().map(|code| code.name()).collect();
                    responses.insert(
                        status.to_string(),
                        schemas.share("responses", &names.join("-"), problem),
                    );
                }
            }
        }
        responses
    }
}
