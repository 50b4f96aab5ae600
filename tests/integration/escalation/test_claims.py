import threading
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F

from escalation.domain.draft import Draft
from escalation.errors import (
    ResolutionInvalid,
    ResolutionStale,
    ReviewerInactive,
    TicketNotClaimed,
    TicketNotFound,
    TicketTaken,
    TicketWithdrawn,
)
from escalation.escrow import DatabaseEscalator, claim_ticket, release_ticket, save_draft
from escalation.models import Ticket, read_clock
from tests.integration.escalation.desk import count_waiting, expire_claim, hold, race
from tests.processes import wait_for

pytestmark = pytest.mark.django_db


def test_a_claim_is_a_lease_with_a_number(ticket: Ticket, anna: User) -> None:
    before = read_clock()

    claimed = claim_ticket(ticket.pk, anna)

    assert (claimed.claimed_by, claimed.claim_number) == (anna, 1)
    assert claimed.touched_at is not None
    assert before < claimed.touched_at < read_clock()
    assert claimed.claim_expires_at == claimed.touched_at + timedelta(seconds=300)


def test_another_persons_live_claim_is_respected(ticket: Ticket, anna: User, ben: User) -> None:
    held = claim_ticket(ticket.pk, anna)

    with pytest.raises(TicketTaken, match="claimed by anna until") as refusal:
        claim_ticket(ticket.pk, ben)

    ticket.refresh_from_db()
    assert (refusal.value.holder, refusal.value.until) == ("anna", held.claim_expires_at)
    assert (ticket.claimed_by, ticket.claim_number) == (anna, 1)
    assert ticket.claim_expires_at == held.claim_expires_at


def test_claiming_ones_own_live_claim_renews_it(ticket: Ticket, anna: User) -> None:
    first = claim_ticket(ticket.pk, anna)
    Ticket.objects.update(claim_expires_at=F("claim_expires_at") - timedelta(minutes=1))
    second = claim_ticket(ticket.pk, anna)

    assert first.claim_expires_at is not None
    assert second.claim_expires_at is not None
    assert abs(second.claim_expires_at - first.claim_expires_at) < timedelta(seconds=30)
    assert second.claim_number == 1
    assert second.touched_at == first.touched_at


def test_an_expired_claim_is_free_and_the_next_has_another_number(
    ticket: Ticket, anna: User, ben: User
) -> None:
    first = claim_ticket(ticket.pk, anna)
    expire_claim(ticket)

    second = claim_ticket(ticket.pk, ben)

    assert (second.claimed_by, second.claim_number) == (ben, 2)
    assert second.touched_at == first.touched_at


def test_ones_own_expired_claim_gets_a_new_number(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    expire_claim(ticket)

    assert claim_ticket(ticket.pk, anna).claim_number == 2


def test_a_closed_ticket_can_not_be_claimed(ticket: Ticket, anna: User) -> None:
    DatabaseEscalator().withdraw_tickets([ticket.step_id], "the run was aborted")

    with pytest.raises(TicketWithdrawn, match="the run was aborted"):
        claim_ticket(ticket.pk, anna)


def test_an_account_that_is_switched_off_claims_nothing(ticket: Ticket, anna: User) -> None:
    anna.is_active = False

    with pytest.raises(ReviewerInactive, match="anna"):
        claim_ticket(ticket.pk, anna)

    ticket.refresh_from_db()
    assert ticket.claimed_by is None


def test_an_unknown_ticket_is_named(anna: User) -> None:
    with pytest.raises(TicketNotFound, match="no ticket 4711"):
        claim_ticket(4711, anna)


def test_releasing_frees_the_ticket_and_keeps_the_draft(ticket: Ticket, anna: User, ben: User) -> None:
    claim_ticket(ticket.pk, anna)
    save_draft(ticket.pk, anna, Draft(note="half done", author="anna"), claim_number=1)

    released = release_ticket(ticket.pk, anna)

    assert (released.claimed_by, released.claim_expires_at) == (None, None)
    assert Draft.from_json(claim_ticket(ticket.pk, ben).draft_json).note == "half done"


def test_only_the_holder_releases(ticket: Ticket, anna: User, ben: User) -> None:
    claim_ticket(ticket.pk, anna)

    with pytest.raises(TicketNotClaimed):
        release_ticket(ticket.pk, ben)

    ticket.refresh_from_db()
    assert ticket.claimed_by == anna


def test_a_draft_under_an_expired_claim_is_kept_while_nobody_else_came(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    expire_claim(ticket)

    save_draft(ticket.pk, anna, Draft(note="slow typing"), claim_number=1)

    ticket.refresh_from_db()
    assert Draft.from_json(ticket.draft_json).note == "slow typing"


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_draft_under_another_claim_number_is_refused(
    ticket: Ticket, anna: User, ben: User, number: int
) -> None:
    claim_ticket(ticket.pk, anna)
    expire_claim(ticket)
    claim_ticket(ticket.pk, ben)

    with pytest.raises(ResolutionStale, match="not saved"):
        save_draft(ticket.pk, ben, Draft(note="stray"), claim_number=number)
    with pytest.raises(ResolutionStale, match="not saved"):
        save_draft(ticket.pk, anna, Draft(note="stray"), claim_number=2)

    ticket.refresh_from_db()
    assert ticket.draft_json is None


def test_a_draft_too_long_is_refused(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)

    with pytest.raises(ResolutionInvalid, match="at most"):
        save_draft(ticket.pk, anna, Draft(note="x" * 20_001), claim_number=1)


@pytest.mark.django_db(transaction=True)
def test_of_fifty_people_at_once_one_wins() -> None:
    (ticket,) = hold()
    people = [User.objects.create(username=f"person-{i}") for i in range(50)]

    answers = race([partial(claim_ticket, ticket.pk, person) for person in people])

    winners = [answer for answer in answers if isinstance(answer, Ticket)]
    refusals = [answer for answer in answers if isinstance(answer, TicketTaken)]
    ticket.refresh_from_db()
    assert (len(winners), len(refusals)) == (1, 49)
    assert ticket.claim_number == 1
    assert ticket.claimed_by is not None
    assert {refusal.holder for refusal in refusals} == {ticket.claimed_by.get_username()}


@pytest.mark.django_db(transaction=True)
def test_of_many_people_one_takes_over_an_expired_claim(anna: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    expire_claim(ticket)
    people = [User.objects.create(username=f"person-{i}") for i in range(10)]

    answers = race([partial(claim_ticket, ticket.pk, person) for person in people])

    ticket.refresh_from_db()
    assert sum(isinstance(answer, Ticket) for answer in answers) == 1
    assert ticket.claim_number == 2


def _claim_in_thread(ticket: Ticket, person: User) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []

    def claim() -> None:
        try:
            answers.append(claim_ticket(ticket.pk, person))
        finally:
            connection.close()

    thread = threading.Thread(target=claim)
    thread.start()
    return thread, answers


@pytest.mark.django_db(transaction=True)
def test_the_clock_is_read_after_the_wait_for_the_row(anna: User, settings: LazySettings) -> None:
    (ticket,) = hold()
    with transaction.atomic():
        Ticket.objects.select_for_update().get(pk=ticket.pk)
        thread, answers = _claim_in_thread(ticket, anna)
        wait_for(lambda: count_waiting() == 1, what="the claim waiting for the row")
        released_at: datetime = read_clock()
    thread.join(timeout=30)

    assert answers[0].touched_at > released_at
