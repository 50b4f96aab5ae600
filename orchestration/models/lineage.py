"""All that happened, in one order: a view over history, decisions, hand-offs, calls, mail, memory and tickets."""

from enum import StrEnum

from django.db import models

from orchestration.models.actor import Actor
from orchestration.models.run import Run, Step
from orchestration.models.workflow import Project


class LineageKind(StrEnum):
    """What a line of the lineage tells."""

    EVENT = "event"
    DECISION = "decision"
    HANDOFF = "handoff"
    CALL = "call"
    WAIT = "wait"
    MESSAGE = "message"
    DELIVERY = "delivery"
    MEMORY = "memory"
    LOOK = "look"
    TICKET = "ticket"


class LineageLine(models.Model):
    """One thing that happened, whichever table has it."""

    id = models.CharField(primary_key=True, max_length=40, help_text="<kind>-<number of its row>")
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in LineageKind])
    run = models.ForeignKey(
        Run, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    step = models.ForeignKey(
        Step, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    attempt = models.IntegerField(null=True)
    at = models.DateTimeField()
    project = models.ForeignKey(
        Project,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        help_text="Always there where no run is.",
    )
    actor = models.ForeignKey(
        Actor,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        help_text="Of mail that no turn of it got.",
    )
    # Of one moment, what leads to the rest comes first: a claim, what it was handed, called, decided; then its end.
    place = models.SmallIntegerField()
    row = models.BigIntegerField()
    name = models.TextField(
        help_text="Of an event its kind, of a decision its rule, else whom or what it names."
    )
    data_json = models.TextField()

    class Meta:
        managed = False
        db_table = "orchestration_lineage"
        ordering = ("at", "place", "row", "id")

    def __str__(self) -> str:
        """Return kind and name."""
        return f"{self.kind} {self.name}"
