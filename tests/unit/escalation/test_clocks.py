"""One clock of a ticket: what is used of it, and how it goes on after it stood still."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.domain.business_time import add_business, count_business
from escalation.domain.calendar import BusinessCalendar, build_calendar
from escalation.domain.clocks import ClockFace, set_on
from tests.unit.escalation.test_business_time import _at, calendars, moments

minutes = st.timedeltas(timedelta(minutes=1), timedelta(hours=20))
OFFICE = build_calendar(
    "Europe/Berlin", {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}, []
)


@settings(max_examples=100, deadline=None)
@given(calendar=calendars, opened=moments, within=minutes, stopped_after=minutes, stood=minutes)
def test_a_pause_takes_none_of_the_time(
    calendar: BusinessCalendar | None,
    opened: datetime,
    within: timedelta,
    stopped_after: timedelta,
    stood: timedelta,
) -> None:
    due, stopped = add_business(calendar, opened, within), opened + stopped_after
    moved, note = set_on(due, stopped, stopped + stood, before=calendar, after=calendar)

    assert note == ""
    if due <= stopped:
        assert moved == due
    else:
        left = count_business(calendar, stopped, due)
        assert count_business(calendar, stopped + stood, moved) == left
        assert moved >= due


@settings(max_examples=100, deadline=None)
@given(calendar=calendars, opened=moments, within=minutes, percent=st.integers(1, 1000))
def test_a_share_is_reached_when_so_much_is_used(
    calendar: BusinessCalendar | None, opened: datetime, within: timedelta, percent: int
) -> None:
    face = ClockFace(calendar, opened, add_business(calendar, opened, within), within)
    share = face.find_share(percent)
    reached = face.find_moment(share)

    assert face.count_used(reached) == share
    assert face.count_used(opened) == timedelta(0)
    assert face.find_moment(within) == face.due_at


def test_a_clock_that_stands_still_uses_nothing() -> None:
    opened, due = _at("2026-11-27T15:00"), _at("2026-11-30T09:00")
    face = ClockFace(OFFICE, opened, due, timedelta(hours=2), stands_at=_at("2026-11-27T15:30"))

    assert face.count_used(_at("2026-11-30T12:00")) == timedelta(minutes=30)


def test_half_of_the_time_is_over_on_friday_all_of_it_on_monday() -> None:
    face = ClockFace(OFFICE, _at("2026-11-27T15:00"), _at("2026-11-30T09:00"), timedelta(hours=2))

    assert face.find_moment(face.find_share(50)) == _at("2026-11-27T16:00")
    assert face.find_moment(face.find_share(75)) == _at("2026-11-30T08:30")
    assert face.find_moment(face.find_share(150)) == _at("2026-11-30T10:00")


def test_what_is_used_stays_used_when_the_calendar_changes() -> None:
    longer = build_calendar("Europe/Berlin", {"sat": ["09:00-12:00"], "mon": ["09:00-17:00"]}, [])
    opened, due = _at("2026-11-27T15:00"), _at("2026-11-30T09:00")  # two hours; one was used at 16:00

    moved, _ = set_on(due, _at("2026-11-27T16:00"), _at("2026-11-27T16:00"), before=OFFICE, after=longer)

    assert moved == _at("2026-11-28T09:00")
    assert opened < moved


def test_what_was_used_before_a_change_was_reached_before_it() -> None:
    # Three of five minutes were left at the change: half was reached before it, all is reached at the due time.
    changed = _at("2026-11-30T09:00")
    face = ClockFace(None, changed, changed + timedelta(minutes=2), timedelta(minutes=5))

    assert face.find_moment(face.find_share(50)) == changed
    assert face.find_moment(face.find_share(80)) == changed + timedelta(minutes=1)
