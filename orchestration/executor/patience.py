"""How long an attempt waits for a database that is away, so that a switchover costs nobody a finished body."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from orchestration.conf import get_conf
from orchestration.database.insistence import insist, write_or_read
from orchestration.domain.work import Claim

T = TypeVar("T")
_OUTAGE_SECONDS: Final = 120.0


def ask_patiently(claim: Claim, ask: Callable[[Claim], T], *, doing: str) -> T:
    """Ask the database for a claimed step, again and again while it is away.

    Raises: django.db.Error: the outage lasts, or it is none.
    """
    return insist(lambda _: ask(claim), _is_lasting(claim), doing=doing, step_id=claim.step_id)


def write_patiently(claim: Claim, write: Callable[[], T], read: Callable[[], T | None], *, doing: str) -> T:
    """Write for a claimed step, again and again while the database is away.

    The answer of a COMMIT may have been lost: what happened is read, never guessed.

    Args: read: None if nothing was written.
    Raises: ClaimLost: the claim passed on.  django.db.Error: the outage lasts, or it is none.
    """

    def act(again: bool) -> T:  # noqa: FBT001 - insist's own word
        return write_or_read(write, read) if again else write()

    return insist(act, _is_lasting(claim), doing=doing, step_id=claim.step_id)


def _is_lasting(claim: Claim) -> Callable[[], bool]:
    """Return the question whether a step is to be left to the maintainer: its time is over, and an outage lasts.

    Past its deadline and the grace alone is no reason: while the database is away nobody can free the step either, and
    whoever is first when it comes back must find its outcome written.
    """
    begun_at = time.monotonic()
    give_up_at = claim.deadline_at + timedelta(seconds=get_conf().DEADLINE_GRACE_SECONDS)
    return lambda: time.monotonic() - begun_at > _OUTAGE_SECONDS and claim.now() > give_up_at
