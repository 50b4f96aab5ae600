"""The end of a run's round: its last status, and the seal over everything that was written in it.

A seal covers the run's and its steps' columns, the edges that grew, what no receipt tells of, and the history up to
the closing. Read next: `selectors/sealed.py`, then `runs/verifying.py`.
"""

from datetime import UTC, datetime
from uuid import UUID

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.receipts import digest_text
from orchestration.domain.signing import Signer
from orchestration.domain.states import RUN_EDGES, RunStatus
from orchestration.domain.work import EarlyEnd
from orchestration.history import EventKind, insert_event
from orchestration.selectors.sealed import FACTS, RunEnd, plan_reading, read_new_body
from orchestration.transitions.result import find_result, write_result

# Whoever pauses, cancels or resumes the run waits until its round is sealed, or is in the seal's history.
_LOCK_FACTS = FACTS + " FOR NO KEY UPDATE OF r"
_CLOSING = f"""
WITH closed AS (
    UPDATE orchestration_run
    SET status = %(status)s, finished_at = %(now)s, reason = %(reason)s,
        untold = parent_step_id IS NOT NULL OR actor_id IS NOT NULL
    WHERE id = %(run)s AND status COLLATE "C" = ANY(%(sources)s) RETURNING id, round
), sealed AS (
    INSERT INTO orchestration_seal (run_id, round, body_json, root, signature, public_key, sealed_at)
    SELECT id, round, %(body)s, %(root)s, %(signature)s, %(public_key)s, %(now)s FROM closed
), told AS (
    {insert_event(EventKind.RUN_CLOSED, source="closed", data="%(event)s::text", at="%(now)s", of_run=True)}
), cleared AS (
    UPDATE orchestration_step s SET unreleased = false FROM closed c WHERE s.run_id = c.id AND s.unreleased
)
"""
_CLOSE = _CLOSING + "SELECT id FROM closed"
_CLOSE_AND_COMMIT_LATER = _CLOSING + "SELECT set_config('synchronous_commit', 'off', true) FROM closed"


_ONLY_EARLY = (RunStatus.PAUSED, RunStatus.SUCCEEDED, None)


def close_run(
    run_id: UUID,
    status: RunStatus,
    signer: Signer,
    reason: str = "",
    *,
    early: EarlyEnd | None = None,
    commit_later: bool = False,
) -> bool:
    """Move a live run to a final status and seal its round; return False when it may not go there any more, or yet.

    The caller has made sure, in the same transaction, that no step is open. A paused run does not succeed: its resume
    closes it.

    Args: early: it succeeds although something in it was open; that may be said of a paused one too.
        commit_later: the database's last moments may lose this, because whoever looks at the run does it again.
    """
    sources = [
        source.value
        for source, target in RUN_EDGES
        if target is status and (source, target, early) != _ONLY_EARLY
    ]
    facts = fetch_one(_LOCK_FACTS, {"run": run_id})
    if facts.status not in sources:
        return False
    ending = RunEnd(status, reason, facts.now)
    result = find_result(run_id, facts.output, early) if status is RunStatus.SUCCEEDED else None
    body = read_new_body(run_id, facts, ending, result.line if result else None)
    root = digest_text(body)
    parameters = {
        "run": run_id,
        "status": status,
        "sources": sources,
        "reason": reason,
        "now": ending.finished_at,
        "body": body,
        "root": root,
        "signature": signer.sign(root),
        "public_key": signer.public_key,
        "event": describe_closing(status),
    }
    closed = fetch_one(_CLOSE_AND_COMMIT_LATER if commit_later else _CLOSE, parameters) is not None
    if closed and result is not None:
        write_result(run_id, result, ending.finished_at)
    return closed


def describe_closing(status: str) -> str:
    """Return the data of the line that tells of a run's end."""
    return f'{{"status":"{status}"}}'


def plan_closing() -> None:
    """Let PostgreSQL plan the end of a run on this thread's connection; it finds none and changes nothing."""
    nowhere = UUID(int=0)
    fetch_all(_LOCK_FACTS, {"run": nowhere})
    plan_reading()
    texts = dict.fromkeys(("reason", "body", "root", "signature", "public_key", "event"), "")
    now = datetime.fromtimestamp(0, UTC)
    rest = {"status": RunStatus.SUCCEEDED, "sources": [""], "now": now}
    fetch_all(_CLOSE_AND_COMMIT_LATER, {"run": nowhere} | texts | rest)
