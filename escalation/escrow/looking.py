"""Looking at the clocks of one ticket: what they have come to is told, once, and when to look again is noted.

Called by the sweep, which holds the ticket's row. All that is written has a key of its own, so that a look may be had
twice. Read next: `breach_actions.py`.
"""

from datetime import datetime, timedelta
from typing import Final

from escalation.domain.clocks import ClockFace
from escalation.domain.notices import Happening
from escalation.domain.states import DeadlineKind, TicketStatus
from escalation.domain.telling import DueAlarm, find_alarms, find_next_moment, find_warnings
from escalation.escrow.alarming import ask_leads
from escalation.escrow.breach_actions import act_on_breaches
from escalation.escrow.breaches import record_missed
from escalation.escrow.clock import catch_up, read_ticket_calendar
from escalation.escrow.policies import ClockPolicy, list_members
from escalation.escrow.votes import settle_votes
from escalation.models import Alarm, Breach, BreachAction, ClockWarning, Replan, Ticket
from escalation.notify import announce

_AGAIN: Final = timedelta(seconds=5)
_INSTANT: Final = timedelta(milliseconds=1)


def look_at_clocks(ticket: Ticket, policy: ClockPolicy, now: datetime) -> list[BreachAction]:
    """Tell what the clocks of a locked, open ticket have come to.

    Args: policy: of its queue.  now: PostgreSQL's time, read under the lock.
    Returns: actions that would close it, for which the ticket must be locked behind its run and step.
    """
    catch_up(ticket, now)
    if not ticket.holds_step:
        # Nobody waits for an audit: nothing is told of it at any hour, and nothing decides it in nobody's place.
        Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(next_look_at=None)
        return []
    record_missed([ticket], now)
    if ticket.has_quorum:
        # People may have left since the last vote, so that the others are not enough.
        settle_votes(ticket)
    elif ticket.needs_lead and not ticket.votes_cast and ticket.touched_at is None:
        # Too few could vote when it opened; the hold's own transaction tells nobody.
        ask_leads(ticket)
    faces = read_faces(ticket)
    for deadline, face in faces.items():
        _warn(ticket, deadline, face, policy, _met_at(ticket, deadline) or now, now)
    for alarm in find_alarms(faces[DeadlineKind.RESOLUTION], policy.levels, now, ticket.touched_at):
        raise_alarm(ticket, alarm, policy, now)
    missed = _announce_breaches(ticket)
    queue_id = ticket.queue_id
    closing = act_on_breaches(ticket, missed, policy, now)
    if ticket.queue_id != queue_id:
        # Its former queue has no say any more; what the new one does is looked up by the next look, at once.
        return []
    _note_next_look(ticket, faces, policy, now, waits=bool(closing))
    return closing


def read_faces(ticket: Ticket) -> dict[DeadlineKind, ClockFace]:
    """Return the two clocks of a ticket."""
    calendar, since = read_ticket_calendar(ticket), ticket.opened_at
    if ticket.replan_number:
        since = Replan.objects.values_list("at", flat=True).get(ticket=ticket, number=ticket.replan_number)
    # Tickets from before say only when they were due.
    touch = ticket.first_touch_within or ticket.first_touch_due_at - ticket.opened_at
    decide = ticket.resolution_within or ticket.due_at - ticket.opened_at
    return {
        DeadlineKind.FIRST_TOUCH: ClockFace(
            calendar, since, ticket.first_touch_due_at, touch, stands_at=ticket.paused_at
        ),
        DeadlineKind.RESOLUTION: ClockFace(
            calendar, since, ticket.due_at, decide, stands_at=ticket.paused_at
        ),
    }


def raise_alarm(ticket: Ticket, due: DueAlarm, policy: ClockPolicy, now: datetime) -> None:
    """Tell a level of a ticket, unless it was told in this round."""
    groups = policy.groups.get(due.level, [])
    _, is_new = Alarm.objects.get_or_create(
        ticket=ticket,
        level=due.level,
        kind=due.kind,
        round=due.round,
        defaults={
            "told": ", ".join(name for _, name in groups),
            "reached_at": min(due.reached_at, now),
            "found_at": now,
        },
    )
    if is_new:
        announce(
            Happening.LEVEL,
            key=f"level:{ticket.pk}:{due.level}:{due.kind}:{due.round}",
            ticket=ticket,
            people=list_members(pk for pk, _ in groups),
            level=due.level,
            kind=due.kind,
            round=due.round,
            reached_at=due.reached_at,
        )


def _met_at(ticket: Ticket, deadline: DeadlineKind) -> datetime | None:
    return ticket.touched_at if deadline is DeadlineKind.FIRST_TOUCH else None


def _warn(
    ticket: Ticket,
    deadline: DeadlineKind,
    face: ClockFace,
    policy: ClockPolicy,
    at: datetime,
    now: datetime,
) -> None:
    known = set(
        ClockWarning.objects.filter(ticket=ticket, deadline=deadline).values_list("percent", flat=True)
    )
    for due in find_warnings(face, set(policy.warn_at) - known, at):
        ClockWarning.objects.create(
            ticket=ticket,
            deadline=deadline,
            percent=due.percent,
            reached_at=min(due.reached_at, now),
            found_at=now,
        )
        announce(
            Happening.WARNED,
            key=f"warned:{ticket.pk}:{deadline}:{due.percent}",
            ticket=ticket,
            to_queue=True,
            deadline=deadline,
            percent=due.percent,
        )


def _announce_breaches(ticket: Ticket) -> list[Breach]:
    missed = list(Breach.objects.filter(ticket=ticket))
    for breach in missed:
        announce(
            Happening.BREACHED,
            key=f"breach:{ticket.pk}:{breach.deadline}",
            ticket=ticket,
            to_queue=True,
            deadline=breach.deadline,
            due_at=breach.due_at,
        )
    return missed


def _note_next_look(
    ticket: Ticket,
    faces: dict[DeadlineKind, ClockFace],
    policy: ClockPolicy,
    now: datetime,
    *,
    waits: bool,
) -> None:
    """Note when to look again; never while the clocks stand still, as whoever lets them go on asks for a look."""
    moments: list[datetime | None] = []
    if ticket.paused_at is None:
        decide = faces[DeadlineKind.RESOLUTION]
        moments += [find_next_moment(decide, policy.warn_at, policy.levels, now, ticket.touched_at)]
        moments += [ticket.due_at + _INSTANT]
        if ticket.touched_at is None:
            moments += [find_next_moment(faces[DeadlineKind.FIRST_TOUCH], policy.warn_at, (), now, None)]
            moments += [ticket.first_touch_due_at + _INSTANT]
    if waits:
        # Also when nobody is at it: whoever was about to close it may die before.
        moments += [ticket.claim_expires_at if ticket.is_claimed(now) else now + _AGAIN]
    ahead = [moment for moment in moments if moment is not None and moment > now]
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        next_look_at=min(ahead) if ahead else None
    )
