"""States of a step and of a run, and the only list of edges between them.

The diagrams in docs/reference/states.md are drawn from these tables. An `Ending` whose edge is not listed can't be
declared, and a run closes only along a listed edge. Every other statement is guarded by the state that it leaves. While
the tests run, a trigger collects the edges that rows really take; the suite fails when one of them is not listed, and
when a listed one is never taken (tests/plugins/edges.py). Read next: `orchestration/transitions/`.
"""

from enum import StrEnum
from typing import Final


class StepStatus(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    AVAILABLE = "available"
    RUNNING = "running"
    WAITING = "waiting"
    RETRYABLE = "retryable"
    HELD = "held"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


SKIPPED_BY_PERSON: Final = "skipped_by_person"
CLOSED_BY_PERSON: Final = "closed_by_person"
"""Of a step whose child run a person closed without an answer."""
STOPPED: Final = "stopped"
"""The reason of a grown step that is not begun, because its siblings together put out more than the limit."""

PASSED_OVER: Final = frozenset({"condition_false", "need_passed_over", SKIPPED_BY_PERSON, CLOSED_BY_PERSON})
"""Skip reasons that also skip the steps which need the output; a step skipped for another reason hands on null."""


class StepKind(StrEnum):
    """Where a step comes from: the workflow, or a step of the run that grew it."""

    PLANNED = "planned"
    ITEM = "item"
    SPAWNED = "spawned"
    VERIFIER = "verifier"
    COMPENSATION = "compensation"
    SUMMARY = "summary"


class Stage(StrEnum):
    """What a step started and waits for, by which `waits.py` says how it goes on. `FRESH`: it started nothing."""

    FRESH = ""
    ITEMS = "items"
    SPAWNED = "spawned"
    CHILD_RUN = "child_run"
    VERDICTS = "verdicts"
    CALLS = "calls"
    SUMMARIES = "summaries"


class Acceptance(StrEnum):
    """Who let a gated step's output pass; the database refuses `succeeded` without one."""

    NOBODY = ""
    VERDICT = "verdict"
    PERSON = "person"
    RULE = "rule"


class RunStatus(StrEnum):
    """Where a run stands. A run with nothing left but held steps is still `running`."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPENSATING = "compensating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptOutcome(StrEnum):
    """How an attempt ended; an attempt that has not ended has none."""

    ANSWERED = "answered"
    EXPANDED = "expanded"
    COLLECTED = "collected"
    ASKED = "asked"
    FAILED = "failed"
    CRASHED = "crashed"
    PASSED_OVER = "passed_over"
    KEPT_AWAY = "kept_away"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"


class DecisionKind(StrEnum):
    """What the policy can choose after an attempt."""

    ACCEPT = "accept"
    RETRY = "retry"
    REVISE = "revise"
    REWORK = "rework"
    FALLBACK = "fallback"
    WAIT = "wait"
    SKIP = "skip"
    ESCALATE = "escalate"
    ABORT = "abort"
    WITHDRAW = "withdraw"


class ResolutionKind(StrEnum):
    """What can be chosen for a held step: by a person, and `DEFAULT` by a rule alone."""

    APPROVE = "approve"
    EDIT = "edit"
    ANSWER = "answer"  # what an agent asks; it goes on where it asked
    SEND_BACK = "send_back"
    HAND_ON = "hand_on"
    SKIP = "skip"
    CLOSE = "close"
    ABORT = "abort"
    REFUSE = "refuse"  # of accepted work that is looked at again: the run is not touched
    DEFAULT = "default"


class ResultKind(StrEnum):
    """How a run came to its result, where that is not just what its last steps put out."""

    COMPUTED = "computed"
    ENDED = "ended"
    FINISHED = "finished"
    CLOSED = "closed"


class HandoffKind(StrEnum):
    """How an attempt came to have something: an output was handed to it, or a memory, or it fetched a part of one."""

    OUTPUT = "output"
    FETCH = "fetch"
    RECALL = "recall"


class ReceiptKind(StrEnum):
    """Who or what stands behind a step's final output."""

    OUTPUT = "output"
    EDIT = "edit"
    DEFAULT = "default"
    SKIP = "skip"
    REUSE = "reuse"
    COMPENSATION = "compensation"


DONE = frozenset({StepStatus.SUCCEEDED, StepStatus.SKIPPED})
"""A successor may start when all its predecessors are in one of these."""

FINAL = DONE | {StepStatus.FAILED, StepStatus.CANCELLED}
"""A step in one of these has ended; only rework, a new round or an order to go on moves it again."""

OPEN = frozenset(StepStatus) - FINAL

LIVE_RUN = frozenset({RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.COMPENSATING})
"""A run in one of these has not ended."""

STEP_BEGINS: dict[StepStatus, str] = {
    StepStatus.PENDING: "behind others",
    StepStatus.AVAILABLE: "first",
}
"""Where a step begins, planned or grown."""

RUN_BEGINS: dict[RunStatus, str] = {
    RunStatus.RUNNING: "start",
    RunStatus.PAUSED: "start below a paused run",
}

STEP_EDGES: dict[tuple[StepStatus, StepStatus], str] = {
    (StepStatus.PENDING, StepStatus.AVAILABLE): "release",
    (StepStatus.PENDING, StepStatus.RUNNING): "run on",
    (StepStatus.PENDING, StepStatus.WAITING): "wait again",
    (StepStatus.PENDING, StepStatus.SUCCEEDED): "reuse",
    (StepStatus.PENDING, StepStatus.SKIPPED): "reuse",
    (StepStatus.PENDING, StepStatus.CANCELLED): "abort",
    (StepStatus.AVAILABLE, StepStatus.RUNNING): "claim",
    (StepStatus.AVAILABLE, StepStatus.PENDING): "rework",
    (StepStatus.AVAILABLE, StepStatus.SUCCEEDED): "reuse",
    (StepStatus.AVAILABLE, StepStatus.SKIPPED): "reuse",
    (StepStatus.AVAILABLE, StepStatus.CANCELLED): "abort",
    (StepStatus.RUNNING, StepStatus.SUCCEEDED): "accept",
    (StepStatus.RUNNING, StepStatus.SKIPPED): "skip",
    (StepStatus.RUNNING, StepStatus.RETRYABLE): "retry",
    (StepStatus.RUNNING, StepStatus.AVAILABLE): "free, put aside, revise, fall back or stop at a pause",
    (StepStatus.RUNNING, StepStatus.WAITING): "expand or suspend",
    (StepStatus.RUNNING, StepStatus.PENDING): "rework",
    (StepStatus.RUNNING, StepStatus.HELD): "hold",
    (StepStatus.RUNNING, StepStatus.FAILED): "fail",
    (StepStatus.RUNNING, StepStatus.CANCELLED): "abort",
    (StepStatus.WAITING, StepStatus.AVAILABLE): "release or answer",
    (StepStatus.WAITING, StepStatus.PENDING): "rework",
    (StepStatus.WAITING, StepStatus.CANCELLED): "abort",
    (StepStatus.RETRYABLE, StepStatus.AVAILABLE): "wake",
    (StepStatus.RETRYABLE, StepStatus.PENDING): "rework",
    (StepStatus.RETRYABLE, StepStatus.CANCELLED): "abort",
    (StepStatus.HELD, StepStatus.SUCCEEDED): "approve",
    (StepStatus.HELD, StepStatus.SKIPPED): "skip by a person",
    (StepStatus.HELD, StepStatus.AVAILABLE): "send back or answer",
    (StepStatus.HELD, StepStatus.FAILED): "abort by a person",
    (StepStatus.HELD, StepStatus.PENDING): "rework",
    (StepStatus.HELD, StepStatus.WAITING): "send back",
    (StepStatus.HELD, StepStatus.CANCELLED): "abort",
    (StepStatus.SUCCEEDED, StepStatus.PENDING): "rework or new round",
    (StepStatus.SKIPPED, StepStatus.PENDING): "rework or new round",
    (StepStatus.FAILED, StepStatus.PENDING): "new round",
    (StepStatus.CANCELLED, StepStatus.PENDING): "new round or go on",
}

RUN_EDGES: dict[tuple[RunStatus, RunStatus], str] = {
    (RunStatus.RUNNING, RunStatus.SUCCEEDED): "close",
    (RunStatus.RUNNING, RunStatus.FAILED): "abort",
    (RunStatus.RUNNING, RunStatus.COMPENSATING): "abort with compensations",
    (RunStatus.COMPENSATING, RunStatus.FAILED): "compensated",
    (RunStatus.RUNNING, RunStatus.PAUSED): "pause",
    (RunStatus.PAUSED, RunStatus.RUNNING): "resume",
    (RunStatus.PAUSED, RunStatus.SUCCEEDED): "end early",
    (RunStatus.PAUSED, RunStatus.FAILED): "abort",
    (RunStatus.PAUSED, RunStatus.COMPENSATING): "abort with compensations",
    (RunStatus.RUNNING, RunStatus.CANCELLED): "cancel",
    (RunStatus.PAUSED, RunStatus.CANCELLED): "cancel",
    (RunStatus.COMPENSATING, RunStatus.CANCELLED): "cancel",
    (RunStatus.FAILED, RunStatus.RUNNING): "retry in a new round",
    (RunStatus.CANCELLED, RunStatus.RUNNING): "retry in a new round",
}
