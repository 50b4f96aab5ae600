"""Opens the tickets of accepted work that was drawn for a second look. Late is no harm: nothing waits for them."""

from typing import Final

from django.db.models import Exists, Max, OuterRef

from escalation.escrow import open_audit_ticket
from escalation.models import Ticket
from orchestration.maintenance.each import do_each, for_a_while, in_any_order
from orchestration.models import AuditSample

# One sweep stays short; what is left is found by the next.
SWEEP_LIMIT: Final = 100
_BEHIND: Final = 1_000
"""Samples may commit in another order than their numbers; one so far behind is left out, and harms no estimate."""


def open_audit_tickets() -> None:
    """Open a ticket for each new sample, each in a transaction of its own."""
    last = Ticket.objects.filter(sample__isnull=False).aggregate(last=Max("sample"))["last"] or 0
    has_ticket = Exists(Ticket.objects.filter(sample=OuterRef("pk")))
    new = AuditSample.objects.filter(~has_ticket, pk__gt=last - _BEHIND).order_by("pk")
    samples = new.values_list("pk", flat=True)[:SWEEP_LIMIT]
    do_each("open_audit_tickets", for_a_while(in_any_order(samples)), open_audit_ticket)
