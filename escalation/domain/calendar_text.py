"""Calendars as people type them: a line of hours, and a line for each day that is different. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from escalation.errors import CalendarInvalid


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
