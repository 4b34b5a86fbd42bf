//! The table of problem codes: status, title, cause and remedy of each code.

use http::StatusCode;

/// A row of the table.
struct Row {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    when: &'static str,
    what_to_do: &'static str,
}

/// Declares the codes, each with its row: name in problem documents, status, title; the situation
/// in which it occurs; the advice for callers.
macro_rules! codes {
    ($($code:ident: $name:literal, $status:ident, $title:literal; $when:literal; $what_to_do:literal;)+) => {
        /// The reason why a request was not done: the stable `code` of the problem document.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $when] $code,)+
        }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            const fn row(self) -> Row {
                match self {
                    $(Self::$code => Row {
                        status: StatusCode::$status,
                        name: $name,
                        title: $title,
                        when: $when,
                        what_to_do: $what_to_do,
                    },)+
                }
            }
        }
    };
}

impl Code {
    /// Returns the code with this name in a problem document.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|code| code.name() == name).copied()
    }

    /// Returns the HTTP status of the problem.
    pub fn status(self) -> StatusCode {
        self.row().status
    }

    /// Returns the code's name in a problem document.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns a title of a few words.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// Returns when the problem happens.
    pub fn when(self) -> &'static str {
        self.row().when
    }

    /// Returns what to do about the problem.
    pub fn what_to_do(self) -> &'static str {
        self.row().what_to_do
    }
}

codes! {
    MalformedRequest: "malformed_request", BAD_REQUEST, "The request cannot be parsed";
        "The body is not JSON (or YAML) or not UTF-8, or `If-Match` is not `*` or a list of entity \
         tags in quotes.";
        "Correct the request. `detail` names the error.";

    InvalidCursor: "invalid_cursor", BAD_REQUEST, "The cursor is not valid here";
        "`cursor` was made by another installation, for another list, or for other filters.";
        "Begin the list anew, without `cursor`.";

    NotFound: "not_found", NOT_FOUND, "The path does not exist";
        "No endpoint has this path.";
        "See the paths in `/docs`.";

    MisdirectedRequest: "misdirected_request", MISDIRECTED_REQUEST,
        "The Host header is not a name of this service";
        "The `Host` header is not a name of this service. Without credentials only `localhost`, \
         loopback addresses and the names in `http.allowed_hosts` are answered.";
        "Use one of these names, or add the name to `http.allowed_hosts`.";

    Unauthenticated: "unauthenticated", UNAUTHORIZED, "Credentials are required";
        "There is no `Authorization: Bearer`, or its token is not valid: mistyped, expired, \
         revoked, or from another issuer. The answer does not say which.";
        "Send an API key (`tmk_…`) or a token of the identity provider. An administrator makes \
         keys with `POST /api/v1/keys`.";

    Forbidden: "forbidden", FORBIDDEN, "The caller has no role for this operation";
        "The caller is authenticated, but none of its roles allows this; or a new key would have \
         more permissions than the caller.";
        "Ask an administrator of the tenant for one of the roles in `detail`.";

    OutsideGrant: "outside_grant", FORBIDDEN,
        "The caller's grant does not cover this service or environment";
        "The caller's grant is limited to some services or environments, and the request is about \
         others, or about all.";
        "Name one that the grant covers, or ask for a wider grant.";

    TooManyRequests: "too_many_requests", TOO_MANY_REQUESTS, "Too many requests";
        "The address, the caller, or all callers of its tenant together exceed their request rate, \
         or too many of the tenant's requests run at the same time. `detail` says which limit.";
        "Wait for `Retry-After`. `RateLimit-Remaining` is the number of requests left, \
         `RateLimit-Reset` the seconds until all are available again.";

    DependencyNotFound: "dependency_not_found", NOT_FOUND, "This instance has no such dependency";
        "This instance has no dependency of that name; a process with another role may have it.";
        "See `GET /health/resilience` of the intended instance.";

    KeyNotFound: "key_not_found", NOT_FOUND, "The API key does not exist";
        "There is no key with that id in the caller's tenant.";
        "See `GET /api/v1/keys`.";

    KeyEnded: "key_ended", CONFLICT, "The API key is revoked or has expired";
        "The key was revoked or has expired, and has no token to replace.";
        "Make another key.";

    KeysNotInUse: "keys_not_in_use", CONFLICT, "API keys are not in use";
        "With `auth.mode = \"none\"` no caller needs a key.";
        "Set `auth.mode = \"required\"` and `auth.key_pepper`.";

    RouteNotFound: "route_not_found", NOT_FOUND, "The route does not exist";
        "The tenant has no route of that name, or there is no such tenant.";
        "Create it with `PUT`.";

    RouteInactive: "route_inactive", NOT_FOUND, "The route is inactive";
        "`resolve` of a route that exists and is inactive.";
        "Activate it, or send the traffic elsewhere.";

    TenantNotFound: "tenant_not_found", NOT_FOUND, "The tenant does not exist";
        "There is no tenant of that name.";
        "Create it with `POST /api/v1/tenants`, or write its first route.";

    MethodNotAllowed: "method_not_allowed", METHOD_NOT_ALLOWED,
        "The path does not support this method";
        "The path exists and does not support this method.";
        "See the header `Allow`.";

    TenantExists: "tenant_exists", CONFLICT, "The tenant exists already";
        "`POST /api/v1/tenants` with the name of an existing tenant.";
        "Change the tenant with `PATCH`.";

    TenantEnding: "tenant_ending", CONFLICT, "The tenant is being deleted";
        "A change of a tenant whose deletion has begun and is not complete: a tenant with more \
         than 1,000 objects is deleted in several revisions.";
        "Wait until `GET /api/v1/tenants/{tenant}` answers 404; then the name is free.";

    TenantNotEmpty: "tenant_not_empty", CONFLICT, "The tenant still has routes or policies";
        "`DELETE` of a tenant that still has routes or policies.";
        "Delete these first, or everything with `?confirm=<name of the tenant>`.";

    PolicyNotFound: "policy_not_found", NOT_FOUND, "The traffic policy does not exist";
        "The tenant has no traffic policy for that service and environment, or there is no such \
         tenant.";
        "Create it with `PUT`, or name a `version` in `resolve`.";

    AnsweredByPolicy: "answered_by_policy", NOT_FOUND,
        "The policy answers this request without a route";
        "`resolve` without `version`: a rule of the policy redirects the request (`redirect`), or \
         answers it (`respond`). `explanation` names the rule.";
        "Do what the rule says, as a proxy would.";

    NoActiveVersion: "no_active_version", NOT_FOUND,
        "The policy has no active version for this request";
        "`resolve` without `version`: neither the version that the policy chose nor any version of \
         its failover order and split is active. `explanation` lists the versions in order.";
        "Activate one of the versions that the policy names.";

    HostNotAllowed: "host_not_allowed", FORBIDDEN, "The tenant may not use the host";
        "`host` is under none of the tenant's `allowed_hosts`; or the tenant has none, and the \
         host is a public suffix, or a wildcard over all names under one.";
        "Choose another host, or have a `platform_admin` add a suffix of it to the tenant's \
         `allowed_hosts`.";

    HostTaken: "host_taken", CONFLICT,
        "The host belongs to another tenant, or with its path prefix to another policy";
        "`host` belongs to another tenant, or is a wildcard over a name of another tenant, or a \
         name under its wildcard; or another policy of the tenant has the same host with the same \
         `path_prefix`. `detail` says which.";
        "Choose another host or, within the tenant, another path prefix; or have the host removed \
         from the other policy.";

    VersionInUse: "version_in_use", CONFLICT, "A traffic policy uses the version";
        "The request removes or deactivates a version that the `policies` name. `may_confirm`: \
         they have other versions for its traffic.";
        "With `may_confirm`: send the request again with `confirm_in_use`. Otherwise change the \
         policies first.";

    ShrinkNotConfirmed: "shrink_not_confirmed", CONFLICT,
        "The change removes many routes and is not confirmed";
        "More than half of the scope's active routes and more than ten, or the last of them, would \
         be removed: `removed_routes` of `active_routes`.";
        "If that is intended, send the request again with this `confirm_shrink`.";

    PlanNotFound: "plan_not_found", NOT_FOUND, "The plan does not exist";
        "There is no plan with that id, or it was older than `limits.plan_ttl_hours`.";
        "Make a new plan with `POST …/plans`.";

    PlanStale: "plan_stale", CONFLICT, "The tenant has changed since the plan was made";
        "Something in the plan's scope has changed since it was made. Nothing was changed.";
        "Review `plan`, a new plan for the same document, and apply it.";

    PlanHashMismatch: "plan_hash_mismatch", CONFLICT, "The hash does not match the plan";
        "`hash` is not the `hash` of the plan that the path names.";
        "Read the plan again, and send its hash.";

    DeadLetterNotFound: "dead_letter_not_found", NOT_FOUND, "The dead letter does not exist";
        "The dead-letter topic has no record at that place, or no longer has it.";
        "See `GET /api/v1/dead-letters`.";

    DeadLetterDecided: "dead_letter_decided", CONFLICT, "The dead letter already has a decision";
        "The request discards a dead letter that was sent again or is being sent again.";
        "Nothing: its record is in the topic again, or has become a new dead letter.";

    NotRedrivable: "not_redrivable", CONFLICT, "The dead letter cannot be sent again";
        "The dead letter's record does not come from `kafka.topic`; or it was too large to be kept \
         and no longer exists in the original topic.";
        "`detail` says which. A record that Kafka no longer has is still in PostgreSQL: a replay \
         publishes it again.";

    ReplayNotFound: "replay_not_found", NOT_FOUND, "The replay does not exist";
        "There is no replay with that id.";
        "See `GET /api/v1/replays`.";

    ReplayEnded: "replay_ended", CONFLICT, "The replay is done";
        "The request cancels a replay that is done.";
        "Nothing: all of its events are queued.";

    TooManyWrites: "too_many_writes", TOO_MANY_REQUESTS, "The tenant exceeds its write rate";
        "The tenant has made as many changes as `quotas.writes_per_second` allows. Nothing was \
         changed.";
        "Try again after `Retry-After`, or raise the quota. Each change of a batch or plan counts.";

    QuotaExceeded: "quota_exceeded", CONFLICT, "A quota of the tenant is used up";
        "The tenant has as many routes, policies, patterns or plans (or the installation as many \
         running replays) as `quota` allows, or the body is larger than its `body_bytes`. `limit` \
         is the number: the tenant's own, or the default in `limits`. `changes_at_once`: one plan \
         or batch has more changes than ten seconds of `writes_per_second`.";
        "Delete some, send less at a time, or raise the quota with `PATCH \
         /api/v1/tenants/{tenant}`.";

    PreconditionFailed: "precondition_failed", PRECONDITION_FAILED,
        "The object's version does not meet the precondition";
        "`If-Match` names a tag that is not the object's, or `If-None-Match: *` was sent and the \
         object exists.";
        "Read the object, decide again, and send its current tag, which is in `ETag`.";

    UriTooLong: "uri_too_long", URI_TOO_LONG, "The path and query are too long";
        "Path and query are longer than `http.max_uri_bytes`.";
        "Ask for less at a time.";

    HeadersTooLarge: "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE,
        "There are too many headers, or they are too large";
        "There are more than `http.max_headers` headers, or more than `http.max_header_bytes` \
         bytes of them.";
        "Send fewer headers. A proxy may add some, such as cookies or identities.";

    PayloadTooLarge: "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
        "The body is larger than `http.max_body_bytes`, or `http.max_bulk_bytes` for plans and \
         batches.";
        "Send less at a time.";

    UnsupportedMediaType: "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The media type is not supported";
        "A body without `Content-Type: application/json` or another `+json`, or with a \
         `Content-Encoding`. Plans and batches also accept `application/yaml`.";
        "Send JSON without encoding, with its `Content-Type`.";

    InvalidRequest: "invalid_request", UNPROCESSABLE_ENTITY, "The request is not valid";
        "A member, parameter, part of the path or header is missing, unknown, duplicated, of the \
         wrong type or out of its range.";
        "Correct the places that `errors` names. The same request will be refused again.";

    IdempotencyKeyReused: "idempotency_key_reused", UNPROCESSABLE_ENTITY,
        "The idempotency key was used for another request";
        "The `Idempotency-Key` was sent before with a request that does something else.";
        "Use a new key for a new request.";

    Unavailable: "unavailable", SERVICE_UNAVAILABLE, "A dependency is not available";
        "PostgreSQL, MongoDB or Kafka does not answer, or is not called because it failed lately, \
         or the history does not accept the event of a change. Nothing was changed.";
        "Try again after `Retry-After`.";

    AuditBacklog: "audit_backlog", SERVICE_UNAVAILABLE, "Too many events are not published yet";
        "A write while `audit.fail_closed` is on, and more events are unpublished than \
         `audit.max_unpublished_events`, or the oldest for longer than \
         `audit.max_unpublished_seconds`, or their number is unknown. Nothing was changed. Reads \
         work as before.";
        "Try again after `Retry-After`. Writes are accepted again when Kafka has accepted the \
         events.";

    Overloaded: "overloaded", SERVICE_UNAVAILABLE, "The service is overloaded";
        "Too many requests are waiting. Nothing was changed.";
        "Try again after `Retry-After`, and less often.";

    TooManyWaiters: "too_many_waiters", TOO_MANY_REQUESTS,
        "Too many long-polls and streams are waiting";
        "All places for waiting long-polls and streams are taken.";
        "Poll without waiting, or try again after `Retry-After`.";

    TooManyExports: "too_many_exports", TOO_MANY_REQUESTS, "Too many exports are running";
        "`audit.max_concurrent_exports` exports are running.";
        "Try again after `Retry-After`.";

    CommitUnknown: "commit_unknown", SERVICE_UNAVAILABLE, "The outcome of the write is unknown";
        "The connection to PostgreSQL was lost during COMMIT. The write may or may not have been \
         done.";
        "Send the same request with the same `Idempotency-Key`: the answer is the outcome. If the \
         endpoint accepts no key, read the current state.";

    RevisionNotReached: "revision_not_reached", SERVICE_UNAVAILABLE,
        "This instance has not reached the minimum revision";
        "This instance has no state as new as `TM-Min-Revision`, `If-None-Match` or `after` asks \
         for.";
        "Try again after `Retry-After`. A tag of another epoch is never reached: read without it.";

    DeadlineExceeded: "deadline_exceeded", SERVICE_UNAVAILABLE, "The request took too long";
        "The request took longer than `http.request_timeout_ms`.";
        "A read: try again. A write may have been done: send the same request with the same \
         `Idempotency-Key`.";

    Internal: "internal", INTERNAL_SERVER_ERROR, "Internal error";
        "A defect of Traffic Manager.";
        "Report it with the `request_id`, which is in the log.";
}
