"""What verifiers said of outputs whose worth was known beforehand."""

import json

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.domain.verdicts import FAIL, PASS

_WORDS = [(PASS, PASS), (FAIL, FAIL)]


class VerifierTrial(models.Model):
    """One answer of a verifier to a case with a known answer; written once by `probe_verifier`."""

    agent = models.CharField(max_length=200)
    agent_version = models.PositiveIntegerField(null=True)
    case_digest = models.CharField(
        max_length=64, help_text="SHA-256 of the case: what the verifier was shown."
    )
    expected = models.CharField(max_length=4, choices=_WORDS)
    said = models.CharField(max_length=4, choices=_WORDS, help_text="What can't be read is a FAIL.")
    reasons_json = models.TextField(default="[]")
    tried_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("agent", "tried_at"), name="trial_of_agent"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(expected__in=(PASS, FAIL), said__in=(PASS, FAIL)), name="trial_words_known"
            ),
        )

    def __str__(self) -> str:
        """Return both words."""
        return f"{self.agent}: {self.said}, expected {self.expected}"

    @property
    def reasons(self) -> list[str]:
        """Return why, as the verifier said."""
        said: list[str] = json.loads(self.reasons_json)
        return said
