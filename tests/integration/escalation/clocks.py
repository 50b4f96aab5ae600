"""Calendars, and a clock of the database that tests set."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from escalation.escrow import save_calendar
from escalation.models import Calendar, CalendarVersion, ReviewQueue
from orchestration.models import Project

OFFICE = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
READERS = ("escrow.escalator", "escrow.planning", "escrow.rows", "watch.clocks")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@contextmanager
def at_time(text: str) -> Iterator[datetime]:
    """Let whoever opens or locks a ticket read this time, UTC."""
    now = at(text)
    readers = [patch(f"escalation.{room}.read_clock", lambda: now) for room in READERS]
    for reader in readers:
        reader.start()
    try:
        yield now
    finally:
        for reader in readers:
            reader.stop()


def make_calendar(
    hours: Any = None, holidays: Any = (), *, zone: str = "UTC", name: str = "Office"
) -> Calendar:
    """Make a calendar, or a further version of the one that is called so."""

    project, _ = Project.objects.get_or_create(slug="default")
    version = save_calendar(project, name, zone, hours or OFFICE, list(holidays), user=None)
    return version.calendar


def give_calendar(calendar: Calendar | None, slug: str = "default") -> ReviewQueue:
    """Let the tickets of a queue go by a calendar."""
    queue = ReviewQueue.objects.get(slug=slug)
    queue.calendar = calendar
    queue.save()
    return queue


def count_versions() -> int:
    return CalendarVersion.objects.count()


def minutes(amount: float) -> timedelta:
    return timedelta(minutes=amount)
