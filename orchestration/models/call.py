"""The journal of calls: what an agent called once, what answered, and each time that it was tried.

A call is written before it is made and answered once; a try ends once. Neither is ever deleted. docs/adr/0039.
"""

from dataclasses import fields

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast, Now

from agents.domain.calls import MOST_NAME, MOST_PATH, CallKind
from agents.domain.usage import CallUsage, show_micro_usd
from orchestration.domain.calls import CallState, TryState
from orchestration.domain.states import StepStatus
from orchestration.models.run import Run, Step

_UNDONE = [CallState.BEGUN.value, CallState.OPEN.value]


class Call(models.Model):
    """One call of a step's agent: an identity with at most one answer."""

    step = models.ForeignKey(
        Step, on_delete=models.CASCADE, related_name="calls", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="calls", db_constraint=False)
    journal = models.IntegerField(
        help_text="Changes with the step's idempotency key: work that is done anew calls anew."
    )
    version = models.IntegerField(db_default=1, help_text="Of the contract of the agent that asked it first.")
    path = models.CharField(max_length=MOST_PATH, help_text="Names it within the journal.")
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in CallKind])
    name = models.CharField(max_length=MOST_NAME)
    request_json = models.TextField(help_text="What was asked: canonical JSON.")
    request_digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in CallState])
    begun_at = models.DateTimeField(db_default=Now(), help_text="The first time.")
    ended_at = models.DateTimeField(null=True)
    response_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "no answer yet"
    response_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001
    due_at = models.DateTimeField(null=True, help_text="When a wait is over by itself.")
    signal = models.ForeignKey(
        "Signal",
        null=True,
        on_delete=models.PROTECT,
        related_name="calls",
        db_constraint=False,
        db_index=False,
        help_text="What answered a wait for a signal.",
    )
    awaited_in = models.IntegerField(
        null=True,
        help_text="Number of the step's attempt that was suspended with it; others don't wait for it.",
    )
    is_past = models.BooleanField(
        db_default=False, help_text="A person let the step go on: it is waited for anew, under another path."
    )
    unread = models.BooleanField(
        db_default=False, help_text="A wait was answered, and no attempt has had the answer yet."
    )
    # What it used, where that is known; `CallUsage` says what each means.
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cache_read_tokens = models.BigIntegerField(null=True)
    cache_write_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    cost_micro_usd = models.BigIntegerField(null=True)
    provider = models.TextField(null=True)  # noqa: DJ001 - NULL is "nothing was said", in these four
    model = models.TextField(null=True)  # noqa: DJ001
    response_id = models.TextField(null=True)  # noqa: DJ001
    finish_reason = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        ordering = ("step", "id")
        constraints = (
            models.UniqueConstraint(fields=("step", "journal", "path"), name="call_once"),
            models.CheckConstraint(
                condition=Q(state=CallState.DONE, ended_at__isnull=False, response_json__isnull=False)
                | Q(state__in=_UNDONE, ended_at__isnull=True, response_json__isnull=True),
                name="call_done_has_answer",
            ),
        )
        indexes = (
            models.Index(
                fields=("due_at",),
                condition=Q(state=CallState.OPEN, awaited_in__isnull=False, due_at__isnull=False),
                name="call_due",
            ),
            models.Index(
                fields=("run", "name"),
                condition=Q(state=CallState.OPEN, kind=CallKind.SIGNAL),
                name="call_awaits_signal",
            ),
            models.Index(fields=("step",), condition=Q(unread=True), name="call_unread"),
            models.Index(
                fields=("step",), condition=Q(state=CallState.OPEN, kind=CallKind.MESSAGE), name="call_asks"
            ),
            # Which looks found a memory: their answers name what they found.
            GinIndex(
                Cast("response_json", models.JSONField()),
                condition=Q(kind=CallKind.MEMORY, state=CallState.DONE) & ~Q(name="pin"),
                name="call_found",
            ),
            BrinIndex(fields=("begun_at",), name="call_by_time"),
        )

    def __str__(self) -> str:
        """Return the path."""
        return self.path

    @property
    def is_awaited(self) -> bool:
        """Tell whether its step waits for it, as `orchestration/awaited.py` says it; the step must be loaded."""
        step = self.step
        return (
            self.state == CallState.OPEN
            and (self.journal, self.awaited_in) == (step.renewals, step.attempt)
            and step.status in {StepStatus.WAITING, StepStatus.HELD}
        )

    @property
    def usage(self) -> CallUsage | None:
        """Return what it used; None where nothing was said of it."""
        said = {each.name: getattr(self, each.name) for each in fields(CallUsage)}
        return None if said["finish_reason"] is None else CallUsage(**said)


class CallTry(models.Model):
    """One time that a call was made, under one claim."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="tries", db_index=False)
    step = models.ForeignKey(
        Step, on_delete=models.CASCADE, related_name="call_tries", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    number = models.IntegerField(help_text="From 1.")
    attempt = models.IntegerField(help_text="Number of the step's attempt.")
    token = models.UUIDField(help_text="Of the claim under which it was made.")
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in TryState])
    begun_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(db_default="", help_text="What it raised, or why it is lost.")
    tokens = models.BigIntegerField(null=True, help_text="In and out; NULL: nothing was said.")
    cost_micro_usd = models.BigIntegerField(null=True)
    pots = ArrayField(models.BigIntegerField(), null=True, help_text="The pots that it reserved in.")
    reserved_tokens = models.BigIntegerField(null=True)
    reserved_micro_usd = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("call", "number")
        constraints = (
            models.UniqueConstraint(fields=("call", "token"), name="call_try_once"),
            models.CheckConstraint(
                condition=Q(state=TryState.BEGUN, ended_at__isnull=True)
                | (~Q(state=TryState.BEGUN) & Q(ended_at__isnull=False)),
                name="call_try_ended_is_dated",
            ),
        )
        indexes = (
            models.Index(fields=("step",), condition=Q(state=TryState.BEGUN), name="call_try_open"),
            BrinIndex(fields=("begun_at",), name="call_try_by_time"),
        )

    def __str__(self) -> str:
        """Return the number."""
        return f"try {self.number}"

    @property
    def cost_usd(self) -> str | None:
        """Return the cost in US dollars as a plain decimal; None where nothing was said of it."""
        return None if self.cost_micro_usd is None else show_micro_usd(self.cost_micro_usd)
