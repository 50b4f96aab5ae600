"""Who did what at the desk."""

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from escalation.domain.acts import Door
from escalation.models.clock import ClockTimestamp
from escalation.models.queue import ReviewQueue


class AuditLine(models.Model):
    """One thing that somebody saw or did. A trigger refuses UPDATE, DELETE and TRUNCATE."""

    at = models.DateTimeField(db_default=ClockTimestamp())
    queue = models.ForeignKey(ReviewQueue, null=True, on_delete=models.PROTECT, related_name="+")
    # No constraint: the line must not lock the ticket's row.
    ticket = models.ForeignKey(
        "Ticket", null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    # The name stays when the account goes. None: the engine itself.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    actor_name = models.CharField(max_length=150, help_text="As the account was called then.")
    door = models.CharField(max_length=10, choices=[(d, d) for d in Door])
    address = models.CharField(
        max_length=60, default="", help_text="Of the network; of a command, the system's user."
    )
    act = models.CharField(
        max_length=12
    )  # an `Act`; no list in the database, which would change with each word
    digest = models.CharField(max_length=64, default="", help_text="SHA-256 of what was judged, hexadecimal.")
    hour = models.DateTimeField(null=True, help_text="Of what was seen: told once an hour.")
    data_json = models.TextField(default="{}")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("ticket", "actor", "digest", "hour"), condition=Q(act="saw"), name="audit_seen_once"
            ),
            # At a shell, who did not say who they are is the system's user.
            models.UniqueConstraint(
                fields=("ticket", "address", "digest", "hour"),
                condition=Q(act="saw", actor__isnull=True),
                name="audit_seen_at_shell_once",
            ),
            models.CheckConstraint(condition=Q(door__in=list(Door)), name="audit_door_known"),
            models.CheckConstraint(
                condition=~Q(act="saw")
                | (
                    Q(hour__isnull=False, ticket__isnull=False)
                    & (Q(actor__isnull=False) | Q(door=Door.COMMAND.value))
                ),
                name="audit_seen_is_dated",
            ),
        )
        indexes = (
            models.Index(fields=("queue", "at"), name="audit_of_queue"),
            BrinIndex(fields=("at",), name="audit_by_time"),
        )

    def __str__(self) -> str:
        """Return what was done by whom."""
        return f"{self.actor_name} {self.act}"
