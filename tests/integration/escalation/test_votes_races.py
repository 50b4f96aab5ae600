"""Votes at once give one outcome; a vote that is killed anywhere was cast whole or not at all."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from django.contrib.auth.models import User

from escalation.errors import EscalationError, SeatsTaken
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import AuditLine, ReviewQueue, Seat, Ticket, Vote
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.errors import StepNotHeld
from orchestration.models import Receipt, Step
from orchestration.runs import cancel
from tests.integration.escalation.desk import go_on, race
from tests.integration.escalation.test_pending_killed import survives
from tests.integration.escalation.voting import APPROVE, SKIP, hold_for_several, vote
from tests.people import make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(db: None) -> list[User]:
    return [make_member(name, "reviewer") for name in ("anna", "ben", "cleo", "dora", "emil")]


def _cast(ticket: Ticket, person: User, kind: ResolutionKind = APPROVE) -> Callable[[], Any]:
    def cast() -> Any:
        with mute_dispatch():
            return resolve_ticket(ticket.pk, person, kind, claim_number=None, seen_digest=None)

    return cast


def test_votes_at_once_give_one_outcome(people: list[User]) -> None:
    ticket = hold_for_several(5, 3)
    for person in people:
        claim_ticket(ticket.pk, person)
    kinds = [APPROVE, APPROVE, APPROVE, SKIP, SKIP]
    answers = race([_cast(ticket, person, kind) for person, kind in zip(people, kinds, strict=True)])

    done = Ticket.objects.get(pk=ticket.pk)
    assert (done.status, done.resolution) == ("resolved", "approve"), answers
    assert Receipt.objects.filter(step=ticket.step_id).count() == 1
    assert Vote.objects.filter(kind="approve").count() == 3
    late = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(error, (EscalationError, StepNotHeld)) for error in late), late
    assert Vote.objects.count() == 5 - len(late) == done.votes_cast


def test_more_people_at_once_than_seats(people: list[User]) -> None:
    ticket = hold_for_several(3, 2)
    answers = race([lambda person=person: claim_ticket(ticket.pk, person) for person in people])  # type: ignore[misc]
    assert sum(isinstance(answer, SeatsTaken) for answer in answers) == 2
    assert sorted(Seat.objects.values_list("number", flat=True)) == [1, 2, 3]
    assert len(set(Seat.objects.values_list("claim_number", flat=True))) == 3


def test_one_person_twice_at_once_has_one_seat(people: list[User]) -> None:
    ticket = hold_for_several(3, 2)
    race([lambda: claim_ticket(ticket.pk, people[0])] * 2)
    assert Seat.objects.count() == 1


def test_the_deciding_vote_against_a_cancelled_run(people: list[User]) -> None:
    ticket = hold_for_several(3, 2)
    vote(ticket, people[0])
    claim_ticket(ticket.pk, people[1])
    race([_cast(ticket, people[1]), lambda: cancel(ticket.run_id)])

    now, step = Ticket.objects.get(pk=ticket.pk), Step.objects.get(pk=ticket.step_id)
    assert (now.status, step.status) in {("resolved", "succeeded"), ("withdrawn", "cancelled")}
    assert Vote.objects.count() == (2 if now.status == "resolved" else 1)
    assert not Seat.objects.exists()


def test_a_seat_against_a_withdrawal(people: list[User]) -> None:
    ticket = hold_for_several(3, 2)
    race([lambda: claim_ticket(ticket.pk, people[0]), lambda: cancel(ticket.run_id)])
    assert Ticket.objects.get(pk=ticket.pk).status == "withdrawn"
    assert not Seat.objects.exists()


@pytest.mark.parametrize("order", list(permutations([APPROVE, SKIP, APPROVE]))[:3])
def test_the_order_of_votes_changes_nothing(people: list[User], order: tuple[ResolutionKind, ...]) -> None:
    ticket = hold_for_several(3, 2)
    for person, kind in zip(people, order, strict=False):
        if Ticket.objects.get(pk=ticket.pk).is_open:
            vote(ticket, person, kind)
    assert Ticket.objects.get(pk=ticket.pk).resolution == "approve"


def test_killed_anywhere_a_vote_is_cast_whole_or_not_at_all(people: list[User]) -> None:
    ticket = hold_for_several(3, 2)
    for person in people[:2]:
        claim_ticket(ticket.pk, person)
    before = _stands(ticket)
    assert _kill_everywhere(_cast(ticket, people[0]), ticket, before) > 8
    assert _stands(ticket) == ("open", "held", 1, 1, 2)
    assert _kill_everywhere(_cast(ticket, people[1]), ticket, ("open", "held", 1, 1, 2)) > 12
    assert _stands(ticket) == ("resolved", "succeeded", 2, 2, 0)
    assert go_on(ticket).steps["send"].status == "succeeded"
    assert Receipt.objects.filter(step=ticket.step_id).count() == 1
    acts = list(AuditLine.objects.filter(ticket_id=ticket.pk).order_by("pk").values_list("act", flat=True))
    assert acts == ["claimed", "claimed", "voted", "voted", "resolved"]
    assert ReviewQueue.objects.get().seats == 3


def _stands(ticket: Ticket) -> tuple[str, str, int, int, int]:
    row = Ticket.objects.get(pk=ticket.pk)
    votes, seats = Vote.objects.count(), Seat.objects.count()
    return row.status, Step.objects.get(pk=ticket.step_id).status, row.votes_cast, votes, seats


def _kill_everywhere(act: Callable[[], Any], ticket: Ticket, before: tuple[str, str, int, int, int]) -> int:
    for place in range(1, 80):
        if survives(act, place):
            return place - 1
        assert _stands(ticket) == before, f"killed before statement {place}"
    raise AssertionError("it never got through")
