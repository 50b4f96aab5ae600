"""A ticket's close: the one write that decides it, and what the engine is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.resolution import Choice
from escalation.domain.states import TicketStatus
from escalation.escrow.breaches import record_missed
from escalation.escrow.clock import settle_clocks
from escalation.escrow.seats import end_seats
from escalation.models import Ticket
from orchestration.domain.holds import Way
from orchestration.domain.work import PERSON, Chosen


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides: a person, or the rule that does so in nobody's place.

    Attributes: voters: names of all who voted so, where several decide; `user` is the last of them.
    """

    user: AbstractBaseUser | None = None
    rule: str = ""
    voters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return who it is, in words."""
        if self.voters:
            return ", ".join(self.voters)
        return self.user.get_username() if self.user else f"rule:{self.rule}"

    @property
    def actor(self) -> str:
        """Return who it is, as receipts name them; no name of an account has a comma."""
        if self.voters:
            return f"{PERSON}{','.join(self.voters)}"
        return f"{PERSON}{self.user.get_username()}" if self.user else self.name


def close_ticket(
    ticket: Ticket,
    decider: Decider,
    choice: Choice,
    put_out: str | None,
    now: datetime,
    *,
    votes: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Close a ticket that the caller has locked, and tell the audit.

    Args:
        put_out: canonical JSON of the output that becomes final; None where none does.
        votes: how each of several people voted, for the audit.
    """
    end_seats([ticket])
    settle_clocks(ticket, now)
    record_missed([ticket], now)
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        status=TicketStatus.RESOLVED,
        resolution=choice.kind,
        resolved_by=decider.user and decider.user.pk,
        resolved_rule=decider.rule,
        resolved_at=now,
        resolution_output_json=put_out,
        feedback=choice.feedback,
        note=choice.note,
        reason_code=choice.reason_code,
        handed_to=choice.agent,
        scope=choice.scope or "",
        claimed_by=None,
        claim_expires_at=None,
        released_by=None,
        snoozed_until=None,
        snooze_reason="",
        next_look_at=None,
        assigned_to=None,
        assigned_until=None,
        draft_json=None,
    )
    ticket.refresh_from_db()
    said: dict[str, Any] = {
        "resolution": choice.kind,
        "rule": decider.rule,
        "reason_code": choice.reason_code,
        "agent": choice.agent,
        "votes": list(votes),
    }
    record(
        Act.RESOLVED,
        decider.user,
        ticket=ticket,
        digest=ticket.seen_digest,
        **{name: value for name, value in said.items() if value},
    )


def describe_chosen(ticket: Ticket, decider: Decider, choice: Choice, way: Way) -> Chosen:
    """Return a decision as the engine carries it out."""
    return Chosen(
        way=way,
        actor=decider.actor,
        resolution_id=f"ticket-{ticket.pk}",
        output_json=choice.output_json,
        feedback=choice.feedback,
        reason=choice.note or f"{choice.kind} by {decider.name}",
        agent=choice.agent,
        code=choice.reason_code,
        scope=choice.scope,
    )
