"""Assigning tickets, where their queue says so, and freeing those of people who are gone.

After the commit of what opened them, from rows, by the maintainer: late without harm, since a ticket that is not
assigned yet is offered to everybody.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet

from escalation.conf import get_conf
from escalation.domain.assignment import Policy, Reviewer, Turn, choose_reviewer, list_takers
from escalation.domain.states import TicketStatus
from escalation.escrow import assign_free_ticket, free_ticket, is_own_request
from escalation.escrow.seats import free_seat
from escalation.models import (
    AssignmentTurn,
    ClockTimestamp,
    ReviewerProfile,
    ReviewQueue,
    Seat,
    Ticket,
    read_clock,
)
from escalation.selectors import LARGE_COLUMNS
from escalation.selectors.people import list_reviewers
from orchestration.maintenance.each import A_WHILE, for_a_while

SWEEP_LIMIT: Final = 200
_OPEN: Final = Q(status=TicketStatus.OPEN)


def assign_tickets() -> None:
    """Free what people have who are gone, then assign what waits in queues that assign."""
    _free_of_the_gone()
    _free_of_the_absent()
    waits = Exists(_find_waiting().filter(queue=OuterRef("pk")))
    queues = list(ReviewQueue.objects.exclude(assignment=Policy.PULL).filter(waits).order_by("pk"))
    for queue in queues:
        # Each has its part of the sweep: of one where nobody has room, all the others would wait for that.
        _assign(queue, max(1, SWEEP_LIMIT // len(queues)))


def _find_waiting() -> QuerySet[Ticket]:
    """Return what is to be assigned, due first at the top. In a queue with a quorum several people have each ticket."""
    is_free = Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=ClockTimestamp(), decided_at=None)
    assigns = Q(queue__seats=1, seats=1, needs_lead=False) & ~Q(queue__assignment=Policy.PULL)
    is_put_off = Q(snoozed_until__gt=ClockTimestamp())
    rows = Ticket.objects.filter(_OPEN & is_free & assigns & ~is_put_off, assigned_until__isnull=True)
    return rows.defer(*_LARGE).order_by("due_at", "pk")


_LARGE: Final = tuple(name for name in LARGE_COLUMNS if "__" not in name)


def _assign(queue: ReviewQueue, most: int) -> None:
    now = read_clock()
    people = list_reviewers(queue, now)
    takers = list_takers(people)
    if not takers:
        return
    names = {user.pk: user for user in get_user_model().objects.filter(pk__in=people)}
    waiting = _find_waiting().filter(_is_for_any(takers, asks_for_tags=queue.needs_all_tags), queue=queue)
    for ticket in for_a_while(list(waiting[:most]), A_WHILE * most / SWEEP_LIMIT):
        excluded = {pk for pk in people if is_own_request(ticket, pk)} | {ticket.released_by_id or 0}
        tags = ticket.tags if queue.needs_all_tags else []
        turn = choose_reviewer(people, Policy(queue.assignment), tags, excluded)
        if turn is not None and _carry_out(ticket, turn, names, now):
            _note_turn(queue, people, turn)


def _is_for_any(takers: Sequence[Reviewer], *, asks_for_tags: bool) -> Q:
    """Return the condition that a ticket can go to one of some people: what can't must not stand before the others."""
    ids = [person.user_id for person in takers]
    is_for = Q() if get_conf().OWN_DECISIONS else ~Q(requesters__contains=ids)
    if len(ids) == 1:
        is_for &= Q(released_by=None) | ~Q(released_by=ids[0])
    if not asks_for_tags:
        return is_for
    has_tags = Q(tags=[])
    for tags in {person.tags for person in takers if person.tags}:
        has_tags |= Q(tags__contained_by=sorted(tags))
    return is_for & has_tags


def _carry_out(ticket: Ticket, turn: Turn, names: dict[int, User], now: datetime) -> bool:
    absent = names[turn.of_id].get_username() if turn.of_id != turn.taker_id else ""
    return assign_free_ticket(ticket, names[turn.taker_id], now, instead_of=absent)


def _note_turn(queue: ReviewQueue, people: dict[int, Reviewer], turn: Turn) -> None:
    at = read_clock()
    AssignmentTurn.objects.update_or_create(queue=queue, user_id=turn.of_id, defaults={"at": at})
    taker = people[turn.taker_id]
    people[turn.taker_id] = replace(taker, held=taker.held + 1)
    people[turn.of_id] = replace(people[turn.of_id], last_turn_at=at)


def _free_of_the_gone() -> None:
    """Free what accounts have that were switched off."""
    gone = Q(claimed_by__is_active=False) | Q(assigned_to__is_active=False)
    for ticket in _with_people(Ticket.objects.filter(_OPEN & gone)):
        free_ticket(ticket, "the account was switched off")
    seats = Seat.objects.filter(ticket__status=TicketStatus.OPEN, claim_expires_at__isnull=False)
    for seat in seats.filter(person__is_active=False).select_related("person").order_by("pk")[:SWEEP_LIMIT]:
        free_seat(seat, "the account was switched off")


def _free_of_the_absent() -> None:
    """Free what was assigned to people who are absent by now, so that their substitute or somebody else gets it."""
    clock = ClockTimestamp()
    away = ReviewerProfile.objects.filter(absent_from__lte=clock).exclude(absent_until__lte=clock)
    left = Q(assigned_to__in=away.values("user"), assigned_until__gt=clock, claimed_by__isnull=True)
    for ticket in _with_people(Ticket.objects.filter(_OPEN & left)):
        free_ticket(ticket, "absent")


def _with_people(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    return tickets.select_related("claimed_by", "assigned_to").defer(*_LARGE).order_by("pk")[:SWEEP_LIMIT]
