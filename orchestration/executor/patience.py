"""How long an attempt waits for a database that is away, so that a switchover costs nobody a finished body."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from orchestration.domain.work import Claim

_OUTAGE_SECONDS: Final = 120.0
_NO_GRACE: Final = timedelta()


def is_lasting(claim: Claim, grace: timedelta = _NO_GRACE) -> Callable[[], bool]:
    """Return the question whether a step is to be left to the maintainer: its time is over, and an outage lasts.

    Past its deadline alone is no reason: while the database is away nobody can free the step either, and whoever is
    first when it comes back must find its outcome written.

    Args: grace: after the deadline, from where on the maintainer may free the step.
    """
    begun_at, give_up_at = time.monotonic(), claim.deadline_at + grace
    return lambda: time.monotonic() - begun_at > _OUTAGE_SECONDS and claim.now() > give_up_at
