"""Several alike tickets with one decision: each is claimed, checked and decided for itself, in its own transaction.

What is refused of one leaves the others as they are. Barred where a review queue says so or several people decide each
ticket, and where a decision lets an effect happen that can't be undone: such a one is looked at alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser

from escalation.domain.desk_rights import DeskRight
from escalation.domain.resolution import NOT_GIVEN, Choice
from escalation.errors import (
    BulkBarred,
    EscalationError,
    NotAlike,
    ResolutionInvalid,
    TicketNotFound,
    TicketTaken,
)
from escalation.escrow.claims import claim_ticket
from escalation.escrow.resolution import resolve_ticket
from escalation.escrow.rows import require_no_requester, require_waiting
from escalation.models import Ticket, read_clock
from escalation.selectors import find_irreversible, scope_tickets, with_content
from orchestration.domain.hold_fields import Scope
from orchestration.domain.holds import WAY_OF, Way
from orchestration.domain.states import ResolutionKind
from orchestration.errors import OrchestrationError
from orchestration.selectors.scope import Caller

MOST_TOGETHER: Final = 50
BULK_KINDS: Final = (
    ResolutionKind.APPROVE,
    ResolutionKind.SEND_BACK,
    ResolutionKind.HAND_ON,
    ResolutionKind.SKIP,
    ResolutionKind.CLOSE,
)
"""An output is of one ticket, and what an abort undoes is another thing with each run."""


@dataclass(frozen=True, slots=True)
class BulkLine:
    """One ticket of those decided together, bound to the claim and to the bytes that the person saw."""

    ticket_id: int
    claim_number: int
    seen_digest: str


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of one ticket. Attributes: ticket: as it stands now; None where it was refused.  error: why."""

    ticket_id: int
    ticket: Ticket | None = None
    error: EscalationError | OrchestrationError | None = None


@dataclass(frozen=True, slots=True)
class BulkWay:
    """One decision for several tickets. Attributes: barred: of which tickets it is, and why; by their numbers."""

    way: Way
    barred: Mapping[int, str]


def list_bulk_ways(tickets: Sequence[Ticket]) -> list[BulkWay]:
    """Return what all of these tickets can be decided by together, and what bars some of it."""
    ways = [WAY_OF[kind] for kind in BULK_KINDS if all(kind in ticket.ways for ticket in tickets)]
    return [BulkWay(way, find_irreversible(tickets, way.kind)) for way in ways]


def preview_alike(
    anchor: Ticket, ticket_ids: Sequence[int], user: AbstractBaseUser, caller: Caller
) -> list[BulkResult]:
    """Return which of these tickets could be claimed together now, and why the others could not. Claims nothing.

    Raises: ResolutionInvalid, BulkBarred: as `claim_alike`.
    """
    chosen = list(dict.fromkeys(ticket_ids))
    _require_number("tickets", chosen)
    known, now = _read_known(anchor, chosen, caller), read_clock()
    return [_preview(number, known.get(number), anchor, user, now) for number in chosen]


def claim_alike(
    anchor: Ticket, ticket_ids: Sequence[int], user: AbstractBaseUser, caller: Caller
) -> list[BulkResult]:
    """Claim each of these tickets that is alike to one; what others hold, and what is not alike, is left out and said.

    Args: anchor: the ticket to which they are alike; named among them if it is to be claimed, too.

    Raises:
        ResolutionInvalid: none, or more than MOST_TOGETHER.
        BulkBarred: the review queue does not let tickets be decided together.
    """
    chosen = list(dict.fromkeys(ticket_ids))
    _require_number("tickets", chosen)
    known = _read_known(anchor, chosen, caller)
    return [_claim(number, known.get(number), anchor, user) for number in chosen]


def resolve_alike(
    anchor: Ticket,
    lines: Sequence[BulkLine],
    user: AbstractBaseUser,
    caller: Caller,
    kind: ResolutionKind,
    *,
    feedback: str = "",
    note: str = "",
    agent: str = "",
    reason_code: str = "",
    scope: Scope | None = None,
) -> list[BulkResult]:
    """Decide each line in a transaction of its own; one that changed since it was seen is refused alone.

    The same call again gets the same answers, as of one ticket.

    Raises:
        ResolutionInvalid: none or too many lines, a kind that no ticket takes beside others, a field at fault.
        BulkBarred: the review queue does not let tickets be decided together.
    """
    _require_number("lines", lines)
    if kind not in BULK_KINDS:
        raise ResolutionInvalid(
            f"resolution: {kind} is for one ticket at a time; together: {', '.join(BULK_KINDS)}."
        )
    said = Choice.build(kind, NOT_GIVEN, feedback, note, agent=agent, reason_code=reason_code, scope=scope)
    known = _read_known(anchor, [line.ticket_id for line in lines], caller)
    barred = find_irreversible(list(known.values()), kind)
    return [
        _resolve(line, known.get(line.ticket_id), anchor, user, said, barred.get(line.ticket_id, ""))
        for line in lines
    ]


def _require_number(field: str, chosen: Sequence[Any]) -> None:
    if not chosen:
        raise ResolutionInvalid(f"{field}: choose at least one ticket.")
    if len(chosen) > MOST_TOGETHER:
        raise ResolutionInvalid(f"{field}: {len(chosen)} are too many; at most {MOST_TOGETHER} together.")


def _read_known(anchor: Ticket, ticket_ids: Sequence[int], caller: Caller) -> dict[int, Ticket]:
    """Return those of some tickets that the caller may decide."""
    _require_allowed(anchor)
    tickets = with_content(scope_tickets(caller, DeskRight.DECIDE)).filter(pk__in=ticket_ids)
    return {ticket.pk: ticket for ticket in tickets}


def _require_allowed(ticket: Ticket) -> None:
    """Refuse tickets whose queue lets nobody decide several together."""
    if ticket.queue.has_quorum or ticket.seats > 1:
        raise BulkBarred(f"several people decide each ticket of the queue {ticket.queue.slug}")
    if not ticket.queue.bulk_allowed:
        raise BulkBarred(f"the queue {ticket.queue.slug} has each ticket decided for itself")


def _require_alike(number: int, ticket: Ticket | None, anchor: Ticket) -> Ticket:
    if ticket is None:
        raise TicketNotFound(number)
    if not ticket.alike or ticket.alike != anchor.alike:
        raise NotAlike(ticket.pk, anchor.pk)
    _require_allowed(ticket)
    return ticket


def _preview(
    number: int, ticket: Ticket | None, anchor: Ticket, user: AbstractBaseUser, now: datetime
) -> BulkResult:
    try:
        found = _require_alike(number, ticket, anchor)
        require_waiting(found)
        require_no_requester(found, user)
        if found.is_claimed(now) and found.claimed_by_id != user.pk and found.claim_expires_at:
            raise TicketTaken(number, str(found.claimed_by), found.claim_expires_at)
    except EscalationError as error:
        return BulkResult(number, error=error)
    return BulkResult(number, found)


def _claim(number: int, ticket: Ticket | None, anchor: Ticket, user: AbstractBaseUser) -> BulkResult:
    try:
        claimed = claim_ticket(_require_alike(number, ticket, anchor).pk, user)
    except EscalationError as error:
        return BulkResult(number, error=error)
    return BulkResult(number, claimed)


def _resolve(
    line: BulkLine, ticket: Ticket | None, anchor: Ticket, user: AbstractBaseUser, said: Choice, barred: str
) -> BulkResult:
    try:
        _require_alike(line.ticket_id, ticket, anchor)
        if barred:
            raise BulkBarred(barred)
        resolved = resolve_ticket(
            line.ticket_id,
            user,
            said.kind,
            claim_number=line.claim_number,
            seen_digest=line.seen_digest,
            feedback=said.feedback,
            note=said.note,
            agent=said.agent,
            reason_code=said.reason_code,
            scope=said.scope,
        )
    except (EscalationError, OrchestrationError) as error:
        return BulkResult(line.ticket_id, error=error)
    return BulkResult(line.ticket_id, resolved)
