"""Counting time while a business is open. Pure, and bounded: no calendar makes it walk for ever.

A moment is open if the clock on the wall of that time zone then shows an open hour of its day. So an hour that a
change of the clocks leaves out is not counted, and one that comes twice counts twice. No calendar at all is 24/7.

`add_business(c, a, count_business(c, a, b))` is `b` for each open `b` after `a`; in general it is the earliest moment
by which as much has passed, so that what is used up at closing time is due at closing time, not next morning.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from escalation.domain.calendar import BusinessCalendar
from escalation.errors import CalendarExhausted

Piece = tuple[datetime, datetime]
"""An open time, from the first moment on, before the second; aware UTC."""

MOST_CLOSED: Final = timedelta(days=366)
"""Nobody is open for longer than that: the calendar is wrong."""
MOST_COUNTED: Final = timedelta(days=3_660)
"""Ten years by the clock on the wall: what a deadline may be away, and what is counted at once."""
_DAY: Final = timedelta(days=1)
_ZERO: Final = timedelta(0)


def add_business(calendar: BusinessCalendar | None, start: datetime, length: timedelta) -> datetime:
    """Return the earliest moment by which `length` of open time has passed since `start`.

    Args: start: aware UTC.  length: at least 0; 0 returns `start`, open or not.
    Raises: CalendarExhausted: no open time for more than a year, or more than ten years to go.
    """
    if calendar is None or length <= _ZERO:
        return start + length
    last_open = start
    try:
        for begins, ends in find_open(calendar, start, start + MOST_COUNTED):
            if begins - last_open > MOST_CLOSED:
                break
            if begins + length <= ends:
                return begins + length
            length -= ends - begins
            last_open = ends
    except OverflowError:
        pass  # the calendar's end, in the year 9999
    raise CalendarExhausted(last_open)


def count_business(calendar: BusinessCalendar | None, start: datetime, end: datetime) -> timedelta:
    """Return how much open time lies between two moments; negative if `end` is the earlier one.

    Raises: CalendarExhausted: they lie more than ten years apart.
    """
    if end < start:
        return -count_business(calendar, end, start)
    if calendar is None:
        return end - start
    if end - start > MOST_COUNTED:
        raise CalendarExhausted(start)
    return sum((ends - begins for begins, ends in find_open(calendar, start, end)), start=_ZERO)


def is_open(calendar: BusinessCalendar | None, at: datetime) -> bool:
    """Tell whether a moment is open."""
    return calendar is None or any(find_open(calendar, at, at + timedelta(microseconds=1)))


def find_open(calendar: BusinessCalendar, start: datetime, end: datetime) -> Iterator[Piece]:
    """Yield the open times between two moments, in order; those around a change of the clocks in two pieces."""
    at = start
    while at < end:
        offset, until = _keep_offset(calendar, at, min(at + _DAY, end))
        yield from _find_open_at(calendar, offset, at, until)
        at = until


def _keep_offset(calendar: BusinessCalendar, at: datetime, until: datetime) -> tuple[timedelta, datetime]:
    """Return how far the wall is from UTC at a moment, and until when, at most `until`, it stays so."""
    offset = _find_offset(calendar, at)
    if _find_offset(calendar, until) == offset:
        return offset, until
    same, other = at, until
    # The clocks change at full seconds.
    while other - same > timedelta(seconds=1):
        middle = same + (other - same) // 2
        same, other = (middle, other) if _find_offset(calendar, middle) == offset else (same, middle)
    return offset, other.replace(microsecond=0)


def _find_offset(calendar: BusinessCalendar, at: datetime) -> timedelta:
    return at.astimezone(calendar.zone).utcoffset() or _ZERO


def _find_open_at(
    calendar: BusinessCalendar, offset: timedelta, start: datetime, end: datetime
) -> Iterator[Piece]:
    """Yield the open times of at most a day in which the wall stays that far from UTC."""
    midnight = (start + offset).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight, midnight + _DAY):
        for span in calendar.find_spans(day.date()):
            begins = max(start, day + span.starts - offset)
            ends = min(end, day + span.ends - offset)
            if begins < ends:
                yield begins, ends
