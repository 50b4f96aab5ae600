from datetime import date
from typing import Any

import pytest

from escalation.domain.calendar import build_calendar, list_zones, load_zone
from escalation.errors import CalendarInvalid

WORKDAYS = {day: ["09:00-12:00", "13:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


def test_a_calendar_tells_the_hours_of_each_day() -> None:
    calendar = build_calendar(
        "Europe/Berlin",
        WORKDAYS,
        [{"date": "2026-12-25"}, {"date": "2026-12-24", "hours": ["09:00-12:00"], "name": "Christmas Eve"}],
    )

    assert [str(span) for span in calendar.find_spans(date(2026, 12, 23))] == ["09:00-12:00", "13:00-17:00"]
    assert [str(span) for span in calendar.find_spans(date(2026, 12, 24))] == ["09:00-12:00"]
    assert calendar.find_spans(date(2026, 12, 25)) == ()
    assert calendar.find_spans(date(2026, 12, 26)) == ()
    assert calendar.holidays[date(2026, 12, 24)].name == "Christmas Eve"


def test_hours_are_put_in_order_and_may_touch() -> None:
    calendar = build_calendar("UTC", {"mon": ["13:00-24:00", " 00:00 - 13:00 "]}, [])

    assert [str(span) for span in calendar.week[0]] == ["00:00-13:00", "13:00-24:00"]


@pytest.mark.parametrize(
    ("zone", "hours", "holidays", "words"),
    [
        ("Mars/Olympus", WORKDAYS, [], "time_zone: there is no time zone 'Mars/Olympus'"),
        ("../../etc/passwd", WORKDAYS, [], "time_zone: there is no"),
        ("", WORKDAYS, [], "time_zone: there is no"),
        ("UTC", {}, [], "hours: no day of the week has open hours"),
        ("UTC", {"mon": []}, [], "hours: no day of the week has open hours"),
        ("UTC", [], [], "hours: give weekdays"),
        ("UTC", {"monday": ["09:00-17:00"]}, [], "hours: 'monday' is no weekday"),
        ("UTC", {"mon": "09:00-17:00"}, [], "hours.mon: give a list"),
        ("UTC", {"mon": ["9-17"]}, [], "hours.mon: '9-17' can't be read"),
        ("UTC", {"mon": [540]}, [], "hours.mon: '540' can't be read"),
        ("UTC", {"mon": ["09:60-17:00"]}, [], "is no time of a day"),
        ("UTC", {"mon": ["09:00-24:01"]}, [], "is no time of a day"),
        ("UTC", {"mon": ["24:00-24:00"]}, [], "is no time of a day"),
        ("UTC", {"mon": ["09:00-09:00"]}, [], "ends before it begins"),
        ("UTC", {"mon": ["22:00-06:00"]}, [], "22:00-24:00 on this day and 00:00-06:00 on the next"),
        (
            "UTC",
            {"mon": ["09:00-12:00", "11:59-17:00"]},
            [],
            "hours.mon: 09:00-12:00 and 11:59-17:00 overlap",
        ),
        ("UTC", WORKDAYS, {"date": "2026-12-25"}, "holidays: give a list"),
        ("UTC", WORKDAYS, ["2026-12-25"], r"holidays\[0\]: give"),
        ("UTC", WORKDAYS, [{"date": "2026-12-25", "open": []}], r"holidays\[0\]: give"),
        ("UTC", WORKDAYS, [{"date": "25.12.2026"}], r"holidays\[0\].date: write the day like"),
        ("UTC", WORKDAYS, [{}], r"holidays\[0\].date: write the day like"),
        ("UTC", WORKDAYS, [{"date": "2026-12-25"}] * 2, r"holidays\[1\]: 2026-12-25 stands there twice"),
        (
            "UTC",
            WORKDAYS,
            [{"date": "2026-12-25", "hours": ["x"]}],
            r"holidays\[0\].hours: 'x' can't be read",
        ),
        ("UTC", WORKDAYS, [{"date": "2026-12-25", "name": 7}], r"holidays\[0\].name: give a text"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(zone: str, hours: Any, holidays: Any, words: str) -> None:
    with pytest.raises(CalendarInvalid, match=words):
        build_calendar(zone, hours, holidays)


def test_zones_come_from_the_pinned_data_and_all_of_them_load() -> None:
    assert "Europe/Berlin" in list_zones()
    for name in list_zones():
        assert load_zone(name).key == name
