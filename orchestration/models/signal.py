"""Signals: what somebody outside told a run. Each answers one wait, or waits for one. Never deleted."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.domain.calls import MOST_NAME
from orchestration.models.run import Run, Step

MOST_KEY = 200
MOST_STEP = 300


class Signal(models.Model):
    """One signal to a run: kept from its coming, whether anybody waits for it yet or not."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="signals", db_constraint=False)
    name = models.CharField(max_length=MOST_NAME)
    key = models.CharField(  # noqa: DJ001 - NULL is "no key"
        max_length=MOST_KEY, null=True, help_text="The same signal once more has the same key."
    )
    step_key = models.CharField(
        max_length=MOST_STEP, db_default="", help_text="Whom it is for; empty: whoever waits."
    )
    value_json = models.TextField(help_text="Canonical JSON.")
    value_digest = models.CharField(max_length=64)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sender = models.CharField(max_length=200, help_text="By which way it came, and from whom.")
    sent_at = models.DateTimeField(db_default=Now())
    step = models.ForeignKey(
        Step,
        null=True,
        on_delete=models.CASCADE,
        related_name="signals",
        db_constraint=False,
        help_text="Who took it.",
    )
    taken_at = models.DateTimeField(null=True)
    refusal = models.TextField(db_default="", help_text="Why whoever waited could not use it; another may.")
    is_new = models.BooleanField(db_default=True, help_text="Nobody has looked yet who waits for it.")

    class Meta:
        ordering = ("run", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("run", "name", "key"), condition=Q(key__isnull=False), name="signal_once"
            ),
            models.CheckConstraint(
                condition=Q(step__isnull=True, taken_at__isnull=True)
                | Q(step__isnull=False, taken_at__isnull=False, refusal=""),
                name="signal_taken_by_somebody",
            ),
        )
        indexes = (
            models.Index(fields=("id",), condition=Q(is_new=True), name="signal_new"),
            models.Index(fields=("run", "name"), condition=Q(taken_at__isnull=True), name="signal_unused"),
        )

    def __str__(self) -> str:
        """Return the name."""
        return self.name
