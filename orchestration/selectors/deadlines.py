"""Whether people were asked about a run's deadline, or sent a step back after it."""

from uuid import UUID

from django.db.models import Exists, OuterRef

from orchestration.domain.events import EventKind
from orchestration.domain.states import ResolutionKind, StepStatus
from orchestration.models import Decision, Event
from orchestration.selectors.resolutions import RESOLVED, read_resolutions


def was_sent_by_person(step_id: int, attempt: int) -> bool:
    """Return whether a person sent a step back into this attempt.

    That the one before it was held is not enough: it may have been aborted, and its run retried.
    """
    lines = Event.objects.filter(step_id=step_id, attempt=attempt - 1, kind=RESOLVED)
    return any(one.kind is ResolutionKind.SEND_BACK for one in read_resolutions(lines).values())


def find_deadline_answers(run_id: UUID) -> tuple[bool, bool]:
    """Return whether a person is asked if a run goes on past its deadline, and whether one has answered.

    What was asked in a former round was about another deadline; the history tells which those were.
    """
    history = Event.objects.filter(run_id=run_id)
    began = history.filter(kind=EventKind.RUN_RETRIED).order_by("-id").values_list("id", flat=True).first()
    claims = history.filter(
        step=OuterRef("step"), attempt=OuterRef("attempt__number"), kind=EventKind.STEP_CLAIMED
    )
    asked = Decision.objects.filter(Exists(claims.filter(id__gt=began or 0)), run=run_id, rule="run_deadline")
    held = set(asked.values_list("step__status", flat=True))
    return StepStatus.HELD in held, bool(held - {StepStatus.HELD})
