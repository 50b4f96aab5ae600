"""What a run that succeeded gives back, where that is not just what its last steps put out."""

import json
from typing import Any

from django.db import models
from django.db.models import Q

from orchestration.domain.states import ResultKind
from orchestration.models.run import Run


class RunResult(models.Model):
    """The result of a run; written once, with its end, and covered by its seal."""

    run = models.OneToOneField(
        Run, on_delete=models.CASCADE, primary_key=True, related_name="result", db_constraint=False
    )
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in ResultKind])
    # NULL is "it could not be made".
    output_json = models.TextField(null=True, help_text="Canonical JSON.")  # noqa: DJ001
    digest = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULL as output_json is
    error = models.TextField(default="", help_text="Why it could not be made, in words.")
    by = models.CharField(max_length=300, default="", help_text="Who ended the run early.")
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=list(ResultKind)), name="run_result_kind_known"),
            models.CheckConstraint(
                condition=Q(output_json__isnull=False, digest__isnull=False, error="")
                | (Q(output_json__isnull=True, digest__isnull=True) & ~Q(error="")),
                name="run_result_or_error",
            ),
        )

    def __str__(self) -> str:
        """Return whose result it is."""
        return f"result of {self.run_id}"

    @property
    def output(self) -> Any:
        """Return the result as a JSON value; None when it could not be made."""
        return None if self.output_json is None else json.loads(self.output_json)
