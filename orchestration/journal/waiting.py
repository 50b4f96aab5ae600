"""The waits of agents: opened under the claim, answered by whoever can, and the steps that go on then.

Who opens a wait looks for a signal after its commit, who sends one likewise, and the maintainer looks for both: one of
them sees the other. An answer is written once, by whoever is first. A step goes on by a statement of its own, after the
answer's commit; whoever suspends it looks for answers then too. docs/adr/0040-waits.md
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.domain.calls import CallKind, CallWish, Until
from agents.domain.waiting import write_timed_out
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.calls import CallState
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
        (step_id, run_id, journal, path, kind, name, request_json, request_digest, state, begun_at, due_at)
    SELECT id, run_id, %(journal)s::integer, %(path)s::text, %(kind)s::text, %(name)s::text, %(request)s::text,
        %(digest)s::text, 'open', now,
        coalesce(%(moment)s::timestamptz, now + make_interval(secs => %(seconds)s::float8)) FROM held
    ON CONFLICT (step_id, journal, path) DO NOTHING RETURNING id, due_at
), met AS (
    SELECT c.id, c.state, c.kind, c.request_digest, c.response_json, c.due_at FROM orchestration_call c
    JOIN held h ON c.step_id = h.id WHERE c.journal = %(journal)s::integer AND c.path = %(path)s::text
)
SELECT h.id IS NOT NULL AS is_held, coalesce(t.id, m.id) AS call, coalesce(m.state, 'open') AS state,
    coalesce(m.request_digest, %(digest)s::text) AS digest, m.response_json,
    coalesce(t.due_at, m.due_at) <= clock_timestamp() AS is_due,
    EXISTS (SELECT 1 FROM orchestration_signal g WHERE g.run_id = h.run_id AND g.name = %(name)s::text
            AND g.refusal = '' AND (g.taken_at IS NULL OR g.step_id = h.id)) AS has_signal
FROM (SELECT 1) one LEFT JOIN held h ON true LEFT JOIN taken t ON true LEFT JOIN met m ON true
"""


@dataclass(frozen=True, slots=True)
class WaitFound:
    """What the opening of a wait found.

    Attributes: call_id: its row.  response_json: None while nothing has answered it.
        is_due: its time is over.  has_signal: one of its name may be there for it.
    """

    call_id: int
    state: CallState
    request_digest: str
    response_json: str | None
    is_due: bool
    has_signal: bool


def open_wait(claim: Claim, journal: int, wish: CallWish, until: Until) -> WaitFound:
    """Write that a claimed step waits for something, or find it answered. Once more it changes nothing.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    row = fetch_one(
        _OPEN,
        {
            "step": claim.step_id,
            "token": claim.token,
            "journal": journal,
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
    return WaitFound(
        row.call, CallState(row.state), row.digest, row.response_json, bool(row.is_due), has_signal
    )


def _over(which: str) -> str:
    """Return the statement that answers open waits as such whose time is over."""
    return f"""
WITH due AS (
    SELECT id FROM orchestration_call WHERE state = 'open' AND {which}
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE orchestration_call c SET state = 'done', ended_at = clock_timestamp(), unread = true,
    response_json = CASE kind WHEN '{CallKind.TIMER}' THEN %(timer)s ELSE %(late)s END,
    response_digest = CASE kind WHEN '{CallKind.TIMER}' THEN %(timer_digest)s ELSE %(late_digest)s END
FROM due WHERE c.id = due.id RETURNING c.step_id
"""


_ALL_DUE: Final = _over("due_at <= clock_timestamp()")
_THESE_OVER: Final = _over("id = ANY(%(these)s::bigint[])")


def answer_due(limit: int) -> list[int]:
    """Answer open waits whose time is over, and return their steps. Of an answer and a timeout one is written."""
    return _answer_over(_ALL_DUE, [], limit)


def answer_over(call_ids: list[int]) -> list[int]:
    """Answer these of the open waits as if their time were over, and return their steps."""
    return _answer_over(_THESE_OVER, call_ids, len(call_ids))


def _answer_over(statement: str, call_ids: list[int], limit: int) -> list[int]:
    timer, late = write_timed_out(CallKind.TIMER), write_timed_out(CallKind.SIGNAL)
    parameters = {
        "these": call_ids,
        "limit": limit,
        "timer": timer,
        "timer_digest": digest_text(timer),
        "late": late,
        "late_digest": digest_text(late),
    }
    return [row.step_id for row in fetch_all(statement, parameters)]


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


_LOCK_RUN: Final = "SELECT id FROM orchestration_run WHERE id = %(run)s FOR NO KEY UPDATE"
_FIND_WAITS: Final = f"""
SELECT c.id, c.step_id, c.journal, c.request_json, s.key, array(
        SELECT g.id FROM orchestration_signal g WHERE g.step_id = c.step_id AND g.name = c.name AND NOT EXISTS (
            SELECT 1 FROM orchestration_call o
            WHERE o.step_id = c.step_id AND o.journal = c.journal AND o.signal_id = g.id)
        ORDER BY g.taken_at, g.id) AS former
FROM orchestration_call c JOIN orchestration_step s ON s.id = c.step_id AND c.journal = s.renewals
WHERE c.run_id = %(run)s AND c.name = %(name)s AND c.kind = '{CallKind.SIGNAL}' AND c.state = 'open'
  AND s.status NOT IN {FINAL_STEP} ORDER BY c.id
"""
_FIND_SIGNALS: Final = """
SELECT id, step_key, value_json, taken_at FROM orchestration_signal
WHERE run_id = %(run)s AND name = %(name)s AND refusal = '' AND (taken_at IS NULL OR id = ANY(%(former)s::bigint[]))
ORDER BY id
"""
_TAKE: Final = """
UPDATE orchestration_signal SET step_id = %(step)s, taken_at = clock_timestamp()
WHERE id = %(signal)s AND taken_at IS NULL RETURNING id
"""
_REFUSE: Final = """
UPDATE orchestration_signal SET refusal = %(why)s WHERE id = %(signal)s AND taken_at IS NULL RETURNING id
"""
_LOOKED: Final = """
UPDATE orchestration_signal SET is_new = false WHERE run_id = %(run)s AND name = %(name)s AND is_new RETURNING id
"""


@dataclass(frozen=True, slots=True)
class OpenSignalWait:
    """A wait for a signal, by whom and what it accepts. `former`: what earlier journals of its step had got."""

    call_id: int
    step_id: int
    step_key: str
    request_json: str
    former: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SignalFound:
    """A signal that can still answer a wait. `taken_at`: by an earlier journal of the step."""

    signal_id: int
    step_key: str
    value_json: str
    taken_at: datetime | None


def find_waits(run_id: UUID, name: str) -> list[OpenSignalWait]:
    """Return who waits in a run for a signal of this name, in the order in which they began to."""
    rows = fetch_all(_FIND_WAITS, {"run": run_id, "name": name})
    return [OpenSignalWait(row.id, row.step_id, row.key, row.request_json, tuple(row.former)) for row in rows]


def lock_matching(run_id: UUID, name: str) -> tuple[list[OpenSignalWait], list[SignalFound]]:
    """Lock a run until the transaction ends; return who waits there for a signal, and the signals, in their orders."""
    fetch_one(_LOCK_RUN, {"run": run_id})
    waits = find_waits(run_id, name)
    former = [signal for wait in waits for signal in wait.former]
    found = fetch_all(_FIND_SIGNALS, {"run": run_id, "name": name, "former": former})
    fetch_all(_LOOKED, {"run": run_id, "name": name})
    return waits, [SignalFound(row.id, row.step_key, row.value_json, row.taken_at) for row in found]


def take_signal(signal_id: int, step_id: int) -> None:
    """Write who took a signal; who took it first stays told."""
    fetch_all(_TAKE, {"signal": signal_id, "step": step_id})


def refuse_signal(signal_id: int, why: str) -> None:
    """Write why a signal can't be used by whoever waits."""
    fetch_all(_REFUSE, {"signal": signal_id, "why": why})
