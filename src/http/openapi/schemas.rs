//! JSON Schemas of texts and numbers that the domain checks. All other schemas are derived from the
//! types that serde reads and writes.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

pub use super::texts::PLAIN;
use super::texts::{LABEL_PAIR, LETTER_ID, NOT_BLANK};
use crate::{
    domain::{
        event::Action,
        policy::{MAX_PREFIX, NOT_MATCHED},
        route::{MAX_DESCRIPTION, MAX_LABEL_VALUE, MAX_LABELS, MAX_URL},
        tenant::MAX_QUOTA,
    },
    http::headers::MAX_REASON,
};

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
/// A revision, a version tag or a time of RFC 3339 (the zone may be missing).
const POINT_IN_TIME: &str = concat!(
    r"^([0-9]{1,18}|[0-9a-f]{16}\.(0|[1-9][0-9]{0,17})",
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)$",
);
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
        "description": format!("{what}: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens."),
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
    TenantName = label("The name of a tenant", "acme");
    /// A service of a tenant.
    ServiceName = label("The name of a service", "checkout");
    /// The name of an environment.
    EnvName = label("The name of an environment", "prod");
    /// The name of a node.
    NodeName = label("The name of a node", "edge-1");
    /// A version of a service.
    VersionName = json_schema!({
        "description": "The name of a version of a service.", "type": "string", "minLength": 1, "maxLength": 63,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "examples": ["v1", "2026.11.21-rc1"],
    });
    /// The URL of a route.
    RouteUrl = json_schema!({
        "description": format!(
            "An absolute http or https URL (RFC 3986) of at most {MAX_URL} bytes, without credentials, without a fragment, and without \
             `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged."
        ),
        "type": "string", "format": "url", "minLength": 8, "maxLength": MAX_URL,
        "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\\#/?@]+([/?][^\s\\#]*)?$", "examples": ["https://checkout-1.example.com"],
    });
    /// Labels of a route.
    Labels = labels(label_value(), &format!("Free-form labels. A value has at most {MAX_LABEL_VALUE} bytes."));
    /// Changes to the labels of a route.
    LabelsPatchIn = labels(
        json!({ "type": ["string", "null"], "maxLength": MAX_LABEL_VALUE, "pattern": PLAIN }),
        "Labels to set; `null` removes a label. The changed route may have at most 32 labels.",
    );
    /// The description of a route, for people.
    RouteDescription = json_schema!({
        "description": format!("A description for people: at most {MAX_DESCRIPTION} bytes, without control characters and invisible characters."),
        "type": "string", "maxLength": MAX_DESCRIPTION, "pattern": PLAIN,
    });
    /// The name of one epoch of a tenant.
    Epoch = json_schema!({
        "description": "The name of one history of a tenant. Revisions of different epochs cannot be compared.",
        "type": "string", "pattern": "^[0-9a-f]{16}$", "examples": ["adc74a594a3e0e8f"],
    });
    /// The number of a tenant's revision.
    Revision = json_schema!({
        "description": "The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.",
        "type": "integer", "minimum": 0, "maximum": i64::MAX, "examples": [4],
    });
    /// A version tag: epoch and revision.
    VersionTag = json_schema!({
        "description": "A version tag, `<epoch>.<revision>`.", "type": "string",
        "pattern": r"^[0-9a-f]{16}\.(0|[1-9][0-9]{0,17})$", "examples": ["adc74a594a3e0e8f.4"],
    });
    /// A time in an answer.
    Timestamp = json_schema!({
        "description": "A time in UTC with microseconds (RFC 3339).", "type": "string", "format": "date-time", "pattern": TIME,
        "examples": ["2026-11-21T08:03:37.661997Z"],
    });
    /// A time in a request.
    TimestampIn = json_schema!({
        "description": "A time (RFC 3339). A time without a zone is UTC.", "type": "string", "format": "date-time",
        "examples": ["2026-11-21T08:03:37Z"],
    });
    /// The id of an event.
    EventId = json_schema!({
        "description": "The id of an event (UUIDv7). The ids of events give no order.", "type": "string", "format": "uuid",
        "examples": ["01a1fd21-de3d-7778-bc54-13f5856b700d"],
    });
    /// The id of a plan.
    PlanId = json_schema!({
        "description": "The id of a plan (UUIDv7).", "type": "string", "format": "uuid",
        "examples": ["01a1fd21-de3d-7778-bc54-13f5856b700d"],
    });
    /// The id of a replay.
    ReplayId = json_schema!({
        "description": "The id of a replay (UUIDv7).", "type": "string", "format": "uuid",
        "examples": ["01a1fd21-de3d-7778-bc54-13f4251a9a0f"],
    });
    /// A SHA-256 hash in hexadecimal digits.
    Sha256 = json_schema!({
        "description": "A SHA-256 hash in lower-case hexadecimal digits.", "type": "string", "pattern": "^[0-9a-f]{64}$",
    });
    /// A cursor: a place in a list.
    Cursor = json_schema!({
        "description": "The cursor of a page: `next_cursor` of the page before. Send it with the same filters. Its content is opaque and signed.",
        "type": "string", "maxLength": 4096,
    });
    /// The time for which a long-poll is held.
    WaitTime = json_schema!({
        "description": "The longest time that the request waits: seconds (`30`, `30s`) or milliseconds (`500ms`). At most 60 s.",
        "type": "string", "pattern": "^[0-9]{1,9}(s|ms)?$", "examples": ["30s"],
    });
    /// A label as `key=value`.
    LabelPair = json_schema!({
        "description": "A label, `key=value`.", "type": "string",
        "pattern": LABEL_PAIR,
        "examples": ["team=payments"],
    });
    /// A text that is searched for.
    SearchText = json_schema!({
        "description": "A text that is searched for.", "type": "string", "minLength": 1, "maxLength": 200, "pattern": PLAIN,
        "examples": ["checkout"],
    });
    /// The id of an actor.
    ActorId = json_schema!({
        "description": "The id of an actor: `actor.id` of an event.", "type": "string", "maxLength": 255, "pattern": PLAIN,
        "examples": ["anonymous"],
    });
    /// The state of a dead letter.
    DeadLetterState = json_schema!({
        "description": "The state of a dead letter. `waiting`: nobody has decided. `redriving`: a redrive was decided, and it is not known yet \
                        whether the record was sent.",
        "type": "string", "enum": crate::domain::dead_letter::DeadLetterState::ALL.map(crate::domain::dead_letter::DeadLetterState::as_str),
    });
    /// The reason why a record is a dead letter.
    DeadLetterReason = json_schema!({
        "description": "The reason why a record is a dead letter; docs/events.md lists the reasons.", "type": "string", "maxLength": 64, "pattern": PLAIN,
        "examples": ["unknown_version"],
    });
    /// The id of a dead letter.
    DeadLetterId = json_schema!({
        "description": "The id of a dead letter: its partition and offset in the dead-letter topic.", "type": "string", "pattern": LETTER_ID,
        "examples": ["0-17"],
    });
    /// The kind of an entry in the access log.
    AccessKind = json_schema!({
        "description": "The kind of an access. `denied`: the request was refused with 401, 403, or 404 for another customer's tenant. `key_changed`: \
                        a key was created, rotated or revoked. `operated`: an administrator changed how the service runs (a forced breaker state, a \
                        decision on a dead letter, a replay), a caller deleted a plan, or a person signed in at the web page or out. `read`: \
                        sensitive data was read, such as audit events, an export or the list of keys.",
        "type": "string", "enum": crate::domain::access::Kind::ALL.map(crate::domain::access::Kind::as_str),
    });
    /// The action of any event.
    EventAction = actions("The action of an event: on a route, on a traffic policy (`policy_…`), or on the tenant (`tenant_…`).", &Action::ALL);
    /// The action of an event about a route.
    RouteAction = actions(
        "The action on a route. `activated` and `deactivated`: only the state of the route changed.",
        &[Action::Created, Action::Updated, Action::Activated, Action::Deactivated, Action::Deleted],
    );
    /// The action of an event about a traffic policy.
    PolicyAction = actions("The action on a traffic policy.", &[Action::PolicySet, Action::PolicyDeleted]);
    /// The action of an event about a tenant.
    TenantAction = actions(
        "The action on the tenant. `tenant_deleted` is the last event of an epoch.",
        &[Action::TenantCreated, Action::TenantUpdated, Action::TenantDeleted],
    );
    /// A point in a tenant's present history.
    PointInTime = json_schema!({
        "description": "A point in the tenant's present history: a revision, a version tag, or a time (RFC 3339; a time without a zone is UTC).",
        "type": "string", "pattern": POINT_IN_TIME, "examples": ["4", "adc74a594a3e0e8f.4", "2026-11-21T08:03:37Z"],
    });
    /// The reason for a change, in the caller's words.
    Reason = json_schema!({
        "description": format!("The reason for a change, in the caller's words: at most {MAX_REASON} bytes."),
        "type": "string", "maxLength": MAX_REASON, "pattern": PLAIN,
    });
    /// A required reason; it may not be blank.
    RequiredReason = json_schema!({
        "description": format!("The reason for a change, in the caller's words: at most {MAX_REASON} bytes, and not blank."),
        "type": "string", "minLength": 1, "maxLength": MAX_REASON, "pattern": NOT_BLANK,
    });
    /// Any JSON value.
    JsonValue = json_schema!({
        "description": "Any JSON value.", "type": ["string", "number", "boolean", "object", "array", "null"],
        "items": {}, "additionalProperties": true,
    });
    /// A limit of a tenant.
    Quota = json_schema!({ "description": "A limit of a tenant.", "type": "integer", "minimum": 0, "maximum": MAX_QUOTA });
    /// A host that a policy owns.
    HostPattern = json_schema!({
        "description": "A DNS name (RFC 1123) in lower case, without a port and without a final dot, or `*.` and such a name, which stands for \
                        every name under it. IP addresses are not allowed. Names in other scripts are written as A-labels (RFC 5890).",
        "type": "string", "minLength": 1, "maxLength": 253, "examples": ["shop.example.com"],
        "pattern": r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    });
    /// A name under which a tenant may have hosts.
    HostSuffix = json_schema!({
        "description": "A DNS name that stands for itself and every name under it. The tenant may have hosts with these names.",
        "type": "string", "minLength": 1, "maxLength": 253, "examples": ["example.com"],
        "pattern": r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    });
    /// The part of its hosts' paths that a policy owns.
    PathPrefix = json_schema!({
        "description": "A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.",
        "type": "string", "minLength": 1, "maxLength": MAX_PREFIX, "examples": ["/shop"],
        "pattern": r"^/$|^(/(?!\.{1,2}(/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$",
    });
    /// The name of a request header.
    HeaderName = json_schema!({
        "description": "The name of a request header, in upper or lower case. Headers of the connection, such as `Host`, are not allowed.",
        "type": "string", "pattern": header_name(""), "examples": ["x-beta"],
    });
    /// How an Envoy gets its configuration.
    ProxyTransport = json_schema!({
        "description": "How the proxy gets its configuration. An Envoy: as a stream, by polls, or from files; all others have one way of their own. \
            `agent`: from a node agent, whose configuration this is, with the public keys for signed snapshots.",
        "type": "string", "enum": ["ads", "rest", "files", "agent"],
    });
    /// An address and port.
    ListenAddress = json_schema!({
        "description": "An IPv4 address, or `[::]` or `[::1]`, and a port.", "type": "string", "examples": ["127.0.0.1:10000"],
        "pattern": r"^(((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])|\[::1?\]):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
    });
    /// The name of a cookie.
    CookieName = json_schema!({
        "description": "The name of a cookie.", "type": "string", "pattern": format!("^{TOKEN}$"), "examples": ["sid"],
    });
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::LazyLock};

    use parking_lot::Mutex;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{dead_letter, ids, policy, route, tag, time::UtcTime};
    use crate::http::openapi::generate::alone;

    /// Returns whether the schema of `T` accepts a value. Each schema is compiled once.
    fn is_documented<T: JsonSchema>(value: &Value) -> bool {
        static VALIDATORS: LazyLock<Mutex<HashMap<String, jsonschema::Validator>>> =
            LazyLock::new(Mutex::default);
        let mut validators = VALIDATORS.lock();
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
            prop_assert_eq!(is_documented::<HostPattern>(&json!(&raw)), read.is_ok(), "{:?}", raw);
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
        fn schema_and_parser_accept_the_same_points_in_time(raw in "[0-9]{0,20}|[0-9a-f]{15,17}\\.[0-9]{0,18}|[0-9a-f]{16}\\.(0|[1-9][0-9]{0,17})|\\PC{0,40}") {
            let taken = crate::http::instant::parse_at("?at", &raw).is_ok();
            prop_assert_eq!(is_documented::<PointInTime>(&json!(&raw)), taken, "{:?}", raw);
        }

        #[test]
        fn schema_and_domain_accept_the_same_dead_letter_ids(raw in "[0-9]{0,11}-[0-9]{0,20}|(0|[1-9][0-9]{0,9})-(0|[1-9][0-9]{0,18})|\\PC{0,10}") {
            agree::<DeadLetterId, dead_letter::DeadLetterId>(&raw)?;
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
            let (documented, taken) = (is_documented::<RouteDescription>(&json!(raw)), route::Description::try_from(raw.clone()).is_ok());
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
            prop_assert!(is_documented::<Timestamp>(&json!(time)));
        }
    }
}
