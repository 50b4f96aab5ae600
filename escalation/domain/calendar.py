"""Business calendars: at which hours of the week, in which time zone, people work; and days that are different.

A calendar is read from JSON once and checked whole, so that whoever counts by it meets no surprise. Read next:
`business_time.py`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from escalation.errors import CalendarInvalid

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_SPANS: Final = 12
MAX_HOLIDAYS: Final = 1_000
MAX_NAME: Final = 100
_DAY: Final = timedelta(days=1)
_SPAN: Final = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Span:
    """Open hours within one day, by the clock on the wall: from `starts` on, before `ends`."""

    starts: timedelta
    ends: timedelta

    def __str__(self) -> str:
        """Return it as it is typed: 09:00-17:30."""
        return f"{_write_time(self.starts)}-{_write_time(self.ends)}"


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day with hours of its own. None at all: it is closed; some of them: half a day, or a day added."""

    on: date
    spans: tuple[Span, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """When people work.

    Attributes: week: open hours from Monday to Sunday.  holidays: by their dates.
    """

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    holidays: Mapping[date, Holiday]

    def find_spans(self, on: date) -> tuple[Span, ...]:
        """Return the open hours of a day, in order."""
        holiday = self.holidays.get(on)
        return self.week[on.weekday()] if holiday is None else holiday.spans


def build_calendar(time_zone: str, hours: Any, holidays: Any) -> BusinessCalendar:
    """Check a calendar and return it.

    Args:
        time_zone: a name such as Europe/Berlin.
        hours: weekday (mon to sun) -> texts such as "09:00-12:30"; a day that is left out is closed.
        holidays: list of {"date": "2026-12-24", "hours": ["09:00-12:00"], "name": "Christmas Eve"}.

    Raises: CalendarInvalid: names the field, and says what to write.
    """
    zone = load_zone(time_zone)
    days = _read_week(hours)
    special = _read_holidays(holidays)
    if not any(days):
        raise CalendarInvalid(
            "hours: no day of the week has open hours; give at least one day some, such as 09:00-17:00 on mon "
            "(Monday), or take the calendar off the review queue, which then counts around the clock."
        )
    return BusinessCalendar(zone, days, special)


@lru_cache(maxsize=256)
def read_calendar(time_zone: str, hours_json: str, holidays_json: str) -> BusinessCalendar:
    """Return a calendar from its rows, read once for the same text.

    Raises: CalendarInvalid: as `build_calendar`; also for what is no JSON.
    """
    try:
        hours, holidays = json.loads(hours_json), json.loads(holidays_json)
    except ValueError as error:
        raise CalendarInvalid(f"hours: this is no JSON ({error}); save the calendar again.") from None
    return build_calendar(time_zone, hours, holidays)


@lru_cache(maxsize=700)
def load_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name, from the data that is pinned with this installation.

    The machine's own data is not asked: two machines would tell different due times for one ticket.

    Raises: CalendarInvalid: no zone is called so.
    """
    if name not in list_zones():
        raise CalendarInvalid(
            f"time_zone: there is no time zone '{name[:60]}'; write it like Europe/Berlin, or UTC."
        )
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@lru_cache(maxsize=1)
def list_zones() -> tuple[str, ...]:
    """Return the names of all time zones."""
    return tuple(files("tzdata").joinpath("zones").read_text("utf-8").split())


def read_spans(texts: Any, place: str) -> tuple[Span, ...]:
    """Return open hours of one day, in order.

    Args: place: how an error names the field.
    Raises: CalendarInvalid: hours that can't be read, end before they begin, or overlap.
    """
    if not isinstance(texts, Sequence) or isinstance(texts, str) or len(texts) > MAX_SPANS:
        raise CalendarInvalid(f'{place}: give a list of at most {MAX_SPANS} texts such as "09:00-12:30".')
    spans = sorted((_read_span(text, place) for text in texts), key=lambda span: span.starts)
    for earlier, later in pairwise(spans):
        if later.starts < earlier.ends:
            raise CalendarInvalid(f"{place}: {earlier} and {later} overlap; write them as one.")
    return tuple(spans)


def _read_week(hours: Any) -> tuple[tuple[Span, ...], ...]:
    if not isinstance(hours, Mapping):
        raise CalendarInvalid('hours: give weekdays with their hours, e.g. {"mon": ["09:00-17:00"]}.')
    for day in hours:
        if day not in WEEKDAYS:
            raise CalendarInvalid(f"hours: '{str(day)[:20]}' is no weekday; they are {', '.join(WEEKDAYS)}.")
    return tuple(read_spans(hours.get(day, ()), f"hours.{day}") for day in WEEKDAYS)


def _read_holidays(holidays: Any) -> dict[date, Holiday]:
    if not isinstance(holidays, Sequence) or isinstance(holidays, str) or len(holidays) > MAX_HOLIDAYS:
        raise CalendarInvalid(
            f'holidays: give a list of at most {MAX_HOLIDAYS}, each like {{"date": "2026-12-25"}}.'
        )
    found: dict[date, Holiday] = {}
    for place, given in enumerate(holidays):
        holiday = _read_holiday(given, f"holidays[{place}]")
        if holiday.on in found:
            raise CalendarInvalid(f"holidays[{place}]: {holiday.on} stands there twice; keep one of them.")
        found[holiday.on] = holiday
    return found


def _read_holiday(given: Any, place: str) -> Holiday:
    if not isinstance(given, Mapping) or not given.keys() <= {"date", "hours", "name"}:
        raise CalendarInvalid(f'{place}: give {{"date": …}}, and if you like "hours" and "name".')
    name = given.get("name", "")
    if not isinstance(name, str) or len(name) > MAX_NAME or "\x00" in name:
        raise CalendarInvalid(f"{place}.name: give a text of at most {MAX_NAME} characters.")
    try:
        on = date.fromisoformat(given.get("date"))  # type: ignore[arg-type]  # what is no text is refused below
    except (TypeError, ValueError):
        raise CalendarInvalid(f"{place}.date: write the day like 2026-12-25.") from None
    return Holiday(on, read_spans(given.get("hours", ()), f"{place}.hours"), name)


def _read_span(text: Any, place: str) -> Span:
    found = _SPAN.fullmatch(text.strip()) if isinstance(text, str) and len(text) < 40 else None
    if found is None:
        raise CalendarInvalid(f"{place}: '{str(text)[:40]}' can't be read; write hours like 09:00-12:30.")
    hour, minute, last_hour, last_minute = (int(part) for part in found.groups())
    starts, ends = timedelta(hours=hour, minutes=minute), timedelta(hours=last_hour, minutes=last_minute)
    if minute > 59 or last_minute > 59 or starts >= _DAY or ends > _DAY:
        raise CalendarInvalid(f"{place}: '{text[:40]}' is no time of a day; hours go from 00:00 to 24:00.")
    if starts >= ends:
        raise CalendarInvalid(
            f"{place}: {text.strip()} ends before it begins. Over midnight takes two: from "
            f"{_write_time(starts)}-24:00 on this day and 00:00-{_write_time(ends)} on the next."
        )
    return Span(starts, ends)


def _write_time(of_day: timedelta) -> str:
    minutes = of_day // timedelta(minutes=1)
    return f"{minutes // 60:02}:{minutes % 60:02}"
