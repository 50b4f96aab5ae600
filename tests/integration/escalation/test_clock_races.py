"""Missed deadlines and people at the same moment, each on a connection of its own: one outcome, told once."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from escalation.errors import TicketResolved, TicketTaken, TicketWithdrawn
from escalation.escrow import (
    DatabaseEscalator,
    claim_ticket,
    reassign_ticket,
    resume_ticket,
    snooze_ticket,
)
from escalation.models import (
    AuditLine,
    Breach,
    BreachAction,
    BreachDeed,
    EscalationLevel,
    Notice,
    Pause,
    Replan,
    ReviewQueue,
    Ticket,
)
from escalation.watch import look_at_tickets, wake_tickets
from orchestration.models import Receipt, Step
from orchestration.runs import cancel
from tests.integration.escalation.clocks import at, at_time, minutes
from tests.integration.escalation.desk import hold, race
from tests.integration.escalation.test_closing_by_rule import LETTER_WITH_DEFAULT
from tests.people import make_member

pytestmark = pytest.mark.django_db(transaction=True)
OPENED, MISSED = "2026-11-23T09:00", "2026-11-23T09:06"


def _open(step: str, **place: Any) -> Ticket:
    with at_time(OPENED):
        (ticket,) = hold(LETTER_WITH_DEFAULT)
    BreachAction.objects.create(queue=ticket.queue, deadline="resolution", step=step, **place)
    return ticket


def _claim(ticket: Ticket, user: User, until: datetime) -> int:
    """Let somebody hold a claim until a moment; return its number."""
    with at_time("2026-11-23T09:04"):
        claimed = claim_ticket(ticket.pk, user)
    Ticket.objects.filter(pk=ticket.pk).update(claim_expires_at=until, next_look_at=at(OPENED))
    return claimed.claim_number


def _assert_one_outcome(ticket: Ticket) -> bool:
    """Return whether the rule decided; ticket, step, receipt and deed say the same."""
    ticket.refresh_from_db()
    by_rule = ticket.resolved_rule == "breach"
    assert BreachDeed.objects.filter(step="default").count() == int(by_rule)
    assert Receipt.objects.filter(step=ticket.step_id).count() == int(by_rule)
    assert (Step.objects.get(pk=ticket.step_id).status == "succeeded") == by_rule
    assert Breach.objects.filter(ticket=ticket, deadline="resolution").count() <= 1
    return by_rule


def _race(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    with at_time(MISSED):
        return race([first, second])


def test_fifty_who_look_at_once_record_tell_and_move_once() -> None:
    with at_time(OPENED):
        (ticket,) = hold(LETTER_WITH_DEFAULT)
    vip = ReviewQueue.objects.create(project=ticket.queue.project, slug="vip", name="VIP")
    level = EscalationLevel.objects.create(queue=ticket.queue, level=1, after_percent=1000)
    level.groups.add(make_member("lena", "admin").groups.get())
    for step, place in (("tell", None), ("reroute", vip)):
        BreachAction.objects.create(queue=ticket.queue, deadline="resolution", step=step, to_queue=place)

    with at_time(MISSED):
        assert race([look_at_tickets] * 50) == [None] * 50

    assert Breach.objects.filter(ticket=ticket, deadline="resolution").count() == 1
    assert sorted(BreachDeed.objects.values_list("step", flat=True)) == ["reroute", "tell"]
    told = Notice.objects.filter(happening="level").select_related("person")
    assert sorted(str(one.person or "the queue") for one in told) == ["lena", "the queue"]
    assert AuditLine.objects.filter(act="rerouted").count() == 1


@pytest.mark.parametrize("stops", [False, True])
def test_a_snooze_and_the_rule(anna: User, *, stops: bool) -> None:
    ticket = _open("default")
    ReviewQueue.objects.filter(pk=ticket.queue_id).update(snooze_stops_clock=stops)
    number = _claim(ticket, anna, at("2026-11-23T09:30"))

    looked, put_off = _race(
        look_at_tickets,
        lambda: snooze_ticket(ticket.pk, anna, at("2026-11-23T11:00"), "rings back", number),
    )

    assert looked is None
    assert isinstance(put_off, Ticket), "whoever holds a live claim is waited for"
    by_rule = _assert_one_outcome(ticket)
    if stops:
        assert (by_rule, ticket.is_open, ticket.paused_at) == (False, True, at(MISSED))
    elif not by_rule:
        assert ticket.snoozed_until == at("2026-11-23T11:00")


def test_a_claim_that_just_ran_out_and_the_rule(anna: User, ben: User) -> None:
    ticket = _open("default")
    _claim(ticket, anna, at(MISSED))

    looked, claimed = _race(look_at_tickets, lambda: claim_ticket(ticket.pk, ben))

    assert looked is None
    if _assert_one_outcome(ticket):
        assert isinstance(claimed, TicketResolved)
    else:
        assert (ticket.claimed_by, ticket.is_open) == (ben, True)
        assert ticket.next_look_at in {at(MISSED), ticket.claim_expires_at}, "it is looked at again"


@pytest.mark.parametrize("how", ["withdraw", "cancel"])
def test_a_withdrawal_and_the_rule(how: str) -> None:
    ticket = _open("default")
    step_id, run_id = ticket.step_id, ticket.run_id

    def withdraw() -> None:
        if how == "cancel":
            cancel(run_id)
        else:
            DatabaseEscalator().withdraw_tickets([step_id], "reset")

    looked, other = _race(look_at_tickets, withdraw)

    assert (looked, other) == (None, None)
    assert ticket.status == "open"
    by_rule = _assert_one_outcome(ticket)
    assert ticket.status == ("resolved" if by_rule else "withdrawn")
    assert Breach.objects.filter(ticket=ticket, deadline="resolution").count() == 1


@pytest.mark.parametrize("rival", ["claim", "assign", "withdraw"])
def test_a_reroute_and_somebody_else(anna: User, rival: str) -> None:
    ticket = _open("reroute")
    vip = ReviewQueue.objects.create(project=ticket.queue.project, slug="vip", name="VIP")
    BreachAction.objects.update(to_queue=vip)
    mia = make_member("mia", "reviewer")

    def act() -> Any:
        if rival == "claim":
            return claim_ticket(ticket.pk, mia)
        if rival == "assign":
            return reassign_ticket(ticket.pk, anna, mia)
        return DatabaseEscalator().withdraw_tickets([ticket.step_id], "reset")

    looked, other = _race(look_at_tickets, act)

    assert looked is None
    assert not isinstance(other, Exception), other
    with at_time(MISSED):
        look_at_tickets()  # what was locked is found by the next look
    ticket.refresh_from_db()
    moved = BreachDeed.objects.filter(step="reroute").count()
    assert (ticket.queue == vip) == bool(moved)
    assert moved == 1 or rival == "withdraw"
    assert AuditLine.objects.filter(act="rerouted").count() == moved
    if rival == "claim":
        assert ticket.claimed_by == mia, "whoever is at it stays at it"
    assert ticket.due_at == at("2026-11-23T09:05"), "moving buys no time"


def test_a_pause_ends_once_whoever_ends_it(anna: User) -> None:
    ticket = _open("default")
    number = _claim(ticket, anna, at("2026-11-23T09:30"))
    ReviewQueue.objects.filter(pk=ticket.queue_id).update(snooze_stops_clock=True)
    with at_time("2026-11-23T09:04:30"):
        snooze_ticket(ticket.pk, anna, at("2026-11-23T09:05:30"), "rings back", number)

    with at_time(MISSED):
        answers = race(
            [
                wake_tickets,
                look_at_tickets,
                lambda: claim_ticket(ticket.pk, anna),
                lambda: resume_ticket(ticket.pk, anna),
            ]
        )

    assert answers[:2] == [None, None]
    pause = Pause.objects.get()
    assert pause.ended_at is not None
    assert Replan.objects.count() == 1
    ticket.refresh_from_db()
    assert (ticket.paused_at, ticket.is_open) == (None, True)
    left = minutes(5) - minutes(4.5)
    assert ticket.due_at == pause.ended_at + left, "with what was left, from when it ended"


def test_a_withdrawn_ticket_has_no_next_look(anna: User) -> None:
    ticket = _open("default")
    DatabaseEscalator().withdraw_tickets([ticket.step_id], "reset")
    with at_time(MISSED):
        look_at_tickets()
        with pytest.raises((TicketWithdrawn, TicketTaken)):
            claim_ticket(ticket.pk, anna)
    assert BreachDeed.objects.count() == 0
