"""One ticket in the words of the public interface."""

from typing import Any

from escalation.domain.desk_rights import DeskRight
from escalation.models import Ticket
from escalation.selectors.choices import describe_ways
from escalation.selectors.pending import summarise_pending
from escalation.selectors.scope import may_desk
from escalation.selectors.seats import list_votes, sit, tell_vote
from orchestration.domain.anew import Anew, foresee_anew
from orchestration.domain.states import ResolutionKind, Stage
from orchestration.holds import foresee_skip
from orchestration.selectors.scope import Caller


def foresee_send_back(ticket: Ticket) -> Anew | None:
    """Return what the step will do if its open ticket is sent back; None when that is over, or not offered."""
    way = ticket.ways.get(ResolutionKind.SEND_BACK)
    if not ticket.is_open or way is None or not way.is_offered or way.answers:
        return None
    return foresee_anew(Stage(ticket.step.stage), has_proposal=ticket.has_proposal)


def foresee_skips(ticket: Ticket) -> list[str]:
    """Return the steps that would be skipped along with that of an open ticket; none where it can't be skipped."""
    return foresee_skip(ticket.step_id) if ticket.is_open and ResolutionKind.SKIP in ticket.ways else []


def summarise_ticket(ticket: Ticket, caller: Caller | None = None) -> dict[str, Any]:
    """Return one ticket as a JSON object, in the words of the public interface.

    Args: caller: who looks: where several people decide, it shows their own seat and vote; None: nobody's.
    """
    user_id = caller.user_id if caller else None
    sit(ticket, user_id)
    may_lead = caller is not None and ticket.needs_lead and may_desk(caller, ticket.queue, DeskRight.LEAD)
    votes = list_votes(ticket, user_id, may_lead=may_lead)
    return {
        **summarise_without_content(ticket),
        "resolutions": describe_ways(ticket),
        "send_back": foresee_send_back(ticket),
        "skips_along": foresee_skips(ticket),
        "seen": ticket.seen,
        "output": ticket.resolution_output,
        "feedback": ticket.feedback,
        "note": ticket.note,
        "handed_to": ticket.handed_to,
        "scope": ticket.scope,
        "votes": [tell_vote(vote) for vote in votes],
    }


def summarise_without_content(ticket: Ticket) -> dict[str, Any]:
    """Return one ticket as a JSON object, without what is judged and what was written: lists stay small.

    Where several people decide, `sit_all` lets it show the seat of whoever looks before.
    """
    return {
        "id": ticket.pk,
        "status": ticket.status,
        "project": ticket.queue.project.slug,
        "queue": ticket.queue.slug,
        "sla": ticket.sla,
        "workflow": ticket.run.workflow_name,
        "run": str(ticket.run_id),
        "step": ticket.step.key,
        "agent": ticket.step.agent,
        "attempt": ticket.attempt,
        "subject": ticket.subject,
        "rule": ticket.rule,
        "reason": ticket.reason,
        "confidence": ticket.confidence,
        "has_proposal": ticket.has_proposal,
        "seen_digest": ticket.seen_digest,
        **_summarise_clocks(ticket),
        **_summarise_claim(ticket),
        **_summarise_end(ticket),
        "pending": summarise_pending(ticket),
        **{name: getattr(ticket, name) for name in ("seats", "votes_needed", "votes_cast", "needs_lead")},
        "seat": ticket.own_seat and ticket.own_seat.number,
    }


def _summarise_clocks(ticket: Ticket) -> dict[str, Any]:
    names = (
        "predicted_breach_at",
        "opened_at",
        "first_touch_due_at",
        "due_at",
        "touched_at",
        "resolved_at",
        "withdrawn_at",
    )
    times = {name: getattr(ticket, name) for name in names}
    return {name: time and time.isoformat() for name, time in times.items()}


def _summarise_claim(ticket: Ticket) -> dict[str, Any]:
    expires_at = ticket.claim_expires_at
    return {
        "claim_number": ticket.claim_number,
        "claimed_by": ticket.claimed_by and ticket.claimed_by.get_username(),
        "claim_expires_at": expires_at and expires_at.isoformat(),
    }


def _summarise_end(ticket: Ticket) -> dict[str, Any]:
    return {
        "resolution": ticket.resolution,
        "resolved_by": ticket.resolved_by and ticket.resolved_by.get_username(),
        "resolved_rule": ticket.resolved_rule,
        "reason_code": ticket.reason_code,
        "withdrawn_reason": ticket.withdrawn_reason,
    }
