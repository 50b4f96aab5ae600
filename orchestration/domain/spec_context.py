"""What the words of a spec must hold to that say what a step is handed. Read first: `spec_rules.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from agents.domain.memories import MOST_HITS
from orchestration.domain.pointers import find_pointer_fault
from orchestration.errors import Problem

if TYPE_CHECKING:
    from orchestration.domain.spec import StepSpec

_MOST_PINS: Final = 100


def find_context_problems(step: StepSpec) -> Iterator[Problem]:
    """Yield what is wrong with a step's pins, with how far back is near for it, and with what it recalls."""
    yield from _recall_problems(step)
    if step.fresh_steps is not None and not 1 <= step.fresh_steps <= 1_000:
        yield Problem(step.key, "fresh_steps", "must be between 1 and 1000")
    for sender, pointers in step.pin.items():
        if sender not in step.needs:
            yield Problem(
                step.key, "pin", f"'{sender}' is not in needs, so that nothing of it is handed over"
            )
        if not 1 <= len(pointers) <= _MOST_PINS:
            yield Problem(step.key, "pin", f"of '{sender}' 1 to {_MOST_PINS} pointers can be pinned")
        for pointer in pointers:
            fault = find_pointer_fault(pointer)
            if fault is not None:
                yield Problem(step.key, "pin", f"of '{sender}': '{pointer[:60]}' {fault}")


def _recall_problems(step: StepSpec) -> Iterator[Problem]:
    if step.recall is None:
        return
    if not 1 <= step.recall.limit <= MOST_HITS:
        yield Problem(step.key, "recall.limit", f"must be between 1 and {MOST_HITS}")
    if step.workflow is not None:
        yield Problem(
            step.key, "recall", "a child run is handed its input alone; let a step of the child recall"
        )
    if step.agent == "human":
        yield Problem(step.key, "recall", "only agents are handed memories; let an agent before it recall")
