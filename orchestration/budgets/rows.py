"""The row of one unit of a budget. It is never deleted: what was spent stays told."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from orchestration.domain.budget import PotState, Unit


class Pot(models.Model):
    """One unit of a run's or a step's budget, in whole numbers."""

    run = models.ForeignKey(
        "orchestration.Run", on_delete=models.CASCADE, related_name="pots", db_constraint=False
    )
    step = models.ForeignKey(
        "orchestration.Step", null=True, on_delete=models.CASCADE, related_name="pots", db_constraint=False
    )
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="below", db_index=False
    )
    unit = models.CharField(max_length=15, choices=[(unit.value, unit.value) for unit in Unit])
    limit = models.BigIntegerField()
    opened_with = models.BigIntegerField(help_text="The limit before anybody topped it up.")
    reserved = models.BigIntegerField(db_default=0, help_text="By calls under way, at their most.")
    spent = models.BigIntegerField(db_default=0)
    lost = models.BigIntegerField(db_default=0, help_text="Reserved by calls of which nobody can tell.")
    overrun = models.BigIntegerField(
        db_default=0,
        help_text="Spent beyond the limit, against what was stated; takes what comes back first.",
    )
    unmet = models.BigIntegerField(
        db_default=0, help_text="Of people's time: what open tickets would reserve beyond the limit."
    )
    asked_step = models.BigIntegerField(null=True, help_text="The step that asks a person about it.")
    tight_at = models.DateTimeField(null=True, help_text="When four fifths of it were taken first.")
    used_up_at = models.DateTimeField(
        null=True, help_text="Of people's time: when nothing was left of this limit first."
    )
    used_up_step = models.BigIntegerField(
        null=True, help_text="Whose ticket used it up, until the leads of that ticket's queue were told."
    )
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(limit__gte=F("spent") + F("lost") + F("reserved")), name="pot_never_overspent"
            ),
            models.CheckConstraint(
                condition=Q(reserved__gte=0, spent__gte=0, lost__gte=0, overrun__gte=0, unmet__gte=0),
                name="pot_counts_from_zero",
            ),
            models.CheckConstraint(
                condition=Q(overrun=0, unmet=0) | Q(limit=F("spent") + F("lost") + F("reserved")),
                name="pot_is_full_before_it_overruns",
            ),
            models.UniqueConstraint(fields=("run", "unit"), condition=Q(step=None), name="pot_of_run_once"),
            models.UniqueConstraint(fields=("step", "unit"), name="pot_of_step_once"),
        )
        indexes = (
            models.Index(fields=("asked_step",), condition=Q(asked_step__isnull=False), name="pot_asked_of"),
            models.Index(fields=("id",), condition=Q(used_up_step__isnull=False), name="pot_untold"),
        )

    def __str__(self) -> str:
        """Return the unit."""
        return self.unit

    @property
    def state(self) -> PotState:
        """Return how it stands, as a value."""
        return PotState(
            self.pk,
            Unit(self.unit),
            self.limit,
            self.reserved,
            self.spent,
            self.lost,
            self.overrun,
            self.tight_at is not None,
        )
