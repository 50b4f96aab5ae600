"""The end of an attempt whose agent waits: the step waits, unless what it waits for came meanwhile."""

import structlog

from agents.domain.calls import CallKind
from agents.domain.classification import describe_error
from orchestration.domain.policy import AwaitsCalls
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.executor.patience import write_patiently
from orchestration.journal.candidates import find_unused
from orchestration.journal.matching import match_signals
from orchestration.transitions.answered import wake_answered
from orchestration.transitions.end import suspend_step
from orchestration.transitions.finish import reread_end

log = structlog.get_logger(__name__)


def suspend(claim: Claim, end: AttemptEnd, outcome: AwaitsCalls) -> tuple[int, ...]:
    """Write what a step waits for, then look whether that came meanwhile: who answers looks after its commit too.

    Returns: the step itself where it goes on at once; to be dispatched.
    Raises: ClaimLost: the claim passed on; nothing was written.
    """

    def write() -> bool:
        suspend_step(claim, end, outcome.known, outcome.paths)
        return True

    write_patiently(claim, write, lambda: reread_end(claim, end, None) is not None or None, doing="suspend")
    if not outcome.waits:
        return (claim.step_id,)
    try:
        return _look_for_answers(claim, outcome)
    except Exception as error:  # noqa: BLE001 - the wait is written, and the maintainer looks too
        log.warning(
            "not_looked", step=claim.step_id, error=describe_error(error), next="the maintainer looks"
        )
    return ()


def _look_for_answers(claim: Claim, outcome: AwaitsCalls) -> tuple[int, ...]:
    """Return the steps that go on because of what came while the attempt was under way: this one, or another."""
    run_id = claim.run.run_id
    names = {wait.name for wait in outcome.waits if wait.kind is CallKind.SIGNAL}
    woken = [step for name in find_unused(run_id, sorted(names)) for step in match_signals(run_id, name)]
    return (*woken, *wake_answered([claim.step_id]))
