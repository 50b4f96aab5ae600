"""Tickets that are put off until later."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from escalation.domain.draft import Draft
from escalation.errors import ClockInvalid, ClockRefused, NoTicketFree, ResolutionStale, TicketNotClaimed
from escalation.escrow import (
    claim_next_ticket,
    claim_ticket,
    release_ticket,
    resume_ticket,
    save_draft,
    snooze_ticket,
    wake_ticket,
)
from escalation.models import AuditLine, Pause, ReviewQueue, SnoozeReason, Ticket, read_clock
from escalation.watch import wake_tickets
from orchestration.selectors.scope import call_as
from tests.integration.escalation.clocks import at, at_time, minutes
from tests.integration.escalation.desk import hold
from tests.processes import wait_for

pytestmark = pytest.mark.django_db
OPENED = "2026-11-23T09:00"


@pytest.fixture
def held(anna: User) -> Ticket:
    """A ticket of 1 and 5 minutes that Anna holds."""
    with at_time(OPENED):
        (ticket,) = hold()
        return claim_ticket(ticket.pk, anna)


def _snooze(ticket: Ticket, person: User, until: str = "2026-11-23T12:00", **more: Any) -> Ticket:
    with at_time("2026-11-23T09:02"):
        return snooze_ticket(ticket.pk, person, at(until), "rings at noon", 1, **more)


def test_a_ticket_is_put_off_and_its_clocks_run(held: Ticket, anna: User, ben: User) -> None:
    save_draft(held.pk, anna, Draft(note="half done"), claim_number=1)

    ticket = _snooze(held, anna)

    assert (ticket.snoozed_until, ticket.snooze_reason) == (at("2026-11-23T12:00"), "rings at noon")
    assert (ticket.claimed_by, ticket.claim_expires_at, ticket.paused_at) == (None, None, None)
    assert ticket.due_at == held.due_at
    assert Draft.from_json(ticket.draft_json).note == "half done"
    [line] = AuditLine.objects.filter(act="snoozed")
    assert (line.actor_name, line.ticket_id) == ("anna", held.pk)


def test_nobody_is_offered_it_before(anna: User, ben: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    snooze_ticket(ticket.pk, anna, read_clock() + minutes(0.01), "soon", None)

    with pytest.raises(NoTicketFree):
        claim_next_ticket(ben, call_as(ben))
    wait_for(lambda: read_clock() > ticket.opened_at + minutes(0.03))
    assert claim_next_ticket(ben, call_as(ben)) == ticket


def test_it_comes_back_by_itself(held: Ticket, anna: User) -> None:
    _snooze(held, anna)  # by the true clock, its time has come

    wake_tickets()
    wake_tickets()

    held.refresh_from_db()
    assert (held.snoozed_until, held.snooze_reason) == (None, "")
    [line] = AuditLine.objects.filter(act="woke")
    assert line.actor_name == "engine"


def test_it_stays_away_until_its_time(anna: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    until = read_clock() + minutes(5)
    snooze_ticket(ticket.pk, anna, until, "later", None)

    wake_tickets()

    ticket.refresh_from_db()
    assert ticket.snoozed_until == until


def test_it_is_woken_by_hand(held: Ticket, anna: User, ben: User) -> None:
    _snooze(held, anna)
    with at_time("2026-11-23T09:03"):
        ticket = wake_ticket(held.pk, ben)

    assert ticket.snoozed_until is None
    with pytest.raises(ClockRefused, match="is not put off"):
        wake_ticket(held.pk, ben)


def test_who_takes_it_up_wakes_it(held: Ticket, anna: User, ben: User) -> None:
    _snooze(held, anna)
    with at_time("2026-11-23T09:03"):
        ticket = claim_ticket(held.pk, ben)

    assert (ticket.claimed_by, ticket.claim_number, ticket.snoozed_until) == (ben, 2, None)


@pytest.mark.parametrize("by", ["queue", "reason"])
def test_the_clocks_stand_still_where_the_queue_says_so(held: Ticket, anna: User, by: str) -> None:
    if by == "queue":
        ReviewQueue.objects.update(snooze_stops_clock=True)
    SnoozeReason.objects.create(queue=held.queue, code="customer", label="Customer", stops_clock=True)
    _snooze(held, anna, reason_code="customer" if by == "reason" else "")

    wake_tickets()

    held.refresh_from_db()
    [pause] = Pause.objects.all()
    assert (pause.cause, pause.end_cause, pause.started_at, pause.ended_at) == (
        "snooze",
        "time",
        at("2026-11-23T09:02"),
        at("2026-11-23T12:00"),
    )
    assert held.due_at == at("2026-11-23T12:03"), (
        "three minutes were left, and count from noon however late it is"
    )
    assert (held.paused_at, held.snoozed_until) == (None, None)


def test_a_reason_that_stops_no_clock_stops_none(held: Ticket, anna: User) -> None:
    SnoozeReason.objects.create(queue=held.queue, code="lunch", label="Lunch")

    assert _snooze(held, anna, reason_code="lunch").paused_at is None


def test_waking_by_hand_lets_the_clocks_go_on(held: Ticket, anna: User, ben: User) -> None:
    ReviewQueue.objects.update(snooze_stops_clock=True)
    _snooze(held, anna)
    with at_time("2026-11-23T09:10"):
        ticket = wake_ticket(held.pk, ben)

    assert ticket.due_at == at("2026-11-23T09:13")
    assert Pause.objects.get().ended_by_name == "ben"


def test_a_lead_who_resumes_the_clocks_leaves_it_put_off(held: Ticket, anna: User, ben: User) -> None:
    ReviewQueue.objects.update(snooze_stops_clock=True)
    _snooze(held, anna)
    with at_time("2026-11-23T09:10"):
        ticket = resume_ticket(held.pk, ben)

    assert (ticket.due_at, ticket.snoozed_until) == (at("2026-11-23T09:13"), at("2026-11-23T12:00"))


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (at("2026-11-23T09:02"), "until: give a time that is to come"),
        (at("2027-12-30T09:02"), "until: give a time that is to come"),
        (datetime(2026, 11, 30, 12), "until: say in which time zone"),  # noqa: DTZ001 - that is refused
    ],
)
def test_a_time_that_makes_no_sense_is_refused(held: Ticket, anna: User, until: datetime, words: str) -> None:
    with at_time("2026-11-23T09:02"), pytest.raises(ClockInvalid, match=words):
        snooze_ticket(held.pk, anna, until, "why", 1)
    held.refresh_from_db()
    assert held.claimed_by == anna


def test_only_who_holds_it_puts_it_off(held: Ticket, anna: User, ben: User) -> None:
    with pytest.raises(TicketNotClaimed):
        _snooze(held, ben)
    with at_time("2026-11-23T09:02"):
        release_ticket(held.pk, anna)
        claim_ticket(held.pk, anna)
    with pytest.raises(ResolutionStale, match="claimed again"):
        _snooze(held, anna)
    with at_time("2026-11-23T09:30"), pytest.raises(TicketNotClaimed):
        snooze_ticket(held.pk, anna, at("2026-11-23T12:00"), "why", None)


def test_a_reason_is_needed_and_a_code_is_one_of_the_queue(held: Ticket, anna: User) -> None:
    with pytest.raises(ClockInvalid, match="reason: say why"):
        snooze_ticket(held.pk, anna, at("2026-11-23T12:00"), " ", 1)
    with pytest.raises(ClockInvalid, match="reason_code: this queue has no reason 'moon'; known are: none"):
        _snooze(held, anna, reason_code="moon")
