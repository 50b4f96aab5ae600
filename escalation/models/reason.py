"""Why tickets are decided as they are, in words that can be counted."""

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from escalation.models.queue import ReviewQueue
from orchestration.domain.states import ResolutionKind


class ReasonCode(models.Model):
    """A reason that can be given in one queue, and for which decisions. Decisions keep their code as text."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="reason_codes")
    code = models.SlugField(max_length=50)
    label = models.CharField(max_length=200)
    kinds = ArrayField(
        models.CharField(max_length=10),  # a `ResolutionKind`; a further kind asks for no migration
        help_text="Decisions for which it can be given.",
    )

    class Meta:
        ordering = ("queue", "code")
        constraints = (
            models.UniqueConstraint(fields=("queue", "code"), name="reason_code_once"),
            models.CheckConstraint(condition=~Q(kinds=[]), name="reason_code_goes_with_decisions"),
        )

    def __str__(self) -> str:
        """Return the words that people read."""
        return self.label

    def clean(self) -> None:
        """Refuse kinds of decisions that there are not.

        Raises: ValidationError: by field.
        """
        unknown = sorted(set(self.kinds or ()) - {kind.value for kind in ResolutionKind})
        if unknown:
            raise ValidationError({"kinds": f"There is no decision '{unknown[0]}'."})
