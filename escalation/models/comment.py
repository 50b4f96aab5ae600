"""What people say to each other about a ticket."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from escalation.models.clock import ClockTimestamp


class Comment(models.Model):
    """One comment; no agent is ever shown it. Only appended: a trigger refuses UPDATE, DELETE and TRUNCATE."""

    at = models.DateTimeField(db_default=ClockTimestamp())
    # No constraints: the row must not lock the ticket's, and the name stays when the account goes.
    ticket = models.ForeignKey(
        "Ticket", on_delete=models.DO_NOTHING, related_name="comments", db_constraint=False, db_index=False
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    author_name = models.CharField(max_length=150, help_text="As the account was called then.")
    text = models.TextField()
    mentioned = ArrayField(
        models.CharField(max_length=150), default=list, help_text="Who was told, by account name."
    )

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("ticket", "id"), name="comment_of_ticket"),)

    def __str__(self) -> str:
        """Return who said it, and where."""
        return f"{self.author_name} on ticket {self.ticket_id}"
