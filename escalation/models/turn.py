"""Whose turn it was to be assigned a ticket."""

from django.conf import settings
from django.db import models

from escalation.models.queue import ReviewQueue


class AssignmentTurn(models.Model):
    """When somebody was last assigned a ticket of a queue: whoever waits longest is next. Written by the maintainer."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("queue", "user"), name="assignment_turn_once"),)

    def __str__(self) -> str:
        """Return whose turn it was."""
        return f"turn of {self.user_id}"
