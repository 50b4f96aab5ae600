"""A lead's part: how their review queues stand now, the worst first. The board has the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from escalation.figures import QueueNow, look_at_desk
from escalation.models import ReviewQueue

_MOST: Final = 8


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A review queue as it stands. `is_unattended`: tickets wait and nobody has been there within the hour."""

    queue: ReviewQueue
    now: QueueNow
    is_unattended: bool


@dataclass(frozen=True, slots=True)
class DeskSummary:
    """All queues of a lead. `lines`: those where something waits; `others`: how many more of these there are."""

    open: int
    claimed: int
    overdue: int
    late_ahead: int
    arrivals: int
    decided: int
    lines: Sequence[QueueLine]
    others: int


def show_desk(queues: Sequence[ReviewQueue], now: datetime) -> DeskSummary:
    """Return how the queues of a lead stand."""
    found = look_at_desk([queue.pk for queue in queues], now).queues
    lines = [
        QueueLine(queue, found[queue.pk], is_unattended=not found[queue.pk].present)
        for queue in queues
        if found[queue.pk].open
    ]
    lines.sort(key=lambda line: (-line.now.overdue, -line.now.late_ahead, -line.now.open))
    return DeskSummary(
        open=sum(one.open for one in found.values()),
        claimed=sum(one.claimed for one in found.values()),
        overdue=sum(one.overdue for one in found.values()),
        late_ahead=sum(one.late_ahead for one in found.values()),
        arrivals=sum(one.arrivals for one in found.values()),
        decided=sum(one.decided for one in found.values()),
        lines=lines[:_MOST],
        others=max(0, len(lines) - _MOST),
    )
