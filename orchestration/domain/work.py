"""The values that travel with a step through the executor: its claim, what stands before it, how its attempt ended.

Plain frozen values, made by `transitions/` from rows; nobody else builds a `Claim`.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from orchestration.domain.calls import CallsMade
from orchestration.domain.hold_fields import Scope
from orchestration.domain.holds import Way
from orchestration.domain.receipts import AttemptLine, HandoffLine, add_memories, digest_text
from orchestration.domain.states import (
    Acceptance,
    AttemptOutcome,
    DecisionKind,
    ReceiptKind,
    ResultKind,
    Stage,
    StepKind,
    StepStatus,
)

PERSON: Final = "person:"
"""What stands before a person's name in a receipt."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A finished step before this one, as the claim found it. `output_json` is canonical JSON."""

    step_id: int
    key: str
    status: StepStatus
    skip_reason: str
    output_json: str
    output_digest: str
    output_tokens: int
    receipt_digest: str
    carries_data: bool
    is_optional: bool
    is_child: bool = False
    index: int = 0


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What every step of a run is told about it. `actor`: the address whose turn it is; None: it is nobody's."""

    run_id: uuid.UUID
    project_id: int
    workflow_id: int
    workflow_name: str
    workflow_digest: str
    sla: str
    round: int
    input_json: str
    handoff_tokens: int
    root_id: uuid.UUID
    depth: int
    priority: int
    deadline_at: datetime | None
    has_budget: bool = False
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to perform a step once.

    Attributes:
        token: the fence; every write of the step names it.
        task_id: Celery's id of the message (or of the link that was run on from).
        attempt: 1-based number.  attempt_id: its row.
        read_at: the database's clock.  monotonic_at: this process's, read at the same moment.
        pools: the slots it holds, by pool.  must_ask: before the call, as its breaker is not closed or a
            review queue holds its agent back.
    """

    run: RunFacts
    step_id: int
    key: str
    agent: str
    queue: str
    token: uuid.UUID
    task_id: str
    process_id: int
    attempt: int
    attempt_id: int
    failures: int
    crashes: int
    revision: int
    feedback: str
    dispatches: int
    dispatched_at: datetime
    claimed_at: datetime
    deadline_at: datetime
    timeout_seconds: float
    read_at: datetime
    monotonic_at: float
    predecessors: tuple[Predecessor, ...]
    kind: StepKind = StepKind.PLANNED
    depth: int = 0
    index: int | None = None
    item_json: str | None = None
    spec_key: str = ""
    spec_json: str | None = None
    stage: Stage = Stage.FRESH
    gated: bool = False
    proposed_json: str | None = None
    verdict_revisions: int = 0
    renewals: int = 0
    fallbacks: int = 0
    pools: Mapping[str, int] = field(default_factory=dict)
    must_ask: bool = False

    def now(self) -> datetime:
        """Return the database's time as this process can tell it: a wrong local clock does no harm."""
        return self.read_at + timedelta(seconds=time.monotonic() - self.monotonic_at)

    @property
    def is_of_newest_message(self) -> bool:
        """Return whether the message that was claimed is the last that was sent: `dispatched_at` is its time."""
        return self.task_id.rpartition(".")[2] == str(self.dispatches)

    @property
    def idempotency_key(self) -> str:
        """Return the key of the step's external effect: one until finished or proposed work is to be done anew.

        An attempt that failed, timed out, crashed or was cancelled may have had its effect: whatever makes the step
        try again then, a person or a new round of the run too, it goes on under the same key. The `1.` was once the
        run's round, and stays so that no step gets another key by an upgrade.
        """
        return f"{self.run.run_id}:{self.key}:1.{self.renewals}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the policy and the receipt need of an attempt beyond its claim; read before its agent is called.

    Attributes: received: the hand-offs that were made to it.  earlier: the step's attempts before it, in order.
        handed: that a person handed the step to its agent, in words; "" if nobody did.
        calls: that were done, by this attempt or one before it; None: none.
        effects: what its answer does once it is accepted: lines by the name of their effect (`domain/effects.py`).
        embedded: vectors of what it remembers then.
        summary: of a step that makes one, the row that is kept of it.
    """

    received: tuple[HandoffLine, ...] = ()
    earlier: tuple[AttemptLine, ...] = ()
    handed: str = ""
    calls: CallsMade | None = None
    effects: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    embedded: Sequence[Mapping[str, Any]] = ()
    summary: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """A step that became available. `rung`: its message is already under way, as the body of a live chord."""

    step_id: int
    rung: bool = False


@dataclass(frozen=True, slots=True)
class RunOn:
    """The successor that the finishing transaction shall claim in place, if it still can be.

    Attributes: agents: those this process can perform; the successor's must be among them.
    """

    step_id: int
    token: uuid.UUID
    task_id: str
    agents: list[str]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a finishing write did.

    Attributes:
        released: single-predecessor successors that became available.
        next_claim: the successor claimed in place, if one was asked for and could be.
        look_behind: a join or the run's end waits behind the step: call `release` after the commit.
    """

    released: tuple[Released, ...]
    next_claim: Claim | None
    look_behind: bool


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended and what the policy made of it; written with the step's own change.

    Attributes:
        finished_at: the database's clock, once for all tries to write it, so that it tells this end from another's.
        inputs_json: what the policy saw.  reason: in words, for a person.
        usage_json: what the agent said that it used, as the receipt has it.
        effects: what other rooms write with it: lines by the name of their effect (`domain/effects.py`).
        embedded: vectors of what is remembered with it, where they are enabled.
    """

    finished_at: datetime
    outcome: AttemptOutcome
    kind: DecisionKind
    rule: str
    inputs_json: str
    reason: str = ""
    agent_version: int | None = None
    confidence: float | None = None
    usage_json: str = "{}"
    effects: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    embedded: Sequence[Mapping[str, Any]] = ()
    failure_kind: str = ""
    error_class: str = ""
    error_message: str = ""
    traceback_tail: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FinalOutput:
    """A step's final output with its proof. `status` is succeeded or skipped; `skip_reason` only with skipped."""

    status: StepStatus
    output_json: str
    digest: str
    tokens: int
    receipt_kind: ReceiptKind
    receipt_json: str
    receipt_digest: str
    finished_at: datetime
    skip_reason: str = ""
    accepted_by: Acceptance = Acceptance.NOBODY

    def committing_to(self, memories: Sequence[Mapping[str, Any]]) -> Self:
        """Return it with a receipt that names what is remembered with it, as numbered lines of the effect."""
        receipt_json = add_memories(self.receipt_json, memories)
        return replace(self, receipt_json=receipt_json, receipt_digest=digest_text(receipt_json))


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """How a run ends as a success while something in it is open.

    Attributes: output_json: canonical JSON of its result; None: as its workflow says.
        by: who ended it: `step:<key>`, `person:<name>`.  reason: in words, for the run and for what is cancelled.
    """

    kind: ResultKind
    output_json: str | None
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class NextAgent:
    """Who does the step from now on, and on which terms."""

    agent: str
    queue: str
    timeout_seconds: float
    pools: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HeldStep:
    """A held step under lock, from its lock to the write of what a person chose.

    Attributes: proposed_json: what can be approved; None: nothing.  now: the database's clock after the lock was had.
        root_id: the run at the top of the tree.
        kind, spec_key, spec_json, agent, workflow_id, spec_digest: by which its spec is found.
        renewals: number of the journal of its calls.
        asked_call, asked_json: the open call by which its agent waits for an approval, and what is asked.
        has_pending: something would be sent, or remembered, once its answer is accepted.
    """

    step_id: int
    run_id: uuid.UUID
    key: str
    round: int
    revision: int
    attempt: int
    feedback: str
    stage: Stage
    proposed_json: str | None
    spec_digest: str
    now: datetime
    root_id: uuid.UUID
    kind: StepKind
    spec_key: str
    spec_json: str | None
    agent: str
    workflow_id: int
    renewals: int
    asked_call: int | None = None
    asked_json: str | None = None
    has_pending: bool = False

    @property
    def seen_json(self) -> str | None:
        """Return what a person may approve: calls that its agent wants to make, or what it proposed; None: nothing."""
        return self.proposed_json if self.asked_json is None else self.asked_json


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen for a held step, as it is carried out.

    Attributes: way: the row of the table that was chosen; it says what happens to the step.
        actor: who chose, as receipts name them: `person:anna`, `rule:breach`.
        resolution_id: names the resolution in the receipt.
        output_json: canonical JSON of the output, where the way takes one.
        feedback: for the agent, likewise.  reason: in words, for the step's row.
        agent: who does the step from now on, where it is handed on.
        code: why, as it is counted.  scope: how far a closing reaches, in a child run.
    """

    way: Way
    actor: str
    resolution_id: str
    output_json: str | None = None
    feedback: str = ""
    reason: str = ""
    agent: str = ""
    code: str = ""
    scope: Scope | None = None

    @property
    def name(self) -> str:
        """Return who chose, as histories tell it: a person's name, or the rule."""
        return self.actor.removeprefix(PERSON)
