"""SLA classes: how long a ticket may wait for the first look and for the decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from escalation.domain.business_time import add_business
from escalation.domain.calendar import BusinessCalendar
from escalation.errors import CalendarExhausted

FALLBACK_CLASS = "internal"


@dataclass(frozen=True, slots=True)
class SlaClass:
    """One class of clocks.

    Attributes: first_touch: until somebody claims the ticket.  resolution: until it is decided.
    """

    name: str
    first_touch: timedelta
    resolution: timedelta

    def __post_init__(self) -> None:
        """Refuse clocks that can't both be kept."""
        if not timedelta(0) < self.first_touch <= self.resolution:
            raise ValueError(
                f"SLA class '{self.name}': first_touch must be above 0 and at most resolution; "
                f"got {self.first_touch} and {self.resolution}."
            )


AUDIT = SlaClass("audit", timedelta(days=1), timedelta(days=3))
"""Of audits, unless settings or a queue's targets say otherwise: nothing waits for them, so that what holds a step goes
before. Its name stands on their tickets."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """When the two clocks of one ticket run out, aware UTC.

    Attributes: note: "" or why the calendar could not be counted by, so that the clocks run around the clock.
    """

    first_touch_due_at: datetime
    due_at: datetime
    note: str = ""


def find_class(name: str, classes: Mapping[str, SlaClass]) -> SlaClass:
    """Return the class of this name; an unknown name keeps its name and gets the figures of `internal`.

    A workflow may name a class that nobody has configured yet. Its ticket must open all the same.
    """
    known = classes.get(name)
    if known is not None:
        return known
    fallback = classes[FALLBACK_CLASS]
    return SlaClass(name, fallback.first_touch, fallback.resolution)


def set_deadlines(sla: SlaClass, opened_at: datetime, calendar: BusinessCalendar | None = None) -> Deadlines:
    """Return both due times of a ticket opened at `opened_at`.

    A calendar that leaves no time to count by stops no ticket: it counts as none, and a note says so.
    """
    try:
        return Deadlines(
            add_business(calendar, opened_at, sla.first_touch),
            add_business(calendar, opened_at, sla.resolution),
        )
    except CalendarExhausted as error:
        note = f"{error} The clocks of this ticket run around the clock."
        return Deadlines(opened_at + sla.first_touch, opened_at + sla.resolution, note)


def is_missed(due_at: datetime, met_at: datetime) -> bool:
    """Tell whether a deadline was missed: met after it was due. On the dot is in time."""
    return met_at > due_at


def describe_time_left(due_at: datetime, now: datetime) -> str:
    """Say how long there is still time, or for how long it has been over: "4 min 12 s left", "2 h over"."""
    left = due_at - now
    return f"{describe_duration(abs(left))} {'left' if left >= timedelta(0) else 'over'}"


def grade_time_left(opened_at: datetime, due_at: datetime, now: datetime) -> str:
    """Return "over", "short" (less than a quarter is left) or "ample"."""
    if is_missed(due_at, now):
        return "over"
    return "short" if (due_at - now) * 4 < due_at - opened_at else "ample"


def describe_duration(length: timedelta) -> str:
    """Say a length of time in its two largest units."""
    seconds = int(length.total_seconds())
    parts = [
        (seconds // 86_400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    first = next((i for i, (amount, _) in enumerate(parts) if amount), len(parts) - 1)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount) or "0 s"
