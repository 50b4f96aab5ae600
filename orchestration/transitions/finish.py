"""running -> succeeded or skipped, and with it, in the same statement, what that releases; for any number of steps.

A successor with this step as its only predecessor is released here, or claimed in place when the caller runs on.
A join, and the run's end, are looked at after the commit (`release.py`); until then the step carries `unreleased`.
"""

import uuid
from dataclasses import replace
from typing import Any

from orchestration.database.lines import dump_line, pass_lines
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.states import StepStatus
from orchestration.domain.words import UNBEGUN
from orchestration.domain.work import AttemptEnd, Claim, FinalOutput, Finished, Released, RunOn
from orchestration.history import EventKind, insert_event
from orchestration.memory.vectors import insert_vectors
from orchestration.memory.writing import REMEMBERED, insist_on_keys, number_lines
from orchestration.transitions.claim import build_claim, find_claim, list_claimed, must_ask, needs_no_slots
from orchestration.transitions.ending import (
    ATTEMPT,
    DECISION,
    EFFECTS,
    OF_FINISH,
    RECEIPT,
    Ending,
    Part,
    describe_finish,
    remembers,
)
from orchestration.transitions.vocabulary import begin_attempts, hand_over, lost, ring

# NULL (no successor: the run may end) and true (a join) both mean: look after the commit.
LOOK_BEHIND = """
    (SELECT bool_or(n.predecessor_count > 1) IS NOT FALSE
     FROM orchestration_edge e JOIN orchestration_step n ON n.id = e.successor_id WHERE e.predecessor_id = s.id)
"""
OUTPUT = f"""
    finished_at = g.now, output_json = g.output, output_digest = g.digest, output_tokens = g.tokens,
    receipt_digest = g.receipt_digest, skip_reason = g.skip_reason, reason = g.why, accepted_by = g.accepted_by,
    unreleased = {LOOK_BEHIND}
"""
"""SET items of a step that is done; with the columns of `OUTPUT_LINE` in its line."""

OUTPUT_LINE = {
    "status": "text",
    "output": "text",
    "digest": "text",
    "tokens": "integer",
    "skip_reason": "text",
    "why": "text",
    "accepted_by": "text",
}
# A caller that runs on claims one successor in place. Without OFFSET 0 `take` would be worked out anew for each column.
RELEASE = Part(
    "freed",
    f"""
    UPDATE orchestration_step n
    SET status = CASE WHEN take.it THEN 'running' ELSE 'available' END, {ring("n")},
        token = CASE WHEN take.it THEN d.next_token END, process_id = CASE WHEN take.it THEN d.process END,
        attempt = n.attempt + CASE WHEN take.it THEN 1 ELSE 0 END,
        claimed_at = CASE WHEN take.it THEN clock_timestamp() END,
        deadline_at = CASE WHEN take.it THEN clock_timestamp() + make_interval(secs => n.timeout_seconds) END
    FROM done d JOIN orchestration_edge e ON e.predecessor_id = d.id
         JOIN orchestration_run r ON r.id = d.run_id
         JOIN orchestration_step t ON t.id = e.successor_id
         CROSS JOIN LATERAL (
             SELECT t.id = d.next_step AND t.queue = d.queue AND t.agent = ANY(d.agents) AND {needs_no_slots("t")}
                 AND r.status = 'running' AND EXISTS (SELECT 1 FROM orchestration_workerprocess w
                     WHERE w.id = d.process AND w.stopped_at IS NULL) AS it
             OFFSET 0
         ) take
    WHERE n.id = e.successor_id AND n.predecessor_count = 1 AND n.status IN {UNBEGUN}
    RETURNING {list_claimed("n")}, n.claimed_at AS read_at, {must_ask("n", "r")} AS must_ask,
        e.carries_data, e.is_optional, e.is_child,
        d.id AS done_id, d.digest, d.tokens, d.next_task AS task_id, d.claim_event""",
    {
        "process": "bigint",
        "queue": "text",
        "agents": "text[]",
        "next_step": "bigint",
        "next_token": "uuid",
        "next_task": "text",
        "claim_event": "text",
    },
)
_TAKEN = "(SELECT * FROM freed WHERE status = 'running') taken"
_RUN_ON = (
    Part("begun", begin_attempts(_TAKEN)),
    Part(
        "handed",
        hand_over("""
        SELECT b.id AS attempt, f.run_id AS run, f.done_id AS giver, f.id AS taker, f.digest, f.tokens,
            f.claimed_at AS at
        FROM freed f JOIN begun b ON b.step_id = f.id WHERE f.carries_data AND f.stage = ''"""),
    ),
)
# One INSERT, so that the history tells first of the end, then of the claim.
_TOLD = f"""(SELECT run_id, id, attempt, event_kind AS kind, event, now AS at FROM done UNION ALL
     SELECT run_id, id, attempt, '{EventKind.STEP_CLAIMED}', claim_event, claimed_at FROM {_TAKEN}) t"""
_FINISH = Ending(
    StepStatus.RUNNING,
    (StepStatus.SUCCEEDED, StepStatus.SKIPPED),
    insert_event("kind", source=_TOLD, data="event", at="at"),
    sets=OUTPUT,
    parts=(ATTEMPT, DECISION, RECEIPT, RELEASE, *_RUN_ON),
    columns=OUTPUT_LINE | {"event_kind": "text"},
    effects=(),
    returned="s.id, s.run_id, s.attempt, s.unreleased",
    answer="""
SELECT d.token AS finished_under, d.unreleased AS look_behind, f.*,
    (SELECT b.id FROM begun b WHERE b.step_id = f.id) AS attempt_id
FROM done d LEFT JOIN freed f ON f.done_id = d.id""",
)
_FINISH_WITH_EFFECTS = replace(_FINISH, effects=EFFECTS, statement="")
_FINISH_THAT_REMEMBERS = replace(_FINISH, effects=(*EFFECTS, *OF_FINISH), statement="")

Written = dict[uuid.UUID, list[Any]]
"""What a finishing statement returned, by the token that each step was finished under."""


def finish_step(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None = None) -> Finished:
    """Move a running step to `succeeded` or `skipped` and return what this made available.

    Args: claim: the step's; its token guards the write.  run_on: the successor to claim in the same statement.
    Returns: released steps in no particular order; dispatch them after the commit.
    Raises: ClaimLost: the claim passed on.  MemoryConflict: it expected another version of a memory than there is. In
        both cases nothing was written.
    Source: guarded update as in River's JobSetStateIfRunning; docs/adr/0003-claims-and-tokens.md.
    """
    if remembers(end):
        return _finish_and_remember(claim, end, final, run_on)
    line = dump_finish(claim, end, final, run_on)
    return read_finish(write_finishes([line], has_effects=bool(end.effects)), claim, final, run_on)


def write_finishes(lines: list[str], *, waits: bool = True, has_effects: bool = False) -> Written:
    """Finish steps that remember nothing in one statement: all that are still held, or none at all.

    Args: lines: of different claims, from `dump_finish`.  waits: as of `pass_lines`.
        has_effects: other rooms' rows are written with some of them.
    Raises: django.db.Error: nothing was written, unless the connection broke.
    """
    return _write(_FINISH_WITH_EFFECTS if has_effects else _FINISH, lines, waits=waits)


def _write(ending: Ending, lines: list[str], *, waits: bool) -> Written:
    written: Written = {}
    for row in fetch_all(ending.statement, pass_lines(lines, waits=waits)):
        written.setdefault(row.finished_under, []).append(row)
    return written


def _finish_and_remember(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None) -> Finished:
    """Finish a step with what it remembers, alone: it may wait for the locks of keys, and others would wait with it."""
    noted = end.effects[REMEMBERED.name]

    def write() -> tuple[Written, FinalOutput]:
        lines = number_lines(noted)
        told = replace(end, effects={**end.effects, REMEMBERED.name: lines})
        proven = final.committing_to(lines)
        line = dump_finish(claim, told, proven, run_on)
        written = _write(_FINISH_THAT_REMEMBERS, [line], waits=True)
        insert_vectors(end.embedded)
        return written, proven

    written, proven = insist_on_keys(write, noted)
    return read_finish(written, claim, proven, run_on)


def read_finish(written: Written, claim: Claim, final: FinalOutput, run_on: RunOn | None) -> Finished:
    """Return what a finishing statement did for one of its steps.

    Raises: ClaimLost: the claim passed on; nothing was written for this step.
    """
    rows = written.get(claim.token)
    if rows is None:
        raise lost(claim)
    freed = [row for row in rows if row.id is not None]
    taken = next((row for row in freed if row.status == StepStatus.RUNNING), None)
    return Finished(
        released=tuple(Released(row.id) for row in freed if row is not taken),
        next_claim=None if taken is None or run_on is None else _next_claim(claim, final, taken, run_on),
        look_behind=rows[0].look_behind,
    )


def _next_claim(claim: Claim, final: FinalOutput, row: Any, run_on: RunOn) -> Claim:
    received = [
        claim.step_id,
        claim.key,
        final.status,
        final.skip_reason,
        final.output_json,
        final.digest,
        final.tokens,
        final.receipt_digest,
        row.carries_data,
        row.is_optional,
        row.is_child,
        claim.index or 0,
    ]
    return build_claim(row, claim.run, [received], run_on.task_id)


def dump_finish(claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None) -> str:
    """Return how a step ended as one line for `write_finishes`."""
    line = (
        describe_finish(claim, end)
        | describe_output(final)
        | {
            "round": claim.run.round,
            "revision": claim.revision,
            "event_kind": _EVENT_OF[final.status],
            "claim_event": f'{{"process":{claim.process_id},"ran_on":true}}',
            "process": claim.process_id,
            "queue": claim.queue,
        }
    )
    if run_on is not None:
        line |= {
            "agents": run_on.agents,
            "next_step": run_on.step_id,
            "next_token": run_on.token,
            "next_task": run_on.task_id,
        }
    return dump_line(line)


def describe_output(final: FinalOutput) -> dict[str, Any]:
    """Return a final output and its receipt as `OUTPUT` and `RECEIPT` read them in a step's line."""
    return {
        "status": final.status,
        "output": final.output_json,
        "digest": final.digest,
        "tokens": final.tokens,
        "skip_reason": final.skip_reason,
        "accepted_by": final.accepted_by,
        "receipt_kind": final.receipt_kind,
        "receipt_digest": final.receipt_digest,
        "receipt": final.receipt_json,
    }


def plan_finish() -> None:
    """Let PostgreSQL plan the finish of a step on this thread's connection; it is given none and changes nothing."""
    write_finishes([])


_EVENT_OF = {
    StepStatus.SUCCEEDED: EventKind.STEP_SUCCEEDED,
    StepStatus.SKIPPED: EventKind.STEP_SKIPPED,
}


def new_run_on(step_id: int, task_id: str, agents: list[str]) -> RunOn:
    """Return the wish to claim a successor in place, with a fresh token, if its agent is among those."""
    return RunOn(step_id, uuid.uuid4(), task_id, agents)


_REREAD = """
SELECT a.outcome, a.finished_at,
    (SELECT coalesce(array_agg(n.id), '{}') FROM orchestration_edge e JOIN orchestration_step n ON n.id = e.successor_id
     WHERE e.predecessor_id = s.id AND n.predecessor_count = 1 AND n.status = 'available') AS released
FROM orchestration_attempt a JOIN orchestration_step s ON s.id = a.step_id WHERE a.id = %(attempt_id)s
"""


def reread_end(claim: Claim, end: AttemptEnd, run_on: RunOn | None) -> Finished | None:
    """Look whether an ending whose answer was lost was committed; None when it was not and may be tried again.

    Raises: ClaimLost: somebody else ended the attempt meanwhile.
    """
    row = fetch_one(_REREAD, {"attempt_id": claim.attempt_id})
    if row.outcome is None:
        return None
    if (row.outcome, row.finished_at) != (end.outcome, end.finished_at):
        raise lost(claim)
    return Finished(
        released=tuple(Released(step_id) for step_id in row.released),
        next_claim=find_claim(run_on.step_id, run_on.token) if run_on else None,
        look_behind=True,
    )
