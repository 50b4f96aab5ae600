"""What a step is handed beside outputs before its agent works: the memories that its spec asks for.

They are looked up as the step's agent looks things up: as of the step's first look, and kept as a call, so that every
attempt is handed the same, but for what was forgotten meanwhile.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from agents.domain.calls import Calls
from agents.domain.classification import describe_refusal
from agents.domain.invocation import Failed, FailureKind
from agents.domain.memories import read_question
from agents.domain.notebook import Hit
from agents.domain.recalling import recall
from agents.errors import CallDiverged, CallLimit, CallRefused, MemoryRefused, Suspended
from orchestration.domain.policy import Ending
from orchestration.domain.spec_parts import Recall
from orchestration.domain.work import Claim
from orchestration.executor.context import ClaimReader
from orchestration.executor.journal import ClaimJournal
from orchestration.executor.settling import name_wait
from orchestration.handoff import find_nothing, fit_memories
from orchestration.handoff.recording import record_recalled

T = TypeVar("T")
RECALL_SHARE: Final = 4
"""Outputs that must be shortened leave one in so many of a step's tokens to the memories that its spec asks for."""
_WHERE = "recall"


def hand_memories(wanted: Recall, like: Any, calls: Calls, reader: ClaimReader) -> None:
    """Hand a step the memories that are like a text, in what is left of its tokens, and write their rows.

    Args: like: as the expression gave it; None: none are wanted.
    Raises: MemoryRefused: names what can't be looked for.  ClaimLost: the claim passed on.
    """
    hits: list[Hit] = []
    if like is not None:
        read_question(wanted.scope, like, wanted.limit, _WHERE)
        hits = recall(calls, wanted.scope, like, wanted.limit)
    found = fit_memories(hits, reader.room) or [find_nothing()]
    reader.recalled = tuple(found)
    rows = [one.row for one in found]
    journal = calls.journal
    assert isinstance(journal, ClaimJournal)  # noqa: S101 - made for this claim
    journal.ask(lambda held: record_recalled(held, rows))


def ask_or_end(claim: Claim, journal: ClaimJournal, act: Callable[[], T]) -> T | Ending:
    """Do what asks for calls before an agent works; return what ends the attempt instead of it."""
    try:
        return act()
    except Suspended:
        return name_wait(claim.agent, journal.version, journal)
    except CallDiverged as error:
        return _fail(claim, FailureKind.DIVERGED, error)
    except CallLimit as error:
        return _fail(claim, FailureKind.LIMIT, error)
    except (CallRefused, MemoryRefused) as error:
        return _fail(claim, FailureKind.BAD_INPUT, error)


def _fail(claim: Claim, kind: FailureKind, error: Exception) -> Failed:
    return describe_refusal(kind, str(error), claim.agent, error_class=type(error).__name__)
