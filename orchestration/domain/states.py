"""States of a step and of a run, and the only list of edges between them.

The database's CHECK constraints, the diagram in docs/reference/states.md and the property tests derive from
these tables. Read next: `orchestration/transitions/`.
"""

from enum import StrEnum


class StepStatus(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    AVAILABLE = "available"
    RUNNING = "running"
    RETRYABLE = "retryable"
    HELD = "held"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunStatus(StrEnum):
    """Where a run stands. A run with nothing left but held steps is still `running`."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptOutcome(StrEnum):
    """How an attempt ended; an attempt that has not ended has none."""

    ANSWERED = "answered"
    FAILED = "failed"
    CRASHED = "crashed"
    PASSED_OVER = "passed_over"
    WITHDRAWN = "withdrawn"


class DecisionKind(StrEnum):
    """What the policy can choose after an attempt."""

    ACCEPT = "accept"
    RETRY = "retry"
    SKIP = "skip"
    ESCALATE = "escalate"
    ABORT = "abort"


class ResolutionKind(StrEnum):
    """What a person can choose for a held step."""

    APPROVE = "approve"
    EDIT = "edit"
    SEND_BACK = "send_back"
    SKIP = "skip"
    ABORT = "abort"


class ReceiptKind(StrEnum):
    """Who or what stands behind a step's final output."""

    OUTPUT = "output"
    EDIT = "edit"
    SKIP = "skip"


DONE = frozenset({StepStatus.SUCCEEDED, StepStatus.SKIPPED})
"""A successor may start when all its predecessors are in one of these."""

FINAL = DONE | {StepStatus.FAILED, StepStatus.CANCELLED}
"""A step in one of these never moves again in its round."""

OPEN = frozenset(StepStatus) - FINAL

STEP_EDGES: dict[tuple[StepStatus, StepStatus], str] = {
    (StepStatus.PENDING, StepStatus.AVAILABLE): "release",
    (StepStatus.PENDING, StepStatus.RUNNING): "run on",
    (StepStatus.PENDING, StepStatus.CANCELLED): "abort",
    (StepStatus.AVAILABLE, StepStatus.RUNNING): "claim",
    (StepStatus.AVAILABLE, StepStatus.CANCELLED): "abort",
    (StepStatus.RUNNING, StepStatus.SUCCEEDED): "accept",
    (StepStatus.RUNNING, StepStatus.SKIPPED): "skip",
    (StepStatus.RUNNING, StepStatus.RETRYABLE): "retry",
    (StepStatus.RUNNING, StepStatus.AVAILABLE): "free",
    (StepStatus.RUNNING, StepStatus.HELD): "hold",
    (StepStatus.RUNNING, StepStatus.FAILED): "fail",
    (StepStatus.RUNNING, StepStatus.CANCELLED): "abort",
    (StepStatus.RETRYABLE, StepStatus.AVAILABLE): "wake",
    (StepStatus.RETRYABLE, StepStatus.CANCELLED): "abort",
    (StepStatus.HELD, StepStatus.SUCCEEDED): "approve",
    (StepStatus.HELD, StepStatus.SKIPPED): "skip by a person",
    (StepStatus.HELD, StepStatus.AVAILABLE): "send back",
    (StepStatus.HELD, StepStatus.FAILED): "abort by a person",
    (StepStatus.HELD, StepStatus.CANCELLED): "abort",
}

RUN_EDGES: dict[tuple[RunStatus, RunStatus], str] = {
    (RunStatus.RUNNING, RunStatus.SUCCEEDED): "close",
    (RunStatus.RUNNING, RunStatus.FAILED): "abort",
}
