"""What is counted about the tickets of an hour, and what a lead is told of it. Pure.

Each count belongs to the hour in which it happened: opened, touched, decided, or became due without having been met.
Not every count is kept for every queue, agent and rule, or a board of months would read a million rows: of what is in
`OF_QUEUE` nobody asks who had worked, and only of what was opened, why. All else is kept by queue and agent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from escalation.domain.histogram import tell_quantile

DECIDED: Final = "decided_"
"""Before the kind of a resolution: `decided_approve` counts the tickets that were resolved so."""


class Measure(StrEnum):
    """What is counted, beside `decided_<kind>`. The bucket of a count is 0 where nothing is said of it."""

    OPENED = "opened"
    TOUCHED = "touched"
    TOUCH_KEPT = "touch_kept"  # looked at in time
    TOUCH_MISSED = "touch_missed"  # in the hour of the due time, looked at since or not
    KEPT = "kept"  # decided in time
    MISSED = "missed"  # in the hour of the due time, decided since or not
    WITHDRAWN = "withdrawn"
    RIGHT = "right"  # what the agent proposed stood
    WRONG = "wrong"  # a person decided otherwise
    EDITED = "edited"  # a person changed what the agent proposed, and let that pass; right or wrong besides
    TOUCH_TIME = "touch_time"  # by bucket of time, from opening to the first claim
    DECISION_TIME = "decision_time"  # by bucket of time, from opening to the decision


OF_QUEUE: Final = (
    Measure.TOUCHED,
    Measure.TOUCH_KEPT,
    Measure.TOUCH_MISSED,
    Measure.KEPT,
    Measure.MISSED,
    Measure.WITHDRAWN,
    Measure.TOUCH_TIME,
    Measure.DECISION_TIME,
)

Counts = dict[str, dict[int, int]]
"""How often, by measure and bucket."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted over a period, and what follows from it. Shares are None where nothing tells them."""

    counts: Counts = field(default_factory=dict)

    def count(self, measure: str) -> int:
        """Return how often, whatever the bucket."""
        return sum(self.counts.get(measure, {}).values())

    @property
    def decided(self) -> dict[str, int]:
        """Return the decisions by kind."""
        named = {
            name.removeprefix(DECIDED): self.count(name) for name in self.counts if name.startswith(DECIDED)
        }
        return dict(sorted(named.items()))

    @property
    def resolved(self) -> int:
        """Return how many decisions there were."""
        return sum(self.decided.values())

    @property
    def sla_share(self) -> float | None:
        """Return which share was decided in time, of what was decided in time or became due."""
        return _share(self.count(Measure.KEPT), self.count(Measure.MISSED))

    @property
    def touch_share(self) -> float | None:
        """Return which share was looked at in time, of what was looked at in time or became due."""
        return _share(self.count(Measure.TOUCH_KEPT), self.count(Measure.TOUCH_MISSED))

    @property
    def overturn_share(self) -> float | None:
        """Return of which share of the judged proposals people thought otherwise, edits included."""
        return _share(self.count(Measure.WRONG), self.count(Measure.RIGHT))

    @property
    def edit_share(self) -> float | None:
        """Return which share of the judged proposals was edited."""
        return self.edits / self.judged if self.judged else None

    @property
    def judged(self) -> int:
        """Return on how many proposals a person decided."""
        return self.count(Measure.RIGHT) + self.count(Measure.WRONG)

    @property
    def edits(self) -> int:
        """Return how many of the judged proposals were edited; an output where none was proposed is no edit."""
        return self.count(Measure.EDITED)

    def tell(self, measure: Measure, share: float) -> float | None:
        """Return the percentile of a measure of time, in seconds."""
        return tell_quantile(self.counts.get(measure, {}), share)


def _share(part: int, others: int) -> float | None:
    return part / (part + others) if part + others else None


def summarise_figures(figures: Figures) -> dict[str, Any]:
    """Return figures in the words of the public interface."""
    return {
        "opened": figures.count(Measure.OPENED),
        "touched": figures.count(Measure.TOUCHED),
        "resolved": figures.resolved,
        "by_resolution": figures.decided,
        "withdrawn": figures.count(Measure.WITHDRAWN),
        "sla_share": figures.sla_share,
        "first_touch_share": figures.touch_share,
        "breaches": figures.count(Measure.MISSED),
        "first_touch_breaches": figures.count(Measure.TOUCH_MISSED),
        **{
            f"{name}_p{share:.0f}_seconds": figures.tell(measure, share / 100)
            for name, measure in _TIMES.items()
            for share in (50, 90)
        },
        "edits": figures.edits,
        "judged": figures.judged,
        "overturned": figures.count(Measure.WRONG),
        "overturn_share": figures.overturn_share,
        "edit_share": figures.edit_share,
    }


_TIMES: Final[Mapping[str, Measure]] = {
    "first_touch": Measure.TOUCH_TIME,
    "resolution": Measure.DECISION_TIME,
}
