"""Plans: look at the changes of a document, then apply exactly these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import models
from .client import AsyncClient, Client
from .problem import Problem
from .result import Options, Wait, Written

_REPLACED = 5
"""How often a plan is replaced by the same one for a newer state of the tenant, before the caller is told."""

Document = models.TenantDocumentIn | Mapping[str, Any] | str
"""A document: a model, an object, or a text of YAML."""


class PlanChanged(Exception):
    """The tenant has changed, and the new plan makes other changes than those that were seen. Nothing was applied."""

    def __init__(self, plan: Any) -> None:
        super().__init__(f"the tenant has changed: plan {plan.body.id} makes other changes than those that were seen")
        self.plan = plan
        """The new plan, to look at and to apply: a `Plan` or an `AsyncPlan`."""


class _Seen:
    """A plan that was seen, and the newest one with the same changes."""

    def __init__(self, body: models.Plan) -> None:
        self.body = body
        """The plan itself: `changes`, `summary`, `warnings`, `hash` and more."""
        self._newest = body
        self._replaced = 0

    def _apply(
        self, confirm_shrink: str | None, confirm_in_use: bool | None, wait: Wait | str | None
    ) -> dict[str, Any]:
        # Who confirmed the hash of the plan that was seen means its changes: the same changes have another hash now.
        shrink = self._newest.hash if confirm_shrink == self.body.hash else confirm_shrink
        members = {"hash": self._newest.hash, "confirm_shrink": shrink, "confirm_in_use": confirm_in_use}
        body = {name: value for name, value in members.items() if value is not None}
        return {"tenant": self.body.tenant, "id": self._newest.id, "body": body, "wait": wait}

    def _newer(self, problem: Problem) -> dict[str, Any]:
        """Return where the new plan is, since the problem has only as many changes as fit into it."""
        plan = problem.stale_plan
        if plan is None:
            raise problem
        return {"tenant": self.body.tenant, "id": plan.id}

    def _is_same(self, newer: models.Plan) -> bool:
        """Take the newer plan in place of this one, if its changes are the same."""
        self._newest = newer
        self._replaced += 1
        return newer.changes == self.body.changes and self._replaced <= _REPLACED


class Plan(_Seen):
    """A plan that waits to be applied."""

    def __init__(self, client: Client, body: models.Plan) -> None:
        super().__init__(body)
        self._client = client

    def apply(
        self,
        *,
        confirm_shrink: str | None = None,
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
    ) -> Written[models.ApplyResult]:
        """Apply the plan as one revision.

        If the tenant has changed since, the service makes a new plan: it is applied if its changes are the same, and
        else `PlanChanged` is raised. Raises `Problem` `shrink_not_confirmed` or `version_in_use` if a confirmation is
        missing: it comes from the caller, never from this package. With `wait`, the answer comes once a share of the
        nodes runs the change.
        """
        while True:
            try:
                return self._client.apply_plan(**self._apply(confirm_shrink, confirm_in_use, wait))
            except Problem as problem:
                newer = self._client.get_plan(**self._newer(problem)).value
                if not self._is_same(newer):
                    raise PlanChanged(Plan(self._client, newer)) from problem

    def discard(self) -> None:
        """Delete the plan, such as one that was only looked at: plans count against a quota."""
        self._client.delete_plan(tenant=self.body.tenant, id=self._newest.id)


class PlanApply:
    """Makes plans for one tenant."""

    def __init__(self, client: Client, tenant: str) -> None:
        self._client = client
        self._tenant = tenant

    def plan(self, document: Document, *, reason: str | None = None) -> Plan:
        """Make a plan for a document. Nothing is changed. `reason` becomes the reason of the events."""
        made = self._client.create_plan(tenant=self._tenant, body=document, options=Options(reason=reason))
        return Plan(self._client, _stored(made.value))

    def preview(self, document: Document) -> models.PlanPreview:
        """Return the changes that a document would make, without a plan. Viewers may do that."""
        return _preview(self._client.create_plan(tenant=self._tenant, body=document, dry_run=True).value)

    def rollback(self, to: int | str, *, reason: str | None = None) -> Plan:
        """Make a plan that returns to an earlier state: a revision, a version tag or a time."""
        options = Options(reason=reason)
        made = self._client.create_rollback_plan(tenant=self._tenant, body={"to": to}, options=options)
        return Plan(self._client, made.value)


class AsyncPlan(_Seen):
    """A plan that waits to be applied, for asyncio."""

    def __init__(self, client: AsyncClient, body: models.Plan) -> None:
        super().__init__(body)
        self._client = client

    async def apply(
        self,
        *,
        confirm_shrink: str | None = None,
        confirm_in_use: bool | None = None,
        wait: Wait | str | None = None,
    ) -> Written[models.ApplyResult]:
        """Apply the plan as one revision, like `Plan.apply`."""
        while True:
            try:
                return await self._client.apply_plan(**self._apply(confirm_shrink, confirm_in_use, wait))
            except Problem as problem:
                newer = (await self._client.get_plan(**self._newer(problem))).value
                if not self._is_same(newer):
                    raise PlanChanged(AsyncPlan(self._client, newer)) from problem

    async def discard(self) -> None:
        """Delete the plan, such as one that was only looked at: plans count against a quota."""
        await self._client.delete_plan(tenant=self.body.tenant, id=self._newest.id)


class AsyncPlanApply:
    """Makes plans for one tenant, for asyncio."""

    def __init__(self, client: AsyncClient, tenant: str) -> None:
        self._client = client
        self._tenant = tenant

    async def plan(self, document: Document, *, reason: str | None = None) -> AsyncPlan:
        """Make a plan for a document, like `PlanApply.plan`."""
        made = await self._client.create_plan(tenant=self._tenant, body=document, options=Options(reason=reason))
        return AsyncPlan(self._client, _stored(made.value))

    async def preview(self, document: Document) -> models.PlanPreview:
        """Return the changes that a document would make, like `PlanApply.preview`."""
        return _preview((await self._client.create_plan(tenant=self._tenant, body=document, dry_run=True)).value)

    async def rollback(self, to: int | str, *, reason: str | None = None) -> AsyncPlan:
        """Make a plan that returns to an earlier state, like `PlanApply.rollback`."""
        options = Options(reason=reason)
        made = await self._client.create_rollback_plan(tenant=self._tenant, body={"to": to}, options=options)
        return AsyncPlan(self._client, made.value)


def _stored(value: models.Plan | models.PlanPreview) -> models.Plan:
    if not isinstance(value, models.Plan):
        raise TypeError("the service answered a preview and no plan")
    return value


def _preview(value: models.Plan | models.PlanPreview) -> models.PlanPreview:
    if not isinstance(value, models.PlanPreview):
        raise TypeError("the service answered a plan and no preview")
    return value
