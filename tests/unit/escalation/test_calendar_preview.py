"""What a calendar means, shown before it is saved: days by the wall of its zone, and how far business time reaches."""

from datetime import UTC, date, datetime, timedelta

import pytest

from escalation.domain.calendar import BusinessCalendar, build_calendar
from escalation.domain.calendar_preview import preview_calendar
from escalation.errors import CalendarExhausted

_WEEK = {day: ["09:00-12:30", "13:30-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


def _calendar(hours: object = _WEEK, holidays: object = ()) -> BusinessCalendar:
    return build_calendar("Europe/Berlin", hours, list(holidays))  # type: ignore[call-overload]


def _say(day: object) -> list[str]:
    return [f"{begins:%H:%M %z}-{ends:%H:%M %z}" for begins, ends in day.open]  # type: ignore[attr-defined]


def test_two_weeks_are_shown_by_the_wall_with_their_holidays() -> None:
    holidays = [
        {"date": "2026-12-24", "hours": ["09:00-12:00"], "name": "Christmas Eve"},
        {"date": "2026-12-25", "name": "Christmas Day"},
    ]
    preview = preview_calendar(_calendar(holidays=holidays), datetime(2026, 12, 23, 23, 30, tzinfo=UTC))

    assert len(preview.days) == 14
    eve, christmas, saturday, _, monday = preview.days[:5]
    assert (eve.on, eve.name, _say(eve)) == (date(2026, 12, 24), "Christmas Eve", ["09:00 +0100-12:00 +0100"])
    assert (christmas.name, christmas.open, christmas.is_special) == ("Christmas Day", (), True)
    assert (saturday.open, saturday.is_special) == ((), False)
    assert _say(monday) == ["09:00 +0100-12:30 +0100", "13:30 +0100-17:00 +0100"]
    assert monday.open_for == timedelta(hours=7)
    assert preview.shifts == []


def test_business_time_reaches_over_what_is_closed() -> None:
    friday = datetime(2026, 11, 27, 15, 50, tzinfo=UTC)  # 16:50 in Berlin

    reaches = preview_calendar(_calendar(), friday).reaches

    assert [(length, f"{until:%a %H:%M}") for length, until in reaches[:2]] == [
        (timedelta(minutes=5), "Fri 16:55"),
        (timedelta(minutes=30), "Mon 09:20"),
    ]


@pytest.mark.parametrize(
    ("now", "on", "shift", "open_for"),
    [
        (datetime(2026, 3, 20, tzinfo=UTC), date(2026, 3, 29), timedelta(hours=1), timedelta(hours=23)),
        (datetime(2026, 10, 20, tzinfo=UTC), date(2026, 10, 25), timedelta(hours=-1), timedelta(hours=25)),
    ],
)
def test_a_change_of_the_clocks_is_said(
    now: datetime, on: date, shift: timedelta, open_for: timedelta
) -> None:
    preview = preview_calendar(_calendar({"sun": ["00:00-24:00"]}), now)

    [day] = preview.shifts
    assert (day.on, day.shift, day.open_for) == (on, shift, open_for)
    assert len(day.open) == 1, "what is open over the change is one piece"


def test_a_calendar_without_open_time_to_come_is_told() -> None:
    year = [{"date": str(date(2026, 1, 1) + timedelta(days=number)), "hours": []} for number in range(900)]
    with pytest.raises(CalendarExhausted):
        preview_calendar(_calendar(holidays=year), datetime(2026, 1, 1, tzinfo=UTC))
