//! An operation of the OpenAPI document, with a builder for its parameters, body and answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{
    generate::{Schemas, Shape},
    problems, shared,
};
use crate::{auth::Role, http::problem::Code};

/// Problem codes that every operation may answer, for errors that do not depend on the operation.
const ANYWHERE: [Code; 6] = [
    Code::MalformedRequest,
    Code::MisdirectedRequest,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::Internal,
    Code::DeadlineExceeded,
];

/// The facts of an endpoint that its operation shows.
pub struct Served {
    /// The HTTP method in upper case.
    pub method: &'static str,
    /// The path template.
    pub path: &'static str,
    /// The tag of the endpoint's resource.
    pub tag: &'static str,
    /// The roles of which a caller needs one; `None` stands for everybody.
    pub roles: Option<&'static [Role]>,
    /// Whether answers are compressed.
    pub is_compressed: bool,
    /// Whether the answer may be held until a share of the tenant's nodes runs the change.
    pub converges: bool,
}

impl Served {
    fn is_read(&self) -> bool {
        self.method == "GET"
    }
}

/// An operation. Its parameters and its body imply problem codes; [`refuses`](Self::refuses) adds
/// the operation's own codes. Method, path, roles and compression come from its endpoint.
pub struct Operation {
    id: &'static str,
    summary: &'static str,
    about: String,
    headers: Vec<&'static str>,
    query: Option<fn(&mut Schemas) -> Vec<Value>>,
    body: Option<(Shape, Value)>,
    needs_body: bool,
    more_media_types: Vec<&'static str>,
    parameters: Vec<fn() -> Value>,
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

    /// An answer with a body of another media type. `T` describes the body; for a stream, one of its
    /// items: a line or a server-sent event.
    pub fn of<T: JsonSchema>(status: u16, what: &'static str, media_type: &'static str) -> Self {
        Self {
            content: vec![(media_type, Schemas::written::<T>, None)],
            ..Self::empty(status, what)
        }
    }

    /// An answer with the same body in one of these media types.
    pub fn in_media_types<T: JsonSchema>(
        status: u16,
        what: &'static str,
        media_types: &[&'static str],
        example: Value,
    ) -> Self {
        let mut answer = Self::empty(status, what);
        let content = |media_type: &&'static str| {
            (
                *media_type,
                Schemas::written::<T> as Shape,
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
    /// An operation with its `operationId` and its summary.
    pub fn new(id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            summary,
            about: String::new(),
            headers: vec!["X-Correlation-ID", "traceparent"],
            query: None,
            body: None,
            needs_body: true,
            more_media_types: Vec::new(),
            parameters: Vec::new(),
            answers: Vec::new(),
            codes: Vec::new(),
        }
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
        self.parameters.push(parameter);
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

    /// Documents compressed answers.
    fn compressed(mut self) -> Self {
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

    /// Documents answers that may be held until nodes run the change.
    fn converging(mut self) -> Self {
        let done = self.answers.iter_mut().filter(|answer| answer.status < 300);
        done.for_each(|answer| answer.possible.push("TM-Convergence"));
        self.parameter(shared::wait_for_nodes)
    }

    /// Adds the parts that the endpoint implies.
    fn of(mut self, served: &Served) -> Self {
        if served.path.contains("{tenant}") {
            self = self.refuses(&[Code::InvalidRequest]);
        }
        if served.method == "PATCH" {
            // A merge patch (RFC 7396).
            self.more_media_types
                .insert(0, "application/merge-patch+json");
        }
        if served.converges {
            self = self.converging();
        }
        if served.is_compressed {
            self.compressed()
        } else {
            self
        }
    }

    /// Returns the operation as JSON for the document.
    pub fn document(self, served: &Served, schemas: &mut Schemas) -> Value {
        let this = self.of(served);
        let mut operation = json!({
            "tags": [served.tag], "operationId": this.id, "summary": this.summary,
            "parameters": this.parameters(served, schemas), "responses": this.responses(served, schemas),
            "security": if served.roles.is_some() { json!([{ "apiKey": [] }, { "token": [] }]) } else { json!([]) },
        });
        if let Some(roles) = served.roles {
            operation["x-roles"] = json!(roles);
        }
        if !this.about.is_empty() {
            operation["description"] = json!(this.about);
        }
        if let Some((shape, example)) = &this.body {
            let content = json!({ "schema": shape(schemas), "example": example });
            let mut media_types = json!({ "application/json": content });
            for media_type in &this.more_media_types {
                media_types[media_type] = content.clone();
            }
            operation["requestBody"] =
                json!({ "required": this.needs_body, "content": media_types });
        }
        operation
    }

    /// Returns the codes of the checks that run before the handler.
    fn refused_before(&self, served: &Served) -> Vec<Code> {
        let Some(roles) = served.roles else {
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
            !served.is_read() && roles.contains(&Role::Editor) || roles.contains(&Role::Node);
        codes.extend(is_narrowed.then_some(Code::OutsideGrant));
        codes.extend(self.names_tenant(served).then_some(Code::TenantNotFound));
        codes
    }

    fn names_tenant(&self, served: &Served) -> bool {
        served.path.contains("{tenant}")
            || self.query.is_some_and(|query| {
                query(&mut Schemas::default())
                    .iter()
                    .any(|row| row["name"] == "tenant")
            })
            || served.method == "POST" && served.path.starts_with("/api/v1/routes")
    }

    /// Returns the 304 answer that the middleware sends if the caller already has the tagged
    /// answer. The headers are the same, except those of the body.
    fn not_modified(&self, served: &Served) -> Option<Answer> {
        let is_tag = |name: &&str| name.starts_with("ETag");
        let tagged = self
            .answers
            .iter()
            .find(|answer| answer.status == 200 && answer.headers().any(|name| is_tag(&name)))?;
        let is_kept = |name: &&&'static str| !name.starts_with("Content-");
        let certain: Vec<_> = tagged.certain.iter().filter(is_kept).copied().collect();
        let possible: Vec<_> = tagged.possible.iter().filter(is_kept).copied().collect();
        let is_read = served.is_read() && self.answers.iter().all(|answer| answer.status != 304);
        is_read.then(|| {
            Answer::empty(304, "The caller has it.")
                .with(&certain)
                .perhaps(&possible)
        })
    }

    fn parameters(&self, served: &Served, schemas: &mut Schemas) -> Vec<Value> {
        let parts = served
            .path
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next());
        let mut parameters: Vec<_> = parts
            .map(|name| shared::path_parameter(schemas, name))
            .collect();
        parameters.extend(self.query.map(|query| query(schemas)).unwrap_or_default());
        parameters.extend(self.parameters.iter().map(|parameter| parameter()));
        let condition = self
            .not_modified(served)
            .map(|_| "If-None-Match")
            .filter(|name| !self.headers.contains(name));
        let headers = self.headers.iter().copied().chain(condition);
        parameters.extend(headers.map(|name| shared::request_header(schemas, name)));
        parameters
    }

    fn responses(&self, served: &Served, schemas: &mut Schemas) -> Map<String, Value> {
        let answers = self
            .answers
            .iter()
            .map(|answer| (answer.status.to_string(), answer.document(schemas)));
        let mut responses: Map<String, Value> = answers.collect();
        responses.extend(
            self.not_modified(served)
                .map(|answer| ("304".to_owned(), answer.document(schemas))),
        );
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in self
            .codes
            .iter()
            .chain(&self.refused_before(served))
            .chain(&ANYWHERE)
        {
            let codes = by_status.entry(code.status().as_u16()).or_default();
            if !codes.contains(code) {
                codes.push(*code);
            }
        }
        for (status, mut codes) in by_status {
            // Sorted, so that the order does not depend on the checks that come first.
            codes.sort_unstable_by_key(|code| *code as usize);
            match responses.get_mut(&status.to_string()) {
                // The operation has an answer of its own with the status of a problem, such as
                // readiness.
                Some(answer) => {
                    let mut problem = problems::response(schemas, &codes);
                    answer["content"][problems::MEDIA_TYPE] =
                        problem["content"][problems::MEDIA_TYPE].take();
                    answer[problems::CODES] = problem[problems::CODES].take();
                }
                None => {
                    responses.insert(status.to_string(), problems::answer(schemas, &codes));
                }
            }
        }
        responses
    }
}
