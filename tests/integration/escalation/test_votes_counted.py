"""What is counted and told where several people decide: each one's work, once, and leads of what they can't."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from escalation.escrow import claim_ticket, resolve_ticket
from escalation.figures import fold_hours, look_at_desk, rebuild
from escalation.models import HourFigure, Notice, Ticket, read_clock
from escalation.watch import look_at_tickets
from tests.integration.escalation.buttons import sign_in
from tests.integration.escalation.desk import hold
from tests.integration.escalation.figured import place_ticket
from tests.integration.escalation.voting import ABORT, SKIP, ask_several, hold_for_several, vote
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def cleo(db: None) -> User:
    return make_member("cleo", "reviewer")


@pytest.fixture
def lea(db: None) -> User:
    return make_member("lea", "admin")


def _done(lead: User) -> dict[str, int]:
    board = sign_in(lead).get("/api/v1/queues/board").json()
    return {row["reviewer"]: row["resolved_last_hour"] for row in board["reviewers"]}


def test_each_vote_is_the_work_of_its_voter_and_the_decision_is_one(
    anna: User, ben: User, cleo: User, lea: User
) -> None:
    ticket = hold_for_several()
    vote(ticket, anna)
    assert _done(lea) == {"anna": 1}, "also while the others have yet to vote"
    vote(ticket, ben, SKIP)
    assert vote(ticket, cleo).status == "resolved"

    assert _done(lea) == {"anna": 1, "ben": 1, "cleo": 1}
    [backlog] = sign_in(lea).get("/api/v1/queues/board").json()["backlog"]
    assert (backlog["resolved_last_hour"], backlog["reviewers_present"]) == (1, 3)


def test_the_decision_of_a_lead_is_work_besides_the_votes(anna: User, ben: User, lea: User) -> None:
    ticket = hold_for_several(2, 2)
    vote(ticket, anna)
    vote(ticket, ben, SKIP)
    claim_ticket(ticket.pk, lea)
    resolve_ticket(ticket.pk, lea, ABORT, claim_number=None, seen_digest=None)
    assert _done(lea) == {"anna": 1, "ben": 1, "lea": 1}


def test_a_decision_takes_as_many_hands_as_votes(anna: User, ben: User, cleo: User) -> None:
    ticket = hold_for_several()
    for person in (anna, ben):
        vote(ticket, person)
    claim_ticket(hold_for_several().pk, cleo)
    [found] = look_at_desk([ticket.queue_id], read_clock()).queues.values()
    assert (found.present, found.hands) == (3, 1.5)


def test_figures_counted_again_have_each_decision_once(anna: User, ben: User) -> None:
    ask_several()
    hour = read_clock() - timedelta(hours=2)
    place_ticket(hour, touched=1, resolved=2, by=ben, seats=3, needs_lead=True)

    def count() -> dict[str, int]:
        return dict(HourFigure.objects.filter(measure__startswith="decided").values_list("measure", "count"))

    while fold_hours():
        pass
    assert count() == {"decided_approve": 1}
    rebuild(hour, read_clock())
    assert count() == {"decided_approve": 1}


def _told() -> list[tuple[str, dict[str, Any]]]:
    notices = Notice.objects.filter(happening="lead").order_by("pk")
    return sorted((str(one.person or ""), json.loads(one.data_json)) for one in notices)


def _look_again() -> None:
    Ticket.objects.filter(status="open").update(next_look_at=read_clock())
    look_at_tickets()


def test_votes_that_agree_are_told_to_no_lead(anna: User, ben: User, cleo: User, lea: User) -> None:
    ticket = hold_for_several()
    vote(ticket, anna)
    vote(ticket, ben, SKIP)
    _look_again()
    assert vote(ticket, cleo).resolution == "approve"
    assert _told() == []


def test_leads_are_told_once_that_votes_do_not_agree_and_of_no_vote(anna: User, ben: User, lea: User) -> None:
    ticket = hold_for_several(2, 2)
    vote(ticket, anna)
    vote(ticket, ben, SKIP)
    said = {"votes": 2, "seats": 2}
    assert _told() == [("", said), ("lea", said)]
    make_member("lara", "admin")
    _look_again()
    assert len(_told()) == 2


def test_a_ticket_for_which_there_are_too_few_is_told_to_leads_by_its_first_look(lea: User) -> None:
    ticket = hold_for_several()
    assert (ticket.needs_lead, _told()) == (True, [])
    look_at_tickets()
    assert [who for who, _ in _told()] == ["", "lea"]
    _look_again()
    assert len(_told()) == 2
    ask_several(1, 1)
    hold()
    look_at_tickets()
    assert len(_told()) == 2, "what one person decides is nothing to tell"
