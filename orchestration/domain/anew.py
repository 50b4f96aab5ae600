"""What a held step does anew when it is sent back, told before anybody presses the button."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from orchestration.domain.states import Stage


class Anew(StrEnum):
    """What a step does that is sent back, and under which idempotency key its effects are then made."""

    SAME_KEY = "same_key"
    NEW_KEY = "new_key"
    COLLECTS = "collects"
    NEW_RUN = "new_run"


ANEW_WORDS: Final[Mapping[Anew, str]] = {
    Anew.SAME_KEY: "It goes on under the same idempotency key: what it had done outside before is not done twice.",
    Anew.NEW_KEY: "It does its work anew, under a new idempotency key: effects of the proposed work are made again.",
    Anew.COLLECTS: "What is done of what it grew stays so: the rest is done, then it is put together again.",
    Anew.NEW_RUN: "Another child run starts from its beginning: effects of the former one are made again.",
}


def foresee_anew(stage: Stage, *, has_proposal: bool) -> Anew:
    """Return what a held step will do when it is sent back.

    A failed attempt may have had its effect, so the key stays. It changes only where somebody saw work and wants
    other work: the person who judges a proposal, or verifiers.
    """
    if has_proposal or stage is Stage.VERDICTS:
        return Anew.NEW_KEY
    match stage:
        case Stage.ITEMS | Stage.SPAWNED:
            return Anew.COLLECTS
        case Stage.CHILD_RUN:
            return Anew.NEW_RUN
        case Stage.FRESH | Stage.CALLS | Stage.SUMMARIES:
            return Anew.SAME_KEY
