"""Who waits for a signal, and the signals that are there: as rows, read and marked under the run's lock.

`matching.py` decides which answers which.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.domain.calls import CallKind
from orchestration.awaited import is_awaited
from orchestration.database.statements import fetch_all, fetch_one

_LOCK_RUN: Final = "SELECT id FROM orchestration_run WHERE id = %(run)s FOR NO KEY UPDATE"
_FIND_WAITS: Final = f"""
SELECT c.id, c.step_id, c.request_json, c.due_at, coalesce(c.due_at <= clock_timestamp(), false) AS is_due, s.key,
    array(
        SELECT g.id FROM orchestration_signal g WHERE g.step_id = c.step_id AND g.name = c.name AND NOT EXISTS (
            SELECT 1 FROM orchestration_call o
            WHERE o.step_id = c.step_id AND o.journal = c.journal AND o.signal_id = g.id)
        ORDER BY g.taken_at, g.id) AS former
FROM orchestration_call c JOIN orchestration_step s ON s.id = c.step_id
WHERE c.run_id = %(run)s AND c.name = %(name)s AND c.kind = '{CallKind.SIGNAL}' AND c.state = 'open'
  AND (c.id = %(standing)s::bigint OR {is_awaited("c", "s")}) ORDER BY c.id
"""
_FIND_SIGNALS: Final = """
SELECT id, step_key, value_json, sent_at, taken_at FROM orchestration_signal
WHERE run_id = %(run)s AND name = %(name)s AND (taken_at IS NULL OR id = ANY(%(former)s::bigint[]))
ORDER BY id
"""
_TAKE: Final = """
UPDATE orchestration_signal SET step_id = %(step)s, taken_at = clock_timestamp(), refusal = ''
WHERE id = %(signal)s AND taken_at IS NULL RETURNING id
"""
_TELL_MISFIT: Final = """
UPDATE orchestration_signal SET refusal = %(why)s WHERE id = %(signal)s AND taken_at IS NULL RETURNING id
"""
# An attempt under way that has such a wait may be suspended with it: until then the signal is looked at again.
_LOOKED: Final = f"""
UPDATE orchestration_signal g SET is_new = false
WHERE g.run_id = %(run)s AND g.name = %(name)s AND g.is_new AND NOT EXISTS (
    SELECT 1 FROM orchestration_call c JOIN orchestration_step s ON s.id = c.step_id
    WHERE c.run_id = g.run_id AND c.name = g.name AND c.kind = '{CallKind.SIGNAL}' AND c.state = 'open'
      AND c.journal = s.renewals AND s.status = 'running') RETURNING g.id
"""
_UNUSED: Final = """
SELECT DISTINCT name FROM orchestration_signal
WHERE run_id = %(run)s AND name = ANY(%(names)s::text[]) AND taken_at IS NULL ORDER BY name
"""


@dataclass(frozen=True, slots=True)
class OpenSignalWait:
    """A wait for a signal, by whom and what it accepts.

    Attributes: due_at, is_due: when its time is over, and whether it is.
        former: signals that its step had got, and this journal of it has not.
    """

    call_id: int
    step_id: int
    step_key: str
    request_json: str
    due_at: datetime | None
    is_due: bool
    former: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SignalFound:
    """A signal that can still answer a wait. `taken_at`: by an earlier journal of the step."""

    signal_id: int
    step_key: str
    value_json: str
    sent_at: datetime
    taken_at: datetime | None


def find_waits(run_id: UUID, name: str, standing: int | None = None) -> list[OpenSignalWait]:
    """Return who waits in a run for a signal of this name, in the order in which they began to.

    Args: standing: the call at which an attempt under way stands, which waits too.
    """
    rows = fetch_all(_FIND_WAITS, {"run": run_id, "name": name, "standing": standing})
    return [
        OpenSignalWait(
            row.id, row.step_id, row.key, row.request_json, row.due_at, row.is_due, tuple(row.former)
        )
        for row in rows
    ]


def lock_matching(
    run_id: UUID, name: str, standing: int | None = None
) -> tuple[list[OpenSignalWait], list[SignalFound]]:
    """Lock a run until the transaction ends; return who waits there for a signal, and the signals, in their orders."""
    fetch_one(_LOCK_RUN, {"run": run_id})
    # Before who waits is read: an attempt that is suspended in between is then seen by one of the two.
    fetch_all(_LOOKED, {"run": run_id, "name": name})
    waits = find_waits(run_id, name, standing)
    former = [signal for wait in waits for signal in wait.former]
    found = fetch_all(_FIND_SIGNALS, {"run": run_id, "name": name, "former": former})
    return waits, [
        SignalFound(row.id, row.step_key, row.value_json, row.sent_at, row.taken_at) for row in found
    ]


def find_unused(run_id: UUID, names: list[str]) -> list[str]:
    """Return of which of these names a run has signals that nobody took."""
    return [row.name for row in fetch_all(_UNUSED, {"run": run_id, "names": names})] if names else []


def take_signal(signal_id: int, step_id: int) -> None:
    """Write who took a signal; who took it first stays told."""
    fetch_all(_TAKE, {"signal": signal_id, "step": step_id})


def pass_over(signal_id: int, why: str) -> None:
    """Write why whoever waits can't use a signal; it stays there for another."""
    fetch_all(_TELL_MISFIT, {"signal": signal_id, "why": why})
