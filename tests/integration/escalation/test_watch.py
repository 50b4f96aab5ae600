from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import transaction

from escalation.escrow import DatabaseEscalator, claim_ticket, resolve_ticket
from escalation.models import Breach, Ticket, read_clock
from escalation.watch import look_at_tickets, watch_tickets
from orchestration.domain.states import ResolutionKind
from tests.integration.escalation.desk import hold, race
from tests.processes import wait_for

pytestmark = pytest.mark.django_db


def _set_clocks(settings: LazySettings, first_touch: float, resolution: float) -> None:
    settings.RINGMASTER = {
        **settings.RINGMASTER,
        "SLA_SECONDS": {"customer-facing": (first_touch, resolution)},
    }


@pytest.fixture
def overdue(settings: LazySettings, db: None) -> Ticket:
    """A ticket that missed both deadlines."""
    _set_clocks(settings, 0.01, 0.02)
    (ticket,) = hold()
    wait_for(lambda: read_clock() > ticket.due_at)
    return ticket


def _breaches() -> list[tuple[int, str]]:
    return list(Breach.objects.order_by("due_at").values_list("ticket_id", "deadline"))


def test_a_missed_deadline_is_recorded_once_with_its_true_time(overdue: Ticket) -> None:
    watch_tickets()
    watch_tickets()

    assert _breaches() == [(overdue.pk, "first_touch"), (overdue.pk, "resolution")]
    first, second = Breach.objects.order_by("due_at")
    assert (first.due_at, second.due_at) == (overdue.first_touch_due_at, overdue.due_at)
    assert first.found_at > second.due_at


def test_a_clock_that_stepped_back_since_a_late_touch_stops_no_decision(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    late = ticket.first_touch_due_at + timedelta(minutes=5)
    Ticket.objects.filter(pk=ticket.pk).update(touched_at=late)

    resolve_ticket(ticket.pk, anna, ResolutionKind.APPROVE, claim_number=None, seen_digest=None)

    [breach] = Breach.objects.all()
    assert (breach.deadline, breach.found_at) == ("first_touch", late)


def test_nothing_is_recorded_before_it_is_due(ticket: Ticket) -> None:
    watch_tickets()

    assert _breaches() == []


def test_a_ticket_touched_in_time_misses_only_its_resolution(settings: LazySettings, anna: User) -> None:
    _set_clocks(settings, 1.0, 1.01)
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    wait_for(lambda: read_clock() > ticket.due_at)

    watch_tickets()

    assert _breaches() == [(ticket.pk, "resolution")]


def test_a_late_first_touch_is_recorded_by_the_claim_itself(overdue: Ticket, anna: User) -> None:
    claim_ticket(overdue.pk, anna)

    assert _breaches() == [(overdue.pk, "first_touch"), (overdue.pk, "resolution")]


def test_a_breach_that_the_watch_found_is_no_obstacle_to_a_claim(overdue: Ticket, anna: User) -> None:
    watch_tickets()
    found = list(Breach.objects.values_list("found_at", flat=True))

    claim_ticket(overdue.pk, anna)

    assert list(Breach.objects.values_list("found_at", flat=True)) == found


def test_a_late_resolution_is_recorded_without_the_watch(settings: LazySettings, anna: User) -> None:
    _set_clocks(settings, 1.0, 1.01)
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    wait_for(lambda: read_clock() > ticket.due_at)

    resolve_ticket(ticket.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=ticket.seen_digest)

    assert _breaches() == [(ticket.pk, "resolution")]


def test_a_late_withdrawal_is_recorded_without_the_watch(overdue: Ticket) -> None:
    DatabaseEscalator().withdraw_tickets([overdue.step_id], "aborted")

    assert _breaches() == [(overdue.pk, "first_touch"), (overdue.pk, "resolution")]


def test_a_ticket_resolved_in_time_is_never_breached(settings: LazySettings, anna: User) -> None:
    _set_clocks(settings, 1.0, 1.01)
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=ticket.seen_digest)
    wait_for(lambda: read_clock() > ticket.due_at)

    watch_tickets()

    assert _breaches() == []


@pytest.mark.django_db(transaction=True)
def test_two_watches_at_once_record_once(settings: LazySettings) -> None:
    _set_clocks(settings, 0.01, 0.02)
    tickets = [hold()[0] for _ in range(3)]
    wait_for(lambda: read_clock() > max(ticket.due_at for ticket in tickets))

    assert race([watch_tickets] * 4) == [None] * 4
    watch_tickets()

    assert Breach.objects.count() == 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("watch", [watch_tickets, look_at_tickets])
def test_a_row_that_is_being_decided_is_left_to_whoever_holds_it(
    settings: LazySettings, watch: Callable[[], None]
) -> None:
    _set_clocks(settings, 0.01, 0.02)
    (ticket,) = hold()
    wait_for(lambda: read_clock() > ticket.due_at)

    with transaction.atomic():
        Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
        assert race([watch]) == [None]
        assert race([Breach.objects.count]) == [0]
