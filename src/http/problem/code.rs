//! The table of problem codes: status, title, cause and remedy of each code.

use actix_web::http::StatusCode;

/// The reason why a request was not done: the stable `code` of the problem document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be read: JSON, UTF-8, a header's syntax.
    MalformedRequest,
    /// The cursor is of another installation or of another list.
    InvalidCursor,
    /// No endpoint has this path.
    NotFound,
    /// The request was sent to a host name that is not this service's.
    MisdirectedRequest,
    /// The request has no credentials, or credentials that are not good.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// The caller may do this only with other services or environments.
    OutsideGrant,
    /// More requests than the address, the caller or its tenant may make.
    TooManyRequests,
    /// This instance has no such dependency.
    DependencyNotFound,
    /// There is no such API key.
    KeyNotFound,
    /// The API key is revoked or has expired.
    KeyEnded,
    /// The setting `auth.mode` is `none`, so API keys are not in use.
    KeysNotInUse,
    /// There is no such route.
    RouteNotFound,
    /// The route exists but is inactive.
    RouteInactive,
    /// There is no such tenant.
    TenantNotFound,
    /// The path does not take this method.
    MethodNotAllowed,
    /// `POST /tenants` for a tenant that exists already.
    TenantExists,
    /// The change is of a tenant that is being deleted.
    TenantEnding,
    /// The tenant still has routes or policies.
    TenantNotEmpty,
    /// There is no such traffic policy.
    PolicyNotFound,
    /// The policy cannot send this request anywhere: no version that it names for the request is
    /// active.
    NoActiveVersion,
    /// The tenant may not have this host, whether another tenant has it or not.
    HostNotAllowed,
    /// The host belongs to another tenant, or with this path prefix to another policy.
    HostTaken,
    /// A policy names the version that the request would remove or deactivate.
    VersionInUse,
    /// The request would remove much and does not confirm that.
    ShrinkNotConfirmed,
    /// There is no such plan, or the plan has expired.
    PlanNotFound,
    /// The tenant changed since the plan was made.
    PlanStale,
    /// The hash is not the hash of the plan.
    PlanHashMismatch,
    /// The dead letter does not exist, or no longer exists.
    DeadLetterNotFound,
    /// The dead letter has an earlier decision that contradicts this one.
    DeadLetterDecided,
    /// The dead letter cannot be sent again.
    NotRedrivable,
    /// There is no such replay.
    ReplayNotFound,
    /// The replay is done, so it cannot be cancelled.
    ReplayEnded,
    /// The tenant writes more often than it may.
    TooManyWrites,
    /// A quota of the tenant is used up.
    QuotaExceeded,
    /// The precondition in `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    /// The path and query are longer than `http.max_uri_bytes`.
    UriTooLong,
    /// There are more headers than `http.max_headers`, or more bytes of them than
    /// `http.max_header_bytes`.
    HeadersTooLarge,
    /// The body is larger than `http.max_body_bytes`, or than `http.max_bulk_bytes` for plans and
    /// batches.
    PayloadTooLarge,
    /// The endpoint does not take the media type of the body.
    UnsupportedMediaType,
    /// The request can be read, but some fields are not valid; `errors` names them.
    InvalidRequest,
    /// The idempotency key was used before with another request.
    IdempotencyKeyReused,
    /// A dependency is unavailable; nothing was changed.
    Unavailable,
    /// Too many events wait to be published, or wait for too long, and `audit.fail_closed` is on.
    AuditBacklog,
    /// Too many requests wait already; nothing was changed.
    Overloaded,
    /// All places for long-polls and streams are taken.
    TooManyWaiters,
    /// All places for exports are taken.
    TooManyExports,
    /// It is not known whether the write was done.
    CommitUnknown,
    /// No data that is as new as the minimum revision is available here.
    RevisionNotReached,
    /// The request took longer than `http.request_timeout_ms`.
    DeadlineExceeded,
    /// A defect of the service.
    Internal,
}

impl Code {
    /// Returns the status, the name and the title of a code.
    pub(super) fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedRequest => (
                S::BAD_REQUEST,
                "malformed_request",
                "The request cannot be parsed",
            ),
            Self::InvalidCursor => (
                S::BAD_REQUEST,
                "invalid_cursor",
                "The cursor is not valid here",
            ),
            Self::NotFound => (S::NOT_FOUND, "not_found", "The path does not exist"),
            Self::Unauthenticated => (
                S::UNAUTHORIZED,
                "unauthenticated",
                "Credentials are required",
            ),
            Self::Forbidden => (
                S::FORBIDDEN,
                "forbidden",
                "The caller has no role for this operation",
            ),
            Self::OutsideGrant => (
                S::FORBIDDEN,
                "outside_grant",
                "The caller's grant does not cover this service or environment",
            ),
            Self::TooManyRequests => (
                S::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many requests",
            ),
            Self::DependencyNotFound => (
                S::NOT_FOUND,
                "dependency_not_found",
                "This instance has no such dependency",
            ),
            Self::KeyNotFound => (S::NOT_FOUND, "key_not_found", "The API key does not exist"),
            Self::KeyEnded => (
                S::CONFLICT,
                "key_ended",
                "The API key is revoked or has expired",
            ),
            Self::KeysNotInUse => (S::CONFLICT, "keys_not_in_use", "API keys are not in use"),
            Self::RouteNotFound => (S::NOT_FOUND, "route_not_found", "The route does not exist"),
            Self::RouteInactive => (S::NOT_FOUND, "route_inactive", "The route is inactive"),
            Self::TenantNotFound => (
                S::NOT_FOUND,
                "tenant_not_found",
                "The tenant does not exist",
            ),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The path does not support this method",
            ),
            Self::TenantExists => (S::CONFLICT, "tenant_exists", "The tenant exists already"),
            Self::TenantEnding => (S::CONFLICT, "tenant_ending", "The tenant is being deleted"),
            Self::TenantNotEmpty => (
                S::CONFLICT,
                "tenant_not_empty",
                "The tenant still has routes or policies",
            ),
            Self::PolicyNotFound => (
                S::NOT_FOUND,
                "policy_not_found",
                "The traffic policy does not exist",
            ),
            Self::NoActiveVersion => (
                S::NOT_FOUND,
                "no_active_version",
                "The policy has no active version for this request",
            ),
            Self::HostNotAllowed => (
                S::FORBIDDEN,
                "host_not_allowed",
                "The tenant may not use the host",
            ),
            Self::HostTaken => (
                S::CONFLICT,
                "host_taken",
                "The host belongs to another tenant, or with its path prefix to another policy",
            ),
            Self::VersionInUse => (
                S::CONFLICT,
                "version_in_use",
                "A traffic policy uses the version",
            ),
            Self::ShrinkNotConfirmed => (
                S::CONFLICT,
                "shrink_not_confirmed",
                "The change removes many routes and is not confirmed",
            ),
            Self::PlanNotFound => (S::NOT_FOUND, "plan_not_found", "The plan does not exist"),
            Self::PlanStale => (
                S::CONFLICT,
                "plan_stale",
                "The tenant has changed since the plan was made",
            ),
            Self::PlanHashMismatch => (
                S::CONFLICT,
                "plan_hash_mismatch",
                "The hash does not match the plan",
            ),
            Self::DeadLetterNotFound => (
                S::NOT_FOUND,
                "dead_letter_not_found",
                "The dead letter does not exist",
            ),
            Self::DeadLetterDecided => (
                S::CONFLICT,
                "dead_letter_decided",
                "The dead letter already has a decision",
            ),
            Self::NotRedrivable => (
                S::CONFLICT,
                "not_redrivable",
                "The dead letter cannot be sent again",
            ),
            Self::ReplayNotFound => (
                S::NOT_FOUND,
                "replay_not_found",
                "The replay does not exist",
            ),
            Self::ReplayEnded => (S::CONFLICT, "replay_ended", "The replay is done"),
            Self::TooManyWrites => (
                S::TOO_MANY_REQUESTS,
                "too_many_writes",
                "The tenant exceeds its write rate",
            ),
            Self::QuotaExceeded => (
                S::CONFLICT,
                "quota_exceeded",
                "A quota of the tenant is used up",
            ),
            Self::PreconditionFailed => (
                S::PRECONDITION_FAILED,
                "precondition_failed",
                "The object's version does not meet the precondition",
            ),
            Self::MisdirectedRequest => (
                S::MISDIRECTED_REQUEST,
                "misdirected_request",
                "The Host header is not a name of this service",
            ),
            Self::UriTooLong => (
                S::URI_TOO_LONG,
                "uri_too_long",
                "The path and query are too long",
            ),
            Self::HeadersTooLarge => (
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                "There are too many headers, or they are too large",
            ),
            Self::PayloadTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The media type is not supported",
            ),
            Self::InvalidRequest => (
                S::UNPROCESSABLE_ENTITY,
                "invalid_request",
                "The request is not valid",
            ),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The idempotency key was used for another request",
            ),
            Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "A dependency is not available",
            ),
            Self::AuditBacklog => (
                S::SERVICE_UNAVAILABLE,
                "audit_backlog",
                "Too many events are not published yet",
            ),
            Self::Overloaded => (
                S::SERVICE_UNAVAILABLE,
                "overloaded",
                "The service is overloaded",
            ),
            Self::TooManyWaiters => (
                S::TOO_MANY_REQUESTS,
                "too_many_waiters",
                "Too many long-polls and streams are waiting",
            ),
            Self::TooManyExports => (
                S::TOO_MANY_REQUESTS,
                "too_many_exports",
                "Too many exports are running",
            ),
            Self::CommitUnknown => (
                S::SERVICE_UNAVAILABLE,
                "commit_unknown",
                "The outcome of the write is unknown",
            ),
            Self::RevisionNotReached => (
                S::SERVICE_UNAVAILABLE,
                "revision_not_reached",
                "This instance has not reached the minimum revision",
            ),
            Self::DeadlineExceeded => (
                S::SERVICE_UNAVAILABLE,
                "deadline_exceeded",
                "The request took too long",
            ),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }

    /// Returns when the problem happens, and what to do about it.
    fn help(self) -> (&'static str, &'static str) {
        match self {
            Self::MalformedRequest => (
                "The body is not JSON (or YAML) or not UTF-8, or `If-Match` is not `*` or a list of entity tags in quotes.",
                "Correct the request. `detail` names the error.",
            ),
            Self::InvalidCursor => (
                "`cursor` was made by another installation, for another list, or for other filters.",
                "Begin the list anew, without `cursor`.",
            ),
            Self::NotFound => ("No endpoint has this path.", "See the paths in `/docs`."),
            Self::Unauthenticated => (
                "There is no `Authorization: Bearer`, or its token is not valid: mistyped, expired, revoked, or from another issuer. The answer \
                 does not say which.",
                "Send an API key (`tmk_…`) or a token of the identity provider. An administrator makes keys with `POST /api/v1/keys`.",
            ),
            Self::Forbidden => (
                "The caller is authenticated, but none of its roles allows this; or a new key would have more permissions than the caller.",
                "Ask an administrator of the tenant for one of the roles in `detail`.",
            ),
            Self::OutsideGrant => (
                "The caller's grant is limited to some services or environments, and the request is about others, or about all.",
                "Name one that the grant covers, or ask for a wider grant.",
            ),
            Self::TooManyRequests => (
                "The address, the caller, or all callers of its tenant together exceed their request rate, or too many of the tenant's \
                 requests run at the same time. `detail` says which limit.",
                "Wait for `Retry-After`. `RateLimit-Remaining` is the number of requests left, `RateLimit-Reset` the seconds until all are available again.",
            ),
            Self::DependencyNotFound => (
                "This instance has no dependency of that name; a process with another role may have it.",
                "See `GET /health/resilience` of the intended instance.",
            ),
            Self::KeyNotFound => (
                "There is no key with that id in the caller's tenant.",
                "See `GET /api/v1/keys`.",
            ),
            Self::KeyEnded => (
                "The key was revoked or has expired, and has no token to replace.",
                "Make another key.",
            ),
            Self::KeysNotInUse => (
                "With `auth.mode = \"none\"` no caller needs a key.",
                "Set `auth.mode = \"required\"` and `auth.key_pepper`.",
            ),
            Self::RouteNotFound => (
                "The tenant has no route of that name, or there is no such tenant.",
                "Create it with `PUT`.",
            ),
            Self::RouteInactive => (
                "`resolve` of a route that exists and is inactive.",
                "Activate it, or send the traffic elsewhere.",
            ),
            Self::TenantNotFound => (
                "There is no tenant of that name.",
                "Create it with `POST /api/v1/tenants`, or write its first route.",
            ),
            Self::MethodNotAllowed => (
                "The path exists and does not support this method.",
                "See the header `Allow`.",
            ),
            Self::TenantExists => (
                "`POST /api/v1/tenants` with the name of an existing tenant.",
                "Change the tenant with `PATCH`.",
            ),
            Self::TenantEnding => (
                "A change of a tenant whose deletion has begun and is not complete: a tenant with more than 1,000 objects is deleted in several revisions.",
                "Wait until `GET /api/v1/tenants/{tenant}` answers 404; then the name is free.",
            ),
            Self::TenantNotEmpty => (
                "`DELETE` of a tenant that still has routes or policies.",
                "Delete these first, or everything with `?confirm=<name of the tenant>`.",
            ),
            Self::PolicyNotFound => (
                "The tenant has no traffic policy for that service and environment, or there is no such tenant.",
                "Create it with `PUT`, or name a `version` in `resolve`.",
            ),
            Self::NoActiveVersion => (
                "`resolve` without `version`: neither the version that the policy chose nor any version of its failover order and split is active. \
                 `explanation` lists the versions in order.",
                "Activate one of the versions that the policy names.",
            ),
            Self::HostNotAllowed => (
                "`host` is under none of the tenant's `allowed_hosts`; or the tenant has none, and the host is a public suffix, or a wildcard over all names \
                 under one.",
                "Choose another host, or have a `platform_admin` add a suffix of it to the tenant's `allowed_hosts`.",
            ),
            Self::HostTaken => (
                "`host` belongs to another tenant, or is a wildcard over a name of another tenant, or a name under its wildcard; or another policy \
                 of the tenant has the same host with the same `path_prefix`. `detail` says which.",
                "Choose another host or, within the tenant, another path prefix; or have the host removed from the other policy.",
            ),
            Self::VersionInUse => (
                "The request removes or deactivates a version that the `policies` name. `may_confirm`: they have other versions for \
                 its traffic.",
                "With `may_confirm`: send the request again with `confirm_in_use`. Otherwise change the policies first.",
            ),
            Self::ShrinkNotConfirmed => (
                "More than half of the scope's active routes and more than ten, or the last of them, would be removed: `removed_routes` of \
                 `active_routes`.",
                "If that is intended, send the request again with this `confirm_shrink`.",
            ),
            Self::PlanNotFound => (
                "There is no plan with that id, or it was older than `limits.plan_ttl_hours`.",
                "Make a new plan with `POST …/plans`.",
            ),
            Self::PlanStale => (
                "Something in the plan's scope has changed since it was made. Nothing was changed.",
                "Review `plan`, a new plan for the same document, and apply it.",
            ),
            Self::PlanHashMismatch => (
                "`hash` is not the `hash` of the plan that the path names.",
                "Read the plan again, and send its hash.",
            ),
            Self::DeadLetterNotFound => (
                "The dead-letter topic has no record at that place, or no longer has it.",
                "See `GET /api/v1/dead-letters`.",
            ),
            Self::DeadLetterDecided => (
                "The request discards a dead letter that was sent again or is being sent again.",
                "Nothing: its record is in the topic again, or has become a new dead letter.",
            ),
            Self::NotRedrivable => (
                "The dead letter's record does not come from `kafka.topic`; or it was too large to be kept and no longer exists in the original topic.",
                "`detail` says which. A record that Kafka no longer has is still in PostgreSQL: a replay publishes it again.",
            ),
            Self::ReplayNotFound => (
                "There is no replay with that id.",
                "See `GET /api/v1/replays`.",
            ),
            Self::ReplayEnded => (
                "The request cancels a replay that is done.",
                "Nothing: all of its events are queued.",
            ),
            Self::TooManyWrites => (
                "The tenant has made as many changes as `quotas.writes_per_second` allows. Nothing was changed.",
                "Try again after `Retry-After`, or raise the quota. Each change of a batch or plan counts.",
            ),
            Self::TooManyExports => (
                "`audit.max_concurrent_exports` exports are running.",
                "Try again after `Retry-After`.",
            ),
            Self::QuotaExceeded => (
                "The tenant has as many routes, policies, patterns or plans (or the installation as many running replays) as `quota` allows, or the body is larger than its `body_bytes`. `limit` is \
                 the number: the tenant's own, or the default in `limits`. `changes_at_once`: one plan or batch has more changes than ten seconds of \
                 `writes_per_second`.",
                "Delete some, send less at a time, or raise the quota with `PATCH /api/v1/tenants/{tenant}`.",
            ),
            Self::PreconditionFailed => (
                "`If-Match` names a tag that is not the object's, or `If-None-Match: *` was sent and the object exists.",
                "Read the object, decide again, and send its current tag, which is in `ETag`.",
            ),
            Self::MisdirectedRequest => (
                "The `Host` header is not a name of this service. Without credentials only `localhost`, loopback addresses and the names in \
                 `http.allowed_hosts` are answered.",
                "Use one of these names, or add the name to `http.allowed_hosts`.",
            ),
            Self::UriTooLong => (
                "Path and query are longer than `http.max_uri_bytes`.",
                "Ask for less at a time.",
            ),
            Self::HeadersTooLarge => (
                "There are more than `http.max_headers` headers, or more than `http.max_header_bytes` bytes of them.",
                "Send fewer headers. A proxy may add some, such as cookies or identities.",
            ),
            Self::PayloadTooLarge => (
                "The body is larger than `http.max_body_bytes`, or `http.max_bulk_bytes` for plans and batches.",
                "Send less at a time.",
            ),
            Self::UnsupportedMediaType => (
                "A body without `Content-Type: application/json` or another `+json`, or with a `Content-Encoding`. Plans and batches also accept \
                 `application/yaml`.",
                "Send JSON without encoding, with its `Content-Type`.",
            ),
            Self::InvalidRequest => (
                "A member, parameter, part of the path or header is missing, unknown, duplicated, of the wrong type or out of its range.",
                "Correct the places that `errors` names. The same request will be refused again.",
            ),
            Self::IdempotencyKeyReused => (
                "The `Idempotency-Key` was sent before with a request that does something else.",
                "Use a new key for a new request.",
            ),
            Self::Unavailable => (
                "PostgreSQL, MongoDB or Kafka does not answer, or is not called because it failed lately, or the history does not accept the event of a \
                 change. Nothing was changed.",
                "Try again after `Retry-After`.",
            ),
            Self::AuditBacklog => (
                "A write while `audit.fail_closed` is on, and more events are unpublished than `audit.max_unpublished_events`, or the oldest for longer \
                 than `audit.max_unpublished_seconds`, or their number is unknown. Nothing was changed. Reads work as before.",
                "Try again after `Retry-After`. Writes are accepted again when Kafka has accepted the events.",
            ),
            Self::Overloaded => (
                "Too many requests are waiting. Nothing was changed.",
                "Try again after `Retry-After`, and less often.",
            ),
            Self::TooManyWaiters => (
                "All places for waiting long-polls and streams are taken.",
                "Poll without waiting, or try again after `Retry-After`.",
            ),
            Self::CommitUnknown => (
                "The connection to PostgreSQL was lost during COMMIT. The write may or may not have been done.",
                "Send the same request with the same `Idempotency-Key`: the answer is the outcome. If the endpoint accepts no key, read the current state.",
            ),
            Self::RevisionNotReached => (
                "This instance has no state as new as `TM-Min-Revision`, `If-None-Match` or `after` asks for.",
                "Try again after `Retry-After`. A tag of another epoch is never reached: read without it.",
            ),
            Self::DeadlineExceeded => (
                "The request took longer than `http.request_timeout_ms`.",
                "A read: try again. A write may have been done: send the same request with the same `Idempotency-Key`.",
            ),
            Self::Internal => (
                "A defect of Traffic Manager.",
                "Report it with the `request_id`, which is in the log.",
            ),
        }
    }

    /// All codes, in the order of their declaration.
    pub const ALL: [Self; Self::Internal as usize + 1] = [
        Self::MalformedRequest,
        Self::InvalidCursor,
        Self::NotFound,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::OutsideGrant,
        Self::TooManyRequests,
        Self::DependencyNotFound,
        Self::KeyNotFound,
        Self::KeyEnded,
        Self::KeysNotInUse,
        Self::RouteNotFound,
        Self::RouteInactive,
        Self::TenantNotFound,
        Self::MethodNotAllowed,
        Self::TenantExists,
        Self::TenantEnding,
        Self::TenantNotEmpty,
        Self::PolicyNotFound,
        Self::NoActiveVersion,
        Self::HostNotAllowed,
        Self::HostTaken,
        Self::VersionInUse,
        Self::ShrinkNotConfirmed,
        Self::PlanNotFound,
        Self::PlanStale,
        Self::PlanHashMismatch,
        Self::DeadLetterNotFound,
        Self::DeadLetterDecided,
        Self::NotRedrivable,
        Self::ReplayNotFound,
        Self::ReplayEnded,
        Self::TooManyWrites,
        Self::QuotaExceeded,
        Self::PreconditionFailed,
        Self::MisdirectedRequest,
        Self::UriTooLong,
        Self::HeadersTooLarge,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidRequest,
        Self::IdempotencyKeyReused,
        Self::Unavailable,
        Self::AuditBacklog,
        Self::Overloaded,
        Self::TooManyWaiters,
        Self::TooManyExports,
        Self::CommitUnknown,
        Self::RevisionNotReached,
        Self::DeadlineExceeded,
        Self::Internal,
    ];

    /// Returns the HTTP status of the problem.
    pub fn status(self) -> StatusCode {
        self.row().0
    }

    /// Returns the code's name in a problem document.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns a title of a few words.
    pub fn title(self) -> &'static str {
        self.row().2
    }

    /// Returns when the problem happens.
    pub fn when(self) -> &'static str {
        self.help().0
    }

    /// Returns what to do about the problem.
    pub fn what_to_do(self) -> &'static str {
        self.help().1
    }
}
