"""The waits of agents: opened under the claim, answered by whoever can, and the steps that go on then.

Who opens a wait looks for a signal after its commit, who sends one likewise, and the maintainer looks for both: one of
them sees the other. An answer is written once, by whoever is first. A step goes on by a statement of its own, after the
answer's commit; whoever suspends it looks for answers then too. What signals may answer which wait: `candidates.py`.
docs/adr/0040-waits.md
"""

from dataclasses import dataclass
from typing import Final

from agents.domain.calls import CallKind, CallWish, Until
from agents.domain.waiting import write_timed_out
from orchestration.awaited import can_use, is_awaited
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.calls import CallState, SignalName
from orchestration.domain.receipts import digest_text
from orchestration.domain.words import FINAL_STEP
from orchestration.domain.work import Claim
from orchestration.transitions.vocabulary import is_held_by, lost

_OPEN: Final = f"""
WITH held AS MATERIALIZED (
    SELECT s.id, s.run_id, clock_timestamp() AS now FROM orchestration_step s
    WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s::uuid")} FOR SHARE
), taken AS (
    INSERT INTO orchestration_call
        (step_id, run_id, journal, version, path, kind, name, request_json, request_digest, state, begun_at, due_at)
    SELECT id, run_id, %(journal)s::integer, %(version)s::integer, %(path)s::text, %(kind)s::text, %(name)s::text,
        %(request)s::text, %(digest)s::text, 'open', now,
        coalesce(%(moment)s::timestamptz, now + make_interval(secs => %(seconds)s::float8)) FROM held
    ON CONFLICT (step_id, journal, path) DO NOTHING RETURNING id, due_at
), met AS (
    SELECT c.id, c.state, c.request_digest, c.response_json, c.due_at, c.is_past FROM orchestration_call c
    JOIN held h ON c.step_id = h.id WHERE c.journal = %(journal)s::integer AND c.path = %(path)s::text
)
SELECT h.id IS NOT NULL AS is_held, coalesce(t.id, m.id) AS call, coalesce(m.state, 'open') AS state,
    coalesce(m.request_digest, %(digest)s::text) AS digest, m.response_json, coalesce(m.is_past, false) AS is_past,
    coalesce(t.due_at, m.due_at) <= clock_timestamp() AS is_due,
    EXISTS (SELECT 1 FROM orchestration_signal g WHERE g.run_id = h.run_id AND g.name = %(name)s::text
            AND (g.taken_at IS NULL OR g.step_id = h.id)) AS has_signal
FROM (SELECT 1) one LEFT JOIN held h ON true LEFT JOIN taken t ON true LEFT JOIN met m ON true
"""


@dataclass(frozen=True, slots=True)
class WaitFound:
    """What the opening of a wait found.

    Attributes: call_id: its row.  response_json: None while nothing has answered it.
        is_due: its time is over.  has_signal: one of its name may be there for it.
        is_past: a person let the step go on since; it is waited for anew.
    """

    call_id: int
    state: CallState
    request_digest: str
    response_json: str | None
    is_due: bool
    has_signal: bool
    is_past: bool


def open_wait(claim: Claim, journal: int, wish: CallWish, until: Until, version: int) -> WaitFound:
    """Write that a claimed step waits for something, or find it answered. Once more it changes nothing.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    row = fetch_one(
        _OPEN,
        {
            "step": claim.step_id,
            "token": claim.token,
            "journal": journal,
            "version": version,
            "path": wish.path,
            "kind": wish.kind,
            "name": wish.name,
            "request": wish.request_json,
            "digest": wish.digest,
            "moment": until.moment,
            "seconds": until.seconds,
        },
    )
    if not row.is_held:
        raise lost(claim)
    has_signal = wish.kind is CallKind.SIGNAL and row.has_signal
    state, is_due = CallState(row.state), bool(row.is_due)
    return WaitFound(row.call, state, row.digest, row.response_json, is_due, has_signal, row.is_past)


_IS_DUE: Final = f"c.due_at <= statement_timestamp() AND {is_awaited('c', 's')}"
_HAS_SIGNAL: Final = f"""c.kind = '{CallKind.SIGNAL}' AND EXISTS (
        SELECT 1 FROM orchestration_signal g WHERE {can_use("c", "s")})"""
_SET_OVER: Final = f"""
    state = 'done', ended_at = clock_timestamp(), unread = true,
    response_json = CASE kind WHEN '{CallKind.TIMER}' THEN %(timer)s ELSE %(late)s END,
    response_digest = CASE kind WHEN '{CallKind.TIMER}' THEN %(timer_digest)s ELSE %(late_digest)s END"""
# A signal that came in time answers first: such waits are left to `find_due_with_signals`.
_ALL_DUE: Final = f"""
WITH due AS (
    SELECT c.id FROM orchestration_call c JOIN orchestration_step s ON s.id = c.step_id
    WHERE {_IS_DUE} AND NOT ({_HAS_SIGNAL}) ORDER BY c.due_at, c.id LIMIT %(limit)s FOR UPDATE OF c SKIP LOCKED
)
UPDATE orchestration_call c SET {_SET_OVER} FROM due WHERE c.id = due.id RETURNING c.step_id
"""
_THESE_OVER: Final = f"""
UPDATE orchestration_call c SET {_SET_OVER}
WHERE c.id = ANY(%(these)s::bigint[]) AND c.state = 'open' RETURNING c.step_id
"""
_DUE_WITH_SIGNALS: Final = f"""
SELECT DISTINCT c.run_id, c.name FROM orchestration_call c JOIN orchestration_step s ON s.id = c.step_id
WHERE {_IS_DUE} AND {_HAS_SIGNAL} LIMIT %(limit)s
"""
# They would stand before others for ever; whoever comes to such a wait again finds that its time is over.
_FORGET_DUE: Final = f"""
UPDATE orchestration_call c SET awaited_in = NULL FROM orchestration_step s
WHERE c.state = 'open' AND c.awaited_in IS NOT NULL AND c.due_at <= statement_timestamp() AND s.id = c.step_id
  AND (s.attempt <> c.awaited_in OR s.renewals <> c.journal OR s.status IN {FINAL_STEP}) RETURNING c.id
"""


def answer_due(limit: int) -> list[int]:
    """Answer what steps wait for and is over, where no signal came in time, and return the steps."""
    fetch_all(_FORGET_DUE, {})
    return _answer_over(_ALL_DUE, limit=limit)


def find_due_with_signals(limit: int) -> list[SignalName]:
    """Return of which names waits are over although a signal came in time: it is to be looked at first."""
    return [SignalName(row.run_id, row.name) for row in fetch_all(_DUE_WITH_SIGNALS, {"limit": limit})]


def answer_over(call_ids: list[int]) -> list[int]:
    """Answer these of the open waits as if their time were over, and return their steps."""
    return _answer_over(_THESE_OVER, these=call_ids) if call_ids else []


def _answer_over(statement: str, **which: object) -> list[int]:
    timer, late = write_timed_out(CallKind.TIMER), write_timed_out(CallKind.SIGNAL)
    said = {
        "timer": timer,
        "timer_digest": digest_text(timer),
        "late": late,
        "late_digest": digest_text(late),
    }
    return [row.step_id for row in fetch_all(statement, which | said)]


_ANSWER: Final = """
UPDATE orchestration_call SET state = 'done', ended_at = clock_timestamp(), unread = true,
    response_json = %(response)s, response_digest = %(digest)s, signal_id = %(signal)s
WHERE id = %(call)s AND state = 'open' RETURNING step_id
"""


def answer_wait(call_id: int, response_json: str, *, signal_id: int | None = None) -> bool:
    """Answer an open wait; return False where something else has answered it."""
    about = {
        "call": call_id,
        "response": response_json,
        "digest": digest_text(response_json),
        "signal": signal_id,
    }
    return bool(fetch_all(_ANSWER, about))
