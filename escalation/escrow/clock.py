"""Stopping the clocks of a ticket, letting them go on, and working their due times out anew.

The clock columns of a ticket are written here and in `snoozing.py` alone, under the ticket's lock, together with the
row that says why: the guard of tickets refuses them otherwise. Read first: `escalation/domain/clocks.py`.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.calendar import BusinessCalendar
from escalation.domain.clocks import PauseEnd, PauseStart, ReplanCause, set_on
from escalation.domain.resolution import check_text
from escalation.domain.states import TicketStatus
from escalation.errors import CalendarInvalid, ClockInvalid, ClockRefused
from escalation.escrow.rows import lock_ticket, require_active, require_waiting
from escalation.models import CalendarVersion, Pause, Replan, ReviewQueue, Ticket

MOST_AHEAD: Final = timedelta(days=366)


def pause_ticket(
    ticket_id: int, user: AbstractBaseUser, reason: str, *, resume_at: datetime | None = None
) -> Ticket:
    """Stop both clocks of an open ticket; what was missed before stays missed.

    Args: reason: why, for colleagues.  resume_at: when they go on by themselves; None: when somebody says so.
    Returns: the ticket as it stands then.

    Raises:
        ClockInvalid: no reason, or a time that is over or more than a year ahead.
        ClockRefused: they stand still already.
        TicketResolved, TicketWithdrawn, TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    check_reason(reason)
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        catch_up(ticket, now)
        if ticket.paused_at is not None:
            raise ClockRefused(
                f"The clocks of ticket {ticket_id} stand still since {ticket.paused_at:%H:%M:%S} UTC."
            )
        check_time("resume_at", resume_at, now)
        stop_clocks(ticket, user, PauseStart.PERSON, reason.strip(), now, resume_at)
    return ticket


def resume_ticket(ticket_id: int, user: AbstractBaseUser) -> Ticket:
    """Let the clocks of a ticket go on, with as much time as was left.

    Raises:
        ClockRefused: they run.
        TicketResolved, TicketWithdrawn, TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        if ticket.paused_at is None:
            raise ClockRefused(f"The clocks of ticket {ticket_id} run; there is nothing to resume.")
        resume_clocks(ticket, now, PauseEnd.PERSON, user)
    return ticket


def replan_ticket(ticket_id: int, user: AbstractBaseUser) -> Ticket:
    """Let an open ticket go by its queue's calendar of today: what is used stays used, what is left is counted anew.

    Raises:
        ClockRefused: it goes by that already, or its clocks stand still.
        CalendarInvalid: that calendar can't be read.
        TicketResolved, TicketWithdrawn, TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    with transaction.atomic():
        ticket, now = lock_ticket(ticket_id)
        require_waiting(ticket)
        catch_up(ticket, now)
        if ticket.paused_at is not None:
            raise ClockRefused(f"The clocks of ticket {ticket_id} stand still; let them go on first.")
        version = find_newest_version(ticket.queue_id)
        if version == ticket.calendar_version:
            raise ClockRefused(f"Ticket {ticket_id} goes by the newest calendar of its queue already.")
        after = version.read() if version else None
        _write_replan(
            ticket, ReplanCause.CALENDAR, user, stopped_at=now, at=now, version=version, after=after
        )
        record(Act.REPLANNED, user, ticket=ticket, calendar=version and version.pk, due_at=ticket.due_at)
    return ticket


def foresee_replan(ticket: Ticket, now: datetime) -> tuple[datetime, datetime] | None:
    """Return until when a re-plan would give time for a first look and to decide; None: it would be refused."""
    if not ticket.is_open or ticket.paused_at is not None:
        return None
    version = find_newest_version(ticket.queue_id)
    if version == ticket.calendar_version:
        return None
    try:
        before, after = read_ticket_calendar(ticket), version.read() if version else None
    except CalendarInvalid:
        return None
    touch, due = (
        set_on(at, now, now, before=before, after=after)[0]
        for at in (ticket.first_touch_due_at, ticket.due_at)
    )
    return touch, due


def catch_up(ticket: Ticket, now: datetime) -> None:
    """End a pause that was to end by itself before `now`, for a caller who holds the ticket's row."""
    if ticket.paused_at is None:
        return
    pause = Pause.objects.get(ticket=ticket, ended_at=None)
    if pause.resume_at is not None and pause.resume_at <= now:
        resume_clocks(ticket, now, PauseEnd.TIME, None)


def settle_clocks(ticket: Ticket, now: datetime) -> None:
    """End the pause of a ticket that is being closed, so that its due times are told against its end."""
    if ticket.paused_at is not None:
        resume_clocks(ticket, now, PauseEnd.CLOSED, None)


def stop_clocks(
    ticket: Ticket,
    user: AbstractBaseUser | None,
    cause: PauseStart,
    reason: str,
    now: datetime,
    resume_at: datetime | None,
) -> None:
    """Stop the clocks of a locked ticket that run."""
    Pause.objects.create(
        ticket=ticket,
        started_at=now,
        resume_at=resume_at,
        cause=cause,
        reason=reason,
        by_id=user.pk if user else None,
        by_name=user.get_username() if user else "",
    )
    _write(ticket, paused_at=now, next_look_at=now)
    record(Act.PAUSED, user, ticket=ticket, reason=reason, cause=cause, resume_at=resume_at)


def resume_clocks(ticket: Ticket, now: datetime, cause: PauseEnd, user: AbstractBaseUser | None) -> None:
    """Let the clocks of a locked ticket go on: from the time that was set for it, if that has come, else from now."""
    pause = Pause.objects.get(ticket=ticket, ended_at=None)
    at = now
    if pause.resume_at is not None and pause.resume_at <= now:
        at, cause, user = pause.resume_at, PauseEnd.TIME, None
    # A clock that stepped back may be read before the pause began.
    at = max(at, pause.started_at)
    name = user.get_username() if user else ""
    pause.ended_at, pause.end_cause = at, cause
    pause.ended_by_id, pause.ended_by_name = user.pk if user else None, name
    pause.save(update_fields=("ended_at", "end_cause", "ended_by", "ended_by_name"))
    calendar = read_ticket_calendar(ticket)
    _write_replan(
        ticket,
        ReplanCause.RESUMED,
        user,
        stopped_at=pause.started_at,
        at=at,
        version=ticket.calendar_version,
        after=calendar,
        pause=pause,
    )
    record(Act.RESUMED, user, ticket=ticket, cause=cause, at=at, due_at=ticket.due_at)


def _write_replan(
    ticket: Ticket,
    cause: ReplanCause,
    user: AbstractBaseUser | None,
    *,
    stopped_at: datetime,
    at: datetime,
    version: CalendarVersion | None,
    after: BusinessCalendar | None,
    pause: Pause | None = None,
) -> None:
    before = read_ticket_calendar(ticket)
    touch, _ = set_on(ticket.first_touch_due_at, stopped_at, at, before=before, after=after)
    due, note = set_on(ticket.due_at, stopped_at, at, before=before, after=after)
    Replan.objects.create(
        ticket=ticket,
        number=ticket.replan_number + 1,
        at=at,
        cause=cause,
        pause=pause,
        by_id=user.pk if user else None,
        by_name=user.get_username() if user else "",
        note=note,
        first_touch_due_before=ticket.first_touch_due_at,
        first_touch_due_after=touch,
        due_before=ticket.due_at,
        due_after=due,
        calendar_before=ticket.calendar_version,
        calendar_after=version,
    )
    changed: dict[str, Any] = {"paused_at": None} if pause else {}
    _write(
        ticket,
        first_touch_due_at=touch,
        due_at=due,
        calendar_version=version,
        replan_number=ticket.replan_number + 1,
        next_look_at=at,
        **changed,
    )


def _write(ticket: Ticket, **columns: Any) -> None:
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(**columns)
    for name, value in columns.items():
        setattr(ticket, name, value)


def read_ticket_calendar(ticket: Ticket) -> BusinessCalendar | None:
    """Return what a ticket's time is counted by; one that can't be read counts as none, as at the opening."""
    try:
        return ticket.calendar_version.read() if ticket.calendar_version else None
    except (CalendarInvalid, CalendarVersion.DoesNotExist):
        return None


def find_newest_version(queue_id: int) -> CalendarVersion | None:
    """Return what the tickets of a queue go by from now on; None: around the clock."""
    queue = ReviewQueue.objects.select_related("calendar__current").get(pk=queue_id)
    return queue.calendar.current if queue.calendar else None


def check_reason(reason: str) -> None:
    """Refuse a reason that says nothing, or is too long.

    Raises: ClockInvalid, ResolutionInvalid.
    """
    if not reason.strip():
        raise ClockInvalid("reason: say why, for your colleagues.")
    check_text("reason", reason)


def check_time(field: str, at: datetime | None, now: datetime) -> None:
    """Refuse a time that is over, or out of sight.

    Raises: ClockInvalid: naming the field.
    """
    if at is None:
        return
    if at.tzinfo is None:
        raise ClockInvalid(f"{field}: say in which time zone, e.g. 2026-11-30T09:00:00Z.")
    if not now < at <= now + MOST_AHEAD:
        raise ClockInvalid(
            f"{field}: give a time that is to come, within a year; it is {now:%Y-%m-%d %H:%M:%S} UTC now."
        )
