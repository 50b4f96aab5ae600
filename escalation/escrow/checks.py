"""What a decision must hold to under the ticket's lock: the claim, what was seen, what the ticket and its queue allow.

Each refusal says what is otherwise than the person thought, and keeps the draft.
"""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from escalation.domain.resolution import Choice
from escalation.errors import Changed, ResolutionInvalid, ResolutionStale, TicketNotClaimed, TicketTaken
from escalation.models import ReasonCode, ReviewQueue, Ticket
from orchestration.domain.hold_fields import AGENT, SCOPE
from orchestration.domain.holds import WAY_OF, Way, list_kinds
from orchestration.domain.states import ResolutionKind
from orchestration.domain.work import HeldStep


def require_claim(ticket: Ticket, user: AbstractBaseUser, claim_number: int | None, now: datetime) -> None:
    """Refuse who holds no live claim, or decided under an earlier one."""
    if claim_number is not None and claim_number != ticket.claim_number:
        raise ResolutionStale(
            f"Ticket {ticket.pk} was claimed again since you opened it (claim {ticket.claim_number}, "
            f"yours was {claim_number}); open it again and look at it anew.",
            [Changed("claim", claim_number, ticket.claim_number), *_whose(ticket, user)],
        )
    if ticket.claimed_by_id != user.pk:
        raise TicketNotClaimed(ticket.pk)
    if not ticket.is_claimed(now):
        raise ResolutionStale(
            f"Your claim on ticket {ticket.pk} ran out at {ticket.claim_expires_at:%H:%M:%S} UTC; "
            "claim it again, your draft is kept.",
            [Changed("claim_expires_at", f"{ticket.claim_expires_at:%Y-%m-%dT%H:%M:%SZ}", None)],
        )


def _whose(ticket: Ticket, user: AbstractBaseUser) -> Sequence[Changed]:
    holder = ticket.claimed_by.get_username() if ticket.claimed_by else None
    return [] if holder == user.get_username() else [Changed("claimed_by", user.get_username(), holder)]


def require_unclaimed(ticket: Ticket, now: datetime) -> None:
    """Refuse a rule while somebody holds the ticket: people come first."""
    if ticket.is_claimed(now) and ticket.claimed_by and ticket.claim_expires_at:
        raise TicketTaken(ticket.pk, ticket.claimed_by.get_username(), ticket.claim_expires_at)


def require_seen(ticket: Ticket, stands: str, seen_digest: str | None) -> None:
    """Bind the decision to the exact bytes that the person saw; None: they were shown what the ticket says."""
    seen = ticket.seen_digest if seen_digest is None else seen_digest
    if stands != seen:
        raise ResolutionStale(
            f"Ticket {ticket.pk} no longer shows what you saw; open it again, your draft is kept.",
            [Changed("digest", seen, stands)],
        )


def require_way(ticket: Ticket, kind: ResolutionKind) -> Way:
    """Return what is chosen, if it is there for what the ticket is about and for what was proposed."""
    ways = ticket.ways
    if kind in ways:
        return ways[kind]
    if WAY_OF[kind].takes_proposal:
        raise ResolutionInvalid(
            f"Nothing was proposed on ticket {ticket.pk}, so nothing can be approved; {list_kinds(ways)}."
        )
    raise ResolutionInvalid(f"resolution: {kind} does not go with ticket {ticket.pk}; {list_kinds(ways)}.")


def require_fields(held: HeldStep, queue: ReviewQueue, choice: Choice, agents: Sequence[str]) -> None:
    """Refuse a choice whose reason, agent or reach the step and its review queue do not allow.

    Args: agents: those that the step can be handed to.
    """
    require_reason(queue, choice)
    if choice.agent and choice.agent not in agents:
        raise ResolutionInvalid(
            f"agent: '{choice.agent[:200]}' can't be handed this step; {_name(agents)}. {AGENT.hint}"
        )
    is_child = held.run_id != held.root_id
    if choice.kind is ResolutionKind.CLOSE and is_child and choice.scope is None:
        raise ResolutionInvalid(f"scope: {SCOPE.missing}")
    if choice.scope is not None and not is_child:
        raise ResolutionInvalid(f"scope: no other run started this one; {SCOPE.misplaced}")


def require_reason(queue: ReviewQueue, choice: Choice) -> None:
    """Refuse a choice without the reason that its review queue asks for, or with one that it does not know."""
    if not choice.reason_code and choice.kind not in queue.reasons_required:
        return
    known = ReasonCode.objects.filter(queue=queue, kinds__contains=[choice.kind]).values_list(
        "code", flat=True
    )
    codes = list(known)
    if choice.reason_code in codes:
        return
    if not choice.reason_code:
        raise ResolutionInvalid(
            f"reason_code: the review queue {queue.slug} asks for a reason with {choice.kind}; {_name(codes)}."
        )
    raise ResolutionInvalid(
        f"reason_code: '{choice.reason_code[:50]}' is none of the review queue {queue.slug} for {choice.kind}; "
        f"{_name(codes)}."
    )


def _name(words: Sequence[str]) -> str:
    return (
        f"known: {', '.join(words)}" if words else "there is none, an administrator of the queue can add some"
    )
