"""What a queue does by itself when a deadline is missed, and what was done."""

from django.db import models
from django.db.models import Q

from escalation.domain.clocks import CLOSING, BreachStep
from escalation.domain.states import DeadlineKind
from escalation.models.clock import ClockTimestamp
from escalation.models.queue import ReviewQueue
from escalation.models.ticket import Ticket


class BreachAction(models.Model):
    """One thing that a queue does when a clock of its tickets runs out. None of them approves anything."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="breach_actions")
    deadline = models.CharField(max_length=12, choices=[(k, k) for k in DeadlineKind])
    step = models.CharField("action", max_length=10, choices=[(s, s) for s in BreachStep])
    to_queue = models.ForeignKey(
        ReviewQueue,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="With reroute: where the ticket goes, under the same due time.",
    )

    class Meta:
        ordering = ("queue", "deadline", "id")
        constraints = (
            models.UniqueConstraint(fields=("queue", "deadline", "step"), name="breach_action_once"),
            models.UniqueConstraint(
                fields=("queue", "deadline"),
                condition=Q(step__in=list(CLOSING)),
                name="breach_action_closes_once",
            ),
            models.CheckConstraint(condition=Q(step__in=list(BreachStep)), name="breach_action_known"),
            models.CheckConstraint(
                condition=Q(deadline__in=list(DeadlineKind)), name="breach_action_deadline_known"
            ),
        )

    def __str__(self) -> str:
        """Return what is done."""
        return self.step


class BreachDeed(models.Model):
    """An action that was carried out for a missed deadline: one row, whoever met at it."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="breach_deeds")
    deadline = models.CharField(max_length=12, choices=[(k, k) for k in DeadlineKind])
    step = models.CharField(max_length=10, choices=[(s, s) for s in BreachStep])
    outcome = models.TextField(help_text="What it did, or why it did nothing.")
    at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        ordering = ("at", "id")
        constraints = (
            models.UniqueConstraint(fields=("ticket", "deadline", "step"), name="breach_deed_once"),
        )

    def __str__(self) -> str:
        """Return what was done."""
        return f"{self.step} of ticket {self.ticket_id}"
