"""Where several people decide a ticket: who can still vote, as people leave, move and are asked in; no one is two."""

import pytest
from django.contrib.auth.models import Group, User

from escalation.escrow import claim_ticket
from escalation.models import BreachAction, BreachDeed, ReviewerProfile, ReviewQueue, Seat, Ticket
from escalation.queues import make_queue
from escalation.watch import look_at_tickets, watch_tickets
from orchestration.models import Project, Receipt
from tests.integration.escalation.clocks import at_time
from tests.integration.escalation.voting import SKIP, hold_for_several, vote
from tests.people import make_member

pytestmark = pytest.mark.django_db
OPENED, IN_TIME, LATER = "2026-11-23T09:00", "2026-11-23T09:01", "2026-11-23T09:30"


@pytest.fixture
def cleo(db: None) -> User:
    return make_member("cleo", "reviewer")


def _now(ticket: Ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def _look(ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(next_look_at=ticket.opened_at)
    look_at_tickets()


def test_a_breach_that_reroutes_keeps_the_seats_of_who_voted(anna: User, ben: User, cleo: User) -> None:
    with at_time(OPENED):
        ticket = hold_for_several()
    other = make_queue(Project.objects.get(slug="default").pk, "others", "Others")
    BreachAction.objects.create(
        queue_id=ticket.queue_id, deadline="resolution", step="reroute", to_queue=other
    )
    with at_time(IN_TIME):
        vote(ticket, anna)
        claim_ticket(ticket.pk, ben)
    with at_time(LATER):
        watch_tickets()
        look_at_tickets()
    moved = _now(ticket)
    assert (moved.queue, moved.has_quorum) == (other, True)
    assert Seat.objects.get().person == anna


def test_whom_a_breach_opened_the_ticket_to_can_vote(anna: User, ben: User) -> None:
    ticket = hold_for_several(2, 2)
    vote(ticket, anna)
    others = Group.objects.create(name="others")
    make_member("dora", "viewer").groups.add(others)
    BreachDeed.objects.create(
        ticket=ticket, deadline="resolution", step="widen", group=others, outcome="told"
    )
    User.objects.filter(pk=ben.pk).update(is_active=False)
    _look(ticket)
    assert _now(ticket).has_quorum


def test_who_is_in_two_groups_is_one_person(anna: User, ben: User, cleo: User) -> None:
    ticket = hold_for_several(3, 3)
    vote(ticket, anna)
    ben.groups.add(Group.objects.create(name="others"))
    User.objects.filter(pk=cleo.pk).update(is_active=False)
    _look(ticket)
    assert _now(ticket).needs_lead


def test_who_lacks_a_tag_that_the_queue_asks_for_is_no_vote_to_come(
    anna: User, ben: User, cleo: User
) -> None:
    asked = hold_for_several()
    Ticket.objects.update(tags=["french"])
    _look(asked)
    assert _now(asked).has_quorum, "the queue asks for no tags"
    ReviewQueue.objects.update(needs_all_tags=True)
    ReviewerProfile.objects.create(user=anna, tags=["french"])
    vote(asked, anna)
    assert _now(asked).needs_lead


def test_no_more_votes_can_come_than_seats_are_free(anna: User, ben: User, cleo: User) -> None:
    for name in ("dora", "emil"):
        make_member(name, "reviewer")
    ticket = hold_for_several(3, 3)
    vote(ticket, anna)
    assert vote(ticket, ben, SKIP).needs_lead


def test_a_vote_counts_though_its_voter_is_gone_or_may_no_longer_vote(
    anna: User, ben: User, cleo: User
) -> None:
    ticket = hold_for_several(3, 3)
    vote(ticket, anna)
    vote(ticket, ben)
    User.objects.filter(pk=anna.pk).update(is_active=False)
    ben.groups.clear()
    _look(ticket)
    assert _now(ticket).has_quorum, "one vote is to come, and cleo is there for it"
    done = vote(ticket, cleo)
    assert (done.status, done.resolution) == ("resolved", "approve")
    assert "person:anna,ben,cleo" in Receipt.objects.get(step=ticket.step_id).body_json


def test_who_was_asked_in_and_is_switched_off_since_is_no_vote_to_come(anna: User, ben: User) -> None:
    ticket = hold_for_several(2, 2)
    vote(ticket, anna)
    others = Group.objects.create(name="others")
    dora = make_member("dora", "viewer")
    dora.groups.add(others)
    BreachDeed.objects.create(
        ticket=ticket, deadline="resolution", step="widen", group=others, outcome="told"
    )
    User.objects.filter(pk__in=[ben.pk, dora.pk]).update(is_active=False)
    _look(ticket)
    assert _now(ticket).needs_lead
