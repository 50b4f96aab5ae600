"""Breakers: a row once an agent's breaker has opened, a row per change, a row per failure that counts.

A healthy agent has no breaker's row at all, and success writes none; how often it is called, processes note with
their beat.
"""

from django.db import models
from django.db.models import Q

from agents.domain.circuit import COUNTED, BreakerState
from agents.domain.contract import MAX_NAME_LENGTH

_STATES = [(state.value, state.value) for state in BreakerState]


class Breaker(models.Model):
    """Where the breaker of one agent, or of one model of a provider, stands, for all workers and runs."""

    agent = models.CharField(primary_key=True, max_length=MAX_NAME_LENGTH)
    state = models.CharField(max_length=10, choices=_STATES)
    until = models.DateTimeField(null=True, help_text="When an open breaker lets a probe pass.")
    pause_seconds = models.FloatField(help_text="Of the present opening; doubled by each failed probe.")
    probe_token = models.UUIDField(null=True, help_text="The claim of the one probe under way.")
    opening = models.BigIntegerField(
        help_text="The event that opened it: one number from closed to closed, however many probes fail."
    )
    asked_step = models.BigIntegerField(
        null=True, help_text="The step that asks people about the present opening; no other does."
    )
    opened_at = models.DateTimeField(help_text="When it left `closed` last.")
    closed_at = models.DateTimeField(null=True, help_text="Failures before this are forgiven.")
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ("agent",)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in BreakerState]), name="breaker_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=BreakerState.OPEN.value, until__isnull=False)
                | (~Q(state=BreakerState.OPEN.value) & Q(until__isnull=True)),
                name="breaker_open_has_until",
            ),
            models.CheckConstraint(
                condition=Q(probe_token__isnull=True) | Q(state=BreakerState.HALF_OPEN.value),
                name="breaker_probe_is_half_open",
            ),
        )

    def __str__(self) -> str:
        """Return the agent's name."""
        return self.agent


class BreakerEvent(models.Model):
    """One change of a breaker. Append-only; a trigger refuses the rest."""

    agent = models.CharField(max_length=MAX_NAME_LENGTH)
    from_state = models.CharField(max_length=10, choices=_STATES)
    to_state = models.CharField(max_length=10, choices=_STATES)
    at = models.DateTimeField()
    why = models.TextField(help_text="In words.")
    by = models.CharField(max_length=150, default="", help_text="Who, when a person reset it.")

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("agent", "-id"), name="breaker_event_of_agent"),)

    def __str__(self) -> str:
        """Return what changed."""
        return f"{self.agent}: {self.from_state} -> {self.to_state}"


class CountedFailure(models.Model):
    """A failure that says something about an agent's health. Kept as long as windows reach, and a little more."""

    agent = models.CharField(max_length=MAX_NAME_LENGTH)
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.value) for kind in sorted(COUNTED)])
    is_presumed = models.BooleanField(
        db_default=False,
        help_text="The call is under way to an agent that failed a moment ago; it may yet be answered.",
    )
    attempt = models.BigIntegerField(
        help_text="The attempt that failed; each counts once for an agent or model."
    )

    class Meta:
        constraints = (models.UniqueConstraint(fields=("attempt", "agent"), name="counted_failure_once"),)
        indexes = (
            models.Index(fields=("agent", "at"), name="counted_failure_of_agent"),
            models.Index(fields=("at",), name="counted_failure_by_age"),
        )

    def __str__(self) -> str:
        """Return whose and what."""
        return f"{self.agent}: {self.kind}"


class AgentCalls(models.Model):
    """How often one process called an agent within a few seconds. Kept as long as windows reach."""

    agent = models.CharField(max_length=MAX_NAME_LENGTH)
    process = models.BigIntegerField(help_text="The worker process that counted.")
    at = models.DateTimeField(help_text="When those seconds began.")
    calls = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("agent", "process", "at"), name="agent_calls_once"),)
        indexes = (
            models.Index(fields=("agent", "at"), name="agent_calls_of_agent"),
            models.Index(fields=("at",), name="agent_calls_by_age"),
        )

    def __str__(self) -> str:
        """Return whose and how many."""
        return f"{self.agent}: {self.calls}"
