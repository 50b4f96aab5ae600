"""The row of accepted work that is kept for a later look; written once, with the end of its attempt."""

from django.db import models
from django.db.models import Q


class AuditSample(models.Model):
    """One accepted answer of the sample."""

    attempt = models.OneToOneField("orchestration.Attempt", on_delete=models.CASCADE, related_name="sample")
    step = models.ForeignKey(
        "orchestration.Step", on_delete=models.CASCADE, related_name="samples", db_constraint=False
    )
    run = models.ForeignKey(
        "orchestration.Run", on_delete=models.CASCADE, related_name="samples", db_constraint=False
    )
    rate = models.FloatField(help_text="The part that was drawn: each row stands for 1 / rate answers.")
    at = models.DateTimeField(help_text="The end of the attempt.")

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(rate__gt=0, rate__lte=1), name="audit_sample_rate_in_range"),
        )

    def __str__(self) -> str:
        """Return what was drawn."""
        return f"sample of attempt {self.attempt_id}"
