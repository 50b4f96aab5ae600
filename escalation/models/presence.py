"""Who looks at a ticket now: a hint for colleagues, never a guard."""

from django.conf import settings
from django.db import models

from escalation.models.clock import ClockTimestamp


class Presence(models.Model):
    """A person who has a ticket's page before them. The table is unlogged: a crash of the server empties it.

    Without foreign keys: a look locks neither the ticket nor the account.
    """

    ticket = models.ForeignKey(
        "Ticket", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    seen_at = models.DateTimeField(
        db_default=ClockTimestamp(), help_text="Renewed while the page is looked at."
    )

    class Meta:
        constraints = (models.UniqueConstraint(fields=("ticket", "person"), name="presence_once"),)

    def __str__(self) -> str:
        """Return who looks at what."""
        return f"{self.person_id} at ticket {self.ticket_id}"
