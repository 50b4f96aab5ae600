"""The rows of what is remembered: versions that are only appended to, what is noted, and what was forgotten."""

import json
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.domain.memories import MOST_KEY
from agents.domain.notebook import MemoryScope

MOST_SCOPE_ID = 300
_SCOPES = [(scope.value, scope.value) for scope in MemoryScope]
_KEY = ("project", "scope", "scope_id", "key")


class Forgetting(models.Model):
    """That somebody had memories forgotten: who, when, why and which."""

    project = models.ForeignKey("orchestration.Project", on_delete=models.PROTECT, related_name="+")
    which = models.TextField(
        help_text="What was asked for: canonical JSON, without a text that was looked for."
    )
    reason = models.TextField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    person_name = models.CharField(max_length=200, help_text="By which way it was ordered, and by whom.")
    at = models.DateTimeField(db_default=Now())
    versions = models.PositiveIntegerField(help_text="So many versions were forgotten.")

    class Meta:
        ordering = ("-id",)
        indexes = (BrinIndex(fields=("at",), name="forgetting_by_time"),)

    def __str__(self) -> str:
        """Return its number."""
        return f"forgetting {self.pk}"


class Memory(models.Model):
    """One version of what is remembered under a key; the current one is not replaced."""

    project = models.ForeignKey(
        "orchestration.Project", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    scope = models.CharField(max_length=10, choices=_SCOPES)
    scope_id = models.CharField(
        max_length=MOST_SCOPE_ID,
        db_default="",
        help_text="The agent, the run or the actor; empty: the project.",
    )
    key = models.CharField(max_length=MOST_KEY)
    version = models.PositiveIntegerField(help_text="From 1 within the key.")
    value_json = models.TextField(null=True, help_text="Canonical JSON; NULL: forgotten.")  # noqa: DJ001
    digest = models.CharField(
        max_length=64, help_text="SHA-256 of the value; it stays when that is forgotten."
    )
    tokens = models.PositiveIntegerField()
    search = models.TextField(help_text="What a recall looks at.")
    about = ArrayField(
        models.CharField(max_length=MOST_KEY), db_default=[], help_text="Whom it tells something about."
    )
    words = models.GeneratedField(
        expression=SearchVector("key", "search", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    step = models.ForeignKey(
        "orchestration.Step",
        null=True,
        on_delete=models.CASCADE,
        related_name="memories",
        db_constraint=False,
    )
    run = models.ForeignKey(
        "orchestration.Run", null=True, on_delete=models.CASCADE, related_name="memories", db_constraint=False
    )
    attempt = models.ForeignKey(
        "orchestration.Attempt",
        null=True,
        on_delete=models.CASCADE,
        related_name="memories",
        db_constraint=False,
        db_index=False,
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    person_name = models.CharField(max_length=200, db_default="", help_text="Who wrote it by hand, and how.")
    reason = models.TextField(db_default="", help_text="Why a person wrote it.")
    valid_from = models.DateTimeField()
    written_in = models.BigIntegerField(help_text="The transaction: 64 bits, never used again.")
    replaced_at = models.DateTimeField(null=True)
    replaced_by = models.BigIntegerField(null=True, help_text="The row of the next version.")
    replaced_in = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField(null=True)
    forgotten = models.ForeignKey(Forgetting, null=True, on_delete=models.PROTECT, related_name="memories")

    class Meta:
        verbose_name_plural = "memories"
        ordering = ("scope", "scope_id", "key", "-version")
        constraints = (
            models.UniqueConstraint(fields=(*_KEY, "version"), name="memory_version_once"),
            models.UniqueConstraint(
                fields=_KEY, condition=Q(replaced_by__isnull=True), name="memory_current_once"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="memory_version_from_one"),
            models.CheckConstraint(
                condition=Q(replaced_at=None, replaced_by=None, replaced_in=None)
                | Q(replaced_at__isnull=False, replaced_by__isnull=False, replaced_in__isnull=False),
                name="memory_replaced_is_told",
            ),
            models.CheckConstraint(
                condition=Q(forgotten=None, value_json__isnull=False)
                | Q(forgotten__isnull=False, value_json=None, search="", about=[], reason=""),
                name="memory_forgotten_is_empty",
            ),
            models.CheckConstraint(
                condition=Q(step__isnull=False, run__isnull=False, attempt__isnull=False, person_name="")
                | Q(step=None, run=None, attempt=None) & ~Q(person_name=""),
                name="memory_has_a_writer",
            ),
        )
        indexes = (
            GinIndex(fields=("words",), name="memory_words"),
            GinIndex(fields=("about",), name="memory_about"),
            BrinIndex(fields=("valid_from",), name="memory_by_time"),
        )

    def __str__(self) -> str:
        """Return key and version."""
        return f"{self.key} v{self.version}"

    @property
    def value(self) -> Any:
        """Return what it says, as a JSON value; None also where it was forgotten."""
        return None if self.value_json is None else json.loads(self.value_json)

    @property
    def is_forgotten(self) -> bool:
        """Return whether its value is gone."""
        return self.value_json is None


class MemoryDraft(models.Model):
    """What a step's agent noted within a call, until the answer of an attempt that was answered from it is accepted."""

    step = models.ForeignKey(
        "orchestration.Step",
        on_delete=models.CASCADE,
        related_name="memory_drafts",
        db_constraint=False,
        db_index=False,
    )
    journal = models.IntegerField(help_text="As of a call.")
    path = models.CharField(max_length=620, db_default="", help_text="Of the call.")
    project_id = models.BigIntegerField()
    lines_json = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("step", "journal", "path"), name="memory_draft_once"),)

    def __str__(self) -> str:
        """Return the path."""
        return self.path


class MemoryVector(models.Model):
    """What a memory means to one embedder, beside its `embedding`; `manage.py enable_vectors` makes the table."""

    pk = models.CompositePrimaryKey("memory_id", "embedder")
    memory_id = models.BigIntegerField()
    embedder = models.CharField(max_length=121, help_text="<name>@<version>")

    class Meta:
        managed = False
        db_table = "orchestration_memoryvector"

    def __str__(self) -> str:
        """Return whose and of what it is."""
        return f"{self.embedder} of memory {self.memory_id}"
