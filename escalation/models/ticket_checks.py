"""What holds for every ticket, as PostgreSQL checks it: stated a second time beside the code that writes."""

from typing import Final

from django.db import models
from django.db.models import F, Func, Q, Value

from escalation.domain.states import TicketStatus
from orchestration.domain.hold_fields import Scope
from orchestration.domain.holds import BY_RULE, SUBJECTS, HoldSubject
from orchestration.domain.states import ResolutionKind

_NEVER_SET_WITHOUT_RESOLUTION = Q(
    resolution__isnull=True,
    resolved_by__isnull=True,
    resolved_rule="",
    resolved_at__isnull=True,
    resolution_output_json__isnull=True,
    feedback="",
    note="",
    reason_code="",
    handed_to="",
    scope="",
)
# A rule decides beside what people can choose.
_BY_RULE = Q(resolved_by__isnull=True, resolution__in=[kind.value for kind in BY_RULE]) & ~Q(resolved_rule="")
_BY_PERSON = Q(resolved_by__isnull=False, resolved_rule="")


_PUT_OUT = ("approve", "edit", "answer", "default")
IS_AUDIT = Q(subject=HoldSubject.AUDIT.value)
"""It looks again at accepted work: no step waits for it."""


def _goes_with_its_subject() -> Q:
    """Return the condition that a ticket is about something known, and that what was chosen goes with that."""
    known = Q()
    for subject, asked in SUBJECTS.items():
        kinds = list(dict.fromkeys(way.kind.value for way in asked.ways))
        kinds += [kind.value for kind in BY_RULE if asked.holds and kind.value not in kinds]
        known |= Q(subject=subject.value) & (Q(resolution__isnull=True) | Q(resolution__in=kinds))
    return known


def _sha256_hex(field: str) -> Func:
    octets = Func(F(field), Value("UTF8"), function="convert_to")
    digest = Func(octets, function="sha256")
    return Func(digest, Value("hex"), function="encode", output_field=models.CharField())


CHECKS: Final = (
    # Of an audit there is one for each sample, beside the one of a step that is held anew.
    models.UniqueConstraint(
        fields=("step",), condition=Q(status="open") & ~IS_AUDIT, name="ticket_open_once"
    ),
    models.CheckConstraint(
        condition=(IS_AUDIT & Q(sample__isnull=False)) | (~IS_AUDIT & Q(sample__isnull=True)),
        name="ticket_audit_has_sample",
    ),
    models.CheckConstraint(condition=Q(status__in=list(TicketStatus)), name="ticket_status_known"),
    models.CheckConstraint(
        condition=Q(resolution__isnull=True) | Q(resolution__in=list(ResolutionKind)),
        name="ticket_resolution_known",
    ),
    models.CheckConstraint(condition=_goes_with_its_subject(), name="ticket_subject_known"),
    models.CheckConstraint(
        condition=Q(status=TicketStatus.RESOLVED, resolution__isnull=False, resolved_at__isnull=False)
        & (_BY_PERSON | _BY_RULE)
        | (~Q(status=TicketStatus.RESOLVED) & _NEVER_SET_WITHOUT_RESOLUTION),
        name="ticket_resolved_is_decided",
    ),
    models.CheckConstraint(
        condition=Q(status=TicketStatus.WITHDRAWN, withdrawn_at__isnull=False)
        | (~Q(status=TicketStatus.WITHDRAWN) & Q(withdrawn_at__isnull=True, withdrawn_reason="")),
        name="ticket_withdrawn_is_dated",
    ),
    models.CheckConstraint(
        condition=Q(resolution__in=_PUT_OUT, resolution_output_json__isnull=False)
        | (
            (Q(resolution__isnull=True) | ~Q(resolution__in=_PUT_OUT))
            & Q(resolution_output_json__isnull=True)
        ),
        name="ticket_output_is_approved",
    ),
    models.CheckConstraint(
        condition=~Q(resolution="approve") | Q(has_proposal=True), name="ticket_approved_was_proposed"
    ),
    models.CheckConstraint(
        condition=~Q(resolution="send_back") | ~Q(feedback=""), name="ticket_sent_back_has_feedback"
    ),
    models.CheckConstraint(
        condition=Q(resolution="hand_on") & ~Q(handed_to="")
        | (Q(resolution__isnull=True) | ~Q(resolution="hand_on")) & Q(handed_to=""),
        name="ticket_handed_to_somebody",
    ),
    models.CheckConstraint(
        condition=Q(scope="") | Q(resolution="close", scope__in=[s.value for s in Scope]),
        name="ticket_scope_is_of_a_closing",
    ),
    # One-sided: when an account is deleted, its claim ends and only the date stays behind.
    models.CheckConstraint(
        condition=Q(claimed_by__isnull=True)
        | Q(
            status=TicketStatus.OPEN,
            claim_expires_at__isnull=False,
            touched_at__isnull=False,
            claim_number__gte=1,
        ),
        name="ticket_claim_is_leased",
    ),
    models.CheckConstraint(
        condition=Q(decided_at__isnull=True)
        | Q(status=TicketStatus.OPEN, claimed_by__isnull=False)
        | Q(status=TicketStatus.RESOLVED),
        name="ticket_decided_is_held",
    ),
    models.CheckConstraint(
        condition=Q(votes_needed__gte=1, votes_needed__lte=F("seats"), votes_cast__lte=F("seats")),
        name="ticket_votes_can_be_reached",
    ),
    # Where several people decide, each has a claim of their own beside the ticket.
    models.CheckConstraint(
        condition=Q(seats=1)
        | Q(needs_lead=True)
        | Q(
            claimed_by__isnull=True,
            assigned_to__isnull=True,
            decided_at__isnull=True,
            snoozed_until__isnull=True,
        ),
        name="ticket_quorum_has_no_holder",
    ),
    models.CheckConstraint(
        condition=Q(people_pots__isnull=True, expected_seconds__isnull=True)
        | Q(people_pots__isnull=False, expected_seconds__isnull=False),
        name="ticket_booked_has_expectation",
    ),
    # One-sided, as of a claim.
    models.CheckConstraint(
        condition=Q(assigned_to__isnull=True) | Q(status=TicketStatus.OPEN, assigned_until__isnull=False),
        name="ticket_assignment_ends",
    ),
    models.CheckConstraint(
        condition=Q(opened_at__lt=F("first_touch_due_at"), first_touch_due_at__lte=F("due_at")),
        name="ticket_clocks_in_order",
    ),
    models.CheckConstraint(
        condition=Q(seen_digest=_sha256_hex("seen_json")), name="ticket_digest_is_of_seen"
    ),
    models.CheckConstraint(
        condition=Q(confidence__isnull=True) | Q(confidence__gte=0, confidence__lte=1),
        name="ticket_confidence_in_range",
    ),
)
