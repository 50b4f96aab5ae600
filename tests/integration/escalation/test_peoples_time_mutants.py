"""Each guard of what is booked of people's time, taken out: a promise of the same name is then broken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from escalation.escrow import release_ticket
from escalation.models import Ticket, read_clock
from orchestration.models import Pot
from tests.guards import cut
from tests.integration.escalation import test_peoples_time as promises
from tests.integration.escalation import test_peoples_time_races as races
from tests.integration.escalation.people_judge import judge_people

pytestmark = pytest.mark.breaks_guards
pair = races.pair
_CLAIM, _SEAT = "escalation_ticket_claim_ends", "escalation_seat_claim_ends"
_BOOKED, _BOOK = "escalation_ticket_is_booked", "ringmaster_book_people"
_FORMER = "coalesce({}, interval '0') + "


def _run_out(anna: User, ben: User) -> None:
    promises.test_however_a_claim_ends_it_is_counted_once_and_with_the_next_one(
        anna, ben, promises._run_out, taken=2
    )


def _reassign(anna: User, ben: User) -> None:
    promises.test_however_a_claim_ends_it_is_counted_once_and_with_the_next_one(
        anna, ben, promises._reassign, taken=3
    )


def _decide_later(anna: User, _ben: User) -> None:
    promises.test_a_decision_that_waits_is_worked_at_until_it_was_made(anna)


def _close(anna: User, _ben: User) -> None:
    promises.test_an_open_ticket_reserves_and_its_close_settles_what_its_claim_took(anna)


def _send_back(anna: User, _ben: User) -> None:
    promises.test_a_step_that_is_sent_back_opens_a_ticket_anew_which_reserves_anew(anna)


def _give_back_beside_another(anna: User, _ben: User) -> None:
    """Of two tickets of a budget one was worked at and given back, and stays open; the other one is closed."""
    worked_at, closed = races.hold_pair(anna)
    Ticket.objects.filter(pk=worked_at.pk).update(claimed_at=read_clock() - timedelta(seconds=3_000))
    release_ticket(worked_at.pk, anna)
    promises._resolve(closed, anna)
    judge_people()


def _sit(anna: User, ben: User) -> None:
    promises.test_where_several_decide_the_time_of_each_seat_counts(anna, ben)


def _exhaust(anna: User, _ben: User) -> None:
    """Work for longer than the budget has; the judge holds the row against it."""
    ticket = promises._hold(minutes=10)
    promises._claim(ticket, anna, 2_000)
    promises._resolve(ticket, anna)
    pot = Pot.objects.get(run=ticket.run_id)
    assert (pot.spent, pot.overrun // 1_000) == (600, 1)


# A function of the database, what is taken out of it, what stands instead, and who misses it.
_GUARDS: dict[str, tuple[str, str, str, Callable[[User, User], None]]] = {
    "the end of a claim": (_CLAIM, "OLD.claim_expires_at, ", "", _run_out),
    "when it was decided": (_CLAIM, "OLD.decided_at, ", "", _decide_later),
    "former claims": (_CLAIM, _FORMER.format("OLD.worked_for"), "", _reassign),
    "former seats": (_SEAT, _FORMER.format("worked_for"), "", _sit),
    "closed tickets reserve nothing": (_BOOKED, " FILTER (WHERE status = 'open')", "", _close),
    "open tickets spend nothing": (_BOOKED, " FILTER (WHERE status <> 'open')", "", _give_back_beside_another),
    "all tickets of a budget": (_BOOKED, "people_pots @> ARRAY[pot]", "id = NEW.id", _send_back),
}  # fmt: skip


@contextmanager
def _without(function: str, guard: str, instead: str) -> Iterator[None]:
    """Replace a function of the database by one without a guard, for as long as the caller looks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s", [function])
        (whole,) = cursor.fetchone() or ("",)
        cursor.execute(cut(whole, guard, instead))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(whole)


@pytest.mark.django_db
@pytest.mark.parametrize("guard", _GUARDS)
def test_with_its_guard_time_is_booked_as_promised(guard: str, anna: User, ben: User) -> None:
    _GUARDS[guard][3](anna, ben)


@pytest.mark.django_db
@pytest.mark.parametrize("guard", _GUARDS)
def test_without_it_another_time_is_booked(guard: str, anna: User, ben: User) -> None:
    function, text, instead, promise = _GUARDS[guard]
    with _without(function, text, instead), pytest.raises(AssertionError):
        promise(anna, ben)


@pytest.mark.django_db
def test_without_the_limit_the_database_refuses_to_book(anna: User, ben: User) -> None:
    _exhaust(anna, ben)
    limit = 'least(used, p."limit" - p.lost)'
    with _without(_BOOK, limit, "used"), pytest.raises(IntegrityError), transaction.atomic():
        _exhaust(anna, ben)


@pytest.mark.django_db(transaction=True)
def test_without_the_budgets_lock_one_of_two_is_not_counted(pair: list[Ticket], anna: User) -> None:
    lock = "PERFORM FROM orchestration_pot WHERE id = pot FOR NO KEY UPDATE;"
    with _without(_BOOKED, lock, ""), pytest.raises(AssertionError):
        races.test_of_two_that_close_at_once_both_are_counted(pair, anna)
