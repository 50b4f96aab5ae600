"""What a step's earlier attempts say of its next one: whether it is a further try, and since when it is tried."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from orchestration.domain.receipts import AttemptLine
from orchestration.domain.states import DecisionKind

_TRIES_AGAIN: Final = frozenset({DecisionKind.RETRY, DecisionKind.FALLBACK, DecisionKind.REVISE})
_GOES_ON: Final = _TRIES_AGAIN | {DecisionKind.WAIT}


def is_further_try(earlier: Sequence[AttemptLine]) -> bool:
    """Return whether the policy itself let an attempt follow the last of those before it."""
    return bool(earlier) and earlier[-1].decision in _TRIES_AGAIN


def find_first_try(earlier: Sequence[AttemptLine], begun_at: datetime) -> datetime:
    """Return when the first of the tries began that led to an attempt without a fresh start between.

    A person, a rework or a new round starts a step afresh.

    Args: earlier: the attempts before it, in order.  begun_at: when it began itself.
    """
    first = begun_at
    for line in reversed(earlier):
        if line.decision not in _GOES_ON:
            break
        first = datetime.fromisoformat(line.started_at)
    return first
