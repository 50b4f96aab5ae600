"""What a queue does by itself when a deadline was missed: each action once for a ticket and clock, never an approval.

A row says what was done, written in the transaction that does it: killed in between, nothing was done, and the next
look does it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from django.db import transaction

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.clocks import CLOSING, AlarmKind, BreachStep, PauseEnd
from escalation.domain.notices import Happening
from escalation.domain.states import DeadlineKind, TicketStatus
from escalation.errors import ClockRefused, TicketResolved, TicketTaken, TicketWithdrawn
from escalation.escrow.by_rule import resolve_by_rule
from escalation.escrow.policies import ClockPolicy, list_members
from escalation.escrow.rows import lock_ticket
from escalation.escrow.seats import end_open_seats
from escalation.escrow.votes import settle_votes
from escalation.models import Alarm, Breach, BreachAction, BreachDeed, Pause, Ticket
from escalation.notify import announce
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ResolutionRefused, StepNotHeld

_KIND_OF: Final = {BreachStep.DEFAULT: ResolutionKind.DEFAULT, BreachStep.ABORT: ResolutionKind.ABORT}
_ORDER: Final = (BreachStep.TELL, BreachStep.WIDEN, BreachStep.REROUTE, *CLOSING)


def act_on_breaches(
    ticket: Ticket,
    missed: Iterable[Breach],
    done: Collection[tuple[str, str]],
    policy: ClockPolicy,
    now: datetime,
) -> list[BreachAction]:
    """Carry out what the queue does at missed deadlines and was not done yet, for a locked ticket.

    Args: done: clocks and actions.
    Returns: actions that would close the ticket: these lock the run first, so they are for `close_by_action`.
    """
    closing = []
    for breach in missed:
        actions = policy.actions.get(DeadlineKind(breach.deadline), [])
        for action in sorted(actions, key=lambda action: _ORDER.index(BreachStep(action.step))):
            if (action.deadline, action.step) in done:
                continue
            if action.step in CLOSING:
                # A lead who stopped the clocks has said that there is time.
                closing += [action] if ticket.paused_at is None else []
                continue
            outcome = _carry_out(ticket, action, policy, now)
            _write_deed(ticket, action, outcome)
    return closing


def close_by_action(ticket_id: int, action: BreachAction) -> None:
    """Decide a ticket by rule, as its queue says of a missed deadline; whoever is at it is waited for.

    Decision and deed are one transaction. What the step names no default for waits for a person, and a deed says so.
    """
    try:
        with transaction.atomic():
            note = f"nobody decided in time ({action.deadline.replace('_', ' ')})"
            ticket = resolve_by_rule(ticket_id, _KIND_OF[BreachStep(action.step)], note=note)
            _require_running(ticket)
            _write_deed(ticket, action, f"it was decided by rule: {action.step}")
    except (TicketTaken, TicketResolved, TicketWithdrawn, StepNotHeld, ClockRefused):
        return  # the next look comes when the claim ends, or never
    except ResolutionRefused as error:
        with transaction.atomic():
            ticket, _ = lock_ticket(ticket_id)
            if ticket.is_open:
                _write_deed(ticket, action, f"nothing was done: {error}")


def _require_running(ticket: Ticket) -> None:
    """Take a close back whose ticket's clocks somebody stopped after it was looked at: the close ended that pause."""
    if Pause.objects.filter(ticket=ticket, end_cause=PauseEnd.CLOSED).exists():
        raise ClockRefused(f"The clocks of ticket {ticket.pk} were stopped meanwhile.")


def _carry_out(ticket: Ticket, action: BreachAction, policy: ClockPolicy, now: datetime) -> str:
    match BreachStep(action.step):
        case BreachStep.TELL:
            return _tell_next_level(ticket, action, policy, now)
        case BreachStep.WIDEN:
            return _widen(ticket, action)
        case BreachStep.REROUTE:
            return _reroute(ticket, action, now)
        case other:
            raise AssertionError(f"{other} is not carried out here")


def _tell_next_level(ticket: Ticket, action: BreachAction, policy: ClockPolicy, now: datetime) -> str:
    """Tell the lowest level that was not told of the ticket yet; the highest again, once all were."""
    told = set(Alarm.objects.filter(ticket=ticket).values_list("level", flat=True))
    levels = sorted(policy.groups)
    if not levels:
        return "nobody was told: the queue has no escalation level"
    level = next((level for level in levels if level not in told), levels[-1])
    groups = policy.groups[level]
    names = ", ".join(name for _, name in groups)
    # One for each clock, as both may run out.
    number = list(DeadlineKind).index(DeadlineKind(action.deadline))
    Alarm.objects.get_or_create(
        ticket=ticket,
        level=level,
        kind=AlarmKind.BREACH,
        round=number,
        defaults={"told": names, "reached_at": now, "found_at": now},
    )
    announce(
        Happening.LEVEL,
        key=f"level:{ticket.pk}:breach:{action.deadline}",
        ticket=ticket,
        people=policy.members[level],
        to_queue=True,
        level=level,
        kind=AlarmKind.BREACH,
    )
    return f"level {level} was told: {names or 'it names no group'}"


def _widen(ticket: Ticket, action: BreachAction) -> str:
    """Tell the members of a further group, who may decide the ticket from now on: the deed is what gives the right."""
    group = action.to_group
    if group is None:
        return "nobody was added: the group is gone"
    announce(
        Happening.BREACHED,
        key=f"widened:{ticket.pk}:{action.deadline}",
        ticket=ticket,
        people=list_members([group.pk]),
        deadline=action.deadline,
        due_at=ticket.due_at if action.deadline == DeadlineKind.RESOLUTION else ticket.first_touch_due_at,
    )
    return f"the members of “{group}” may decide it, too"


def _reroute(ticket: Ticket, action: BreachAction, now: datetime) -> str:
    """Put the ticket into another queue, under the same due times: moving buys no time."""
    target = action.to_queue
    if target is None or target.pk == ticket.queue_id:
        return "it stayed: the queue to go to is gone, or it lay there"
    former = ticket.queue_id
    Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.OPEN).update(
        queue=target, next_look_at=now, assigned_to=None, assigned_until=None
    )
    ticket.queue = target
    if ticket.has_quorum:
        # Whoever was about to vote need not belong there; who voted has, and others have to be enough.
        end_open_seats(ticket)
        settle_votes(ticket)
    record(Act.REROUTED, None, ticket=ticket, rule="breach", deadline=action.deadline, from_queue=former)
    return f"it went to “{target}”"


def _write_deed(ticket: Ticket, action: BreachAction, outcome: str) -> None:
    _, is_new = BreachDeed.objects.get_or_create(
        ticket=ticket,
        deadline=action.deadline,
        step=action.step,
        defaults={"outcome": outcome, "group": action.to_group if action.step == BreachStep.WIDEN else None},
    )
    if not is_new:
        return
    record(Act.BREACHED, None, ticket=ticket, deadline=action.deadline, action=action.step, outcome=outcome)
