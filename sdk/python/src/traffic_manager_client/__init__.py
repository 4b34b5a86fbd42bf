"""Client of Traffic Manager: every operation, a watcher of routes, plans, and verification of the audit chain."""

from .client import AsyncClient, Client
from .plan import AsyncPlan, AsyncPlanApply, Plan, PlanApply, PlanChanged
from .problem import NoAnswer, Problem
from .report import Fault, Reported
from .result import AsyncStream, Options, Read, Stream, Wait, Written
from .settings import Times, WatcherSettings
from .snapshot import Scope, Snapshot
from .sse import EventTooLarge, SseEvent
from .status import Counters, Refusal, State, View
from .tag import VersionTag
from .verify import ChainResult, Checkpoint, NotEvents, Verifier, verify, verify_tenant, verify_tenant_async
from .version import VERSION
from .watcher import AsyncWatcher, Stopped, Watcher

__all__ = [
    "VERSION",
    "AsyncClient",
    "AsyncPlan",
    "AsyncPlanApply",
    "AsyncStream",
    "AsyncWatcher",
    "ChainResult",
    "Checkpoint",
    "Client",
    "Counters",
    "EventTooLarge",
    "Fault",
    "NoAnswer",
    "NotEvents",
    "Options",
    "Plan",
    "PlanApply",
    "PlanChanged",
    "Problem",
    "Read",
    "Refusal",
    "Reported",
    "Scope",
    "Snapshot",
    "SseEvent",
    "State",
    "Stopped",
    "Stream",
    "Times",
    "Verifier",
    "VersionTag",
    "View",
    "Wait",
    "Watcher",
    "WatcherSettings",
    "Written",
    "verify",
    "verify_tenant",
    "verify_tenant_async",
]
