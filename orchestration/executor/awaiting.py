"""A wait that an attempt comes to: opened, and looked at once more for what may answer it already."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from agents.domain.calls import CallKind, CallWish, Until
from orchestration.dispatch import dispatch_after_commit
from orchestration.domain.work import Claim
from orchestration.executor.asking import check_question, send_question
from orchestration.journal.matching import match_signals
from orchestration.journal.waiting import WaitFound, answer_over, open_wait

T = TypeVar("T")


class Ask(Protocol):
    """Asks the database for a claim, as long as it is away."""

    def __call__(self, ask: Callable[[Claim], T], /) -> T:
        """Return what it answered."""


def find_answer(ask: Ask, wish: CallWish, until: Until, version: int) -> WaitFound:
    """Return what answers a wait, which is written as open; who answers looks after its own commit too.

    Raises: ClaimLost: the claim passed on.
    """
    sender = ask(lambda claim: check_question(claim, wish)) if wish.kind is CallKind.MESSAGE else None
    found = ask(lambda claim: open_wait(claim, claim.renewals, wish, until, version))
    if sender is not None and found.response_json is None and found.request_digest == wish.digest:
        ask(lambda claim: send_question(claim, wish, found.call_id, sender))
    is_open = found.response_json is None and found.request_digest == wish.digest and not found.is_past
    if not is_open or not _look(ask, wish, found):
        return found
    return ask(lambda claim: open_wait(claim, claim.renewals, wish, until, version))


def _look(ask: Ask, wish: CallWish, found: WaitFound) -> bool:
    """Look for a signal, or at the clock; return whether there was something to be looked at."""
    if wish.kind is CallKind.SIGNAL and (found.has_signal or found.is_due):
        standing = found.call_id
        woken = ask(lambda claim: match_signals(claim.run.run_id, wish.name, standing=standing))
        dispatch_after_commit(woken)
    elif found.is_due:
        ask(lambda _: answer_over([found.call_id]))
    else:
        return False
    return True
