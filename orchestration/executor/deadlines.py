"""How much time a step has left: until its run's deadline, or its own over all tries, whichever is nearer."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from orchestration.domain.policy import OutOfTime
from orchestration.domain.receipts import AttemptLine
from orchestration.domain.spec import HUMAN, StepSpec
from orchestration.domain.states import StepKind
from orchestration.domain.tries import find_first_try, is_further_try
from orchestration.domain.work import Claim
from orchestration.selectors.deadlines import find_deadline_answers, was_sent_by_person


def count_seconds_left(claim: Claim, spec: StepSpec, earlier: Sequence[AttemptLine]) -> float | None:
    """Return the seconds until no further try may begin, below 0 when it is past; None without a deadline.

    Args: earlier: the step's attempts before this one, in order.
    """
    deadlines = [moment for moment in (_of_run(claim), _of_step(claim, spec, earlier)) if moment is not None]
    return (min(deadlines) - claim.now()).total_seconds() if deadlines else None


def find_out_of_time(claim: Claim, spec: StepSpec, earlier: Sequence[AttemptLine]) -> OutOfTime | None:
    """Return why a step is not to be begun any more; None when it may.

    One person is asked for the whole run. Once that step is not held any more, the run goes on; and what a person sent
    back is done whatever the time.

    Args: as of `count_seconds_left`.
    """
    if _is_try_too_late(claim, spec, earlier):
        return OutOfTime(is_asked=False, of_step=True)
    if claim.kind is StepKind.VERIFIER or spec.agent == HUMAN or not _is_past(_of_run(claim), claim):
        return None
    if claim.attempt > 1 and was_sent_by_person(claim.step_id, claim.attempt):
        return None
    is_asked, is_answered = find_deadline_answers(claim.run.run_id)
    return None if is_answered and not is_asked else OutOfTime(is_asked)


def _is_try_too_late(claim: Claim, spec: StepSpec, earlier: Sequence[AttemptLine]) -> bool:
    """Return whether a further try was due in time and is claimed too late: no worker was free, or none was there.

    A step that a breaker keeps waiting is not meant: people are asked about that once for all of them.
    """
    return _is_past(_of_step(claim, spec, earlier), claim) and is_further_try(earlier)


def _of_run(claim: Claim) -> datetime | None:
    # What was done is undone however late it is.
    return None if claim.kind is StepKind.COMPENSATION else claim.run.deadline_at


def _of_step(claim: Claim, spec: StepSpec, earlier: Sequence[AttemptLine]) -> datetime | None:
    if spec.deadline_seconds is None:
        return None
    return find_first_try(earlier, claim.claimed_at) + timedelta(seconds=spec.deadline_seconds)


def _is_past(deadline: datetime | None, claim: Claim) -> bool:
    return deadline is not None and deadline <= claim.now()
