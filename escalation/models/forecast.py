"""What was foreseen of tickets."""

from django.db import models
from django.db.models import F, Q


class Forecast(models.Model):
    """When a ticket would be decided at the pace of the moment in which it came: one row, soon after it opened.

    Written by `escalation.figures` alone, and never changed: later it says how good the forecasts are.
    """

    # No constraint: the row must not lock the ticket's.
    ticket = models.OneToOneField(
        "Ticket", primary_key=True, on_delete=models.CASCADE, related_name="forecast", db_constraint=False
    )
    made_at = models.DateTimeField()
    ahead = models.PositiveIntegerField(help_text="Open tickets of its queue that were due before it.")
    pace = models.FloatField(help_text="Decisions per second that its queue was good for.")
    expected_at = models.DateTimeField(
        null=True, help_text="When it would be decided. Empty: nobody decides."
    )
    predicted_breach_at = models.DateTimeField(
        null=True, help_text="Its due time, if it would be missed at that pace; else empty."
    )

    class Meta:
        ordering = ("ticket",)
        constraints = (
            models.CheckConstraint(
                condition=Q(expected_at__isnull=True)
                | Q(predicted_breach_at__isnull=True)
                | Q(predicted_breach_at__lt=F("expected_at")),
                name="forecast_breach_is_before_decision",
            ),
        )

    def __str__(self) -> str:
        """Return whose it is."""
        return f"forecast of ticket {self.ticket_id}"
