// Generated from docs/openapi.json by scripts/generate.mjs. Do not edit.

export interface paths {
    "/api/v1/audit/access": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the access log
         * @description In pages, newest first: refused requests, changes of keys, operations of administrators, and reads of sensitive data. Auditors of a tenant see the accesses of the tenant's own callers, and those of platform callers to the tenant, but never those of other tenants' callers. Of many similar refusals only some have a record; `suppressed` is the number of the others.
         */
        get: operations["listAccessRecords"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/action": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the newest events with an action
         * @description The newest event comes first.
         */
        get: operations["listAuditEventsByAction"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List archived events
         * @description In pages, newest first, by the clocks of the instances.
         */
        get: operations["listAuditEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export archived events as a stream
         * @description Oldest first. `format` is `ndjson` (the default: one archived event on each line) or `csv` (RFC 4180, with a header). If the export fails midway, the service cuts the connection. `HEAD` is not answered.
         */
        get: operations["exportAuditEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/recent": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the events of the last days
         * @description The newest event comes first.
         */
        get: operations["listRecentAuditEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/route": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the newest events of a route
         * @description The newest event comes first.
         */
        get: operations["listAuditEventsByRoute"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the lag of the archive
         * @description For one tenant, or for a page of all tenants. This does not show revisions that are missing before the newest archived revision; `verify` finds them.
         */
        get: operations["getAuditStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/time-range": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the events of a time range
         * @description The newest event comes first. `end_time` must be after `start_time`.
         */
        get: operations["listAuditEventsInTimeRange"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Verify a tenant's hash chain
         * @description Recomputes the hash chain from the archive, between `from` and `to` if they are given, and compares the end with PostgreSQL. After five seconds the verification stops with `complete: false`: continue with a `from` after `to`.
         */
        get: operations["verifyAuditChain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dataplane/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the keys that snapshots are signed with
         * @description A snapshot's `TM-Signature` has a signature of each key: Ed25519 over six lines, which the guide on polling shows. Give nodes their keys by another way than this: a key from the service that it shall check proves nothing.
         */
        get: operations["listSigningKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dataplane/{dialect}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the configuration of a kind of proxy
         * @description `dialect` is `caddy`, `envoy`, `haproxy`, `nginx` or `traefik`. The answer for Caddy and Traefik is what they take; for the others `{files: [{path, content, sha256}], reload, revision}`: write the files beside the present ones, rename them, and do what `reload` says. Every instance answers the same bytes for the same revision. With `wait` and the newest tag in `If-None-Match`, the request waits until the scope changes.
         */
        get: operations["getProxyConfiguration"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dataplane/{dialect}/bootstrap": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a configuration with which a new proxy starts
         * @description The proxy runs with it as it is: its key is in the environment variable `TM_TOKEN`. Comments say what to change. For HAProxy, nginx and Caddy it is a shell script that writes, checks and reloads. With `transport=agent` it is the configuration of a node agent beside the proxy.
         */
        get: operations["getProxyBootstrap"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dataplane/{dialect}/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** See what a kind of proxy can do of the policies */
        get: operations["getProxyReport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List dead letters
         * @description Dead letters are records that could not be archived. Newest first. The service reads at most `dead_letters.scan` of them for a page, so a page may be short or empty and still have a `next_cursor`.
         */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/redrive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Redrive many dead letters
         * @description Sends the newest dead letters again that have no decision or an unfinished redrive, the oldest of them first.
         */
        post: operations["redriveDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/{letter_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a dead letter
         * @description With the original key, headers and value of the record.
         */
        get: operations["getDeadLetter"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/{letter_id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Discard a dead letter
         * @description The dead letter stays in its topic, but is not open any more. A discarded dead letter keeps its first reason.
         */
        post: operations["discardDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/{letter_id}/redrive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Redrive a dead letter
         * @description Sends the record again to its original topic and partition, whatever the earlier decision. Sending an event twice is harmless, because consumers recognise events by their ids. A record that still cannot be archived comes back as another dead letter.
         */
        post: operations["redriveDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List API keys
         * @description In the order of their ids, including expired and revoked keys. Tokens are never shown.
         */
        get: operations["listKeys"];
        put?: never;
        /**
         * Create an API key
         * @description A caller cannot give more rights than it has: a tenant's administrator creates keys of its tenant, and a caller whose credentials expire creates no key that expires later. Without `expires_at` the key expires with the credentials of the caller, if these expire. The token is in this answer only, and never shown again.
         */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an API key
         * @description The token is never shown.
         */
        get: operations["getKey"];
        put?: never;
        post?: never;
        /**
         * Revoke an API key
         * @description This cannot be undone. Every instance refuses the key within seconds, and ends its long-polls and streams. The keys that it created, the keys that it rotated (and so was shown a token of), and their descendants are revoked too, unless `descendants=keep` is sent.
         */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/{key_id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate an API key's token
         * @description The replaced token stays valid for `overlap_seconds`, so that clients can change to the new token without a gap. A token that was replaced earlier becomes invalid at once. A caller whose credentials expire cannot rotate a key that expires later.
         */
        post: operations["rotateKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get this OpenAPI document
         * @description The page `/docs` shows this document; every operation can be tried there.
         */
        get: operations["getOpenApiDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/policies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a tenant's traffic policies
         * @description In the order of services and environments.
         */
        get: operations["listPolicies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/policies/{tenant}/{service}/{env}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a traffic policy
         * @description With `at`, the policy at an earlier point in time.
         */
        get: operations["getPolicy"];
        /**
         * Create or replace a traffic policy
         * @description Members that are left out get their defaults. A policy must send traffic to at least one version, and every version that it names must exist. A host belongs to one tenant; a host with a path prefix belongs to one policy.
         */
        put: operations["putPolicy"];
        post?: never;
        /** Delete a traffic policy */
        delete: operations["deletePolicy"];
        options?: never;
        head?: never;
        /**
         * Change parts of a traffic policy
         * @description The body is a merge patch (RFC 7396): absent members stay, `null` restores the default, a list is replaced as a whole.
         */
        patch: operations["patchPolicy"];
        trace?: never;
    };
    "/api/v1/policies/{tenant}/{service}/{env}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a traffic policy's events
         * @description In the tenant's present epoch, newest first. Deleted policies keep their history.
         */
        get: operations["getPolicyHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/replays": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List replays
         * @description Newest first.
         */
        get: operations["listReplays"];
        put?: never;
        /**
         * Publish a part of the history again
         * @description Reads events from PostgreSQL and publishes them to Kafka, at most `events_per_second` and with a lower priority than new events. Consumers recognise events by their ids, and an archive that has lost events gets them back. The records have the header `tm_replay`. A replay never causes writes to be refused (`audit.fail_closed`).
         */
        post: operations["createReplay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/replays/{replay_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a replay and its progress */
        get: operations["getReplay"];
        put?: never;
        post?: never;
        /**
         * Cancel a replay
         * @description Events that are already queued are still published. Cancelling a cancelled replay changes nothing.
         */
        delete: operations["cancelReplay"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/resilience/{dependency}/drill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Force a breaker open or closed
         * @description Only at the instance that answers, and for a bounded time: to test that the service works without a dependency, or to overrule a breaker that misjudges the dependency. The change is recorded in the access log before it is made.
         */
        post: operations["forceBreaker"];
        /**
         * Release a forced breaker
         * @description The breaker starts again from its closed state. It is no error if the breaker was not forced.
         */
        delete: operations["releaseBreaker"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/routes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List routes
         * @description In the order of their names. With `tenant`, the answer has a tag. With `at`, the routes of an earlier state; `at` needs `tenant`. With `count=true`, the number of all that match too.
         */
        get: operations["listRoutes"];
        put?: never;
        /**
         * Create or replace a route
         * @description The route is active unless `is_active` is `false`. The first route of a tenant creates the tenant. Members that are left out get their defaults.
         */
        post: operations["upsertRoute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/routes/activate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Activate the route that the body names */
        post: operations["activateRouteByBody"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/routes/deactivate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deactivate the route that the body names */
        post: operations["deactivateRouteByBody"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/routes/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Resolve a version or a request to a route
         * @description Answered from memory. Without `version`, the traffic policy chooses the version: the same `key` gets the same version until the policy changes. A random choice has no tag and may not be cached. `key`, `path`, `method`, `explain`, `header.<name>` and `query.<name>` are allowed only without `version`. A rule for paths or methods does not match without `path` or `method`.
         */
        get: operations["resolveRoute"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/routes/{tenant}/{service}/{env}/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a route
         * @description With `at`, the route at an earlier point in time.
         */
        get: operations["getRoute"];
        /**
         * Create or replace the route of a path
         * @description The route is active unless `is_active` is `false`. The first route of a tenant creates the tenant. Members that are left out get their defaults.
         */
        put: operations["putRoute"];
        post?: never;
        /**
         * Delete a route
         * @description With `confirm_in_use`, policies that name the version stop to use it in the same revision. Each of them must have another version to send traffic to.
         */
        delete: operations["deleteRoute"];
        options?: never;
        head?: never;
        /**
         * Change parts of a route
         * @description The body is a merge patch (RFC 7396): absent members stay, `null` removes a member.
         */
        patch: operations["patchRoute"];
        trace?: never;
    };
    "/api/v1/routes/{tenant}/{service}/{env}/{version}/activate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Activate a route */
        post: operations["activateRoute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/routes/{tenant}/{service}/{env}/{version}/blame": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the last change of each part of a route
         * @description Reads the last 10000 events of the route. A part that none of them changed is attributed to the oldest of these events.
         */
        get: operations["getRouteBlame"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/routes/{tenant}/{service}/{env}/{version}/deactivate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deactivate a route */
        post: operations["deactivateRoute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/routes/{tenant}/{service}/{env}/{version}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a route's events
         * @description In the tenant's present epoch, newest first. Deleted routes keep their history.
         */
        get: operations["getRouteHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/self": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get who the caller is
         * @description Also tells whether a credential is good, and until when.
         */
        get: operations["getSelf"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stream the changes of all tenants
         * @description For people who watch: the stream begins now, and its events have no `id`. Clients that must not miss a change follow the stream of a tenant. `HEAD` is not answered.
         */
        get: operations["streamAllChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List tenants
         * @description In the order of their names.
         */
        get: operations["listTenants"];
        put?: never;
        /**
         * Create a tenant
         * @description This makes the first revision of the tenant. The first route of a tenant creates the tenant too.
         */
        post: operations["createTenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a tenant */
        get: operations["getTenant"];
        put?: never;
        post?: never;
        /**
         * Delete a tenant
         * @description A tenant with routes or policies is deleted only with `confirm`, together with its routes and policies. A tenant that is created again has a new epoch.
         */
        delete: operations["deleteTenant"];
        options?: never;
        head?: never;
        /**
         * Change a tenant's quotas and allowed hosts
         * @description The body is a merge patch (RFC 7396): `null` restores the default. A policy keeps hosts that are not allowed any more until its next change.
         */
        patch: operations["patchTenant"];
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Apply many changes at once
         * @description Commits all changes in one revision, or none: at most 10000 changes. Errors name a change by its index.
         */
        post: operations["applyBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the changes after a version tag
         * @description With `wait`, the request waits until there is a change.
         */
        get: operations["getChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/convergence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the part of a tenant's nodes that runs a revision
         * @description A node that follows a part of the tenant has a revision once it runs the newest change of that part. With `partial` or `warming` there may be nodes that the instance does not know of: wait, and ask again.
         */
        get: operations["getConvergence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Compare two points of a tenant's history
         * @description Without `to`, compares with the present state. A change that was reverted is no difference. A difference has at most 10000 changes: limit it with `service` and `env`.
         */
        get: operations["diffTenant"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export a tenant as a document
         * @description The document is sorted and complete: the same state gives the same bytes. A new plan takes it as its body. It is YAML unless `format` is `json`. With `at`, it is an earlier state. `/docs/tenant-document.v1.json` serves the schema.
         */
        get: operations["exportTenant"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the nodes of a tenant
         * @description Nodes name themselves with `TM-Node` in their polls, by their client certificate, or by the node's id of Envoy. A node that has been silent for too long is `lost`, and no longer listed after a day. Every instance of the service gives the same answer, perhaps a second later.
         */
        get: operations["listNodes"];
        put?: never;
        /**
         * Report what nodes have said elsewhere
         * @description For relays, which answer nodes in the service's place: what the nodes have said to them, as the headers `TM-Node` and so on say it of the caller itself. At most 1000 reports.
         */
        post: operations["reportNodes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/nodes/{node}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get what is known of a node */
        get: operations["getNode"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a tenant's plans
         * @description Newest first, without the changes of the plans.
         */
        get: operations["listPlans"];
        put?: never;
        /**
         * Plan the changes towards a document
         * @description Computes the changes that turn the present state into the document, and changes nothing. With `prune`, the plan deletes objects in the scope that the document does not name. A plan that could never be applied is refused at once; `warnings` lists the confirmations that applying the plan needs. With `dry_run=true` the plan is not stored, and a role for reading the tenant is enough. `/docs/tenant-document.v1.json` serves the schema of the body.
         */
        post: operations["createPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/plans/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a plan */
        get: operations["getPlan"];
        put?: never;
        post?: never;
        /**
         * Delete a plan
         * @description Needs the same rights as applying the plan, and is recorded in the access log.
         */
        delete: operations["deletePlan"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/plans/{id}/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Apply a plan
         * @description Commits all changes of the plan in one revision, or none. If the scope has changed since the plan was made, the answer is 409 `plan_stale` with a new plan of the same document.
         */
        post: operations["applyPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Plan the way back to an earlier state
         * @description Changes nothing: apply the plan like any other plan. The target must be in the tenant's present history.
         */
        post: operations["createRollbackPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/snapshot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a tenant's active routes and policies
         * @description Every instance answers the same bytes for the same revision. `service` and `env` limit the scope, and the tag changes only when an object in the scope changes. With `wait` and the newest tag in `If-None-Match`, the request waits until the scope changes. With `at`, the answer has the bytes of an earlier state, with `ETag` only and never compressed.
         */
        get: operations["getSnapshot"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tenants/{tenant}/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stream a tenant's changes as server-sent events
         * @description The stream begins with `event: snapshot`, or continues after `Last-Event-ID`. Each `event: change` has one event as its data, and `id` is a version tag. If the service signs snapshots, `event: signature` follows the snapshot and each revision. While nothing changes, the service sends comments. `HEAD` is not answered.
         */
        get: operations["streamChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the AsyncAPI document of the Kafka events */
        get: operations["getAsyncApiDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/events/route-event.v1.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the JSON Schema of an event */
        get: operations["getEventSchema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/tenant-document.v1.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the JSON Schema of a tenant's document
         * @description The document is the body of an export and of a new plan. Editors can use the schema to complete and check it.
         */
        get: operations["getTenantDocumentSchema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the process serves */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the process serves */
        get: operations["getLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check whether the instance is ready for requests
         * @description A 503 has the same body as a 200, but a problem document if the request itself was refused.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/resilience": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the state of breakers, bulkheads and retry budgets */
        get: operations["getResilience"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/problems/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Explain the code of a problem
         * @description The `type` of every problem document is the path of this operation. The answer is HTML if the request accepts `text/html`, otherwise JSON.
         */
        get: operations["getProblem"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description The kind of an access. `denied`: the request was refused with 401, 403, or 404 for another customer's tenant. `key_changed`: a key was created, rotated or revoked. `operated`: an administrator changed how the service runs (a forced breaker state, a decision on a dead letter, a replay), a caller deleted a plan, or a person signed in at the web page or out. `read`: sensitive data was read, such as audit events, an export or the list of keys.
         * @enum {string}
         */
        AccessKind: "denied" | "key_changed" | "operated" | "read";
        /** @description An entry of the access log. */
        AccessRecord: {
            /** @description `key_created`, `key_rotated`, `key_revoked`, `breaker_forced_open`, `breaker_forced_closed`, `breaker_released`, `dead_letter_redriven`, `dead_letter_discarded`, `replay_created`, `replay_cancelled`, `plan_deleted`, `policy_quarantined`, `policy_released`, `signed_in`, `signed_out`, or the endpoint. */
            action: string;
            /** @description The caller; `null` if the caller is not known. */
            actor: components["schemas"]["Actor"] | null;
            correlation_id: string;
            event_id: components["schemas"]["EventId"];
            /** @description The id of the key that was presented or changed. */
            key: string | null;
            kind: components["schemas"]["AccessKind"];
            /** @description The id of the dead letter, the replay or the plan that was acted on. */
            object: string | null;
            occurred_at: components["schemas"]["Timestamp"];
            /** @description The reason why the request was refused. For `operated`: the change to a breaker, else the reason in the operator's words. */
            reason: string | null;
            source_ip: string | null;
            /**
             * Format: int64
             * @description The HTTP status of the answer; `null` for the kinds `key_changed` and `operated`, which are recorded because they were done.
             */
            status: number | null;
            /**
             * Format: int64
             * @description The number of similar accesses that have no entry of their own.
             */
            suppressed: number;
            /** @description The tenant that the access was about. For a refused request this is only what the caller wrote, so the tenant may not exist. */
            tenant: components["schemas"]["TenantName"] | null;
            /** @description The tenant whose auditors see the entry, in addition to auditors of the platform. */
            visible_to: components["schemas"]["TenantName"] | null;
        };
        /** @description The actor that made a change or an access. */
        Actor: {
            /** @description The name of the actor; the same envelope in all of a person's events of a tenant when personal data is sealed. */
            id: string;
            /** @description The kind of the actor, such as `key` for an API key. */
            kind: string;
            /**
             * Format: int64
             * @description The number of the token that was used, if the key has had more than one; see `tokens` of a key.
             */
            token?: number | null;
        };
        /**
         * @description The id of an actor: `actor.id` of an event.
         * @example anonymous
         */
        ActorId: string;
        /** @description An API key, without its token. */
        ApiKey: {
            created_at: components["schemas"]["Timestamp"];
            created_by: string;
            /** @description The kind of caller that created the key: `key`, `jwt` or `command`; `null` for old keys whose creator's kind is not known. */
            created_by_kind: string | null;
            /** @description The purpose of the key. */
            description: string;
            /** @description The environments to which the key is limited; empty for any environment. */
            envs: components["schemas"]["EnvName"][];
            expires_at: components["schemas"]["Timestamp"] | null;
            /** @description The id of the key. It is part of the token, and is not secret. */
            id: string;
            /** @description When the key was last used, to about a minute. */
            last_used_at: components["schemas"]["Timestamp"] | null;
            /** @description The time until which the previous token is good. */
            previous_until: components["schemas"]["Timestamp"] | null;
            revoked_at: components["schemas"]["Timestamp"] | null;
            revoked_by: string | null;
            roles: components["schemas"]["RoleName"][];
            /** @description When the key's token was last replaced. */
            rotated_at: components["schemas"]["Timestamp"] | null;
            /** @description The id of the caller that replaced the token and was shown the new one. */
            rotated_by: string | null;
            rotated_by_kind: string | null;
            /** @description The services to which the key is limited; empty for any service. */
            services: components["schemas"]["ServiceName"][];
            /** @description The tenant of the key; `null` if the key is for every tenant. */
            tenant: components["schemas"]["TenantName"] | null;
            /**
             * Format: int64
             * @description The number of tokens that the key has had. From the second token on, `actor.token` of an event says which token was used.
             */
            tokens: number;
        };
        /** @description The body of `POST …/plans/{id}/apply`. */
        ApplyPlan: {
            /**
             * @description Confirms that policies send traffic to versions that are deactivated, and have other versions to send it to.
             * @default false
             */
            confirm_in_use?: boolean;
            /** @description The hash once more, to confirm a plan that removes many routes. */
            confirm_shrink?: string | null;
            /** @description The hash of the plan. */
            hash: string;
        };
        /** @description The result of a revision with many changes. */
        ApplyResult: {
            /** @description Only in answers to writes with `wait`: the nodes that run the change. */
            convergence?: components["schemas"]["Convergence"] | null;
            revision: components["schemas"]["Revision"];
            summary: components["schemas"]["ChangeCounts"];
            tenant: components["schemas"]["TenantName"];
        };
        /** @description An event in the archive: the whole event in `event`, and members by which lists are filtered. */
        ArchivedEvent: {
            action: components["schemas"]["EventAction"];
            /** @description `actor.id` of the event, decrypted if it is sealed; `erased` if that person was erased. */
            changed_by: string;
            /** @description The member `request_id` of the event. */
            correlation_id: string;
            epoch: components["schemas"]["Epoch"];
            event: components["schemas"]["Event"];
            /** @description The id of the event. */
            event_id: components["schemas"]["EventId"];
            /** @description The `CloudEvents` type of the event. */
            event_type: string;
            hash: components["schemas"]["Sha256"];
            /**
             * Format: int64
             * @description The number of the event within its revision, from 0.
             */
            item: number;
            metadata: components["schemas"]["KafkaPosition"];
            occurred_at: components["schemas"]["Timestamp"];
            prev_hash: components["schemas"]["Sha256"];
            /** @description The state of the route before the event. */
            previous_state: components["schemas"]["RouteState"] | null;
            /** @description The URL of the route before the event. */
            previous_url: components["schemas"]["RouteUrl"] | null;
            /** @description When the event was archived. */
            processed_at: components["schemas"]["Timestamp"];
            /** @description The reason for the change; decrypted like `changed_by`. */
            reason: string | null;
            revision: components["schemas"]["Revision"];
            route: components["schemas"]["EventSubject"];
            /** @description The IP address of the caller; decrypted like `changed_by`. */
            source_ip: string | null;
            /** @description The state of the route after the event. */
            state: components["schemas"]["RouteState"] | null;
            tenant: components["schemas"]["TenantName"];
            /** @description The id of the request's trace. */
            trace_id: string | null;
            /** @description The URL of the route after the event. */
            url: components["schemas"]["RouteUrl"] | null;
        };
        /** @description How far the archive is behind. */
        AuditStatus: {
            /**
             * Format: int64
             * @description The number of events of the listed tenants that the archive does not have.
             */
            events_behind: number;
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
            /** @description The backlog of the caller's tenant; for callers of the whole platform, of all tenants. */
            outbox: components["schemas"]["OutboxBacklog"];
            /**
             * Format: double
             * @description The age of the oldest of these events, in seconds.
             */
            seconds_behind: number;
            tenants: components["schemas"]["TenantAuditStatus"][];
        };
        /** @description A change of a route or of a policy in a batch. A batch may name each object only once. */
        BatchChange: components["schemas"]["PutRoute"] | components["schemas"]["SetRouteState"] | components["schemas"]["PutPolicy"] | components["schemas"]["DeletePolicy"];
        /** @description The body of `POST …/batch`. */
        BatchIn: {
            changes: components["schemas"]["BatchChange"][];
            /**
             * @description Confirms that routes are deactivated although policies send traffic to them. The policies must have somewhere else to send it.
             * @default false
             */
            confirm_in_use?: boolean;
            /** @description Confirms that much is removed: the member `confirm_shrink` of the problem `shrink_not_confirmed`. */
            confirm_shrink?: string | null;
        };
        /**
         * @description The state of a breaker: whether calls are let through.
         * @enum {string}
         */
        BreakerState: "closed" | "open" | "half_open";
        /** @description A change of a breaker's state. */
        BreakerTransition: {
            at: components["schemas"]["Timestamp"];
            /** @description Whether an administrator forced the change. */
            drill: boolean;
            to: components["schemas"]["BreakerState"];
        };
        /** @description Who the caller is, and what it may do. */
        Caller: {
            actor: components["schemas"]["CallerActor"];
            /** @description The environments that the caller is limited to; `null`: all. */
            envs: components["schemas"]["EnvName"][] | null;
            /** @description When the credential ends; `null`: it does not by itself. */
            expires_at: components["schemas"]["Timestamp"] | null;
            roles: components["schemas"]["RoleName"][];
            /** @description The services that the caller is limited to; `null`: all. */
            services: components["schemas"]["ServiceName"][] | null;
            /** @description The tenant that the caller is limited to; `null`: all tenants. */
            tenant: components["schemas"]["TenantName"] | null;
        };
        /** @description The caller as events name it. */
        CallerActor: {
            id: string;
            kind: string;
        };
        /** @description The point from which the archive has the chain. */
        ChainCheckpoint: {
            /** @description The hash of the last event of that revision. The first remaining event must name this hash. */
            hash: components["schemas"]["Sha256"];
            /** @description When the checkpoint was made. */
            made_at: components["schemas"]["Timestamp"];
            /** @description The last revision that was removed. */
            revision: components["schemas"]["Revision"];
        };
        /**
         * @description `edited`: the content of the event does not match its hash. `misplaced`: the event stands in another place than it says, or an archived member contradicts it. `broken_link`: the event does not follow the event before it. `wrong_end`: the newest event is not the last event in `PostgreSQL`.
         * @enum {string}
         */
        ChainFault: "edited" | "misplaced" | "broken_link" | "wrong_end";
        /** @description The result of a verification. */
        ChainVerification: {
            /** @description The point up to which retention removed events. The verification continues from there. */
            checkpoint: components["schemas"]["ChainCheckpoint"] | null;
            /** @description Whether `to` is the end that was asked for; if not, continue after `to`. */
            complete: boolean;
            epoch: components["schemas"]["Epoch"];
            /**
             * Format: int64
             * @description The number of events that were checked.
             */
            events: number;
            /** @description The first event that failed the check. Events after it were not checked. */
            first_bad: components["schemas"]["FirstBadEvent"] | null;
            /**
             * Format: int64
             * @description The first revision that was checked.
             */
            from: number;
            /** @description The revisions that the archive does not have, at most the first hundred. The newest may still be on their way. */
            missing: number[];
            /**
             * Format: int64
             * @description The number of revisions that the archive does not have.
             */
            missing_count: number;
            tenant: components["schemas"]["TenantName"];
            /**
             * Format: int64
             * @description The last revision that was checked.
             */
            to: number;
            /** @description Whether no event is bad and no revision is missing. */
            verified: boolean;
        };
        /** @description The number of objects for each action. */
        ChangeCounts: {
            /**
             * Format: int64
             * @description The number of objects that are created.
             */
            create: number;
            /**
             * Format: int64
             * @description The number of objects that are deleted.
             */
            delete: number;
            /**
             * Format: int64
             * @description The number of objects that are as desired already.
             */
            unchanged: number;
            /**
             * Format: int64
             * @description The number of objects that are changed.
             */
            update: number;
        };
        /** @description The events after a version tag. With `reset` these events are not available, and `snapshot` is the present state. */
        ChangeFeed: {
            changes: components["schemas"]["Event"][];
            /** @description Whether there are no more events for now. */
            complete: boolean;
            from: components["schemas"]["VersionTag"];
            /** @description Present if the tag is of another epoch or too old: start again with `snapshot`. */
            reset?: boolean;
            snapshot?: components["schemas"]["Snapshot"];
            /** @description The version tag after which to continue. */
            to: components["schemas"]["VersionTag"];
        };
        /** @description A server-sent event of the stream of all tenants. */
        ChangeStreamEvent: {
            /** @description The JSON text of an event. */
            data: string;
            /**
             * @description The type of the event.
             * @enum {string}
             */
            event: "change";
        };
        /** @description The explanation of how a policy chose the version for a request. */
        ChoiceExplanation: {
            /** @description The version that the rule or the split chose first, if that version was not active. */
            instead_of: components["schemas"]["VersionName"] | null;
            /** @description The key by which the split was decided; `null` if there was none and the choice was random. */
            key: string | null;
            policy: components["schemas"]["PolicyName"];
            /** @description The revision of the policy's last change. */
            policy_revision: components["schemas"]["Revision"];
            reason: components["schemas"]["ChoiceReason"];
            /** @description The name of the rule that took the request; `null` if no rule did. */
            rule: string | null;
            /**
             * Format: int64
             * @description The slot of the key, of 16,384; `null` if no split decided.
             */
            slot: number | null;
            /** @description The versions of the split that decided, the one that has the slot first. Empty if a rule without a split took the request, unless `reason` is `next_of_split`. */
            split: components["schemas"]["SplitScore"][];
        };
        /**
         * @description The reason for the choice. `version_header`: the request names its version. `failover`: the version that was chosen first is not active. `next_of_split`: no version of the failover order is active either. `nowhere`: no version is active.
         * @enum {string}
         */
        ChoiceReason: "version_header" | "rule" | "split" | "failover" | "next_of_split" | "nowhere";
        /** @description What a confirmed write removed. */
        ConfirmedRemoval: {
            /** @description The environment that the write was limited to; left out if it was not. */
            env?: components["schemas"]["EnvName"];
            /**
             * Format: int64
             * @description The active routes that were left in the scope.
             */
            left_routes: number;
            /**
             * Format: int64
             * @description The policies that were deleted.
             */
            removed_policies: number;
            /**
             * Format: int64
             * @description The active routes that were deleted or deactivated.
             */
            removed_routes: number;
            /** @description The service that the write was limited to; left out if it was not. */
            service?: components["schemas"]["ServiceName"];
        };
        /** @description Which part of a tenant's nodes runs a revision. */
        Convergence: {
            /**
             * Format: int64
             * @description The number of polls without a node's name in the last whole minute, at the instance that answers.
             */
            anonymous: number;
            /**
             * Format: int64
             * @description Those of them that run the revision.
             */
            converged: number;
            /** @description The first nodes by name that are there and do not run it; at most 20. */
            laggards: components["schemas"]["Laggard"][];
            /**
             * Format: int64
             * @description The nodes that are there.
             */
            live: number;
            /**
             * Format: int64
             * @description The nodes that are no longer there.
             */
            lost: number;
            /** @description The one of those that has run the same for longest. */
            oldest: components["schemas"]["Laggard"] | null;
            /** @description Whether the instance does not know all nodes. */
            partial: boolean;
            /**
             * Format: int64
             * @description Those of them that say that they cannot run it.
             */
            refused: number;
            revision: components["schemas"]["VersionTag"];
            /** @description How the wait ended; only in answers to writes that waited. */
            state?: components["schemas"]["ConvergenceState"];
            /**
             * Format: int64
             * @description The nodes that are there and have never said what they run; not among `live`.
             */
            unknown: number;
            /** @description Whether the instance is so new that nodes may not have come yet. */
            warming: boolean;
        };
        /**
         * @description How a wait for nodes ended.
         * @enum {string}
         */
        ConvergenceState: "converged" | "failed" | "timeout" | "partial" | "no_nodes" | "warming";
        /**
         * @description The name of a cookie.
         * @example sid
         */
        CookieName: string;
        /** @description The body of `POST /keys`. */
        CreateKey: {
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by_kind?: unknown;
            /** @default  */
            description?: string;
            /** @default [] */
            envs?: components["schemas"]["EnvName"][];
            expires_at?: components["schemas"]["TimestampIn"] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly id?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly last_used_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly previous_until?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revoked_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revoked_by?: unknown;
            roles: components["schemas"]["RoleName"][];
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly rotated_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly rotated_by?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly rotated_by_kind?: unknown;
            /** @default [] */
            services?: components["schemas"]["ServiceName"][];
            tenant?: components["schemas"]["TenantName"] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly tokens?: unknown;
        };
        /** @description The cursor of a page: `next_cursor` of the page before. Send it with the same filters. Its content is opaque and signed. */
        Cursor: string;
        /** @description A dead letter, without its content. */
        DeadLetter: {
            /** @description When the record was dead-lettered, by the broker's clock. */
            at: components["schemas"]["Timestamp"];
            /**
             * Format: int64
             * @description The number of attempts, including redrives.
             */
            attempts: number;
            decision: components["schemas"]["DeadLetterDecision"] | null;
            /** @description The header `ce_id` of the record, unchecked. */
            event_id: string | null;
            /** @description The header `ce_type` of the record, unchecked. */
            event_type: string | null;
            id: components["schemas"]["DeadLetterId"];
            /** @description Whether the record was too large to be kept with its key, value and headers. These may still exist at `origin`. */
            omitted: boolean;
            origin: components["schemas"]["DeadLetterOrigin"] | null;
            /** @description The reason why the record is a dead letter, such as `unknown_version`. */
            reason: string;
            /** @description `waiting`: no decision yet. `redriving`: a redrive was decided, and it is not known yet whether the record was sent. */
            state: components["schemas"]["DeadLetterState"];
            /** @description The tenant that the record's key names. The sender of the record wrote the key. */
            tenant: components["schemas"]["TenantName"] | null;
        };
        /** @description The decision to redrive or to discard a dead letter. */
        DeadLetterDecision: {
            decided_at: components["schemas"]["Timestamp"];
            decided_by: string;
            reason: string | null;
        };
        /** @description A dead letter with its content. */
        DeadLetterDetails: {
            /** @description When the record was dead-lettered, by the broker's clock. */
            at: components["schemas"]["Timestamp"];
            /**
             * Format: int64
             * @description The number of attempts, including redrives.
             */
            attempts: number;
            decision: components["schemas"]["DeadLetterDecision"] | null;
            /** @description The header `ce_id` of the record, unchecked. */
            event_id: string | null;
            /** @description The header `ce_type` of the record, unchecked. */
            event_type: string | null;
            /** @description The original headers of the record, and the headers that say why the record is a dead letter. */
            headers: components["schemas"]["RecordHeader"][];
            id: components["schemas"]["DeadLetterId"];
            key: components["schemas"]["RecordContent"] | null;
            /** @description Whether the record was too large to be kept with its key, value and headers. These may still exist at `origin`. */
            omitted: boolean;
            origin: components["schemas"]["DeadLetterOrigin"] | null;
            /** @description The reason why the record is a dead letter, such as `unknown_version`. */
            reason: string;
            /** @description `waiting`: no decision yet. `redriving`: a redrive was decided, and it is not known yet whether the record was sent. */
            state: components["schemas"]["DeadLetterState"];
            /** @description The tenant that the record's key names. The sender of the record wrote the key. */
            tenant: components["schemas"]["TenantName"] | null;
            value: components["schemas"]["RecordContent"] | null;
        };
        /**
         * @description The id of a dead letter: its partition and offset in the dead-letter topic.
         * @example 0-17
         */
        DeadLetterId: string;
        /** @description The place in Kafka from which a dead letter came, according to its headers. */
        DeadLetterOrigin: {
            /** Format: int64 */
            offset: number;
            /** Format: int32 */
            partition: number;
            topic: string;
        };
        /**
         * @description The reason why a record is a dead letter; docs/events.md lists the reasons.
         * @example unknown_version
         */
        DeadLetterReason: string;
        /**
         * @description The state of a dead letter. `waiting`: nobody has decided. `redriving`: a redrive was decided, and it is not known yet whether the record was sent.
         * @enum {string}
         */
        DeadLetterState: "waiting" | "redriving" | "redriven" | "discarded";
        /**
         * DeletePolicy
         * @description Deletes a traffic policy.
         */
        DeletePolicy: {
            /** @enum {string} */
            action: "delete";
            policy: components["schemas"]["PolicyNameIn"];
        };
        /** @description The present protection of calls to a dependency. */
        Dependency: {
            breaker: components["schemas"]["BreakerState"];
            /** @description The last changes of the breaker's state, newest first; at most 16. */
            breaker_moves: components["schemas"]["BreakerTransition"][];
            /**
             * Format: int64
             * @description How often the breaker has opened since the start.
             */
            breaker_opened_total: number;
            /**
             * Format: int64
             * @description The number of calls that may run at a time.
             */
            bulkhead: number;
            /** @description The breaker state that an administrator forces now, if any. */
            drill: components["schemas"]["ForcedBreaker"] | null;
            /**
             * Format: int64
             * @description The number of failures in a row that open the breaker.
             */
            failures: number;
            /**
             * Format: int64
             * @description The number of calls that run now.
             */
            in_flight: number;
            name: string;
            /**
             * Format: int64
             * @description The number of calls that may probe a half-open breaker at a time.
             */
            probes: number;
            /**
             * Format: int64
             * @description The number of retries that may be spent now.
             */
            retry_budget: number;
            /**
             * Format: int64
             * @description Milliseconds until a call is given up.
             */
            timeout_ms: number;
        };
        /** @description The body of `POST /dead-letters/{letter_id}/discard`. */
        DiscardDeadLetter: {
            /** @description The reason why the dead letter is not needed: stored with the dead letter and in the access log. */
            reason: components["schemas"]["RequiredReason"];
        };
        /** @description The part of a tenant that a plan covers. */
        DocumentScope: {
            /** @description Covers only this environment; `null` for every environment. */
            env: components["schemas"]["EnvName"] | null;
            /** @description Covers only this service; `null` for every service. */
            service: components["schemas"]["ServiceName"] | null;
        };
        /** @description The part of a tenant that a document covers. */
        DocumentScopeIn: {
            /** @description Covers only this environment; every environment without it. */
            env?: components["schemas"]["EnvName"] | null;
            /** @description Covers only this service; every service without it. */
            service?: components["schemas"]["ServiceName"] | null;
        };
        /**
         * @description The name of an environment: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
         * @example prod
         */
        EnvName: string;
        /**
         * @description The name of one history of a tenant. Revisions of different epochs cannot be compared.
         * @example adc74a594a3e0e8f
         */
        Epoch: string;
        /** @description One committed change of a route, of a traffic policy, or of the tenant. */
        Event: components["schemas"]["RouteEvent"] | components["schemas"]["PolicyEvent"] | components["schemas"]["TenantEvent"];
        /**
         * @description The action of an event: on a route, on a traffic policy (`policy_…`), or on the tenant (`tenant_…`).
         * @enum {string}
         */
        EventAction: "created" | "updated" | "activated" | "deactivated" | "deleted" | "policy_set" | "policy_deleted" | "tenant_created" | "tenant_updated" | "tenant_deleted";
        /**
         * Format: uuid
         * @description The id of an event (UUIDv7). The ids of events give no order.
         * @example 01a1fd21-de3d-7778-bc54-13f5856b700d
         */
        EventId: string;
        /** @description The object of an event: a route; a traffic policy, which has no version; or the tenant itself. */
        EventSubject: {
            env?: components["schemas"]["EnvName"];
            service?: components["schemas"]["ServiceName"];
            tenant: components["schemas"]["TenantName"];
            version?: components["schemas"]["VersionName"];
        };
        EventsByAction: {
            action: components["schemas"]["EventAction"];
            /** Format: int64 */
            count: number;
            events: components["schemas"]["ArchivedEvent"][];
            /** Format: int64 */
            hours: number;
        };
        EventsByRoute: {
            /** Format: int64 */
            count: number;
            events: components["schemas"]["ArchivedEvent"][];
            route: components["schemas"]["RouteKey"];
        };
        EventsInTimeRange: {
            /** Format: int64 */
            count: number;
            end_time: components["schemas"]["Timestamp"];
            events: components["schemas"]["ArchivedEvent"][];
            start_time: components["schemas"]["Timestamp"];
        };
        /** @description An error of one field. `pointer` is a JSON pointer into the body (RFC 6901), `?name` for a query parameter, `{name}` for a part of the path, or a header's name with a colon after it. */
        FieldError: {
            /** @description The code of the error: stable, in `snake_case`. */
            code: string;
            /** @description A description of the expected value. */
            detail: string;
            /** @description The place of the field in the request. */
            pointer: string;
        };
        /** @description An event that failed the verification. */
        FirstBadEvent: {
            reason: components["schemas"]["ChainFault"];
            /**
             * Format: int64
             * @description The revision of the event.
             */
            revision: number;
        };
        /** @description An answer that the proxy gives by itself. */
        FixedResponse: {
            /** @description The body, as plain text; empty if absent. At most 4,096 bytes. */
            body?: string;
            status: number;
        };
        /** @description An answer that the proxy gives by itself. */
        FixedResponseIn: {
            /** @description The body, as plain text; empty if absent. At most 4,096 bytes. */
            body?: string;
            status: number;
        };
        /** @description The body of `POST /resilience/{dependency}/drill`. */
        ForceBreaker: {
            /** @description How long the state is forced, in seconds, at most `resilience.max_forced_state_seconds`. After that the breaker starts anew. */
            seconds: number;
            state: components["schemas"]["ForcedBreakerState"];
        };
        /** @description A forced breaker state. */
        ForcedBreaker: {
            /** Format: int64 */
            seconds_left: number;
            state: components["schemas"]["ForcedBreakerState"];
        };
        /**
         * @description The state that a breaker is forced into.
         * @enum {string}
         */
        ForcedBreakerState: "open" | "closed";
        /** @description Changes of headers. A header is either set or removed. */
        HeaderEdits: {
            /** @description The headers that are removed. */
            remove?: components["schemas"]["HeaderName"][];
            /** @description The headers that get a value, whatever they had before. */
            set?: {
                [key: string]: string;
            };
        };
        /** @description Changes of headers. A header is either set or removed. */
        HeaderEditsIn: {
            /** @description The headers that are removed. */
            remove?: components["schemas"]["HeaderName"][];
            /** @description The headers that get a value, whatever they had before. */
            set?: {
                [key: string]: string;
            };
        };
        /** @description Changes the changes of headers. Absent members stay as they are, and `null` removes a member. */
        HeaderEditsPatchIn: {
            /** @description The headers that are removed. */
            remove?: components["schemas"]["HeaderName"][];
            /** @description The headers that get a value, whatever they had before. */
            set?: {
                [key: string]: string | null;
            };
        };
        /** @description The condition on a request header or a query parameter. Values are compared with their case; a text has at most 512 bytes. */
        HeaderMatch: {
            /** @description The value has this text in it. */
            contains?: string;
            /** @description The value is exactly this. */
            exact?: string;
            /** @description The value begins with this text. */
            prefix?: string;
            /** @description Whether there is a value (`true`) or none (`false`). */
            present?: boolean;
            /** @description The whole value matches this regular expression. Its syntax is the one that Envoy, HAProxy, nginx, Caddy and Traefik share (docs/api.md#patterns). A policy may have 64 of them. */
            regex?: string;
            /** @description The value ends with this text. */
            suffix?: string;
        };
        /** @description The condition on a request header or a query parameter. Values are compared with their case; a text has at most 512 bytes. */
        HeaderMatchIn: {
            /** @description The value has this text in it. */
            contains?: string;
            /** @description The value is exactly this. */
            exact?: string;
            /** @description The value begins with this text. */
            prefix?: string;
            /** @description Whether there is a value (`true`) or none (`false`). */
            present?: boolean;
            /** @description The whole value matches this regular expression. Its syntax is the one that Envoy, HAProxy, nginx, Caddy and Traefik share (docs/api.md#patterns). A policy may have 64 of them. */
            regex?: string;
            /** @description The value ends with this text. */
            suffix?: string;
        };
        /**
         * @description The name of a request header, in upper or lower case. Headers of the connection, such as `Host`, are not allowed.
         * @example x-beta
         */
        HeaderName: string;
        /** @description The result of one check. */
        HealthCheck: {
            /** @description The reason, if the part is not healthy. */
            detail?: string | null;
            /** @description The health of the checked part. */
            status: components["schemas"]["HealthStatus"];
        };
        /**
         * @description The health of a part.
         * @enum {string}
         */
        HealthStatus: "healthy" | "degraded" | "unhealthy";
        /** @description A position in the history of a tenant. */
        HistoryPosition: {
            epoch: components["schemas"]["Epoch"];
            revision: components["schemas"]["Revision"];
            tenant: components["schemas"]["TenantName"];
        };
        /**
         * @description The `Host` header that versions get: `upstream` (the host of their URL, as without this member), `keep` (the client's), or a lower-case DNS name without a port.
         * @example keep
         */
        HostHeader: string;
        /**
         * @description A DNS name (RFC 1123) in lower case, without a port and without a final dot, or `*.` and such a name, which stands for every name under it. IP addresses are not allowed. Names in other scripts are written as A-labels (RFC 5890).
         * @example shop.example.com
         */
        HostPattern: string;
        /**
         * @description A DNS name that stands for itself and every name under it. The tenant may have hosts with these names.
         * @example example.com
         */
        HostSuffix: string;
        /** @description Any JSON value. */
        JsonValue: string | number | boolean | {
            [key: string]: unknown;
        } | unknown[] | null;
        /** @description The position in Kafka from which an event was read. */
        KafkaPosition: {
            /** Format: int64 */
            offset: number;
            /** Format: int64 */
            partition: number;
            topic: string;
        };
        /**
         * @description A label, `key=value`.
         * @example team=payments
         */
        LabelPair: string;
        /**
         * @description Free-form labels. A value has at most 255 bytes.
         * @example {
         *       "team": "payments"
         *     }
         */
        Labels: {
            [key: string]: string;
        };
        /**
         * @description Labels to set; `null` removes a label. The changed route may have at most 32 labels.
         * @example {
         *       "team": "payments"
         *     }
         */
        LabelsPatchIn: {
            [key: string]: string | null;
        };
        /** @description A node that is there and does not run a revision. */
        Laggard: {
            /** @description The version tag that it runs. */
            applied: components["schemas"]["VersionTag"] | null;
            node: components["schemas"]["NodeName"];
            /**
             * Format: double
             * @description For how many seconds it has run that.
             */
            seconds: number;
        };
        /**
         * @description An IPv4 address, or `[::]` or `[::1]`, and a port.
         * @example 127.0.0.1:10000
         */
        ListenAddress: string;
        /** @description The answer of a process that serves. */
        Liveness: {
            /** @description Whether the instance is ready, as in `/health/ready`. */
            ready: boolean;
            status: components["schemas"]["HealthStatus"];
            /** @description The version of the program. */
            version: string;
        };
        /** @description The event that gave a member its value. */
        MemberBlame: {
            action: components["schemas"]["RouteAction"];
            actor: components["schemas"]["Actor"];
            event_id: components["schemas"]["EventId"];
            occurred_at: components["schemas"]["Timestamp"];
            /** @description The reason for the change, in the caller's words. */
            reason: string | null;
            /** @description The revision of the event. */
            revision: components["schemas"]["Revision"];
            /** @description The member's present value. */
            value: components["schemas"]["JsonValue"];
        };
        /** @description Copies of requests for a version whose answers are thrown away. */
        Mirror: {
            /** @description The share of requests that are copied, in 1/10 000. */
            share: number;
            version: components["schemas"]["VersionName"];
        };
        /** @description Copies of requests for a version whose answers are thrown away. */
        MirrorIn: {
            /** @description The share of requests that are copied, in 1/10 000. */
            share: number;
            version: components["schemas"]["VersionName"];
        };
        /** @description Changes the mirror. Absent members stay as they are. */
        MirrorPatchIn: {
            share?: number | null;
            version?: components["schemas"]["VersionName"] | null;
        };
        /** @description An API key with its token. The token is shown only this once. */
        NewApiKey: {
            created_at: components["schemas"]["Timestamp"];
            created_by: string;
            /** @description The kind of caller that created the key: `key`, `jwt` or `command`; `null` for old keys whose creator's kind is not known. */
            created_by_kind: string | null;
            /** @description The purpose of the key. */
            description: string;
            /** @description The environments to which the key is limited; empty for any environment. */
            envs: components["schemas"]["EnvName"][];
            expires_at: components["schemas"]["Timestamp"] | null;
            /** @description The id of the key. It is part of the token, and is not secret. */
            id: string;
            /** @description When the key was last used, to about a minute. */
            last_used_at: components["schemas"]["Timestamp"] | null;
            /** @description The time until which the previous token is good. */
            previous_until: components["schemas"]["Timestamp"] | null;
            revoked_at: components["schemas"]["Timestamp"] | null;
            revoked_by: string | null;
            roles: components["schemas"]["RoleName"][];
            /** @description When the key's token was last replaced. */
            rotated_at: components["schemas"]["Timestamp"] | null;
            /** @description The id of the caller that replaced the token and was shown the new one. */
            rotated_by: string | null;
            rotated_by_kind: string | null;
            /** @description The services to which the key is limited; empty for any service. */
            services: components["schemas"]["ServiceName"][];
            /** @description The tenant of the key; `null` if the key is for every tenant. */
            tenant: components["schemas"]["TenantName"] | null;
            /** @description The token to send as `Authorization: Bearer`. Absent if the answer repeats that of an earlier request. */
            token?: string | null;
            /**
             * Format: int64
             * @description The number of tokens that the key has had. From the second token on, `actor.token` of an event says which token was used.
             */
            tokens: number;
        };
        /** @description A node within one scope. */
        Node: {
            /** @description The version tag that the node runs; `null`: none, or it did not say. */
            applied: components["schemas"]["VersionTag"] | null;
            /** @description How the node takes its configuration; `null`: as JSON, or it did not say. */
            dialect: string | null;
            /** @description The environment that the node follows; `null`: all. */
            env: components["schemas"]["EnvName"] | null;
            error: components["schemas"]["NodeError"] | null;
            /** @description The instance of the service that the node was last at. */
            instance: string;
            /**
             * Format: double
             * @description The longest usual time between two requests of the node, in seconds.
             */
            interval_seconds: number;
            /**
             * Format: int64
             * @description How many revisions the node is behind.
             */
            lag_revisions: number;
            node: components["schemas"]["NodeName"];
            /** @description When the node was last there. */
            seen: components["schemas"]["Timestamp"];
            /** @description The version tag that the node was sent last. */
            served: components["schemas"]["VersionTag"] | null;
            /** @description The service that the node follows; `null`: all. */
            service: components["schemas"]["ServiceName"] | null;
            /** @description Since when it has run that. */
            since: components["schemas"]["Timestamp"] | null;
            state: components["schemas"]["NodeState"];
        };
        /** @description Why a node does not run the newest revision, in its own words. */
        NodeError: {
            code: string;
            /** @description The refused version tag, if the node said it. */
            tag: components["schemas"]["VersionTag"] | null;
            text: string;
        };
        /** @description Why a node does not run the newest revision. */
        NodeErrorReport: {
            code: string;
            /** @description The refused version tag. */
            tag?: components["schemas"]["VersionTag"] | null;
            /** @description The node's words; 1024 bytes of them are kept. */
            text: string;
        };
        /**
         * @description The name of a node: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
         * @example edge-1
         */
        NodeName: string;
        /** @description What a node has said. */
        NodeReport: {
            /** @description The version tag that the node runs. */
            applied?: components["schemas"]["VersionTag"] | null;
            /**
             * Format: int64
             * @description How many milliseconds ago it said `applied` and `error`; as `seen_ms_ago` if it is missing.
             */
            applied_ms_ago?: number | null;
            /** @description How the node takes its configuration. */
            dialect?: components["schemas"]["ServiceName"] | null;
            /** @description The environment that the node follows; `null`: all. */
            env?: components["schemas"]["EnvName"] | null;
            error?: components["schemas"]["NodeErrorReport"] | null;
            node: components["schemas"]["NodeName"];
            /**
             * Format: int64
             * @description How many milliseconds ago the node was last there.
             */
            seen_ms_ago: number;
            /** @description The version tag that the node was sent last. */
            served?: components["schemas"]["VersionTag"] | null;
            /** @description The service that the node follows; `null`: all. */
            service?: components["schemas"]["ServiceName"] | null;
        };
        /** @description The body of `POST /tenants/{tenant}/nodes`. */
        NodeReports: {
            reports: components["schemas"]["NodeReport"][];
        };
        /** @description A node, with each scope that it follows. */
        NodeScopes: {
            node: components["schemas"]["NodeName"];
            scopes: components["schemas"]["Node"][];
        };
        /**
         * @description The state of a node.
         * @enum {string}
         */
        NodeState: "converged" | "lagging" | "refused" | "unknown" | "lost";
        /** @description Events that Kafka has not acknowledged. */
        OutboxBacklog: {
            /**
             * Format: int64
             * @description The number of events; counting stops at a hundred thousand.
             */
            events: number;
            /**
             * Format: double
             * @description The age of the oldest event, in seconds.
             */
            oldest_seconds: number;
        };
        /** @description A page of a list. */
        PageOfAccessRecord: {
            /** @description The items of the page. */
            items: components["schemas"]["AccessRecord"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfApiKey: {
            /** @description The items of the page. */
            items: components["schemas"]["ApiKey"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfArchivedEvent: {
            /** @description The items of the page. */
            items: components["schemas"]["ArchivedEvent"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfDeadLetter: {
            /** @description The items of the page. */
            items: components["schemas"]["DeadLetter"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfEvent: {
            /** @description The items of the page. */
            items: components["schemas"]["Event"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfNode: {
            /** @description The items of the page. */
            items: components["schemas"]["Node"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfPlanSummary: {
            /** @description The items of the page. */
            items: components["schemas"]["PlanSummary"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfPolicy: {
            /** @description The items of the page. */
            items: components["schemas"]["Policy"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfReplay: {
            /** @description The items of the page. */
            items: components["schemas"]["Replay"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of routes. */
        PageOfRoute: {
            /**
             * Format: int64
             * @description Only with `count=true`: how many routes match, on all pages.
             */
            count?: number | null;
            items: components["schemas"]["Route"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A page of a list. */
        PageOfTenant: {
            /** @description The items of the page. */
            items: components["schemas"]["Tenant"][];
            /** @description The cursor of the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description The condition on the path of a request, without its query. */
        PathMatch: {
            /**
             * @description The path is exactly this.
             * @example /shop/cart
             */
            exact?: string;
            prefix?: components["schemas"]["PathPrefix"];
            /** @description The whole path matches this regular expression; its syntax is that of headers. */
            regex?: string;
        };
        /** @description The condition on the path of a request, without its query. */
        PathMatchIn: {
            /**
             * @description The path is exactly this.
             * @example /shop/cart
             */
            exact?: string;
            prefix?: components["schemas"]["PathPrefix"];
            /** @description The whole path matches this regular expression; its syntax is that of headers. */
            regex?: string;
        };
        /**
         * @description A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..` segments, `%`, and a final `/`.
         * @example /shop
         */
        PathPrefix: string;
        /** @description The change of the path of requests. The path of the version's URL goes before the result. */
        PathRewrite: {
            /** @description Put before the path, after stripping. */
            prefix: components["schemas"]["PathPrefix"] | null;
            /** @description Whether the path prefix by which a request came to the policy is removed. */
            strip_prefix: boolean;
        };
        /** @description The change of the path of requests. The path of the version's URL goes before the result. */
        PathRewriteIn: {
            /** @description Put before the path, after stripping. */
            prefix?: components["schemas"]["PathPrefix"] | null;
            /** @description Whether the path prefix by which a request came to the policy is removed. */
            strip_prefix?: boolean;
        };
        /** @description Changes the change of the path. Absent members stay as they are. */
        PathRewritePatchIn: {
            prefix?: components["schemas"]["PathPrefix"] | null;
            strip_prefix?: boolean | null;
        };
        /** @description A plan: changes that were computed and wait to be applied. */
        Plan: {
            /** @description The number of active routes in the scope before and after the plan. */
            active_routes: number[];
            /** @description The tenant's version tag when the plan was made. The plan can be applied while nothing in its scope has changed since. */
            base: components["schemas"]["VersionTag"];
            /** @description The changes, in the order in which they are applied. */
            changes: components["schemas"]["PlannedChange"][];
            /** @description When the plan was made. */
            created_at: components["schemas"]["Timestamp"];
            /** @description The id of the actor that made the plan. */
            created_by: string;
            /** @description When the plan expires and is forgotten. */
            expires_at: components["schemas"]["Timestamp"];
            /** @description The hash of the plan. Send it to apply the plan. */
            hash: components["schemas"]["Sha256"];
            id: components["schemas"]["PlanId"];
            /** @description Whether objects in the scope are deleted if the document does not name them. */
            prune: boolean;
            /** @description The reason for the plan, in its creator's words. */
            reason: string | null;
            scope: components["schemas"]["DocumentScope"];
            summary: components["schemas"]["ChangeCounts"];
            tenant: components["schemas"]["TenantName"];
            /** @description Warnings to consider before the plan is applied. */
            warnings: components["schemas"]["PlanWarning"][];
        };
        /**
         * Format: uuid
         * @description The id of a plan (UUIDv7).
         * @example 01a1fd21-de3d-7778-bc54-13f5856b700d
         */
        PlanId: string;
        /** @description A plan that is not stored. */
        PlanPreview: {
            /** @description The number of active routes in the scope, before and after. */
            active_routes: number[];
            /** @description The tenant's tag when the plan was computed. */
            base: components["schemas"]["VersionTag"];
            /** @description The changes that the plan would make, in their order. */
            changes: components["schemas"]["PlannedChange"][];
            /** @description Whether the plan would remove objects in the scope that the document does not name. */
            prune: boolean;
            scope: components["schemas"]["DocumentScope"];
            summary: components["schemas"]["ChangeCounts"];
            tenant: components["schemas"]["TenantName"];
            /** @description The warnings to consider before such a plan is applied. */
            warnings: components["schemas"]["PlanWarning"][];
        };
        /** @description A plan without its changes. */
        PlanSummary: {
            /** @description The number of active routes in the scope, before and after. */
            active_routes: number[];
            /** @description The tenant's tag when the plan was computed. */
            base: components["schemas"]["VersionTag"];
            created_at: components["schemas"]["Timestamp"];
            /** @description The caller that created the plan. */
            created_by: string;
            /** @description The time at which the plan expires. */
            expires_at: components["schemas"]["Timestamp"];
            /** @description The hash that the plan is applied with. */
            hash: components["schemas"]["Sha256"];
            id: components["schemas"]["PlanId"];
            /** @description Whether the plan removes objects in the scope that the document does not name. */
            prune: boolean;
            /** @description The reason that the creator of the plan gave. */
            reason: string | null;
            scope: components["schemas"]["DocumentScope"];
            summary: components["schemas"]["ChangeCounts"];
            tenant: components["schemas"]["TenantName"];
            /** @description The warnings to consider before the plan is applied. */
            warnings: components["schemas"]["PlanWarning"][];
        };
        /** @description A warning to consider before a plan is applied. */
        PlanWarning: {
            /** @description The code of the problem that applying the plan may answer: a confirmation is missing, or `too_many_writes`. */
            code: string;
            /** @description A sentence for people. */
            detail: string;
        };
        /** @description The change of one object. */
        PlannedChange: {
            /** @enum {string} */
            action: "create" | "update" | "delete";
            /** @description The object after the change; `null` if there is none. */
            after: components["schemas"]["RouteOrPolicySpec"] | null;
            /** @description The object before the change; `null` if there is none. */
            before: components["schemas"]["RouteOrPolicySpec"] | null;
            key: components["schemas"]["RouteOrPolicyName"];
        };
        /**
         * @description A point in the tenant's present history: a revision, a version tag, or a time (RFC 3339; a time without a zone is UTC).
         * @example 4
         * @example adc74a594a3e0e8f.4
         * @example 2026-11-21T08:03:37Z
         */
        PointInTime: string;
        /** @description A traffic policy of a tenant. */
        Policy: {
            /** @description Only in answers to writes with `wait`: the nodes that run the change. */
            convergence?: components["schemas"]["Convergence"];
            /** @description When the policy was created. */
            created_at: components["schemas"]["Timestamp"];
            /** @description The id of the actor that created the policy. */
            created_by: string;
            env: components["schemas"]["EnvName"];
            /** @description The versions that get the traffic of an inactive version, in this order. */
            failover: components["schemas"]["VersionName"][];
            host_header?: components["schemas"]["HostHeader"];
            /** @description The hosts that belong to the policy, sorted. */
            hosts: components["schemas"]["HostPattern"][];
            mirror?: components["schemas"]["Mirror"];
            path_prefix: components["schemas"]["PathPrefix"];
            /** @description The parts of the hosts' paths that belong to the policy, sorted. Where it is absent, `path_prefix` is the only one; where it is there, `path_prefix` is the first. */
            path_prefixes?: components["schemas"]["PathPrefix"][];
            /** @description Changes of the headers of requests. */
            request_headers?: components["schemas"]["HeaderEdits"];
            /** @description Changes of the headers of responses. */
            response_headers?: components["schemas"]["HeaderEdits"];
            retries?: components["schemas"]["Retries"];
            /** @description The tenant's revision of the policy's last change. */
            revision: components["schemas"]["Revision"];
            rewrite?: components["schemas"]["PathRewrite"];
            /** @description The rules. They are checked before `split`, in this order. */
            rules: components["schemas"]["PolicyRule"][];
            service: components["schemas"]["ServiceName"];
            /** @description How requests that no rule takes are shared between versions. */
            split: components["schemas"]["SplitEntry"][];
            sticky_by: components["schemas"]["StickyBy"] | null;
            tenant: components["schemas"]["TenantName"];
            /** @description The longest time until the end of the response, in milliseconds; no limit if absent. */
            timeout_ms?: number;
            /** @description When the policy last changed. */
            updated_at: components["schemas"]["Timestamp"];
            /** @description The id of the actor that made the last change. */
            updated_by: string;
            /** @description The request header that names a version. Such a version goes before the rules. */
            version_header?: components["schemas"]["HeaderName"];
        };
        /**
         * @description The action on a traffic policy.
         * @enum {string}
         */
        PolicyAction: "policy_set" | "policy_deleted";
        /** @description A traffic policy in an exported document. */
        PolicyDocument: {
            env: components["schemas"]["EnvName"];
            /** @description The versions that get the traffic of an inactive version, in this order. */
            failover: components["schemas"]["VersionName"][];
            host_header?: components["schemas"]["HostHeader"];
            /** @description The hosts that belong to the policy, sorted. */
            hosts: components["schemas"]["HostPattern"][];
            mirror?: components["schemas"]["Mirror"];
            path_prefix: components["schemas"]["PathPrefix"];
            /** @description The parts of the hosts' paths that belong to the policy, sorted. Where it is absent, `path_prefix` is the only one; where it is there, `path_prefix` is the first. */
            path_prefixes?: components["schemas"]["PathPrefix"][];
            /** @description Changes of the headers of requests. */
            request_headers?: components["schemas"]["HeaderEdits"];
            /** @description Changes of the headers of responses. */
            response_headers?: components["schemas"]["HeaderEdits"];
            retries?: components["schemas"]["Retries"];
            rewrite?: components["schemas"]["PathRewrite"];
            /** @description The rules. They are checked before `split`, in this order. */
            rules: components["schemas"]["PolicyRule"][];
            service: components["schemas"]["ServiceName"];
            /** @description How requests that no rule takes are shared between versions. */
            split: components["schemas"]["SplitEntry"][];
            sticky_by: components["schemas"]["StickyBy"] | null;
            /** @description The longest time until the end of the response, in milliseconds; no limit if absent. */
            timeout_ms?: number;
            /** @description The request header that names a version. Such a version goes before the rules. */
            version_header?: components["schemas"]["HeaderName"];
        };
        /** @description A traffic policy in a tenant document or in a batch. */
        PolicyDocumentIn: {
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by?: unknown;
            env: components["schemas"]["EnvName"];
            /** @description The versions that get the traffic of an inactive version, in this order. */
            failover?: components["schemas"]["VersionName"][];
            host_header?: components["schemas"]["HostHeader"] | null;
            /** @description The hosts that belong to the policy. */
            hosts?: components["schemas"]["HostPattern"][];
            mirror?: components["schemas"]["MirrorIn"] | null;
            path_prefix?: components["schemas"]["PathPrefix"];
            /** @description The parts of the hosts' paths that belong to the policy; `path_prefix` alone is the same as a list of one. */
            path_prefixes?: components["schemas"]["PathPrefix"][];
            /** @description Changes of the headers of requests. */
            request_headers?: components["schemas"]["HeaderEditsIn"] | null;
            /** @description Changes of the headers of responses. */
            response_headers?: components["schemas"]["HeaderEditsIn"] | null;
            retries?: components["schemas"]["RetriesIn"] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revision?: unknown;
            rewrite?: components["schemas"]["PathRewriteIn"] | null;
            /** @description The rules. They are checked before `split`, in this order. */
            rules?: components["schemas"]["PolicyRuleIn"][];
            service: components["schemas"]["ServiceName"];
            /** @description How requests that no rule takes are shared between versions. */
            split?: components["schemas"]["SplitEntryIn"][];
            sticky_by?: components["schemas"]["StickyByIn"] | null;
            /** @description Optional: must be the same as in the path. */
            readonly tenant?: unknown;
            /** @description The longest time until the end of the response, in milliseconds; no limit if absent. */
            timeout_ms?: number | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_by?: unknown;
            /** @description The request header that names a version. Such a version goes before the rules. */
            version_header?: components["schemas"]["HeaderName"] | null;
        };
        /** @description A change of a traffic policy. */
        PolicyEvent: {
            action: components["schemas"]["PolicyAction"];
            actor: components["schemas"]["Actor"];
            /** @description The policy after the change; `null` if the policy was deleted. */
            after: components["schemas"]["PolicySpec"] | null;
            /** @description The policy before the change; `null` if the policy is new. */
            before: components["schemas"]["PolicySpec"] | null;
            /** @description The write removed more than half of its scope's active routes and more than ten, or all of them, and the caller confirmed that. Left out otherwise. */
            confirmed_removal?: components["schemas"]["ConfirmedRemoval"];
            epoch: components["schemas"]["Epoch"];
            /** @description SHA-256 over the RFC 8785 bytes of the event without this member. */
            hash: components["schemas"]["Sha256"];
            id: components["schemas"]["EventId"];
            /**
             * Format: int64
             * @description The number of the event within its revision, from 0.
             */
            item: number;
            /**
             * Format: int64
             * @description The number of events in the revision.
             */
            items: number;
            /** @description The time by the clock of the instance that decided the change. The time gives no order. */
            occurred_at: components["schemas"]["Timestamp"];
            policy: components["schemas"]["PolicyName"];
            /** @description The hash of the tenant's event before this one; 64 zeros for the first of an epoch. */
            prev_hash: components["schemas"]["Sha256"];
            /** @description `X-Reason` of the request; an envelope `enc:v1:…` when personal data is sealed. */
            reason: string | null;
            /** @description `X-Correlation-ID` of the request. */
            request_id: string;
            /**
             * Format: int64
             * @description The revision, which gives the order of events: without gaps within a tenant and epoch.
             */
            revision: number;
            /** @description The address of the client; an envelope when personal data is sealed. */
            source_ip: string | null;
            tenant: components["schemas"]["TenantName"];
            /** @description W3C trace id of the request. */
            trace_id: string | null;
        };
        /** @description The body of `PUT`: a policy without its name. */
        PolicyIn: {
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by?: unknown;
            /** @description Optional: must be the same as in the path. */
            readonly env?: unknown;
            /**
             * @description The versions that get the traffic of an inactive version, in this order.
             * @default []
             */
            failover?: components["schemas"]["VersionName"][];
            host_header?: components["schemas"]["HostHeader"] | null;
            /**
             * @description The hosts that belong to the policy.
             * @default []
             */
            hosts?: components["schemas"]["HostPattern"][];
            mirror?: components["schemas"]["MirrorIn"] | null;
            /** @description The only path prefix, or one of `path_prefixes`. */
            path_prefix?: components["schemas"]["PathPrefix"] | null;
            /**
             * @description The parts of the hosts' paths that belong to the policy; `/` if there is no path prefix.
             * @default []
             */
            path_prefixes?: components["schemas"]["PathPrefix"][];
            /** @description Changes of the headers of requests. */
            request_headers?: components["schemas"]["HeaderEditsIn"] | null;
            /** @description Changes of the headers of responses. */
            response_headers?: components["schemas"]["HeaderEditsIn"] | null;
            retries?: components["schemas"]["RetriesIn"] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revision?: unknown;
            rewrite?: components["schemas"]["PathRewriteIn"] | null;
            /** @description The rules, which are checked first, in this order. */
            rules?: components["schemas"]["PolicyRuleIn"][];
            /** @description Optional: must be the same as in the path. */
            readonly service?: unknown;
            /** @description The shares of the traffic that no rule matches. */
            split?: components["schemas"]["SplitEntryIn"][];
            sticky_by?: components["schemas"]["StickyByIn"] | null;
            /** @description Optional: must be the same as in the path. */
            readonly tenant?: unknown;
            /** @description The longest time until the end of the response, in milliseconds; no limit if absent. */
            timeout_ms?: number | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_by?: unknown;
            /** @description The request header that names a version. Such a version goes before the rules. */
            version_header?: components["schemas"]["HeaderName"] | null;
        };
        /** @description The name of a policy within its tenant. */
        PolicyName: {
            env: components["schemas"]["EnvName"];
            service: components["schemas"]["ServiceName"];
        };
        /** @description The name of a policy within its tenant. */
        PolicyNameIn: {
            env: components["schemas"]["EnvName"];
            service: components["schemas"]["ServiceName"];
        };
        /** @description The body of `PATCH`: a merge patch. Lists are replaced whole. */
        PolicyPatchIn: {
            failover?: components["schemas"]["VersionName"][] | null;
            host_header?: components["schemas"]["HostHeader"] | null;
            hosts?: components["schemas"]["HostPattern"][] | null;
            mirror?: components["schemas"]["MirrorPatchIn"] | null;
            /** @description A single path prefix instead of those that there are. */
            path_prefix?: components["schemas"]["PathPrefix"] | null;
            path_prefixes?: components["schemas"]["PathPrefix"][] | null;
            request_headers?: components["schemas"]["HeaderEditsPatchIn"] | null;
            response_headers?: components["schemas"]["HeaderEditsPatchIn"] | null;
            retries?: components["schemas"]["RetriesPatchIn"] | null;
            rewrite?: components["schemas"]["PathRewritePatchIn"] | null;
            rules?: components["schemas"]["PolicyRuleIn"][] | null;
            split?: components["schemas"]["SplitEntryIn"][] | null;
            sticky_by?: components["schemas"]["StickyByPatchIn"] | null;
            timeout_ms?: number | null;
            version_header?: components["schemas"]["HeaderName"] | null;
        };
        /** @description A proxy's refusal of a policy. Proxies that take the policy have it. */
        PolicyQuarantine: {
            /** @description Who changed the policy last; null while that cannot be read. */
            author: string | null;
            /** @description The name of the node. */
            node: string;
            /** @description The proxy and its version. */
            program: string;
            /** @description The proxy's own words. */
            reason: string;
            /** @description The tenant's revision whose form of the policy the proxies have instead; null: they have none, and answer its requests with 503. */
            serves: components["schemas"]["Revision"] | null;
            /** @description When the first proxy refused it. */
            since: components["schemas"]["Timestamp"];
        };
        /** @description A rule: requests that match go to a version of their own, are shared between versions, redirected, or answered. It has exactly one of `version`, `split`, `redirect` and `respond`. */
        PolicyRule: {
            match: components["schemas"]["RuleMatch"];
            /** @description The name of the rule, for people and for explanations: at most 64 bytes, unique within the policy. */
            name: string;
            redirect?: components["schemas"]["Redirect"];
            respond?: components["schemas"]["FixedResponse"];
            /** @description How the matching requests are shared between versions. */
            split?: components["schemas"]["SplitEntry"][];
            version?: components["schemas"]["VersionName"];
        };
        /** @description A rule: requests that match go to a version of their own, are shared between versions, redirected, or answered. It has exactly one of `version`, `split`, `redirect` and `respond`. */
        PolicyRuleIn: {
            match: components["schemas"]["RuleMatchIn"];
            /** @description The name of the rule, for people and for explanations: at most 64 bytes, unique within the policy. */
            name: string;
            redirect?: components["schemas"]["RedirectIn"];
            respond?: components["schemas"]["FixedResponseIn"];
            /** @description How the matching requests are shared between versions. */
            split?: components["schemas"]["SplitEntryIn"][];
            version?: components["schemas"]["VersionName"];
        };
        /** @description The settings of a traffic policy. */
        PolicySpec: {
            /** @description The versions that get the traffic of an inactive version, in this order. */
            failover: components["schemas"]["VersionName"][];
            host_header?: components["schemas"]["HostHeader"];
            /** @description The hosts that belong to the policy, sorted. */
            hosts: components["schemas"]["HostPattern"][];
            mirror?: components["schemas"]["Mirror"];
            path_prefix: components["schemas"]["PathPrefix"];
            /** @description The parts of the hosts' paths that belong to the policy, sorted. Where it is absent, `path_prefix` is the only one; where it is there, `path_prefix` is the first. */
            path_prefixes?: components["schemas"]["PathPrefix"][];
            /** @description Changes of the headers of requests. */
            request_headers?: components["schemas"]["HeaderEdits"];
            /** @description Changes of the headers of responses. */
            response_headers?: components["schemas"]["HeaderEdits"];
            retries?: components["schemas"]["Retries"];
            rewrite?: components["schemas"]["PathRewrite"];
            /** @description The rules. They are checked before `split`, in this order. */
            rules: components["schemas"]["PolicyRule"][];
            /** @description How requests that no rule takes are shared between versions. */
            split: components["schemas"]["SplitEntry"][];
            sticky_by: components["schemas"]["StickyBy"] | null;
            /** @description The longest time until the end of the response, in milliseconds; no limit if absent. */
            timeout_ms?: number;
            /** @description The request header that names a version. Such a version goes before the rules. */
            version_header?: components["schemas"]["HeaderName"];
        };
        /**
         * @description `native`: the proxy does what the policy says. `degraded`: with the differences that the notes name. `refused`: the proxy does not get the policy. `quarantined`: a proxy refuses it, and has an older form.
         * @enum {string}
         */
        PolicyState: "native" | "degraded" | "refused" | "quarantined";
        /** @description The body of every error (RFC 9457). `x-code-members` lists the members that a code always has in addition to the members of every problem. */
        Problem: {
            /**
             * Format: int64
             * @description `shrink_not_confirmed`: the number of active routes in the scope.
             */
            active_routes?: number;
            code: components["schemas"]["ProblemCode"];
            /** @description `shrink_not_confirmed`: the hash with which the change is confirmed. */
            confirm_shrink?: components["schemas"]["Sha256"];
            /** @description A text about this occurrence of the problem, for people. */
            detail: string;
            /** @description The fields that are wrong: the first 20. */
            errors?: components["schemas"]["FieldError"][];
            /** @description `answered_by_policy`, `no_active_version`: the rule and the versions that were looked at. */
            explanation?: components["schemas"]["ChoiceExplanation"];
            /** @description `host_taken`, `host_not_allowed`: the host. */
            host?: components["schemas"]["HostPattern"];
            /**
             * Format: int64
             * @description `quota_exceeded`: the limit that the quota sets.
             */
            limit?: number;
            /** @description `version_in_use`: whether the change can be confirmed with `confirm_in_use`. */
            may_confirm?: boolean;
            /** @description `plan_stale`: present if the plan has more changes than `plan` shows; read the plan by its id. */
            more_changes?: boolean;
            /** @description Present if more fields are wrong than `errors` has. */
            more_errors?: boolean;
            /** @description `host_taken`: the path prefix of the host. */
            path_prefix?: components["schemas"]["PathPrefix"];
            /** @description `plan_stale`: a new plan of the same document. */
            plan?: components["schemas"]["Plan"];
            /** @description `version_in_use`: the policies that name the version. */
            policies?: components["schemas"]["PolicyName"][];
            /** @description `quota_exceeded`: the name of the quota. */
            quota?: string;
            /** @description `answered_by_policy`: where the client is sent, if the policy redirects. */
            redirect?: components["schemas"]["Redirect"];
            /**
             * Format: int64
             * @description `shrink_not_confirmed`: how many fewer active routes there would be.
             */
            removed_routes?: number;
            /** @description The request's id, as in `X-Correlation-ID`. */
            request_id: string;
            /** @description `answered_by_policy`: the answer, if the policy answers. */
            respond?: components["schemas"]["FixedResponse"];
            /** @description The HTTP status of the answer. */
            status: number;
            /** @description A short text about this type of problem, for people. */
            title: string;
            /** @description The type of the problem, `/problems/<code>`. This path serves an explanation. */
            type: string;
            /**
             * Format: int64
             * @description `too_many_writes`: the tenant's quota, in writes per second.
             */
            writes_per_second?: number;
        };
        /**
         * @description The stable code of the problem, for programs. The examples are all codes of this version; later versions may have more. `x-codes` of a response lists the codes that the operation may answer with.
         * @example malformed_request
         * @example invalid_cursor
         * @example not_found
         * @example misdirected_request
         * @example unauthenticated
         * @example forbidden
         * @example outside_grant
         * @example too_many_requests
         * @example dependency_not_found
         * @example key_not_found
         * @example key_ended
         * @example keys_not_in_use
         * @example route_not_found
         * @example route_inactive
         * @example tenant_not_found
         * @example method_not_allowed
         * @example tenant_exists
         * @example tenant_ending
         * @example tenant_not_empty
         * @example policy_not_found
         * @example answered_by_policy
         * @example no_active_version
         * @example host_not_allowed
         * @example host_taken
         * @example version_in_use
         * @example shrink_not_confirmed
         * @example plan_not_found
         * @example plan_stale
         * @example plan_hash_mismatch
         * @example dead_letter_not_found
         * @example dead_letter_decided
         * @example not_redrivable
         * @example replay_not_found
         * @example replay_ended
         * @example too_many_writes
         * @example quota_exceeded
         * @example precondition_failed
         * @example uri_too_long
         * @example headers_too_large
         * @example payload_too_large
         * @example unsupported_media_type
         * @example invalid_request
         * @example idempotency_key_reused
         * @example unavailable
         * @example audit_backlog
         * @example overloaded
         * @example too_many_waiters
         * @example too_many_exports
         * @example commit_unknown
         * @example revision_not_reached
         * @example deadline_exceeded
         * @example internal
         */
        ProblemCode: string;
        /** @description The meaning of a problem code. */
        ProblemKind: {
            /** @description The stable code, as in problem documents. */
            code: string;
            /** @description The HTTP status. */
            status: number;
            /** @description The title of the problem, for people. */
            title: string;
            /** @description The advice for callers that get the problem. */
            what_to_do: string;
            /** @description The situation in which the problem occurs. */
            when: string;
        };
        /**
         * @description The phase of the process.
         * @enum {string}
         */
        ProcessPhase: "starting" | "running" | "draining";
        /** @description What a dialect made of a tenant's policies. */
        ProxyReport: {
            /** @description The dialect. */
            dialect: string;
            /** @description The policies, sorted by service and environment. */
            policies: components["schemas"]["ReportedPolicy"][];
            /** @description The version tag of the scope. */
            revision: components["schemas"]["VersionTag"];
            tenant: components["schemas"]["TenantName"];
        };
        /**
         * @description How the proxy gets its configuration. An Envoy: as a stream, by polls, or from files; all others have one way of their own. `agent`: from a node agent, whose configuration this is, with the public keys for signed snapshots.
         * @enum {string}
         */
        ProxyTransport: "ads" | "rest" | "files" | "agent";
        /** @description A public key. */
        PublicKey: {
            /** @description `Ed25519` (RFC 8032). */
            algorithm: string;
            /** @description The name of the key in `TM-Signature`: the first 8 bytes of its SHA-256, in hex. */
            id: string;
            /** @description The key's 32 bytes in hex. */
            public_key: string;
        };
        /**
         * PutPolicy
         * @description Creates or replaces a traffic policy.
         */
        PutPolicy: {
            /** @enum {string} */
            action: "put";
            policy: components["schemas"]["PolicyDocumentIn"];
        };
        /**
         * PutRoute
         * @description Creates or replaces a route.
         */
        PutRoute: {
            /** @enum {string} */
            action: "put";
            route: components["schemas"]["RouteChangeIn"];
        };
        /** @description A limit of a tenant. */
        Quota: number;
        /** @description The limits of one tenant; `null` is the default, which is in the settings under `limits`. */
        Quotas: {
            /** @description The largest body of a write, in bytes. Never more than `http.max_body_bytes` and `http.max_bulk_bytes`; `null` is the default. */
            body_bytes: components["schemas"]["Quota"] | null;
            /** @description The most traffic policies; `null` is the default. */
            policies: components["schemas"]["Quota"] | null;
            /** @description The most routes, active or not; `null` is the default. */
            routes: components["schemas"]["Quota"] | null;
            /** @description The most long-polls and event streams that wait at one instance; `null` is the default. */
            waiters: components["schemas"]["Quota"] | null;
            /** @description The most changes of the tenant in a second, over all instances. As many may come at once; `null` is the default. */
            writes_per_second: components["schemas"]["Quota"] | null;
        };
        /** @description The limits of one tenant. */
        QuotasIn: {
            /** @description The largest body of a write, in bytes. Never more than `http.max_body_bytes` and `http.max_bulk_bytes`; `null` is the default. */
            body_bytes?: components["schemas"]["Quota"] | null;
            /** @description The most traffic policies; `null` is the default. */
            policies?: components["schemas"]["Quota"] | null;
            /** @description The most routes, active or not; `null` is the default. */
            routes?: components["schemas"]["Quota"] | null;
            /** @description The most long-polls and event streams that wait at one instance; `null` is the default. */
            waiters?: components["schemas"]["Quota"] | null;
            /** @description The most changes of the tenant in a second, over all instances. As many may come at once; `null` is the default. */
            writes_per_second?: components["schemas"]["Quota"] | null;
        };
        /** @description Changes to the limits of a tenant. Absent members stay as they are, `null` restores the default. */
        QuotasPatchIn: {
            /** @description The largest body of a write, in bytes. Never more than `http.max_body_bytes` and `http.max_bulk_bytes`; `null` is the default. */
            body_bytes?: components["schemas"]["Quota"] | null;
            /** @description The most traffic policies; `null` is the default. */
            policies?: components["schemas"]["Quota"] | null;
            /** @description The most routes, active or not; `null` is the default. */
            routes?: components["schemas"]["Quota"] | null;
            /** @description The most long-polls and event streams that wait at one instance; `null` is the default. */
            waiters?: components["schemas"]["Quota"] | null;
            /** @description The most changes of the tenant in a second, over all instances. As many may come at once; `null` is the default. */
            writes_per_second?: components["schemas"]["Quota"] | null;
        };
        /** @description Whether requests should be sent to this instance. */
        Readiness: {
            /** @description The checks by their names. */
            checks: {
                [key: string]: components["schemas"]["HealthCheck"];
            };
            phase: components["schemas"]["ProcessPhase"];
            ready: boolean;
            /** @description The worst status of the checks, but never `unhealthy` while the instance is ready. */
            status: components["schemas"]["HealthStatus"];
        };
        /** @description The reason for a change, in the caller's words: at most 512 bytes. */
        Reason: string;
        RecentEvents: {
            /** Format: int64 */
            count: number;
            /** Format: int64 */
            days: number;
            events: components["schemas"]["ArchivedEvent"][];
        };
        /** @description Bytes of a record, shown as JSON or text where possible, otherwise in base64. */
        RecordContent: {
            /** @description The bytes: any JSON value if `encoding` is `json`, otherwise a string. */
            data: components["schemas"]["JsonValue"];
            encoding: components["schemas"]["RecordEncoding"];
        };
        /**
         * @description The format in which bytes are shown.
         * @enum {string}
         */
        RecordEncoding: "json" | "text" | "base64";
        /** @description A header of a Kafka record. */
        RecordHeader: {
            name: string;
            value: components["schemas"]["RecordContent"] | null;
        };
        /** @description A redirection of the client. */
        Redirect: {
            /** @description 301, 302, 307 or 308. */
            status: number;
            url: components["schemas"]["RouteUrl"];
        };
        /** @description A redirection of the client. */
        RedirectIn: {
            /** @description 301, 302, 307 or 308. */
            status: number;
            url: components["schemas"]["RouteUrl"];
        };
        /** @description The body of `POST /dead-letters/redrive`. */
        RedriveDeadLetters: {
            /** @description The `next_cursor` of the previous answer. */
            cursor?: components["schemas"]["Cursor"] | null;
            /** @description The most dead letters that are sent again: 100 by default. */
            limit?: number | null;
            /** @description Only dead letters with this reason. */
            reason?: components["schemas"]["DeadLetterReason"] | null;
            /** @description Only dead letters whose key names this tenant. */
            tenant?: components["schemas"]["TenantName"] | null;
        };
        /** @description A dead letter that cannot be sent again, with the reason in `detail`. */
        RedriveRefusal: {
            detail: string;
            id: components["schemas"]["DeadLetterId"];
        };
        /** @description The result of sending many dead letters again. */
        RedriveResult: {
            /** @description There may be more dead letters: send this cursor with the same filters. `null` at the end. */
            next_cursor: string | null;
            /** @description The ids of the dead letters that Kafka has taken. */
            redriven: components["schemas"]["DeadLetterId"][];
            refused: components["schemas"]["RedriveRefusal"][];
        };
        /** @description A replay: a part of the history that is published again. */
        Replay: {
            /** @description The position of the last event that was given to the relay. */
            at: components["schemas"]["HistoryPosition"] | null;
            /** @description When the replay last changed. */
            changed_at: components["schemas"]["Timestamp"];
            created_at: components["schemas"]["Timestamp"];
            created_by: string;
            ended_at: components["schemas"]["Timestamp"] | null;
            /** @description The id of the actor that cancelled the replay. */
            ended_by: string | null;
            /** @description The epoch whose events are published again; `null` for every epoch. */
            epoch: components["schemas"]["Epoch"] | null;
            /** Format: int64 */
            events_per_second: number;
            /**
             * Format: int64
             * @description The number of these events that were given to the relay.
             */
            events_queued: number;
            /**
             * Format: int64
             * @description The number of events when the replay was made; `null` if there were more than a hundred thousand.
             */
            events_total: number | null;
            from: components["schemas"]["Revision"];
            id: components["schemas"]["ReplayId"];
            include_removed: boolean;
            reason: string;
            /** @description The state. Only one replay is processed at a time; replays that were made later wait for it. */
            state: components["schemas"]["ReplayState"];
            /** @description The tenant whose events are published again; `null` for every tenant. */
            tenant: components["schemas"]["TenantName"] | null;
            /** @description The last revision; `null` for the newest revision at the time when the replay reaches the epoch. */
            to: components["schemas"]["Revision"] | null;
        };
        /**
         * Format: uuid
         * @description The id of a replay (UUIDv7).
         * @example 01a1fd21-de3d-7778-bc54-13f4251a9a0f
         */
        ReplayId: string;
        /** @description The body of `POST /replays`. */
        ReplayIn: {
            /** @description Only events of this epoch. Without it, events of all epochs, or only of the present one if `from` is above 1 or `to` is given. Needs `tenant`. */
            epoch?: components["schemas"]["Epoch"] | null;
            /**
             * Format: int64
             * @description The most events in a second: 1 to `replay.max_events_per_second`.
             */
            events_per_second?: number | null;
            /**
             * Format: int64
             * @description The first revision. Needs `tenant`.
             */
            from?: number | null;
            /**
             * @description Whether to include events that retention has removed from the archive. The next run of retention removes them again.
             * @default false
             */
            include_removed?: boolean;
            /** @description The reason, which is stored with the replay and in the access log. */
            reason: components["schemas"]["RequiredReason"];
            /** @description Only events of this tenant; without it, events of every tenant. */
            tenant?: components["schemas"]["TenantName"] | null;
            /**
             * Format: int64
             * @description The last revision. Needs `tenant`.
             */
            to?: number | null;
        };
        /**
         * @description The state of a replay.
         * @enum {string}
         */
        ReplayState: "running" | "done" | "cancelled";
        /** @description What a dialect made of one policy. */
        ReportedPolicy: {
            env: components["schemas"]["EnvName"];
            /** @description The differences, or the reasons of the refusal. */
            notes: string[];
            /** @description Present if the state is `quarantined`. */
            quarantine?: components["schemas"]["PolicyQuarantine"] | null;
            /** @description The revision of the policy's last change. */
            revision: components["schemas"]["Revision"];
            service: components["schemas"]["ServiceName"];
            state: components["schemas"]["PolicyState"];
            tenant: components["schemas"]["TenantName"];
        };
        /** @description The reason for a change, in the caller's words: at most 512 bytes, and not blank. */
        RequiredReason: string;
        /** @description Breakers, bulkheads and retry budgets. Further members, such as `backlog`, `replicas` and `cache`, depend on the role of the process. */
        Resilience: {
            dependencies: components["schemas"]["Dependency"][];
            draining: boolean;
            /** @description The pools: all resources that are bounded and shared. */
            pools: components["schemas"]["ResourcePool"][];
        } & {
            [key: string]: unknown;
        };
        /** @description The active route of a version, or the route to which the policy sends a request. */
        ResolvedRoute: {
            env: components["schemas"]["EnvName"];
            explanation?: components["schemas"]["ChoiceExplanation"];
            revision: components["schemas"]["Revision"];
            service: components["schemas"]["ServiceName"];
            tenant: components["schemas"]["TenantName"];
            url: components["schemas"]["RouteUrl"];
            version: components["schemas"]["VersionName"];
        };
        /** @description A bounded pool. Each tenant may take only a share of it. */
        ResourcePool: {
            name: string;
            /**
             * Format: int64
             * @description The number of tenants that use the pool now; the platform counts as one of them.
             */
            payers: number | null;
            /**
             * Format: int64
             * @description The most that callers without a tenant may take together.
             */
            platform_share: number | null;
            /**
             * Format: int64
             * @description The size of the pool, in `unit`.
             */
            size: number;
            /**
             * Format: int64
             * @description The most that one tenant may take; `null` for memory that belongs to no tenant.
             */
            tenant_share: number | null;
            /** @description The unit of the numbers, such as `calls`, `connections` or `bytes`. */
            unit: string;
            /**
             * Format: int64
             * @description The amount that is taken now, in `unit`.
             */
            used: number;
        };
        /** @description When and how often a request is sent once more. */
        Retries: {
            /** @description How often, beside the first time. */
            attempts: number;
            /** @description The failures after which. */
            on: components["schemas"]["RetryCondition"][];
            /** @description The time limit of each attempt, in milliseconds. */
            per_try_timeout_ms?: number;
        };
        /** @description When and how often a request is sent once more. */
        RetriesIn: {
            /** @description How often, beside the first time. */
            attempts: number;
            /** @description The failures after which. */
            on: components["schemas"]["RetryCondition"][];
            /** @description The time limit of each attempt, in milliseconds. */
            per_try_timeout_ms?: number;
        };
        /** @description Changes when and how often a request is sent once more. Absent members stay as they are. */
        RetriesPatchIn: {
            attempts?: number | null;
            on?: components["schemas"]["RetryCondition"][] | null;
            per_try_timeout_ms?: number | null;
        };
        /**
         * @description A failure. `connect_failure`: no connection could be made. `gateway_error`: the version answered 502, 503 or 504. `reset`: the connection ended before the answer.
         * @enum {string}
         */
        RetryCondition: "connect_failure" | "gateway_error" | "reset";
        /**
         * Format: int64
         * @description The number of a tenant's committed revision. Revisions have no gaps; 0 is a tenant without any change.
         * @example 4
         */
        Revision: number;
        /**
         * @description A role of the API.
         * @enum {string}
         */
        RoleName: "platform_admin" | "tenant_admin" | "editor" | "viewer" | "auditor" | "node";
        /** @description The body of `POST …/rollback`. */
        RollbackIn: {
            /** @description The reason; if it is missing, the header `X-Reason`. At most 512 bytes. */
            reason?: components["schemas"]["Reason"] | null;
            /** @description The point in time to return to. A revision may also be a number. */
            to: number | components["schemas"]["PointInTime"];
        };
        /** @description The body of `POST /keys/{id}/rotate`. */
        RotateKey: {
            /** @description How long the replaced token stays valid: 0 to 2592000 seconds, one hour by default. */
            overlap_seconds?: number | null;
        };
        /** @description A route as the API shows it. */
        Route: {
            /** @description Only in answers to writes with `wait`: the nodes that run the change. */
            convergence?: components["schemas"]["Convergence"];
            /** @description When the route was created. */
            created_at: components["schemas"]["Timestamp"];
            /** @description The id of the actor that created the route. */
            created_by: string;
            description: components["schemas"]["RouteDescription"] | null;
            env: components["schemas"]["EnvName"];
            /** @description Whether traffic may go to the route now. */
            is_active: boolean;
            labels: components["schemas"]["Labels"];
            /** @description The tenant's revision of the route's last change. */
            revision: components["schemas"]["Revision"];
            service: components["schemas"]["ServiceName"];
            tenant: components["schemas"]["TenantName"];
            /** @description When the route last changed. */
            updated_at: components["schemas"]["Timestamp"];
            /** @description The id of the actor that made the last change. */
            updated_by: string;
            url: components["schemas"]["RouteUrl"];
            version: components["schemas"]["VersionName"];
        };
        /**
         * @description The action on a route. `activated` and `deactivated`: only the state of the route changed.
         * @enum {string}
         */
        RouteAction: "created" | "updated" | "activated" | "deactivated" | "deleted";
        /** @description For each member of a route, the event that gave the member its value. */
        RouteBlame: {
            env: components["schemas"]["EnvName"];
            /** @description The events by the name of their member. A label has the name `labels/<key>`. */
            members: {
                [key: string]: components["schemas"]["MemberBlame"];
            };
            service: components["schemas"]["ServiceName"];
            tenant: components["schemas"]["TenantName"];
            version: components["schemas"]["VersionName"];
        };
        /** @description A route in a batch: the whole route for `put`, only its name for any other action. */
        RouteChangeIn: {
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by?: unknown;
            description?: components["schemas"]["RouteDescription"] | null;
            env: components["schemas"]["EnvName"];
            is_active?: boolean | null;
            labels?: components["schemas"]["Labels"] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revision?: unknown;
            service: components["schemas"]["ServiceName"];
            /** @description Optional: must be the same as in the path. */
            readonly tenant?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_by?: unknown;
            url?: components["schemas"]["RouteUrl"];
            version: components["schemas"]["VersionName"];
        };
        /** @description A description for people: at most 1024 bytes, without control characters and invisible characters. */
        RouteDescription: string;
        /** @description A route in an exported document. */
        RouteDocument: {
            description: components["schemas"]["RouteDescription"] | null;
            env: components["schemas"]["EnvName"];
            /** @description Whether traffic may go to the route. */
            is_active: boolean;
            labels: components["schemas"]["Labels"];
            service: components["schemas"]["ServiceName"];
            url: components["schemas"]["RouteUrl"];
            version: components["schemas"]["VersionName"];
        };
        /** @description A route in a tenant document. */
        RouteDocumentIn: {
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by?: unknown;
            description?: components["schemas"]["RouteDescription"] | null;
            env: components["schemas"]["EnvName"];
            /**
             * @description Whether traffic may go to the route.
             * @default true
             */
            is_active?: boolean;
            labels?: components["schemas"]["Labels"];
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revision?: unknown;
            service: components["schemas"]["ServiceName"];
            /** @description Optional: must be the same as in the path. */
            readonly tenant?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_by?: unknown;
            url: components["schemas"]["RouteUrl"];
            version: components["schemas"]["VersionName"];
        };
        /** @description A change of a route. */
        RouteEvent: {
            action: components["schemas"]["RouteAction"];
            actor: components["schemas"]["Actor"];
            /** @description The route after the change; `null` if the route was deleted. */
            after: components["schemas"]["RouteSpec"] | null;
            /** @description The route before the change; `null` if the route was created. */
            before: components["schemas"]["RouteSpec"] | null;
            /** @description The write removed more than half of its scope's active routes and more than ten, or all of them, and the caller confirmed that. Left out otherwise. */
            confirmed_removal?: components["schemas"]["ConfirmedRemoval"];
            epoch: components["schemas"]["Epoch"];
            /** @description SHA-256 over the RFC 8785 bytes of the event without this member. */
            hash: components["schemas"]["Sha256"];
            id: components["schemas"]["EventId"];
            /**
             * Format: int64
             * @description The number of the event within its revision, from 0.
             */
            item: number;
            /**
             * Format: int64
             * @description The number of events in the revision.
             */
            items: number;
            /** @description The time by the clock of the instance that decided the change. The time gives no order. */
            occurred_at: components["schemas"]["Timestamp"];
            /** @description The hash of the tenant's event before this one; 64 zeros for the first of an epoch. */
            prev_hash: components["schemas"]["Sha256"];
            /** @description `X-Reason` of the request; an envelope `enc:v1:…` when personal data is sealed. */
            reason: string | null;
            /** @description `X-Correlation-ID` of the request. */
            request_id: string;
            /**
             * Format: int64
             * @description The revision, which gives the order of events: without gaps within a tenant and epoch.
             */
            revision: number;
            route: components["schemas"]["RouteName"];
            /** @description The address of the client; an envelope when personal data is sealed. */
            source_ip: string | null;
            tenant: components["schemas"]["TenantName"];
            /** @description W3C trace id of the request. */
            trace_id: string | null;
        };
        /** @description The body of `POST /routes`. */
        RouteIn: {
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by?: unknown;
            description?: components["schemas"]["RouteDescription"] | null;
            env: components["schemas"]["EnvName"];
            is_active?: boolean | null;
            labels?: components["schemas"]["Labels"] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revision?: unknown;
            service: components["schemas"]["ServiceName"];
            tenant: components["schemas"]["TenantName"];
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_by?: unknown;
            url: components["schemas"]["RouteUrl"];
            version: components["schemas"]["VersionName"];
        };
        /** @description The name of a route, unique among all tenants. */
        RouteKey: {
            env: components["schemas"]["EnvName"];
            service: components["schemas"]["ServiceName"];
            tenant: components["schemas"]["TenantName"];
            version: components["schemas"]["VersionName"];
        };
        /** @description The four names of a route in a body. */
        RouteKeyIn: {
            env: components["schemas"]["EnvName"];
            service: components["schemas"]["ServiceName"];
            tenant: components["schemas"]["TenantName"];
            version: components["schemas"]["VersionName"];
        };
        /** @description A route within its tenant. */
        RouteName: {
            env: components["schemas"]["EnvName"];
            service: components["schemas"]["ServiceName"];
            version: components["schemas"]["VersionName"];
        };
        /** @description The name of a route within its tenant. */
        RouteNameIn: {
            env: components["schemas"]["EnvName"];
            service: components["schemas"]["ServiceName"];
            version: components["schemas"]["VersionName"];
        };
        /** @description The name of a route, or of a policy, which has no version. */
        RouteOrPolicyName: {
            env: components["schemas"]["EnvName"];
            service: components["schemas"]["ServiceName"];
            version?: components["schemas"]["VersionName"];
        };
        /** @description The settings of a route or of a policy. Only a route has `url`. */
        RouteOrPolicySpec: components["schemas"]["RouteSpec"] | components["schemas"]["PolicySpec"];
        /** @description The body of `PATCH`: a merge patch, in which a member that is `null` is removed. */
        RoutePatchIn: {
            description?: components["schemas"]["RouteDescription"] | null;
            is_active?: boolean;
            labels?: components["schemas"]["LabelsPatchIn"] | null;
            url?: components["schemas"]["RouteUrl"];
        };
        /** @description The part of a route that people set. */
        RouteSpec: {
            description: components["schemas"]["RouteDescription"] | null;
            is_active: boolean;
            labels: components["schemas"]["Labels"];
            url: components["schemas"]["RouteUrl"];
        };
        /** @description The body of `PUT`: a route without its name. */
        RouteSpecIn: {
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by?: unknown;
            description?: components["schemas"]["RouteDescription"] | null;
            /** @description Optional: must be the same as in the path. */
            readonly env?: unknown;
            is_active?: boolean | null;
            labels?: components["schemas"]["Labels"] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revision?: unknown;
            /** @description Optional: must be the same as in the path. */
            readonly service?: unknown;
            /** @description Optional: must be the same as in the path. */
            readonly tenant?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_by?: unknown;
            url: components["schemas"]["RouteUrl"];
            /** @description Optional: must be the same as in the path. */
            readonly version?: unknown;
        };
        /**
         * @description Whether traffic may go to a version.
         * @enum {string}
         */
        RouteStanding: "active" | "inactive" | "missing";
        /**
         * @description Whether traffic may go to a route.
         * @enum {string}
         */
        RouteState: "active" | "inactive";
        /**
         * Format: url
         * @description An absolute http or https URL (RFC 3986) of at most 2048 bytes, without credentials, without a fragment, and without `.` or `..` in the path. The host is a DNS name or an IP address, the port is 1 to 65535. The service stores the URL unchanged.
         * @example https://checkout-1.example.com
         */
        RouteUrl: string;
        /** @description The conditions of a rule: at least one. A request must match all of them. */
        RuleMatch: {
            /** @description The conditions on request headers, by the name of the header. */
            headers: {
                [key: string]: components["schemas"]["HeaderMatch"];
            };
            /**
             * @description The methods; any method if empty or absent.
             * @example [
             *       "GET",
             *       "HEAD"
             *     ]
             */
            methods?: string[];
            path?: components["schemas"]["PathMatch"];
            /** @description The conditions on query parameters, by the name of the parameter: letters, digits and - . _ ~. Of several parameters of one name the first counts. */
            query?: {
                [key: string]: components["schemas"]["HeaderMatch"];
            };
        };
        /** @description The conditions of a rule: at least one. A request must match all of them. */
        RuleMatchIn: {
            /** @description The conditions on request headers, by the name of the header. */
            headers?: {
                [key: string]: components["schemas"]["HeaderMatchIn"];
            };
            /**
             * @description The methods; any method if empty or absent.
             * @example [
             *       "GET",
             *       "HEAD"
             *     ]
             */
            methods?: string[];
            path?: components["schemas"]["PathMatchIn"];
            /** @description The conditions on query parameters, by the name of the parameter: letters, digits and - . _ ~. Of several parameters of one name the first counts. */
            query?: {
                [key: string]: components["schemas"]["HeaderMatchIn"];
            };
        };
        /**
         * @description A text that is searched for.
         * @example checkout
         */
        SearchText: string;
        /**
         * @description The name of a service: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
         * @example checkout
         */
        ServiceName: string;
        /**
         * SetRouteState
         * @description Deletes, activates or deactivates a route.
         */
        SetRouteState: {
            /** @enum {string} */
            action: "delete" | "activate" | "deactivate";
            route: components["schemas"]["RouteNameIn"];
        };
        /** @description A SHA-256 hash in lower-case hexadecimal digits. */
        Sha256: string;
        /** @description A signed state. */
        SignedState: {
            /** @description As in `TM-Confirmed`; left out if no removal was confirmed. */
            confirmed?: string;
            digest: components["schemas"]["Sha256"];
            /** @description As in `TM-Signature`. */
            signature: string;
            tag: components["schemas"]["VersionTag"];
        };
        /** @description The keys of this installation. */
        SigningKeys: {
            /** @description Each of them signs every snapshot. Empty: snapshots are not signed. */
            keys: components["schemas"]["PublicKey"][];
        };
        /** @description A tenant's active routes, or those of an environment, a service, or both, sorted by service, environment and version. */
        Snapshot: {
            /** @description Two snapshots with the same digest hold the same routes and policies. */
            digest: components["schemas"]["Sha256"];
            epoch: components["schemas"]["Epoch"];
            /** @description Sorted by service and environment. */
            policies: components["schemas"]["SnapshotPolicy"][];
            /** @description The newest revision that touched the scope. */
            revision: components["schemas"]["Revision"];
            routes: components["schemas"]["SnapshotRoute"][];
            tenant: components["schemas"]["TenantName"];
        };
        /** @description A traffic policy in a snapshot. */
        SnapshotPolicy: {
            env: components["schemas"]["EnvName"];
            /** @description The versions that get the traffic of an inactive version, in this order. */
            failover: components["schemas"]["VersionName"][];
            host_header?: components["schemas"]["HostHeader"];
            /** @description The hosts that belong to the policy, sorted. */
            hosts: components["schemas"]["HostPattern"][];
            mirror?: components["schemas"]["Mirror"];
            path_prefix: components["schemas"]["PathPrefix"];
            /** @description The parts of the hosts' paths that belong to the policy, sorted. Where it is absent, `path_prefix` is the only one; where it is there, `path_prefix` is the first. */
            path_prefixes?: components["schemas"]["PathPrefix"][];
            /** @description Changes of the headers of requests. */
            request_headers?: components["schemas"]["HeaderEdits"];
            /** @description Changes of the headers of responses. */
            response_headers?: components["schemas"]["HeaderEdits"];
            retries?: components["schemas"]["Retries"];
            revision: components["schemas"]["Revision"];
            rewrite?: components["schemas"]["PathRewrite"];
            /** @description The rules. They are checked before `split`, in this order. */
            rules: components["schemas"]["PolicyRule"][];
            service: components["schemas"]["ServiceName"];
            /** @description How requests that no rule takes are shared between versions. */
            split: components["schemas"]["SplitEntry"][];
            sticky_by: components["schemas"]["StickyBy"] | null;
            /** @description The longest time until the end of the response, in milliseconds; no limit if absent. */
            timeout_ms?: number;
            /** @description The request header that names a version. Such a version goes before the rules. */
            version_header?: components["schemas"]["HeaderName"];
        };
        /** @description An active route. */
        SnapshotRoute: {
            env: components["schemas"]["EnvName"];
            labels: components["schemas"]["Labels"];
            revision: components["schemas"]["Revision"];
            service: components["schemas"]["ServiceName"];
            url: components["schemas"]["RouteUrl"];
            version: components["schemas"]["VersionName"];
        };
        /** @description A version's share of the traffic. */
        SplitEntry: {
            version: components["schemas"]["VersionName"];
            /** @description The version's share, as a part of the sum of all weights. At least one weight must be more than 0. */
            weight: number;
        };
        /** @description A version's share of the traffic. */
        SplitEntryIn: {
            version: components["schemas"]["VersionName"];
            /** @description The version's share, as a part of the sum of all weights. At least one weight must be more than 0. */
            weight: number;
        };
        /** @description A version in the split. */
        SplitScore: {
            /**
             * Format: double
             * @description 1 for the version that has the key's slot, 0 for the others.
             */
            score: number;
            /**
             * Format: double
             * @description The version's share of all keys, from 0 to 1.
             */
            share: number;
            /**
             * Format: int64
             * @description The version's slots, of 16,384.
             */
            slots: number;
            standing: components["schemas"]["RouteStanding"];
            version: components["schemas"]["VersionName"];
            /** Format: int64 */
            weight: number;
        };
        /** @description The cookie or the header whose value keeps a client with its version. */
        StickyBy: {
            cookie?: components["schemas"]["CookieName"];
            header?: components["schemas"]["HeaderName"];
        };
        /** @description The cookie or the header whose value keeps a client with its version. */
        StickyByIn: {
            cookie?: components["schemas"]["CookieName"];
            header?: components["schemas"]["HeaderName"];
        };
        /** @description Changes the cookie or header that keeps a client with its version. Absent members stay as they are, `null` removes a member; one of the two must be left. */
        StickyByPatchIn: {
            cookie?: components["schemas"]["CookieName"] | null;
            header?: components["schemas"]["HeaderName"] | null;
        };
        /** @description A server-sent event of a tenant's stream. */
        StreamEvent: {
            /** @description The JSON text of a snapshot, of an event, or of a signed state. */
            data: string;
            /**
             * @description The type of the event: `snapshot` has a snapshot as its data, `change` has one event, and `signature` has what the service signs of the state after the events before it.
             * @enum {string}
             */
            event: "snapshot" | "change" | "signature";
            /** @description The version tag of the data, on the last event of each revision. Some clients repeat the last id on events without one. */
            id?: components["schemas"]["VersionTag"];
        };
        /** @description A tenant with its quotas. */
        Tenant: {
            /** @description The names under which the tenant may have hosts; each name includes all names under it. If empty, the tenant may have any free host except a public suffix or a wildcard under one. */
            allowed_hosts: components["schemas"]["HostSuffix"][];
            /** @description When the tenant was created. */
            created_at: components["schemas"]["Timestamp"];
            /** @description The id of the actor that created the tenant. */
            created_by: string;
            epoch: components["schemas"]["Epoch"];
            name: components["schemas"]["TenantName"];
            /**
             * Format: int64
             * @description The number of the tenant's traffic policies.
             */
            policies: number;
            quotas: components["schemas"]["Quotas"];
            revision: components["schemas"]["Revision"];
            /**
             * Format: int64
             * @description The number of the tenant's routes, active or not.
             */
            routes: number;
            /** @description When the tenant's own record (not its routes) last changed. */
            updated_at: components["schemas"]["Timestamp"];
            /** @description The id of the actor that made this change. */
            updated_by: string;
        };
        /**
         * @description The action on the tenant. `tenant_deleted` is the last event of an epoch.
         * @enum {string}
         */
        TenantAction: "tenant_created" | "tenant_updated" | "tenant_deleted";
        /** @description How far the archive is behind for one tenant. */
        TenantAuditStatus: {
            /** @description The newest archived revision. */
            archived_revision: components["schemas"]["Revision"];
            epoch: components["schemas"]["Epoch"];
            /** Format: int64 */
            events_behind: number;
            revision: components["schemas"]["Revision"];
            /** Format: double */
            seconds_behind: number;
            tenant: components["schemas"]["TenantName"];
        };
        /** @description The changes of a tenant's objects between two points of its history. */
        TenantDifference: {
            changes: components["schemas"]["PlannedChange"][];
            /** @description The start. Changes up to this version tag are not included. */
            from: components["schemas"]["VersionTag"];
            /** @description The end. Changes up to this version tag are included. */
            to: components["schemas"]["VersionTag"];
        };
        /** @description A tenant, or a part of it, as one document: the body of an export. */
        TenantDocument: {
            /** @description The traffic policies, sorted by service and environment. */
            policies: components["schemas"]["PolicyDocument"][];
            /** @description Whether a plan of this document deletes objects in the scope that the document does not name. */
            prune: boolean;
            /** @description The routes, sorted by service, environment and version. */
            routes: components["schemas"]["RouteDocument"][];
            scope: components["schemas"]["DocumentScope"];
        };
        /** @description The body of `POST …/plans`, and an export: the desired content of a scope. */
        TenantDocumentIn: {
            policies?: components["schemas"]["PolicyDocumentIn"][];
            /**
             * @description Whether objects in the scope that the document does not name are removed.
             * @default false
             */
            prune?: boolean;
            routes?: components["schemas"]["RouteDocumentIn"][];
            /** @description The scope of the document; the whole tenant if it is missing. */
            scope?: components["schemas"]["DocumentScopeIn"] | null;
        };
        /** @description A change of the tenant's own record. */
        TenantEvent: {
            action: components["schemas"]["TenantAction"];
            actor: components["schemas"]["Actor"];
            /** @description The tenant after the change; `null` if the tenant was deleted. */
            after: components["schemas"]["TenantSpec"] | null;
            /** @description The tenant before the change; `null` if the tenant was created. */
            before: components["schemas"]["TenantSpec"] | null;
            /** @description The write removed more than half of its scope's active routes and more than ten, or all of them, and the caller confirmed that. Left out otherwise. */
            confirmed_removal?: components["schemas"]["ConfirmedRemoval"];
            epoch: components["schemas"]["Epoch"];
            /** @description SHA-256 over the RFC 8785 bytes of the event without this member. */
            hash: components["schemas"]["Sha256"];
            id: components["schemas"]["EventId"];
            /**
             * Format: int64
             * @description The number of the event within its revision, from 0.
             */
            item: number;
            /**
             * Format: int64
             * @description The number of events in the revision.
             */
            items: number;
            /** @description The time by the clock of the instance that decided the change. The time gives no order. */
            occurred_at: components["schemas"]["Timestamp"];
            /** @description The hash of the tenant's event before this one; 64 zeros for the first of an epoch. */
            prev_hash: components["schemas"]["Sha256"];
            /** @description `X-Reason` of the request; an envelope `enc:v1:…` when personal data is sealed. */
            reason: string | null;
            /** @description `X-Correlation-ID` of the request. */
            request_id: string;
            /**
             * Format: int64
             * @description The revision, which gives the order of events: without gaps within a tenant and epoch.
             */
            revision: number;
            /** @description The address of the client; an envelope when personal data is sealed. */
            source_ip: string | null;
            tenant: components["schemas"]["TenantName"];
            /** @description W3C trace id of the request. */
            trace_id: string | null;
        };
        /** @description The body of `POST /tenants`. */
        TenantIn: {
            /** @description The domain names at or under which the tenant may have hosts. If there are none, the tenant may have any free host that is not a public suffix. */
            allowed_hosts?: components["schemas"]["HostSuffix"][] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly created_by?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly epoch?: unknown;
            name: components["schemas"]["TenantName"];
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly policies?: unknown;
            quotas?: components["schemas"]["QuotasIn"] | null;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly revision?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly routes?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_at?: unknown;
            /** @description Set by the service: accepted in a request, and ignored. */
            readonly updated_by?: unknown;
        };
        /**
         * @description The name of a tenant: a DNS label (RFC 1123) of lower-case letters, digits and inner hyphens.
         * @example acme
         */
        TenantName: string;
        /** @description The body of `PATCH /tenants/{tenant}`: a merge patch. */
        TenantPatchIn: {
            /** @description The domain names at or under which the tenant may have hosts from now on. With `null` the tenant may again have any free host that is not a public suffix. */
            allowed_hosts?: components["schemas"]["HostSuffix"][] | null;
            quotas?: components["schemas"]["QuotasPatchIn"] | null;
        };
        /** @description The part of a tenant that people set. */
        TenantSpec: {
            /** @description The domain names at or under which the tenant may have hosts; left out if there are none. */
            allowed_hosts?: components["schemas"]["HostSuffix"][];
            quotas: components["schemas"]["Quotas"];
        };
        /**
         * Format: date-time
         * @description A time in UTC with microseconds (RFC 3339).
         * @example 2026-11-21T08:03:37.661997Z
         */
        Timestamp: string;
        /**
         * Format: date-time
         * @description A time (RFC 3339). A time without a zone is UTC.
         * @example 2026-11-21T08:03:37Z
         */
        TimestampIn: string;
        /**
         * @description The name of a version of a service.
         * @example v1
         * @example 2026.11.21-rc1
         */
        VersionName: string;
        /**
         * @description A version tag, `<epoch>.<revision>`.
         * @example adc74a594a3e0e8f.4
         */
        VersionTag: string;
        /**
         * @description The longest time that the request waits: seconds (`30`, `30s`) or milliseconds (`500ms`). At most 60 s.
         * @example 30s
         */
        WaitTime: string;
    };
    responses: {
        /** @description `unavailable`: A dependency is not available; `overloaded`: The service is overloaded; `commit_unknown`: The outcome of the write is unknown; `deadline_exceeded`: The request took too long */
        CommandUnavailable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `dead_letter_decided`: The dead letter already has a decision */
        DeadLetterDecided: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `dead_letter_not_found`: The dead letter does not exist */
        DeadLetterNotFound: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `deadline_exceeded`: The request took too long */
        DeadlineExceeded: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `dependency_not_found`: This instance has no such dependency */
        DependencyNotFound: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: The caller has no role for this operation */
        Forbidden: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: The caller has no role for this operation; `outside_grant`: The caller's grant does not cover this service or environment */
        ForbiddenOrOutsideGrant: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `headers_too_large`: There are too many headers, or they are too large */
        HeadersTooLarge: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `internal`: Internal error */
        Internal: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`: The request is not valid; `idempotency_key_reused`: The idempotency key was used for another request */
        InvalidOrReused: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`: The request is not valid */
        InvalidRequest: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `key_not_found`: The API key does not exist */
        KeyNotFound: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `malformed_request`: The request cannot be parsed */
        MalformedRequest: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `malformed_request`: The request cannot be parsed; `invalid_cursor`: The cursor is not valid here */
        MalformedRequestOrCursor: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unavailable`: A dependency is not available; `overloaded`: The service is overloaded; `revision_not_reached`: This instance has not reached the minimum revision; `deadline_exceeded`: The request took too long */
        MinimumUnavailable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                ETag: components["headers"]["ETag-optional"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `misdirected_request`: The Host header is not a name of this service */
        MisdirectedRequest: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: The path does not exist */
        NotFound: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_redrivable`: The dead letter cannot be sent again */
        NotRedrivable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `payload_too_large`: The body is too large */
        PayloadTooLarge: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `precondition_failed`: The object's version does not meet the precondition */
        PreconditionFailed: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                ETag: components["headers"]["ETag-optional"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `quota_exceeded`: A quota of the tenant is used up */
        QuotaExceeded: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unavailable`: A dependency is not available; `overloaded`: The service is overloaded; `deadline_exceeded`: The request took too long */
        ReadUnavailable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `replay_ended`: The replay is done */
        ReplayEnded: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `replay_not_found`: The replay does not exist */
        ReplayNotFound: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `tenant_ending`: The tenant is being deleted */
        TenantEnding: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `tenant_not_found`: The tenant does not exist */
        TenantNotFound: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `too_many_requests`: Too many requests */
        TooManyRequests: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `too_many_requests`: Too many requests; `too_many_writes`: The tenant exceeds its write rate */
        TooManyRequestsOrWrites: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unauthenticated`: Credentials are required */
        Unauthenticated: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unsupported_media_type`: The media type is not supported */
        UnsupportedMediaType: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `uri_too_long`: The path and query are too long */
        UriTooLong: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unavailable`: A dependency is not available; `audit_backlog`: Too many events are not published yet; `overloaded`: The service is overloaded; `commit_unknown`: The outcome of the write is unknown; `deadline_exceeded`: The request took too long */
        WriteUnavailable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                "Retry-After": components["headers"]["Retry-After"];
                "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                traceparent: components["headers"]["traceparent-optional"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
        "Accept-Encoding": string;
        /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
        "Idempotency-Key": string;
        /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
        "If-Match": string;
        /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
        "If-None-Match": string;
        /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
        "If-None-Match-create": "*";
        /** @description The `id` of the last event that the client has read: the stream continues after this event. An empty value counts as absent. */
        "Last-Event-ID": string;
        /** @description `wait=<seconds>` (RFC 7240), like the parameter `wait`. Other preferences are ignored. */
        Prefer: string;
        /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
        "TM-Min-Revision": string;
        /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
        "X-Correlation-ID": string;
        /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
        "X-Reason": string;
        /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
        traceparent: string;
    };
    requestBodies: never;
    headers: {
        /** @description The rules for caches. */
        "Cache-Control": string;
        /** @description A suggested name for the file. */
        "Content-Disposition": string;
        /** @description The compression of the answer. */
        "Content-Encoding-optional": "zstd" | "gzip";
        /** @description A version tag in quotes. */
        ETag: string;
        /** @description A version tag in quotes. */
        "ETag-optional": string;
        /** @description A version tag in quotes; weak if the answer is compressed. */
        "ETag-weak": string;
        /** @description A version tag in quotes; weak if the answer is compressed. */
        "ETag-weak-optional": string;
        /** @description Present if this is the stored answer of an earlier request with the same `Idempotency-Key`. */
        "Idempotency-Replayed-optional": "true";
        /** @description The path of the object. */
        Location: string;
        /** @description The preference of the request that the service followed. */
        "Preference-Applied-optional": string;
        /** @description The number of requests that the caller may send at once. */
        "RateLimit-Limit-optional": string;
        /** @description The number of requests that the caller may still send now. */
        "RateLimit-Remaining-optional": string;
        /** @description The number of seconds until the whole limit is available again. */
        "RateLimit-Reset-optional": string;
        /** @description The number of seconds to wait before the next attempt. */
        "Retry-After": string;
        /** @description A confirmed removal of most routes in the scope: its tag, service, environment and counts, and after `; ` the signatures of this statement, as in `TM-Signature`. */
        "TM-Confirmed-optional": string;
        /** @description The part of the tenant's nodes that runs the change: 0 to 1. Missing if the tenant has no nodes. */
        "TM-Convergence-optional": string;
        /** @description Signatures of the snapshot, each by another key of the service, as `<key id>=<signature in hex>` with commas between them. */
        "TM-Signature-optional": string;
        /** @description The number of seconds since the primary database confirmed the data of this answer. */
        "TM-Stale-optional": string;
        /** @description Present if there was nothing to change: the write made no revision and no event. */
        "TM-Unchanged-optional": "true";
        /** @description The request headers on which the answer depends. */
        Vary: string;
        /** @description The request headers on which the answer depends. */
        "Vary-optional": string;
        /** @description The authentication scheme to use (RFC 9110). */
        "WWW-Authenticate": string;
        /** @description The id of the request: from the request's header, or generated. */
        "X-Correlation-ID": string;
        /** @description The span of the request, if the request is traced. */
        "traceparent-optional": string;
    };
    pathItems: never;
}
export type AccessKind = components['schemas']['AccessKind'];
export type AccessRecord = components['schemas']['AccessRecord'];
export type Actor = components['schemas']['Actor'];
export type ActorId = components['schemas']['ActorId'];
export type ApiKey = components['schemas']['ApiKey'];
export type ApplyPlan = components['schemas']['ApplyPlan'];
export type ApplyResult = components['schemas']['ApplyResult'];
export type ArchivedEvent = components['schemas']['ArchivedEvent'];
export type AuditStatus = components['schemas']['AuditStatus'];
export type BatchChange = components['schemas']['BatchChange'];
export type BatchIn = components['schemas']['BatchIn'];
export type BreakerState = components['schemas']['BreakerState'];
export type BreakerTransition = components['schemas']['BreakerTransition'];
export type Caller = components['schemas']['Caller'];
export type CallerActor = components['schemas']['CallerActor'];
export type ChainCheckpoint = components['schemas']['ChainCheckpoint'];
export type ChainFault = components['schemas']['ChainFault'];
export type ChainVerification = components['schemas']['ChainVerification'];
export type ChangeCounts = components['schemas']['ChangeCounts'];
export type ChangeFeed = components['schemas']['ChangeFeed'];
export type ChangeStreamEvent = components['schemas']['ChangeStreamEvent'];
export type ChoiceExplanation = components['schemas']['ChoiceExplanation'];
export type ChoiceReason = components['schemas']['ChoiceReason'];
export type ConfirmedRemoval = components['schemas']['ConfirmedRemoval'];
export type Convergence = components['schemas']['Convergence'];
export type ConvergenceState = components['schemas']['ConvergenceState'];
export type CookieName = components['schemas']['CookieName'];
export type CreateKey = components['schemas']['CreateKey'];
export type Cursor = components['schemas']['Cursor'];
export type DeadLetter = components['schemas']['DeadLetter'];
export type DeadLetterDecision = components['schemas']['DeadLetterDecision'];
export type DeadLetterDetails = components['schemas']['DeadLetterDetails'];
export type DeadLetterId = components['schemas']['DeadLetterId'];
export type DeadLetterOrigin = components['schemas']['DeadLetterOrigin'];
export type DeadLetterReason = components['schemas']['DeadLetterReason'];
export type DeadLetterState = components['schemas']['DeadLetterState'];
export type DeletePolicy = components['schemas']['DeletePolicy'];
export type Dependency = components['schemas']['Dependency'];
export type DiscardDeadLetter = components['schemas']['DiscardDeadLetter'];
export type DocumentScope = components['schemas']['DocumentScope'];
export type DocumentScopeIn = components['schemas']['DocumentScopeIn'];
export type EnvName = components['schemas']['EnvName'];
export type Epoch = components['schemas']['Epoch'];
export type Event = components['schemas']['Event'];
export type EventAction = components['schemas']['EventAction'];
export type EventId = components['schemas']['EventId'];
export type EventSubject = components['schemas']['EventSubject'];
export type EventsByAction = components['schemas']['EventsByAction'];
export type EventsByRoute = components['schemas']['EventsByRoute'];
export type EventsInTimeRange = components['schemas']['EventsInTimeRange'];
export type FieldError = components['schemas']['FieldError'];
export type FirstBadEvent = components['schemas']['FirstBadEvent'];
export type FixedResponse = components['schemas']['FixedResponse'];
export type FixedResponseIn = components['schemas']['FixedResponseIn'];
export type ForceBreaker = components['schemas']['ForceBreaker'];
export type ForcedBreaker = components['schemas']['ForcedBreaker'];
export type ForcedBreakerState = components['schemas']['ForcedBreakerState'];
export type HeaderEdits = components['schemas']['HeaderEdits'];
export type HeaderEditsIn = components['schemas']['HeaderEditsIn'];
export type HeaderEditsPatchIn = components['schemas']['HeaderEditsPatchIn'];
export type HeaderMatch = components['schemas']['HeaderMatch'];
export type HeaderMatchIn = components['schemas']['HeaderMatchIn'];
export type HeaderName = components['schemas']['HeaderName'];
export type HealthCheck = components['schemas']['HealthCheck'];
export type HealthStatus = components['schemas']['HealthStatus'];
export type HistoryPosition = components['schemas']['HistoryPosition'];
export type HostHeader = components['schemas']['HostHeader'];
export type HostPattern = components['schemas']['HostPattern'];
export type HostSuffix = components['schemas']['HostSuffix'];
export type JsonValue = components['schemas']['JsonValue'];
export type KafkaPosition = components['schemas']['KafkaPosition'];
export type LabelPair = components['schemas']['LabelPair'];
export type Labels = components['schemas']['Labels'];
export type LabelsPatchIn = components['schemas']['LabelsPatchIn'];
export type Laggard = components['schemas']['Laggard'];
export type ListenAddress = components['schemas']['ListenAddress'];
export type Liveness = components['schemas']['Liveness'];
export type MemberBlame = components['schemas']['MemberBlame'];
export type Mirror = components['schemas']['Mirror'];
export type MirrorIn = components['schemas']['MirrorIn'];
export type MirrorPatchIn = components['schemas']['MirrorPatchIn'];
export type NewApiKey = components['schemas']['NewApiKey'];
export type Node = components['schemas']['Node'];
export type NodeError = components['schemas']['NodeError'];
export type NodeErrorReport = components['schemas']['NodeErrorReport'];
export type NodeName = components['schemas']['NodeName'];
export type NodeReport = components['schemas']['NodeReport'];
export type NodeReports = components['schemas']['NodeReports'];
export type NodeScopes = components['schemas']['NodeScopes'];
export type NodeState = components['schemas']['NodeState'];
export type OutboxBacklog = components['schemas']['OutboxBacklog'];
export type PageOfAccessRecord = components['schemas']['PageOfAccessRecord'];
export type PageOfApiKey = components['schemas']['PageOfApiKey'];
export type PageOfArchivedEvent = components['schemas']['PageOfArchivedEvent'];
export type PageOfDeadLetter = components['schemas']['PageOfDeadLetter'];
export type PageOfEvent = components['schemas']['PageOfEvent'];
export type PageOfNode = components['schemas']['PageOfNode'];
export type PageOfPlanSummary = components['schemas']['PageOfPlanSummary'];
export type PageOfPolicy = components['schemas']['PageOfPolicy'];
export type PageOfReplay = components['schemas']['PageOfReplay'];
export type PageOfRoute = components['schemas']['PageOfRoute'];
export type PageOfTenant = components['schemas']['PageOfTenant'];
export type PathMatch = components['schemas']['PathMatch'];
export type PathMatchIn = components['schemas']['PathMatchIn'];
export type PathPrefix = components['schemas']['PathPrefix'];
export type PathRewrite = components['schemas']['PathRewrite'];
export type PathRewriteIn = components['schemas']['PathRewriteIn'];
export type PathRewritePatchIn = components['schemas']['PathRewritePatchIn'];
export type Plan = components['schemas']['Plan'];
export type PlanId = components['schemas']['PlanId'];
export type PlanPreview = components['schemas']['PlanPreview'];
export type PlanSummary = components['schemas']['PlanSummary'];
export type PlanWarning = components['schemas']['PlanWarning'];
export type PlannedChange = components['schemas']['PlannedChange'];
export type PointInTime = components['schemas']['PointInTime'];
export type Policy = components['schemas']['Policy'];
export type PolicyAction = components['schemas']['PolicyAction'];
export type PolicyDocument = components['schemas']['PolicyDocument'];
export type PolicyDocumentIn = components['schemas']['PolicyDocumentIn'];
export type PolicyEvent = components['schemas']['PolicyEvent'];
export type PolicyIn = components['schemas']['PolicyIn'];
export type PolicyName = components['schemas']['PolicyName'];
export type PolicyNameIn = components['schemas']['PolicyNameIn'];
export type PolicyPatchIn = components['schemas']['PolicyPatchIn'];
export type PolicyQuarantine = components['schemas']['PolicyQuarantine'];
export type PolicyRule = components['schemas']['PolicyRule'];
export type PolicyRuleIn = components['schemas']['PolicyRuleIn'];
export type PolicySpec = components['schemas']['PolicySpec'];
export type PolicyState = components['schemas']['PolicyState'];
export type Problem = components['schemas']['Problem'];
export type ProblemCode = components['schemas']['ProblemCode'];
export type ProblemKind = components['schemas']['ProblemKind'];
export type ProcessPhase = components['schemas']['ProcessPhase'];
export type ProxyReport = components['schemas']['ProxyReport'];
export type ProxyTransport = components['schemas']['ProxyTransport'];
export type PublicKey = components['schemas']['PublicKey'];
export type PutPolicy = components['schemas']['PutPolicy'];
export type PutRoute = components['schemas']['PutRoute'];
export type Quota = components['schemas']['Quota'];
export type Quotas = components['schemas']['Quotas'];
export type QuotasIn = components['schemas']['QuotasIn'];
export type QuotasPatchIn = components['schemas']['QuotasPatchIn'];
export type Readiness = components['schemas']['Readiness'];
export type Reason = components['schemas']['Reason'];
export type RecentEvents = components['schemas']['RecentEvents'];
export type RecordContent = components['schemas']['RecordContent'];
export type RecordEncoding = components['schemas']['RecordEncoding'];
export type RecordHeader = components['schemas']['RecordHeader'];
export type Redirect = components['schemas']['Redirect'];
export type RedirectIn = components['schemas']['RedirectIn'];
export type RedriveDeadLetters = components['schemas']['RedriveDeadLetters'];
export type RedriveRefusal = components['schemas']['RedriveRefusal'];
export type RedriveResult = components['schemas']['RedriveResult'];
export type Replay = components['schemas']['Replay'];
export type ReplayId = components['schemas']['ReplayId'];
export type ReplayIn = components['schemas']['ReplayIn'];
export type ReplayState = components['schemas']['ReplayState'];
export type ReportedPolicy = components['schemas']['ReportedPolicy'];
export type RequiredReason = components['schemas']['RequiredReason'];
export type Resilience = components['schemas']['Resilience'];
export type ResolvedRoute = components['schemas']['ResolvedRoute'];
export type ResourcePool = components['schemas']['ResourcePool'];
export type Retries = components['schemas']['Retries'];
export type RetriesIn = components['schemas']['RetriesIn'];
export type RetriesPatchIn = components['schemas']['RetriesPatchIn'];
export type RetryCondition = components['schemas']['RetryCondition'];
export type Revision = components['schemas']['Revision'];
export type RoleName = components['schemas']['RoleName'];
export type RollbackIn = components['schemas']['RollbackIn'];
export type RotateKey = components['schemas']['RotateKey'];
export type Route = components['schemas']['Route'];
export type RouteAction = components['schemas']['RouteAction'];
export type RouteBlame = components['schemas']['RouteBlame'];
export type RouteChangeIn = components['schemas']['RouteChangeIn'];
export type RouteDescription = components['schemas']['RouteDescription'];
export type RouteDocument = components['schemas']['RouteDocument'];
export type RouteDocumentIn = components['schemas']['RouteDocumentIn'];
export type RouteEvent = components['schemas']['RouteEvent'];
export type RouteIn = components['schemas']['RouteIn'];
export type RouteKey = components['schemas']['RouteKey'];
export type RouteKeyIn = components['schemas']['RouteKeyIn'];
export type RouteName = components['schemas']['RouteName'];
export type RouteNameIn = components['schemas']['RouteNameIn'];
export type RouteOrPolicyName = components['schemas']['RouteOrPolicyName'];
export type RouteOrPolicySpec = components['schemas']['RouteOrPolicySpec'];
export type RoutePatchIn = components['schemas']['RoutePatchIn'];
export type RouteSpec = components['schemas']['RouteSpec'];
export type RouteSpecIn = components['schemas']['RouteSpecIn'];
export type RouteStanding = components['schemas']['RouteStanding'];
export type RouteState = components['schemas']['RouteState'];
export type RouteUrl = components['schemas']['RouteUrl'];
export type RuleMatch = components['schemas']['RuleMatch'];
export type RuleMatchIn = components['schemas']['RuleMatchIn'];
export type SearchText = components['schemas']['SearchText'];
export type ServiceName = components['schemas']['ServiceName'];
export type SetRouteState = components['schemas']['SetRouteState'];
export type Sha256 = components['schemas']['Sha256'];
export type SignedState = components['schemas']['SignedState'];
export type SigningKeys = components['schemas']['SigningKeys'];
export type Snapshot = components['schemas']['Snapshot'];
export type SnapshotPolicy = components['schemas']['SnapshotPolicy'];
export type SnapshotRoute = components['schemas']['SnapshotRoute'];
export type SplitEntry = components['schemas']['SplitEntry'];
export type SplitEntryIn = components['schemas']['SplitEntryIn'];
export type SplitScore = components['schemas']['SplitScore'];
export type StickyBy = components['schemas']['StickyBy'];
export type StickyByIn = components['schemas']['StickyByIn'];
export type StickyByPatchIn = components['schemas']['StickyByPatchIn'];
export type StreamEvent = components['schemas']['StreamEvent'];
export type Tenant = components['schemas']['Tenant'];
export type TenantAction = components['schemas']['TenantAction'];
export type TenantAuditStatus = components['schemas']['TenantAuditStatus'];
export type TenantDifference = components['schemas']['TenantDifference'];
export type TenantDocument = components['schemas']['TenantDocument'];
export type TenantDocumentIn = components['schemas']['TenantDocumentIn'];
export type TenantEvent = components['schemas']['TenantEvent'];
export type TenantIn = components['schemas']['TenantIn'];
export type TenantName = components['schemas']['TenantName'];
export type TenantPatchIn = components['schemas']['TenantPatchIn'];
export type TenantSpec = components['schemas']['TenantSpec'];
export type Timestamp = components['schemas']['Timestamp'];
export type TimestampIn = components['schemas']['TimestampIn'];
export type VersionName = components['schemas']['VersionName'];
export type VersionTag = components['schemas']['VersionTag'];
export type WaitTime = components['schemas']['WaitTime'];
export type ResponseCommandUnavailable = components['responses']['CommandUnavailable'];
export type ResponseDeadLetterDecided = components['responses']['DeadLetterDecided'];
export type ResponseDeadLetterNotFound = components['responses']['DeadLetterNotFound'];
export type ResponseDeadlineExceeded = components['responses']['DeadlineExceeded'];
export type ResponseDependencyNotFound = components['responses']['DependencyNotFound'];
export type ResponseForbidden = components['responses']['Forbidden'];
export type ResponseForbiddenOrOutsideGrant = components['responses']['ForbiddenOrOutsideGrant'];
export type ResponseHeadersTooLarge = components['responses']['HeadersTooLarge'];
export type ResponseInternal = components['responses']['Internal'];
export type ResponseInvalidOrReused = components['responses']['InvalidOrReused'];
export type ResponseInvalidRequest = components['responses']['InvalidRequest'];
export type ResponseKeyNotFound = components['responses']['KeyNotFound'];
export type ResponseMalformedRequest = components['responses']['MalformedRequest'];
export type ResponseMalformedRequestOrCursor = components['responses']['MalformedRequestOrCursor'];
export type ResponseMinimumUnavailable = components['responses']['MinimumUnavailable'];
export type ResponseMisdirectedRequest = components['responses']['MisdirectedRequest'];
export type ResponseNotFound = components['responses']['NotFound'];
export type ResponseNotRedrivable = components['responses']['NotRedrivable'];
export type ResponsePayloadTooLarge = components['responses']['PayloadTooLarge'];
export type ResponsePreconditionFailed = components['responses']['PreconditionFailed'];
export type ResponseQuotaExceeded = components['responses']['QuotaExceeded'];
export type ResponseReadUnavailable = components['responses']['ReadUnavailable'];
export type ResponseReplayEnded = components['responses']['ReplayEnded'];
export type ResponseReplayNotFound = components['responses']['ReplayNotFound'];
export type ResponseTenantEnding = components['responses']['TenantEnding'];
export type ResponseTenantNotFound = components['responses']['TenantNotFound'];
export type ResponseTooManyRequests = components['responses']['TooManyRequests'];
export type ResponseTooManyRequestsOrWrites = components['responses']['TooManyRequestsOrWrites'];
export type ResponseUnauthenticated = components['responses']['Unauthenticated'];
export type ResponseUnsupportedMediaType = components['responses']['UnsupportedMediaType'];
export type ResponseUriTooLong = components['responses']['UriTooLong'];
export type ResponseWriteUnavailable = components['responses']['WriteUnavailable'];
export type ParameterAcceptEncoding = components['parameters']['Accept-Encoding'];
export type ParameterIdempotencyKey = components['parameters']['Idempotency-Key'];
export type ParameterIfMatch = components['parameters']['If-Match'];
export type ParameterIfNoneMatch = components['parameters']['If-None-Match'];
export type ParameterIfNoneMatchCreate = components['parameters']['If-None-Match-create'];
export type ParameterLastEventId = components['parameters']['Last-Event-ID'];
export type ParameterPrefer = components['parameters']['Prefer'];
export type ParameterTmMinRevision = components['parameters']['TM-Min-Revision'];
export type ParameterXCorrelationId = components['parameters']['X-Correlation-ID'];
export type ParameterXReason = components['parameters']['X-Reason'];
export type ParameterTraceparent = components['parameters']['traceparent'];
export type HeaderCacheControl = components['headers']['Cache-Control'];
export type HeaderContentDisposition = components['headers']['Content-Disposition'];
export type HeaderContentEncodingOptional = components['headers']['Content-Encoding-optional'];
export type HeaderETag = components['headers']['ETag'];
export type HeaderETagOptional = components['headers']['ETag-optional'];
export type HeaderETagWeak = components['headers']['ETag-weak'];
export type HeaderETagWeakOptional = components['headers']['ETag-weak-optional'];
export type HeaderIdempotencyReplayedOptional = components['headers']['Idempotency-Replayed-optional'];
export type HeaderLocation = components['headers']['Location'];
export type HeaderPreferenceAppliedOptional = components['headers']['Preference-Applied-optional'];
export type HeaderRateLimitLimitOptional = components['headers']['RateLimit-Limit-optional'];
export type HeaderRateLimitRemainingOptional = components['headers']['RateLimit-Remaining-optional'];
export type HeaderRateLimitResetOptional = components['headers']['RateLimit-Reset-optional'];
export type HeaderRetryAfter = components['headers']['Retry-After'];
export type HeaderTmConfirmedOptional = components['headers']['TM-Confirmed-optional'];
export type HeaderTmConvergenceOptional = components['headers']['TM-Convergence-optional'];
export type HeaderTmSignatureOptional = components['headers']['TM-Signature-optional'];
export type HeaderTmStaleOptional = components['headers']['TM-Stale-optional'];
export type HeaderTmUnchangedOptional = components['headers']['TM-Unchanged-optional'];
export type HeaderVary = components['headers']['Vary'];
export type HeaderVaryOptional = components['headers']['Vary-optional'];
export type HeaderWwwAuthenticate = components['headers']['WWW-Authenticate'];
export type HeaderXCorrelationId = components['headers']['X-Correlation-ID'];
export type HeaderTraceparentOptional = components['headers']['traceparent-optional'];
export type $defs = Record<string, never>;
export interface operations {
    listAccessRecords: {
        parameters: {
            query?: {
                /** @description Only events or accesses of this actor. */
                actor?: components["schemas"]["ActorId"];
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The start. It is included, except in a difference, which has the changes after it. */
                from?: components["schemas"]["TimestampIn"];
                /** @description Only accesses of this kind. */
                kind?: components["schemas"]["AccessKind"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
                /** @description The end. It is included; the present state if absent. */
                to?: components["schemas"]["TimestampIn"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of access records. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "action": "GET /api/v1/tenants/{tenant}",
                     *           "actor": null,
                     *           "correlation_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "key": "0Yb3kQ9zTn5W",
                     *           "kind": "denied",
                     *           "object": null,
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "reason": "revoked_key",
                     *           "source_ip": "192.0.2.7",
                     *           "status": 401,
                     *           "suppressed": 12,
                     *           "tenant": null,
                     *           "visible_to": "acme"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfAccessRecord"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listAuditEventsByAction: {
        parameters: {
            query: {
                /** @description Only events with this action. */
                action: components["schemas"]["EventAction"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description Only events of the last hours: the number of hours. */
                hours?: number;
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "action": "created",
                     *       "count": 1,
                     *       "events": [
                     *         {
                     *           "action": "created",
                     *           "changed_by": "anonymous",
                     *           "correlation_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "event": {
                     *             "action": "created",
                     *             "actor": {
                     *               "id": "anonymous",
                     *               "kind": "anonymous"
                     *             },
                     *             "after": {
                     *               "description": null,
                     *               "is_active": true,
                     *               "labels": {
                     *                 "team": "payments"
                     *               },
                     *               "url": "https://checkout-1.example.com"
                     *             },
                     *             "before": null,
                     *             "epoch": "adc74a594a3e0e8f",
                     *             "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *             "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *             "item": 0,
                     *             "items": 1,
                     *             "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *             "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *             "reason": "first release",
                     *             "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *             "revision": 1,
                     *             "route": {
                     *               "env": "prod",
                     *               "service": "checkout",
                     *               "version": "v1"
                     *             },
                     *             "source_ip": "127.0.0.1",
                     *             "tenant": "acme",
                     *             "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7"
                     *           },
                     *           "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "event_type": "trafficmanager.route.created.v1",
                     *           "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *           "item": 0,
                     *           "metadata": {
                     *             "offset": 606,
                     *             "partition": 1,
                     *             "topic": "route-events"
                     *           },
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *           "previous_state": null,
                     *           "previous_url": null,
                     *           "processed_at": "2026-11-21T08:03:37.674751Z",
                     *           "reason": "first release",
                     *           "revision": 1,
                     *           "route": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "tenant": "acme",
                     *             "version": "v1"
                     *           },
                     *           "source_ip": "127.0.0.1",
                     *           "state": "active",
                     *           "tenant": "acme",
                     *           "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7",
                     *           "url": "https://checkout-1.example.com"
                     *         }
                     *       ],
                     *       "hours": 24
                     *     }
                     */
                    "application/json": components["schemas"]["EventsByAction"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listAuditEvents: {
        parameters: {
            query?: {
                /** @description Only events with this action. */
                action?: components["schemas"]["EventAction"];
                /** @description Only events or accesses of this actor. */
                actor?: components["schemas"]["ActorId"];
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The start. It is included, except in a difference, which has the changes after it. */
                from?: components["schemas"]["TimestampIn"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
                /** @description The end. It is included; the present state if absent. */
                to?: components["schemas"]["TimestampIn"];
                /** @description The name of the version. */
                version?: components["schemas"]["VersionName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of events. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "action": "created",
                     *           "changed_by": "anonymous",
                     *           "correlation_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "event": {
                     *             "action": "created",
                     *             "actor": {
                     *               "id": "anonymous",
                     *               "kind": "anonymous"
                     *             },
                     *             "after": {
                     *               "description": null,
                     *               "is_active": true,
                     *               "labels": {
                     *                 "team": "payments"
                     *               },
                     *               "url": "https://checkout-1.example.com"
                     *             },
                     *             "before": null,
                     *             "epoch": "adc74a594a3e0e8f",
                     *             "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *             "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *             "item": 0,
                     *             "items": 1,
                     *             "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *             "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *             "reason": "first release",
                     *             "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *             "revision": 1,
                     *             "route": {
                     *               "env": "prod",
                     *               "service": "checkout",
                     *               "version": "v1"
                     *             },
                     *             "source_ip": "127.0.0.1",
                     *             "tenant": "acme",
                     *             "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7"
                     *           },
                     *           "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "event_type": "trafficmanager.route.created.v1",
                     *           "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *           "item": 0,
                     *           "metadata": {
                     *             "offset": 606,
                     *             "partition": 1,
                     *             "topic": "route-events"
                     *           },
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *           "previous_state": null,
                     *           "previous_url": null,
                     *           "processed_at": "2026-11-21T08:03:37.674751Z",
                     *           "reason": "first release",
                     *           "revision": 1,
                     *           "route": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "tenant": "acme",
                     *             "version": "v1"
                     *           },
                     *           "source_ip": "127.0.0.1",
                     *           "state": "active",
                     *           "tenant": "acme",
                     *           "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7",
                     *           "url": "https://checkout-1.example.com"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfArchivedEvent"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    exportAuditEvents: {
        parameters: {
            query?: {
                /** @description Only events with this action. */
                action?: components["schemas"]["EventAction"];
                /** @description Only events or accesses of this actor. */
                actor?: components["schemas"]["ActorId"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The format of the answer. */
                format?: "ndjson" | "csv";
                /** @description The start. It is included, except in a difference, which has the changes after it. */
                from?: components["schemas"]["TimestampIn"];
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
                /** @description The end. It is included; the present state if absent. */
                to?: components["schemas"]["TimestampIn"];
                /** @description The name of the version. */
                version?: components["schemas"]["VersionName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events, one on each line. The export is complete only if the body ends properly. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Disposition": components["headers"]["Content-Disposition"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["ArchivedEvent"];
                    "text/csv": string;
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            /** @description `too_many_requests`: Too many requests; `too_many_exports`: Too many exports are running */
            429: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listRecentAuditEvents: {
        parameters: {
            query?: {
                /** @description Only events of the last days: the number of days. */
                days?: number;
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "count": 1,
                     *       "days": 7,
                     *       "events": [
                     *         {
                     *           "action": "created",
                     *           "changed_by": "anonymous",
                     *           "correlation_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "event": {
                     *             "action": "created",
                     *             "actor": {
                     *               "id": "anonymous",
                     *               "kind": "anonymous"
                     *             },
                     *             "after": {
                     *               "description": null,
                     *               "is_active": true,
                     *               "labels": {
                     *                 "team": "payments"
                     *               },
                     *               "url": "https://checkout-1.example.com"
                     *             },
                     *             "before": null,
                     *             "epoch": "adc74a594a3e0e8f",
                     *             "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *             "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *             "item": 0,
                     *             "items": 1,
                     *             "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *             "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *             "reason": "first release",
                     *             "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *             "revision": 1,
                     *             "route": {
                     *               "env": "prod",
                     *               "service": "checkout",
                     *               "version": "v1"
                     *             },
                     *             "source_ip": "127.0.0.1",
                     *             "tenant": "acme",
                     *             "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7"
                     *           },
                     *           "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "event_type": "trafficmanager.route.created.v1",
                     *           "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *           "item": 0,
                     *           "metadata": {
                     *             "offset": 606,
                     *             "partition": 1,
                     *             "topic": "route-events"
                     *           },
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *           "previous_state": null,
                     *           "previous_url": null,
                     *           "processed_at": "2026-11-21T08:03:37.674751Z",
                     *           "reason": "first release",
                     *           "revision": 1,
                     *           "route": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "tenant": "acme",
                     *             "version": "v1"
                     *           },
                     *           "source_ip": "127.0.0.1",
                     *           "state": "active",
                     *           "tenant": "acme",
                     *           "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7",
                     *           "url": "https://checkout-1.example.com"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RecentEvents"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listAuditEventsByRoute: {
        parameters: {
            query: {
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events of the route. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "count": 1,
                     *       "events": [
                     *         {
                     *           "action": "created",
                     *           "changed_by": "anonymous",
                     *           "correlation_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "event": {
                     *             "action": "created",
                     *             "actor": {
                     *               "id": "anonymous",
                     *               "kind": "anonymous"
                     *             },
                     *             "after": {
                     *               "description": null,
                     *               "is_active": true,
                     *               "labels": {
                     *                 "team": "payments"
                     *               },
                     *               "url": "https://checkout-1.example.com"
                     *             },
                     *             "before": null,
                     *             "epoch": "adc74a594a3e0e8f",
                     *             "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *             "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *             "item": 0,
                     *             "items": 1,
                     *             "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *             "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *             "reason": "first release",
                     *             "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *             "revision": 1,
                     *             "route": {
                     *               "env": "prod",
                     *               "service": "checkout",
                     *               "version": "v1"
                     *             },
                     *             "source_ip": "127.0.0.1",
                     *             "tenant": "acme",
                     *             "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7"
                     *           },
                     *           "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "event_type": "trafficmanager.route.created.v1",
                     *           "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *           "item": 0,
                     *           "metadata": {
                     *             "offset": 606,
                     *             "partition": 1,
                     *             "topic": "route-events"
                     *           },
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *           "previous_state": null,
                     *           "previous_url": null,
                     *           "processed_at": "2026-11-21T08:03:37.674751Z",
                     *           "reason": "first release",
                     *           "revision": 1,
                     *           "route": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "tenant": "acme",
                     *             "version": "v1"
                     *           },
                     *           "source_ip": "127.0.0.1",
                     *           "state": "active",
                     *           "tenant": "acme",
                     *           "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7",
                     *           "url": "https://checkout-1.example.com"
                     *         }
                     *       ],
                     *       "route": {
                     *         "env": "prod",
                     *         "service": "checkout",
                     *         "tenant": "acme",
                     *         "version": "v1"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["EventsByRoute"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    getAuditStatus: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lag of the archive. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "events_behind": 0,
                     *       "next_cursor": null,
                     *       "outbox": {
                     *         "events": 0,
                     *         "oldest_seconds": 0
                     *       },
                     *       "seconds_behind": 0,
                     *       "tenants": [
                     *         {
                     *           "archived_revision": 12,
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "events_behind": 0,
                     *           "revision": 12,
                     *           "seconds_behind": 0,
                     *           "tenant": "acme"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["AuditStatus"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listAuditEventsInTimeRange: {
        parameters: {
            query: {
                /** @description Only entries before this time. */
                end_time: components["schemas"]["TimestampIn"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description Only entries at or after this time. */
                start_time: components["schemas"]["TimestampIn"];
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "count": 1,
                     *       "end_time": "2026-11-22T00:00:00.000000Z",
                     *       "events": [
                     *         {
                     *           "action": "created",
                     *           "changed_by": "anonymous",
                     *           "correlation_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "event": {
                     *             "action": "created",
                     *             "actor": {
                     *               "id": "anonymous",
                     *               "kind": "anonymous"
                     *             },
                     *             "after": {
                     *               "description": null,
                     *               "is_active": true,
                     *               "labels": {
                     *                 "team": "payments"
                     *               },
                     *               "url": "https://checkout-1.example.com"
                     *             },
                     *             "before": null,
                     *             "epoch": "adc74a594a3e0e8f",
                     *             "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *             "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *             "item": 0,
                     *             "items": 1,
                     *             "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *             "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *             "reason": "first release",
                     *             "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *             "revision": 1,
                     *             "route": {
                     *               "env": "prod",
                     *               "service": "checkout",
                     *               "version": "v1"
                     *             },
                     *             "source_ip": "127.0.0.1",
                     *             "tenant": "acme",
                     *             "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7"
                     *           },
                     *           "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "event_type": "trafficmanager.route.created.v1",
                     *           "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *           "item": 0,
                     *           "metadata": {
                     *             "offset": 606,
                     *             "partition": 1,
                     *             "topic": "route-events"
                     *           },
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *           "previous_state": null,
                     *           "previous_url": null,
                     *           "processed_at": "2026-11-21T08:03:37.674751Z",
                     *           "reason": "first release",
                     *           "revision": 1,
                     *           "route": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "tenant": "acme",
                     *             "version": "v1"
                     *           },
                     *           "source_ip": "127.0.0.1",
                     *           "state": "active",
                     *           "tenant": "acme",
                     *           "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7",
                     *           "url": "https://checkout-1.example.com"
                     *         }
                     *       ],
                     *       "start_time": "2026-11-21T00:00:00.000000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["EventsInTimeRange"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    verifyAuditChain: {
        parameters: {
            query: {
                /** @description The start. It is included, except in a difference, which has the changes after it. */
                from?: number;
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The end. It is included; the present state if absent. */
                to?: number;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result of the verification. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "checkpoint": null,
                     *       "complete": true,
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "events": 12,
                     *       "first_bad": null,
                     *       "from": 1,
                     *       "missing": [],
                     *       "missing_count": 0,
                     *       "tenant": "acme",
                     *       "to": 12,
                     *       "verified": true
                     *     }
                     */
                    "application/json": components["schemas"]["ChainVerification"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listSigningKeys: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The public keys. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "keys": [
                     *         {
                     *           "algorithm": "Ed25519",
                     *           "id": "6a3803d5f059902a",
                     *           "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["SigningKeys"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    getProxyConfiguration: {
        parameters: {
            query: {
                /** @description The address and port of the proxy's own interface. */
                admin?: components["schemas"]["ListenAddress"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The address and port where the proxy takes requests. */
                listen?: components["schemas"]["ListenAddress"];
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The time for which the request waits while there is nothing newer than the tag that the caller sent. */
                wait?: components["schemas"]["WaitTime"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
                /** @description `wait=<seconds>` (RFC 7240), like the parameter `wait`. Other preferences are ignored. */
                Prefer?: components["parameters"]["Prefer"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path: {
                /** @description The kind of proxy. */
                dialect: "caddy" | "envoy" | "haproxy" | "nginx" | "traefik";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The configuration. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak"];
                    "Preference-Applied": components["headers"]["Preference-Applied-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    Vary: components["headers"]["Vary-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "files": [
                     *         {
                     *           "content": "…",
                     *           "path": "nginx.conf",
                     *           "sha256": "33e6392dcf4e803dbfb2fabd5615c04f0a104c7e504a1166c061f2f1cbbb3e3c"
                     *         }
                     *       ],
                     *       "reload": "nginx -t && nginx -s reload",
                     *       "revision": "adc74a594a3e0e8f.7"
                     *     }
                     */
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak"];
                    "Preference-Applied": components["headers"]["Preference-Applied-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    Vary: components["headers"]["Vary-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `not_found`: The path does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            /** @description `too_many_requests`: Too many requests; `too_many_waiters`: Too many long-polls and streams are waiting */
            429: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    getProxyBootstrap: {
        parameters: {
            query: {
                /** @description The address and port of the proxy's own interface. */
                admin?: components["schemas"]["ListenAddress"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The address and port where the proxy takes requests. */
                listen?: components["schemas"]["ListenAddress"];
                /** @description The name by which the node reports. */
                node?: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description How an Envoy gets its configuration: `ads` (a stream), or `files`. */
                transport?: components["schemas"]["ProxyTransport"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path: {
                /** @description The kind of proxy. */
                dialect: "caddy" | "envoy" | "haproxy" | "nginx" | "traefik";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The configuration or script. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `not_found`: The path does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    getProxyReport: {
        parameters: {
            query: {
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description The kind of proxy. */
                dialect: "caddy" | "envoy" | "haproxy" | "nginx" | "traefik";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The report. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "dialect": "traefik",
                     *       "policies": [
                     *         {
                     *           "env": "prod",
                     *           "notes": [
                     *             "a client stays with its version by a cookie of Traefik, not by the header x-user"
                     *           ],
                     *           "revision": 5,
                     *           "service": "checkout",
                     *           "state": "degraded",
                     *           "tenant": "acme"
                     *         }
                     *       ],
                     *       "revision": "adc74a594a3e0e8f.7",
                     *       "tenant": "acme"
                     *     }
                     */
                    "application/json": components["schemas"]["ProxyReport"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `not_found`: The path does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    listDeadLetters: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description Only dead letters with this reason. */
                reason?: components["schemas"]["DeadLetterReason"];
                /** @description Only items in this state. */
                state?: components["schemas"]["DeadLetterState"];
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of dead letters. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "at": "2026-11-21T08:03:37.661000Z",
                     *           "attempts": 1,
                     *           "decision": null,
                     *           "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "event_type": "trafficmanager.route.created.v2",
                     *           "id": "0-17",
                     *           "omitted": false,
                     *           "origin": {
                     *             "offset": 606,
                     *             "partition": 1,
                     *             "topic": "route-events"
                     *           },
                     *           "reason": "unknown_version",
                     *           "state": "waiting",
                     *           "tenant": "acme"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfDeadLetter"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    redriveDeadLetters: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "limit": 100,
                 *       "reason": "unknown_version"
                 *     }
                 */
                "application/json": components["schemas"]["RedriveDeadLetters"];
            };
        };
        responses: {
            /** @description The dead letters that were sent, and those that were refused. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "next_cursor": null,
                     *       "redriven": [
                     *         "0-17"
                     *       ],
                     *       "refused": []
                     *     }
                     */
                    "application/json": components["schemas"]["RedriveResult"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    getDeadLetter: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path: {
                /** @description The id of the dead letter: its partition and offset in the dead-letter topic. */
                letter_id: components["schemas"]["DeadLetterId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The dead letter. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "at": "2026-11-21T08:03:37.661000Z",
                     *       "attempts": 1,
                     *       "decision": null,
                     *       "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *       "event_type": "trafficmanager.route.created.v2",
                     *       "headers": [
                     *         {
                     *           "name": "ce_subject",
                     *           "value": {
                     *             "data": "acme/checkout/prod/v1",
                     *             "encoding": "text"
                     *           }
                     *         }
                     *       ],
                     *       "id": "0-17",
                     *       "key": {
                     *         "data": "acme",
                     *         "encoding": "text"
                     *       },
                     *       "omitted": false,
                     *       "origin": {
                     *         "offset": 606,
                     *         "partition": 1,
                     *         "topic": "route-events"
                     *       },
                     *       "reason": "unknown_version",
                     *       "state": "waiting",
                     *       "tenant": "acme",
                     *       "value": {
                     *         "data": {
                     *           "tenant": "acme"
                     *         },
                     *         "encoding": "json"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["DeadLetterDetails"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["DeadLetterNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    discardDeadLetter: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The id of the dead letter: its partition and offset in the dead-letter topic. */
                letter_id: components["schemas"]["DeadLetterId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "a test of the alarm"
                 *     }
                 */
                "application/json": components["schemas"]["DiscardDeadLetter"];
            };
        };
        responses: {
            /** @description The dead letter is discarded. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "at": "2026-11-21T08:03:37.661000Z",
                     *       "attempts": 1,
                     *       "decision": {
                     *         "decided_at": "2026-11-21T09:12:00.000000Z",
                     *         "decided_by": "0Yb3kQ9zTn5W",
                     *         "reason": "the release can read it"
                     *       },
                     *       "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *       "event_type": "trafficmanager.route.created.v2",
                     *       "id": "0-17",
                     *       "omitted": false,
                     *       "origin": {
                     *         "offset": 606,
                     *         "partition": 1,
                     *         "topic": "route-events"
                     *       },
                     *       "reason": "unknown_version",
                     *       "state": "discarded",
                     *       "tenant": "acme"
                     *     }
                     */
                    "application/json": components["schemas"]["DeadLetter"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["DeadLetterNotFound"];
            409: components["responses"]["DeadLetterDecided"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    redriveDeadLetter: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The id of the dead letter: its partition and offset in the dead-letter topic. */
                letter_id: components["schemas"]["DeadLetterId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The dead letter was sent. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "at": "2026-11-21T08:03:37.661000Z",
                     *       "attempts": 1,
                     *       "decision": {
                     *         "decided_at": "2026-11-21T09:12:00.000000Z",
                     *         "decided_by": "0Yb3kQ9zTn5W",
                     *         "reason": "the release can read it"
                     *       },
                     *       "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *       "event_type": "trafficmanager.route.created.v2",
                     *       "id": "0-17",
                     *       "omitted": false,
                     *       "origin": {
                     *         "offset": 606,
                     *         "partition": 1,
                     *         "topic": "route-events"
                     *       },
                     *       "reason": "unknown_version",
                     *       "state": "redriven",
                     *       "tenant": "acme"
                     *     }
                     */
                    "application/json": components["schemas"]["DeadLetter"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["DeadLetterNotFound"];
            409: components["responses"]["NotRedrivable"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    listKeys: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of API keys. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "created_at": "2026-11-21T08:03:37.661997Z",
                     *           "created_by": "7JmC2hVxP0aq",
                     *           "created_by_kind": "key",
                     *           "description": "deployments of acme",
                     *           "envs": [
                     *             "prod"
                     *           ],
                     *           "expires_at": null,
                     *           "id": "0Yb3kQ9zTn5W",
                     *           "last_used_at": null,
                     *           "previous_until": null,
                     *           "revoked_at": null,
                     *           "revoked_by": null,
                     *           "roles": [
                     *             "editor"
                     *           ],
                     *           "rotated_at": null,
                     *           "rotated_by": null,
                     *           "rotated_by_kind": null,
                     *           "services": [],
                     *           "tenant": "acme",
                     *           "tokens": 1
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfApiKey"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "description": "deployments of acme",
                 *       "envs": [
                 *         "prod"
                 *       ],
                 *       "roles": [
                 *         "editor"
                 *       ],
                 *       "tenant": "acme"
                 *     }
                 */
                "application/json": components["schemas"]["CreateKey"];
            };
        };
        responses: {
            /** @description The new key with its token. */
            201: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "7JmC2hVxP0aq",
                     *       "created_by_kind": "key",
                     *       "description": "deployments of acme",
                     *       "envs": [
                     *         "prod"
                     *       ],
                     *       "expires_at": null,
                     *       "id": "0Yb3kQ9zTn5W",
                     *       "last_used_at": null,
                     *       "previous_until": null,
                     *       "revoked_at": null,
                     *       "revoked_by": null,
                     *       "roles": [
                     *         "editor"
                     *       ],
                     *       "rotated_at": null,
                     *       "rotated_by": null,
                     *       "rotated_by_kind": null,
                     *       "services": [],
                     *       "tenant": "acme",
                     *       "token": "tmk_0Yb3kQ9zTn5W_0000000000000000000000000000000000000000000000000",
                     *       "tokens": 1
                     *     }
                     */
                    "application/json": components["schemas"]["NewApiKey"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            /** @description `keys_not_in_use`: API keys are not in use; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    getKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path: {
                /** @description The id of the API key. */
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The key. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "7JmC2hVxP0aq",
                     *       "created_by_kind": "key",
                     *       "description": "deployments of acme",
                     *       "envs": [
                     *         "prod"
                     *       ],
                     *       "expires_at": null,
                     *       "id": "0Yb3kQ9zTn5W",
                     *       "last_used_at": null,
                     *       "previous_until": null,
                     *       "revoked_at": null,
                     *       "revoked_by": null,
                     *       "roles": [
                     *         "editor"
                     *       ],
                     *       "rotated_at": null,
                     *       "rotated_by": null,
                     *       "rotated_by_kind": null,
                     *       "services": [],
                     *       "tenant": "acme",
                     *       "tokens": 1
                     *     }
                     */
                    "application/json": components["schemas"]["ApiKey"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["KeyNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    revokeKey: {
        parameters: {
            query?: {
                /** @description Whether the keys that this key made are revoked too, and the keys of which it was shown a token. */
                descendants?: "revoke" | "keep";
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The id of the API key. */
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The key is revoked. */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["KeyNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    rotateKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The id of the API key. */
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "overlap_seconds": 3600
                 *     }
                 */
                "application/json": components["schemas"]["RotateKey"];
            };
        };
        responses: {
            /** @description The key with its new token. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "7JmC2hVxP0aq",
                     *       "created_by_kind": "key",
                     *       "description": "deployments of acme",
                     *       "envs": [
                     *         "prod"
                     *       ],
                     *       "expires_at": null,
                     *       "id": "0Yb3kQ9zTn5W",
                     *       "last_used_at": null,
                     *       "previous_until": null,
                     *       "revoked_at": null,
                     *       "revoked_by": null,
                     *       "roles": [
                     *         "editor"
                     *       ],
                     *       "rotated_at": null,
                     *       "rotated_by": null,
                     *       "rotated_by_kind": null,
                     *       "services": [],
                     *       "tenant": "acme",
                     *       "token": "tmk_0Yb3kQ9zTn5W_0000000000000000000000000000000000000000000000000",
                     *       "tokens": 1
                     *     }
                     */
                    "application/json": components["schemas"]["NewApiKey"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["KeyNotFound"];
            /** @description `key_ended`: The API key is revoked or has expired; `keys_not_in_use`: API keys are not in use */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    getOpenApiDocument: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document, in OpenAPI 3.1. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "openapi": "3.1.0"
                     *     }
                     */
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            400: components["responses"]["MalformedRequest"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["DeadlineExceeded"];
        };
    };
    listPolicies: {
        parameters: {
            query: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of traffic policies. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "created_at": "2026-11-21T08:03:37.661997Z",
                     *           "created_by": "anonymous",
                     *           "env": "prod",
                     *           "failover": [
                     *             "v1"
                     *           ],
                     *           "hosts": [
                     *             "shop.example.com"
                     *           ],
                     *           "path_prefix": "/",
                     *           "revision": 3,
                     *           "rules": [
                     *             {
                     *               "match": {
                     *                 "headers": {
                     *                   "x-beta": {
                     *                     "exact": "yes"
                     *                   }
                     *                 }
                     *               },
                     *               "name": "testers",
                     *               "version": "v2"
                     *             }
                     *           ],
                     *           "service": "checkout",
                     *           "split": [
                     *             {
                     *               "version": "v1",
                     *               "weight": 90
                     *             },
                     *             {
                     *               "version": "v2",
                     *               "weight": 10
                     *             }
                     *           ],
                     *           "sticky_by": {
                     *             "cookie": "sid"
                     *           },
                     *           "tenant": "acme",
                     *           "updated_at": "2026-11-21T08:03:37.661997Z",
                     *           "updated_by": "anonymous"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfPolicy"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    getPolicy: {
        parameters: {
            query?: {
                /** @description The point in time to read; now if absent. */
                at?: components["schemas"]["PointInTime"];
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policy. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "env": "prod",
                     *       "failover": [
                     *         "v1"
                     *       ],
                     *       "hosts": [
                     *         "shop.example.com"
                     *       ],
                     *       "path_prefix": "/",
                     *       "revision": 3,
                     *       "rules": [
                     *         {
                     *           "match": {
                     *             "headers": {
                     *               "x-beta": {
                     *                 "exact": "yes"
                     *               }
                     *             }
                     *           },
                     *           "name": "testers",
                     *           "version": "v2"
                     *         }
                     *       ],
                     *       "service": "checkout",
                     *       "split": [
                     *         {
                     *           "version": "v1",
                     *           "weight": 90
                     *         },
                     *         {
                     *           "version": "v2",
                     *           "weight": 10
                     *         }
                     *       ],
                     *       "sticky_by": {
                     *         "cookie": "sid"
                     *       },
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous"
                     *     }
                     */
                    "application/json": components["schemas"]["Policy"];
                };
            };
            /** @description The caller has this answer already. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description `tenant_not_found`: The tenant does not exist; `policy_not_found`: The traffic policy does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    putPolicy: {
        parameters: {
            query?: {
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "failover": [
                 *         "v1"
                 *       ],
                 *       "hosts": [
                 *         "shop.example.com"
                 *       ],
                 *       "path_prefix": "/",
                 *       "rules": [
                 *         {
                 *           "match": {
                 *             "headers": {
                 *               "x-beta": {
                 *                 "exact": "yes"
                 *               }
                 *             }
                 *           },
                 *           "name": "testers",
                 *           "version": "v2"
                 *         }
                 *       ],
                 *       "split": [
                 *         {
                 *           "version": "v1",
                 *           "weight": 90
                 *         },
                 *         {
                 *           "version": "v2",
                 *           "weight": 10
                 *         }
                 *       ],
                 *       "sticky_by": {
                 *         "cookie": "sid"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PolicyIn"];
            };
        };
        responses: {
            /** @description The policy is replaced, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "env": "prod",
                     *       "failover": [
                     *         "v1"
                     *       ],
                     *       "hosts": [
                     *         "shop.example.com"
                     *       ],
                     *       "path_prefix": "/",
                     *       "revision": 3,
                     *       "rules": [
                     *         {
                     *           "match": {
                     *             "headers": {
                     *               "x-beta": {
                     *                 "exact": "yes"
                     *               }
                     *             }
                     *           },
                     *           "name": "testers",
                     *           "version": "v2"
                     *         }
                     *       ],
                     *       "service": "checkout",
                     *       "split": [
                     *         {
                     *           "version": "v1",
                     *           "weight": 90
                     *         },
                     *         {
                     *           "version": "v2",
                     *           "weight": 10
                     *         }
                     *       ],
                     *       "sticky_by": {
                     *         "cookie": "sid"
                     *       },
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous"
                     *     }
                     */
                    "application/json": components["schemas"]["Policy"];
                };
            };
            /** @description The policy is created. */
            201: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "env": "prod",
                     *       "failover": [
                     *         "v1"
                     *       ],
                     *       "hosts": [
                     *         "shop.example.com"
                     *       ],
                     *       "path_prefix": "/",
                     *       "revision": 3,
                     *       "rules": [
                     *         {
                     *           "match": {
                     *             "headers": {
                     *               "x-beta": {
                     *                 "exact": "yes"
                     *               }
                     *             }
                     *           },
                     *           "name": "testers",
                     *           "version": "v2"
                     *         }
                     *       ],
                     *       "service": "checkout",
                     *       "split": [
                     *         {
                     *           "version": "v1",
                     *           "weight": 90
                     *         },
                     *         {
                     *           "version": "v2",
                     *           "weight": 10
                     *         }
                     *       ],
                     *       "sticky_by": {
                     *         "cookie": "sid"
                     *       },
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous"
                     *     }
                     */
                    "application/json": components["schemas"]["Policy"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            /** @description `forbidden`: The caller has no role for this operation; `outside_grant`: The caller's grant does not cover this service or environment; `host_not_allowed`: The tenant may not use the host */
            403: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["TenantNotFound"];
            /** @description `tenant_ending`: The tenant is being deleted; `host_taken`: The host belongs to another tenant, or with its path prefix to another policy; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    deletePolicy: {
        parameters: {
            query?: {
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policy is deleted. */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `tenant_not_found`: The tenant does not exist; `policy_not_found`: The traffic policy does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            409: components["responses"]["TenantEnding"];
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    patchPolicy: {
        parameters: {
            query?: {
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "split": [
                 *         {
                 *           "version": "v1",
                 *           "weight": 50
                 *         },
                 *         {
                 *           "version": "v2",
                 *           "weight": 50
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["PolicyPatchIn"];
                /**
                 * @example {
                 *       "split": [
                 *         {
                 *           "version": "v1",
                 *           "weight": 50
                 *         },
                 *         {
                 *           "version": "v2",
                 *           "weight": 50
                 *         }
                 *       ]
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["PolicyPatchIn"];
            };
        };
        responses: {
            /** @description The policy is changed, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "env": "prod",
                     *       "failover": [
                     *         "v1"
                     *       ],
                     *       "hosts": [
                     *         "shop.example.com"
                     *       ],
                     *       "path_prefix": "/",
                     *       "revision": 3,
                     *       "rules": [
                     *         {
                     *           "match": {
                     *             "headers": {
                     *               "x-beta": {
                     *                 "exact": "yes"
                     *               }
                     *             }
                     *           },
                     *           "name": "testers",
                     *           "version": "v2"
                     *         }
                     *       ],
                     *       "service": "checkout",
                     *       "split": [
                     *         {
                     *           "version": "v1",
                     *           "weight": 90
                     *         },
                     *         {
                     *           "version": "v2",
                     *           "weight": 10
                     *         }
                     *       ],
                     *       "sticky_by": {
                     *         "cookie": "sid"
                     *       },
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous"
                     *     }
                     */
                    "application/json": components["schemas"]["Policy"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            /** @description `forbidden`: The caller has no role for this operation; `outside_grant`: The caller's grant does not cover this service or environment; `host_not_allowed`: The tenant may not use the host */
            403: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_not_found`: The tenant does not exist; `policy_not_found`: The traffic policy does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_ending`: The tenant is being deleted; `host_taken`: The host belongs to another tenant, or with its path prefix to another policy; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    getPolicyHistory: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of events. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "action": "policy_set",
                     *           "actor": {
                     *             "id": "anonymous",
                     *             "kind": "anonymous"
                     *           },
                     *           "after": {
                     *             "failover": [
                     *               "v1"
                     *             ],
                     *             "hosts": [
                     *               "shop.example.com"
                     *             ],
                     *             "path_prefix": "/",
                     *             "rules": [
                     *               {
                     *                 "match": {
                     *                   "headers": {
                     *                     "x-beta": {
                     *                       "exact": "yes"
                     *                     }
                     *                   }
                     *                 },
                     *                 "name": "testers",
                     *                 "version": "v2"
                     *               }
                     *             ],
                     *             "split": [
                     *               {
                     *                 "version": "v1",
                     *                 "weight": 90
                     *               },
                     *               {
                     *                 "version": "v2",
                     *                 "weight": 10
                     *               }
                     *             ],
                     *             "sticky_by": {
                     *               "cookie": "sid"
                     *             }
                     *           },
                     *           "before": null,
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "hash": "e3b45cd41aa61178c6e0bcdfbf8c714ecb69750fc71681b70b2270b5d5107f3f",
                     *           "id": "01a1fd21-de3d-7778-bc54-13f5856b700e",
                     *           "item": 1,
                     *           "items": 2,
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "policy": {
                     *             "env": "prod",
                     *             "service": "checkout"
                     *           },
                     *           "prev_hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *           "reason": "canary",
                     *           "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "revision": 3,
                     *           "source_ip": "127.0.0.1",
                     *           "tenant": "acme",
                     *           "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfEvent"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description `tenant_not_found`: The tenant does not exist; `policy_not_found`: The traffic policy does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    listReplays: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of replays. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "at": {
                     *             "epoch": "adc74a594a3e0e8f",
                     *             "revision": 407,
                     *             "tenant": "acme"
                     *           },
                     *           "changed_at": "2026-11-21T08:03:39.771123Z",
                     *           "created_at": "2026-11-21T08:03:37.661997Z",
                     *           "created_by": "0Yb3kQ9zTn5W",
                     *           "ended_at": null,
                     *           "ended_by": null,
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "events_per_second": 200,
                     *           "events_queued": 420,
                     *           "events_total": 830,
                     *           "from": 1,
                     *           "id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "include_removed": false,
                     *           "reason": "the archive was lost",
                     *           "state": "running",
                     *           "tenant": "acme",
                     *           "to": 812
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfReplay"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    createReplay: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "from": 1,
                 *       "reason": "the archive was lost",
                 *       "tenant": "acme",
                 *       "to": 812
                 *     }
                 */
                "application/json": components["schemas"]["ReplayIn"];
            };
        };
        responses: {
            /** @description The new replay. */
            201: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "at": {
                     *         "epoch": "adc74a594a3e0e8f",
                     *         "revision": 407,
                     *         "tenant": "acme"
                     *       },
                     *       "changed_at": "2026-11-21T08:03:39.771123Z",
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "0Yb3kQ9zTn5W",
                     *       "ended_at": null,
                     *       "ended_by": null,
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "events_per_second": 200,
                     *       "events_queued": 420,
                     *       "events_total": 830,
                     *       "from": 1,
                     *       "id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *       "include_removed": false,
                     *       "reason": "the archive was lost",
                     *       "state": "running",
                     *       "tenant": "acme",
                     *       "to": 812
                     *     }
                     */
                    "application/json": components["schemas"]["Replay"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            409: components["responses"]["QuotaExceeded"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    getReplay: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path: {
                /** @description The id of the replay. */
                replay_id: components["schemas"]["ReplayId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The replay. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "at": {
                     *         "epoch": "adc74a594a3e0e8f",
                     *         "revision": 407,
                     *         "tenant": "acme"
                     *       },
                     *       "changed_at": "2026-11-21T08:03:39.771123Z",
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "0Yb3kQ9zTn5W",
                     *       "ended_at": null,
                     *       "ended_by": null,
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "events_per_second": 200,
                     *       "events_queued": 420,
                     *       "events_total": 830,
                     *       "from": 1,
                     *       "id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *       "include_removed": false,
                     *       "reason": "the archive was lost",
                     *       "state": "running",
                     *       "tenant": "acme",
                     *       "to": 812
                     *     }
                     */
                    "application/json": components["schemas"]["Replay"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["ReplayNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    cancelReplay: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The id of the replay. */
                replay_id: components["schemas"]["ReplayId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cancelled replay. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "at": {
                     *         "epoch": "adc74a594a3e0e8f",
                     *         "revision": 407,
                     *         "tenant": "acme"
                     *       },
                     *       "changed_at": "2026-11-21T08:03:39.771123Z",
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "0Yb3kQ9zTn5W",
                     *       "ended_at": "2026-11-21T08:03:39.771123Z",
                     *       "ended_by": "0Yb3kQ9zTn5W",
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "events_per_second": 200,
                     *       "events_queued": 420,
                     *       "events_total": 830,
                     *       "from": 1,
                     *       "id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *       "include_removed": false,
                     *       "reason": "the archive was lost",
                     *       "state": "cancelled",
                     *       "tenant": "acme",
                     *       "to": 812
                     *     }
                     */
                    "application/json": components["schemas"]["Replay"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["ReplayNotFound"];
            409: components["responses"]["ReplayEnded"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    forceBreaker: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the dependency, as in `/health/resilience`. */
                dependency: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "seconds": 60,
                 *       "state": "open"
                 *     }
                 */
                "application/json": components["schemas"]["ForceBreaker"];
            };
        };
        responses: {
            /** @description The breaker state is forced. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "breaker": "open",
                     *       "breaker_moves": [
                     *         {
                     *           "at": "2026-11-21T08:03:37.661997Z",
                     *           "drill": true,
                     *           "to": "open"
                     *         }
                     *       ],
                     *       "breaker_opened_total": 1,
                     *       "bulkhead": 128,
                     *       "drill": {
                     *         "seconds_left": 60,
                     *         "state": "open"
                     *       },
                     *       "failures": 5,
                     *       "in_flight": 1,
                     *       "name": "postgres_primary",
                     *       "probes": 1,
                     *       "retry_budget": 10,
                     *       "timeout_ms": 3750
                     *     }
                     */
                    "application/json": components["schemas"]["Dependency"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["DependencyNotFound"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    releaseBreaker: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the dependency, as in `/health/resilience`. */
                dependency: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The breaker is not forced any more. */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["DependencyNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listRoutes: {
        parameters: {
            query?: {
                /** @description The point in time to read; now if absent. */
                at?: components["schemas"]["PointInTime"];
                /** @description Whether the answer has the number of routes that match, on all pages. Needs `tenant`. */
                count?: boolean;
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description Only active routes (`true`), or only inactive routes (`false`). */
                is_active?: boolean;
                /** @description Only routes with this label. */
                label?: components["schemas"]["LabelPair"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
                /** @description Only routes with this text in their names or their URL, whether in upper or lower case. */
                search?: components["schemas"]["SearchText"];
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant?: components["schemas"]["TenantName"];
                /** @description The name of the version. */
                version?: components["schemas"]["VersionName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of routes. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "created_at": "2026-11-21T08:03:37.661997Z",
                     *           "created_by": "anonymous",
                     *           "description": null,
                     *           "env": "prod",
                     *           "is_active": true,
                     *           "labels": {
                     *             "team": "payments"
                     *           },
                     *           "revision": 1,
                     *           "service": "checkout",
                     *           "tenant": "acme",
                     *           "updated_at": "2026-11-21T08:03:37.661997Z",
                     *           "updated_by": "anonymous",
                     *           "url": "https://checkout-1.example.com",
                     *           "version": "v1"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfRoute"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    upsertRoute: {
        parameters: {
            query?: {
                /** @description Confirms the change although a policy sends traffic to the version. The policy must have another version to send it to. */
                confirm_in_use?: boolean;
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "env": "prod",
                 *       "labels": {
                 *         "team": "payments"
                 *       },
                 *       "service": "checkout",
                 *       "tenant": "acme",
                 *       "url": "https://checkout-1.example.com",
                 *       "version": "v1"
                 *     }
                 */
                "application/json": components["schemas"]["RouteIn"];
            };
        };
        responses: {
            /** @description The route is replaced, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            /** @description The route is created. */
            201: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            404: components["responses"]["TenantNotFound"];
            /** @description `tenant_ending`: The tenant is being deleted; `version_in_use`: A traffic policy uses the version; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    activateRouteByBody: {
        parameters: {
            query?: {
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "env": "prod",
                 *       "service": "checkout",
                 *       "tenant": "acme",
                 *       "version": "v1"
                 *     }
                 */
                "application/json": components["schemas"]["RouteKeyIn"];
            };
        };
        responses: {
            /** @description The route is changed, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_ending`: The tenant is being deleted; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    deactivateRouteByBody: {
        parameters: {
            query?: {
                /** @description Confirms the change although a policy sends traffic to the version. The policy must have another version to send it to. */
                confirm_in_use?: boolean;
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "env": "prod",
                 *       "service": "checkout",
                 *       "tenant": "acme",
                 *       "version": "v1"
                 *     }
                 */
                "application/json": components["schemas"]["RouteKeyIn"];
            };
        };
        responses: {
            /** @description The route is changed, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_ending`: The tenant is being deleted; `version_in_use`: A traffic policy uses the version; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    resolveRoute: {
        parameters: {
            query: {
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description Adds the reason for the choice to the answer, as `explanation`. */
                explain?: boolean;
                /** @description The key that keeps a client with its version: the same key gets the same version. */
                key?: string;
                /** @description The method of the request that is asked about. */
                method?: string;
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
                /** @description The path of the request that is asked about, without its query. */
                path?: string;
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the version. */
                version?: components["schemas"]["VersionName"];
                /** @description The request headers for the rules of the policy. Each header is a query parameter `header.<name>`, such as `header.x-beta=yes`; the name `request_headers` itself is never sent. */
                request_headers?: {
                    [key: string]: string;
                };
                /** @description The query parameters, decoded, for the rules of the policy. Each is a query parameter `query.<name>`, such as `query.beta=yes`; the name `request_query` itself is never sent. */
                request_query?: {
                    [key: string]: string;
                };
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The active route. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "env": "prod",
                     *       "explanation": {
                     *         "instead_of": null,
                     *         "key": "user-7",
                     *         "policy": {
                     *           "env": "prod",
                     *           "service": "checkout"
                     *         },
                     *         "policy_revision": 3,
                     *         "reason": "split",
                     *         "rule": null,
                     *         "slot": 11201,
                     *         "split": [
                     *           {
                     *             "score": 1,
                     *             "share": 0.9,
                     *             "slots": 14746,
                     *             "standing": "active",
                     *             "version": "v1",
                     *             "weight": 90
                     *           },
                     *           {
                     *             "score": 0,
                     *             "share": 0.1,
                     *             "slots": 1638,
                     *             "standing": "active",
                     *             "version": "v2",
                     *             "weight": 10
                     *           }
                     *         ]
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["ResolvedRoute"];
                };
            };
            /** @description The caller has this answer already. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `route_not_found`: The route does not exist; `route_inactive`: The route is inactive; `tenant_not_found`: The tenant does not exist; `policy_not_found`: The traffic policy does not exist; `answered_by_policy`: The policy answers this request without a route; `no_active_version`: The policy has no active version for this request */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    getRoute: {
        parameters: {
            query?: {
                /** @description The point in time to read; now if absent. */
                at?: components["schemas"]["PointInTime"];
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The route. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            /** @description The caller has this answer already. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    putRoute: {
        parameters: {
            query?: {
                /** @description Confirms the change although a policy sends traffic to the version. The policy must have another version to send it to. */
                confirm_in_use?: boolean;
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "labels": {
                 *         "team": "payments"
                 *       },
                 *       "url": "https://checkout-1.example.com"
                 *     }
                 */
                "application/json": components["schemas"]["RouteSpecIn"];
            };
        };
        responses: {
            /** @description The route is replaced, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            /** @description The route is created. */
            201: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            404: components["responses"]["TenantNotFound"];
            /** @description `tenant_ending`: The tenant is being deleted; `version_in_use`: A traffic policy uses the version; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    deleteRoute: {
        parameters: {
            query?: {
                /** @description Confirms the change although a policy sends traffic to the version. The policy must have another version to send it to. */
                confirm_in_use?: boolean;
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The route is deleted. */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_ending`: The tenant is being deleted; `version_in_use`: A traffic policy uses the version; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    patchRoute: {
        parameters: {
            query?: {
                /** @description Confirms the change although a policy sends traffic to the version. The policy must have another version to send it to. */
                confirm_in_use?: boolean;
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "labels": {
                 *         "team": null
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["RoutePatchIn"];
                /**
                 * @example {
                 *       "labels": {
                 *         "team": null
                 *       }
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["RoutePatchIn"];
            };
        };
        responses: {
            /** @description The route is changed, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_ending`: The tenant is being deleted; `version_in_use`: A traffic policy uses the version; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    activateRoute: {
        parameters: {
            query?: {
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The route is changed, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_ending`: The tenant is being deleted; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    getRouteBlame: {
        parameters: {
            query?: {
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description For each member of the route, the event that set its value. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "env": "prod",
                     *       "members": {
                     *         "url": {
                     *           "action": "created",
                     *           "actor": {
                     *             "id": "anonymous",
                     *             "kind": "anonymous"
                     *           },
                     *           "event_id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "reason": "first release",
                     *           "revision": 1,
                     *           "value": "https://checkout-1.example.com"
                     *         }
                     *       },
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["RouteBlame"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    deactivateRoute: {
        parameters: {
            query?: {
                /** @description Confirms the change although a policy sends traffic to the version. The policy must have another version to send it to. */
                confirm_in_use?: boolean;
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The route is changed, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "description": null,
                     *       "env": "prod",
                     *       "is_active": true,
                     *       "labels": {
                     *         "team": "payments"
                     *       },
                     *       "revision": 1,
                     *       "service": "checkout",
                     *       "tenant": "acme",
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous",
                     *       "url": "https://checkout-1.example.com",
                     *       "version": "v1"
                     *     }
                     */
                    "application/json": components["schemas"]["Route"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_ending`: The tenant is being deleted; `version_in_use`: A traffic policy uses the version; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    getRouteHistory: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name of the service. */
                service: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env: components["schemas"]["EnvName"];
                /** @description The name of the version. */
                version: components["schemas"]["VersionName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of events. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "action": "created",
                     *           "actor": {
                     *             "id": "anonymous",
                     *             "kind": "anonymous"
                     *           },
                     *           "after": {
                     *             "description": null,
                     *             "is_active": true,
                     *             "labels": {
                     *               "team": "payments"
                     *             },
                     *             "url": "https://checkout-1.example.com"
                     *           },
                     *           "before": null,
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *           "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "item": 0,
                     *           "items": 1,
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *           "reason": "first release",
                     *           "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "revision": 1,
                     *           "route": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "version": "v1"
                     *           },
                     *           "source_ip": "127.0.0.1",
                     *           "tenant": "acme",
                     *           "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfEvent"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description `route_not_found`: The route does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    getSelf: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "actor": {
                     *         "id": "key:3f1c9a7be0d2",
                     *         "kind": "key"
                     *       },
                     *       "envs": [
                     *         "prod"
                     *       ],
                     *       "expires_at": "2026-12-31T00:00:00.000000Z",
                     *       "roles": [
                     *         "node"
                     *       ],
                     *       "services": null,
                     *       "tenant": "acme"
                     *     }
                     */
                    "application/json": components["schemas"]["Caller"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    streamAllChanges: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream; the schema is that of one server-sent event. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ChangeStreamEvent"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            /** @description `too_many_requests`: Too many requests; `too_many_waiters`: Too many long-polls and streams are waiting */
            429: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listTenants: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of tenants. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "allowed_hosts": [
                     *             "example.com"
                     *           ],
                     *           "created_at": "2026-11-21T08:03:37.661997Z",
                     *           "created_by": "anonymous",
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "name": "acme",
                     *           "policies": 1,
                     *           "quotas": {
                     *             "body_bytes": null,
                     *             "policies": null,
                     *             "routes": 1000,
                     *             "waiters": null,
                     *             "writes_per_second": null
                     *           },
                     *           "revision": 12,
                     *           "routes": 7,
                     *           "updated_at": "2026-11-21T08:03:37.661997Z",
                     *           "updated_by": "anonymous"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfTenant"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    createTenant: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "acme",
                 *       "quotas": {
                 *         "routes": 1000
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["TenantIn"];
            };
        };
        responses: {
            /** @description The tenant is created. */
            201: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "allowed_hosts": [
                     *         "example.com"
                     *       ],
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "name": "acme",
                     *       "policies": 1,
                     *       "quotas": {
                     *         "body_bytes": null,
                     *         "policies": null,
                     *         "routes": 1000,
                     *         "waiters": null,
                     *         "writes_per_second": null
                     *       },
                     *       "revision": 12,
                     *       "routes": 7,
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous"
                     *     }
                     */
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description `tenant_exists`: The tenant exists already; `tenant_ending`: The tenant is being deleted */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    getTenant: {
        parameters: {
            query?: {
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The tenant. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "allowed_hosts": [
                     *         "example.com"
                     *       ],
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "name": "acme",
                     *       "policies": 1,
                     *       "quotas": {
                     *         "body_bytes": null,
                     *         "policies": null,
                     *         "routes": 1000,
                     *         "waiters": null,
                     *         "writes_per_second": null
                     *       },
                     *       "revision": 12,
                     *       "routes": 7,
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous"
                     *     }
                     */
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description The caller has this answer already. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    deleteTenant: {
        parameters: {
            query?: {
                /** @description The name of the tenant, to confirm that its routes and policies are deleted too. */
                confirm?: components["schemas"]["TenantName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The tenant is being deleted: it has too many objects for one request. No other change is possible, and the service continues until the tenant is deleted. */
            202: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "allowed_hosts": [
                     *         "example.com"
                     *       ],
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "name": "acme",
                     *       "policies": 1,
                     *       "quotas": {
                     *         "body_bytes": null,
                     *         "policies": null,
                     *         "routes": 1000,
                     *         "waiters": null,
                     *         "writes_per_second": null
                     *       },
                     *       "revision": 12,
                     *       "routes": 7,
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous"
                     *     }
                     */
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description The tenant is deleted. */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            /** @description `tenant_ending`: The tenant is being deleted; `tenant_not_empty`: The tenant still has routes or policies */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    patchTenant: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "quotas": {
                 *         "routes": 2000
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["TenantPatchIn"];
                /**
                 * @example {
                 *       "quotas": {
                 *         "routes": 2000
                 *       }
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["TenantPatchIn"];
            };
        };
        responses: {
            /** @description The tenant is changed, or was the same already. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "allowed_hosts": [
                     *         "example.com"
                     *       ],
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "name": "acme",
                     *       "policies": 1,
                     *       "quotas": {
                     *         "body_bytes": null,
                     *         "policies": null,
                     *         "routes": 1000,
                     *         "waiters": null,
                     *         "writes_per_second": null
                     *       },
                     *       "revision": 12,
                     *       "routes": 7,
                     *       "updated_at": "2026-11-21T08:03:37.661997Z",
                     *       "updated_by": "anonymous"
                     *     }
                     */
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            409: components["responses"]["TenantEnding"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    applyBatch: {
        parameters: {
            query?: {
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "changes": [
                 *         {
                 *           "action": "put",
                 *           "route": {
                 *             "env": "prod",
                 *             "service": "checkout",
                 *             "url": "https://checkout-2.example.com",
                 *             "version": "v2"
                 *           }
                 *         },
                 *         {
                 *           "action": "deactivate",
                 *           "route": {
                 *             "env": "prod",
                 *             "service": "checkout",
                 *             "version": "v1"
                 *           }
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["BatchIn"];
                /**
                 * @example {
                 *       "changes": [
                 *         {
                 *           "action": "put",
                 *           "route": {
                 *             "env": "prod",
                 *             "service": "checkout",
                 *             "url": "https://checkout-2.example.com",
                 *             "version": "v2"
                 *           }
                 *         },
                 *         {
                 *           "action": "deactivate",
                 *           "route": {
                 *             "env": "prod",
                 *             "service": "checkout",
                 *             "version": "v1"
                 *           }
                 *         }
                 *       ]
                 *     }
                 */
                "application/yaml": components["schemas"]["BatchIn"];
            };
        };
        responses: {
            /** @description The changes are committed, or there was nothing to change. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "revision": 7,
                     *       "summary": {
                     *         "create": 1,
                     *         "delete": 0,
                     *         "unchanged": 0,
                     *         "update": 1
                     *       },
                     *       "tenant": "acme"
                     *     }
                     */
                    "application/json": components["schemas"]["ApplyResult"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            /** @description `forbidden`: The caller has no role for this operation; `outside_grant`: The caller's grant does not cover this service or environment; `host_not_allowed`: The tenant may not use the host */
            403: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["TenantNotFound"];
            /** @description `tenant_ending`: The tenant is being deleted; `host_taken`: The host belongs to another tenant, or with its path prefix to another policy; `version_in_use`: A traffic policy uses the version; `shrink_not_confirmed`: The change removes many routes and is not confirmed; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    getChanges: {
        parameters: {
            query: {
                /** @description The version tag after which to begin. */
                after: components["schemas"]["VersionTag"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The time for which the request waits while there is nothing newer than the tag that the caller sent. */
                wait?: components["schemas"]["WaitTime"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
                /** @description `wait=<seconds>` (RFC 7240), like the parameter `wait`. Other preferences are ignored. */
                Prefer?: components["parameters"]["Prefer"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The changes, or a new snapshot to start from. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak"];
                    "Preference-Applied": components["headers"]["Preference-Applied-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    Vary: components["headers"]["Vary-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "changes": [
                     *         {
                     *           "action": "created",
                     *           "actor": {
                     *             "id": "anonymous",
                     *             "kind": "anonymous"
                     *           },
                     *           "after": {
                     *             "description": null,
                     *             "is_active": true,
                     *             "labels": {
                     *               "team": "payments"
                     *             },
                     *             "url": "https://checkout-1.example.com"
                     *           },
                     *           "before": null,
                     *           "epoch": "adc74a594a3e0e8f",
                     *           "hash": "196914717dc8ecffe98509e42c0469fbb378742b9fa66e93f0301a9d3b77708b",
                     *           "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "item": 0,
                     *           "items": 1,
                     *           "occurred_at": "2026-11-21T08:03:37.661997Z",
                     *           "prev_hash": "0000000000000000000000000000000000000000000000000000000000000000",
                     *           "reason": "first release",
                     *           "request_id": "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
                     *           "revision": 1,
                     *           "route": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "version": "v1"
                     *           },
                     *           "source_ip": "127.0.0.1",
                     *           "tenant": "acme",
                     *           "trace_id": "15cc96b475ce9c542b4baf19ce78b7d7"
                     *         }
                     *       ],
                     *       "complete": true,
                     *       "from": "adc74a594a3e0e8f.0",
                     *       "to": "adc74a594a3e0e8f.1"
                     *     }
                     */
                    "application/json": components["schemas"]["ChangeFeed"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak"];
                    "Preference-Applied": components["headers"]["Preference-Applied-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    Vary: components["headers"]["Vary-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            /** @description `too_many_requests`: Too many requests; `too_many_waiters`: Too many long-polls and streams are waiting */
            429: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    getConvergence: {
        parameters: {
            query?: {
                /** @description The version tag that nodes are to run; the newest one if absent. */
                revision?: components["schemas"]["VersionTag"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The numbers. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "anonymous": 0,
                     *       "converged": 19,
                     *       "laggards": [
                     *         {
                     *           "applied": "adc74a594a3e0e8f.6",
                     *           "node": "edge-1",
                     *           "seconds": 300
                     *         }
                     *       ],
                     *       "live": 20,
                     *       "lost": 0,
                     *       "oldest": {
                     *         "applied": "adc74a594a3e0e8f.6",
                     *         "node": "edge-1",
                     *         "seconds": 300
                     *       },
                     *       "partial": false,
                     *       "refused": 1,
                     *       "revision": "adc74a594a3e0e8f.7",
                     *       "unknown": 0,
                     *       "warming": false
                     *     }
                     */
                    "application/json": components["schemas"]["Convergence"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    diffTenant: {
        parameters: {
            query: {
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The start. It is included, except in a difference, which has the changes after it. */
                from: components["schemas"]["PointInTime"];
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The end. It is included; the present state if absent. */
                to?: components["schemas"]["PointInTime"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The difference. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "changes": [
                     *         {
                     *           "action": "delete",
                     *           "after": null,
                     *           "before": {
                     *             "failover": [
                     *               "v1"
                     *             ],
                     *             "hosts": [
                     *               "shop.example.com"
                     *             ],
                     *             "path_prefix": "/",
                     *             "rules": [
                     *               {
                     *                 "match": {
                     *                   "headers": {
                     *                     "x-beta": {
                     *                       "exact": "yes"
                     *                     }
                     *                   }
                     *                 },
                     *                 "name": "testers",
                     *                 "version": "v2"
                     *               }
                     *             ],
                     *             "split": [
                     *               {
                     *                 "version": "v1",
                     *                 "weight": 90
                     *               },
                     *               {
                     *                 "version": "v2",
                     *                 "weight": 10
                     *               }
                     *             ],
                     *             "sticky_by": {
                     *               "cookie": "sid"
                     *             }
                     *           },
                     *           "key": {
                     *             "env": "dev",
                     *             "service": "checkout"
                     *           }
                     *         }
                     *       ],
                     *       "from": "adc74a594a3e0e8f.1",
                     *       "to": "adc74a594a3e0e8f.7"
                     *     }
                     */
                    "application/json": components["schemas"]["TenantDifference"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    exportTenant: {
        parameters: {
            query?: {
                /** @description The point in time to read; now if absent. */
                at?: components["schemas"]["PointInTime"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The format of the answer. */
                format?: "yaml" | "json";
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "policies": [
                     *         {
                     *           "env": "prod",
                     *           "failover": [
                     *             "v1"
                     *           ],
                     *           "hosts": [
                     *             "shop.example.com"
                     *           ],
                     *           "path_prefix": "/",
                     *           "rules": [
                     *             {
                     *               "match": {
                     *                 "headers": {
                     *                   "x-beta": {
                     *                     "exact": "yes"
                     *                   }
                     *                 }
                     *               },
                     *               "name": "testers",
                     *               "version": "v2"
                     *             }
                     *           ],
                     *           "service": "checkout",
                     *           "split": [
                     *             {
                     *               "version": "v1",
                     *               "weight": 90
                     *             },
                     *             {
                     *               "version": "v2",
                     *               "weight": 10
                     *             }
                     *           ],
                     *           "sticky_by": {
                     *             "cookie": "sid"
                     *           }
                     *         }
                     *       ],
                     *       "prune": true,
                     *       "routes": [
                     *         {
                     *           "description": null,
                     *           "env": "prod",
                     *           "is_active": true,
                     *           "labels": {
                     *             "team": "payments"
                     *           },
                     *           "service": "checkout",
                     *           "url": "https://checkout-1.example.com",
                     *           "version": "v1"
                     *         },
                     *         {
                     *           "description": null,
                     *           "env": "prod",
                     *           "is_active": true,
                     *           "labels": {},
                     *           "service": "checkout",
                     *           "url": "https://checkout-2.example.com",
                     *           "version": "v2"
                     *         }
                     *       ],
                     *       "scope": {
                     *         "env": "prod",
                     *         "service": null
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["TenantDocument"];
                    /**
                     * @example {
                     *       "policies": [
                     *         {
                     *           "env": "prod",
                     *           "failover": [
                     *             "v1"
                     *           ],
                     *           "hosts": [
                     *             "shop.example.com"
                     *           ],
                     *           "path_prefix": "/",
                     *           "rules": [
                     *             {
                     *               "match": {
                     *                 "headers": {
                     *                   "x-beta": {
                     *                     "exact": "yes"
                     *                   }
                     *                 }
                     *               },
                     *               "name": "testers",
                     *               "version": "v2"
                     *             }
                     *           ],
                     *           "service": "checkout",
                     *           "split": [
                     *             {
                     *               "version": "v1",
                     *               "weight": 90
                     *             },
                     *             {
                     *               "version": "v2",
                     *               "weight": 10
                     *             }
                     *           ],
                     *           "sticky_by": {
                     *             "cookie": "sid"
                     *           }
                     *         }
                     *       ],
                     *       "prune": true,
                     *       "routes": [
                     *         {
                     *           "description": null,
                     *           "env": "prod",
                     *           "is_active": true,
                     *           "labels": {
                     *             "team": "payments"
                     *           },
                     *           "service": "checkout",
                     *           "url": "https://checkout-1.example.com",
                     *           "version": "v1"
                     *         },
                     *         {
                     *           "description": null,
                     *           "env": "prod",
                     *           "is_active": true,
                     *           "labels": {},
                     *           "service": "checkout",
                     *           "url": "https://checkout-2.example.com",
                     *           "version": "v2"
                     *         }
                     *       ],
                     *       "scope": {
                     *         "env": "prod",
                     *         "service": null
                     *       }
                     *     }
                     */
                    "application/yaml": components["schemas"]["TenantDocument"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    listNodes: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The kind of proxy. */
                dialect?: components["schemas"]["ServiceName"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The largest number of items in the answer. */
                limit?: number;
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description Only items in this state. */
                state?: components["schemas"]["NodeState"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of nodes. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "applied": "adc74a594a3e0e8f.6",
                     *           "dialect": "envoy",
                     *           "env": "prod",
                     *           "error": {
                     *             "code": "refused",
                     *             "tag": "adc74a594a3e0e8f.7",
                     *             "text": "invalid regex"
                     *           },
                     *           "instance": "3f1c9a7be0d25864",
                     *           "interval_seconds": 5,
                     *           "lag_revisions": 1,
                     *           "node": "edge-1",
                     *           "seen": "2026-11-21T10:05:00.000000Z",
                     *           "served": "adc74a594a3e0e8f.7",
                     *           "service": null,
                     *           "since": "2026-11-21T10:00:00.000000Z",
                     *           "state": "refused"
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfNode"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    reportNodes: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reports": [
                 *         {
                 *           "applied": "adc74a594a3e0e8f.7",
                 *           "dialect": "envoy",
                 *           "env": "prod",
                 *           "node": "edge-1",
                 *           "seen_ms_ago": 120
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NodeReports"];
                /**
                 * @example {
                 *       "reports": [
                 *         {
                 *           "applied": "adc74a594a3e0e8f.7",
                 *           "dialect": "envoy",
                 *           "env": "prod",
                 *           "node": "edge-1",
                 *           "seen_ms_ago": 120
                 *         }
                 *       ]
                 *     }
                 */
                "application/yaml": components["schemas"]["NodeReports"];
            };
        };
        responses: {
            /** @description The reports are taken. */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            404: components["responses"]["TenantNotFound"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    getNode: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The name by which the node reports. */
                node: components["schemas"]["NodeName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The node. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "node": "edge-1",
                     *       "scopes": [
                     *         {
                     *           "applied": "adc74a594a3e0e8f.6",
                     *           "dialect": "envoy",
                     *           "env": "prod",
                     *           "error": {
                     *             "code": "refused",
                     *             "tag": "adc74a594a3e0e8f.7",
                     *             "text": "invalid regex"
                     *           },
                     *           "instance": "3f1c9a7be0d25864",
                     *           "interval_seconds": 5,
                     *           "lag_revisions": 1,
                     *           "node": "edge-1",
                     *           "seen": "2026-11-21T10:05:00.000000Z",
                     *           "served": "adc74a594a3e0e8f.7",
                     *           "service": null,
                     *           "since": "2026-11-21T10:00:00.000000Z",
                     *           "state": "refused"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["NodeScopes"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description `not_found`: The path does not exist; `tenant_not_found`: The tenant does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    listPlans: {
        parameters: {
            query?: {
                /** @description The cursor of the page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description The largest number of items in the answer. */
                limit?: number;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of plans. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "active_routes": [
                     *             1,
                     *             2
                     *           ],
                     *           "base": "adc74a594a3e0e8f.6",
                     *           "created_at": "2026-11-21T08:03:37.661997Z",
                     *           "created_by": "anonymous",
                     *           "expires_at": "2026-11-22T08:03:37.661997Z",
                     *           "hash": "9f3c6a7d20c2a5a94bb2e0a9e1d0b4c7a6f5e4d3c2b1a0918273645546372819",
                     *           "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *           "prune": true,
                     *           "reason": "release 7",
                     *           "scope": {
                     *             "env": "prod",
                     *             "service": null
                     *           },
                     *           "summary": {
                     *             "create": 1,
                     *             "delete": 0,
                     *             "unchanged": 2,
                     *             "update": 0
                     *           },
                     *           "tenant": "acme",
                     *           "warnings": []
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["PageOfPlanSummary"];
                };
            };
            400: components["responses"]["MalformedRequestOrCursor"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    createPlan: {
        parameters: {
            query?: {
                /** @description Computes the plan and stores nothing. A role for reading the tenant is enough. */
                dry_run?: boolean;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "policies": [
                 *         {
                 *           "env": "prod",
                 *           "failover": [
                 *             "v1"
                 *           ],
                 *           "hosts": [
                 *             "shop.example.com"
                 *           ],
                 *           "path_prefix": "/",
                 *           "rules": [
                 *             {
                 *               "match": {
                 *                 "headers": {
                 *                   "x-beta": {
                 *                     "exact": "yes"
                 *                   }
                 *                 }
                 *               },
                 *               "name": "testers",
                 *               "version": "v2"
                 *             }
                 *           ],
                 *           "service": "checkout",
                 *           "split": [
                 *             {
                 *               "version": "v1",
                 *               "weight": 90
                 *             },
                 *             {
                 *               "version": "v2",
                 *               "weight": 10
                 *             }
                 *           ],
                 *           "sticky_by": {
                 *             "cookie": "sid"
                 *           }
                 *         }
                 *       ],
                 *       "prune": true,
                 *       "routes": [
                 *         {
                 *           "description": null,
                 *           "env": "prod",
                 *           "is_active": true,
                 *           "labels": {
                 *             "team": "payments"
                 *           },
                 *           "service": "checkout",
                 *           "url": "https://checkout-1.example.com",
                 *           "version": "v1"
                 *         },
                 *         {
                 *           "description": null,
                 *           "env": "prod",
                 *           "is_active": true,
                 *           "labels": {},
                 *           "service": "checkout",
                 *           "url": "https://checkout-2.example.com",
                 *           "version": "v2"
                 *         }
                 *       ],
                 *       "scope": {
                 *         "env": "prod",
                 *         "service": null
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["TenantDocumentIn"];
                /**
                 * @example {
                 *       "policies": [
                 *         {
                 *           "env": "prod",
                 *           "failover": [
                 *             "v1"
                 *           ],
                 *           "hosts": [
                 *             "shop.example.com"
                 *           ],
                 *           "path_prefix": "/",
                 *           "rules": [
                 *             {
                 *               "match": {
                 *                 "headers": {
                 *                   "x-beta": {
                 *                     "exact": "yes"
                 *                   }
                 *                 }
                 *               },
                 *               "name": "testers",
                 *               "version": "v2"
                 *             }
                 *           ],
                 *           "service": "checkout",
                 *           "split": [
                 *             {
                 *               "version": "v1",
                 *               "weight": 90
                 *             },
                 *             {
                 *               "version": "v2",
                 *               "weight": 10
                 *             }
                 *           ],
                 *           "sticky_by": {
                 *             "cookie": "sid"
                 *           }
                 *         }
                 *       ],
                 *       "prune": true,
                 *       "routes": [
                 *         {
                 *           "description": null,
                 *           "env": "prod",
                 *           "is_active": true,
                 *           "labels": {
                 *             "team": "payments"
                 *           },
                 *           "service": "checkout",
                 *           "url": "https://checkout-1.example.com",
                 *           "version": "v1"
                 *         },
                 *         {
                 *           "description": null,
                 *           "env": "prod",
                 *           "is_active": true,
                 *           "labels": {},
                 *           "service": "checkout",
                 *           "url": "https://checkout-2.example.com",
                 *           "version": "v2"
                 *         }
                 *       ],
                 *       "scope": {
                 *         "env": "prod",
                 *         "service": null
                 *       }
                 *     }
                 */
                "application/yaml": components["schemas"]["TenantDocumentIn"];
            };
        };
        responses: {
            /** @description The plan, which is not stored (`dry_run=true`). */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "active_routes": [
                     *         1,
                     *         2
                     *       ],
                     *       "base": "adc74a594a3e0e8f.6",
                     *       "changes": [
                     *         {
                     *           "action": "create",
                     *           "after": {
                     *             "description": null,
                     *             "is_active": true,
                     *             "labels": {},
                     *             "url": "https://checkout-2.example.com"
                     *           },
                     *           "before": null,
                     *           "key": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "version": "v2"
                     *           }
                     *         }
                     *       ],
                     *       "prune": true,
                     *       "scope": {
                     *         "env": "prod",
                     *         "service": null
                     *       },
                     *       "summary": {
                     *         "create": 1,
                     *         "delete": 0,
                     *         "unchanged": 2,
                     *         "update": 0
                     *       },
                     *       "tenant": "acme",
                     *       "warnings": []
                     *     }
                     */
                    "application/json": components["schemas"]["PlanPreview"];
                };
            };
            /** @description The plan. */
            201: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "active_routes": [
                     *         1,
                     *         2
                     *       ],
                     *       "base": "adc74a594a3e0e8f.6",
                     *       "changes": [
                     *         {
                     *           "action": "create",
                     *           "after": {
                     *             "description": null,
                     *             "is_active": true,
                     *             "labels": {},
                     *             "url": "https://checkout-2.example.com"
                     *           },
                     *           "before": null,
                     *           "key": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "version": "v2"
                     *           }
                     *         }
                     *       ],
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "expires_at": "2026-11-22T08:03:37.661997Z",
                     *       "hash": "9f3c6a7d20c2a5a94bb2e0a9e1d0b4c7a6f5e4d3c2b1a0918273645546372819",
                     *       "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *       "prune": true,
                     *       "reason": "release 7",
                     *       "scope": {
                     *         "env": "prod",
                     *         "service": null
                     *       },
                     *       "summary": {
                     *         "create": 1,
                     *         "delete": 0,
                     *         "unchanged": 2,
                     *         "update": 0
                     *       },
                     *       "tenant": "acme",
                     *       "warnings": []
                     *     }
                     */
                    "application/json": components["schemas"]["Plan"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            /** @description `forbidden`: The caller has no role for this operation; `outside_grant`: The caller's grant does not cover this service or environment; `host_not_allowed`: The tenant may not use the host */
            403: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["TenantNotFound"];
            /** @description `host_taken`: The host belongs to another tenant, or with its path prefix to another policy; `version_in_use`: A traffic policy uses the version; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    getPlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The id of the plan. */
                id: components["schemas"]["PlanId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The plan. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "active_routes": [
                     *         1,
                     *         2
                     *       ],
                     *       "base": "adc74a594a3e0e8f.6",
                     *       "changes": [
                     *         {
                     *           "action": "create",
                     *           "after": {
                     *             "description": null,
                     *             "is_active": true,
                     *             "labels": {},
                     *             "url": "https://checkout-2.example.com"
                     *           },
                     *           "before": null,
                     *           "key": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "version": "v2"
                     *           }
                     *         }
                     *       ],
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "expires_at": "2026-11-22T08:03:37.661997Z",
                     *       "hash": "9f3c6a7d20c2a5a94bb2e0a9e1d0b4c7a6f5e4d3c2b1a0918273645546372819",
                     *       "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *       "prune": true,
                     *       "reason": "release 7",
                     *       "scope": {
                     *         "env": "prod",
                     *         "service": null
                     *       },
                     *       "summary": {
                     *         "create": 1,
                     *         "delete": 0,
                     *         "unchanged": 2,
                     *         "update": 0
                     *       },
                     *       "tenant": "acme",
                     *       "warnings": []
                     *     }
                     */
                    "application/json": components["schemas"]["Plan"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            /** @description `tenant_not_found`: The tenant does not exist; `plan_not_found`: The plan does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    deletePlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The id of the plan. */
                id: components["schemas"]["PlanId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The plan is deleted. */
            204: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            /** @description `tenant_not_found`: The tenant does not exist; `plan_not_found`: The plan does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    applyPlan: {
        parameters: {
            query?: {
                /** @description Holds the answer until this share of the tenant's nodes runs the change, for at most this time (10 s if it is missing, at most 60 s). The change is made before, so the status is the write's own, however the wait ends; the object that is answered then has a member `convergence`, as of `getConvergence`, with a `state`. */
                wait?: string;
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description Creates the object, and never replaces it: the answer is 412 if the object exists. (In reads this header has entity tags.) */
                "If-None-Match"?: components["parameters"]["If-None-Match-create"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
                /** @description The id of the plan. */
                id: components["schemas"]["PlanId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "hash": "9f3c6a7d20c2a5a94bb2e0a9e1d0b4c7a6f5e4d3c2b1a0918273645546372819"
                 *     }
                 */
                "application/json": components["schemas"]["ApplyPlan"];
            };
        };
        responses: {
            /** @description The changes are committed, or there was nothing to change. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Convergence": components["headers"]["TM-Convergence-optional"];
                    "TM-Unchanged": components["headers"]["TM-Unchanged-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "revision": 7,
                     *       "summary": {
                     *         "create": 1,
                     *         "delete": 0,
                     *         "unchanged": 0,
                     *         "update": 1
                     *       },
                     *       "tenant": "acme"
                     *     }
                     */
                    "application/json": components["schemas"]["ApplyResult"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            /** @description `forbidden`: The caller has no role for this operation; `outside_grant`: The caller's grant does not cover this service or environment; `host_not_allowed`: The tenant may not use the host */
            403: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_not_found`: The tenant does not exist; `plan_not_found`: The plan does not exist */
            404: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `tenant_ending`: The tenant is being deleted; `host_taken`: The host belongs to another tenant, or with its path prefix to another policy; `version_in_use`: A traffic policy uses the version; `shrink_not_confirmed`: The change removes many routes and is not confirmed; `plan_stale`: The tenant has changed since the plan was made; `plan_hash_mismatch`: The hash does not match the plan; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequestsOrWrites"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WriteUnavailable"];
        };
    };
    createRollbackPlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description Repeats are safe: the same key with the same request gets the first answer again, with `Idempotency-Replayed`. The same key with another request gets 422 `idempotency_key_reused`. Keys belong to one tenant and one caller. */
                "Idempotency-Key"?: components["parameters"]["Idempotency-Key"];
                /** @description `*`, or entity tags: the answer is 412 unless the object exists with one of these tags. Weak tags belong to the whole tenant, and never match a route or a policy. */
                "If-Match"?: components["parameters"]["If-Match"];
                /** @description The reason for the change, stored in the event: UTF-8 without control characters and invisible characters. Some clients can send only ASCII. */
                "X-Reason"?: components["parameters"]["X-Reason"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "it was better",
                 *       "to": 4
                 *     }
                 */
                "application/json": components["schemas"]["RollbackIn"];
            };
        };
        responses: {
            /** @description The plan. */
            201: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed-optional"];
                    Location: components["headers"]["Location"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "active_routes": [
                     *         1,
                     *         2
                     *       ],
                     *       "base": "adc74a594a3e0e8f.6",
                     *       "changes": [
                     *         {
                     *           "action": "create",
                     *           "after": {
                     *             "description": null,
                     *             "is_active": true,
                     *             "labels": {},
                     *             "url": "https://checkout-2.example.com"
                     *           },
                     *           "before": null,
                     *           "key": {
                     *             "env": "prod",
                     *             "service": "checkout",
                     *             "version": "v2"
                     *           }
                     *         }
                     *       ],
                     *       "created_at": "2026-11-21T08:03:37.661997Z",
                     *       "created_by": "anonymous",
                     *       "expires_at": "2026-11-22T08:03:37.661997Z",
                     *       "hash": "9f3c6a7d20c2a5a94bb2e0a9e1d0b4c7a6f5e4d3c2b1a0918273645546372819",
                     *       "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
                     *       "prune": true,
                     *       "reason": "release 7",
                     *       "scope": {
                     *         "env": "prod",
                     *         "service": null
                     *       },
                     *       "summary": {
                     *         "create": 1,
                     *         "delete": 0,
                     *         "unchanged": 2,
                     *         "update": 0
                     *       },
                     *       "tenant": "acme",
                     *       "warnings": []
                     *     }
                     */
                    "application/json": components["schemas"]["Plan"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            /** @description `forbidden`: The caller has no role for this operation; `outside_grant`: The caller's grant does not cover this service or environment; `host_not_allowed`: The tenant may not use the host */
            403: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["TenantNotFound"];
            /** @description `host_taken`: The host belongs to another tenant, or with its path prefix to another policy; `version_in_use`: A traffic policy uses the version; `quota_exceeded`: A quota of the tenant is used up */
            409: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["PayloadTooLarge"];
            414: components["responses"]["UriTooLong"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidOrReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["CommandUnavailable"];
        };
    };
    getSnapshot: {
        parameters: {
            query?: {
                /** @description The point in time to read; now if absent. */
                at?: components["schemas"]["PointInTime"];
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description A version tag, like the header `TM-Min-Revision`. If both are sent, the newer one counts. */
                min_revision?: components["schemas"]["VersionTag"];
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
                /** @description The time for which the request waits while there is nothing newer than the tag that the caller sent. */
                wait?: components["schemas"]["WaitTime"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description A version tag. The answer is at least as new as this tag; otherwise it is 503 `revision_not_reached`. */
                "TM-Min-Revision"?: components["parameters"]["TM-Min-Revision"];
                /** @description The entity tags that the caller has, or `*`: the answer is 304 if its tag is among them and the operation has a 304. Each tag is also a minimum, like `TM-Min-Revision`. Other texts are ignored. (In writes this header is `*`.) */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
                /** @description `wait=<seconds>` (RFC 7240), like the parameter `wait`. Other preferences are ignored. */
                Prefer?: components["parameters"]["Prefer"];
                /** @description `zstd` or `gzip`: the answer is compressed and its tag is weak. */
                "Accept-Encoding"?: components["parameters"]["Accept-Encoding"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The snapshot. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "Content-Encoding": components["headers"]["Content-Encoding-optional"];
                    ETag: components["headers"]["ETag-weak"];
                    "Preference-Applied": components["headers"]["Preference-Applied-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Confirmed": components["headers"]["TM-Confirmed-optional"];
                    "TM-Signature": components["headers"]["TM-Signature-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    Vary: components["headers"]["Vary-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "digest": "33e6392dcf4e803dbfb2fabd5615c04f0a104c7e504a1166c061f2f1cbbb3e3c",
                     *       "epoch": "adc74a594a3e0e8f",
                     *       "policies": [],
                     *       "revision": 1,
                     *       "routes": [
                     *         {
                     *           "env": "prod",
                     *           "labels": {
                     *             "team": "payments"
                     *           },
                     *           "revision": 1,
                     *           "service": "checkout",
                     *           "url": "https://checkout-1.example.com",
                     *           "version": "v1"
                     *         }
                     *       ],
                     *       "tenant": "acme"
                     *     }
                     */
                    "application/json": components["schemas"]["Snapshot"];
                };
            };
            /** @description The caller has it. */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag-weak"];
                    "Preference-Applied": components["headers"]["Preference-Applied-optional"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "TM-Confirmed": components["headers"]["TM-Confirmed-optional"];
                    "TM-Signature": components["headers"]["TM-Signature-optional"];
                    "TM-Stale": components["headers"]["TM-Stale-optional"];
                    Vary: components["headers"]["Vary-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            /** @description `too_many_requests`: Too many requests; `too_many_waiters`: Too many long-polls and streams are waiting */
            429: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    streamChanges: {
        parameters: {
            query?: {
                /** @description The name of the environment. */
                env?: components["schemas"]["EnvName"];
                /** @description The name of the service. */
                service?: components["schemas"]["ServiceName"];
            };
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
                /** @description The `id` of the last event that the client has read: the stream continues after this event. An empty value counts as absent. */
                "Last-Event-ID"?: components["parameters"]["Last-Event-ID"];
            };
            path: {
                /** @description The name of the tenant. */
                tenant: components["schemas"]["TenantName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream; the schema is that of one server-sent event. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["StreamEvent"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ForbiddenOrOutsideGrant"];
            404: components["responses"]["TenantNotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            422: components["responses"]["InvalidRequest"];
            /** @description `too_many_requests`: Too many requests; `too_many_waiters`: Too many long-polls and streams are waiting */
            429: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["MinimumUnavailable"];
        };
    };
    getAsyncApiDocument: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document, in AsyncAPI 3.0. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "asyncapi": "3.0.0"
                     *     }
                     */
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            400: components["responses"]["MalformedRequest"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["DeadlineExceeded"];
        };
    };
    getEventSchema: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schema, in JSON Schema 2020-12. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/schema+json": {
                        [key: string]: unknown;
                    };
                };
            };
            400: components["responses"]["MalformedRequest"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["DeadlineExceeded"];
        };
    };
    getTenantDocumentSchema: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schema, in JSON Schema 2020-12. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    "application/schema+json": {
                        [key: string]: unknown;
                    };
                };
            };
            400: components["responses"]["MalformedRequest"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["DeadlineExceeded"];
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process serves. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "ready": true,
                     *       "status": "healthy",
                     *       "version": "0.1.0"
                     *     }
                     */
                    "application/json": components["schemas"]["Liveness"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["DeadlineExceeded"];
        };
    };
    getLiveness: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process serves. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "ready": true,
                     *       "status": "healthy",
                     *       "version": "0.1.0"
                     *     }
                     */
                    "application/json": components["schemas"]["Liveness"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["DeadlineExceeded"];
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The instance is ready. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "checks": {
                     *         "postgres_primary": {
                     *           "status": "healthy"
                     *         },
                     *         "postgres_replicas": {
                     *           "detail": "behind",
                     *           "status": "degraded"
                     *         }
                     *       },
                     *       "phase": "running",
                     *       "ready": true,
                     *       "status": "healthy"
                     *     }
                     */
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            /** @description The instance is not ready. */
            503: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "checks": {
                     *         "postgres_primary": {
                     *           "status": "unhealthy"
                     *         },
                     *         "postgres_replicas": {
                     *           "detail": "behind",
                     *           "status": "degraded"
                     *         }
                     *       },
                     *       "phase": "running",
                     *       "ready": false,
                     *       "status": "unhealthy"
                     *     }
                     */
                    "application/json": components["schemas"]["Readiness"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getResilience: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The present state. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "backlog": {
                     *         "events": 0,
                     *         "oldest_seconds": 0
                     *       },
                     *       "dependencies": [
                     *         {
                     *           "breaker": "open",
                     *           "breaker_moves": [
                     *             {
                     *               "at": "2026-11-21T08:03:37.661997Z",
                     *               "drill": true,
                     *               "to": "open"
                     *             }
                     *           ],
                     *           "breaker_opened_total": 1,
                     *           "bulkhead": 128,
                     *           "drill": {
                     *             "seconds_left": 60,
                     *             "state": "open"
                     *           },
                     *           "failures": 5,
                     *           "in_flight": 1,
                     *           "name": "postgres_primary",
                     *           "probes": 1,
                     *           "retry_budget": 10,
                     *           "timeout_ms": 3750
                     *         }
                     *       ],
                     *       "draining": false,
                     *       "pools": [
                     *         {
                     *           "name": "postgres_primary",
                     *           "payers": 1,
                     *           "platform_share": 8,
                     *           "size": 16,
                     *           "tenant_share": 4,
                     *           "unit": "connections",
                     *           "used": 1
                     *         },
                     *         {
                     *           "name": "snapshots",
                     *           "payers": null,
                     *           "platform_share": null,
                     *           "size": 536870912,
                     *           "tenant_share": null,
                     *           "unit": "bytes",
                     *           "used": 81920
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Resilience"];
                };
            };
            400: components["responses"]["MalformedRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["ReadUnavailable"];
        };
    };
    getProblem: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the request, stored in the event as `request_id`: 1 to 128 visible ASCII characters. The service generates an id if the header is missing or not valid. */
                "X-Correlation-ID"?: components["parameters"]["X-Correlation-ID"];
                /** @description W3C Trace Context: the parent of the request's span. Values that are not valid are ignored. */
                traceparent?: components["parameters"]["traceparent"];
            };
            path: {
                /** @description The stable code of the problem. */
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The explanation of the code. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit-optional"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining-optional"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset-optional"];
                    Vary: components["headers"]["Vary"];
                    "X-Correlation-ID": components["headers"]["X-Correlation-ID"];
                    traceparent: components["headers"]["traceparent-optional"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "code": "quota_exceeded",
                     *       "status": 409,
                     *       "title": "A quota of the tenant is used up",
                     *       "what_to_do": "Delete some, send less at a time, or raise the quota with `PATCH /api/v1/tenants/{tenant}`.",
                     *       "when": "The tenant has as many routes, policies, patterns or plans (or the installation as many running replays) as `quota` allows, or the body is larger than its `body_bytes`. `limit` is the number: the tenant's own, or the default in `limits`. `changes_at_once`: one plan or batch has more changes than ten seconds of `writes_per_second`."
                     *     }
                     */
                    "application/json": components["schemas"]["ProblemKind"];
                    "text/html": string;
                };
            };
            400: components["responses"]["MalformedRequest"];
            404: components["responses"]["NotFound"];
            414: components["responses"]["UriTooLong"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["DeadlineExceeded"];
        };
    };
}
