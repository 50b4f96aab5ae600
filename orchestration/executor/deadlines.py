"""How much time a step has left: until its run's deadline, or its own over all tries, whichever is nearer."""

from datetime import datetime, timedelta

from orchestration.domain.policy import OutOfTime
from orchestration.domain.spec import HUMAN, StepSpec
from orchestration.domain.states import StepKind
from orchestration.domain.work import Claim
from orchestration.selectors.deadlines import (
    find_deadline_answers,
    find_first_try,
    is_further_try,
    was_sent_by_person,
)


def count_seconds_left(claim: Claim, spec: StepSpec) -> float | None:
    """Return the seconds until no further try may begin, below 0 when it is past; None without a deadline."""
    deadlines = [moment for moment in (_of_run(claim), _of_step(claim, spec)) if moment is not None]
    return (min(deadlines) - claim.now()).total_seconds() if deadlines else None


def is_run_over(claim: Claim) -> bool:
    """Return whether the step's run is past its deadline."""
    deadline = _of_run(claim)
    return deadline is not None and deadline <= claim.now()


def _of_run(claim: Claim) -> datetime | None:
    # What was done is undone however late it is.
    return None if claim.kind is StepKind.COMPENSATION else claim.run.deadline_at


def _of_step(claim: Claim, spec: StepSpec) -> datetime | None:
    if spec.deadline_seconds is None:
        return None
    first = claim.claimed_at if claim.attempt == 1 else find_first_try(claim.step_id, claim.attempt)
    return first + timedelta(seconds=spec.deadline_seconds)


def _is_try_too_late(claim: Claim, spec: StepSpec) -> bool:
    """Return whether a further try was due in time and is claimed too late: no worker was free, or none was there.

    A step that a breaker keeps waiting is not meant: people are asked about that once for all of them.
    """
    if (
        claim.attempt == 1
        or spec.deadline_seconds is None
        or not is_further_try(claim.step_id, claim.attempt)
    ):
        return False
    deadline = _of_step(claim, spec)
    return deadline is not None and deadline <= claim.now()


def find_out_of_time(claim: Claim, spec: StepSpec) -> OutOfTime | None:
    """Return why a step is not to be begun any more; None when it may.

    One person is asked for the whole run. Once that step is not held any more, the run goes on; and what a person sent
    back is done whatever the time.
    """
    if _is_try_too_late(claim, spec):
        return OutOfTime(is_asked=False, of_step=True)
    if claim.kind is StepKind.VERIFIER or spec.agent == HUMAN or not is_run_over(claim):
        return None
    if claim.attempt > 1 and was_sent_by_person(claim.step_id, claim.attempt):
        return None
    is_asked, is_answered = find_deadline_answers(claim.run.run_id)
    return None if is_answered and not is_asked else OutOfTime(is_asked)
