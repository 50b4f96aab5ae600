"""Decisions that wait to take effect."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from orchestration.domain.hold_fields import Scope
from orchestration.domain.states import ResolutionKind


class PendingResolution(models.Model):
    """What somebody decided in a queue with a grace period; at most one a ticket, and it never changes.

    The row goes when the decision takes effect, is taken back, or is void because nothing is left to decide. While it
    is there, the open ticket says so in `decided_at`: triggers see to it that one is never without the other.
    """

    ticket = models.OneToOneField(
        "Ticket", primary_key=True, on_delete=models.CASCADE, related_name="pending"
    )
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in ResolutionKind])
    claim_number = models.PositiveIntegerField(help_text="Of the claim under which it was decided.")
    seen_digest = models.CharField(max_length=64, help_text="SHA-256 of what the person saw.")
    output_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "none"; an output may be the text ""
    feedback = models.TextField(default="")
    note = models.TextField(default="")
    agent = models.CharField(max_length=200, default="")
    reason_code = models.CharField(max_length=50, default="")
    scope = models.CharField(max_length=4, default="", choices=[(s.value, s.value) for s in Scope])
    # PROTECT: who decided must be known when it takes effect.
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    takes_effect_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=[k.value for k in ResolutionKind if k is not ResolutionKind.DEFAULT]),
                name="pending_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(takes_effect_at__gt=F("decided_at")), name="pending_takes_effect_later"
            ),
        )

    def __str__(self) -> str:
        """Return what waits."""
        return f"{self.kind} of ticket {self.ticket_id}"
