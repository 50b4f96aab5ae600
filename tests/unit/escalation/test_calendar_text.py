from typing import Any

import pytest

from escalation.domain.calendar import build_calendar
from escalation.domain.calendar_text import (
    name_field,
    name_lines,
    read_holiday_lines,
    read_hours_line,
    write_holiday_lines,
)
from escalation.errors import CalendarInvalid

DAYS: list[dict[str, Any]] = [
    {"date": "2026-12-24", "hours": ["09:00-12:00", "13:00-14:00"], "name": "Christmas Eve"},
    {"date": "2026-12-25", "name": "Christmas Day"},
    {"date": "2026-12-27", "hours": ["10:00-11:00"]},
    {"date": "2026-12-26"},
]


def test_days_are_written_and_read_back() -> None:
    text = write_holiday_lines(DAYS)

    assert text.splitlines()[0] == "2026-12-24 09:00-12:00 13:00-14:00 Christmas Eve"
    assert read_holiday_lines(text + "\n\n") == DAYS


def test_hours_of_a_day_stand_on_a_line() -> None:
    assert read_hours_line(" 09:00-12:30, 13:30-18:00 ;") == ["09:00-12:30", "13:30-18:00"]
    assert read_hours_line("") == []


def test_a_line_without_a_day_is_named() -> None:
    with pytest.raises(CalendarInvalid, match="holidays: line 2 begins with no day"):
        read_holiday_lines("2026-12-25\nBoxing Day 2026-12-26")


def test_an_error_names_the_line_as_it_was_typed() -> None:
    text = "2026-12-25 Christmas Day\n\n2026-13-01\n"
    with pytest.raises(CalendarInvalid) as refused:
        build_calendar("UTC", {"mon": ["09:00-17:00"]}, read_holiday_lines(text))

    assert name_lines(text, str(refused.value)) == "holidays, line 3: write the day like 2026-12-25."
    assert name_lines(text, "holidays[7]: gone") == "holidays[7]: gone"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("hours.wed: '9-5' can't be read", "Wednesday: '9-5' can't be read"),
        ("hours: no day has any", "Open hours: no day has any"),
        ("holidays, line 3: write: it", "Holidays, line 3: write: it"),
        ("time_zone: there is none", "Time zone: there is none"),
        ("something else", "something else"),
    ],
)
def test_a_form_names_day_and_field_as_people_read_them(words: str, said: str) -> None:
    assert name_field(words) == said
