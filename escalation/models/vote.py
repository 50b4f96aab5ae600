"""Where several people decide a ticket, each on their own: their seats, and their votes."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from escalation.models.clock import ClockTimestamp
from orchestration.domain.hold_fields import Scope
from orchestration.domain.states import ResolutionKind


class Seat(models.Model):
    """One person's claim on a ticket that several decide; written by `escalation.escrow` under the ticket's lock.

    A seat is free for others once its lease ran out or was given back, and for nobody once they voted. It goes with
    the vote's end, whatever ends it.
    """

    ticket = models.ForeignKey("Ticket", on_delete=models.CASCADE, related_name="seat_rows")
    number = models.PositiveSmallIntegerField(help_text="From 1 to as many as the ticket has seats.")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    claim_number = models.PositiveIntegerField(help_text="Of the ticket's claims; a vote names its own.")
    claimed_at = models.DateTimeField()
    claim_expires_at = models.DateTimeField(null=True, help_text="Null: given back, or voted.")
    draft_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "no draft"
    has_voted = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("ticket", "number"), name="seat_once"),
            models.UniqueConstraint(fields=("ticket", "person"), name="seat_one_a_person"),
            models.CheckConstraint(condition=Q(number__gte=1), name="seat_numbered"),
            models.CheckConstraint(
                condition=Q(has_voted=False) | Q(claim_expires_at__isnull=True, draft_json__isnull=True),
                name="seat_voted_is_no_claim",
            ),
        )

    def __str__(self) -> str:
        """Return which seat it is."""
        return f"seat {self.number} of ticket {self.ticket_id}"


class Vote(models.Model):
    """What one of several people decided, each on their own. Only appended: a trigger refuses every change.

    Nobody but who cast it is shown it before the ticket is decided, or before a lead has to.
    """

    at = models.DateTimeField(db_default=ClockTimestamp())
    # No constraint, as of a comment. The person: PROTECT, who decided must stay known.
    ticket = models.ForeignKey(
        "Ticket", on_delete=models.DO_NOTHING, related_name="votes", db_constraint=False, db_index=False
    )
    seat = models.PositiveSmallIntegerField()
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    claim_number = models.PositiveIntegerField(help_text="Of the claim under which it was cast.")
    seen_digest = models.CharField(max_length=64, help_text="SHA-256 of what the person saw.")
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in ResolutionKind])
    output_digest = models.CharField(max_length=64, help_text="SHA-256 of what would take effect.")
    output_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "none"; an output may be the text ""
    feedback = models.TextField(default="")
    note = models.TextField(default="")
    agent = models.CharField(max_length=200, default="")
    reason_code = models.CharField(max_length=50, default="")
    scope = models.CharField(max_length=4, default="", choices=[(s.value, s.value) for s in Scope])

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("at",), name="vote_at"),)  # what each person did within the hour
        constraints = (
            models.UniqueConstraint(fields=("ticket", "seat"), name="vote_once_a_seat"),
            models.UniqueConstraint(fields=("ticket", "person"), name="vote_once_a_person"),
            models.CheckConstraint(
                condition=Q(kind__in=[k.value for k in ResolutionKind if k is not ResolutionKind.DEFAULT]),
                name="vote_kind_known",
            ),
        )

    def __str__(self) -> str:
        """Return whose it is; not what it says."""
        return f"vote {self.seat} on ticket {self.ticket_id}"
