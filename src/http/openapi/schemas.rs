//! JSON Schemas: schemars derives most of them from the serde types; those of texts that the domain
//! checks are written here.

use std::collections::BTreeMap;

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
    json_schema,
};
use serde_json::{Map, Value, json};

use super::texts::LABEL_PAIR;
pub use super::texts::PLAIN;
use crate::{
    domain::{
        event::Action,
        policy::{MAX_PREFIX, NOT_MATCHED},
        route::{MAX_DESCRIPTION, MAX_LABEL_VALUE, MAX_LABELS, MAX_URL},
        tenant::MAX_QUOTA,
    },
    http::headers::MAX_REASON,
};

/// The path of the schemas in an OpenAPI document.
const COMPONENTS: &str = "/components/schemas";

/// A function that returns a schema. It is stored before there are [`Schemas`] to collect the
/// schema in.
pub type Shape = fn(&mut Schemas) -> Value;

/// Collects the schemas of a document. Schemas of requests are separate from schemas of answers: a
/// member that is an `Option` may be absent in a request, but is `null` in an answer.
pub struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
    /// Other components of the document, by section and name.
    shared: BTreeMap<&'static str, Map<String, Value>>,
}

impl Default for Schemas {
    fn default() -> Self {
        let (read, written) = (
            generator(COMPONENTS, Contract::Deserialize),
            generator(COMPONENTS, Contract::Serialize),
        );
        Self {
            read,
            written,
            shared: BTreeMap::new(),
        }
    }
}

impl Schemas {
    /// Returns the schema of a request's body.
    pub fn read<T: JsonSchema>(&mut self) -> Value {
        tidy(self.read.subschema_for::<T>())
    }

    /// Returns the schema of an answer's body.
    pub fn written<T: JsonSchema>(&mut self) -> Value {
        tidy(self.written.subschema_for::<T>())
    }

    /// Returns the members of a type that a query is read into: name, whether the member is
    /// required, and schema.
    pub fn members<T: JsonSchema>(&mut self) -> Vec<(String, bool, Value)> {
        let schema = tidy(T::json_schema(&mut self.read));
        let is_required = |name: &str| {
            schema["required"]
                .as_array()
                .is_some_and(|names| names.iter().any(|n| n == name))
        };
        let members = schema["properties"].as_object().into_iter().flatten();
        members
            .map(|(name, schema)| {
                (
                    name.clone(),
                    is_required(name),
                    without_null(schema.clone()),
                )
            })
            .collect()
    }

    /// Keeps `value` once, and returns the reference to it.
    pub fn share(&mut self, section: &'static str, name: &str, value: Value) -> Value {
        self.shared
            .entry(section)
            .or_default()
            .insert(name.to_owned(), value);
        json!({ "$ref": format!("#/components/{section}/{name}") })
    }

    /// Returns the components: everything that was referred to.
    pub fn into_components(mut self) -> Value {
        let mut schemas = self.read.take_definitions(true);
        schemas.extend(self.written.take_definitions(true));
        let schemas: Map<_, _> = schemas
            .into_iter()
            .map(|(name, schema)| (name, tidied(schema)))
            .collect();
        let mut components = json!(self.shared);
        components["schemas"] = Value::Object(schemas);
        components
    }
}

fn generator(definitions: &'static str, contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = definitions.into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

/// Returns the self-contained schema of a type as serde writes it, with all referenced schemas in
/// `$defs`.
pub fn alone<T: JsonSchema>() -> Value {
    on_its_own::<T>(Contract::Serialize)
}

/// Returns the self-contained schema of a type as serde reads it.
pub fn alone_read<T: JsonSchema>() -> Value {
    on_its_own::<T>(Contract::Deserialize)
}

fn on_its_own<T: JsonSchema>(contract: Contract) -> Value {
    let mut generator = generator("/$defs", contract);
    let mut schema = tidy(T::json_schema(&mut generator));
    let definitions = generator
        .take_definitions(true)
        .into_iter()
        .map(|(name, schema)| (name, tidied(schema)));
    schema["$defs"] = Value::Object(definitions.collect());
    schema
}

fn tidy(schema: Schema) -> Value {
    tidied(schema.into())
}

/// Adds the largest value of unsigned integers, and removes `null` as a default: `null` is not a
/// default, it removes a value.
fn tidied(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            if members.get("default").is_some_and(Value::is_null) {
                members.remove("default");
            }
            let largest = match members.get("format").and_then(Value::as_str) {
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint64" | "uint") => Some(i64::MAX.unsigned_abs()),
                _ => None,
            };
            if let Some(largest) = largest {
                members.remove("format");
                members.entry("maximum").or_insert(json!(largest));
            }
            members
                .values_mut()
                .for_each(|value| *value = tidied(value.take()));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| *item = tidied(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    schema
}

/// Returns the schema without `null`, which a query cannot express.
fn without_null(mut schema: Value) -> Value {
    if let Some(types) = schema["type"].as_array() {
        let types: Vec<_> = types
            .iter()
            .filter(|name| *name != "null")
            .cloned()
            .collect();
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
    let choices = schema.get("anyOf").and_then(Value::as_array);
    if let Some([one, null]) = choices.map(Vec::as_slice)
        && null["type"] == "null"
    {
        return one.clone();
    }
    schema
}

/// Declares a text, a number or a map that the domain checks: its name in the documents, and a
/// schema that describes the checks.
macro_rules! checked {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)*) => {$(
        $(#[$doc])*
        pub enum $name {}

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

/// A DNS label of RFC 1123.
const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
const LABEL_KEY: &str = "^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$";
const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$";

/// An RFC 9110 token of at most 64 bytes.
const TOKEN: &str = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}";
/// The largest revision that people may type: 18 digits.
pub const MAX_TYPED_REVISION: u64 = 999_999_999_999_999_999;

/// Returns the pattern of a header name that rules may look at, with the pattern `before` in front
/// of it.
pub fn header_name(before: &str) -> String {
    let any_case = |name: &&str| -> String {
        let either = |c: char| {
            if c == '-' {
                "-".to_owned()
            } else {
                format!("[{}{c}]", c.to_ascii_uppercase())
            }
        };
        name.chars().map(either).collect()
    };
    let refused: Vec<_> = NOT_MATCHED.iter().map(any_case).collect();
    format!("^{before}(?!({})$){TOKEN}$", refused.join("|"))
}

fn actions(description: &str, actions: &[Action]) -> Schema {
    let names: Vec<_> = actions.iter().map(|action| action.as_str()).collect();
    json_schema!({ "description": description, "type": "string", "enum": names })
}

fn label(what: &str, example: &str) -> Schema {
    json_schema!({
        "description": format!("{what}: a DNS label (RFC 1123), that is lower-case letters, digits and inner hyphens."),
        "type": "string", "minLength": 1, "maxLength": 63, "pattern": LABEL, "examples": [example],
    })
}

fn labels(value: Value, description: &str) -> Schema {
    json_schema!({
        "description": description, "type": "object", "maxProperties": MAX_LABELS,
        "propertyNames": { "type": "string", "minLength": 1, "maxLength": 63, "pattern": LABEL_KEY },
        "additionalProperties": value, "examples": [{ "team": "payments" }],
    })
}

fn label_value() -> Value {
    json!({ "type": "string", "maxLength": MAX_LABEL_VALUE, "pattern": PLAIN })
}

checked! {
    /// The owner of routes.
    TenantName = label("The owner of routes", "acme");
    /// A service of a tenant.
    ServiceName = label("A service of a tenant", "checkout");
    /// The name of an environment.
    EnvName = label("An environment", "prod");
    /// A version of a service.
    VersionName = json_schema!({
        "description": "A version of a service.", "type": "string", "minLength": 1, "maxLength": 63,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "examples": ["v1", "2026.11.21-rc1"],
    });
    /// The URL of a route.
    RouteUrl = json_schema!({
        "description": format!(
            "An absolute http or https URL (RFC 3986) with a host, without credentials, fragment, and `.` or `..` in its path; at most \
             {MAX_URL} bytes. The host is a DNS name or an address, the port 1 to 65535. Kept as it is sent."
        ),
        "type": "string", "format": "url", "minLength": 8, "maxLength": MAX_URL,
        "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\\#/?@]+([/?][^\s\\#]*)?$", "examples": ["https://checkout-1.example.com"],
    });
    /// Labels of a route.
    Labels = labels(label_value(), &format!("Free-form labels. A value may have at most {MAX_LABEL_VALUE} bytes."));
    /// Changes to the labels of a route.
    LabelsPatch = labels(
        json!({ "anyOf": [label_value(), { "type": "null" }] }),
        "Labels to set; `null` removes one. The route may not have more than 32 after it.",
    );
    /// The description of a route, for people.
    Description = json_schema!({
        "description": format!("A sentence for people, at most {MAX_DESCRIPTION} bytes, without control and invisible characters."),
        "type": "string", "maxLength": MAX_DESCRIPTION, "pattern": PLAIN,
    });
    /// The name of one epoch of a tenant.
    Epoch = json_schema!({
        "description": "Names one history of a tenant. Revisions of two epochs cannot be compared.",
        "type": "string", "pattern": "^[0-9a-f]{16}$", "examples": ["adc74a594a3e0e8f"],
    });
    /// The number of a tenant's revision.
    Revision = json_schema!({
        "description": "The gapless counter of a tenant's committed changes; 0 is a tenant without any.",
        "type": "integer", "minimum": 0, "maximum": i64::MAX, "examples": [4],
    });
    /// A version tag: epoch and revision.
    VersionTag = json_schema!({
        "description": "A version tag, `<epoch>.<revision>`.", "type": "string",
        "pattern": r"^[0-9a-f]{16}\.(0|[1-9][0-9]{0,17})$", "examples": ["adc74a594a3e0e8f.4"],
    });
    /// A time in an answer.
    Time = json_schema!({
        "description": "RFC 3339 in UTC with microseconds.", "type": "string", "format": "date-time", "pattern": TIME,
        "examples": ["2026-11-21T08:03:37.661997Z"],
    });
    /// A time in a request.
    TimeIn = json_schema!({
        "description": "RFC 3339; a time without a zone is UTC.", "type": "string", "format": "date-time",
        "examples": ["2026-11-21T08:03:37Z"],
    });
    /// The id of an event.
    EventId = json_schema!({
        "description": "UUIDv7. Never an order.", "type": "string", "format": "uuid",
        "examples": ["01a1fd21-de3d-7778-bc54-13f5856b700d"],
    });
    /// A SHA-256 hash in hexadecimal digits.
    Hash = json_schema!({
        "description": "SHA-256 in lower-case hexadecimal digits.", "type": "string", "pattern": "^[0-9a-f]{64}$",
    });
    /// A cursor: a place in a list.
    Cursor = json_schema!({
        "description": "An opaque, signed place in a list: `next_cursor` of the page before, with the same filters.",
        "type": "string", "maxLength": 4096,
    });
    /// The time for which a long-poll is held.
    Wait = json_schema!({
        "description": "How long to be held: seconds (`30`, `30s`) or milliseconds (`500ms`). Never more than 60 s.",
        "type": "string", "pattern": "^[0-9]{1,9}(s|ms)?$", "examples": ["30s"],
    });
    /// A label as `key=value`.
    LabelPair = json_schema!({
        "description": "A label, `key=value`.", "type": "string",
        "pattern": LABEL_PAIR,
        "examples": ["team=payments"],
    });
    /// The id of an actor.
    ActorId = json_schema!({
        "description": "Who did it: `actor.id` of the event.", "type": "string", "maxLength": 255, "pattern": PLAIN,
        "examples": ["anonymous"],
    });
    /// The state of a dead letter.
    LetterState = json_schema!({
        "description": "What became of it. `waiting`: nobody has decided. `redriving`: it was decided to send it again, and is not known yet \
                        whether that was done.",
        "type": "string", "enum": crate::domain::dead_letter::LetterState::ALL.map(crate::domain::dead_letter::LetterState::as_str),
    });
    /// The reason why a record is a dead letter.
    LetterReason = json_schema!({
        "description": "Why it is a dead letter; docs/events.md has the list.", "type": "string", "maxLength": 64, "pattern": PLAIN,
        "examples": ["unknown_version"],
    });
    /// The id of a dead letter.
    LetterId = json_schema!({
        "description": "The partition and offset in the dead-letter topic.", "type": "string", "pattern": super::shared::LETTER_ID,
        "examples": ["0-17"],
    });
    /// The kind of an entry in the access log.
    AccessKind = json_schema!({
        "description": "`denied`: refused, with 401, 403, or 404 for another tenant. `key_changed`: a key was made, rotated or revoked. \
                        `operated`: an administrator changed how the service runs: a drill, a dead letter that was decided on, a replay that was \
                        begun or cancelled; or somebody deleted a plan. `read`: something sensitive was read: the audit, an export, the list of keys.",
        "type": "string", "enum": crate::domain::access::Kind::ALL.map(crate::domain::access::Kind::as_str),
    });
    /// The action of any event.
    AnyAction = actions("What happened: to a route, to a traffic policy (`policy_…`), or to the tenant (`tenant_…`).", &Action::ALL);
    /// The action of an event about a route.
    RouteAction = actions(
        "What happened to a route. `activated` and `deactivated`: nothing but its state changed.",
        &[Action::Created, Action::Updated, Action::Activated, Action::Deactivated, Action::Deleted],
    );
    /// The action of an event about a traffic policy.
    PolicyAction = actions("What happened to a traffic policy.", &[Action::PolicySet, Action::PolicyDeleted]);
    /// The action of an event about a tenant.
    TenantAction = actions(
        "What happened to the tenant. `tenant_deleted` is the last event of its epoch.",
        &[Action::TenantCreated, Action::TenantUpdated, Action::TenantDeleted],
    );
    /// A point of a tenant's present history.
    Instant = json_schema!({
        "description": "A point of the tenant's present history: a revision, a version tag, or a time.", "type": "string",
        "anyOf": [
            { "pattern": "^[0-9]{1,18}$" }, { "pattern": r"^[0-9a-f]{16}\.(0|[1-9][0-9]{0,17})$" }, { "format": "date-time" },
        ],
        "examples": ["4", "adc74a594a3e0e8f.4", "2026-11-21T08:03:37Z"],
    });
    /// The reason for a change, in the caller's words.
    ReasonText = json_schema!({ "type": "string", "maxLength": MAX_REASON, "pattern": PLAIN });
    /// A required reason; it may not be blank.
    GivenReason = json_schema!({
        "type": "string", "minLength": 1, "maxLength": MAX_REASON, "allOf": [{ "pattern": PLAIN }, { "pattern": r"\S" }],
    });
    /// A limit of a tenant.
    Quota = json_schema!({ "type": "integer", "minimum": 0, "maximum": MAX_QUOTA });
    /// A host that a policy owns.
    Host = json_schema!({
        "description": "A lower-case DNS name (RFC 1123) without a port and without a dot at its end, or `*.` and such a name, which stands for \
                        every name under it; no address. Other scripts as A-labels (RFC 5890).",
        "type": "string", "minLength": 1, "maxLength": 253, "examples": ["shop.example.com"],
        "pattern": r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    });
    /// A name under which a tenant may have hosts.
    HostSuffix = json_schema!({
        "description": "A name that a tenant may have hosts of: a host without `*.`, which stands for itself and every name under it.",
        "type": "string", "minLength": 1, "maxLength": 253, "examples": ["example.com"],
        "pattern": r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    });
    /// The part of its hosts' paths that a policy owns.
    PathPrefix = json_schema!({
        "description": "`/`, or segments such as `/shop/v2`: no empty, `.` or `..` segment, no `%`, no `/` at the end.",
        "type": "string", "minLength": 1, "maxLength": MAX_PREFIX, "examples": ["/shop"],
        "pattern": r"^/$|^(/(?!\.{1,2}(/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$",
    });
    /// The name of a request header.
    HeaderName = json_schema!({
        "description": "The name of a request header, upper or lower case; not one that belongs to the connection, such as `Host`.",
        "type": "string", "pattern": header_name(""), "examples": ["x-beta"],
    });
    /// The name of a cookie.
    CookieName = json_schema!({
        "description": "The name of a cookie.", "type": "string", "pattern": format!("^{TOKEN}$"), "examples": ["sid"],
    });
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{LazyLock, Mutex, PoisonError},
    };

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{dead_letter, ids, policy, route, tag, time::UtcTime};

    /// Returns whether the schema of `T` accepts a value. Each schema is compiled once.
    fn is_documented<T: JsonSchema>(value: &Value) -> bool {
        static VALIDATORS: LazyLock<Mutex<HashMap<String, jsonschema::Validator>>> =
            LazyLock::new(Mutex::default);
        let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            jsonschema::options()
                .should_validate_formats(true)
                .build(&alone::<T>())
                .unwrap()
        };
        validators
            .entry(T::schema_name().into_owned())
            .or_insert_with(compile)
            .is_valid(value)
    }

    fn agree<T: JsonSchema, D: TryFrom<String>>(raw: &str) -> Result<(), TestCaseError> {
        let (documented, taken) = (
            is_documented::<T>(&json!(raw)),
            D::try_from(raw.to_owned()).is_ok(),
        );
        prop_assert_eq!(documented, taken, "{:?}", raw);
        Ok(())
    }

    proptest! {
        /// The schemas and the domain accept the same names.
        #[test]
        fn schema_and_domain_accept_the_same_names(raw in "[a-zA-Z0-9._-]{0,66}|[a-z0-9-]{0,66}|\\PC{0,5}|a\n") {
            agree::<TenantName, ids::TenantName>(&raw)?;
            agree::<ServiceName, ids::ServiceName>(&raw)?;
            agree::<EnvName, ids::EnvName>(&raw)?;
            agree::<VersionName, ids::VersionName>(&raw)?;
        }

        #[test]
        fn schema_and_domain_accept_the_same_policy_parts(
            raw in "(\\*\\.)?[a-z0-9.-]{0,12}|(/[a-z.%~]{0,4}){0,4}|[!-~]{0,6}|(?i)host|te|x-(?i)te|\\PC{0,5}|a\n|/\n",
        ) {
            // Checked with `Host::read`: answers may have hosts that are older than the rule of the
            // single spelling.
            let read = policy::Host::read(raw.clone());
            prop_assert_eq!(is_documented::<Host>(&json!(&raw)), read.is_ok(), "{:?}", raw);
            prop_assert_eq!(is_documented::<HostSuffix>(&json!(&raw)), read.is_ok_and(|host| !host.is_wildcard()), "{:?}", raw);
            agree::<PathPrefix, policy::PathPrefix>(&raw)?;
            agree::<HeaderName, policy::HeaderName>(&raw)?;
            agree::<CookieName, policy::CookieName>(&raw)?;
        }

        #[test]
        fn schema_and_domain_accept_the_same_tags(raw in "[0-9a-f]{15,17}\\.[0-9]{0,18}|[0-9a-f]{16}\\.(0|[1-9][0-9]{0,17})|\\PC{0,40}") {
            agree::<VersionTag, tag::VersionTag>(&raw)?;
        }

        #[test]
        fn schema_and_domain_accept_the_same_dead_letter_ids(raw in "[0-9]{0,11}-[0-9]{0,20}|(0|[1-9][0-9]{0,9})-(0|[1-9][0-9]{0,18})|\\PC{0,10}") {
            agree::<LetterId, dead_letter::LetterId>(&raw)?;
        }

        #[test]
        fn schema_accepts_every_label_of_the_domain(key in "[a-zA-Z0-9._/-]{0,65}|\\PC{0,5}", value in "[ -~]{0,260}|(?s).{0,5}") {
            let documented = is_documented::<Labels>(&json!({ &key: &value }));
            let taken = route::Labels::check(&key, &value).is_ok();
            prop_assert!(documented || !taken, "{:?} {:?}", key, value);
            prop_assert!(taken || !documented || value.len() > 255 || !value.is_ascii(), "{:?} {:?}", key, value);
        }

        #[test]
        fn schema_accepts_every_description_of_the_domain(raw in "[ -~]{1000,1050}|(?s).{0,20}") {
            let (documented, taken) = (is_documented::<Description>(&json!(raw)), route::Description::try_from(raw.clone()).is_ok());
            prop_assert!(documented || !taken, "{:?}", raw);
            prop_assert!(taken || !documented || !raw.is_ascii(), "{:?}", raw);
        }

        /// The schema of URLs checks only a part of the rules: the domain refuses every URL that
        /// the schema refuses.
        #[test]
        fn schema_accepts_every_url_of_the_domain(raw in "[Hh]ttps?://[a-z0-9.:@/?#\\\\ -]{0,20}|\\PC{0,20}") {
            if raw.parse::<route::RouteUrl>().is_ok() {
                prop_assert!(is_documented::<RouteUrl>(&json!(raw)), "{:?}", raw);
            }
        }

        #[test]
        fn printed_times_match_their_schema(microseconds in 0_i64..4_000_000_000_000_000) {
            let time: UtcTime = jiff::Timestamp::from_microsecond(microseconds).unwrap().into();
            prop_assert!(is_documented::<Time>(&json!(time)));
        }
    }

    #[test]
    fn optional_parameter_is_not_nullable() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "read by the derive")]
        struct Parameters {
            limit: Option<u32>,
            #[schemars(with = "Option<TenantName>")]
            tenant: Option<String>,
            #[schemars(with = "VersionTag")]
            after: Option<String>,
        }
        let members = Schemas::default().members::<Parameters>();
        assert_eq!(
            members,
            [
                (
                    "after".to_owned(),
                    true,
                    json!({ "$ref": "#/components/schemas/VersionTag" })
                ),
                (
                    "limit".to_owned(),
                    false,
                    json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
                ),
                (
                    "tenant".to_owned(),
                    false,
                    json!({ "$ref": "#/components/schemas/TenantName" })
                ),
            ]
        );
    }
}
