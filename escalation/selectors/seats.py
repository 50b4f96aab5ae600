"""Whose claim a ticket shows where several people decide it: that of whoever looks, and nobody else's. Reads only."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from agents.domain.classification import make_storable
from escalation.domain.states import TicketStatus
from escalation.models import ClockTimestamp, Seat, Ticket, Vote


def sit(ticket: Ticket, user_id: int | None) -> Ticket:
    """Let a ticket show somebody's own seat as its claim: number, lease and draft; nothing is asked where one decides.

    What shows and checks a claim is the same for one person and for several. The row in the database has no holder.
    """
    return sit_all([ticket], user_id)[0]


def sit_all(tickets: Iterable[Ticket], user_id: int | None) -> list[Ticket]:
    """Do so for each of these tickets, with one query for all."""
    tickets = list(tickets)
    shared = {ticket.pk: ticket for ticket in tickets if ticket.has_quorum}
    if not shared:
        return tickets
    rows = Seat.objects.filter(ticket__in=shared, person=user_id).select_related("person")
    own = {seat.ticket_id: seat for seat in rows}
    for ticket in shared.values():
        _show(ticket, own.get(ticket.pk))
    return tickets


def _show(ticket: Ticket, seat: Seat | None) -> None:
    is_held = seat is not None and seat.claim_expires_at is not None
    ticket.own_seat = seat
    ticket.claim_number = seat.claim_number if seat else 0
    ticket.claimed_by = seat.person if seat and is_held else None
    ticket.claimed_at = seat.claimed_at if seat else None
    ticket.claim_expires_at = seat.claim_expires_at if seat else None
    ticket.draft_json = seat.draft_json if seat else None


def is_taken() -> Q:
    """Return the condition that a seat is nobody else's to take: somebody voted there, or holds it."""
    return Q(has_voted=True) | Q(claim_expires_at__gt=ClockTimestamp())


def has_place_for(user_id: int | None) -> Q:
    """Return the condition that a ticket takes a claim of somebody, were it not held: a seat is free for them."""
    taken = Seat.objects.filter(is_taken(), ticket=OuterRef("pk")).order_by()
    count = taken.values("ticket").annotate(count=Count("pk")).values("count")
    is_free = ~Exists(taken.filter(person=user_id)) & Q(seats__gt=Coalesce(Subquery(count), 0))
    return Q(seats=1) | Q(needs_lead=True) | is_free


def list_live_seats(user_ids: Iterable[int | None]) -> QuerySet[Seat]:
    """Return the seats that people hold and have not voted at, of tickets that several decide still."""
    live = Q(
        ticket__status=TicketStatus.OPEN, ticket__needs_lead=False, claim_expires_at__gt=ClockTimestamp()
    )
    return Seat.objects.filter(live, person__in=list(user_ids)).order_by()


def is_at(user_id: int | None) -> Q:
    """Return the condition that somebody holds a seat of a ticket."""
    return Q(pk__in=list_live_seats([user_id]).values("ticket"))


def is_held_by(username: str, looker: Any) -> Q:
    """Return the condition that somebody has claimed a ticket; their seats count if it is they who look.

    Who else sits where several people decide, nobody is told.

    Args: looker: an account; None at a shell where nobody said who looks.
    """
    holders = get_user_model().objects.filter(username=make_storable(username))
    ids = list(holders.values_list("pk", flat=True))
    own = list_live_seats(pk for pk in ids if looker is not None and pk == looker.pk)
    # As numbers: beside a condition on the ticket itself, an index finds them.
    return Q(claimed_by__in=ids) | Q(pk__in=list(own.values_list("ticket", flat=True)))


def list_votes(ticket: Ticket, user_id: int | None, *, may_lead: bool) -> list[Vote]:
    """Return the votes that somebody may see: all once they decided, or once a lead has to; until then their own."""
    if ticket.seats == 1:
        return []
    votes = Vote.objects.filter(ticket=ticket.pk).select_related("person").order_by("pk")
    is_over = ticket.status == TicketStatus.RESOLVED or (ticket.needs_lead and may_lead)
    return list(votes if is_over else votes.filter(person=user_id))


def tell_vote(vote: Vote) -> dict[str, Any]:
    """Return a vote in the words of the public interface."""
    return {
        "seat": vote.seat,
        "person": vote.person.get_username(),
        "resolution": vote.kind,
        "output_digest": vote.output_digest,
        "feedback": vote.feedback,
        "note": vote.note,
        "agent": vote.agent,
        "reason_code": vote.reason_code,
        "scope": vote.scope,
        "at": vote.at.isoformat(),
    }
