"""Which ticket goes into which review queue."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from escalation.domain.routing import find_expression_fault
from escalation.models.queue import ReviewQueue
from orchestration.models import Project

MOST_TAGS: Final = 20


class RoutingRule(models.Model):
    """One rule of a project: what is left empty matches all tickets. The first rule that matches wins."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(
        help_text="The lower, the earlier it is tried; of several at one, the one made first."
    )
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

    def clean(self) -> None:
        """Refuse an expression that is none, a range that is empty, and a queue of another project.

        Raises: ValidationError: by field.
        """
        faults = {}
        fault = find_expression_fault(self.expression) if self.expression else None
        if fault:
            faults["expression"] = fault
        for name in ("confidence_from", "confidence_to"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                faults[name] = "Give a number from 0 to 1."
        is_range = None not in (self.confidence_from, self.confidence_to)
        if is_range and not faults and not self.confidence_from < self.confidence_to:  # type: ignore[operator]
            faults["confidence_to"] = "It must be above where the range begins."
        if self.queue is not None and self.project_id != self.queue.project_id:
            faults["queue"] = "This queue is of another project."
        if len(self.tags) > MOST_TAGS:
            faults["tags"] = f"At most {MOST_TAGS} tags."
        if faults:
            raise ValidationError(faults)
