"""What a seal covers, read from a run's rows as they stand: to close a round, and to verify that it was so.

Read next: `domain/receipts.py`, which digests it, `transitions/seal.py` and `runs/seals.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.events import AFTER_THE_FACT, EventKind
from orchestration.domain.receipts import (
    Digest,
    SealFacts,
    build_seal,
    digest_events,
    digest_text,
    digest_value,
    stamp,
)
from orchestration.domain.states import RunStatus
from orchestration.usage import read_used

FACTS = """
SELECT r.status, r.project_id, r.workflow_id, r.workflow_name, r.round, r.input_digest, r.idempotency_key,
    r.requested_by_id, r.created_at, r.priority, r.deadline_at, r.parent_step_id, r.root_id, r.depth,
    r.forked_from_id, r.forked_from_step, w.version, w.sla, w.output, w.digest AS spec_digest, x.handoff_tokens,
    clock_timestamp() AS now,
    (SELECT z.root FROM orchestration_seal z WHERE z.run_id = r.id AND z.round = r.round - 1) AS former_root
FROM orchestration_run r JOIN orchestration_workflow w ON w.id = r.workflow_id
JOIN orchestration_agentcontext x ON x.run_id = r.id WHERE r.id = %(run)s
"""
# All of a step but its marks for release and chord, which may still change when nothing is open any more; in the order
# of a seal's lines.
STEP_COLUMNS: Final = (
    "key", "status", "position", "receipt_digest", "agent", "queue", "predecessor_count", "timeout_seconds", "attempt",
    "failures", "crashes", "revision", "feedback", "dispatches", "waits_for", "skip_reason", "reason", "proposed_json",
    "output_digest", "output_tokens", "dispatched_at", "claimed_at", "deadline_at", "due_at", "finished_at", "kind",
    "parent", "depth", "index", "item_json", "spec_key", "spec_json", "stage", "gated", "accepted_by", "pools",
    "verdict_revisions", "reworks", "fallbacks", "renewals",
)  # fmt: skip
_COMPUTED: Final = {"parent": "p.key", "pools": "s.pools::text"}
_TIMES: Final = tuple(place for place, name in enumerate(STEP_COLUMNS) if name.endswith("_at"))
# As long as anybody likes.
_TEXTS: Final = tuple(place for place, name in enumerate(STEP_COLUMNS) if name.endswith("_json"))
_TIMEOUT: Final = STEP_COLUMNS.index("timeout_seconds")
_STEPS = f"""
SELECT {", ".join(_COMPUTED.get(name, f"s.{name}") for name in STEP_COLUMNS)}
FROM orchestration_step s LEFT JOIN orchestration_step p ON p.id = s.parent_id
WHERE s.run_id = %(run)s ORDER BY s.key
"""

# What stands in no receipt and in no step's line: edges of grown steps, superseded outputs, attempts of steps that
# did not get done, and what was handed to tries that came to nothing. A run without such things pays one look.
_BESIDE = """
SELECT
    (SELECT json_agg(json_build_array(p.key, n.key, e.carries_data, e.is_optional, e.is_child))
     FROM orchestration_edge e JOIN orchestration_step p ON p.id = e.predecessor_id
     JOIN orchestration_step n ON n.id = e.successor_id
     WHERE e.run_id = %(run)s AND (p.kind <> 'planned' OR n.kind <> 'planned')) AS edges,
    (SELECT json_agg(json_build_array(s.key, o.round, o.revision, o.status, o.output_digest, o.receipt_digest,
        (extract(epoch FROM o.finished_at) * 1000000)::bigint, (extract(epoch FROM o.superseded_at) * 1000000)::bigint))
     FROM orchestration_pastoutput o JOIN orchestration_step s ON s.id = o.step_id WHERE o.run_id = %(run)s) AS past,
    (SELECT json_agg(json_build_array(s.key, a.number, a.token, a.task_id,
        (extract(epoch FROM a.started_at) * 1000000)::bigint, (extract(epoch FROM a.finished_at) * 1000000)::bigint,
        a.outcome, a.agent, a.agent_version, a.confidence,
        (SELECT json_build_array(u.input_tokens, u.output_tokens, u.cost_usd::text)
         FROM orchestration_usage u WHERE u.attempt_id = a.id),
        a.failure_kind, a.error_class,
        a.error_message, a.traceback_tail, d.rule, d.kind, d.reason, d.inputs_json,
        (extract(epoch FROM d.due_at) * 1000000)::bigint))
     FROM orchestration_step s JOIN orchestration_attempt a ON a.step_id = s.id
     LEFT JOIN orchestration_decision d ON d.attempt_id = a.id
     WHERE s.run_id = %(run)s AND s.status IN ('failed', 'cancelled')) AS attempts,
    (SELECT json_agg(CASE WHEN h.loss_json IS NULL
        THEN json_build_array(s.key, a.number, coalesce(h.source, f.key), h.original_digest, h.digest, h.tokens_before,
            h.tokens_after, h.summarised_by)
        ELSE json_build_array(s.key, a.number, coalesce(h.source, f.key), h.original_digest, h.digest, h.tokens_before,
            h.tokens_after, h.summarised_by, h.loss_json) END)
     FROM orchestration_attempt a JOIN orchestration_step s ON s.id = a.step_id
     JOIN orchestration_handoff h ON h.attempt_id = a.id JOIN orchestration_step f ON f.id = h.from_step_id
     WHERE s.run_id = %(run)s AND h.kind <> 'fetch'
       AND (a.number <> s.attempt OR s.status IN ('failed', 'cancelled'))) AS handoffs
"""
_EVENTS = """
SELECT id, kind, step_id, attempt, data_json, at FROM orchestration_event
WHERE run_id = %(run)s AND NOT kind = ANY(%(apart)s) ORDER BY id
"""


ResultLine = Mapping[str, str | None]
"""A run's result as its seal has it: kind, digest, error, by."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended, as its seal says."""

    status: RunStatus
    reason: str
    finished_at: datetime


def read_new_body(run_id: UUID, facts: Any, ending: RunEnd, result: ResultLine | None = None) -> str:
    """Build the body of the seal of a run that is about to be closed; its row is locked.

    Args: facts: what `FACTS` returned.  result: of the run, where it has one of its own.
    """
    history = _read_history(run_id, None)
    beside = _NOTHING_BESIDE if _is_straight(history) else _digest_beside(run_id, digest_text)
    return _build_body(run_id, facts, ending, history, beside, result)


def read_seal_body(
    run_id: UUID, ending: RunEnd, before_event: int | None, digest: Digest = digest_text
) -> str:
    """Build the body of a closed run's seal from its rows, as they stand.

    Args:
        ending: its own columns of its end.
        before_event: leave out history from this id on: the line that tells of the closing.
        digest: sees the lines behind the digests in the body.
    """
    facts = fetch_one(FACTS, {"run": run_id})
    history, beside = _read_history(run_id, before_event), _digest_beside(run_id, digest)
    return _build_body(run_id, facts, ending, history, beside, _read_result(run_id), digest)


def _read_result(run_id: UUID) -> ResultLine | None:
    row = fetch_one(
        "SELECT kind, digest, error, by FROM orchestration_runresult WHERE run_id = %(run)s", {"run": run_id}
    )
    return None if row is None else row._asdict()


def read_history_digest(run_id: UUID, before_event: int, digest: Digest = digest_text) -> str:
    """Return the digest over a run's history before one of its lines."""
    return digest_events([_event_line(event) for event in _read_history(run_id, before_event)], digest)


def plan_reading() -> None:
    """Let PostgreSQL plan these reads on this thread's connection."""
    nowhere = UUID(int=0)
    fetch_all(_STEPS, {"run": nowhere})
    _read_history(nowhere, None)


def _build_body(
    run_id: UUID,
    facts: Any,
    ending: RunEnd,
    history: list[Any],
    beside: dict[str, str | None],
    result: ResultLine | None,
    digest: Digest = digest_text,
) -> str:  # facts: a row of FACTS, history: rows of _EVENTS
    return build_seal(
        SealFacts(
            run=_run_facts(run_id, facts, ending),
            steps=[_step_line(step) for step in fetch_all(_STEPS, {"run": run_id})],
            events_digest=digest_events([_event_line(event) for event in history], digest),
            former_root=facts.former_root,
            beside=beside,
            result=result,
        ),
        digest,
    )


def _read_history(run_id: UUID, before_event: int | None) -> list[Any]:
    events = fetch_all(_EVENTS, {"run": run_id, "apart": [str(kind) for kind in AFTER_THE_FACT]})
    return [event for event in events if before_event is None or event.id < before_event]


def _is_straight(history: list[Any]) -> bool:
    """Tell by a history whether nothing can stand beside the steps' lines: each was claimed once, and then done.

    A second claim has a line of its own before it, of why there was one. Whoever verifies the seal looks all the same.
    """
    return _STRAIGHT.issuperset(event.kind for event in history)


_STRAIGHT = {EventKind.RUN_STARTED, EventKind.STEP_CLAIMED, EventKind.STEP_SUCCEEDED, EventKind.STEP_SKIPPED}
_NOTHING_BESIDE: dict[str, str | None] = dict.fromkeys(("edges", "past", "attempts", "handoffs"))


def _digest_beside(run_id: UUID, digest: Digest) -> dict[str, str | None]:
    row = fetch_one(_BESIDE, {"run": run_id})
    attempts = row.attempts and [_say_used(line) for line in row.attempts]
    lines = {"edges": row.edges, "past": row.past, "attempts": attempts, "handoffs": row.handoffs}
    return {name: _digest_unordered(lines[name], digest) for name in _NOTHING_BESIDE}


_USED: Final = 10
"""Where an attempt's line has what it used: three numbers in its row, canonical JSON in the seal."""


def _say_used(attempt: list[Any]) -> list[Any]:
    names = ("input_tokens", "output_tokens", "cost_usd")
    used = read_used(dict(zip(names, attempt[_USED] or (), strict=False)))
    return [*attempt[:_USED], used.json, *attempt[_USED + 1 :]]


def _digest_unordered(lines: list[list[Any]] | None, digest: Digest) -> str | None:
    """Return a digest that does not depend on the order in which the database gave the lines."""
    return None if lines is None else digest_value(sorted(lines, key=json.dumps), digest)


def _run_facts(run_id: UUID, facts: Any, ending: RunEnd) -> dict[str, Any]:
    return {
        "id": str(run_id),
        "project": facts.project_id,
        "workflow": facts.workflow_name,
        "workflow_id": facts.workflow_id,
        "version": facts.version,
        "spec": facts.spec_digest,
        "sla": facts.sla,
        "input": facts.input_digest,
        "round": facts.round,
        "status": ending.status,
        "reason": ending.reason,
        "idempotency_key": facts.idempotency_key,
        "requested_by": facts.requested_by_id,
        # Its name of before: what is sealed must have the digest that it had.
        "token_budget": facts.handoff_tokens,
        "created_at": stamp(facts.created_at),
        "finished_at": stamp(ending.finished_at),
        "priority": facts.priority,
        "deadline_at": None if facts.deadline_at is None else stamp(facts.deadline_at),
        "parent_step": facts.parent_step_id,
        "root": str(facts.root_id),
        "depth": facts.depth,
        "forked_from": None if facts.forked_from_id is None else str(facts.forked_from_id),
        "forked_from_step": facts.forked_from_step,
    }


def _step_line(step: tuple[Any, ...]) -> list[Any]:  # step: a row of _STEPS
    values = list(step)
    for place in _TIMES:
        values[place] = None if values[place] is None else stamp(values[place])
    # The same canonical text; a whole number that is a float takes the encoder's slow way, for all steps together.
    if values[_TIMEOUT].is_integer():
        values[_TIMEOUT] = int(values[_TIMEOUT])
    for place in _TEXTS:
        values[place] = None if values[place] is None else digest_text(values[place])
    return values


def _event_line(event: Any) -> tuple[Any, ...]:
    return (event.id, event.kind, event.step_id, event.attempt, event.data_json, stamp(event.at))
