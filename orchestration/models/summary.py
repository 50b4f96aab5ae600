"""Summaries that were made once and are handed to whoever is to be handed the same original in as many tokens."""

from django.db import models
from django.db.models.functions import Now

from orchestration.models.workflow import Project


class Summary(models.Model):
    """One summary; written once. Not across projects: not even the digest of a text tells them anything."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    original_digest = models.CharField(max_length=64, help_text="SHA-256 of the output that was shortened.")
    allowance_tokens = models.IntegerField(help_text="It may have so many.")
    pins_digest = models.CharField(
        max_length=64, help_text="Of the pointers pinned beside it; empty without any."
    )
    summariser = models.CharField(max_length=200, help_text="Who was asked, with the version.")
    tokenizer = models.CharField(max_length=40)
    text = models.TextField(help_text="What is handed instead of the original: canonical JSON.")
    digest = models.CharField(max_length=64)
    tokens = models.IntegerField()
    summarised_by = models.CharField(max_length=100, help_text="Whose words it has.")
    loss_json = models.TextField(help_text="What it lost of the original, as counts, and what it cost.")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "project",
                    "original_digest",
                    "allowance_tokens",
                    "pins_digest",
                    "summariser",
                    "tokenizer",
                ),
                name="summary_once",
            ),
        )

    def __str__(self) -> str:
        """Return whose it is, and of what."""
        return f"{self.summarised_by} of {self.original_digest[:12]}"
