"""What a queue does by itself when a deadline is missed, and what was done."""

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from escalation.domain.clocks import CLOSING, BreachStep
from escalation.domain.states import DeadlineKind
from escalation.models.clock import ClockTimestamp
from escalation.models.queue import ReviewQueue


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
    to_group = models.ForeignKey(
        Group,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="With widen: whose members may look at the ticket and decide it, too, from then on.",
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

    def clean(self) -> None:
        """Refuse an action that does not say where to.

        Raises: ValidationError: by field.
        """
        places: dict[str, str] = {BreachStep.REROUTE: "to_queue", BreachStep.WIDEN: "to_group"}
        needed = places.get(self.step)
        if needed is not None and getattr(self, f"{needed}_id") is None:
            raise ValidationError({needed: f"With {self.step}: choose one."})


class BreachDeed(models.Model):
    """An action that was carried out for a missed deadline: one row, whoever met at it."""

    ticket = models.ForeignKey("Ticket", on_delete=models.CASCADE, related_name="breach_deeds")
    deadline = models.CharField(max_length=12, choices=[(k, k) for k in DeadlineKind])
    step = models.CharField(max_length=10, choices=[(s, s) for s in BreachStep])
    outcome = models.TextField(help_text="What it did, or why it did nothing.")
    # No constraint: the row stays when the group goes, and gives nobody a right any more.
    group = models.ForeignKey(
        Group,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Whose members may look at the ticket and decide it since.",
    )
    at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        ordering = ("at", "id")
        constraints = (
            models.UniqueConstraint(fields=("ticket", "deadline", "step"), name="breach_deed_once"),
            models.CheckConstraint(
                condition=Q(group__isnull=True) | Q(step=BreachStep.WIDEN), name="breach_deed_widens"
            ),
        )
        indexes = (
            models.Index(
                fields=("group", "ticket"), condition=Q(group__isnull=False), name="breach_deed_widened"
            ),
        )

    def __str__(self) -> str:
        """Return what was done."""
        return f"{self.step} of ticket {self.ticket_id}"
