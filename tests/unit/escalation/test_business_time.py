"""Business time: what holds for any calendar, and cases worked out by hand."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from escalation.domain.business_time import add_business, count_business, is_open
from escalation.domain.calendar import BusinessCalendar, build_calendar
from escalation.errors import CalendarExhausted

WORKDAYS = {day: ["09:00-12:00", "13:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
ALL_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Zones whose clocks change at midnight, by half an hour, twice in the same week, or that left out a whole day.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
)
hours = partial(timedelta, 0, 0, 0, 0, 0)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@st.composite
def _spans(draw: st.DrawFn) -> list[str]:
    marks = sorted(draw(st.sets(st.integers(0, 96), min_size=0, max_size=6)))
    pairs = zip(marks[::2], marks[1::2], strict=False)
    return [f"{a // 4:02}:{a % 4 * 15:02}-{b // 4:02}:{b % 4 * 15:02}" for a, b in pairs]


@st.composite
def _calendars(draw: st.DrawFn) -> BusinessCalendar:
    week = {day: draw(_spans()) for day in ALL_WEEK}
    assume(any(week.values()))
    days = draw(st.sets(st.dates(_at("2011-01-01").date(), _at("2013-01-01").date()), max_size=5))
    special = [{"date": str(day), "hours": draw(_spans())} for day in sorted(days)]
    return build_calendar(draw(st.sampled_from(ZONES)), week, special)


calendars = st.one_of(st.none(), _calendars())
moments = st.datetimes(
    min_value=datetime(2011, 1, 1),  # noqa: DTZ001 - hypothesis wants it naive and adds the zone
    max_value=datetime(2012, 12, 31),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
lengths = st.timedeltas(timedelta(0), timedelta(hours=60))
counted = settings(max_examples=150, deadline=None)


@counted
@given(calendar=calendars, start=moments, one=lengths, other=lengths)
def test_adding_is_additive(
    calendar: BusinessCalendar | None, start: datetime, one: timedelta, other: timedelta
) -> None:
    at_once = add_business(calendar, start, one + other)

    assert add_business(calendar, add_business(calendar, start, one), other) == at_once


@counted
@given(calendar=calendars, days=st.lists(moments, min_size=3, max_size=3).map(sorted))
def test_counting_is_additive_and_monotone(calendar: BusinessCalendar | None, days: list[datetime]) -> None:
    a, b, c = days

    first, second = count_business(calendar, a, b), count_business(calendar, b, c)
    assert first + second == count_business(calendar, a, c)
    assert timedelta(0) <= first <= b - a
    assert count_business(calendar, b, a) == -first


@counted
@given(calendar=calendars, a=moments, later=lengths, one=lengths, more=lengths)
def test_adding_is_monotone(
    calendar: BusinessCalendar | None, a: datetime, later: timedelta, one: timedelta, more: timedelta
) -> None:
    due = add_business(calendar, a, one)

    assert due <= add_business(calendar, a, one + more)
    assert due <= add_business(calendar, a + later, one)


@counted
@given(calendar=calendars, start=moments, length=lengths)
def test_counting_undoes_adding(
    calendar: BusinessCalendar | None, start: datetime, length: timedelta
) -> None:
    due = add_business(calendar, start, length)

    assert count_business(calendar, start, due) == length
    if length:
        tick = timedelta(microseconds=1)
        assert count_business(calendar, start, due - tick) == length - tick, "it is the earliest such moment"


@counted
@given(calendar=calendars, start=moments, length=lengths)
def test_adding_undoes_counting_where_it_is_open(
    calendar: BusinessCalendar | None, start: datetime, length: timedelta
) -> None:
    end = start + length
    found = add_business(calendar, start, count_business(calendar, start, end))

    assert found <= end
    assert count_business(calendar, found, end) == timedelta(0)
    assert found == end or not is_open(calendar, end - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("zone", "week", "holidays", "start", "length", "due"),
    [
        # Friday at 16:30 in Berlin: half an hour is left, the rest is Monday's.
        ("Europe/Berlin", WORKDAYS, [], "2026-11-27T15:30", hours(1), "2026-11-30T08:30"),
        # Used up at closing time is due at closing time, not on Monday morning.
        ("Europe/Berlin", WORKDAYS, [], "2026-11-27T15:30", hours(0.5), "2026-11-27T16:00"),
        # Over lunch.
        ("Europe/Berlin", WORKDAYS, [], "2026-11-27T10:45", hours(1), "2026-11-27T12:45"),
        # Opened in the night: the morning's first hour.
        ("Europe/Berlin", WORKDAYS, [], "2026-11-27T02:00", hours(1), "2026-11-27T09:00"),
        # Christmas 2026: the 24th until noon, the 25th (Friday) closed, then a weekend.
        (
            "Europe/Berlin",
            WORKDAYS,
            [{"date": "2026-12-24", "hours": ["09:00-12:00"]}, {"date": "2026-12-25"}],
            "2026-12-24T10:00",
            hours(2),
            "2026-12-28T09:00",
        ),
        # A Sunday that is open for once.
        (
            "Europe/Berlin",
            WORKDAYS,
            [{"date": "2026-11-29", "hours": ["10:00-11:00"]}],
            "2026-11-28T12:00",
            hours(1.5),
            "2026-11-30T08:30",
        ),
        # Open on Tuesdays alone: what comes on a Thursday is due on the Tuesday after next.
        ("UTC", {"tue": ["08:00-09:00"]}, [], "2026-11-26T10:00", hours(2), "2026-12-08T09:00"),
        # The clocks go forward on 29 March 2026 at 02:00 (01:00 UTC): 02:00-03:00 is not there.
        ("Europe/Berlin", {"sun": ["01:00-05:00"]}, [], "2026-03-29T00:00", hours(2), "2026-03-29T02:00"),
        ("Europe/Berlin", {"sun": ["01:00-05:00"]}, [], "2026-03-29T00:00", hours(3), "2026-03-29T03:00"),
        # Hours that begin within the gap begin at its end.
        ("Europe/Berlin", {"sun": ["02:30-05:00"]}, [], "2026-03-29T00:00", hours(1), "2026-03-29T02:00"),
        # They go back on 25 October at 03:00 (01:00 UTC): 02:00-03:00 comes twice, and counts twice.
        ("Europe/Berlin", {"sun": ["01:00-05:00"]}, [], "2026-10-24T23:00", hours(3), "2026-10-25T02:00"),
        ("Europe/Berlin", {"sun": ["01:00-05:00"]}, [], "2026-10-24T23:00", hours(5), "2026-10-25T04:00"),
        # Hours that end within the hour that comes twice end in each of them.
        ("Europe/Berlin", {"sun": ["02:00-02:30"]}, [], "2026-10-24T23:00", hours(1), "2026-10-25T01:30"),
        # Chile's clocks go forward at midnight: 6 September 2026 begins at 01:00 (04:00 UTC).
        ("America/Santiago", {"sun": ["00:00-02:00"]}, [], "2026-09-06T03:00", hours(1), "2026-09-06T05:00"),
        # Samoa had no 30 December 2011, a Friday: after Thursday came Saturday.
        ("Pacific/Apia", {"fri": ["09:00-17:00"]}, [], "2011-12-30T05:00", hours(1), "2012-01-05T20:00"),
        # Midnight joins two days without a seam.
        (
            "UTC",
            {day: ["00:00-24:00"] for day in ALL_WEEK},
            [],
            "2026-11-27T23:30",
            hours(48),
            "2026-11-29T23:30",
        ),
    ],
)
def test_cases_by_hand(zone: str, week: Any, holidays: Any, start: str, length: timedelta, due: str) -> None:
    calendar = build_calendar(zone, week, holidays)

    assert add_business(calendar, _at(start), length) == _at(due)
    assert count_business(calendar, _at(start), _at(due)) == length


def test_no_calendar_is_around_the_clock() -> None:
    start = _at("2026-11-28T12:00")

    assert add_business(None, start, hours(30)) == _at("2026-11-29T18:00")
    assert count_business(None, start, _at("2026-11-29T18:00")) == hours(30)
    assert is_open(None, start)


def test_nothing_to_add_is_due_at_once_also_when_closed() -> None:
    calendar = build_calendar("UTC", WORKDAYS, [])

    assert add_business(calendar, _at("2026-11-28T12:00"), hours(0)) == _at("2026-11-28T12:00")


def test_a_year_without_open_hours_is_an_error_and_no_endless_walk() -> None:
    closed = [{"date": str(_at("2026-01-01").date() + timedelta(days=day))} for day in range(400)]
    calendar = build_calendar("UTC", {"mon": ["09:00-17:00"]}, closed)

    with pytest.raises(CalendarExhausted, match="not enough open time after 2026-01-02"):
        add_business(calendar, _at("2026-01-02T00:00"), hours(1))


def test_a_deadline_more_than_ten_years_away_is_an_error() -> None:
    calendar = build_calendar("UTC", {"mon": ["09:00-09:15"]}, [])

    assert add_business(calendar, _at("2026-01-01T00:00"), hours(100)) > _at("2033-01-01T00:00")
    with pytest.raises(CalendarExhausted):
        add_business(calendar, _at("2026-01-01T00:00"), hours(200))
    with pytest.raises(CalendarExhausted):
        count_business(calendar, _at("2026-01-01T00:00"), _at("2037-01-01T00:00"))


def test_the_end_of_all_calendars_is_an_error() -> None:
    calendar = build_calendar("Europe/Berlin", {"mon": ["09:00-09:15"]}, [])

    with pytest.raises(CalendarExhausted):
        add_business(calendar, _at("9999-12-01T00:00"), hours(10))
