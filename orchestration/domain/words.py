"""Lists of states as SQL has them: no statement writes its own, so that none forgets a new one. Pure."""

from collections.abc import Iterable
from typing import Final

from orchestration.domain.states import DONE, FINAL, LIVE_RUN, RunStatus, StepStatus
from orchestration.domain.waits import STAGES, Waker, collects, find_stages


def one_of(words: Iterable[str]) -> str:
    """Return words as the list behind SQL's IN."""
    return f"({', '.join(repr(str(word)) for word in sorted(words))})"


DONE_STEP: Final = one_of(DONE)
FINAL_STEP: Final = one_of(FINAL)
LIVE: Final = one_of(LIVE_RUN)
GOES_ON: Final = one_of({RunStatus.RUNNING, RunStatus.COMPENSATING})
"""Runs whose steps may be claimed and rung for."""
SUSPENDED: Final = one_of({StepStatus.WAITING, StepStatus.HELD})
"""What becomes of a step whose attempt ends with open waits."""
UNBEGUN: Final = one_of({StepStatus.PENDING, StepStatus.WAITING})
"""Steps that others release."""
BY_CHILDREN: Final = one_of(find_stages(Waker.CHILDREN))
"""Stages in which the steps that a step grew make it go on."""
BY_ANSWER: Final = one_of(find_stages(Waker.ANSWERER))
"""Stages in which an answer from outside makes a step go on."""
COLLECTS: Final = one_of(stage for stage in STAGES if collects(stage))
"""Stages of a step that keeps what it started, to collect it."""
BY_CHILD_RUN: Final = one_of(find_stages(Waker.CHILD_RUN))
"""Stages in which the run that a step started makes it go on."""


def waits_for_a_person(turn: str) -> str:
    """Return the condition that a step of a turn, or of a run below it, waits for a person."""
    return f"""EXISTS (SELECT 1 FROM orchestration_run c JOIN orchestration_step s ON s.run_id = c.id
        WHERE c.root_id = {turn}.id AND s.status = '{StepStatus.HELD}')"""
