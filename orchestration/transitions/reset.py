"""Starting afresh: what a step grew is let go, what it put out is kept as a past output, and its marks are taken off.

Every caller holds the run's row, or the claim of the one step it resets. Rows are locked as finishers lock them:
children before parents, predecessors before successors; done steps last, as a release takes them after its join.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from orchestration.awaited import wait_anew
from orchestration.conf import get_conf
from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.policy.rules import WITHDRAWN
from orchestration.domain.rows import Doer, Fallen
from orchestration.domain.states import AttemptOutcome
from orchestration.domain.words import BY_CHILD_RUN, COLLECTS, DONE_STEP, FINAL_STEP
from orchestration.history import EventKind, insert_event
from orchestration.ports import load_escalator
from orchestration.transitions.ending import DECISION
from orchestration.transitions.vocabulary import grown_below, recount


def _cancelling(which: str) -> str:
    return f"""
WITH cancelled AS (
    UPDATE orchestration_step SET status = 'cancelled', token = NULL, process_id = NULL, due_at = NULL,
        waits_for = '', finished_at = clock_timestamp(), reason = %(reason)s
    WHERE id IN (SELECT id FROM orchestration_step WHERE {which}
                 AND status NOT IN {FINAL_STEP}
                 ORDER BY depth DESC, position, id FOR NO KEY UPDATE)
    RETURNING id, run_id, attempt
), told AS (
    {insert_event(EventKind.STEP_CANCELLED, source="cancelled", data="%(event)s::text")}
)
SELECT id FROM cancelled
"""


_CANCEL_OF_RUN = _cancelling("run_id = %(run)s")
_CANCEL_THESE = _cancelling("id = ANY(%(steps)s)")
_SAW = f"""'{{"attempt":' || a.number || ',"outcome":{{"type":"{WITHDRAWN.name}"}},"revision":' || s.revision || '}}'"""
# A statement of its own: the one before may have waited for a claim, whose attempt is younger than its snapshot.
_WITHDRAW = f"""
WITH done AS (
    UPDATE orchestration_attempt a SET outcome = '{AttemptOutcome.WITHDRAWN}', finished_at = clock_timestamp()
    FROM orchestration_step s WHERE a.step_id = ANY(%(steps)s) AND a.outcome IS NULL AND s.id = a.step_id
    RETURNING a.step_id AS id, a.run_id, a.id AS attempt_id, a.finished_at AS now, '{WITHDRAWN.name}' AS rule,
        '{WITHDRAWN.kind}' AS kind, %(reason)s::text AS why, {_SAW} AS inputs, NULL::timestamptz AS due_at
), decided AS ({DECISION.sql}
)
SELECT id FROM done
"""


def cancel_open_steps(run_id: object, reason: str) -> list[int]:
    """Cancel every open step of a run, with their attempts and tickets; the caller holds the run's row."""
    rows = fetch_all(_CANCEL_OF_RUN, {"run": run_id, "reason": reason, "event": "{}"})
    return _withdraw([row.id for row in rows], reason)


def cancel_steps(step_ids: list[int], reason: str) -> list[int]:
    """Cancel those of some steps that are open, with their attempts and tickets; return which."""
    rows = fetch_all(_CANCEL_THESE, {"steps": step_ids, "reason": reason, "event": "{}"})
    return _withdraw([row.id for row in rows], reason)


def _withdraw(step_ids: list[int], reason: str) -> list[int]:
    if step_ids:
        fetch_all(_WITHDRAW, {"steps": step_ids, "reason": reason})
        load_escalator(get_conf().ESCALATOR).withdraw_tickets(step_ids, reason)
    return step_ids


_GROWN_BELOW = f"""
WITH RECURSIVE below AS ({grown_below("= ANY(%(steps)s)")}
)
SELECT DISTINCT predecessor_id AS id FROM below
"""
_DETACH = f"""
WITH cut AS (
    DELETE FROM orchestration_edge e
    WHERE e.is_child AND (e.successor_id = ANY(%(steps)s) OR e.successor_id = ANY(%(grown)s))
    RETURNING e.successor_id
), counted AS ({recount("cut", sets="unreleased = false")}
), unmarked AS (
    UPDATE orchestration_step s SET unreleased = false WHERE s.id = ANY(%(grown)s) AND s.unreleased
      AND NOT EXISTS (SELECT 1 FROM cut c WHERE c.successor_id = s.id)
)
SELECT count(*) FROM cut
"""


def find_grown_below(step_ids: Iterable[int]) -> list[int]:
    """Return all that hangs below steps by now: their children, and the children of those."""
    return [row.id for row in fetch_all(_GROWN_BELOW, {"steps": list(step_ids)})]


def detach_children(step_ids: list[int], reason: str) -> list[int]:
    """Let go of what steps grew: open children are cancelled, done ones stay as history; return all of them.

    The runs that such steps started are ended by whoever heals the tree (`tree.py`), after the commit.
    """
    grown = find_grown_below(step_ids)
    if grown:
        cancel_steps(grown, reason)
        fetch_one(_DETACH, {"steps": step_ids, "grown": grown})
    return grown


# Open ones first, in the order of finishers; a release takes its join before the marks of those before it.
_LOCK = f"""
SELECT id FROM orchestration_step WHERE id = ANY(%(steps)s)
ORDER BY status IN {DONE_STEP}, depth DESC, position, id FOR NO KEY UPDATE
"""
_KEEP_OUTPUTS = f"""
INSERT INTO orchestration_pastoutput (step_id, run_id, round, revision, status, output_json, output_digest,
    receipt_digest, finished_at, superseded_at)
SELECT s.id, s.run_id, c.round, s.revision, s.status, s.output_json, s.output_digest, s.receipt_digest,
    s.finished_at, clock_timestamp()
FROM orchestration_step s
JOIN orchestration_receipt c ON c.step_id = s.id AND c.digest = s.receipt_digest
WHERE s.id = ANY(%(steps)s) AND s.status IN {DONE_STEP} RETURNING id
"""
_RESET = f"""
WITH reset AS (
    UPDATE orchestration_step s
    SET status = 'pending', token = NULL, process_id = NULL, due_at = NULL, finished_at = NULL,
        revision = s.revision + CASE WHEN NOT %(new_round)s OR s.status IN {DONE_STEP}
            OR s.stage IN {COLLECTS} AND NOT s.id = ANY(%(keep)s) THEN 1 ELSE 0 END,
        renewals = s.renewals + CASE WHEN NOT s.id = ANY(%(keep)s) AND (
            s.status = 'succeeded' OR s.proposed_json IS NOT NULL OR s.stage = 'verdicts' OR s.id = ANY(%(answered)s)
        ) THEN 1 ELSE 0 END,
        output_json = NULL, output_digest = NULL, output_tokens = NULL, receipt_digest = NULL, skip_reason = '',
        reason = '', waits_for = '', unreleased = false, chord_intact = false, accepted_by = '',
        proposed_json = CASE WHEN s.id = ANY(%(keep)s) THEN s.proposed_json END,
        stage = CASE WHEN s.id = ANY(%(keep)s) THEN s.stage ELSE '' END,
        failures = 0, crashes = 0, verdict_revisions = 0, reworks = CASE WHEN %(new_round)s THEN 0 ELSE s.reworks END
    WHERE s.id = ANY(%(steps)s) RETURNING s.id, s.run_id, s.attempt, s.fallbacks, s.kind, s.spec_key, s.spec_json,
        s.renewals AS journal
), anew AS ({wait_anew("reset")}
), told AS (
    {insert_event(EventKind.STEP_RESET, source="reset", data="%(event)s::text")}
)
SELECT id, kind, spec_key, spec_json FROM reset WHERE fallbacks > 0
"""
# What was kept for its children waits for those that are open again.
_WAIT = f"""
UPDATE orchestration_step s SET status = 'waiting'
WHERE s.id = ANY(%(keep)s) AND s.status = 'pending' AND s.stage IN {COLLECTS} AND (
    EXISTS (SELECT 1 FROM orchestration_edge e JOIN orchestration_step c ON c.id = e.predecessor_id
            WHERE e.successor_id = s.id AND e.is_child AND c.status NOT IN {DONE_STEP})
    OR s.stage IN {BY_CHILD_RUN} AND (SELECT c.status FROM orchestration_run c WHERE c.parent_step_id = s.id
                                  ORDER BY c.parent_attempt DESC LIMIT 1) <> 'succeeded')
RETURNING s.id
"""


@dataclass(frozen=True, slots=True)
class Reset:
    """Which steps start afresh.

    Attributes: steps: all of them.  keep: those that keep their children, to collect them again.
        answered: whose answer was acted on: they are asked again, under another idempotency key.
        is_new_round: what had put nothing out and grown nothing stays the revision it is, and bounds are fresh.
        event_json: of the history's line for each.
    """

    steps: list[int]
    keep: list[int]
    reason: str
    event_json: str
    answered: tuple[int, ...] = ()
    is_new_round: bool = False


def lock_steps(step_ids: Iterable[int]) -> None:
    """Lock steps until the transaction ends, in the order that everybody takes."""
    fetch_all(_LOCK, {"steps": list(step_ids)})


def reset_steps(reset: Reset) -> list[Fallen]:
    """Move steps to `pending`, whatever they were; what they had put out stays readable as a past output.

    The caller has locked them. Returns: those a fallback agent had; the caller puts their first agents back
    (`restore_doers`) in the same transaction.
    """
    detach_children([step for step in reset.steps if step not in set(reset.keep)], reset.reason)
    fetch_all(_KEEP_OUTPUTS, {"steps": reset.steps})
    parameters = {
        "steps": reset.steps,
        "keep": reset.keep,
        "answered": list(reset.answered),
        "new_round": reset.is_new_round,
        "event": reset.event_json,
    }
    fallen = fetch_all(_RESET, parameters)
    _withdraw(reset.steps, reset.reason)
    return [Fallen(*row) for row in fallen]


def await_children(step_ids: list[int]) -> None:
    """Move steps that kept open children from `pending` to `waiting`."""
    if step_ids:
        fetch_all(_WAIT, {"keep": step_ids})


_DOER = {
    "step_id": "bigint",
    "agent": "text",
    "queue": "text",
    "timeout_seconds": "float8",
    "pools": "jsonb",
}
_RESTORE = f"""
UPDATE orchestration_step s
SET agent = d.agent, queue = d.queue, timeout_seconds = d.timeout_seconds, pools = d.pools, fallbacks = 0
FROM {read_lines("doers", _DOER, "d")} WHERE s.id = d.step_id RETURNING s.id
"""


def restore_doers(doers: list[Doer]) -> None:
    """Give steps back to the agents of their specs; in the transaction that reset them."""
    if doers:
        fetch_all(_RESTORE, {"doers": dump_line([asdict(doer) for doer in doers])})
