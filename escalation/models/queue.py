"""Review queues."""

from django.db import models

from orchestration.models import Project

DEFAULT_QUEUE = "default"


class ReviewQueue(models.Model):
    """One team's tickets. A queue named like an SLA class gets that class's tickets, `default` the others."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    slug = models.SlugField(max_length=100)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ("project", "slug")
        constraints = (models.UniqueConstraint(fields=("project", "slug"), name="review_queue_slug_once"),)

    def __str__(self) -> str:
        """Return the name."""
        return self.name
