"""Looking at the clocks of tickets: what they have come to is told, once, and when to look again is noted.

Called by the sweep, which holds the tickets' rows. All that is written has a key of its own, so that a look may be had
twice. Read next: `breach_actions.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from escalation.domain.clocks import ClockFace
from escalation.domain.notices import Happening
from escalation.domain.states import DeadlineKind, TicketStatus
from escalation.domain.telling import find_alarms, find_next_moment, find_warnings
from escalation.escrow.alarming import ask_leads
from escalation.escrow.breach_actions import act_on_breaches
from escalation.escrow.breaches import record_missed
from escalation.escrow.clock import catch_up, read_ticket_calendar
from escalation.escrow.policies import ClockPolicy
from escalation.escrow.told import Told, read_told
from escalation.escrow.votes import settle_votes
from escalation.models import Alarm, Breach, BreachAction, ClockWarning, Ticket
from escalation.notify import Announcement, announce_all

_AGAIN: Final = timedelta(seconds=5)
_INSTANT: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Look:
    """A ticket whose clocks are looked at, and what its queue says of them."""

    ticket: Ticket
    policy: ClockPolicy
    faces: Mapping[DeadlineKind, ClockFace]


def look_at_clocks(
    tickets: Sequence[Ticket], policies: Mapping[int, ClockPolicy], now: datetime
) -> list[tuple[int, BreachAction]]:
    """Tell what the clocks of locked, open tickets have come to, in as many statements for many as for one.

    Args: policies: of their queues.  now: PostgreSQL's time, read under the locks.
    Returns: actions that would close a ticket, with its id: for those it must be locked behind its run and step.
    """
    for ticket in tickets:
        catch_up(ticket, now)
    held = [ticket for ticket in tickets if ticket.holds_step]
    if len(held) < len(tickets):
        # Nobody waits for an audit: nothing is told of it at any hour, and nothing decides it in nobody's place.
        audits = [ticket.pk for ticket in tickets if not ticket.holds_step]
        Ticket.objects.filter(pk__in=audits, status=TicketStatus.OPEN).update(next_look_at=None)
    record_missed(held, now)
    for ticket in held:
        if ticket.has_quorum:
            # People may have left since the last vote, so that the others are not enough.
            settle_votes(ticket)
        elif ticket.needs_lead and not ticket.votes_cast and ticket.touched_at is None:
            # Too few could vote when it opened; the hold's own transaction tells nobody.
            ask_leads(ticket)
    told = read_told(held)
    looks = [_Look(ticket, policies[ticket.queue_id], _read_faces(ticket, told)) for ticket in held]
    _tell(looks, told, now)
    return _act(looks, told, now)


def _read_faces(ticket: Ticket, told: Told) -> dict[DeadlineKind, ClockFace]:
    """Return the two clocks of a ticket."""
    calendar, since = read_ticket_calendar(ticket), told.replanned_at.get(ticket.pk, ticket.opened_at)
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


def _tell(looks: Iterable[_Look], told: Told, now: datetime) -> None:
    """Write the warnings and alarms that are due and were not told before, and announce them and what was missed."""
    warnings: list[ClockWarning] = []
    alarms: list[Alarm] = []
    said: list[Announcement] = []
    for look in looks:
        for warning in _list_warnings(look, told, now):
            warnings.append(warning)
            said.append(_say_warning(look.ticket, warning))
        for alarm in _list_alarms(look, told, now):
            alarms.append(alarm)
            said.append(_say_alarm(look, alarm))
        said += [_say_breach(look.ticket, breach) for breach in told.breaches.get(look.ticket.pk, ())]
    ClockWarning.objects.bulk_create(warnings)
    Alarm.objects.bulk_create(alarms)
    announce_all(said)


def _list_warnings(look: _Look, told: Told, now: datetime) -> Iterator[ClockWarning]:
    ticket, known = look.ticket, told.warnings.get(look.ticket.pk, set())
    for deadline, face in look.faces.items():
        met_at = ticket.touched_at if deadline is DeadlineKind.FIRST_TOUCH else None
        percents = {percent for percent in look.policy.warn_at if (deadline, percent) not in known}
        for due in find_warnings(face, percents, met_at or now):
            yield ClockWarning(
                ticket=ticket,
                deadline=deadline,
                percent=due.percent,
                reached_at=min(due.reached_at, now),
                found_at=now,
            )


def _list_alarms(look: _Look, told: Told, now: datetime) -> Iterator[Alarm]:
    face, known = look.faces[DeadlineKind.RESOLUTION], told.alarms.get(look.ticket.pk, set())
    for due in find_alarms(face, look.policy.levels, now, look.ticket.touched_at):
        if (due.level, due.kind, due.round) not in known:
            yield Alarm(
                ticket=look.ticket,
                level=due.level,
                kind=due.kind,
                round=due.round,
                told=", ".join(name for _, name in look.policy.groups.get(due.level, [])),
                reached_at=min(due.reached_at, now),
                found_at=now,
            )


def _say_warning(ticket: Ticket, warning: ClockWarning) -> Announcement:
    return Announcement(
        Happening.WARNED,
        key=f"warned:{ticket.pk}:{warning.deadline}:{warning.percent}",
        ticket=ticket,
        to_queue=True,
        data={"deadline": warning.deadline, "percent": warning.percent},
    )


def _say_alarm(look: _Look, alarm: Alarm) -> Announcement:
    """Tell the members of the level's groups, and the channels of the queue that take this level."""
    return Announcement(
        Happening.LEVEL,
        key=f"level:{look.ticket.pk}:{alarm.level}:{alarm.kind}:{alarm.round}",
        ticket=look.ticket,
        people=look.policy.members.get(alarm.level, ()),
        to_queue=True,
        level=alarm.level,
        data={"kind": alarm.kind, "round": alarm.round, "reached_at": alarm.reached_at},
    )


def _say_breach(ticket: Ticket, breach: Breach) -> Announcement:
    return Announcement(
        Happening.BREACHED,
        key=f"breach:{ticket.pk}:{breach.deadline}",
        ticket=ticket,
        to_queue=True,
        data={"deadline": breach.deadline, "due_at": breach.due_at},
    )


def _act(looks: Iterable[_Look], told: Told, now: datetime) -> list[tuple[int, BreachAction]]:
    """Do what queues do at missed deadlines, and note when each ticket is looked at next."""
    closing: list[tuple[int, BreachAction]] = []
    stayed = []
    for look in looks:
        ticket, queue_id = look.ticket, look.ticket.queue_id
        missed, done = told.breaches.get(ticket.pk, []), told.deeds.get(ticket.pk, set())
        closes = act_on_breaches(ticket, missed, done, look.policy, now)
        if ticket.queue_id != queue_id:
            # Its former queue has no say any more; what the new one does is looked up by the next look, at once.
            continue
        closing += [(ticket.pk, action) for action in closes[:1]]
        ticket.next_look_at = _find_next_look(ticket, look.faces, look.policy, now, waits=bool(closes))
        stayed.append(ticket)
    Ticket.objects.bulk_update(stayed, ("next_look_at",))
    return closing


def _find_next_look(
    ticket: Ticket,
    faces: Mapping[DeadlineKind, ClockFace],
    policy: ClockPolicy,
    now: datetime,
    *,
    waits: bool,
) -> datetime | None:
    """Return when to look again; never while the clocks stand still, as whoever lets them go on asks for a look."""
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
    return min(ahead, default=None)
