"""Which ticket goes into which review queue."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from escalation.models.queue import ReviewQueue
from orchestration.models import Project


class RoutingRule(models.Model):
    """One rule of a project: what is left empty matches all tickets. The first rule that matches wins."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(help_text="The lower, the earlier it is tried.")
    name = models.CharField(max_length=100, blank=True, help_text="What tickets say they were routed by.")

    workflow = models.CharField(max_length=100, blank=True)
    step = models.CharField(max_length=100, blank=True, help_text="Key of the step.")
    agent = models.CharField(max_length=200, blank=True)
    rule = models.CharField(max_length=60, blank=True, help_text="Of the policy, such as low_confidence.")
    confidence_from = models.FloatField(null=True, blank=True, help_text="0 to 1; the bound itself matches.")
    confidence_to = models.FloatField(
        null=True, blank=True, help_text="0 to 1; the bound itself does not match, but 1 does."
    )
    expression = models.TextField(
        blank=True,
        help_text="CEL over input (of the run) and proposal (what is judged), e.g. input.amount > 1000.",
    )

    # Null once the queue is gone: the rule then matches nothing, and its tickets say so.
    queue = models.ForeignKey(ReviewQueue, null=True, on_delete=models.SET_NULL, related_name="routing_rules")
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    class Meta:
        ordering = ("project", "position", "id")
        constraints = (
            models.CheckConstraint(
                condition=(Q(confidence_from__isnull=True) | Q(confidence_from__range=(0, 1)))
                & (Q(confidence_to__isnull=True) | Q(confidence_to__range=(0, 1)))
                & (
                    Q(confidence_from__isnull=True)
                    | Q(confidence_to__isnull=True)
                    | Q(confidence_from__lt=F("confidence_to"))
                ),
                name="routing_rule_confidence_in_order",
            ),
        )

    def __str__(self) -> str:
        """Return its place and name."""
        return f"{self.position} ({self.name})" if self.name else str(self.position)
