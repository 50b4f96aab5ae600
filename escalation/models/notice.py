"""What people are told."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from escalation.domain.notices import MOST_KEY
from escalation.models.clock import ClockTimestamp


class Notice(models.Model):
    """Something that one recipient is told. Written by `escalation.notify.announce` alone, in the caller's transaction.

    The recipient is a person; or a channel; or, with neither, the channels that the queue has chosen. How and when it
    reaches them is worked out afterwards.
    """

    # Of the key and the recipient: two who announce the same write the same row.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(
        max_length=MOST_KEY, help_text="What is told, once for each recipient however often it is announced."
    )
    happening = models.CharField(
        max_length=10
    )  # a `Happening`; no list in the database, which would change with each word
    level = models.PositiveSmallIntegerField(default=0, help_text="Of escalation; 0: none.")
    # No constraints: telling must lock neither the ticket nor the account, and outlives both.
    ticket = models.ForeignKey(
        "Ticket", null=True, on_delete=models.DO_NOTHING, related_name="notices", db_constraint=False
    )
    queue = models.ForeignKey(
        "ReviewQueue",
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    channel = models.CharField(max_length=60, default="", blank=True)
    data_json = models.TextField(default="{}", help_text="What else there is to say, as JSON.")
    made_at = models.DateTimeField(db_default=ClockTimestamp())
    planned_at = models.DateTimeField(null=True, help_text="When it was worked out how it is sent.")
    retry_at = models.DateTimeField(
        null=True, help_text="When that is tried again; empty: it never failed, and goes before all that did."
    )

    class Meta:
        ordering = ("made_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(person__isnull=True) | Q(channel=""), name="notice_has_one_recipient"
            ),
        )
        indexes = (
            models.Index(fields=("made_at",), condition=Q(planned_at__isnull=True), name="notice_unplanned"),
        )

    def __str__(self) -> str:
        """Return what is told."""
        return f"{self.happening} {self.key}"
