"""The engine with one guard removed, for tests that show that the judge would notice."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.db import connection, transaction

from orchestration.domain.work import Claim
from orchestration.models import Attempt, Handoff
from orchestration.transitions import finish, release
from orchestration.transitions.ending import ATTEMPT, DECISION
from tests.guards import cut

VARIABLE = "CRASHAPP_MUTANT"

_perform: Any = import_module("orchestration.executor.pipeline")


def install(name: str) -> None:
    if name:
        MUTANTS[name]()


def _write_without_token() -> None:
    """Let any claim write, and take away what stands behind the token: one decision per attempt."""
    finish._FINISH = cut(finish._FINISH, " AND s.token = g.token")
    finish._FINISH = cut(finish._FINISH, DECISION.sql, f"{DECISION.sql} ON CONFLICT DO NOTHING")
    # An attempt that ended is not changed: the database refuses that by itself.
    finish._FINISH = cut(finish._FINISH, ATTEMPT.sql, f"{ATTEMPT.sql} AND a.outcome IS NULL")


def _claim_without_attempt() -> None:
    """Write no attempt before the body starts."""
    _perform.claim_together = _forgetting(_perform.claim_together)


def _forgetting(original: Callable[..., Claim | None]) -> Callable[..., Claim | None]:
    def claim_together(step_id: int, **parameters: Any) -> Claim | None:
        claim = original(step_id, **parameters)
        if claim is not None:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL ringmaster.retention = 'on'")
                Handoff.objects.filter(attempt_id=claim.attempt_id).delete()
                Attempt.objects.filter(pk=claim.attempt_id).delete()
        return claim

    return claim_together


def _finish_without_mark() -> None:
    """Look behind after the commit all the same, but leave no mark that somebody has to."""
    finish._FINISH = cut(finish._FINISH, f"unreleased = {finish.LOOK_BEHIND}", "unreleased = false")
    returned = "s.attempt, s.unreleased"
    finish._FINISH = cut(finish._FINISH, returned, f"s.attempt, {finish.LOOK_BEHIND} AS unreleased")
    release._LOOK = cut(release._LOOK, " AND s.unreleased")


MUTANTS: dict[str, Callable[[], None]] = {
    "write_without_token": _write_without_token,
    "claim_without_attempt": _claim_without_attempt,
    "finish_without_mark": _finish_without_mark,
}
