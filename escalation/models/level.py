"""Who is told when a ticket waits too long."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q

from escalation.domain.clocks import AlarmKind
from escalation.models.queue import ReviewQueue

MOST_LEVELS = 3


class EscalationLevel(models.Model):
    """One of a queue's three levels: who is told once so much of the time to decide is used."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="levels")
    level = models.PositiveSmallIntegerField()
    after_percent = models.PositiveIntegerField(
        help_text="Of the time to decide, in business time: 75 while there is some left, 100 at the breach, 200 when "
        "as much again has passed.",
    )
    repeat_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Again after each so many minutes of business time, as long as it is open.",
    )
    claimed_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Also when somebody looked at it so many minutes of business time ago and it is not decided.",
    )
    groups = models.ManyToManyField(Group, related_name="+", help_text="Their members are told.")

    class Meta:
        ordering = ("queue", "level")
        constraints = (
            models.UniqueConstraint(fields=("queue", "level"), name="escalation_level_once"),
            models.CheckConstraint(
                condition=Q(level__gte=1, level__lte=MOST_LEVELS), name="escalation_level_known"
            ),
            models.CheckConstraint(
                condition=Q(after_percent__gte=1, after_percent__lte=1000),
                name="escalation_level_after_in_range",
            ),
            models.CheckConstraint(
                condition=(
                    Q(repeat_minutes__isnull=True) | Q(repeat_minutes__gte=1, repeat_minutes__lte=10_080)
                )
                & (Q(claimed_minutes__isnull=True) | Q(claimed_minutes__gte=1, claimed_minutes__lte=10_080)),
                name="escalation_level_minutes_in_range",
            ),
        )

    def __str__(self) -> str:
        """Return the number."""
        return f"level {self.level}"


class Alarm(models.Model):
    """A level that was told of a ticket: one row each round, however often it is looked. Who, say the notices."""

    ticket = models.ForeignKey("Ticket", on_delete=models.CASCADE, related_name="alarms")
    level = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=[(k, k) for k in AlarmKind])
    round = models.PositiveIntegerField(default=0, help_text="0, then each time it is told again.")
    told = models.TextField(default="", help_text="The groups of then, by name.")
    reached_at = models.DateTimeField()
    found_at = models.DateTimeField()

    class Meta:
        ordering = ("reached_at", "id")
        constraints = (
            models.UniqueConstraint(fields=("ticket", "level", "kind", "round"), name="alarm_once"),
            models.CheckConstraint(condition=Q(kind__in=list(AlarmKind)), name="alarm_kind_known"),
            models.CheckConstraint(condition=Q(found_at__gte=F("reached_at")), name="alarm_found_afterwards"),
        )

    def __str__(self) -> str:
        """Return what was told."""
        return f"level {self.level} of ticket {self.ticket_id}"
