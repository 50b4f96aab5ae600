"""Messages on their way to people, and how each channel does."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from escalation.models.clock import ClockTimestamp
from escalation.models.notice import Notice

WAITS = Q(sent_at__isnull=True, gave_up_at__isnull=True)
"""Of a delivery that is still to be sent."""


class Delivery(models.Model):
    """One message over one channel, to a person or to whom the channel's settings name. Written by `escalation.notify`.

    It is sent at least once: who dies between sending and saying so lets it be sent again, under the same id.
    """

    # The Message-ID and the webhook-id: receivers tell by it what came twice.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notices = models.ManyToManyField(Notice, related_name="deliveries")
    channel = models.CharField(max_length=60)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    made_at = models.DateTimeField(db_default=ClockTimestamp())
    due_at = models.DateTimeField(help_text="When it is to be sent, or tried again.")
    is_gathering = models.BooleanField(
        default=False, help_text="What else the person is told until then comes in the same message."
    )
    tries = models.PositiveIntegerField(default=0)
    claim = models.UUIDField(null=True, help_text="Of whoever sends it now.")
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    gave_up_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="")

    class Meta:
        ordering = ("-made_at", "id")
        verbose_name = "message"
        constraints = (
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(gave_up_at__isnull=True), name="delivery_ends_once"
            ),
            models.CheckConstraint(
                condition=(Q(claim__isnull=True) & Q(claimed_until__isnull=True))
                | (Q(claim__isnull=False) & Q(claimed_until__isnull=False)),
                name="delivery_claim_is_leased",
            ),
            models.UniqueConstraint(
                fields=("channel", "person"),
                condition=Q(is_gathering=True),
                nulls_distinct=False,
                name="delivery_gathers_once",
            ),
        )
        indexes = (
            models.Index(fields=("channel", "due_at"), condition=WAITS, name="delivery_waits"),
            models.Index(
                fields=("channel", "gave_up_at"), condition=Q(gave_up_at__isnull=False), name="delivery_lost"
            ),
        )

    def __str__(self) -> str:
        """Return over what it goes."""
        return f"message over {self.channel}"

    @property
    def state(self) -> str:
        """Return what became of it, in a word or two."""
        if self.sent_at is not None:
            return "sent"
        if self.gave_up_at is not None:
            return "given up"
        return "failed before" if self.last_error else "waiting"


class ChannelState(models.Model):
    """How a channel has done lately. Written by whoever sends over it."""

    name = models.CharField(max_length=60, primary_key=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    paused_until = models.DateTimeField(
        null=True, help_text="It is left alone until then; after that one try decides."
    )
    last_sent_at = models.DateTimeField(null=True)
    last_failed_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="")

    def __str__(self) -> str:
        """Return the name."""
        return self.name
