"""Missed deadlines."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from escalation.domain.states import DeadlineKind


class Breach(models.Model):
    """A missed deadline of a ticket: one row, with the true due time however late it was found."""

    ticket = models.ForeignKey("Ticket", on_delete=models.CASCADE, related_name="breaches")
    deadline = models.CharField(max_length=12, choices=[(k, k) for k in DeadlineKind])
    due_at = models.DateTimeField()
    found_at = models.DateTimeField()

    class Meta:
        ordering = ("due_at", "id")
        verbose_name_plural = "breaches"
        constraints = (
            models.UniqueConstraint(fields=("ticket", "deadline"), name="breach_once"),
            models.CheckConstraint(
                condition=Q(deadline__in=list(DeadlineKind)), name="breach_deadline_known"
            ),
            models.CheckConstraint(condition=Q(found_at__gt=F("due_at")), name="breach_found_after_due"),
        )

        indexes = (
            models.Index(fields=("due_at",), name="breach_due"),
            models.Index(fields=("found_at",), name="breach_found"),
        )

    def __str__(self) -> str:
        """Return which deadline was missed."""
        return f"{self.deadline} of ticket {self.ticket_id}"

    @property
    def found_after(self) -> timedelta:
        """Return how long after the due time it was found."""
        return self.found_at - self.due_at
