"""Gives signals to those that wait for them: the waits of a name in the order in which they opened, one signal each."""

import json
from collections.abc import Iterator
from uuid import UUID

from django.db import transaction

from agents.domain.json_schema import find_fault
from agents.domain.redaction import redact_value
from agents.domain.waiting import write_value
from orchestration.journal.candidates import (
    OpenSignalWait,
    SignalFound,
    lock_matching,
    pass_over,
    take_signal,
)
from orchestration.journal.waiting import answer_over, answer_wait
from orchestration.transitions.answered import wake_answered


def match_signals(run_id: UUID, name: str, *, standing: int | None = None) -> list[int]:
    """Answer waits of a run with the signals of a name that are there, and wake their steps; ring for what it returns.

    What an earlier journal of a step had got is given to it again first: what it does anew meets the same world. Only
    then a wait whose time is over is answered as such: the order in which things came decides, not who looked first.

    Args: standing: the call at which an attempt under way stands.
    """
    with transaction.atomic():
        waits, signals = lock_matching(run_id, name, standing)
        given = {wait.call_id: wait.step_id for wait, signal in _pair(waits, signals) if _give(wait, signal)}
        late = [wait.call_id for wait in waits if wait.is_due and wait.call_id not in given]
        steps = [*given.values(), *answer_over(late)]
    return wake_answered(steps)


def find_misfit(waits: list[OpenSignalWait], step_key: str, value: object) -> tuple[str, str] | None:
    """Return the JSON pointer and reason of why nobody who waits can use a value; None: somebody can, or none waits."""
    faults = [
        _find_fault(wait, value) for wait in waits if step_key in ("", wait.step_key) and not wait.is_due
    ]
    return faults[0] if faults and all(faults) else None


def _give(wait: OpenSignalWait, signal: SignalFound) -> bool:
    is_given = answer_wait(wait.call_id, write_value(signal.value_json), signal_id=signal.signal_id)
    if is_given and signal.taken_at is None:
        take_signal(signal.signal_id, wait.step_id)
    return is_given


def _pair(
    waits: list[OpenSignalWait], signals: list[SignalFound]
) -> Iterator[tuple[OpenSignalWait, SignalFound]]:
    by_id = {signal.signal_id: signal for signal in signals}
    open_waits, given = [], set()
    for wait in waits:
        former = (
            by_id[signal] for signal in wait.former if signal in by_id and (wait.step_id, signal) not in given
        )
        signal = next((one for one in former if _find_fault(wait, json.loads(one.value_json)) is None), None)
        if signal is None:
            open_waits.append(wait)
        else:
            given.add((wait.step_id, signal.signal_id))
            yield wait, signal
    for signal in signals:
        if signal.taken_at is None:
            yield from _find_taker(signal, open_waits)


def _find_taker(
    signal: SignalFound, waits: list[OpenSignalWait]
) -> Iterator[tuple[OpenSignalWait, SignalFound]]:
    """Give the one that takes a signal, and strike it off; pass over one that nobody whom it is for can use."""
    value = json.loads(signal.value_json)
    asked = [wait for wait in waits if _is_for(signal, wait)]
    for wait in asked:
        if _find_fault(wait, value) is None:
            waits.remove(wait)
            yield wait, signal
            return
    if asked:
        # Whoever may look at the run reads this: it is said of the value as people see it.
        pointer, reason = _find_fault(asked[0], redact_value(value)) or (
            "",
            "it does not fit what is waited for",
        )
        pass_over(signal.signal_id, f"value{pointer}: {reason}")


def _is_for(signal: SignalFound, wait: OpenSignalWait) -> bool:
    is_in_time = wait.due_at is None or signal.sent_at <= wait.due_at
    return is_in_time and signal.step_key in ("", wait.step_key)


def _find_fault(wait: OpenSignalWait, value: object) -> tuple[str, str] | None:
    schema = json.loads(wait.request_json).get("schema")
    return None if schema is None else find_fault(schema, value)
