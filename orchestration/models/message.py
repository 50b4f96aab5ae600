"""Messages and where they went. Neither is ever deleted. docs/adr/0045."""

import json
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.domain.addresses import MOST_KEY, MOST_NAME
from agents.domain.outbox import MessageKind
from orchestration.domain.mail import DeliveryState
from orchestration.models.actor import MOST_SENDER, Actor, Topic
from orchestration.models.call import Call
from orchestration.models.run import Run, Step
from orchestration.models.workflow import Project


class Message(models.Model):
    """One message, written with what its sender finished. Only that it was routed is added."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="messages", db_index=False)
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in MessageKind])
    topic = models.ForeignKey(
        Topic, null=True, on_delete=models.PROTECT, related_name="messages", db_index=False
    )
    schema_version = models.PositiveIntegerField(null=True)
    sender = models.CharField(max_length=MOST_SENDER)
    sender_actor = models.ForeignKey(
        Actor, null=True, on_delete=models.PROTECT, related_name="sent", db_constraint=False, db_index=False
    )
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    run = models.ForeignKey(
        Run, null=True, on_delete=models.CASCADE, related_name="messages", db_constraint=False
    )
    step = models.ForeignKey(
        Step,
        null=True,
        on_delete=models.CASCADE,
        related_name="messages",
        db_constraint=False,
        db_index=False,
    )
    attempt = models.IntegerField(null=True, help_text="Number of the step's attempt that said it.")
    to_name = models.CharField(max_length=MOST_NAME, db_default="")
    to_key = models.CharField(max_length=MOST_KEY, db_default="")
    asked_by = models.ForeignKey(
        Call,
        null=True,
        on_delete=models.CASCADE,
        related_name="messages",
        db_constraint=False,
        db_index=False,
        help_text="The open call that waits for the answer.",
    )
    answers = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="replies", db_index=False
    )
    is_failure = models.BooleanField(db_default=False, help_text="A reply that says why there is no answer.")
    key = models.CharField(  # noqa: DJ001 - NULL is "no key"
        max_length=300, null=True, help_text="The same message once more has the same key."
    )
    body_json = models.TextField(help_text="Canonical JSON.")
    digest = models.CharField(max_length=64)
    hops = models.IntegerField(help_text="Turns between it and somebody outside.")
    chain = ArrayField(
        models.TextField(), db_default=[], help_text="Addresses that wait, directly or not, for its answer."
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    due_at = models.DateTimeField(null=True, help_text="Before then it goes nowhere.")
    sent_at = models.DateTimeField(db_default=Now())
    routed_at = models.DateTimeField(null=True, help_text="When its deliveries were written.")
    refusal = models.TextField(db_default="", help_text="What could not be delivered, and why.")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("project", "sender", "key"), condition=Q(key__isnull=False), name="message_key_once"
            ),
            models.UniqueConstraint(
                fields=("answers",), condition=Q(answers__isnull=False), name="message_answered_once"
            ),
            models.CheckConstraint(
                condition=Q(topic__isnull=False, to_name="")
                | Q(topic__isnull=True) & (~Q(to_name="") | Q(answers__isnull=False)),
                name="message_goes_somewhere",
            ),
        )
        indexes = (
            models.Index(
                fields=("project", "sender", "id"),
                condition=Q(routed_at__isnull=True),
                name="message_unrouted",
            ),
            models.Index(
                fields=("id",), condition=Q(routed_at__isnull=True, due_at__isnull=True), name="message_left"
            ),
            models.Index(
                fields=("due_at",),
                condition=Q(routed_at__isnull=True, due_at__isnull=False),
                name="message_due",
            ),
            models.Index(
                fields=("topic", "sender", "sent_at", "id"),
                condition=Q(topic__isnull=False),
                name="message_published",
            ),
            models.Index(fields=("project", "sender", "sent_at"), name="message_of_sender"),
            models.Index(fields=("asked_by",), condition=Q(asked_by__isnull=False), name="message_asked_by"),
            models.Index(fields=("key",), condition=Q(key__isnull=False), name="message_by_key"),
            BrinIndex(fields=("sent_at",), name="message_by_time"),
        )

    def __str__(self) -> str:
        """Return whence it comes and where it goes."""
        return f"{self.sender} -> {self.topic_id or self.to_name}"

    @property
    def body(self) -> Any:
        """Return what it says, as a JSON value."""
        return json.loads(self.body_json)


class Delivery(models.Model):
    """A message in the mailbox of one actor, and what became of it there."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    actor = models.ForeignKey(Actor, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    state = models.CharField(
        max_length=10,
        choices=[(s.value, s.value) for s in DeliveryState],
        db_default=DeliveryState.QUEUED.value,
    )
    run = models.ForeignKey(
        Run, null=True, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False
    )
    turn = models.IntegerField(null=True, help_text="Number of the actor's turn that got it.")
    reason = models.TextField(db_default="", help_text="Why it is dead.")
    delivered_at = models.DateTimeField(db_default=Now())
    taken_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    resent = models.IntegerField(db_default=0, help_text="Times that it was sent again.")

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("message", "actor"), name="delivery_once"),)
        indexes = (
            models.Index(
                fields=("actor", "message"), condition=Q(state=DeliveryState.QUEUED), name="delivery_queued"
            ),
            models.Index(
                fields=("actor", "-message"), condition=Q(state=DeliveryState.DEAD), name="delivery_dead"
            ),
            models.Index(fields=("actor", "-message"), name="delivery_of_actor"),
            BrinIndex(fields=("delivered_at",), name="delivery_by_time"),
            BrinIndex(fields=("taken_at",), name="delivery_taken_by_time"),
        )

    def __str__(self) -> str:
        """Return the state."""
        return self.state


class PendingEffects(models.Model):
    """What an answer that somebody must accept first would do: written when it is accepted as it stands."""

    step = models.ForeignKey(
        Step, on_delete=models.CASCADE, related_name="pending_effects", db_constraint=False
    )
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    attempt = models.IntegerField(help_text="Number of the step's attempt that answered so.")
    revision = models.IntegerField()
    effects_json = models.TextField(help_text="Lines by the name of their effect.")
    at = models.DateTimeField()
    remembers = models.BooleanField(db_default=False, help_text="Memories are among them.")
    forgotten = models.ForeignKey(
        "orchestration.Forgetting",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="The last one that took memories out of it.",
    )

    class Meta:
        indexes = (models.Index(fields=("run",), condition=Q(remembers=True), name="pending_remembers"),)

    def __str__(self) -> str:
        """Return whose they are."""
        return f"effects of step {self.step_id}"
