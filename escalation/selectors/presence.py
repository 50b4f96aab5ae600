"""Who looks at tickets now. A hint for colleagues: nothing is decided by it. Reads only."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db.models import QuerySet

from escalation.models import ClockTimestamp, Presence

PRESENT_FOR: Final = timedelta(seconds=45)
"""A page renews its look every 15 seconds: two may be lost on the way."""


def list_present(ticket_ids: Collection[int] | None = None) -> dict[int, list[str]]:
    """Return the names of those who look at these tickets, or at any, by the ticket's number."""
    looks = find_present().order_by("ticket", "person__username")
    if ticket_ids is not None:
        looks = looks.filter(ticket__in=ticket_ids)
    names: dict[int, list[str]] = {}
    for ticket_id, name in looks.values_list("ticket_id", "person__username"):
        names.setdefault(ticket_id, []).append(name)
    return names


def find_present() -> QuerySet[Presence]:
    """Return the looks that were renewed lately."""
    return Presence.objects.filter(seen_at__gt=ClockTimestamp() - PRESENT_FOR)
