# Generated from docs/openapi.json by scripts/generate.py. Do not edit.

"""A method for each operation of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import models
from .result import AsyncStream, Options, Read, Stream, Wait, Written


class Methods:
    """All operations. Each may raise `Problem` or `NoAnswer`."""

    def _call(self, name: str, args: Mapping[str, Any], body: Any, options: Options | None) -> Any:
        raise NotImplementedError

    def activate_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Activate a route."""
        result: Written[models.Route] = self._call(
            "activate_route",
            {"tenant": tenant, "service": service, "env": env, "version": version, "wait": wait},
            None,
            options,
        )
        return result

    def activate_route_by_body(
        self,
        *,
        body: models.RouteKeyIn | Mapping[str, Any],
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Activate the route that the body names."""
        result: Written[models.Route] = self._call("activate_route_by_body", {"wait": wait}, body, options)
        return result

    def apply_batch(
        self,
        *,
        tenant: str,
        body: models.BatchIn | Mapping[str, Any] | str,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.ApplyResult]:
        """Apply many changes at once."""
        result: Written[models.ApplyResult] = self._call("apply_batch", {"tenant": tenant, "wait": wait}, body, options)
        return result

    def apply_plan(
        self,
        *,
        tenant: str,
        id: str,
        body: models.ApplyPlan | Mapping[str, Any],
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.ApplyResult]:
        """Apply a plan."""
        result: Written[models.ApplyResult] = self._call(
            "apply_plan", {"tenant": tenant, "id": id, "wait": wait}, body, options
        )
        return result

    def cancel_replay(self, *, replay_id: str, options: Options | None = None) -> Written[models.Replay]:
        """Cancel a replay."""
        result: Written[models.Replay] = self._call("cancel_replay", {"replay_id": replay_id}, None, options)
        return result

    def create_key(
        self, *, body: models.CreateKey | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.NewApiKey]:
        """Create an API key."""
        result: Written[models.NewApiKey] = self._call("create_key", {}, body, options)
        return result

    def create_plan(
        self,
        *,
        tenant: str,
        body: models.TenantDocumentIn | Mapping[str, Any] | str,
        dry_run: bool | None = None,
        options: Options | None = None,
    ) -> Written[models.PlanPreview | models.Plan]:
        """Plan the changes towards a document."""
        result: Written[models.PlanPreview | models.Plan] = self._call(
            "create_plan", {"tenant": tenant, "dry_run": dry_run}, body, options
        )
        return result

    def create_replay(
        self, *, body: models.ReplayIn | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Replay]:
        """Publish a part of the history again."""
        result: Written[models.Replay] = self._call("create_replay", {}, body, options)
        return result

    def create_rollback_plan(
        self, *, tenant: str, body: models.RollbackIn | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Plan]:
        """Plan the way back to an earlier state."""
        result: Written[models.Plan] = self._call("create_rollback_plan", {"tenant": tenant}, body, options)
        return result

    def create_tenant(
        self, *, body: models.TenantIn | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Tenant]:
        """Create a tenant."""
        result: Written[models.Tenant] = self._call("create_tenant", {}, body, options)
        return result

    def deactivate_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Deactivate a route."""
        result: Written[models.Route] = self._call(
            "deactivate_route",
            {
                "tenant": tenant,
                "service": service,
                "env": env,
                "version": version,
                "confirm_in_use": confirm_in_use,
                "wait": wait,
            },
            None,
            options,
        )
        return result

    def deactivate_route_by_body(
        self,
        *,
        body: models.RouteKeyIn | Mapping[str, Any],
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Deactivate the route that the body names."""
        result: Written[models.Route] = self._call(
            "deactivate_route_by_body", {"confirm_in_use": confirm_in_use, "wait": wait}, body, options
        )
        return result

    def delete_plan(self, *, tenant: str, id: str, options: Options | None = None) -> Written[None]:
        """Delete a plan."""
        result: Written[None] = self._call("delete_plan", {"tenant": tenant, "id": id}, None, options)
        return result

    def delete_policy(
        self, *, tenant: str, service: str, env: str, wait: Wait | str | None = None, options: Options | None = None
    ) -> Written[None]:
        """Delete a traffic policy."""
        result: Written[None] = self._call(
            "delete_policy", {"tenant": tenant, "service": service, "env": env, "wait": wait}, None, options
        )
        return result

    def delete_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[None]:
        """Delete a route."""
        result: Written[None] = self._call(
            "delete_route",
            {
                "tenant": tenant,
                "service": service,
                "env": env,
                "version": version,
                "confirm_in_use": confirm_in_use,
                "wait": wait,
            },
            None,
            options,
        )
        return result

    def delete_tenant(
        self, *, tenant: str, confirm: str | None = None, options: Options | None = None
    ) -> Written[models.Tenant | None]:
        """Delete a tenant."""
        result: Written[models.Tenant | None] = self._call(
            "delete_tenant", {"tenant": tenant, "confirm": confirm}, None, options
        )
        return result

    def diff_tenant(
        self,
        *,
        tenant: str,
        from_: str,
        env: str | None = None,
        service: str | None = None,
        to: str | None = None,
        options: Options | None = None,
    ) -> Read[models.TenantDifference]:
        """Compare two points of a tenant's history."""
        result: Read[models.TenantDifference] = self._call(
            "diff_tenant", {"tenant": tenant, "from": from_, "env": env, "service": service, "to": to}, None, options
        )
        return result

    def discard_dead_letter(
        self, *, letter_id: str, body: models.DiscardDeadLetter | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.DeadLetter]:
        """Discard a dead letter."""
        result: Written[models.DeadLetter] = self._call("discard_dead_letter", {"letter_id": letter_id}, body, options)
        return result

    def export_audit_events(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        env: str | None = None,
        format: str | None = None,
        from_: str | None = None,
        service: str | None = None,
        tenant: str | None = None,
        to: str | None = None,
        version: str | None = None,
        options: Options | None = None,
    ) -> Read[Stream]:
        """Export archived events as a stream."""
        result: Read[Stream] = self._call(
            "export_audit_events",
            {
                "action": action,
                "actor": actor,
                "env": env,
                "format": format,
                "from": from_,
                "service": service,
                "tenant": tenant,
                "to": to,
                "version": version,
            },
            None,
            options,
        )
        return result

    def export_tenant(
        self,
        *,
        tenant: str,
        at: str | None = None,
        env: str | None = None,
        format: str | None = None,
        service: str | None = None,
        options: Options | None = None,
    ) -> Read[models.TenantDocument | str]:
        """Export a tenant as a document."""
        result: Read[models.TenantDocument | str] = self._call(
            "export_tenant",
            {"tenant": tenant, "at": at, "env": env, "format": format, "service": service},
            None,
            options,
        )
        return result

    def force_breaker(
        self, *, dependency: str, body: models.ForceBreaker | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Dependency]:
        """Force a breaker open or closed."""
        result: Written[models.Dependency] = self._call("force_breaker", {"dependency": dependency}, body, options)
        return result

    def get_async_api_document(self, *, options: Options | None = None) -> Read[dict[str, Any]]:
        """Get the AsyncAPI document of the Kafka events."""
        result: Read[dict[str, Any]] = self._call("get_async_api_document", {}, None, options)
        return result

    def get_audit_status(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.AuditStatus]:
        """Get the lag of the archive."""
        result: Read[models.AuditStatus] = self._call(
            "get_audit_status", {"cursor": cursor, "limit": limit, "tenant": tenant}, None, options
        )
        return result

    def get_changes(
        self,
        *,
        tenant: str,
        after: str,
        env: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        wait: str | None = None,
        options: Options | None = None,
    ) -> Read[models.ChangeFeed]:
        """Get the changes after a version tag."""
        result: Read[models.ChangeFeed] = self._call(
            "get_changes",
            {"tenant": tenant, "after": after, "env": env, "limit": limit, "service": service, "wait": wait},
            None,
            options,
        )
        return result

    def get_convergence(
        self, *, tenant: str, revision: str | None = None, options: Options | None = None
    ) -> Read[models.Convergence]:
        """Get the part of a tenant's nodes that runs a revision."""
        result: Read[models.Convergence] = self._call(
            "get_convergence", {"tenant": tenant, "revision": revision}, None, options
        )
        return result

    def get_dead_letter(self, *, letter_id: str, options: Options | None = None) -> Read[models.DeadLetterDetails]:
        """Get a dead letter."""
        result: Read[models.DeadLetterDetails] = self._call("get_dead_letter", {"letter_id": letter_id}, None, options)
        return result

    def get_event_schema(self, *, options: Options | None = None) -> Read[dict[str, Any]]:
        """Get the JSON Schema of an event."""
        result: Read[dict[str, Any]] = self._call("get_event_schema", {}, None, options)
        return result

    def get_health(self, *, options: Options | None = None) -> Read[models.Liveness]:
        """Check that the process serves."""
        result: Read[models.Liveness] = self._call("get_health", {}, None, options)
        return result

    def get_key(self, *, key_id: str, options: Options | None = None) -> Read[models.ApiKey]:
        """Get an API key."""
        result: Read[models.ApiKey] = self._call("get_key", {"key_id": key_id}, None, options)
        return result

    def get_liveness(self, *, options: Options | None = None) -> Read[models.Liveness]:
        """Check that the process serves."""
        result: Read[models.Liveness] = self._call("get_liveness", {}, None, options)
        return result

    def get_node(self, *, tenant: str, node: str, options: Options | None = None) -> Read[models.NodeScopes]:
        """Get what is known of a node."""
        result: Read[models.NodeScopes] = self._call("get_node", {"tenant": tenant, "node": node}, None, options)
        return result

    def get_open_api_document(self, *, options: Options | None = None) -> Read[dict[str, Any]]:
        """Get this OpenAPI document."""
        result: Read[dict[str, Any]] = self._call("get_open_api_document", {}, None, options)
        return result

    def get_plan(self, *, tenant: str, id: str, options: Options | None = None) -> Read[models.Plan]:
        """Get a plan."""
        result: Read[models.Plan] = self._call("get_plan", {"tenant": tenant, "id": id}, None, options)
        return result

    def get_policy(
        self, *, tenant: str, service: str, env: str, at: str | None = None, options: Options | None = None
    ) -> Read[models.Policy]:
        """Get a traffic policy."""
        result: Read[models.Policy] = self._call(
            "get_policy", {"tenant": tenant, "service": service, "env": env, "at": at}, None, options
        )
        return result

    def get_policy_history(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        cursor: str | None = None,
        limit: int | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfEvent]:
        """List a traffic policy's events."""
        result: Read[models.PageOfEvent] = self._call(
            "get_policy_history",
            {"tenant": tenant, "service": service, "env": env, "cursor": cursor, "limit": limit},
            None,
            options,
        )
        return result

    def get_problem(self, *, code: str, options: Options | None = None) -> Read[models.ProblemKind | str]:
        """Explain the code of a problem."""
        result: Read[models.ProblemKind | str] = self._call("get_problem", {"code": code}, None, options)
        return result

    def get_proxy_bootstrap(
        self,
        *,
        dialect: str,
        tenant: str,
        admin: str | None = None,
        env: str | None = None,
        listen: str | None = None,
        node: str | None = None,
        transport: str | None = None,
        options: Options | None = None,
    ) -> Read[str]:
        """Get a configuration with which a new proxy starts."""
        result: Read[str] = self._call(
            "get_proxy_bootstrap",
            {
                "dialect": dialect,
                "tenant": tenant,
                "admin": admin,
                "env": env,
                "listen": listen,
                "node": node,
                "transport": transport,
            },
            None,
            options,
        )
        return result

    def get_proxy_configuration(
        self,
        *,
        dialect: str,
        tenant: str,
        admin: str | None = None,
        env: str | None = None,
        listen: str | None = None,
        service: str | None = None,
        wait: str | None = None,
        options: Options | None = None,
    ) -> Read[dict[str, Any]]:
        """Get the configuration of a kind of proxy."""
        result: Read[dict[str, Any]] = self._call(
            "get_proxy_configuration",
            {
                "dialect": dialect,
                "tenant": tenant,
                "admin": admin,
                "env": env,
                "listen": listen,
                "service": service,
                "wait": wait,
            },
            None,
            options,
        )
        return result

    def get_proxy_report(
        self,
        *,
        dialect: str,
        tenant: str,
        env: str | None = None,
        service: str | None = None,
        options: Options | None = None,
    ) -> Read[models.ProxyReport]:
        """See what a kind of proxy can do of the policies."""
        result: Read[models.ProxyReport] = self._call(
            "get_proxy_report", {"dialect": dialect, "tenant": tenant, "env": env, "service": service}, None, options
        )
        return result

    def get_readiness(self, *, options: Options | None = None) -> Read[models.Readiness]:
        """Check whether the instance is ready for requests."""
        result: Read[models.Readiness] = self._call("get_readiness", {}, None, options)
        return result

    def get_replay(self, *, replay_id: str, options: Options | None = None) -> Read[models.Replay]:
        """Get a replay and its progress."""
        result: Read[models.Replay] = self._call("get_replay", {"replay_id": replay_id}, None, options)
        return result

    def get_resilience(self, *, options: Options | None = None) -> Read[models.Resilience]:
        """Get the state of breakers, bulkheads and retry budgets."""
        result: Read[models.Resilience] = self._call("get_resilience", {}, None, options)
        return result

    def get_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        at: str | None = None,
        options: Options | None = None,
    ) -> Read[models.Route]:
        """Get a route."""
        result: Read[models.Route] = self._call(
            "get_route", {"tenant": tenant, "service": service, "env": env, "version": version, "at": at}, None, options
        )
        return result

    def get_route_blame(
        self, *, tenant: str, service: str, env: str, version: str, options: Options | None = None
    ) -> Read[models.RouteBlame]:
        """Get the last change of each part of a route."""
        result: Read[models.RouteBlame] = self._call(
            "get_route_blame", {"tenant": tenant, "service": service, "env": env, "version": version}, None, options
        )
        return result

    def get_route_history(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        cursor: str | None = None,
        limit: int | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfEvent]:
        """List a route's events."""
        result: Read[models.PageOfEvent] = self._call(
            "get_route_history",
            {"tenant": tenant, "service": service, "env": env, "version": version, "cursor": cursor, "limit": limit},
            None,
            options,
        )
        return result

    def get_self(self, *, options: Options | None = None) -> Read[models.Caller]:
        """Get who the caller is."""
        result: Read[models.Caller] = self._call("get_self", {}, None, options)
        return result

    def get_snapshot(
        self,
        *,
        tenant: str,
        at: str | None = None,
        env: str | None = None,
        service: str | None = None,
        wait: str | None = None,
        options: Options | None = None,
    ) -> Read[models.Snapshot]:
        """Get a tenant's active routes and policies."""
        result: Read[models.Snapshot] = self._call(
            "get_snapshot", {"tenant": tenant, "at": at, "env": env, "service": service, "wait": wait}, None, options
        )
        return result

    def get_tenant(self, *, tenant: str, options: Options | None = None) -> Read[models.Tenant]:
        """Get a tenant."""
        result: Read[models.Tenant] = self._call("get_tenant", {"tenant": tenant}, None, options)
        return result

    def get_tenant_document_schema(self, *, options: Options | None = None) -> Read[dict[str, Any]]:
        """Get the JSON Schema of a tenant's document."""
        result: Read[dict[str, Any]] = self._call("get_tenant_document_schema", {}, None, options)
        return result

    def list_access_records(
        self,
        *,
        actor: str | None = None,
        cursor: str | None = None,
        from_: str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        tenant: str | None = None,
        to: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfAccessRecord]:
        """List the access log."""
        result: Read[models.PageOfAccessRecord] = self._call(
            "list_access_records",
            {"actor": actor, "cursor": cursor, "from": from_, "kind": kind, "limit": limit, "tenant": tenant, "to": to},
            None,
            options,
        )
        return result

    def list_audit_events(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        cursor: str | None = None,
        env: str | None = None,
        from_: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        tenant: str | None = None,
        to: str | None = None,
        version: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfArchivedEvent]:
        """List archived events."""
        result: Read[models.PageOfArchivedEvent] = self._call(
            "list_audit_events",
            {
                "action": action,
                "actor": actor,
                "cursor": cursor,
                "env": env,
                "from": from_,
                "limit": limit,
                "service": service,
                "tenant": tenant,
                "to": to,
                "version": version,
            },
            None,
            options,
        )
        return result

    def list_audit_events_by_action(
        self,
        *,
        action: str,
        env: str | None = None,
        hours: int | None = None,
        limit: int | None = None,
        service: str | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.EventsByAction]:
        """List the newest events with an action."""
        result: Read[models.EventsByAction] = self._call(
            "list_audit_events_by_action",
            {"action": action, "env": env, "hours": hours, "limit": limit, "service": service, "tenant": tenant},
            None,
            options,
        )
        return result

    def list_audit_events_by_route(
        self,
        *,
        env: str,
        service: str,
        tenant: str,
        version: str,
        limit: int | None = None,
        options: Options | None = None,
    ) -> Read[models.EventsByRoute]:
        """List the newest events of a route."""
        result: Read[models.EventsByRoute] = self._call(
            "list_audit_events_by_route",
            {"env": env, "service": service, "tenant": tenant, "version": version, "limit": limit},
            None,
            options,
        )
        return result

    def list_audit_events_in_time_range(
        self,
        *,
        end_time: str,
        start_time: str,
        env: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.EventsInTimeRange]:
        """List the events of a time range."""
        result: Read[models.EventsInTimeRange] = self._call(
            "list_audit_events_in_time_range",
            {
                "end_time": end_time,
                "start_time": start_time,
                "env": env,
                "limit": limit,
                "service": service,
                "tenant": tenant,
            },
            None,
            options,
        )
        return result

    def list_dead_letters(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        reason: str | None = None,
        state: str | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfDeadLetter]:
        """List dead letters."""
        result: Read[models.PageOfDeadLetter] = self._call(
            "list_dead_letters",
            {"cursor": cursor, "limit": limit, "reason": reason, "state": state, "tenant": tenant},
            None,
            options,
        )
        return result

    def list_keys(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfApiKey]:
        """List API keys."""
        result: Read[models.PageOfApiKey] = self._call(
            "list_keys", {"cursor": cursor, "limit": limit, "tenant": tenant}, None, options
        )
        return result

    def list_nodes(
        self,
        *,
        tenant: str,
        cursor: str | None = None,
        dialect: str | None = None,
        env: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        state: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfNode]:
        """List the nodes of a tenant."""
        result: Read[models.PageOfNode] = self._call(
            "list_nodes",
            {
                "tenant": tenant,
                "cursor": cursor,
                "dialect": dialect,
                "env": env,
                "limit": limit,
                "service": service,
                "state": state,
            },
            None,
            options,
        )
        return result

    def list_plans(
        self, *, tenant: str, cursor: str | None = None, limit: int | None = None, options: Options | None = None
    ) -> Read[models.PageOfPlanSummary]:
        """List a tenant's plans."""
        result: Read[models.PageOfPlanSummary] = self._call(
            "list_plans", {"tenant": tenant, "cursor": cursor, "limit": limit}, None, options
        )
        return result

    def list_policies(
        self, *, tenant: str, cursor: str | None = None, limit: int | None = None, options: Options | None = None
    ) -> Read[models.PageOfPolicy]:
        """List a tenant's traffic policies."""
        result: Read[models.PageOfPolicy] = self._call(
            "list_policies", {"tenant": tenant, "cursor": cursor, "limit": limit}, None, options
        )
        return result

    def list_recent_audit_events(
        self,
        *,
        days: int | None = None,
        env: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.RecentEvents]:
        """List the events of the last days."""
        result: Read[models.RecentEvents] = self._call(
            "list_recent_audit_events",
            {"days": days, "env": env, "limit": limit, "service": service, "tenant": tenant},
            None,
            options,
        )
        return result

    def list_replays(
        self, *, cursor: str | None = None, limit: int | None = None, options: Options | None = None
    ) -> Read[models.PageOfReplay]:
        """List replays."""
        result: Read[models.PageOfReplay] = self._call(
            "list_replays", {"cursor": cursor, "limit": limit}, None, options
        )
        return result

    def list_routes(
        self,
        *,
        at: str | None = None,
        count: bool | None = None,
        cursor: str | None = None,
        env: str | None = None,
        is_active: bool | None = None,
        label: str | None = None,
        limit: int | None = None,
        search: str | None = None,
        service: str | None = None,
        tenant: str | None = None,
        version: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfRoute]:
        """List routes."""
        result: Read[models.PageOfRoute] = self._call(
            "list_routes",
            {
                "at": at,
                "count": count,
                "cursor": cursor,
                "env": env,
                "is_active": is_active,
                "label": label,
                "limit": limit,
                "search": search,
                "service": service,
                "tenant": tenant,
                "version": version,
            },
            None,
            options,
        )
        return result

    def list_signing_keys(self, *, options: Options | None = None) -> Read[models.SigningKeys]:
        """List the keys that snapshots are signed with."""
        result: Read[models.SigningKeys] = self._call("list_signing_keys", {}, None, options)
        return result

    def list_tenants(
        self, *, cursor: str | None = None, limit: int | None = None, options: Options | None = None
    ) -> Read[models.PageOfTenant]:
        """List tenants."""
        result: Read[models.PageOfTenant] = self._call(
            "list_tenants", {"cursor": cursor, "limit": limit}, None, options
        )
        return result

    def patch_policy(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        body: models.PolicyPatchIn | Mapping[str, Any],
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Policy]:
        """Change parts of a traffic policy."""
        result: Written[models.Policy] = self._call(
            "patch_policy", {"tenant": tenant, "service": service, "env": env, "wait": wait}, body, options
        )
        return result

    def patch_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        body: models.RoutePatchIn | Mapping[str, Any],
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Change parts of a route."""
        result: Written[models.Route] = self._call(
            "patch_route",
            {
                "tenant": tenant,
                "service": service,
                "env": env,
                "version": version,
                "confirm_in_use": confirm_in_use,
                "wait": wait,
            },
            body,
            options,
        )
        return result

    def patch_tenant(
        self, *, tenant: str, body: models.TenantPatchIn | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Tenant]:
        """Change a tenant's quotas and allowed hosts."""
        result: Written[models.Tenant] = self._call("patch_tenant", {"tenant": tenant}, body, options)
        return result

    def put_policy(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        body: models.PolicyIn | Mapping[str, Any],
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Policy]:
        """Create or replace a traffic policy."""
        result: Written[models.Policy] = self._call(
            "put_policy", {"tenant": tenant, "service": service, "env": env, "wait": wait}, body, options
        )
        return result

    def put_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        body: models.RouteSpecIn | Mapping[str, Any],
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Create or replace the route of a path."""
        result: Written[models.Route] = self._call(
            "put_route",
            {
                "tenant": tenant,
                "service": service,
                "env": env,
                "version": version,
                "confirm_in_use": confirm_in_use,
                "wait": wait,
            },
            body,
            options,
        )
        return result

    def redrive_dead_letter(self, *, letter_id: str, options: Options | None = None) -> Written[models.DeadLetter]:
        """Redrive a dead letter."""
        result: Written[models.DeadLetter] = self._call("redrive_dead_letter", {"letter_id": letter_id}, None, options)
        return result

    def redrive_dead_letters(
        self, *, body: models.RedriveDeadLetters | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.RedriveResult]:
        """Redrive many dead letters."""
        result: Written[models.RedriveResult] = self._call("redrive_dead_letters", {}, body, options)
        return result

    def release_breaker(self, *, dependency: str, options: Options | None = None) -> Written[None]:
        """Release a forced breaker."""
        result: Written[None] = self._call("release_breaker", {"dependency": dependency}, None, options)
        return result

    def report_nodes(
        self, *, tenant: str, body: models.NodeReports | Mapping[str, Any] | str, options: Options | None = None
    ) -> Written[None]:
        """Report what nodes have said elsewhere."""
        result: Written[None] = self._call("report_nodes", {"tenant": tenant}, body, options)
        return result

    def resolve_route(
        self,
        *,
        env: str,
        service: str,
        tenant: str,
        explain: bool | None = None,
        key: str | None = None,
        method: str | None = None,
        path: str | None = None,
        version: str | None = None,
        request_headers: Mapping[str, str] | None = None,
        request_query: Mapping[str, str] | None = None,
        options: Options | None = None,
    ) -> Read[models.ResolvedRoute]:
        """Resolve a version or a request to a route."""
        result: Read[models.ResolvedRoute] = self._call(
            "resolve_route",
            {
                "env": env,
                "service": service,
                "tenant": tenant,
                "explain": explain,
                "key": key,
                "method": method,
                "path": path,
                "version": version,
                "request_headers": request_headers,
                "request_query": request_query,
            },
            None,
            options,
        )
        return result

    def revoke_key(
        self, *, key_id: str, descendants: str | None = None, options: Options | None = None
    ) -> Written[None]:
        """Revoke an API key."""
        result: Written[None] = self._call("revoke_key", {"key_id": key_id, "descendants": descendants}, None, options)
        return result

    def rotate_key(
        self, *, key_id: str, body: models.RotateKey | Mapping[str, Any] | None = None, options: Options | None = None
    ) -> Written[models.NewApiKey]:
        """Rotate an API key's token."""
        result: Written[models.NewApiKey] = self._call("rotate_key", {"key_id": key_id}, body, options)
        return result

    def stream_all_changes(self, *, options: Options | None = None) -> Read[Stream]:
        """Stream the changes of all tenants."""
        result: Read[Stream] = self._call("stream_all_changes", {}, None, options)
        return result

    def stream_changes(
        self, *, tenant: str, env: str | None = None, service: str | None = None, options: Options | None = None
    ) -> Read[Stream]:
        """Stream a tenant's changes as server-sent events."""
        result: Read[Stream] = self._call(
            "stream_changes", {"tenant": tenant, "env": env, "service": service}, None, options
        )
        return result

    def upsert_route(
        self,
        *,
        body: models.RouteIn | Mapping[str, Any],
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Create or replace a route."""
        result: Written[models.Route] = self._call(
            "upsert_route", {"confirm_in_use": confirm_in_use, "wait": wait}, body, options
        )
        return result

    def verify_audit_chain(
        self, *, tenant: str, from_: int | None = None, to: int | None = None, options: Options | None = None
    ) -> Read[models.ChainVerification]:
        """Verify a tenant's hash chain."""
        result: Read[models.ChainVerification] = self._call(
            "verify_audit_chain", {"tenant": tenant, "from": from_, "to": to}, None, options
        )
        return result


class AsyncMethods:
    """All operations, for asyncio. Each may raise `Problem` or `NoAnswer`."""

    async def _call(self, name: str, args: Mapping[str, Any], body: Any, options: Options | None) -> Any:
        raise NotImplementedError

    async def activate_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Activate a route."""
        result: Written[models.Route] = await self._call(
            "activate_route",
            {"tenant": tenant, "service": service, "env": env, "version": version, "wait": wait},
            None,
            options,
        )
        return result

    async def activate_route_by_body(
        self,
        *,
        body: models.RouteKeyIn | Mapping[str, Any],
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Activate the route that the body names."""
        result: Written[models.Route] = await self._call("activate_route_by_body", {"wait": wait}, body, options)
        return result

    async def apply_batch(
        self,
        *,
        tenant: str,
        body: models.BatchIn | Mapping[str, Any] | str,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.ApplyResult]:
        """Apply many changes at once."""
        result: Written[models.ApplyResult] = await self._call(
            "apply_batch", {"tenant": tenant, "wait": wait}, body, options
        )
        return result

    async def apply_plan(
        self,
        *,
        tenant: str,
        id: str,
        body: models.ApplyPlan | Mapping[str, Any],
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.ApplyResult]:
        """Apply a plan."""
        result: Written[models.ApplyResult] = await self._call(
            "apply_plan", {"tenant": tenant, "id": id, "wait": wait}, body, options
        )
        return result

    async def cancel_replay(self, *, replay_id: str, options: Options | None = None) -> Written[models.Replay]:
        """Cancel a replay."""
        result: Written[models.Replay] = await self._call("cancel_replay", {"replay_id": replay_id}, None, options)
        return result

    async def create_key(
        self, *, body: models.CreateKey | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.NewApiKey]:
        """Create an API key."""
        result: Written[models.NewApiKey] = await self._call("create_key", {}, body, options)
        return result

    async def create_plan(
        self,
        *,
        tenant: str,
        body: models.TenantDocumentIn | Mapping[str, Any] | str,
        dry_run: bool | None = None,
        options: Options | None = None,
    ) -> Written[models.PlanPreview | models.Plan]:
        """Plan the changes towards a document."""
        result: Written[models.PlanPreview | models.Plan] = await self._call(
            "create_plan", {"tenant": tenant, "dry_run": dry_run}, body, options
        )
        return result

    async def create_replay(
        self, *, body: models.ReplayIn | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Replay]:
        """Publish a part of the history again."""
        result: Written[models.Replay] = await self._call("create_replay", {}, body, options)
        return result

    async def create_rollback_plan(
        self, *, tenant: str, body: models.RollbackIn | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Plan]:
        """Plan the way back to an earlier state."""
        result: Written[models.Plan] = await self._call("create_rollback_plan", {"tenant": tenant}, body, options)
        return result

    async def create_tenant(
        self, *, body: models.TenantIn | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Tenant]:
        """Create a tenant."""
        result: Written[models.Tenant] = await self._call("create_tenant", {}, body, options)
        return result

    async def deactivate_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Deactivate a route."""
        result: Written[models.Route] = await self._call(
            "deactivate_route",
            {
                "tenant": tenant,
                "service": service,
                "env": env,
                "version": version,
                "confirm_in_use": confirm_in_use,
                "wait": wait,
            },
            None,
            options,
        )
        return result

    async def deactivate_route_by_body(
        self,
        *,
        body: models.RouteKeyIn | Mapping[str, Any],
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Deactivate the route that the body names."""
        result: Written[models.Route] = await self._call(
            "deactivate_route_by_body", {"confirm_in_use": confirm_in_use, "wait": wait}, body, options
        )
        return result

    async def delete_plan(self, *, tenant: str, id: str, options: Options | None = None) -> Written[None]:
        """Delete a plan."""
        result: Written[None] = await self._call("delete_plan", {"tenant": tenant, "id": id}, None, options)
        return result

    async def delete_policy(
        self, *, tenant: str, service: str, env: str, wait: Wait | str | None = None, options: Options | None = None
    ) -> Written[None]:
        """Delete a traffic policy."""
        result: Written[None] = await self._call(
            "delete_policy", {"tenant": tenant, "service": service, "env": env, "wait": wait}, None, options
        )
        return result

    async def delete_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[None]:
        """Delete a route."""
        result: Written[None] = await self._call(
            "delete_route",
            {
                "tenant": tenant,
                "service": service,
                "env": env,
                "version": version,
                "confirm_in_use": confirm_in_use,
                "wait": wait,
            },
            None,
            options,
        )
        return result

    async def delete_tenant(
        self, *, tenant: str, confirm: str | None = None, options: Options | None = None
    ) -> Written[models.Tenant | None]:
        """Delete a tenant."""
        result: Written[models.Tenant | None] = await self._call(
            "delete_tenant", {"tenant": tenant, "confirm": confirm}, None, options
        )
        return result

    async def diff_tenant(
        self,
        *,
        tenant: str,
        from_: str,
        env: str | None = None,
        service: str | None = None,
        to: str | None = None,
        options: Options | None = None,
    ) -> Read[models.TenantDifference]:
        """Compare two points of a tenant's history."""
        result: Read[models.TenantDifference] = await self._call(
            "diff_tenant", {"tenant": tenant, "from": from_, "env": env, "service": service, "to": to}, None, options
        )
        return result

    async def discard_dead_letter(
        self, *, letter_id: str, body: models.DiscardDeadLetter | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.DeadLetter]:
        """Discard a dead letter."""
        result: Written[models.DeadLetter] = await self._call(
            "discard_dead_letter", {"letter_id": letter_id}, body, options
        )
        return result

    async def export_audit_events(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        env: str | None = None,
        format: str | None = None,
        from_: str | None = None,
        service: str | None = None,
        tenant: str | None = None,
        to: str | None = None,
        version: str | None = None,
        options: Options | None = None,
    ) -> Read[AsyncStream]:
        """Export archived events as a stream."""
        result: Read[AsyncStream] = await self._call(
            "export_audit_events",
            {
                "action": action,
                "actor": actor,
                "env": env,
                "format": format,
                "from": from_,
                "service": service,
                "tenant": tenant,
                "to": to,
                "version": version,
            },
            None,
            options,
        )
        return result

    async def export_tenant(
        self,
        *,
        tenant: str,
        at: str | None = None,
        env: str | None = None,
        format: str | None = None,
        service: str | None = None,
        options: Options | None = None,
    ) -> Read[models.TenantDocument | str]:
        """Export a tenant as a document."""
        result: Read[models.TenantDocument | str] = await self._call(
            "export_tenant",
            {"tenant": tenant, "at": at, "env": env, "format": format, "service": service},
            None,
            options,
        )
        return result

    async def force_breaker(
        self, *, dependency: str, body: models.ForceBreaker | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Dependency]:
        """Force a breaker open or closed."""
        result: Written[models.Dependency] = await self._call(
            "force_breaker", {"dependency": dependency}, body, options
        )
        return result

    async def get_async_api_document(self, *, options: Options | None = None) -> Read[dict[str, Any]]:
        """Get the AsyncAPI document of the Kafka events."""
        result: Read[dict[str, Any]] = await self._call("get_async_api_document", {}, None, options)
        return result

    async def get_audit_status(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.AuditStatus]:
        """Get the lag of the archive."""
        result: Read[models.AuditStatus] = await self._call(
            "get_audit_status", {"cursor": cursor, "limit": limit, "tenant": tenant}, None, options
        )
        return result

    async def get_changes(
        self,
        *,
        tenant: str,
        after: str,
        env: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        wait: str | None = None,
        options: Options | None = None,
    ) -> Read[models.ChangeFeed]:
        """Get the changes after a version tag."""
        result: Read[models.ChangeFeed] = await self._call(
            "get_changes",
            {"tenant": tenant, "after": after, "env": env, "limit": limit, "service": service, "wait": wait},
            None,
            options,
        )
        return result

    async def get_convergence(
        self, *, tenant: str, revision: str | None = None, options: Options | None = None
    ) -> Read[models.Convergence]:
        """Get the part of a tenant's nodes that runs a revision."""
        result: Read[models.Convergence] = await self._call(
            "get_convergence", {"tenant": tenant, "revision": revision}, None, options
        )
        return result

    async def get_dead_letter(
        self, *, letter_id: str, options: Options | None = None
    ) -> Read[models.DeadLetterDetails]:
        """Get a dead letter."""
        result: Read[models.DeadLetterDetails] = await self._call(
            "get_dead_letter", {"letter_id": letter_id}, None, options
        )
        return result

    async def get_event_schema(self, *, options: Options | None = None) -> Read[dict[str, Any]]:
        """Get the JSON Schema of an event."""
        result: Read[dict[str, Any]] = await self._call("get_event_schema", {}, None, options)
        return result

    async def get_health(self, *, options: Options | None = None) -> Read[models.Liveness]:
        """Check that the process serves."""
        result: Read[models.Liveness] = await self._call("get_health", {}, None, options)
        return result

    async def get_key(self, *, key_id: str, options: Options | None = None) -> Read[models.ApiKey]:
        """Get an API key."""
        result: Read[models.ApiKey] = await self._call("get_key", {"key_id": key_id}, None, options)
        return result

    async def get_liveness(self, *, options: Options | None = None) -> Read[models.Liveness]:
        """Check that the process serves."""
        result: Read[models.Liveness] = await self._call("get_liveness", {}, None, options)
        return result

    async def get_node(self, *, tenant: str, node: str, options: Options | None = None) -> Read[models.NodeScopes]:
        """Get what is known of a node."""
        result: Read[models.NodeScopes] = await self._call("get_node", {"tenant": tenant, "node": node}, None, options)
        return result

    async def get_open_api_document(self, *, options: Options | None = None) -> Read[dict[str, Any]]:
        """Get this OpenAPI document."""
        result: Read[dict[str, Any]] = await self._call("get_open_api_document", {}, None, options)
        return result

    async def get_plan(self, *, tenant: str, id: str, options: Options | None = None) -> Read[models.Plan]:
        """Get a plan."""
        result: Read[models.Plan] = await self._call("get_plan", {"tenant": tenant, "id": id}, None, options)
        return result

    async def get_policy(
        self, *, tenant: str, service: str, env: str, at: str | None = None, options: Options | None = None
    ) -> Read[models.Policy]:
        """Get a traffic policy."""
        result: Read[models.Policy] = await self._call(
            "get_policy", {"tenant": tenant, "service": service, "env": env, "at": at}, None, options
        )
        return result

    async def get_policy_history(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        cursor: str | None = None,
        limit: int | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfEvent]:
        """List a traffic policy's events."""
        result: Read[models.PageOfEvent] = await self._call(
            "get_policy_history",
            {"tenant": tenant, "service": service, "env": env, "cursor": cursor, "limit": limit},
            None,
            options,
        )
        return result

    async def get_problem(self, *, code: str, options: Options | None = None) -> Read[models.ProblemKind | str]:
        """Explain the code of a problem."""
        result: Read[models.ProblemKind | str] = await self._call("get_problem", {"code": code}, None, options)
        return result

    async def get_proxy_bootstrap(
        self,
        *,
        dialect: str,
        tenant: str,
        admin: str | None = None,
        env: str | None = None,
        listen: str | None = None,
        node: str | None = None,
        transport: str | None = None,
        options: Options | None = None,
    ) -> Read[str]:
        """Get a configuration with which a new proxy starts."""
        result: Read[str] = await self._call(
            "get_proxy_bootstrap",
            {
                "dialect": dialect,
                "tenant": tenant,
                "admin": admin,
                "env": env,
                "listen": listen,
                "node": node,
                "transport": transport,
            },
            None,
            options,
        )
        return result

    async def get_proxy_configuration(
        self,
        *,
        dialect: str,
        tenant: str,
        admin: str | None = None,
        env: str | None = None,
        listen: str | None = None,
        service: str | None = None,
        wait: str | None = None,
        options: Options | None = None,
    ) -> Read[dict[str, Any]]:
        """Get the configuration of a kind of proxy."""
        result: Read[dict[str, Any]] = await self._call(
            "get_proxy_configuration",
            {
                "dialect": dialect,
                "tenant": tenant,
                "admin": admin,
                "env": env,
                "listen": listen,
                "service": service,
                "wait": wait,
            },
            None,
            options,
        )
        return result

    async def get_proxy_report(
        self,
        *,
        dialect: str,
        tenant: str,
        env: str | None = None,
        service: str | None = None,
        options: Options | None = None,
    ) -> Read[models.ProxyReport]:
        """See what a kind of proxy can do of the policies."""
        result: Read[models.ProxyReport] = await self._call(
            "get_proxy_report", {"dialect": dialect, "tenant": tenant, "env": env, "service": service}, None, options
        )
        return result

    async def get_readiness(self, *, options: Options | None = None) -> Read[models.Readiness]:
        """Check whether the instance is ready for requests."""
        result: Read[models.Readiness] = await self._call("get_readiness", {}, None, options)
        return result

    async def get_replay(self, *, replay_id: str, options: Options | None = None) -> Read[models.Replay]:
        """Get a replay and its progress."""
        result: Read[models.Replay] = await self._call("get_replay", {"replay_id": replay_id}, None, options)
        return result

    async def get_resilience(self, *, options: Options | None = None) -> Read[models.Resilience]:
        """Get the state of breakers, bulkheads and retry budgets."""
        result: Read[models.Resilience] = await self._call("get_resilience", {}, None, options)
        return result

    async def get_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        at: str | None = None,
        options: Options | None = None,
    ) -> Read[models.Route]:
        """Get a route."""
        result: Read[models.Route] = await self._call(
            "get_route", {"tenant": tenant, "service": service, "env": env, "version": version, "at": at}, None, options
        )
        return result

    async def get_route_blame(
        self, *, tenant: str, service: str, env: str, version: str, options: Options | None = None
    ) -> Read[models.RouteBlame]:
        """Get the last change of each part of a route."""
        result: Read[models.RouteBlame] = await self._call(
            "get_route_blame", {"tenant": tenant, "service": service, "env": env, "version": version}, None, options
        )
        return result

    async def get_route_history(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        cursor: str | None = None,
        limit: int | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfEvent]:
        """List a route's events."""
        result: Read[models.PageOfEvent] = await self._call(
            "get_route_history",
            {"tenant": tenant, "service": service, "env": env, "version": version, "cursor": cursor, "limit": limit},
            None,
            options,
        )
        return result

    async def get_self(self, *, options: Options | None = None) -> Read[models.Caller]:
        """Get who the caller is."""
        result: Read[models.Caller] = await self._call("get_self", {}, None, options)
        return result

    async def get_snapshot(
        self,
        *,
        tenant: str,
        at: str | None = None,
        env: str | None = None,
        service: str | None = None,
        wait: str | None = None,
        options: Options | None = None,
    ) -> Read[models.Snapshot]:
        """Get a tenant's active routes and policies."""
        result: Read[models.Snapshot] = await self._call(
            "get_snapshot", {"tenant": tenant, "at": at, "env": env, "service": service, "wait": wait}, None, options
        )
        return result

    async def get_tenant(self, *, tenant: str, options: Options | None = None) -> Read[models.Tenant]:
        """Get a tenant."""
        result: Read[models.Tenant] = await self._call("get_tenant", {"tenant": tenant}, None, options)
        return result

    async def get_tenant_document_schema(self, *, options: Options | None = None) -> Read[dict[str, Any]]:
        """Get the JSON Schema of a tenant's document."""
        result: Read[dict[str, Any]] = await self._call("get_tenant_document_schema", {}, None, options)
        return result

    async def list_access_records(
        self,
        *,
        actor: str | None = None,
        cursor: str | None = None,
        from_: str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        tenant: str | None = None,
        to: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfAccessRecord]:
        """List the access log."""
        result: Read[models.PageOfAccessRecord] = await self._call(
            "list_access_records",
            {"actor": actor, "cursor": cursor, "from": from_, "kind": kind, "limit": limit, "tenant": tenant, "to": to},
            None,
            options,
        )
        return result

    async def list_audit_events(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        cursor: str | None = None,
        env: str | None = None,
        from_: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        tenant: str | None = None,
        to: str | None = None,
        version: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfArchivedEvent]:
        """List archived events."""
        result: Read[models.PageOfArchivedEvent] = await self._call(
            "list_audit_events",
            {
                "action": action,
                "actor": actor,
                "cursor": cursor,
                "env": env,
                "from": from_,
                "limit": limit,
                "service": service,
                "tenant": tenant,
                "to": to,
                "version": version,
            },
            None,
            options,
        )
        return result

    async def list_audit_events_by_action(
        self,
        *,
        action: str,
        env: str | None = None,
        hours: int | None = None,
        limit: int | None = None,
        service: str | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.EventsByAction]:
        """List the newest events with an action."""
        result: Read[models.EventsByAction] = await self._call(
            "list_audit_events_by_action",
            {"action": action, "env": env, "hours": hours, "limit": limit, "service": service, "tenant": tenant},
            None,
            options,
        )
        return result

    async def list_audit_events_by_route(
        self,
        *,
        env: str,
        service: str,
        tenant: str,
        version: str,
        limit: int | None = None,
        options: Options | None = None,
    ) -> Read[models.EventsByRoute]:
        """List the newest events of a route."""
        result: Read[models.EventsByRoute] = await self._call(
            "list_audit_events_by_route",
            {"env": env, "service": service, "tenant": tenant, "version": version, "limit": limit},
            None,
            options,
        )
        return result

    async def list_audit_events_in_time_range(
        self,
        *,
        end_time: str,
        start_time: str,
        env: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.EventsInTimeRange]:
        """List the events of a time range."""
        result: Read[models.EventsInTimeRange] = await self._call(
            "list_audit_events_in_time_range",
            {
                "end_time": end_time,
                "start_time": start_time,
                "env": env,
                "limit": limit,
                "service": service,
                "tenant": tenant,
            },
            None,
            options,
        )
        return result

    async def list_dead_letters(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        reason: str | None = None,
        state: str | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfDeadLetter]:
        """List dead letters."""
        result: Read[models.PageOfDeadLetter] = await self._call(
            "list_dead_letters",
            {"cursor": cursor, "limit": limit, "reason": reason, "state": state, "tenant": tenant},
            None,
            options,
        )
        return result

    async def list_keys(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfApiKey]:
        """List API keys."""
        result: Read[models.PageOfApiKey] = await self._call(
            "list_keys", {"cursor": cursor, "limit": limit, "tenant": tenant}, None, options
        )
        return result

    async def list_nodes(
        self,
        *,
        tenant: str,
        cursor: str | None = None,
        dialect: str | None = None,
        env: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        state: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfNode]:
        """List the nodes of a tenant."""
        result: Read[models.PageOfNode] = await self._call(
            "list_nodes",
            {
                "tenant": tenant,
                "cursor": cursor,
                "dialect": dialect,
                "env": env,
                "limit": limit,
                "service": service,
                "state": state,
            },
            None,
            options,
        )
        return result

    async def list_plans(
        self, *, tenant: str, cursor: str | None = None, limit: int | None = None, options: Options | None = None
    ) -> Read[models.PageOfPlanSummary]:
        """List a tenant's plans."""
        result: Read[models.PageOfPlanSummary] = await self._call(
            "list_plans", {"tenant": tenant, "cursor": cursor, "limit": limit}, None, options
        )
        return result

    async def list_policies(
        self, *, tenant: str, cursor: str | None = None, limit: int | None = None, options: Options | None = None
    ) -> Read[models.PageOfPolicy]:
        """List a tenant's traffic policies."""
        result: Read[models.PageOfPolicy] = await self._call(
            "list_policies", {"tenant": tenant, "cursor": cursor, "limit": limit}, None, options
        )
        return result

    async def list_recent_audit_events(
        self,
        *,
        days: int | None = None,
        env: str | None = None,
        limit: int | None = None,
        service: str | None = None,
        tenant: str | None = None,
        options: Options | None = None,
    ) -> Read[models.RecentEvents]:
        """List the events of the last days."""
        result: Read[models.RecentEvents] = await self._call(
            "list_recent_audit_events",
            {"days": days, "env": env, "limit": limit, "service": service, "tenant": tenant},
            None,
            options,
        )
        return result

    async def list_replays(
        self, *, cursor: str | None = None, limit: int | None = None, options: Options | None = None
    ) -> Read[models.PageOfReplay]:
        """List replays."""
        result: Read[models.PageOfReplay] = await self._call(
            "list_replays", {"cursor": cursor, "limit": limit}, None, options
        )
        return result

    async def list_routes(
        self,
        *,
        at: str | None = None,
        count: bool | None = None,
        cursor: str | None = None,
        env: str | None = None,
        is_active: bool | None = None,
        label: str | None = None,
        limit: int | None = None,
        search: str | None = None,
        service: str | None = None,
        tenant: str | None = None,
        version: str | None = None,
        options: Options | None = None,
    ) -> Read[models.PageOfRoute]:
        """List routes."""
        result: Read[models.PageOfRoute] = await self._call(
            "list_routes",
            {
                "at": at,
                "count": count,
                "cursor": cursor,
                "env": env,
                "is_active": is_active,
                "label": label,
                "limit": limit,
                "search": search,
                "service": service,
                "tenant": tenant,
                "version": version,
            },
            None,
            options,
        )
        return result

    async def list_signing_keys(self, *, options: Options | None = None) -> Read[models.SigningKeys]:
        """List the keys that snapshots are signed with."""
        result: Read[models.SigningKeys] = await self._call("list_signing_keys", {}, None, options)
        return result

    async def list_tenants(
        self, *, cursor: str | None = None, limit: int | None = None, options: Options | None = None
    ) -> Read[models.PageOfTenant]:
        """List tenants."""
        result: Read[models.PageOfTenant] = await self._call(
            "list_tenants", {"cursor": cursor, "limit": limit}, None, options
        )
        return result

    async def patch_policy(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        body: models.PolicyPatchIn | Mapping[str, Any],
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Policy]:
        """Change parts of a traffic policy."""
        result: Written[models.Policy] = await self._call(
            "patch_policy", {"tenant": tenant, "service": service, "env": env, "wait": wait}, body, options
        )
        return result

    async def patch_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        body: models.RoutePatchIn | Mapping[str, Any],
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Change parts of a route."""
        result: Written[models.Route] = await self._call(
            "patch_route",
            {
                "tenant": tenant,
                "service": service,
                "env": env,
                "version": version,
                "confirm_in_use": confirm_in_use,
                "wait": wait,
            },
            body,
            options,
        )
        return result

    async def patch_tenant(
        self, *, tenant: str, body: models.TenantPatchIn | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.Tenant]:
        """Change a tenant's quotas and allowed hosts."""
        result: Written[models.Tenant] = await self._call("patch_tenant", {"tenant": tenant}, body, options)
        return result

    async def put_policy(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        body: models.PolicyIn | Mapping[str, Any],
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Policy]:
        """Create or replace a traffic policy."""
        result: Written[models.Policy] = await self._call(
            "put_policy", {"tenant": tenant, "service": service, "env": env, "wait": wait}, body, options
        )
        return result

    async def put_route(
        self,
        *,
        tenant: str,
        service: str,
        env: str,
        version: str,
        body: models.RouteSpecIn | Mapping[str, Any],
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Create or replace the route of a path."""
        result: Written[models.Route] = await self._call(
            "put_route",
            {
                "tenant": tenant,
                "service": service,
                "env": env,
                "version": version,
                "confirm_in_use": confirm_in_use,
                "wait": wait,
            },
            body,
            options,
        )
        return result

    async def redrive_dead_letter(
        self, *, letter_id: str, options: Options | None = None
    ) -> Written[models.DeadLetter]:
        """Redrive a dead letter."""
        result: Written[models.DeadLetter] = await self._call(
            "redrive_dead_letter", {"letter_id": letter_id}, None, options
        )
        return result

    async def redrive_dead_letters(
        self, *, body: models.RedriveDeadLetters | Mapping[str, Any], options: Options | None = None
    ) -> Written[models.RedriveResult]:
        """Redrive many dead letters."""
        result: Written[models.RedriveResult] = await self._call("redrive_dead_letters", {}, body, options)
        return result

    async def release_breaker(self, *, dependency: str, options: Options | None = None) -> Written[None]:
        """Release a forced breaker."""
        result: Written[None] = await self._call("release_breaker", {"dependency": dependency}, None, options)
        return result

    async def report_nodes(
        self, *, tenant: str, body: models.NodeReports | Mapping[str, Any] | str, options: Options | None = None
    ) -> Written[None]:
        """Report what nodes have said elsewhere."""
        result: Written[None] = await self._call("report_nodes", {"tenant": tenant}, body, options)
        return result

    async def resolve_route(
        self,
        *,
        env: str,
        service: str,
        tenant: str,
        explain: bool | None = None,
        key: str | None = None,
        method: str | None = None,
        path: str | None = None,
        version: str | None = None,
        request_headers: Mapping[str, str] | None = None,
        request_query: Mapping[str, str] | None = None,
        options: Options | None = None,
    ) -> Read[models.ResolvedRoute]:
        """Resolve a version or a request to a route."""
        result: Read[models.ResolvedRoute] = await self._call(
            "resolve_route",
            {
                "env": env,
                "service": service,
                "tenant": tenant,
                "explain": explain,
                "key": key,
                "method": method,
                "path": path,
                "version": version,
                "request_headers": request_headers,
                "request_query": request_query,
            },
            None,
            options,
        )
        return result

    async def revoke_key(
        self, *, key_id: str, descendants: str | None = None, options: Options | None = None
    ) -> Written[None]:
        """Revoke an API key."""
        result: Written[None] = await self._call(
            "revoke_key", {"key_id": key_id, "descendants": descendants}, None, options
        )
        return result

    async def rotate_key(
        self, *, key_id: str, body: models.RotateKey | Mapping[str, Any] | None = None, options: Options | None = None
    ) -> Written[models.NewApiKey]:
        """Rotate an API key's token."""
        result: Written[models.NewApiKey] = await self._call("rotate_key", {"key_id": key_id}, body, options)
        return result

    async def stream_all_changes(self, *, options: Options | None = None) -> Read[AsyncStream]:
        """Stream the changes of all tenants."""
        result: Read[AsyncStream] = await self._call("stream_all_changes", {}, None, options)
        return result

    async def stream_changes(
        self, *, tenant: str, env: str | None = None, service: str | None = None, options: Options | None = None
    ) -> Read[AsyncStream]:
        """Stream a tenant's changes as server-sent events."""
        result: Read[AsyncStream] = await self._call(
            "stream_changes", {"tenant": tenant, "env": env, "service": service}, None, options
        )
        return result

    async def upsert_route(
        self,
        *,
        body: models.RouteIn | Mapping[str, Any],
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
        options: Options | None = None,
    ) -> Written[models.Route]:
        """Create or replace a route."""
        result: Written[models.Route] = await self._call(
            "upsert_route", {"confirm_in_use": confirm_in_use, "wait": wait}, body, options
        )
        return result

    async def verify_audit_chain(
        self, *, tenant: str, from_: int | None = None, to: int | None = None, options: Options | None = None
    ) -> Read[models.ChainVerification]:
        """Verify a tenant's hash chain."""
        result: Read[models.ChainVerification] = await self._call(
            "verify_audit_chain", {"tenant": tenant, "from": from_, "to": to}, None, options
        )
        return result
