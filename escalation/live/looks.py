"""Saying that one looks at a ticket. A hint for colleagues, never a guard."""

from django.contrib.auth.models import AbstractBaseUser

from escalation.models import ClockTimestamp, Presence
from escalation.selectors.presence import find_present


def look_at_ticket(ticket_id: int, person: AbstractBaseUser) -> list[str]:
    """Say that a person looks at a ticket; return who else does."""
    Presence.objects.bulk_create(
        [Presence(ticket_id=ticket_id, person_id=person.pk, seen_at=ClockTimestamp())],
        update_conflicts=True,
        unique_fields=["ticket", "person"],
        update_fields=["seen_at"],
    )
    others = find_present().filter(ticket=ticket_id).exclude(person=person.pk)
    return list(others.order_by("person__username").values_list("person__username", flat=True))


def leave_ticket(ticket_id: int, person: AbstractBaseUser) -> None:
    """Say that a person looks no longer."""
    Presence.objects.filter(ticket=ticket_id, person=person.pk).delete()
