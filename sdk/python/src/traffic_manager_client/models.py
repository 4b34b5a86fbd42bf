# Generated from docs/openapi.json by scripts/generate.py. Do not edit.

from __future__ import annotations

from typing import Annotated, Any, Literal
from pydantic import BaseModel, ConfigDict, Field, RootModel


class Actor(BaseModel):
    """
    The actor that made a change or an access.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    """
    The name of the actor; the same envelope in all of a person's events of a tenant when personal data is sealed.
    """
    kind: str
    """
    The kind of the actor, such as `key` for an API key.
    """
    token: int | None = None
    """
    The number of the token that was used, if the key has had more than one; see `tokens` of a key.
    """


class ActorId(RootModel[str]):
    root: Annotated[str, Field(examples=["anonymous"])]
    """
    The id of an actor: `actor.id` of an event.
    """


class ApplyPlan(BaseModel):
    """
    The body of `POST …/plans/{id}/apply`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    confirm_in_use: bool | None = False
    """
    Confirms that policies send traffic to versions that are deactivated, and have other versions to send it to.
    """
    confirm_shrink: str | None = None
    """
    The hash once more, to confirm a plan that removes many routes.
    """
    hash: str
    """
    The hash of the plan.
    """


class CallerActor(BaseModel):
    """
    The caller as events name it.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    id: str
    kind: str


class ChangeCounts(BaseModel):
    """
    The number of objects for each action.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    create: int
    """
    The number of objects that are created.
    """
    delete: int
    """
    The number of objects that are deleted.
    """
    unchanged: int
    """
    The number of objects that are as desired already.
    """
    update: int
    """
    The number of objects that are changed.
    """


class ChangeStreamEvent(BaseModel):
    """
    A server-sent event of the stream of all tenants.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    data: Annotated[
        str,
        Field(
            json_schema_extra={
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": "#/components/schemas/Event"},
            }
        ),
    ]
    """
    The JSON text of an event.
    """
    event: Literal["change"]
    """
    The type of the event.
    """


class DeadLetterOrigin(BaseModel):
    """
    The place in Kafka from which a dead letter came, according to its headers.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    offset: int
    partition: int
    topic: str


class FieldError(BaseModel):
    """
    An error of one field. `pointer` is a JSON pointer into the body (RFC 6901), `?name` for a query parameter, `{name}` for a part of the path, or a header's name with a colon after it.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    code: str
    """
    The code of the error: stable, in `snake_case`.
    """
    detail: str
    """
    A description of the expected value.
    """
    pointer: str
    """
    The place of the field in the request.
    """


class FirstBadEvent(BaseModel):
    """
    An event that failed the verification.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    reason: Literal["edited", "misplaced", "broken_link", "wrong_end"] | str
    """
    `edited`: the content of the event does not match its hash. `misplaced`: the event stands in another place than it says, or an archived member contradicts it. `broken_link`: the event does not follow the event before it. `wrong_end`: the newest event is not the last event in `PostgreSQL`.
    """
    revision: int
    """
    The revision of the event.
    """


class FixedResponse(BaseModel):
    """
    An answer that the proxy gives by itself.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    body: str | None = None
    """
    The body, as plain text; empty if absent. At most 4,096 bytes.
    """
    status: int


class FixedResponseIn(BaseModel):
    """
    An answer that the proxy gives by itself.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    body: str | None = None
    """
    The body, as plain text; empty if absent. At most 4,096 bytes.
    """
    status: int


class HeaderMatch(BaseModel):
    """
    The condition on a request header or a query parameter. Values are compared with their case; a text has at most 512 bytes.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    contains: str | None = None
    """
    The value has this text in it.
    """
    exact: str | None = None
    """
    The value is exactly this.
    """
    prefix: str | None = None
    """
    The value begins with this text.
    """
    present: bool | None = None
    """
    Whether there is a value (`true`) or none (`false`).
    """
    regex: str | None = None
    """
    The whole value matches this regular expression. Its syntax is the one that Envoy, HAProxy, nginx, Caddy and Traefik share (docs/api.md#patterns). A policy may have 64 of them.
    """
    suffix: str | None = None
    """
    The value ends with this text.
    """


class HeaderMatchIn(BaseModel):
    """
    The condition on a request header or a query parameter. Values are compared with their case; a text has at most 512 bytes.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    contains: str | None = None
    """
    The value has this text in it.
    """
    exact: str | None = None
    """
    The value is exactly this.
    """
    prefix: str | None = None
    """
    The value begins with this text.
    """
    present: bool | None = None
    """
    Whether there is a value (`true`) or none (`false`).
    """
    regex: str | None = None
    """
    The whole value matches this regular expression. Its syntax is the one that Envoy, HAProxy, nginx, Caddy and Traefik share (docs/api.md#patterns). A policy may have 64 of them.
    """
    suffix: str | None = None
    """
    The value ends with this text.
    """


class KafkaPosition(BaseModel):
    """
    The position in Kafka from which an event was read.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    offset: int
    partition: int
    topic: str


class LabelPair(RootModel[str]):
    root: Annotated[str, Field(examples=["team=payments"])]
    """
    A label, `key=value`.
    """


class ListenAddress(RootModel[str]):
    root: Annotated[str, Field(examples=["127.0.0.1:10000"])]
    """
    An IPv4 address, or `[::]` or `[::1]`, and a port.
    """


class Liveness(BaseModel):
    """
    The answer of a process that serves.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    ready: bool
    """
    Whether the instance is ready, as in `/health/ready`.
    """
    status: Literal["healthy", "degraded", "unhealthy"] | str
    """
    The health of a part.
    """
    version: str
    """
    The version of the program.
    """


class OutboxBacklog(BaseModel):
    """
    Events that Kafka has not acknowledged.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    events: int
    """
    The number of events; counting stops at a hundred thousand.
    """
    oldest_seconds: float
    """
    The age of the oldest event, in seconds.
    """


class PathRewrite(BaseModel):
    """
    The change of the path of requests. The path of the version's URL goes before the result.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    prefix: str | None
    """
    Put before the path, after stripping.
    """
    strip_prefix: bool
    """
    Whether the path prefix by which a request came to the policy is removed.
    """


class PathRewriteIn(BaseModel):
    """
    The change of the path of requests. The path of the version's URL goes before the result.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    prefix: str | None = None
    """
    Put before the path, after stripping.
    """
    strip_prefix: bool | None = None
    """
    Whether the path prefix by which a request came to the policy is removed.
    """


class PathRewritePatchIn(BaseModel):
    """
    Changes the change of the path. Absent members stay as they are.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    prefix: str | None = None
    strip_prefix: bool | None = None


class PlanWarning(BaseModel):
    """
    A warning to consider before a plan is applied.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    code: str
    """
    The code of the problem that applying the plan may answer: a confirmation is missing, or `too_many_writes`.
    """
    detail: str
    """
    A sentence for people.
    """


class ProblemKind(BaseModel):
    """
    The meaning of a problem code.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    code: str
    """
    The stable code, as in problem documents.
    """
    status: int
    """
    The HTTP status.
    """
    title: str
    """
    The title of the problem, for people.
    """
    what_to_do: str
    """
    The advice for callers that get the problem.
    """
    when: str
    """
    The situation in which the problem occurs.
    """


class ProxyTransport(RootModel[Literal["ads", "rest", "files", "agent"] | str]):
    root: Literal["ads", "rest", "files", "agent"] | str
    """
    How the proxy gets its configuration. An Envoy: as a stream, by polls, or from files; all others have one way of their own. `agent`: from a node agent, whose configuration this is, with the public keys for signed snapshots.
    """


class PublicKey(BaseModel):
    """
    A public key.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    algorithm: str
    """
    `Ed25519` (RFC 8032).
    """
    id: str
    """
    The name of the key in `TM-Signature`: the first 8 bytes of its SHA-256, in hex.
    """
    public_key: str
    """
    The key's 32 bytes in hex.
    """


class Quotas(BaseModel):
    """
    The limits of one tenant; `null` is the default, which is in the settings under `limits`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    body_bytes: int | None
    """
    The largest body of a write, in bytes. Never more than `http.max_body_bytes` and `http.max_bulk_bytes`; `null` is the default.
    """
    policies: int | None
    """
    The most traffic policies; `null` is the default.
    """
    routes: int | None
    """
    The most routes, active or not; `null` is the default.
    """
    waiters: int | None
    """
    The most long-polls and event streams that wait at one instance; `null` is the default.
    """
    writes_per_second: int | None
    """
    The most changes of the tenant in a second, over all instances. As many may come at once; `null` is the default.
    """


class QuotasIn(BaseModel):
    """
    The limits of one tenant.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    body_bytes: int | None = None
    """
    The largest body of a write, in bytes. Never more than `http.max_body_bytes` and `http.max_bulk_bytes`; `null` is the default.
    """
    policies: int | None = None
    """
    The most traffic policies; `null` is the default.
    """
    routes: int | None = None
    """
    The most routes, active or not; `null` is the default.
    """
    waiters: int | None = None
    """
    The most long-polls and event streams that wait at one instance; `null` is the default.
    """
    writes_per_second: int | None = None
    """
    The most changes of the tenant in a second, over all instances. As many may come at once; `null` is the default.
    """


class QuotasPatchIn(BaseModel):
    """
    Changes to the limits of a tenant. Absent members stay as they are, `null` restores the default.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    body_bytes: int | None = None
    """
    The largest body of a write, in bytes. Never more than `http.max_body_bytes` and `http.max_bulk_bytes`; `null` is the default.
    """
    policies: int | None = None
    """
    The most traffic policies; `null` is the default.
    """
    routes: int | None = None
    """
    The most routes, active or not; `null` is the default.
    """
    waiters: int | None = None
    """
    The most long-polls and event streams that wait at one instance; `null` is the default.
    """
    writes_per_second: int | None = None
    """
    The most changes of the tenant in a second, over all instances. As many may come at once; `null` is the default.
    """


class RedriveRefusal(BaseModel):
    """
    A dead letter that cannot be sent again, with the reason in `detail`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    detail: str
    id: Annotated[str, Field(examples=["0-17"])]
    """
    The id of a dead letter: its partition and offset in the dead-letter topic.
    """


class RedriveResult(BaseModel):
    """
    The result of sending many dead letters again.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    next_cursor: str | None
    """
    There may be more dead letters: send this cursor with the same filters. `null` at the end.
    """
    redriven: list[str]
    """
    The ids of the dead letters that Kafka has taken.
    """
    refused: list[RedriveRefusal]


class ResourcePool(BaseModel):
    """
    A bounded pool. Each tenant may take only a share of it.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    name: str
    payers: int | None
    """
    The number of tenants that use the pool now; the platform counts as one of them.
    """
    platform_share: int | None
    """
    The most that callers without a tenant may take together.
    """
    size: int
    """
    The size of the pool, in `unit`.
    """
    tenant_share: int | None
    """
    The most that one tenant may take; `null` for memory that belongs to no tenant.
    """
    unit: str
    """
    The unit of the numbers, such as `calls`, `connections` or `bytes`.
    """
    used: int
    """
    The amount that is taken now, in `unit`.
    """


class RollbackIn(BaseModel):
    """
    The body of `POST …/rollback`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    reason: str | None = None
    """
    The reason; if it is missing, the header `X-Reason`. At most 512 bytes.
    """
    to: int | str
    """
    The point in time to return to. A revision may also be a number.
    """


class RotateKey(BaseModel):
    """
    The body of `POST /keys/{id}/rotate`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    overlap_seconds: int | None = None
    """
    How long the replaced token stays valid: 0 to 2592000 seconds, one hour by default.
    """


class SearchText(RootModel[str]):
    root: Annotated[str, Field(examples=["checkout"])]
    """
    A text that is searched for.
    """


class SigningKeys(BaseModel):
    """
    The keys of this installation.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    keys: list[PublicKey]
    """
    Each of them signs every snapshot. Empty: snapshots are not signed.
    """


class StickyBy(BaseModel):
    """
    The cookie or the header whose value keeps a client with its version.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    cookie: Annotated[str | None, Field(examples=["sid"])] = None
    """
    The name of a cookie.
    """
    header: Annotated[str | None, Field(examples=["x-beta"])] = None
    """
    The name of a request header, in upper or lower case. Headers of the connection, such as `Host`, are not allowed.
    """


class StickyByIn(BaseModel):
    """
    The cookie or the header whose value keeps a client with its version.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    cookie: Annotated[str | None, Field(examples=["sid"])] = None
    """
    The name of a cookie.
    """
    header: Annotated[str | None, Field(examples=["x-beta"])] = None
    """
    The name of a request header, in upper or lower case. Headers of the connection, such as `Host`, are not allowed.
    """


class StickyByPatchIn(BaseModel):
    """
    Changes the cookie or header that keeps a client with its version. Absent members stay as they are, `null` removes a member; one of the two must be left.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    cookie: str | None = None
    header: str | None = None


class TenantPatchIn(BaseModel):
    """
    The body of `PATCH /tenants/{tenant}`: a merge patch.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    allowed_hosts: list[str] | None = None
    """
    The domain names at or under which the tenant may have hosts from now on. With `null` the tenant may again have any free host that is not a public suffix.
    """
    quotas: QuotasPatchIn | None = None


class TenantSpec(BaseModel):
    """
    The part of a tenant that people set.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    allowed_hosts: list[str] | None = None
    """
    The domain names at or under which the tenant may have hosts; left out if there are none.
    """
    quotas: Quotas


class WaitTime(RootModel[str]):
    root: Annotated[str, Field(examples=["30s"])]
    """
    The longest time that the request waits: seconds (`30`, `30s`) or milliseconds (`500ms`). At most 60 s.
    """


class AccessRecord(BaseModel):
    """
    An entry of the access log.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: str
    """
    `key_created`, `key_rotated`, `key_revoked`, `breaker_forced_open`, `breaker_forced_closed`, `breaker_released`, `dead_letter_redriven`, `dead_letter_discarded`, `replay_created`, `replay_cancelled`, `plan_deleted`, `policy_quarantined`, `policy_released`, `signed_in`, `signed_out`, or the endpoint.
    """
    actor: Actor | None
    """
    The caller; `null` if the caller is not known.
    """
    correlation_id: str
    event_id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f5856b700d"])]
    """
    The id of an event (UUIDv7). The ids of events give no order.
    """
    key: str | None
    """
    The id of the key that was presented or changed.
    """
    kind: Literal["denied", "key_changed", "operated", "read"] | str
    """
    The kind of an access. `denied`: the request was refused with 401, 403, or 404 for another customer's tenant. `key_changed`: a key was created, rotated or revoked. `operated`: an administrator changed how the service runs (a forced breaker state, a decision on a dead letter, a replay), a caller deleted a plan, or a person signed in at the web page or out. `read`: sensitive data was read, such as audit events, an export or the list of keys.
    """
    object: str | None
    """
    The id of the dead letter, the replay or the plan that was acted on.
    """
    occurred_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    reason: str | None
    """
    The reason why the request was refused. For `operated`: the change to a breaker, else the reason in the operator's words.
    """
    source_ip: str | None
    status: int | None
    """
    The HTTP status of the answer; `null` for the kinds `key_changed` and `operated`, which are recorded because they were done.
    """
    suppressed: int
    """
    The number of similar accesses that have no entry of their own.
    """
    tenant: str | None
    """
    The tenant that the access was about. For a refused request this is only what the caller wrote, so the tenant may not exist.
    """
    visible_to: str | None
    """
    The tenant whose auditors see the entry, in addition to auditors of the platform.
    """


class ApiKey(BaseModel):
    """
    An API key, without its token.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    created_by: str
    created_by_kind: str | None
    """
    The kind of caller that created the key: `key`, `jwt` or `command`; `null` for old keys whose creator's kind is not known.
    """
    description: str
    """
    The purpose of the key.
    """
    envs: list[str]
    """
    The environments to which the key is limited; empty for any environment.
    """
    expires_at: str | None
    id: str
    """
    The id of the key. It is part of the token, and is not secret.
    """
    last_used_at: str | None
    """
    When the key was last used, to about a minute.
    """
    previous_until: str | None
    """
    The time until which the previous token is good.
    """
    revoked_at: str | None
    revoked_by: str | None
    roles: list[Literal["platform_admin", "tenant_admin", "editor", "viewer", "auditor", "node"] | str]
    rotated_at: str | None
    """
    When the key's token was last replaced.
    """
    rotated_by: str | None
    """
    The id of the caller that replaced the token and was shown the new one.
    """
    rotated_by_kind: str | None
    services: list[str]
    """
    The services to which the key is limited; empty for any service.
    """
    tenant: str | None
    """
    The tenant of the key; `null` if the key is for every tenant.
    """
    tokens: int
    """
    The number of tokens that the key has had. From the second token on, `actor.token` of an event says which token was used.
    """


class BreakerTransition(BaseModel):
    """
    A change of a breaker's state.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    drill: bool
    """
    Whether an administrator forced the change.
    """
    to: Literal["closed", "open", "half_open"] | str
    """
    The state of a breaker: whether calls are let through.
    """


class Caller(BaseModel):
    """
    Who the caller is, and what it may do.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    actor: CallerActor
    envs: list[str] | None
    """
    The environments that the caller is limited to; `null`: all.
    """
    expires_at: str | None
    """
    When the credential ends; `null`: it does not by itself.
    """
    roles: list[Literal["platform_admin", "tenant_admin", "editor", "viewer", "auditor", "node"] | str]
    services: list[str] | None
    """
    The services that the caller is limited to; `null`: all.
    """
    tenant: str | None
    """
    The tenant that the caller is limited to; `null`: all tenants.
    """


class ChainCheckpoint(BaseModel):
    """
    The point from which the archive has the chain.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    hash: str
    """
    The hash of the last event of that revision. The first remaining event must name this hash.
    """
    made_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the checkpoint was made.
    """
    revision: Annotated[int, Field(examples=[4])]
    """
    The last revision that was removed.
    """


class ChainVerification(BaseModel):
    """
    The result of a verification.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    checkpoint: ChainCheckpoint | None
    """
    The point up to which retention removed events. The verification continues from there.
    """
    complete: bool
    """
    Whether `to` is the end that was asked for; if not, continue after `to`.
    """
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    events: int
    """
    The number of events that were checked.
    """
    first_bad: FirstBadEvent | None
    """
    The first event that failed the check. Events after it were not checked.
    """
    from_: Annotated[int, Field(alias="from")]
    """
    The first revision that was checked.
    """
    missing: list[int]
    """
    The revisions that the archive does not have, at most the first hundred. The newest may still be on their way.
    """
    missing_count: int
    """
    The number of revisions that the archive does not have.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    to: int
    """
    The last revision that was checked.
    """
    verified: bool
    """
    Whether no event is bad and no revision is missing.
    """


class ConfirmedRemoval(BaseModel):
    """
    What a confirmed write removed.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str | None, Field(examples=["prod"])] = None
    """
    The environment that the write was limited to; left out if it was not.
    """
    left_routes: int
    """
    The active routes that were left in the scope.
    """
    removed_policies: int
    """
    The policies that were deleted.
    """
    removed_routes: int
    """
    The active routes that were deleted or deactivated.
    """
    service: Annotated[str | None, Field(examples=["checkout"])] = None
    """
    The service that the write was limited to; left out if it was not.
    """


class CreateKey(BaseModel):
    """
    The body of `POST /keys`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by_kind: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    description: str | None = ""
    envs: list[str] | None = []
    expires_at: str | None = None
    id: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    last_used_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    previous_until: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    revoked_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    revoked_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    roles: list[Literal["platform_admin", "tenant_admin", "editor", "viewer", "auditor", "node"] | str]
    rotated_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    rotated_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    rotated_by_kind: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    services: list[str] | None = []
    tenant: str | None = None
    tokens: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """


class DeadLetterDecision(BaseModel):
    """
    The decision to redrive or to discard a dead letter.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    decided_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    decided_by: str
    reason: str | None


class DiscardDeadLetter(BaseModel):
    """
    The body of `POST /dead-letters/{letter_id}/discard`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    reason: str
    """
    The reason why the dead letter is not needed: stored with the dead letter and in the access log.
    """


class DocumentScope(BaseModel):
    """
    The part of a tenant that a plan covers.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: str | None
    """
    Covers only this environment; `null` for every environment.
    """
    service: str | None
    """
    Covers only this service; `null` for every service.
    """


class DocumentScopeIn(BaseModel):
    """
    The part of a tenant that a document covers.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: str | None = None
    """
    Covers only this environment; every environment without it.
    """
    service: str | None = None
    """
    Covers only this service; every service without it.
    """


class EventSubject(BaseModel):
    """
    The object of an event: a route; a traffic policy, which has no version; or the tenant itself.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str | None, Field(examples=["prod"])] = None
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    service: Annotated[str | None, Field(examples=["checkout"])] = None
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    version: Annotated[str | None, Field(examples=["v1", "2026.11.21-rc1"])] = None
    """
    The name of a version of a service.
    """


class ForceBreaker(BaseModel):
    """
    The body of `POST /resilience/{dependency}/drill`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    seconds: int
    """
    How long the state is forced, in seconds, at most `resilience.max_forced_state_seconds`. After that the breaker starts anew.
    """
    state: Literal["open", "closed"] | str
    """
    The state that a breaker is forced into.
    """


class ForcedBreaker(BaseModel):
    """
    A forced breaker state.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    seconds_left: int
    state: Literal["open", "closed"] | str
    """
    The state that a breaker is forced into.
    """


class HeaderEdits(BaseModel):
    """
    Changes of headers. A header is either set or removed.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    remove: list[str] | None = None
    """
    The headers that are removed.
    """
    set: dict[str, str] | None = None
    """
    The headers that get a value, whatever they had before.
    """


class HeaderEditsIn(BaseModel):
    """
    Changes of headers. A header is either set or removed.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    remove: list[str] | None = None
    """
    The headers that are removed.
    """
    set: dict[str, str] | None = None
    """
    The headers that get a value, whatever they had before.
    """


class HeaderEditsPatchIn(BaseModel):
    """
    Changes the changes of headers. Absent members stay as they are, and `null` removes a member.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    remove: list[str] | None = None
    """
    The headers that are removed.
    """
    set: dict[str, str | None] | None = None
    """
    The headers that get a value, whatever they had before.
    """


class HealthCheck(BaseModel):
    """
    The result of one check.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    detail: str | None = None
    """
    The reason, if the part is not healthy.
    """
    status: Literal["healthy", "degraded", "unhealthy"] | str
    """
    The health of the checked part.
    """


class HistoryPosition(BaseModel):
    """
    A position in the history of a tenant.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    revision: Annotated[int, Field(examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """


class Laggard(BaseModel):
    """
    A node that is there and does not run a revision.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    applied: str | None
    """
    The version tag that it runs.
    """
    node: Annotated[str, Field(examples=["edge-1"])]
    """
    The name of a node: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    seconds: float
    """
    For how many seconds it has run that.
    """


class MemberBlame(BaseModel):
    """
    The event that gave a member its value.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["created", "updated", "activated", "deactivated", "deleted"] | str
    """
    The action on a route. `activated` and `deactivated`: only the state of the route changed.
    """
    actor: Actor
    event_id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f5856b700d"])]
    """
    The id of an event (UUIDv7). The ids of events give no order.
    """
    occurred_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    reason: str | None
    """
    The reason for the change, in the caller's words.
    """
    revision: Annotated[int, Field(examples=[4])]
    """
    The revision of the event.
    """
    value: str | float | bool | dict[str, Any] | list[Any] | None
    """
    The member's present value.
    """


class Mirror(BaseModel):
    """
    Copies of requests for a version whose answers are thrown away.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    share: int
    """
    The share of requests that are copied, in 1/10 000.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class MirrorIn(BaseModel):
    """
    Copies of requests for a version whose answers are thrown away.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    share: int
    """
    The share of requests that are copied, in 1/10 000.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class MirrorPatchIn(BaseModel):
    """
    Changes the mirror. Absent members stay as they are.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    share: int | None = None
    version: str | None = None


class NewApiKey(BaseModel):
    """
    An API key with its token. The token is shown only this once.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    created_by: str
    created_by_kind: str | None
    """
    The kind of caller that created the key: `key`, `jwt` or `command`; `null` for old keys whose creator's kind is not known.
    """
    description: str
    """
    The purpose of the key.
    """
    envs: list[str]
    """
    The environments to which the key is limited; empty for any environment.
    """
    expires_at: str | None
    id: str
    """
    The id of the key. It is part of the token, and is not secret.
    """
    last_used_at: str | None
    """
    When the key was last used, to about a minute.
    """
    previous_until: str | None
    """
    The time until which the previous token is good.
    """
    revoked_at: str | None
    revoked_by: str | None
    roles: list[Literal["platform_admin", "tenant_admin", "editor", "viewer", "auditor", "node"] | str]
    rotated_at: str | None
    """
    When the key's token was last replaced.
    """
    rotated_by: str | None
    """
    The id of the caller that replaced the token and was shown the new one.
    """
    rotated_by_kind: str | None
    services: list[str]
    """
    The services to which the key is limited; empty for any service.
    """
    tenant: str | None
    """
    The tenant of the key; `null` if the key is for every tenant.
    """
    token: str | None = None
    """
    The token to send as `Authorization: Bearer`. Absent if the answer repeats that of an earlier request.
    """
    tokens: int
    """
    The number of tokens that the key has had. From the second token on, `actor.token` of an event says which token was used.
    """


class NodeError(BaseModel):
    """
    Why a node does not run the newest revision, in its own words.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    code: str
    tag: str | None
    """
    The refused version tag, if the node said it.
    """
    text: str


class NodeErrorReport(BaseModel):
    """
    Why a node does not run the newest revision.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    code: str
    tag: str | None = None
    """
    The refused version tag.
    """
    text: str
    """
    The node's words; 1024 bytes of them are kept.
    """


class NodeReport(BaseModel):
    """
    What a node has said.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    applied: str | None = None
    """
    The version tag that the node runs.
    """
    applied_ms_ago: int | None = None
    """
    How many milliseconds ago it said `applied` and `error`; as `seen_ms_ago` if it is missing.
    """
    dialect: str | None = None
    """
    How the node takes its configuration.
    """
    env: str | None = None
    """
    The environment that the node follows; `null`: all.
    """
    error: NodeErrorReport | None = None
    node: Annotated[str, Field(examples=["edge-1"])]
    """
    The name of a node: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    seen_ms_ago: int
    """
    How many milliseconds ago the node was last there.
    """
    served: str | None = None
    """
    The version tag that the node was sent last.
    """
    service: str | None = None
    """
    The service that the node follows; `null`: all.
    """


class NodeReports(BaseModel):
    """
    The body of `POST /tenants/{tenant}/nodes`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    reports: list[NodeReport]


class PageOfAccessRecord(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[AccessRecord]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PageOfApiKey(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[ApiKey]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PathMatch(BaseModel):
    """
    The condition on the path of a request, without its query.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    exact: Annotated[str | None, Field(examples=["/shop/cart"])] = None
    """
    The path is exactly this.
    """
    prefix: Annotated[str | None, Field(examples=["/shop"])] = None
    """
    A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.
    """
    regex: str | None = None
    """
    The whole path matches this regular expression; its syntax is that of headers.
    """


class PathMatchIn(BaseModel):
    """
    The condition on the path of a request, without its query.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    exact: Annotated[str | None, Field(examples=["/shop/cart"])] = None
    """
    The path is exactly this.
    """
    prefix: Annotated[str | None, Field(examples=["/shop"])] = None
    """
    A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.
    """
    regex: str | None = None
    """
    The whole path matches this regular expression; its syntax is that of headers.
    """


class PlanSummary(BaseModel):
    """
    A plan without its changes.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    active_routes: list[int]
    """
    The number of active routes in the scope, before and after.
    """
    base: Annotated[str, Field(examples=["adc74a594a3e0e8f.4"])]
    """
    The tenant's tag when the plan was computed.
    """
    created_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    created_by: str
    """
    The caller that created the plan.
    """
    expires_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    The time at which the plan expires.
    """
    hash: str
    """
    The hash that the plan is applied with.
    """
    id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f5856b700d"])]
    """
    The id of a plan (UUIDv7).
    """
    prune: bool
    """
    Whether the plan removes objects in the scope that the document does not name.
    """
    reason: str | None
    """
    The reason that the creator of the plan gave.
    """
    scope: DocumentScope
    summary: ChangeCounts
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    warnings: list[PlanWarning]
    """
    The warnings to consider before the plan is applied.
    """


class PolicyName(BaseModel):
    """
    The name of a policy within its tenant.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """


class PolicyNameIn(BaseModel):
    """
    The name of a policy within its tenant.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """


class PolicyQuarantine(BaseModel):
    """
    A proxy's refusal of a policy. Proxies that take the policy have it.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    author: str | None
    """
    Who changed the policy last; null while that cannot be read.
    """
    node: str
    """
    The name of the node.
    """
    program: str
    """
    The proxy and its version.
    """
    reason: str
    """
    The proxy's own words.
    """
    serves: int | None
    """
    The tenant's revision whose form of the policy the proxies have instead; null: they have none, and answer its requests with 503.
    """
    since: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the first proxy refused it.
    """


class Readiness(BaseModel):
    """
    Whether requests should be sent to this instance.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    checks: dict[str, HealthCheck]
    """
    The checks by their names.
    """
    phase: Literal["starting", "running", "draining"] | str
    """
    The phase of the process.
    """
    ready: bool
    status: Literal["healthy", "degraded", "unhealthy"] | str
    """
    The worst status of the checks, but never `unhealthy` while the instance is ready.
    """


class RecordContent(BaseModel):
    """
    Bytes of a record, shown as JSON or text where possible, otherwise in base64.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    data: str | float | bool | dict[str, Any] | list[Any] | None
    """
    The bytes: any JSON value if `encoding` is `json`, otherwise a string.
    """
    encoding: Literal["json", "text", "base64"] | str
    """
    The format in which bytes are shown.
    """


class RecordHeader(BaseModel):
    """
    A header of a Kafka record.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    name: str
    value: RecordContent | None


class Redirect(BaseModel):
    """
    A redirection of the client.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    status: int
    """
    301, 302, 307 or 308.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """


class RedirectIn(BaseModel):
    """
    A redirection of the client.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    status: int
    """
    301, 302, 307 or 308.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """


class RedriveDeadLetters(BaseModel):
    """
    The body of `POST /dead-letters/redrive`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    cursor: str | None = None
    """
    The `next_cursor` of the previous answer.
    """
    limit: int | None = None
    """
    The most dead letters that are sent again: 100 by default.
    """
    reason: str | None = None
    """
    Only dead letters with this reason.
    """
    tenant: str | None = None
    """
    Only dead letters whose key names this tenant.
    """


class Replay(BaseModel):
    """
    A replay: a part of the history that is published again.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    at: HistoryPosition | None
    """
    The position of the last event that was given to the relay.
    """
    changed_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the replay last changed.
    """
    created_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    created_by: str
    ended_at: str | None
    ended_by: str | None
    """
    The id of the actor that cancelled the replay.
    """
    epoch: str | None
    """
    The epoch whose events are published again; `null` for every epoch.
    """
    events_per_second: int
    events_queued: int
    """
    The number of these events that were given to the relay.
    """
    events_total: int | None
    """
    The number of events when the replay was made; `null` if there were more than a hundred thousand.
    """
    from_: Annotated[int, Field(alias="from", examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f4251a9a0f"])]
    """
    The id of a replay (UUIDv7).
    """
    include_removed: bool
    reason: str
    state: Literal["running", "done", "cancelled"] | str
    """
    The state. Only one replay is processed at a time; replays that were made later wait for it.
    """
    tenant: str | None
    """
    The tenant whose events are published again; `null` for every tenant.
    """
    to: int | None
    """
    The last revision; `null` for the newest revision at the time when the replay reaches the epoch.
    """


class ReplayIn(BaseModel):
    """
    The body of `POST /replays`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    epoch: str | None = None
    """
    Only events of this epoch. Without it, events of all epochs, or only of the present one if `from` is above 1 or `to` is given. Needs `tenant`.
    """
    events_per_second: int | None = None
    """
    The most events in a second: 1 to `replay.max_events_per_second`.
    """
    from_: Annotated[int | None, Field(alias="from")] = None
    """
    The first revision. Needs `tenant`.
    """
    include_removed: bool | None = False
    """
    Whether to include events that retention has removed from the archive. The next run of retention removes them again.
    """
    reason: str
    """
    The reason, which is stored with the replay and in the access log.
    """
    tenant: str | None = None
    """
    Only events of this tenant; without it, events of every tenant.
    """
    to: int | None = None
    """
    The last revision. Needs `tenant`.
    """


class ReportedPolicy(BaseModel):
    """
    What a dialect made of one policy.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    notes: list[str]
    """
    The differences, or the reasons of the refusal.
    """
    quarantine: PolicyQuarantine | None = None
    """
    Present if the state is `quarantined`.
    """
    revision: Annotated[int, Field(examples=[4])]
    """
    The revision of the policy's last change.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    state: Literal["native", "degraded", "refused", "quarantined"] | str
    """
    `native`: the proxy does what the policy says. `degraded`: with the differences that the notes name. `refused`: the proxy does not get the policy. `quarantined`: a proxy refuses it, and has an older form.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """


class Retries(BaseModel):
    """
    When and how often a request is sent once more.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    attempts: int
    """
    How often, beside the first time.
    """
    on: list[Literal["connect_failure", "gateway_error", "reset"] | str]
    """
    The failures after which.
    """
    per_try_timeout_ms: int | None = None
    """
    The time limit of each attempt, in milliseconds.
    """


class RetriesIn(BaseModel):
    """
    When and how often a request is sent once more.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    attempts: int
    """
    How often, beside the first time.
    """
    on: list[Literal["connect_failure", "gateway_error", "reset"] | str]
    """
    The failures after which.
    """
    per_try_timeout_ms: int | None = None
    """
    The time limit of each attempt, in milliseconds.
    """


class RetriesPatchIn(BaseModel):
    """
    Changes when and how often a request is sent once more. Absent members stay as they are.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    attempts: int | None = None
    on: list[Literal["connect_failure", "gateway_error", "reset"] | str] | None = None
    per_try_timeout_ms: int | None = None


class RouteBlame(BaseModel):
    """
    For each member of a route, the event that gave the member its value.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    members: dict[str, MemberBlame]
    """
    The events by the name of their member. A label has the name `labels/<key>`.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteChangeIn(BaseModel):
    """
    A route in a batch: the whole route for `put`, only its name for any other action.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    description: str | None = None
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    is_active: bool | None = None
    labels: dict[str, str] | None = None
    revision: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    updated_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    updated_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    url: Annotated[str | None, Field(examples=["https://checkout-1.example.com"])] = None
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteDocument(BaseModel):
    """
    A route in an exported document.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    description: str | None
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    is_active: bool
    """
    Whether traffic may go to the route.
    """
    labels: dict[str, str]
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteDocumentIn(BaseModel):
    """
    A route in a tenant document.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    description: str | None = None
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    is_active: bool | None = True
    """
    Whether traffic may go to the route.
    """
    labels: dict[str, str] | None = None
    revision: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    updated_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    updated_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteIn(BaseModel):
    """
    The body of `POST /routes`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    description: str | None = None
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    is_active: bool | None = None
    labels: dict[str, str] | None = None
    revision: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    updated_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    updated_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteKey(BaseModel):
    """
    The name of a route, unique among all tenants.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteKeyIn(BaseModel):
    """
    The four names of a route in a body.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteName(BaseModel):
    """
    A route within its tenant.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteNameIn(BaseModel):
    """
    The name of a route within its tenant.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteOrPolicyName(BaseModel):
    """
    The name of a route, or of a policy, which has no version.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    version: Annotated[str | None, Field(examples=["v1", "2026.11.21-rc1"])] = None
    """
    The name of a version of a service.
    """


class RoutePatchIn(BaseModel):
    """
    The body of `PATCH`: a merge patch, in which a member that is `null` is removed.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    description: str | None = None
    is_active: bool | None = None
    labels: dict[str, str | None] | None = None
    url: Annotated[str | None, Field(examples=["https://checkout-1.example.com"])] = None
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """


class RouteSpec(BaseModel):
    """
    The part of a route that people set.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    description: str | None
    is_active: bool
    labels: dict[str, str]
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """


class RouteSpecIn(BaseModel):
    """
    The body of `PUT`: a route without its name.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    description: str | None = None
    env: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    is_active: bool | None = None
    labels: dict[str, str] | None = None
    revision: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    service: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    tenant: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    updated_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    updated_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """
    version: Any | None = None
    """
    Optional: must be the same as in the path.
    """


class RuleMatch(BaseModel):
    """
    The conditions of a rule: at least one. A request must match all of them.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    headers: dict[str, HeaderMatch]
    """
    The conditions on request headers, by the name of the header.
    """
    methods: Annotated[list[str] | None, Field(examples=[["GET", "HEAD"]])] = None
    """
    The methods; any method if empty or absent.
    """
    path: PathMatch | None = None
    query: dict[str, HeaderMatch] | None = None
    """
    The conditions on query parameters, by the name of the parameter: letters, digits and - . _ ~. Of several parameters of one name the first counts.
    """


class RuleMatchIn(BaseModel):
    """
    The conditions of a rule: at least one. A request must match all of them.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    headers: dict[str, HeaderMatchIn] | None = None
    """
    The conditions on request headers, by the name of the header.
    """
    methods: Annotated[list[str] | None, Field(examples=[["GET", "HEAD"]])] = None
    """
    The methods; any method if empty or absent.
    """
    path: PathMatchIn | None = None
    query: dict[str, HeaderMatchIn] | None = None
    """
    The conditions on query parameters, by the name of the parameter: letters, digits and - . _ ~. Of several parameters of one name the first counts.
    """


class SetRouteState(BaseModel):
    """
    Deletes, activates or deactivates a route.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["delete", "activate", "deactivate"] | str
    route: RouteNameIn


class SignedState(BaseModel):
    """
    A signed state.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    confirmed: str | None = None
    """
    As in `TM-Confirmed`; left out if no removal was confirmed.
    """
    digest: str
    """
    A SHA-256 hash in lower-case hexadecimal digits.
    """
    signature: str
    """
    As in `TM-Signature`.
    """
    tag: Annotated[str, Field(examples=["adc74a594a3e0e8f.4"])]
    """
    A version tag, `<epoch>.<revision>`.
    """


class SnapshotRoute(BaseModel):
    """
    An active route.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    labels: dict[str, str]
    revision: Annotated[int, Field(examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class SplitEntry(BaseModel):
    """
    A version's share of the traffic.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """
    weight: int
    """
    The version's share, as a part of the sum of all weights. At least one weight must be more than 0.
    """


class SplitEntryIn(BaseModel):
    """
    A version's share of the traffic.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """
    weight: int
    """
    The version's share, as a part of the sum of all weights. At least one weight must be more than 0.
    """


class SplitScore(BaseModel):
    """
    A version in the split.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    score: float
    """
    1 for the version that has the key's slot, 0 for the others.
    """
    share: float
    """
    The version's share of all keys, from 0 to 1.
    """
    slots: int
    """
    The version's slots, of 16,384.
    """
    standing: Literal["active", "inactive", "missing"] | str
    """
    Whether traffic may go to a version.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """
    weight: int


class StreamEvent(BaseModel):
    """
    A server-sent event of a tenant's stream.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    data: Annotated[
        str,
        Field(
            json_schema_extra={
                "contentMediaType": "application/json",
                "contentSchema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/Snapshot"},
                        {"$ref": "#/components/schemas/Event"},
                        {"$ref": "#/components/schemas/SignedState"},
                    ]
                },
            }
        ),
    ]
    """
    The JSON text of a snapshot, of an event, or of a signed state.
    """
    event: Literal["snapshot", "change", "signature"] | str
    """
    The type of the event: `snapshot` has a snapshot as its data, `change` has one event, and `signature` has what the service signs of the state after the events before it.
    """
    id: Annotated[str | None, Field(examples=["adc74a594a3e0e8f.4"])] = None
    """
    The version tag of the data, on the last event of each revision. Some clients repeat the last id on events without one.
    """


class Tenant(BaseModel):
    """
    A tenant with its quotas.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    allowed_hosts: list[str]
    """
    The names under which the tenant may have hosts; each name includes all names under it. If empty, the tenant may have any free host except a public suffix or a wildcard under one.
    """
    created_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the tenant was created.
    """
    created_by: str
    """
    The id of the actor that created the tenant.
    """
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    name: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    policies: int
    """
    The number of the tenant's traffic policies.
    """
    quotas: Quotas
    revision: Annotated[int, Field(examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    routes: int
    """
    The number of the tenant's routes, active or not.
    """
    updated_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the tenant's own record (not its routes) last changed.
    """
    updated_by: str
    """
    The id of the actor that made this change.
    """


class TenantAuditStatus(BaseModel):
    """
    How far the archive is behind for one tenant.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    archived_revision: Annotated[int, Field(examples=[4])]
    """
    The newest archived revision.
    """
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    events_behind: int
    revision: Annotated[int, Field(examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    seconds_behind: float
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """


class TenantEvent(BaseModel):
    """
    A change of the tenant's own record.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["tenant_created", "tenant_updated", "tenant_deleted"] | str
    """
    The action on the tenant. `tenant_deleted` is the last event of an epoch.
    """
    actor: Actor
    after: TenantSpec | None
    """
    The tenant after the change; `null` if the tenant was deleted.
    """
    before: TenantSpec | None
    """
    The tenant before the change; `null` if the tenant was created.
    """
    confirmed_removal: ConfirmedRemoval | None = None
    """
    The write removed more than half of its scope's active routes and more than ten, or all of them, and the caller confirmed that. Left out otherwise.
    """
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    hash: str
    """
    SHA-256 over the RFC 8785 bytes of the event without this member.
    """
    id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f5856b700d"])]
    """
    The id of an event (UUIDv7). The ids of events give no order.
    """
    item: int
    """
    The number of the event within its revision, from 0.
    """
    items: int
    """
    The number of events in the revision.
    """
    occurred_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    The time by the clock of the instance that decided the change. The time gives no order.
    """
    prev_hash: str
    """
    The hash of the tenant's event before this one; 64 zeros for the first of an epoch.
    """
    reason: str | None
    """
    `X-Reason` of the request; an envelope `enc:v1:…` when personal data is sealed.
    """
    request_id: str
    """
    `X-Correlation-ID` of the request.
    """
    revision: int
    """
    The revision, which gives the order of events: without gaps within a tenant and epoch.
    """
    source_ip: str | None
    """
    The address of the client; an envelope when personal data is sealed.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    trace_id: str | None
    """
    W3C trace id of the request.
    """


class TenantIn(BaseModel):
    """
    The body of `POST /tenants`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    allowed_hosts: list[str] | None = None
    """
    The domain names at or under which the tenant may have hosts. If there are none, the tenant may have any free host that is not a public suffix.
    """
    created_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    epoch: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    name: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    policies: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    quotas: QuotasIn | None = None
    revision: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    routes: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    updated_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    updated_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """


class AuditStatus(BaseModel):
    """
    How far the archive is behind.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    events_behind: int
    """
    The number of events of the listed tenants that the archive does not have.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """
    outbox: OutboxBacklog
    """
    The backlog of the caller's tenant; for callers of the whole platform, of all tenants.
    """
    seconds_behind: float
    """
    The age of the oldest of these events, in seconds.
    """
    tenants: list[TenantAuditStatus]


class ChoiceExplanation(BaseModel):
    """
    The explanation of how a policy chose the version for a request.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    instead_of: str | None
    """
    The version that the rule or the split chose first, if that version was not active.
    """
    key: str | None
    """
    The key by which the split was decided; `null` if there was none and the choice was random.
    """
    policy: PolicyName
    policy_revision: Annotated[int, Field(examples=[4])]
    """
    The revision of the policy's last change.
    """
    reason: Literal["version_header", "rule", "split", "failover", "next_of_split", "nowhere"] | str
    """
    The reason for the choice. `version_header`: the request names its version. `failover`: the version that was chosen first is not active. `next_of_split`: no version of the failover order is active either. `nowhere`: no version is active.
    """
    rule: str | None
    """
    The name of the rule that took the request; `null` if no rule did.
    """
    slot: int | None
    """
    The slot of the key, of 16,384; `null` if no split decided.
    """
    split: list[SplitScore]
    """
    The versions of the split that decided, the one that has the slot first. Empty if a rule without a split took the request, unless `reason` is `next_of_split`.
    """


class Convergence(BaseModel):
    """
    Which part of a tenant's nodes runs a revision.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    anonymous: int
    """
    The number of polls without a node's name in the last whole minute, at the instance that answers.
    """
    converged: int
    """
    Those of them that run the revision.
    """
    laggards: list[Laggard]
    """
    The first nodes by name that are there and do not run it; at most 20.
    """
    live: int
    """
    The nodes that are there.
    """
    lost: int
    """
    The nodes that are no longer there.
    """
    oldest: Laggard | None
    """
    The one of those that has run the same for longest.
    """
    partial: bool
    """
    Whether the instance does not know all nodes.
    """
    refused: int
    """
    Those of them that say that they cannot run it.
    """
    revision: Annotated[str, Field(examples=["adc74a594a3e0e8f.4"])]
    """
    A version tag, `<epoch>.<revision>`.
    """
    state: Literal["converged", "failed", "timeout", "partial", "no_nodes", "warming"] | str | None = None
    """
    How the wait ended; only in answers to writes that waited.
    """
    unknown: int
    """
    The nodes that are there and have never said what they run; not among `live`.
    """
    warming: bool
    """
    Whether the instance is so new that nodes may not have come yet.
    """


class DeadLetter(BaseModel):
    """
    A dead letter, without its content.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the record was dead-lettered, by the broker's clock.
    """
    attempts: int
    """
    The number of attempts, including redrives.
    """
    decision: DeadLetterDecision | None
    event_id: str | None
    """
    The header `ce_id` of the record, unchecked.
    """
    event_type: str | None
    """
    The header `ce_type` of the record, unchecked.
    """
    id: Annotated[str, Field(examples=["0-17"])]
    """
    The id of a dead letter: its partition and offset in the dead-letter topic.
    """
    omitted: bool
    """
    Whether the record was too large to be kept with its key, value and headers. These may still exist at `origin`.
    """
    origin: DeadLetterOrigin | None
    reason: str
    """
    The reason why the record is a dead letter, such as `unknown_version`.
    """
    state: Literal["waiting", "redriving", "redriven", "discarded"] | str
    """
    `waiting`: no decision yet. `redriving`: a redrive was decided, and it is not known yet whether the record was sent.
    """
    tenant: str | None
    """
    The tenant that the record's key names. The sender of the record wrote the key.
    """


class DeadLetterDetails(BaseModel):
    """
    A dead letter with its content.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the record was dead-lettered, by the broker's clock.
    """
    attempts: int
    """
    The number of attempts, including redrives.
    """
    decision: DeadLetterDecision | None
    event_id: str | None
    """
    The header `ce_id` of the record, unchecked.
    """
    event_type: str | None
    """
    The header `ce_type` of the record, unchecked.
    """
    headers: list[RecordHeader]
    """
    The original headers of the record, and the headers that say why the record is a dead letter.
    """
    id: Annotated[str, Field(examples=["0-17"])]
    """
    The id of a dead letter: its partition and offset in the dead-letter topic.
    """
    key: RecordContent | None
    omitted: bool
    """
    Whether the record was too large to be kept with its key, value and headers. These may still exist at `origin`.
    """
    origin: DeadLetterOrigin | None
    reason: str
    """
    The reason why the record is a dead letter, such as `unknown_version`.
    """
    state: Literal["waiting", "redriving", "redriven", "discarded"] | str
    """
    `waiting`: no decision yet. `redriving`: a redrive was decided, and it is not known yet whether the record was sent.
    """
    tenant: str | None
    """
    The tenant that the record's key names. The sender of the record wrote the key.
    """
    value: RecordContent | None


class DeletePolicy(BaseModel):
    """
    Deletes a traffic policy.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["delete"]
    policy: PolicyNameIn


class Dependency(BaseModel):
    """
    The present protection of calls to a dependency.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    breaker: Literal["closed", "open", "half_open"] | str
    """
    The state of a breaker: whether calls are let through.
    """
    breaker_moves: list[BreakerTransition]
    """
    The last changes of the breaker's state, newest first; at most 16.
    """
    breaker_opened_total: int
    """
    How often the breaker has opened since the start.
    """
    bulkhead: int
    """
    The number of calls that may run at a time.
    """
    drill: ForcedBreaker | None
    """
    The breaker state that an administrator forces now, if any.
    """
    failures: int
    """
    The number of failures in a row that open the breaker.
    """
    in_flight: int
    """
    The number of calls that run now.
    """
    name: str
    probes: int
    """
    The number of calls that may probe a half-open breaker at a time.
    """
    retry_budget: int
    """
    The number of retries that may be spent now.
    """
    timeout_ms: int
    """
    Milliseconds until a call is given up.
    """


class Node(BaseModel):
    """
    A node within one scope.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    applied: str | None
    """
    The version tag that the node runs; `null`: none, or it did not say.
    """
    dialect: str | None
    """
    How the node takes its configuration; `null`: as JSON, or it did not say.
    """
    env: str | None
    """
    The environment that the node follows; `null`: all.
    """
    error: NodeError | None
    instance: str
    """
    The instance of the service that the node was last at.
    """
    interval_seconds: float
    """
    The longest usual time between two requests of the node, in seconds.
    """
    lag_revisions: int
    """
    How many revisions the node is behind.
    """
    node: Annotated[str, Field(examples=["edge-1"])]
    """
    The name of a node: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    seen: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the node was last there.
    """
    served: str | None
    """
    The version tag that the node was sent last.
    """
    service: str | None
    """
    The service that the node follows; `null`: all.
    """
    since: str | None
    """
    Since when it has run that.
    """
    state: Literal["converged", "lagging", "refused", "unknown", "lost"] | str
    """
    The state of a node.
    """


class NodeScopes(BaseModel):
    """
    A node, with each scope that it follows.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    node: Annotated[str, Field(examples=["edge-1"])]
    """
    The name of a node: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    scopes: list[Node]


class PageOfDeadLetter(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[DeadLetter]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PageOfNode(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[Node]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PageOfPlanSummary(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[PlanSummary]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PageOfReplay(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[Replay]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PageOfTenant(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[Tenant]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PolicyRule(BaseModel):
    """
    A rule: requests that match go to a version of their own, are shared between versions, redirected, or answered. It has exactly one of `version`, `split`, `redirect` and `respond`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    match: RuleMatch
    name: str
    """
    The name of the rule, for people and for explanations: at most 64 bytes, unique within the policy.
    """
    redirect: Redirect | None = None
    respond: FixedResponse | None = None
    split: list[SplitEntry] | None = None
    """
    How the matching requests are shared between versions.
    """
    version: Annotated[str | None, Field(examples=["v1", "2026.11.21-rc1"])] = None
    """
    The name of a version of a service.
    """


class PolicyRuleIn(BaseModel):
    """
    A rule: requests that match go to a version of their own, are shared between versions, redirected, or answered. It has exactly one of `version`, `split`, `redirect` and `respond`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    match: RuleMatchIn
    name: str
    """
    The name of the rule, for people and for explanations: at most 64 bytes, unique within the policy.
    """
    redirect: RedirectIn | None = None
    respond: FixedResponseIn | None = None
    split: list[SplitEntryIn] | None = None
    """
    How the matching requests are shared between versions.
    """
    version: Annotated[str | None, Field(examples=["v1", "2026.11.21-rc1"])] = None
    """
    The name of a version of a service.
    """


class PolicySpec(BaseModel):
    """
    The settings of a traffic policy.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    failover: list[str]
    """
    The versions that get the traffic of an inactive version, in this order.
    """
    host_header: Annotated[str | None, Field(examples=["keep"])] = None
    """
    The `Host` header that versions get: `upstream` (the host of their URL, as without this member), `keep` (the client's), or a lower-case DNS name without a port.
    """
    hosts: list[str]
    """
    The hosts that belong to the policy, sorted.
    """
    mirror: Mirror | None = None
    path_prefix: Annotated[str, Field(examples=["/shop"])]
    """
    A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.
    """
    path_prefixes: list[str] | None = None
    """
    The parts of the hosts' paths that belong to the policy, sorted. Where it is absent, `path_prefix` is the only one; where it is there, `path_prefix` is the first.
    """
    request_headers: HeaderEdits | None = None
    """
    Changes of the headers of requests.
    """
    response_headers: HeaderEdits | None = None
    """
    Changes of the headers of responses.
    """
    retries: Retries | None = None
    rewrite: PathRewrite | None = None
    rules: list[PolicyRule]
    """
    The rules. They are checked before `split`, in this order.
    """
    split: list[SplitEntry]
    """
    How requests that no rule takes are shared between versions.
    """
    sticky_by: StickyBy | None
    timeout_ms: int | None = None
    """
    The longest time until the end of the response, in milliseconds; no limit if absent.
    """
    version_header: Annotated[str | None, Field(examples=["x-beta"])] = None
    """
    The request header that names a version. Such a version goes before the rules.
    """


class ProxyReport(BaseModel):
    """
    What a dialect made of a tenant's policies.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    dialect: str
    """
    The dialect.
    """
    policies: list[ReportedPolicy]
    """
    The policies, sorted by service and environment.
    """
    revision: Annotated[str, Field(examples=["adc74a594a3e0e8f.4"])]
    """
    The version tag of the scope.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """


class PutRoute(BaseModel):
    """
    Creates or replaces a route.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["put"]
    route: RouteChangeIn


class Resilience(BaseModel):
    """
    Breakers, bulkheads and retry budgets. Further members, such as `backlog`, `replicas` and `cache`, depend on the role of the process.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    dependencies: list[Dependency]
    draining: bool
    pools: list[ResourcePool]
    """
    The pools: all resources that are bounded and shared.
    """


class ResolvedRoute(BaseModel):
    """
    The active route of a version, or the route to which the policy sends a request.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    explanation: ChoiceExplanation | None = None
    revision: Annotated[int, Field(examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class Route(BaseModel):
    """
    A route as the API shows it.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    convergence: Convergence | None = None
    """
    Only in answers to writes with `wait`: the nodes that run the change.
    """
    created_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the route was created.
    """
    created_by: str
    """
    The id of the actor that created the route.
    """
    description: str | None
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    is_active: bool
    """
    Whether traffic may go to the route now.
    """
    labels: dict[str, str]
    revision: Annotated[int, Field(examples=[4])]
    """
    The tenant's revision of the route's last change.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    updated_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the route last changed.
    """
    updated_by: str
    """
    The id of the actor that made the last change.
    """
    url: Annotated[str, Field(examples=["https://checkout-1.example.com"])]
    """
    An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
    """
    version: Annotated[str, Field(examples=["v1", "2026.11.21-rc1"])]
    """
    The name of a version of a service.
    """


class RouteEvent(BaseModel):
    """
    A change of a route.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["created", "updated", "activated", "deactivated", "deleted"] | str
    """
    The action on a route. `activated` and `deactivated`: only the state of the route changed.
    """
    actor: Actor
    after: RouteSpec | None
    """
    The route after the change; `null` if the route was deleted.
    """
    before: RouteSpec | None
    """
    The route before the change; `null` if the route was created.
    """
    confirmed_removal: ConfirmedRemoval | None = None
    """
    The write removed more than half of its scope's active routes and more than ten, or all of them, and the caller confirmed that. Left out otherwise.
    """
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    hash: str
    """
    SHA-256 over the RFC 8785 bytes of the event without this member.
    """
    id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f5856b700d"])]
    """
    The id of an event (UUIDv7). The ids of events give no order.
    """
    item: int
    """
    The number of the event within its revision, from 0.
    """
    items: int
    """
    The number of events in the revision.
    """
    occurred_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    The time by the clock of the instance that decided the change. The time gives no order.
    """
    prev_hash: str
    """
    The hash of the tenant's event before this one; 64 zeros for the first of an epoch.
    """
    reason: str | None
    """
    `X-Reason` of the request; an envelope `enc:v1:…` when personal data is sealed.
    """
    request_id: str
    """
    `X-Correlation-ID` of the request.
    """
    revision: int
    """
    The revision, which gives the order of events: without gaps within a tenant and epoch.
    """
    route: RouteName
    source_ip: str | None
    """
    The address of the client; an envelope when personal data is sealed.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    trace_id: str | None
    """
    W3C trace id of the request.
    """


class SnapshotPolicy(BaseModel):
    """
    A traffic policy in a snapshot.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    failover: list[str]
    """
    The versions that get the traffic of an inactive version, in this order.
    """
    host_header: Annotated[str | None, Field(examples=["keep"])] = None
    """
    The `Host` header that versions get: `upstream` (the host of their URL, as without this member), `keep` (the client's), or a lower-case DNS name without a port.
    """
    hosts: list[str]
    """
    The hosts that belong to the policy, sorted.
    """
    mirror: Mirror | None = None
    path_prefix: Annotated[str, Field(examples=["/shop"])]
    """
    A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.
    """
    path_prefixes: list[str] | None = None
    """
    The parts of the hosts' paths that belong to the policy, sorted. Where it is absent, `path_prefix` is the only one; where it is there, `path_prefix` is the first.
    """
    request_headers: HeaderEdits | None = None
    """
    Changes of the headers of requests.
    """
    response_headers: HeaderEdits | None = None
    """
    Changes of the headers of responses.
    """
    retries: Retries | None = None
    revision: Annotated[int, Field(examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    rewrite: PathRewrite | None = None
    rules: list[PolicyRule]
    """
    The rules. They are checked before `split`, in this order.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    split: list[SplitEntry]
    """
    How requests that no rule takes are shared between versions.
    """
    sticky_by: StickyBy | None
    timeout_ms: int | None = None
    """
    The longest time until the end of the response, in milliseconds; no limit if absent.
    """
    version_header: Annotated[str | None, Field(examples=["x-beta"])] = None
    """
    The request header that names a version. Such a version goes before the rules.
    """


class ApplyResult(BaseModel):
    """
    The result of a revision with many changes.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    convergence: Convergence | None = None
    """
    Only in answers to writes with `wait`: the nodes that run the change.
    """
    revision: Annotated[int, Field(examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    summary: ChangeCounts
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """


class PageOfRoute(BaseModel):
    """
    A page of routes.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    count: int | None = None
    """
    Only with `count=true`: how many routes match, on all pages.
    """
    items: list[Route]
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PlannedChange(BaseModel):
    """
    The change of one object.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["create", "update", "delete"] | str
    after: RouteSpec | PolicySpec | None
    """
    The object after the change; `null` if there is none.
    """
    before: RouteSpec | PolicySpec | None
    """
    The object before the change; `null` if there is none.
    """
    key: RouteOrPolicyName


class Policy(BaseModel):
    """
    A traffic policy of a tenant.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    convergence: Convergence | None = None
    """
    Only in answers to writes with `wait`: the nodes that run the change.
    """
    created_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the policy was created.
    """
    created_by: str
    """
    The id of the actor that created the policy.
    """
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    failover: list[str]
    """
    The versions that get the traffic of an inactive version, in this order.
    """
    host_header: Annotated[str | None, Field(examples=["keep"])] = None
    """
    The `Host` header that versions get: `upstream` (the host of their URL, as without this member), `keep` (the client's), or a lower-case DNS name without a port.
    """
    hosts: list[str]
    """
    The hosts that belong to the policy, sorted.
    """
    mirror: Mirror | None = None
    path_prefix: Annotated[str, Field(examples=["/shop"])]
    """
    A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.
    """
    path_prefixes: list[str] | None = None
    """
    The parts of the hosts' paths that belong to the policy, sorted. Where it is absent, `path_prefix` is the only one; where it is there, `path_prefix` is the first.
    """
    request_headers: HeaderEdits | None = None
    """
    Changes of the headers of requests.
    """
    response_headers: HeaderEdits | None = None
    """
    Changes of the headers of responses.
    """
    retries: Retries | None = None
    revision: Annotated[int, Field(examples=[4])]
    """
    The tenant's revision of the policy's last change.
    """
    rewrite: PathRewrite | None = None
    rules: list[PolicyRule]
    """
    The rules. They are checked before `split`, in this order.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    split: list[SplitEntry]
    """
    How requests that no rule takes are shared between versions.
    """
    sticky_by: StickyBy | None
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    timeout_ms: int | None = None
    """
    The longest time until the end of the response, in milliseconds; no limit if absent.
    """
    updated_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the policy last changed.
    """
    updated_by: str
    """
    The id of the actor that made the last change.
    """
    version_header: Annotated[str | None, Field(examples=["x-beta"])] = None
    """
    The request header that names a version. Such a version goes before the rules.
    """


class PolicyDocument(BaseModel):
    """
    A traffic policy in an exported document.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    failover: list[str]
    """
    The versions that get the traffic of an inactive version, in this order.
    """
    host_header: Annotated[str | None, Field(examples=["keep"])] = None
    """
    The `Host` header that versions get: `upstream` (the host of their URL, as without this member), `keep` (the client's), or a lower-case DNS name without a port.
    """
    hosts: list[str]
    """
    The hosts that belong to the policy, sorted.
    """
    mirror: Mirror | None = None
    path_prefix: Annotated[str, Field(examples=["/shop"])]
    """
    A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.
    """
    path_prefixes: list[str] | None = None
    """
    The parts of the hosts' paths that belong to the policy, sorted. Where it is absent, `path_prefix` is the only one; where it is there, `path_prefix` is the first.
    """
    request_headers: HeaderEdits | None = None
    """
    Changes of the headers of requests.
    """
    response_headers: HeaderEdits | None = None
    """
    Changes of the headers of responses.
    """
    retries: Retries | None = None
    rewrite: PathRewrite | None = None
    rules: list[PolicyRule]
    """
    The rules. They are checked before `split`, in this order.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    split: list[SplitEntry]
    """
    How requests that no rule takes are shared between versions.
    """
    sticky_by: StickyBy | None
    timeout_ms: int | None = None
    """
    The longest time until the end of the response, in milliseconds; no limit if absent.
    """
    version_header: Annotated[str | None, Field(examples=["x-beta"])] = None
    """
    The request header that names a version. Such a version goes before the rules.
    """


class PolicyDocumentIn(BaseModel):
    """
    A traffic policy in a tenant document or in a batch.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    env: Annotated[str, Field(examples=["prod"])]
    """
    The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    failover: list[str] | None = None
    """
    The versions that get the traffic of an inactive version, in this order.
    """
    host_header: str | None = None
    hosts: list[str] | None = None
    """
    The hosts that belong to the policy.
    """
    mirror: MirrorIn | None = None
    path_prefix: Annotated[str | None, Field(examples=["/shop"])] = None
    """
    A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.
    """
    path_prefixes: list[str] | None = None
    """
    The parts of the hosts' paths that belong to the policy; `path_prefix` alone is the same as a list of one.
    """
    request_headers: HeaderEditsIn | None = None
    """
    Changes of the headers of requests.
    """
    response_headers: HeaderEditsIn | None = None
    """
    Changes of the headers of responses.
    """
    retries: RetriesIn | None = None
    revision: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    rewrite: PathRewriteIn | None = None
    rules: list[PolicyRuleIn] | None = None
    """
    The rules. They are checked before `split`, in this order.
    """
    service: Annotated[str, Field(examples=["checkout"])]
    """
    The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    split: list[SplitEntryIn] | None = None
    """
    How requests that no rule takes are shared between versions.
    """
    sticky_by: StickyByIn | None = None
    tenant: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    timeout_ms: int | None = None
    """
    The longest time until the end of the response, in milliseconds; no limit if absent.
    """
    updated_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    updated_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    version_header: str | None = None
    """
    The request header that names a version. Such a version goes before the rules.
    """


class PolicyEvent(BaseModel):
    """
    A change of a traffic policy.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["policy_set", "policy_deleted"] | str
    """
    The action on a traffic policy.
    """
    actor: Actor
    after: PolicySpec | None
    """
    The policy after the change; `null` if the policy was deleted.
    """
    before: PolicySpec | None
    """
    The policy before the change; `null` if the policy is new.
    """
    confirmed_removal: ConfirmedRemoval | None = None
    """
    The write removed more than half of its scope's active routes and more than ten, or all of them, and the caller confirmed that. Left out otherwise.
    """
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    hash: str
    """
    SHA-256 over the RFC 8785 bytes of the event without this member.
    """
    id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f5856b700d"])]
    """
    The id of an event (UUIDv7). The ids of events give no order.
    """
    item: int
    """
    The number of the event within its revision, from 0.
    """
    items: int
    """
    The number of events in the revision.
    """
    occurred_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    The time by the clock of the instance that decided the change. The time gives no order.
    """
    policy: PolicyName
    prev_hash: str
    """
    The hash of the tenant's event before this one; 64 zeros for the first of an epoch.
    """
    reason: str | None
    """
    `X-Reason` of the request; an envelope `enc:v1:…` when personal data is sealed.
    """
    request_id: str
    """
    `X-Correlation-ID` of the request.
    """
    revision: int
    """
    The revision, which gives the order of events: without gaps within a tenant and epoch.
    """
    source_ip: str | None
    """
    The address of the client; an envelope when personal data is sealed.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    trace_id: str | None
    """
    W3C trace id of the request.
    """


class PolicyIn(BaseModel):
    """
    The body of `PUT`: a policy without its name.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    created_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    created_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    env: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    failover: list[str] | None = []
    """
    The versions that get the traffic of an inactive version, in this order.
    """
    host_header: str | None = None
    hosts: list[str] | None = []
    """
    The hosts that belong to the policy.
    """
    mirror: MirrorIn | None = None
    path_prefix: str | None = None
    """
    The only path prefix, or one of `path_prefixes`.
    """
    path_prefixes: list[str] | None = []
    """
    The parts of the hosts' paths that belong to the policy; `/` if there is no path prefix.
    """
    request_headers: HeaderEditsIn | None = None
    """
    Changes of the headers of requests.
    """
    response_headers: HeaderEditsIn | None = None
    """
    Changes of the headers of responses.
    """
    retries: RetriesIn | None = None
    revision: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    rewrite: PathRewriteIn | None = None
    rules: list[PolicyRuleIn] | None = None
    """
    The rules, which are checked first, in this order.
    """
    service: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    split: list[SplitEntryIn] | None = None
    """
    The shares of the traffic that no rule matches.
    """
    sticky_by: StickyByIn | None = None
    tenant: Any | None = None
    """
    Optional: must be the same as in the path.
    """
    timeout_ms: int | None = None
    """
    The longest time until the end of the response, in milliseconds; no limit if absent.
    """
    updated_at: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    updated_by: Any | None = None
    """
    Set by the service: accepted in a request, and ignored.
    """
    version_header: str | None = None
    """
    The request header that names a version. Such a version goes before the rules.
    """


class PolicyPatchIn(BaseModel):
    """
    The body of `PATCH`: a merge patch. Lists are replaced whole.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    failover: list[str] | None = None
    host_header: str | None = None
    hosts: list[str] | None = None
    mirror: MirrorPatchIn | None = None
    path_prefix: str | None = None
    """
    A single path prefix instead of those that there are.
    """
    path_prefixes: list[str] | None = None
    request_headers: HeaderEditsPatchIn | None = None
    response_headers: HeaderEditsPatchIn | None = None
    retries: RetriesPatchIn | None = None
    rewrite: PathRewritePatchIn | None = None
    rules: list[PolicyRuleIn] | None = None
    split: list[SplitEntryIn] | None = None
    sticky_by: StickyByPatchIn | None = None
    timeout_ms: int | None = None
    version_header: str | None = None


class PutPolicy(BaseModel):
    """
    Creates or replaces a traffic policy.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: Literal["put"]
    policy: PolicyDocumentIn


class Snapshot(BaseModel):
    """
    A tenant's active routes, or those of an environment, a service, or both, sorted by service, environment and version.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    digest: str
    """
    Two snapshots with the same digest hold the same routes and policies.
    """
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    policies: list[SnapshotPolicy]
    """
    Sorted by service and environment.
    """
    revision: Annotated[int, Field(examples=[4])]
    """
    The newest revision that touched the scope.
    """
    routes: list[SnapshotRoute]
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """


class TenantDifference(BaseModel):
    """
    The changes of a tenant's objects between two points of its history.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    changes: list[PlannedChange]
    from_: Annotated[str, Field(alias="from", examples=["adc74a594a3e0e8f.4"])]
    """
    The start. Changes up to this version tag are not included.
    """
    to: Annotated[str, Field(examples=["adc74a594a3e0e8f.4"])]
    """
    The end. Changes up to this version tag are included.
    """


class TenantDocument(BaseModel):
    """
    A tenant, or a part of it, as one document: the body of an export.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    policies: list[PolicyDocument]
    """
    The traffic policies, sorted by service and environment.
    """
    prune: bool
    """
    Whether a plan of this document deletes objects in the scope that the document does not name.
    """
    routes: list[RouteDocument]
    """
    The routes, sorted by service, environment and version.
    """
    scope: DocumentScope


class TenantDocumentIn(BaseModel):
    """
    The body of `POST …/plans`, and an export: the desired content of a scope.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    policies: list[PolicyDocumentIn] | None = None
    prune: bool | None = False
    """
    Whether objects in the scope that the document does not name are removed.
    """
    routes: list[RouteDocumentIn] | None = None
    scope: DocumentScopeIn | None = None
    """
    The scope of the document; the whole tenant if it is missing.
    """


class BatchIn(BaseModel):
    """
    The body of `POST …/batch`.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    changes: list[PutRoute | SetRouteState | PutPolicy | DeletePolicy]
    confirm_in_use: bool | None = False
    """
    Confirms that routes are deactivated although policies send traffic to them. The policies must have somewhere else to send it.
    """
    confirm_shrink: str | None = None
    """
    Confirms that much is removed: the member `confirm_shrink` of the problem `shrink_not_confirmed`.
    """


class PageOfEvent(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[RouteEvent | PolicyEvent | TenantEvent]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class PageOfPolicy(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[Policy]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class Plan(BaseModel):
    """
    A plan: changes that were computed and wait to be applied.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    active_routes: list[int]
    """
    The number of active routes in the scope before and after the plan.
    """
    base: Annotated[str, Field(examples=["adc74a594a3e0e8f.4"])]
    """
    The tenant's version tag when the plan was made. The plan can be applied while nothing in its scope has changed since.
    """
    changes: list[PlannedChange]
    """
    The changes, in the order in which they are applied.
    """
    created_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the plan was made.
    """
    created_by: str
    """
    The id of the actor that made the plan.
    """
    expires_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the plan expires and is forgotten.
    """
    hash: str
    """
    The hash of the plan. Send it to apply the plan.
    """
    id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f5856b700d"])]
    """
    The id of a plan (UUIDv7).
    """
    prune: bool
    """
    Whether objects in the scope are deleted if the document does not name them.
    """
    reason: str | None
    """
    The reason for the plan, in its creator's words.
    """
    scope: DocumentScope
    summary: ChangeCounts
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    warnings: list[PlanWarning]
    """
    Warnings to consider before the plan is applied.
    """


class PlanPreview(BaseModel):
    """
    A plan that is not stored.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    active_routes: list[int]
    """
    The number of active routes in the scope, before and after.
    """
    base: Annotated[str, Field(examples=["adc74a594a3e0e8f.4"])]
    """
    The tenant's tag when the plan was computed.
    """
    changes: list[PlannedChange]
    """
    The changes that the plan would make, in their order.
    """
    prune: bool
    """
    Whether the plan would remove objects in the scope that the document does not name.
    """
    scope: DocumentScope
    summary: ChangeCounts
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    warnings: list[PlanWarning]
    """
    The warnings to consider before such a plan is applied.
    """


class Problem(BaseModel):
    """
    The body of every error (RFC 9457). `x-code-members` lists the members that a code always has in addition to the members of every problem.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    active_routes: int | None = None
    """
    `shrink_not_confirmed`: the number of active routes in the scope.
    """
    code: Annotated[
        str,
        Field(
            examples=[
                "malformed_request",
                "invalid_cursor",
                "not_found",
                "misdirected_request",
                "unauthenticated",
                "forbidden",
                "outside_grant",
                "too_many_requests",
                "dependency_not_found",
                "key_not_found",
                "key_ended",
                "keys_not_in_use",
                "route_not_found",
                "route_inactive",
                "tenant_not_found",
                "method_not_allowed",
                "tenant_exists",
                "tenant_ending",
                "tenant_not_empty",
                "policy_not_found",
                "answered_by_policy",
                "no_active_version",
                "host_not_allowed",
                "host_taken",
                "version_in_use",
                "shrink_not_confirmed",
                "plan_not_found",
                "plan_stale",
                "plan_hash_mismatch",
                "dead_letter_not_found",
                "dead_letter_decided",
                "not_redrivable",
                "replay_not_found",
                "replay_ended",
                "too_many_writes",
                "quota_exceeded",
                "precondition_failed",
                "uri_too_long",
                "headers_too_large",
                "payload_too_large",
                "unsupported_media_type",
                "invalid_request",
                "idempotency_key_reused",
                "unavailable",
                "audit_backlog",
                "overloaded",
                "too_many_waiters",
                "too_many_exports",
                "commit_unknown",
                "revision_not_reached",
                "deadline_exceeded",
                "internal",
            ]
        ),
    ]
    """
    The stable code of the problem, for programs. The examples are all codes of this version; later versions may have more. `x-codes` of a response lists the codes that the operation may answer with.
    """
    confirm_shrink: str | None = None
    """
    `shrink_not_confirmed`: the hash with which the change is confirmed.
    """
    detail: str
    """
    A text about this occurrence of the problem, for people.
    """
    errors: list[FieldError] | None = None
    """
    The fields that are wrong: the first 20.
    """
    explanation: ChoiceExplanation | None = None
    """
    `answered_by_policy`, `no_active_version`: the rule and the versions that were looked at.
    """
    host: Annotated[str | None, Field(examples=["shop.example.com"])] = None
    """
    `host_taken`, `host_not_allowed`: the host.
    """
    limit: int | None = None
    """
    `quota_exceeded`: the limit that the quota sets.
    """
    may_confirm: bool | None = None
    """
    `version_in_use`: whether the change can be confirmed with `confirm_in_use`.
    """
    more_changes: bool | None = None
    """
    `plan_stale`: present if the plan has more changes than `plan` shows; read the plan by its id.
    """
    more_errors: bool | None = None
    """
    Present if more fields are wrong than `errors` has.
    """
    path_prefix: Annotated[str | None, Field(examples=["/shop"])] = None
    """
    `host_taken`: the path prefix of the host.
    """
    plan: Plan | None = None
    """
    `plan_stale`: a new plan of the same document.
    """
    policies: list[PolicyName] | None = None
    """
    `version_in_use`: the policies that name the version.
    """
    quota: str | None = None
    """
    `quota_exceeded`: the name of the quota.
    """
    redirect: Redirect | None = None
    """
    `answered_by_policy`: where the client is sent, if the policy redirects.
    """
    removed_routes: int | None = None
    """
    `shrink_not_confirmed`: how many fewer active routes there would be.
    """
    request_id: str
    """
    The request's id, as in `X-Correlation-ID`.
    """
    respond: FixedResponse | None = None
    """
    `answered_by_policy`: the answer, if the policy answers.
    """
    status: int
    """
    The HTTP status of the answer.
    """
    title: str
    """
    A short text about this type of problem, for people.
    """
    type: str
    """
    The type of the problem, `/problems/<code>`. This path serves an explanation.
    """
    writes_per_second: int | None = None
    """
    `too_many_writes`: the tenant's quota, in writes per second.
    """


class ArchivedEvent(BaseModel):
    """
    An event in the archive: the whole event in `event`, and members by which lists are filtered.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    action: (
        Literal[
            "created",
            "updated",
            "activated",
            "deactivated",
            "deleted",
            "policy_set",
            "policy_deleted",
            "tenant_created",
            "tenant_updated",
            "tenant_deleted",
        ]
        | str
    )
    """
    The action of an event: on a route, on a traffic policy (`policy_…`), or on the tenant (`tenant_…`).
    """
    changed_by: str
    """
    `actor.id` of the event, decrypted if it is sealed; `erased` if that person was erased.
    """
    correlation_id: str
    """
    The member `request_id` of the event.
    """
    epoch: Annotated[str, Field(examples=["adc74a594a3e0e8f"])]
    """
    The name of one history of a tenant. Revisions of different epochs cannot be compared.
    """
    event: RouteEvent | PolicyEvent | TenantEvent
    """
    One committed change of a route, of a traffic policy, or of the tenant.
    """
    event_id: Annotated[str, Field(examples=["01a1fd21-de3d-7778-bc54-13f5856b700d"])]
    """
    The id of the event.
    """
    event_type: str
    """
    The `CloudEvents` type of the event.
    """
    hash: str
    """
    A SHA-256 hash in lower-case hexadecimal digits.
    """
    item: int
    """
    The number of the event within its revision, from 0.
    """
    metadata: KafkaPosition
    occurred_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    prev_hash: str
    """
    A SHA-256 hash in lower-case hexadecimal digits.
    """
    previous_state: Literal["active", "inactive"] | str | None
    """
    The state of the route before the event.
    """
    previous_url: str | None
    """
    The URL of the route before the event.
    """
    processed_at: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    When the event was archived.
    """
    reason: str | None
    """
    The reason for the change; decrypted like `changed_by`.
    """
    revision: Annotated[int, Field(examples=[4])]
    """
    The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
    """
    route: EventSubject
    source_ip: str | None
    """
    The IP address of the caller; decrypted like `changed_by`.
    """
    state: Literal["active", "inactive"] | str | None
    """
    The state of the route after the event.
    """
    tenant: Annotated[str, Field(examples=["acme"])]
    """
    The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
    """
    trace_id: str | None
    """
    The id of the request's trace.
    """
    url: str | None
    """
    The URL of the route after the event.
    """


class ChangeFeed(BaseModel):
    """
    The events after a version tag. With `reset` these events are not available, and `snapshot` is the present state.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    changes: list[RouteEvent | PolicyEvent | TenantEvent]
    complete: bool
    """
    Whether there are no more events for now.
    """
    from_: Annotated[str, Field(alias="from", examples=["adc74a594a3e0e8f.4"])]
    """
    A version tag, `<epoch>.<revision>`.
    """
    reset: bool | None = None
    """
    Present if the tag is of another epoch or too old: start again with `snapshot`.
    """
    snapshot: Snapshot | None = None
    to: Annotated[str, Field(examples=["adc74a594a3e0e8f.4"])]
    """
    The version tag after which to continue.
    """


class EventsByAction(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    action: (
        Literal[
            "created",
            "updated",
            "activated",
            "deactivated",
            "deleted",
            "policy_set",
            "policy_deleted",
            "tenant_created",
            "tenant_updated",
            "tenant_deleted",
        ]
        | str
    )
    """
    The action of an event: on a route, on a traffic policy (`policy_…`), or on the tenant (`tenant_…`).
    """
    count: int
    events: list[ArchivedEvent]
    hours: int


class EventsByRoute(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    count: int
    events: list[ArchivedEvent]
    route: RouteKey


class EventsInTimeRange(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    count: int
    end_time: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """
    events: list[ArchivedEvent]
    start_time: Annotated[str, Field(examples=["2026-11-21T08:03:37.661997Z"])]
    """
    A time in UTC with microseconds (RFC 3339).
    """


class PageOfArchivedEvent(BaseModel):
    """
    A page of a list.
    """

    model_config = ConfigDict(
        extra="allow",
    )
    items: list[ArchivedEvent]
    """
    The items of the page.
    """
    next_cursor: str | None
    """
    The cursor of the next page; `null` at the end.
    """


class RecentEvents(BaseModel):
    model_config = ConfigDict(
        extra="allow",
    )
    count: int
    days: int
    events: list[ArchivedEvent]
