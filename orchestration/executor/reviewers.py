"""A step whose agent feeds a review queue that can't keep up: does it wait, and does it ask people?

Asked only when its claim found its agent held back. Read next: `orchestration/maintenance/throttling.py`.
"""

from datetime import timedelta

from django.db import transaction

from agents.domain.contract import strip_pin
from orchestration.domain.policy import HeldBack
from orchestration.domain.states import StepKind
from orchestration.domain.work import Claim
from orchestration.models import Throttle
from orchestration.selectors.admission import find_throttle, held_back_since


def look_at_reviewers(claim: Claim) -> HeldBack | None:
    """Return how a step stands that people hold back; None: it may go on.

    What undoes a run waits for nobody, and neither does work that came back: people wait for that already.
    """
    if claim.kind is StepKind.COMPENSATION or claim.revision:
        return None
    throttle = find_throttle(claim.run.project_id, strip_pin(claim.agent))
    if throttle is None:
        return None
    since = held_back_since(claim.step_id, throttle.since)
    is_over = since is not None and claim.now() >= since + timedelta(seconds=claim.timeout_seconds)
    return HeldBack(throttle.reason, is_over, may_ask=is_over and _may_ask(throttle, claim.step_id))


def _may_ask(throttle: Throttle, step_id: int) -> bool:
    """Return whether this step is the one that asks people about their queue, for all agents that it holds back.

    The first that wants to is; the same one may come again, should its worker die before it has asked.
    """
    with transaction.atomic():
        # In one order, so that two that ask at once wait for each other and not in a ring.
        rows = list(
            Throttle.objects.select_for_update()
            .filter(project=throttle.project_id, source=throttle.source)
            .order_by("pk")
        )
        asked = {row.asked_step for row in rows} - {None}
        if asked - {step_id} or not rows:
            return False
        Throttle.objects.filter(pk__in=[row.pk for row in rows]).update(asked_step=step_id)
    return True
