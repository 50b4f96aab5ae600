"""How long the tickets of a review queue may wait, by SLA class."""

from typing import Final

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from escalation.models.queue import ReviewQueue

MOST_SECONDS: Final = 366 * 86_400


class SlaTarget(models.Model):
    """The two clocks of one SLA class in one queue. A new queue gets those of the settings; then its rows count."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="targets")
    sla = models.CharField("SLA class", max_length=100)
    first_touch_seconds = models.FloatField(help_text="Until somebody claims the ticket.")
    resolution_seconds = models.FloatField(help_text="Until it is decided.")

    class Meta:
        ordering = ("queue", "sla")
        constraints = (
            models.UniqueConstraint(fields=("queue", "sla"), name="sla_target_once"),
            models.CheckConstraint(
                condition=Q(
                    first_touch_seconds__gt=0,
                    first_touch_seconds__lte=F("resolution_seconds"),
                    resolution_seconds__lte=MOST_SECONDS,
                ),
                name="sla_target_can_be_kept",
            ),
        )

    def __str__(self) -> str:
        """Return the class."""
        return self.sla

    def clean(self) -> None:
        """Refuse clocks that can't both be kept.

        Raises: ValidationError: by field.
        """
        first: float | None = self.first_touch_seconds
        resolution: float | None = self.resolution_seconds
        if first is None or resolution is None:  # refused already, by field
            return
        if first <= 0:
            raise ValidationError({"first_touch_seconds": "Give more than 0 seconds."})
        if not first <= resolution <= MOST_SECONDS:
            raise ValidationError(
                {
                    "resolution_seconds": f"At least {first:g}, the time for a first look, and at most {MOST_SECONDS}."
                }
            )
