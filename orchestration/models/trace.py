"""What happened: attempts, decisions, hand-offs, receipts, seals and the append-only history.

These rows are written once (an attempt twice: when it starts and when it ends) and never changed after.
"""

import json
from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.domain.states import AttemptOutcome, DecisionKind, HandoffKind, ReceiptKind
from orchestration.memory.rows import Memory
from orchestration.models.process import WorkerProcess
from orchestration.models.run import Run, Step
from orchestration.usage import Used


class CurrentTransaction(models.Func):
    """The id of the transaction that writes: 64 bits, never used again."""

    template = "pg_current_xact_id()::text::bigint"
    arity = 0
    output_field = models.BigIntegerField()


class Attempt(models.Model):
    """One try of a step, written before the body starts."""

    # As in run.py, a foreign key has no index of its own where another one begins with it.
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    number = models.PositiveIntegerField(help_text="From 1.")
    token = models.UUIDField()
    process = models.ForeignKey(
        WorkerProcess, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    task_id = models.CharField(max_length=100, help_text="Celery's task id; Flower's page of it.")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(  # noqa: DJ001 - NULL is "not ended"
        max_length=12, null=True, choices=[(o.value, o.value) for o in AttemptOutcome]
    )
    agent = models.CharField(max_length=200)
    agent_version = models.PositiveIntegerField(null=True)
    confidence = models.FloatField(null=True)
    failure_kind = models.CharField(max_length=20, default="")
    error_class = models.CharField(max_length=200, default="")
    error_message = models.TextField(default="")
    traceback_tail = models.TextField(default="")

    class Meta:
        ordering = ("step", "number")
        constraints = (
            models.UniqueConstraint(fields=("step", "number"), name="attempt_number_once"),
            models.CheckConstraint(
                condition=Q(outcome__isnull=True, finished_at__isnull=True)
                | Q(outcome__isnull=False, finished_at__isnull=False),
                name="attempt_ended_has_outcome",
            ),
        )

    def __str__(self) -> str:
        """Return the number."""
        return f"attempt {self.number}"

    @property
    def used(self) -> Used:
        """Return what its agent said that it used."""
        usage = getattr(self, "usage", None)
        return usage.used if usage else Used()


class Decision(models.Model):
    """What the policy chose after an attempt, and the rule that chose it. One per attempt."""

    attempt = models.OneToOneField(Attempt, on_delete=models.CASCADE, related_name="decision")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="decisions", db_constraint=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    rule = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in DecisionKind])
    reason = models.TextField(default="", help_text="In words, for a person.")
    inputs_json = models.TextField(help_text="What the policy saw.")
    due_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField()

    class Meta:
        indexes = (BrinIndex(fields=("decided_at",), name="decision_by_time"),)

    def __str__(self) -> str:
        """Return what was decided and by which rule."""
        return f"{self.kind} ({self.rule})"


class Handoff(models.Model):
    """What one attempt received from one step: digest of the exact bytes, tokens before and after."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="handoffs", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="handoffs", db_constraint=False)
    from_step = models.ForeignKey(
        Step, on_delete=models.CASCADE, related_name="handoffs_out", db_constraint=False
    )
    to_step = models.ForeignKey(
        Step, on_delete=models.CASCADE, related_name="handoffs_in", db_constraint=False
    )
    original_digest = models.CharField(max_length=64, help_text="SHA-256 of the sender's output.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the bytes handed over.")
    tokens_before = models.PositiveIntegerField()
    tokens_after = models.PositiveIntegerField()
    summary_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "handed over whole"
    summarised_by = models.CharField(max_length=100, default="", help_text="Summariser and version.")
    loss_json = models.TextField(  # noqa: DJ001 - NULL is "nothing was lost"
        null=True, help_text="What its summary lost, as counts."
    )
    handed_at = models.DateTimeField()
    kind = models.CharField(
        max_length=10, choices=[(k.value, k.value) for k in HandoffKind], db_default=HandoffKind.OUTPUT.value
    )
    pointer = models.TextField(null=True, help_text="What was fetched.")  # noqa: DJ001 - NULL is "nothing was"
    # A memory has no step of this run that sent it: such a row names its receiver as its sender, too.
    memory = models.ForeignKey(
        Memory, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    source = models.TextField(  # noqa: DJ001 - NULL is "the sender"
        null=True, help_text="Of a memory: which, and who wrote it."
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("attempt", "from_step"),
                condition=Q(kind=HandoffKind.OUTPUT),
                name="handoff_once",
            ),
            models.UniqueConstraint(
                fields=("attempt", "memory"),
                condition=Q(kind=HandoffKind.RECALL),
                nulls_distinct=False,
                name="handoff_recalled_once",
            ),
            models.CheckConstraint(
                condition=Q(kind=HandoffKind.RECALL, source__isnull=False, summary_json=None)
                | ~Q(kind=HandoffKind.RECALL) & Q(memory=None, source=None),
                name="handoff_of_memory_is_told",
            ),
        )
        indexes = (
            BrinIndex(fields=("handed_at",), name="handoff_by_time"),
            models.Index(fields=("memory",), condition=Q(memory__isnull=False), name="handoff_of_memory"),
        )

    def __str__(self) -> str:
        """Return both ends."""
        return f"{self.from_step_id} -> {self.to_step_id}"

    @property
    def sender(self) -> str:
        """Return what names where it came from: the step, or the memory with its writer."""
        return self.source or self.from_step.key

    @property
    def loss(self) -> dict[str, Any] | None:
        """Return what its summary lost, as counts; None where nothing was, or nobody counted."""
        return None if self.loss_json is None else json.loads(self.loss_json)


class Receipt(models.Model):
    """The proof of a step's final output: a node of the run's Merkle DAG. See `domain/receipts.py`."""

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="receipts", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="receipts", db_constraint=False)
    round = models.PositiveSmallIntegerField()
    revision = models.PositiveIntegerField(db_default=0, help_text="The step's, at the time.")
    kind = models.CharField(max_length=12, choices=[(k.value, k.value) for k in ReceiptKind])
    digest = models.CharField(max_length=64)
    body_json = models.TextField(help_text="What the digest is over, canonical JSON.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("step", "round", "revision"), name="receipt_once"),)

    def __str__(self) -> str:
        """Return the digest's beginning."""
        return self.digest[:12]


class PastOutput(models.Model):
    """What a step had put out before it was sent back to be done anew; written once."""

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="past_outputs")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    round = models.PositiveSmallIntegerField()
    revision = models.PositiveIntegerField()
    status = models.CharField(max_length=10, help_text="Succeeded or skipped.")
    output_json = models.TextField(help_text="Canonical JSON.")
    output_digest = models.CharField(max_length=64)
    receipt_digest = models.CharField(max_length=64)
    finished_at = models.DateTimeField()
    superseded_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("step", "round", "revision"), name="past_output_once"),
        )

    def __str__(self) -> str:
        """Return which of the step's outputs it was."""
        return f"round {self.round}, revision {self.revision}"


class Seal(models.Model):
    """The signed root of a run's round, made when it closes."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="seals")
    round = models.PositiveSmallIntegerField()
    body_json = models.TextField(help_text="What is signed, canonical JSON.")
    root = models.CharField(max_length=64, help_text="SHA-256 of the body.")
    signature = models.CharField(max_length=128, help_text="Ed25519 over the root, hexadecimal.")
    public_key = models.CharField(max_length=64, help_text="Ed25519 public key, hexadecimal.")
    sealed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=("run", "round"), name="seal_once"),)

    def __str__(self) -> str:
        """Return the root's beginning."""
        return self.root[:12]


class Event(models.Model):
    """One line of the append-only history. A trigger refuses UPDATE, and DELETE of a live run's lines."""

    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="events", db_constraint=False, db_index=False
    )
    step = models.ForeignKey(
        Step, null=True, on_delete=models.CASCADE, related_name="events", db_constraint=False
    )
    attempt = models.PositiveIntegerField(null=True)
    kind = models.CharField(max_length=40)
    data_json = models.TextField(default="{}")
    # The moment of the write, not of the transaction's start: two lines of one transaction keep their order by id.
    at = models.DateTimeField()
    # Ids are given out before the commit: only by its transaction can a follower tell that no earlier line is to come.
    transaction_id = models.BigIntegerField(db_default=CurrentTransaction())

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("run", "id"), name="event_of_run"),
            models.Index(fields=("run", "transaction_id", "id"), name="event_to_follow"),
            BrinIndex(fields=("at",), name="event_by_time"),
        )

    def __str__(self) -> str:
        """Return the kind."""
        return self.kind
