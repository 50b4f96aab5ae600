"""What the clocks of a ticket say, in the words of the public interface."""

from datetime import datetime
from typing import Any

from escalation.models import Ticket


def summarise_clock(ticket: Ticket) -> dict[str, Any]:
    """Return the clocks of a ticket, and all that moved them and that they told, as a JSON object."""
    return {
        "due_at": _iso(ticket.due_at),
        "first_touch_due_at": _iso(ticket.first_touch_due_at),
        "paused_at": _iso(ticket.paused_at),
        "snoozed_until": _iso(ticket.snoozed_until),
        "snooze_reason": ticket.snooze_reason,
        "calendar": describe_calendar(ticket),
        "pauses": _rows(
            ticket.pauses, "started_at", "resume_at", "cause", "reason", "by_name", "ended_at", "end_cause"
        ),
        "replans": _rows(
            ticket.replans, "number", "at", "cause", "by_name", "due_before", "due_after", "note"
        ),
        "warnings": _rows(ticket.warnings, "deadline", "percent", "reached_at", "found_at"),
        "breaches": _rows(ticket.breaches, "deadline", "due_at", "found_at"),
        "alarms": _rows(ticket.alarms, "level", "kind", "round", "told", "reached_at", "found_at"),
        "actions": _rows(ticket.breach_deeds, "deadline", "step", "outcome", "at"),
    }


def describe_calendar(ticket: Ticket) -> str | None:
    """Return by which calendar the clocks of a ticket run; None: around the clock."""
    version = ticket.calendar_version
    return None if version is None else f"{version.calendar.name}, version {version.number}"


def _rows(manager: Any, *names: str) -> list[dict[str, Any]]:
    return [{name: _iso(value) for name, value in row.items()} for row in manager.values(*names)]


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
