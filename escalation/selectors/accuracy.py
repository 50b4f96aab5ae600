"""How often people let stand what an agent proposed, at the confidence that it stated. Reads only."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Sum
from django.db.models.functions import TruncDay

from escalation.domain.calibration import Interval, estimate_share
from escalation.domain.histogram import find_confidence_bucket, tell_confidence
from escalation.domain.measures import OF_AGENT, Measure
from escalation.models import ClockTimestamp, DayFigure, HourFigure, Ticket
from orchestration.models import Attempt

DAYS: Final = 90
"""How far back: an agent is another one after a year."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What people decided on an agent's proposals at one review queue within some months, the hour under way left out.

    Attributes:
        low, high: the confidences that are taken together; None: those without one.
        right: approved as they were, or edited in nothing but fields that the queue lets pass.
        judged: all on which a person decided.
    """

    agent: str
    low: float | None
    high: float | None
    right: int
    judged: int

    @property
    def right_share(self) -> float:
        """Return which share stood."""
        return self.right / self.judged

    @property
    def interval(self) -> Interval:
        """Return where that share truly lies, with 95 % certainty: of few proposals, anywhere."""
        return estimate_share(self.right, self.judged, self.judged)


def find_accuracy(ticket: Ticket) -> Accuracy | None:
    """Return how often the ticket's agent was right at about its confidence, at this queue; None: nobody knows yet.

    Not asked of other queues: whoever sees the ticket may not see those.
    """
    if not ticket.has_proposal:
        return None
    agent = _find_agent(ticket)
    bucket = find_confidence_bucket(ticket.confidence)
    counts = _count(ticket.queue_id, agent, bucket)
    judged = sum(counts.values())
    if not judged:
        return None
    low, high = tell_confidence(bucket) or (None, None)
    return Accuracy(agent, low, high, counts.get(Measure.RIGHT, 0), judged)


def _find_agent(ticket: Ticket) -> str:
    """Return who proposed it: the attempt's agent; the step may have gone on with another."""
    attempts = Attempt.objects.filter(step=ticket.step_id, number=ticket.attempt)
    return attempts.values_list("agent", flat=True).first() or ticket.step.agent


def _count(queue_id: int, agent: str, bucket: int) -> dict[str, int]:
    known = {"queue": queue_id, "agent": agent, "bucket": bucket, "measure__in": OF_AGENT}
    today = TruncDay(ClockTimestamp())
    days = DayFigure.objects.filter(**known, day__lt=today, day__gte=today - timedelta(days=DAYS)).order_by()
    hours = HourFigure.objects.filter(**known, hour__gte=today).order_by()
    rows = days.values_list("measure").annotate(total=Sum("count"))
    counts: dict[str, int] = {}
    for measure, total in rows.union(hours.values_list("measure").annotate(total=Sum("count")), all=True):
        counts[measure] = counts.get(measure, 0) + total
    return counts
