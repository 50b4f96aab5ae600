"""The clocks of one ticket: how much of its time is used, when a share of it is, and how due times are set on. Pure.

Read first: `business_time.py`. Read next: `escalation/escrow/clock.py`, which writes what is worked out here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from escalation.domain.business_time import add_business, count_business
from escalation.domain.calendar import BusinessCalendar
from escalation.errors import CalendarExhausted

_ZERO: Final = timedelta(0)


class PauseStart(StrEnum):
    """Why clocks stand still."""

    PERSON = "person"
    SNOOZE = "snooze"  # by a reason that the queue marks so, or as the queue says of all


class PauseEnd(StrEnum):
    """Why they go on."""

    PERSON = "person"
    TIME = "time"
    CLOSED = "closed"  # the ticket was decided or withdrawn


class ReplanCause(StrEnum):
    """Why due times changed."""

    RESUMED = "resumed"
    CALENDAR = "calendar"


class AlarmKind(StrEnum):
    """Why a level is told."""

    DUE = "due"
    CLAIMED = "claimed"  # looked at, but not decided
    BREACH = "breach"  # an action of the queue


class BreachStep(StrEnum):
    """What a queue may do by itself at a missed deadline."""

    TELL = "tell"
    WIDEN = "widen"  # the members of a further group may decide this ticket, too
    REROUTE = "reroute"
    DEFAULT = "default"
    ABORT = "abort"


CLOSING: Final = (BreachStep.DEFAULT, BreachStep.ABORT)
"""After one of these the ticket is decided, so they wait for whoever is at it."""


@dataclass(frozen=True, slots=True)
class ClockFace:
    """One clock of a ticket.

    Attributes:
        since: from when on `due_at` counts: the opening, or the last change of it.
        within: business time that its class gave it.
        stands_at: when it was stopped; None: it runs.
    """

    calendar: BusinessCalendar | None
    since: datetime
    due_at: datetime
    within: timedelta
    stands_at: datetime | None = None

    def count_used(self, at: datetime) -> timedelta:
        """Return how much business time is used at a moment; more than `within` once it is over."""
        stands = at if self.stands_at is None else min(at, self.stands_at)
        return self.within - count_anyway(self.calendar, stands, self.due_at)

    def find_moment(self, used: timedelta) -> datetime:
        """Return when so much is used; `since` if that was before its due time changed."""
        left = used - (self.within - count_anyway(self.calendar, self.since, self.due_at))
        return add_anyway(self.calendar, self.since, max(_ZERO, left))[0]

    def find_share(self, percent: int) -> timedelta:
        """Return the business time that so many hundredths are."""
        return self.within * percent / 100


def count_anyway(calendar: BusinessCalendar | None, start: datetime, end: datetime) -> timedelta:
    """Return the business time between two moments; by the clock on the wall where a calendar can't be counted by."""
    try:
        return count_business(calendar, start, end)
    except CalendarExhausted:
        return end - start


def add_anyway(calendar: BusinessCalendar | None, start: datetime, length: timedelta) -> tuple[datetime, str]:
    """Return when business time is over, and why it was counted around the clock, if it was."""
    try:
        return add_business(calendar, start, length), ""
    except CalendarExhausted as error:
        return start + length, f"{error} Counted around the clock."


def set_on(
    due_at: datetime,
    stopped_at: datetime,
    at: datetime,
    *,
    before: BusinessCalendar | None,
    after: BusinessCalendar | None,
) -> tuple[datetime, str]:
    """Return the due time of a clock that stood still since `stopped_at` and goes on at `at`, and a note.

    What was left then, by the calendar before, is left now, by the calendar after. What was over stays over.
    """
    if due_at <= stopped_at:
        return due_at, ""
    return add_anyway(after, at, count_anyway(before, stopped_at, due_at))
