"""The rows a receipt commits to, in the form `domain/receipts.py` digests them; and all rows of a run's proof."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from orchestration.domain.calls import CallLine, CallsMade, CallState, digest_calls
from orchestration.domain.receipts import AttemptLine, Digest, HandoffLine, digest_text, stamp
from orchestration.domain.states import HandoffKind, StepKind
from orchestration.models import (
    Attempt,
    Call,
    Edge,
    Event,
    Handoff,
    Memory,
    PastOutput,
    Receipt,
    Run,
    Seal,
    Step,
)

_T = TypeVar("_T")
_NEVER_LET_GO = (StepKind.PLANNED, StepKind.COMPENSATION)


class EarlierTries(NamedTuple):
    """What a later attempt of a step begins with. `has_calls`: calls of its agents are journaled."""

    lines: tuple[AttemptLine, ...] = ()
    has_calls: bool = False


def load_earlier_tries(step_id: int, before: int) -> EarlierTries:
    """Return a step's ended attempts before a number, and whether anything was called in them, in one look."""
    has_calls = Exists(Call.objects.order_by().filter(step=OuterRef("step_id")))
    attempts = Attempt.objects.filter(step_id=step_id, number__lt=before, outcome__isnull=False)
    rows = list(attempts.select_related("decision", "usage").annotate(has_calls=has_calls).order_by("number"))
    return EarlierTries(tuple(map(_line, rows)), any(row.has_calls for row in rows))


# What was fetched is proven by the calls that fetched it. A row whose kind was changed is none of these any more.
_RECEIVED: Final = Q(kind=HandoffKind.OUTPUT, source__isnull=True) | Q(
    kind=HandoffKind.RECALL, source__isnull=False
)


def load_handoff_lines(step_id: int, attempt: int) -> tuple[HandoffLine, ...]:
    """Return what an attempt of a step received: one that collects, what the attempt before that grew did."""
    rows = Handoff.objects.filter(_RECEIVED, attempt__step_id=step_id, attempt__number__lte=attempt)
    lines = list(rows.select_related("from_step", "attempt"))
    latest = max((row.attempt.number for row in lines), default=0)
    return tuple(_handoff_line(row, row.sender) for row in lines if row.attempt.number == latest)


def list_summarised(step_id: int) -> list[Handoff]:
    """Return what a step, or the one that grew it, was handed shortened so far, the latest last."""
    parent_id = Step.objects.values_list("parent_id", flat=True).get(pk=step_id)
    rows = Handoff.objects.filter(to_step__in=[step_id, parent_id], summary_json__isnull=False)
    return list(rows.order_by("pk"))


class ProofEdge(NamedTuple):
    """An edge as a proof looks at it: there may be a hundred thousand, and a model's object each costs most of it."""

    run_id: UUID
    predecessor_id: int
    successor_id: int
    carries_data: bool
    is_optional: bool
    is_child: bool


class ProofHandoff(NamedTuple):
    """A hand-off as a proof looks at it; as many as there are edges."""

    attempt_id: int
    run_id: UUID
    from_step_id: int
    to_step_id: int
    original_digest: str
    digest: str
    tokens_before: int
    tokens_after: int
    summary_json: str | None
    summarised_by: str
    loss_json: str | None
    handed_at: datetime
    pointer: str | None
    memory_id: int | None
    source: str | None


class ProofCall(NamedTuple):
    """A journaled call as a proof looks at it."""

    step_id: int
    run_id: UUID
    journal: int
    path: str
    name: str
    state: str
    request_json: str
    request_digest: str
    response_json: str | None
    response_digest: str | None


MemoryName: TypeAlias = tuple[str, str, str, int, str]
"""What a receipt says of a version: scope, whose, key, version, digest."""


class ProofMemory(NamedTuple):
    """A version of a memory that a step wrote, as a proof looks at it. `value_json`: None: it is forgotten."""

    step_id: int
    run_id: UUID
    scope: str
    scope_id: str
    key: str
    version: int
    digest: str
    value_json: str | None

    @property
    def line(self) -> MemoryName:
        """Return how a receipt names it: all but the value."""
        return self.scope, self.scope_id, self.key, self.version, self.digest


class RecalledMemory(NamedTuple):
    """A memory that was handed to a step, as a proof looks at it. `value_json`: None: it is forgotten."""

    scope: str
    key: str
    version: int
    value_json: str | None
    digest: str


@dataclass(frozen=True)
class ProofRows:
    """All rows that a run's proof is about: one query for each table, however many steps there are."""

    run: Run
    steps: dict[int, Step]
    edges: list[ProofEdge]
    attempts: list[Attempt]
    handoffs: list[ProofHandoff]
    receipts: list[Receipt]
    past_outputs: list[PastOutput]
    events: list[Event]
    seals: list[Seal]
    calls: list[ProofCall]
    memories: list[ProofMemory]
    recalled: dict[int, RecalledMemory]

    @cached_property
    def edges_in(self) -> dict[int, list[ProofEdge]]:
        """Return the edges that lead to each step."""
        return _group(self.edges, "successor_id")

    @cached_property
    def attempts_of(self) -> dict[int, list[Attempt]]:
        """Return each step's attempts in order."""
        return _group(self.attempts, "step_id")

    @cached_property
    def handoffs_to(self) -> dict[int, list[ProofHandoff]]:
        """Return what each attempt received, by its id."""
        return _group(self.handoffs, "attempt_id")

    @cached_property
    def receipts_of(self) -> dict[int, list[Receipt]]:
        """Return each step's receipts."""
        return _group(self.receipts, "step_id")

    @cached_property
    def past_of(self) -> dict[int, list[PastOutput]]:
        """Return what each step had put out before."""
        return _group(self.past_outputs, "step_id")

    @cached_property
    def calls_of(self) -> dict[int, list[ProofCall]]:
        """Return each step's calls."""
        return _group(self.calls, "step_id")

    def calls_done(self, step_id: int, journal: int) -> list[ProofCall]:
        """Return the calls in a journal of a step that a receipt commits to."""
        return [
            call
            for call in self.calls_of.get(step_id, ())
            if call.journal == journal and call.state == CallState.DONE
        ]

    def calls_made(self, step_id: int, journal: int, digest: Digest = digest_text) -> CallsMade | None:
        """Return what a receipt of a step says of the calls in a journal of it."""
        lines = (
            CallLine(call.path, call.name, call.request_digest, call.response_digest or "")
            for call in self.calls_done(step_id, journal)
        )
        return digest_calls(journal, lines, digest)

    def value_of(self, step_id: int, digest: str) -> str | None:
        """Return what a step remembered by its digest; None: it is forgotten."""
        return next(
            (m.value_json for m in self.memories_of.get(step_id, ()) if m.digest == digest and m.value_json),
            None,
        )

    @cached_property
    def memories_of(self) -> dict[int, list[ProofMemory]]:
        """Return what each step remembered."""
        return _group(self.memories, "step_id")

    @cached_property
    def attached(self) -> set[int]:
        """Return the steps whose edges are as they were when they were done: all but what was let go as history."""
        joined = {edge.predecessor_id for edge in self.edges if edge.is_child}
        return joined | {step.pk for step in self.steps.values() if step.kind in _NEVER_LET_GO}

    def attempt_lines(self, step_id: int, upto: int) -> tuple[AttemptLine, ...]:
        """Return a step's ended attempts up to a number."""
        attempts = self.attempts_of.get(step_id, ())
        return tuple(_line(one) for one in attempts if one.outcome is not None and one.number <= upto)

    def handoff_lines(self, step_id: int, attempt: int) -> tuple[HandoffLine, ...]:
        """Return what an attempt of a step received: one that collects, what the attempt before that grew did."""
        for one in reversed(self.attempts_of.get(step_id, [])):
            if one.number <= attempt and one.pk in self.handoffs_to:
                rows = self.handoffs_to[one.pk]
                return tuple(_handoff_line(row, row.source or self.key_of(row.from_step_id)) for row in rows)
        return ()

    def key_of(self, step_id: int) -> str:
        """Return a step's key; of another run's step, what shows that it is none of this one."""
        return self.steps[step_id].key if step_id in self.steps else f"#{step_id}"


def load_proof(run: Run) -> ProofRows:
    """Read all rows of a run's proof.

    Found by their step's run: what names another run itself must be seen. By keys, not by joins: while a run is young,
    the statistics say that it has few rows, and a join that is planned for few may take minutes for thousands.
    """
    steps = {step.pk: step for step in Step.objects.filter(run=run).order_by("position", "id")}
    of_steps = {"step__in": list(steps)}
    attempts = list(
        Attempt.objects.filter(**of_steps).prefetch_related("decision", "usage").order_by("step_id", "number")
    )
    rows = Handoff.objects.filter(_RECEIVED, attempt__in=[one.pk for one in attempts])
    handoffs = [ProofHandoff(*row) for row in rows.order_by("id").values_list(*ProofHandoff._fields)]
    return ProofRows(
        run=run,
        steps=steps,
        edges=[ProofEdge(*row) for row in Edge.objects.filter(run=run).values_list(*ProofEdge._fields)],
        attempts=attempts,
        handoffs=handoffs,
        receipts=list(Receipt.objects.filter(**of_steps).order_by("id")),
        past_outputs=list(PastOutput.objects.filter(**of_steps).order_by("id")),
        events=list(Event.objects.filter(run=run).order_by("id")),
        seals=list(Seal.objects.filter(run=run).order_by("round")),
        calls=[
            ProofCall(*row)
            for row in Call.objects.filter(**of_steps).order_by("id").values_list(*ProofCall._fields)
        ],
        memories=[
            ProofMemory(*row)
            for row in Memory.objects.filter(**of_steps).order_by("id").values_list(*ProofMemory._fields)
        ],
        recalled=_load_recalled(run, handoffs),
    )


def _load_recalled(run: Run, handoffs: Iterable[ProofHandoff]) -> dict[int, RecalledMemory]:
    ids = {row.memory_id for row in handoffs if row.memory_id is not None}
    if not ids:
        return {}
    rows = Memory.objects.filter(pk__in=ids, project=run.project_id)
    return {pk: RecalledMemory(*row) for pk, *row in rows.values_list("pk", *RecalledMemory._fields)}


def _group(rows: Iterable[_T], name: str) -> dict[int, list[_T]]:
    groups: dict[int, list[_T]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, name)].append(row)
    return groups


def _handoff_line(row: Handoff | ProofHandoff, from_step: str) -> HandoffLine:
    return HandoffLine(
        from_step=from_step,
        digest=row.digest,
        original_digest=row.original_digest,
        tokens_before=row.tokens_before,
        tokens_after=row.tokens_after,
        summarised_by=row.summarised_by,
        loss_json=row.loss_json,
    )


def _line(attempt: Attempt) -> AttemptLine:
    decision = getattr(attempt, "decision", None)
    return AttemptLine(
        number=attempt.number,
        token=str(attempt.token),
        task_id=attempt.task_id,
        started_at=stamp(attempt.started_at),
        finished_at=stamp(attempt.finished_at) if attempt.finished_at else "",
        outcome=attempt.outcome or "",
        agent=attempt.agent,
        agent_version=attempt.agent_version,
        confidence=attempt.confidence,
        usage_json=attempt.used.json,
        failure_kind=attempt.failure_kind,
        error_class=attempt.error_class,
        error_message=attempt.error_message,
        traceback_tail=attempt.traceback_tail,
        rule=decision.rule if decision else "",
        decision=decision.kind if decision else "",
        reason=decision.reason if decision else "",
        inputs_json=decision.inputs_json if decision else "",
        due_at=stamp(decision.due_at) if decision and decision.due_at else None,
    )
