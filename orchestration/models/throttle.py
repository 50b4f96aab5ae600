"""Which agents are held back, since people can't keep up with what they make for them."""

from django.db import models
from django.db.models.functions import Now

from orchestration.models.workflow import Project


class Throttle(models.Model):
    """One agent in one project, as long as one queue of people holds it back. Only the maintainer writes it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    agent = models.CharField(max_length=200)
    source = models.CharField(max_length=200, help_text="Whose people can't keep up.")
    reason = models.TextField()
    since = models.DateTimeField(db_default=Now())
    # No key to the step: one that is deleted by retention leaves a number that no other step gets.
    asked_step = models.BigIntegerField(null=True, help_text="The step that asks people about it.")

    class Meta:
        ordering = ("project", "agent", "source")
        constraints = (models.UniqueConstraint(fields=("project", "agent", "source"), name="throttle_once"),)

    def __str__(self) -> str:
        """Return who waits for whom."""
        return f"{self.agent} waits for {self.source}"
