"""What a calendar means before anybody goes by it: the days to come, and how far business time reaches. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from escalation.domain.business_time import Piece, add_business, find_open
from escalation.domain.calendar import BusinessCalendar

DAYS: Final = 14
REACHES: Final = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=4), timedelta(hours=16))
_DAY: Final = timedelta(days=1)
_NO_TIME: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class DayPreview:
    """One day by the clock on the wall.

    Attributes:
        open: from when until when, in the calendar's zone, in order; a wall that is set back within one tells it whole.
        name: of the holiday; "" if it has none.  is_special: it has hours of its own.
        shift: how far the clocks are put forward on this day; below 0: back.
    """

    on: date
    open: tuple[Piece, ...]
    name: str
    is_special: bool
    shift: timedelta

    @property
    def open_for(self) -> timedelta:
        """Return how much open time the day has; an hour that comes twice counts twice."""
        # Two times of one zone are told apart by the wall alone.
        return sum((ends.astimezone(UTC) - begins.astimezone(UTC) for begins, ends in self.open), _NO_TIME)


@dataclass(frozen=True, slots=True)
class CalendarPreview:
    """What follows of a calendar at a moment.

    Attributes: now: in its zone.  days: from today on.  reaches: business time -> when it has passed, from now.
    """

    now: datetime
    days: tuple[DayPreview, ...]
    reaches: tuple[tuple[timedelta, datetime], ...]

    @property
    def shifts(self) -> Sequence[DayPreview]:
        """Return the days on which the clocks change."""
        return [day for day in self.days if day.shift]


def preview_calendar(calendar: BusinessCalendar, now: datetime, *, days: int = DAYS) -> CalendarPreview:
    """Return what a calendar means from a moment on.

    Args: now: aware.
    Raises: CalendarExhausted: it leaves not enough open time.
    """
    local = now.astimezone(calendar.zone)
    return CalendarPreview(
        now=local,
        days=tuple(_preview_day(calendar, local.date() + _DAY * number) for number in range(days)),
        reaches=tuple(
            (length, add_business(calendar, now.astimezone(UTC), length).astimezone(calendar.zone))
            for length in REACHES
        ),
    )


def _preview_day(calendar: BusinessCalendar, on: date) -> DayPreview:
    starts, ends = _find_midnight(calendar, on), _find_midnight(calendar, on + _DAY)
    holiday = calendar.holidays.get(on)
    return DayPreview(
        on=on,
        open=tuple(_join(calendar, find_open(calendar, starts, ends))),
        name=holiday.name if holiday else "",
        is_special=holiday is not None,
        shift=_find_offset(calendar, ends) - _find_offset(calendar, starts),
    )


def _join(calendar: BusinessCalendar, pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Return open times that meet as one, in the calendar's zone."""
    last: Piece | None = None
    for begins, ends in pieces:
        if last is not None and last[1] == begins:
            last = (last[0], ends)
            continue
        if last is not None:
            yield _show(calendar, last)
        last = (begins, ends)
    if last is not None:
        yield _show(calendar, last)


def _show(calendar: BusinessCalendar, piece: Piece) -> Piece:
    return piece[0].astimezone(calendar.zone), piece[1].astimezone(calendar.zone)


def _find_midnight(calendar: BusinessCalendar, on: date) -> datetime:
    return datetime.combine(on, time.min, calendar.zone).astimezone(UTC)


def _find_offset(calendar: BusinessCalendar, at: datetime) -> timedelta:
    return at.astimezone(calendar.zone).utcoffset() or _NO_TIME
