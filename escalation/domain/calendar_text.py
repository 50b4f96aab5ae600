"""Calendars as people type them: a line of hours, and a line for each day that is different. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from escalation.domain.calendar import WEEKDAYS
from escalation.errors import CalendarInvalid

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIELD_WORDS: Final = {
    "time_zone": "Time zone",
    "hours": "Open hours",
    "holidays": "Holidays",
    **{f"hours.{day}": name for day, name in zip(WEEKDAYS, DAYS, strict=True)},
}
"""What people read for the places that errors of a calendar name."""
_PLACE: Final = re.compile(r"holidays\[(\d{1,9})\](?:\.\w+)?")


def read_hours_line(line: str) -> list[str]:
    """Return the hours of "09:00-12:30, 13:30-18:00" as texts; whether they make sense is seen later."""
    return [part.strip() for part in line.replace(";", ",").split(",") if part.strip()]


def read_holiday_lines(text: str) -> list[dict[str, Any]]:
    """Return the days of lines such as "2026-12-24 09:00-12:00 Christmas Eve"; empty lines are none.

    Raises: CalendarInvalid: a line that begins with no date.
    """
    return [
        _read_line(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()
    ]


def write_holiday_lines(holidays: Iterable[Mapping[str, Any]]) -> str:
    """Return days as lines."""
    return "\n".join(
        " ".join([day["date"], *day.get("hours", ()), *([day["name"]] if day.get("name") else [])])
        for day in holidays
    )


def name_lines(text: str, words: str) -> str:
    """Return what is wrong with a list of days in the words of who typed them as lines: by the line, from 1.

    Args: text: as it was typed.  words: an error that counts days from 0, such as "holidays[2].date: ...".
    """
    numbers = [number for number, line in enumerate(text.splitlines(), 1) if line.strip()]

    def name(found: re.Match[str]) -> str:
        place = int(found.group(1))
        return f"holidays, line {numbers[place]}" if place < len(numbers) else found.group()

    return _PLACE.sub(name, words)


def name_field(words: str) -> str:
    """Return what is wrong with a calendar in the words of its form: "hours.mon: ..." is about Monday."""
    place, colon, rest = words.partition(":")
    name, comma, line = place.partition(",")
    return f"{FIELD_WORDS.get(name, name)}{comma}{line}{colon}{rest}"


def _read_line(number: int, words: list[str]) -> dict[str, Any]:
    if not words[0][:1].isdigit():
        raise CalendarInvalid(
            f"holidays: line {number} begins with no day; write it like 2026-12-25 Christmas Day."
        )
    hours = []
    rest = words[1:]
    while rest and rest[0][:1].isdigit() and ":" in rest[0]:
        hours += read_hours_line(rest.pop(0))
    day: dict[str, Any] = {"date": words[0]}
    return day | ({"hours": hours} if hours else {}) | ({"name": " ".join(rest)} if rest else {})
