"""The rows. No behaviour lives here but what a row can say about itself; `transitions/` writes status."""

from orchestration.budgets.rows import Pot
from orchestration.memory.rows import Forgetting, Memory, MemoryDraft, MemoryVector
from orchestration.models.access import ApiToken, Membership
from orchestration.models.actor import Actor, Subscription, Topic, TopicSchema
from orchestration.models.call import Call, CallTry
from orchestration.models.lineage import LineageKind, LineageLine
from orchestration.models.message import Delivery, Message, PendingEffects
from orchestration.models.process import Lead, WorkerProcess
from orchestration.models.result import RunResult
from orchestration.models.run import AgentContext, Edge, Run, Step
from orchestration.models.signal import Signal
from orchestration.models.summary import Summary
from orchestration.models.throttle import Throttle
from orchestration.models.trace import (
    Attempt,
    Decision,
    Event,
    Handoff,
    PastOutput,
    Receipt,
    Seal,
)
from orchestration.models.trial import VerifierTrial
from orchestration.models.workflow import Project, Workflow
from orchestration.sampling.rows import AuditSample
from orchestration.usage.rows import Usage

__all__ = [
    "Actor",
    "AgentContext",
    "ApiToken",
    "Attempt",
    "AuditSample",
    "Call",
    "CallTry",
    "Decision",
    "Delivery",
    "Edge",
    "Event",
    "Forgetting",
    "Handoff",
    "Lead",
    "LineageKind",
    "LineageLine",
    "Membership",
    "Memory",
    "MemoryDraft",
    "MemoryVector",
    "Message",
    "PastOutput",
    "PendingEffects",
    "Pot",
    "Project",
    "Receipt",
    "Run",
    "RunResult",
    "Seal",
    "Signal",
    "Step",
    "Subscription",
    "Summary",
    "Throttle",
    "Topic",
    "TopicSchema",
    "Usage",
    "VerifierTrial",
    "WorkerProcess",
    "Workflow",
]
