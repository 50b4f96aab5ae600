"""A ticket as a row of the inbox, ready to show."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils.safestring import SafeString

from escalation.domain.desk_rights import DeskRight
from escalation.domain.excerpt import excerpt, excerpt_json
from escalation.domain.sla import describe_time_left, grade_time_left
from escalation.models import Ticket
from escalation.selectors.pending import find_pending_of
from orchestration.admin.visible import mark_unseen

_EXCERPT_CHARACTERS = 140

Rights = Mapping[int, Collection[DeskRight]]


@dataclass(frozen=True, slots=True)
class Clock:
    """A due time that counts down on the page."""

    due_at: datetime
    now: datetime
    grade: str
    words: str


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One row.

    Attributes: first_look: the clock of the first look, while nobody has claimed it.  ending: how it was closed.
        holder: who holds a live claim, or decided it.  present: who else looks at it now.
        may_tick: it can be chosen to be decided together with others.  vote: how far several people have come.
        takes_effect_at: of a decision that waits.  effect_left: in words.
    """

    ticket: Ticket
    title: SafeString
    reason: SafeString
    clock: Clock | None
    first_look: Clock | None
    ending: str
    ended_at: datetime | None
    confidence: str
    holder: str
    is_mine: bool
    is_free: bool
    may_claim: bool
    present: Sequence[str]
    is_cut: bool
    may_tick: bool
    vote: str
    takes_effect_at: datetime | None
    effect_left: str


def show_rows(
    tickets: Sequence[Any], present: Mapping[int, list[str]], person: User, rights: Rights
) -> list[InboxRow]:
    """Return the rows of a page of tickets, as read by `selectors.inbox`.

    Args: rights: what the person may do, by the review queue's id.
    """
    return [
        _show(ticket, present.get(ticket.pk, []), person, rights.get(ticket.queue_id, ()))
        for ticket in tickets
    ]


def _show(ticket: Any, present: list[str], person: User, held: Collection[DeskRight]) -> InboxRow:
    now = ticket.read_at
    is_claimed = ticket.is_open and ticket.is_claimed(now)
    decider = ticket.claimed_by if is_claimed else ticket.resolved_by
    pending = find_pending_of(ticket)
    is_mine = is_claimed and ticket.claimed_by_id == person.pk
    may_claim = _may_claim(ticket, held, is_claimed=is_claimed)
    return InboxRow(
        ticket=ticket,
        title=mark_unseen(ticket.title or excerpt_json(ticket.asked, _EXCERPT_CHARACTERS)),
        reason=mark_unseen(excerpt(ticket.reason, _EXCERPT_CHARACTERS)),
        clock=_clock(ticket.opened_at, ticket.due_at, now) if ticket.is_open else None,
        first_look=_first_look(ticket, now),
        ending=ticket.resolution or ticket.status,
        ended_at=ticket.resolved_at or ticket.withdrawn_at,
        confidence="" if ticket.confidence is None else f"{ticket.confidence:.0%}",
        holder=decider.get_username() if decider else "",
        is_mine=is_mine,
        is_free=ticket.is_open and not is_claimed,
        may_claim=may_claim,
        present=[one for one in present if one != person.get_username()],
        is_cut=getattr(ticket, "is_cut", False),
        may_tick=ticket.seats == 1 and (may_claim or (is_mine and pending is None)),
        vote=_tell_vote(ticket, is_mine=is_mine),
        takes_effect_at=pending.takes_effect_at if pending else None,
        effect_left=describe_time_left(pending.takes_effect_at, now) if pending else "",
    )


def _may_claim(ticket: Any, held: Collection[DeskRight], *, is_claimed: bool) -> bool:
    if not ticket.is_open or is_claimed or ticket.for_others or not ticket.has_place:
        return False
    if ticket.needs_lead:
        return DeskRight.LEAD in held
    return ticket.is_guest or DeskRight.DECIDE in held


def _tell_vote(ticket: Any, *, is_mine: bool) -> str:
    if not ticket.is_open or ticket.seats == 1:
        return ""
    if ticket.needs_lead:
        return "for a lead"
    told = f"{ticket.votes_cast} of {ticket.seats} voted, {ticket.votes_needed} must agree"
    if is_mine:
        return f"my seat: {ticket.own_seat.number} · {told}"
    return f"you voted · {told}" if ticket.own_seat and ticket.own_seat.has_voted else told


def _first_look(ticket: Ticket, now: datetime) -> Clock | None:
    # A clock that stands still counts nothing down.
    if not ticket.is_open or ticket.touched_at or ticket.paused_at:
        return None
    return _clock(ticket.opened_at, ticket.first_touch_due_at, now)


def _clock(opened_at: datetime, due_at: datetime, now: datetime) -> Clock:
    left = due_at - now
    # A clock that was set right after the opening is not over yet by a rounding.
    grade = grade_time_left(opened_at, due_at, now) if left > timedelta(0) else "over"
    return Clock(due_at, now, grade, describe_time_left(due_at, now))
