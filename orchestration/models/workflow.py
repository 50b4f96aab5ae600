"""Projects and workflow versions."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Project(models.Model):
    """The scope of rights: workflows, runs and review queues belong to one. `default` always exists."""

    slug = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)

    def __str__(self) -> str:
        """Return the slug."""
        return self.slug


class Workflow(models.Model):
    """One version of a named definition. A trigger refuses every change to a published version."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="workflows")
    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField(help_text="Counts up from 1 within the name.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the canonical spec, hexadecimal.")
    # Text, not jsonb: the digest is over these exact bytes.
    spec_json = models.TextField(help_text="The spec as canonical JSON (RFC 8785).")
    sla = models.CharField(max_length=100)
    output = models.TextField(db_default="", help_text="CEL: what a run that succeeded gives back, if said.")
    actor = models.CharField(
        max_length=100, db_default="", help_text="Of which actors it is the behaviour, if of any."
    )
    parks = models.BooleanField(db_default=False, help_text="A turn that waits for a person is parked.")
    published_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("name", "-version")
        constraints = (
            models.UniqueConstraint(fields=("project", "name", "version"), name="workflow_version_once"),
        )
        indexes = (
            models.Index(
                fields=("project", "actor", "-id"), condition=~Q(actor=""), name="workflow_of_actor"
            ),
        )

    def __str__(self) -> str:
        """Return name and version."""
        return f"{self.name} v{self.version}"
