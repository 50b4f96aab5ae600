"""What the database itself refuses where several people decide, whoever writes."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from escalation.escrow import claim_ticket
from escalation.models import Seat, Ticket, Vote, read_clock
from tests.integration.escalation.desk import EDITED, PROPOSAL
from tests.integration.escalation.voting import APPROVE, EDIT, hold_for_several, vote
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(anna: User, ben: User) -> Ticket:
    """Two of three have to agree, and there are three."""
    make_member("cleo", "reviewer")
    return hold_for_several()


def _refuses(ticket: Ticket, words: str, **changes: Any) -> None:
    with pytest.raises(IntegrityError, match=words), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(**changes)


@pytest.mark.parametrize(
    "change", [{"seats": 4}, {"votes_needed": 1}, {"votes_cast": 2}, {"seats": 1, "votes_needed": 1}]
)
def test_how_many_people_decide_never_changes(asked: Ticket, change: dict[str, int]) -> None:
    _refuses(asked, "how many people decide ticket", **change)


def test_a_ticket_of_several_is_with_nobody(asked: Ticket, anna: User) -> None:
    now = read_clock()
    soon = now + timedelta(hours=1)
    for held in (
        {"claimed_by": anna, "claim_number": 1, "claim_expires_at": soon, "touched_at": now},
        {"assigned_to": anna, "assigned_until": soon},
        {"snoozed_until": soon, "snooze_reason": "later"},
    ):
        _refuses(asked, "ticket_quorum_has_no_holder", **held)


def test_no_ticket_asks_for_more_votes_than_seats(asked: Ticket) -> None:
    values = Ticket.objects.filter(pk=asked.pk).values().get() | {"id": None, "seats": 1, "votes_needed": 2}
    Ticket.objects.filter(pk=asked.pk).update(
        status="withdrawn", withdrawn_at=read_clock(), next_look_at=None
    )
    with pytest.raises(IntegrityError, match="ticket_votes_can_be_reached"), transaction.atomic():
        Ticket.objects.create(**values)


def test_a_seat_is_of_one_person_and_a_person_has_one(asked: Ticket, anna: User, ben: User) -> None:
    claim_ticket(asked.pk, anna)
    for rule, seat in (
        ("seat_one_a_person", {"number": 2, "person": anna}),
        ("seat_once", {"number": 1, "person": ben}),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            Seat.objects.create(ticket=asked, claim_number=9, claimed_at=read_clock(), **seat)
    with pytest.raises(IntegrityError, match="seat_voted_is_no_claim"), transaction.atomic():
        Seat.objects.update(has_voted=True)
    with pytest.raises(IntegrityError, match="seat_voted_is_no_claim"), transaction.atomic():
        Seat.objects.update(has_voted=True, claim_expires_at=None, draft_json="{}")


def test_a_vote_is_one_a_seat_and_one_a_person_and_of_a_persons_kinds(
    asked: Ticket, anna: User, ben: User
) -> None:
    vote(asked, anna)
    for rule, cast in (
        ("vote_once_a_person", {"seat": 2, "person": anna, "kind": "skip"}),
        ("vote_once_a_seat", {"seat": 1, "person": ben, "kind": "skip"}),
        ("vote_kind_known", {"seat": 2, "person": ben, "kind": "default"}),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            Vote.objects.create(ticket=asked, claim_number=9, **cast)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((APPROVE, {}), (EDIT, {"output": PROPOSAL})),
        ((EDIT, {"output": EDITED}), (EDIT, {"output": PROPOSAL})),
    ],
    ids=["same output, other kind", "same kind, other output"],
)
def test_the_database_closes_no_ticket_without_enough_votes(
    asked: Ticket, anna: User, ben: User, first: Any, second: Any
) -> None:
    vote(asked, anna, first[0], **first[1])
    vote(asked, ben, second[0], **second[1])
    for kind in (APPROVE, EDIT):
        with pytest.raises(IntegrityError, match="2 votes that agree"), transaction.atomic():
            Ticket.objects.filter(pk=asked.pk).update(
                status="resolved",
                resolution=kind,
                resolved_by=anna,
                resolved_at=read_clock(),
                resolution_output_json=asked.seen_json,
            )
