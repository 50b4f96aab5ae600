"""Several people decide a ticket, each on their own: seats, votes, the vote that decides, and votes that can't."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from escalation.domain.draft import Draft
from escalation.errors import (
    AlreadyVoted,
    AssigneeUnfit,
    BulkBarred,
    CapacityReached,
    ClockRefused,
    LeadNeeded,
    NoTicketFree,
    OwnRequest,
    ResolutionStale,
    SeatsTaken,
    TicketNotClaimed,
    TicketResolved,
    TicketTaken,
    TicketWithdrawn,
)
from escalation.escrow import (
    DatabaseEscalator,
    claim_alike,
    claim_next_ticket,
    claim_ticket,
    reassign_ticket,
    release_ticket,
    renew_claim,
    resolve_by_rule,
    resolve_ticket,
    save_draft,
    snooze_ticket,
)
from escalation.escrow.seats import free_seat
from escalation.models import (
    AuditLine,
    BreachAction,
    ReviewerProfile,
    ReviewQueue,
    Seat,
    Ticket,
    Vote,
    read_clock,
)
from escalation.queues import make_queue
from escalation.selectors import list_offered_tickets
from escalation.selectors.people import count_loads
from escalation.watch import assign_tickets, look_at_tickets, watch_tickets
from orchestration.domain.receipts import digest_text
from orchestration.models import Project, Receipt, Step
from orchestration.runs import cancel
from orchestration.selectors.scope import call_as
from tests.integration.escalation.clocks import at_time
from tests.integration.escalation.desk import EDITED, PROPOSAL, go_on, hold
from tests.integration.escalation.voting import (
    ABORT,
    APPROVE,
    EDIT,
    SEND_BACK,
    SKIP,
    ask_several,
    hold_for_several,
    vote,
)
from tests.people import make_member

pytestmark = pytest.mark.django_db
OPENED, IN_TIME, LATER = "2026-11-23T09:00", "2026-11-23T09:01", "2026-11-23T09:30"


@pytest.fixture
def cleo(db: None) -> User:
    return make_member("cleo", "reviewer")


@pytest.fixture
def lea(db: None) -> User:
    return make_member("lea", "admin")


@pytest.fixture
def asked(anna: User, ben: User, cleo: User) -> Ticket:
    """Two of three have to agree, and there are three."""
    return hold_for_several()


def _now(ticket: Ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def _told(act: str) -> Any:
    return json.loads(AuditLine.objects.get(act=act).data_json)


def test_the_vote_that_makes_enough_is_the_decision_and_its_receipt_names_all(
    asked: Ticket, anna: User, ben: User, cleo: User
) -> None:
    first = vote(asked, anna, note="fine")
    assert (first.status, first.votes_cast, Step.objects.get(pk=asked.step_id).status) == ("open", 1, "held")
    second = vote(asked, ben, SKIP)
    assert (second.status, second.votes_cast, second.needs_lead) == ("open", 2, False)
    third = vote(asked, cleo, note="good")

    assert (third.status, third.resolution, third.resolved_by) == ("resolved", "approve", cleo)
    assert third.note == "fine\n\ngood"
    step = Step.objects.get(pk=asked.step_id)
    assert (step.status, step.output) == ("succeeded", PROPOSAL)
    receipt = Receipt.objects.get(step=step)
    assert '"actor":"person:anna,cleo"' in receipt.body_json.replace(" ", "")
    assert not Seat.objects.exists()
    assert go_on(asked).steps["send"].status == "succeeded"
    assert [(one["person"], one["kind"]) for one in _told("resolved")["votes"]] == [
        ("anna", "approve"),
        ("ben", "skip"),
        ("cleo", "approve"),
    ]


def test_equal_edits_agree_and_different_ones_do_not(
    asked: Ticket, anna: User, ben: User, cleo: User
) -> None:
    vote(asked, anna, EDIT, output=EDITED)
    assert vote(asked, ben, EDIT, output={**EDITED, "subject": "Yours"}).is_open
    assert vote(asked, cleo, EDIT, output=dict(reversed(EDITED.items()))).resolution == "edit"
    assert Step.objects.get(pk=asked.step_id).output == EDITED
    assert (
        Vote.objects.filter(output_digest=digest_text(_now(asked).resolution_output_json or "")).count() == 2
    )


def test_what_is_sent_back_carries_what_all_wrote(asked: Ticket, anna: User, ben: User) -> None:
    vote(asked, anna, SEND_BACK, feedback="be kind")
    assert vote(asked, ben, SEND_BACK, feedback="be brief").feedback == "be kind\n\nbe brief"


def test_each_has_a_seat_of_their_own_and_the_first_is_the_first_look(
    asked: Ticket, anna: User, ben: User, cleo: User
) -> None:
    one = claim_ticket(asked.pk, anna)
    two = claim_ticket(asked.pk, ben)
    assert (one.own_seat.number, two.own_seat.number) == (1, 2)
    assert (one.claim_number, two.claim_number) == (1, 2)
    assert (one.claimed_by, two.claimed_by) == (anna, ben)
    assert one.touched_at == two.touched_at
    again = claim_ticket(asked.pk, anna)
    assert (again.claim_number, Seat.objects.count()) == (1, 2), "renewed, not taken twice"
    assert _now(asked).claimed_by is None

    claim_ticket(asked.pk, cleo)
    dora = make_member("dora", "reviewer")
    with pytest.raises(SeatsTaken, match="All 3 seats"):
        claim_ticket(asked.pk, dora)
    vote(asked, anna)
    with pytest.raises(SeatsTaken):
        claim_ticket(asked.pk, dora)


def test_a_vote_ends_the_draft_of_its_seat(asked: Ticket, anna: User) -> None:
    claim_ticket(asked.pk, anna)
    save_draft(asked.pk, anna, Draft(note="mine"), claim_number=1)
    resolve_ticket(asked.pk, anna, APPROVE, claim_number=1, seen_digest=asked.seen_digest)
    seat = Seat.objects.get()
    assert (seat.has_voted, seat.draft_json) == (True, None)
    with pytest.raises(ResolutionStale):
        save_draft(asked.pk, anna, Draft(note="late"), claim_number=1)


def test_a_vote_stands(asked: Ticket, anna: User) -> None:
    vote(asked, anna, note="fine")
    with pytest.raises(AlreadyVoted, match="votes stand"):
        claim_ticket(asked.pk, anna)
    again = resolve_ticket(asked.pk, anna, APPROVE, claim_number=1, seen_digest=None, note="fine")
    assert again.votes_cast == 1, "sent twice it is one"
    with pytest.raises(AlreadyVoted):
        resolve_ticket(asked.pk, anna, SKIP, claim_number=1, seen_digest=None)
    for change in ("UPDATE escalation_vote SET kind = 'skip'", "DELETE FROM escalation_vote"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


def test_the_same_vote_gets_the_same_answer_after_the_decision_too(
    asked: Ticket, anna: User, ben: User
) -> None:
    vote(asked, anna)
    vote(asked, ben)
    for person in (anna, ben):
        assert (
            resolve_ticket(asked.pk, person, APPROVE, claim_number=1, seen_digest=None).status == "resolved"
        )
        with pytest.raises(TicketResolved):
            resolve_ticket(asked.pk, person, SKIP, claim_number=1, seen_digest=None)


def test_who_asked_has_neither_seat_nor_vote(anna: User, ben: User, cleo: User) -> None:
    ticket = hold_for_several(requested_by=cleo)
    with pytest.raises(OwnRequest):
        claim_ticket(ticket.pk, cleo)
    with pytest.raises(OwnRequest):
        resolve_ticket(ticket.pk, cleo, APPROVE, claim_number=None, seen_digest=None)
    with pytest.raises(NoTicketFree):
        claim_next_ticket(cleo, call_as(cleo))
    vote(ticket, anna)
    assert vote(ticket, ben, SKIP).needs_lead, "nobody is left who could vote: of three people one asked"


def test_a_vote_takes_a_live_seat_and_what_was_seen(asked: Ticket, anna: User, ben: User) -> None:
    with pytest.raises(TicketNotClaimed):
        resolve_ticket(asked.pk, anna, APPROVE, claim_number=None, seen_digest=None)
    claim_ticket(asked.pk, anna)
    for claim, seen in ((9, None), (1, "0" * 64)):
        with pytest.raises(ResolutionStale):
            resolve_ticket(asked.pk, anna, APPROVE, claim_number=claim, seen_digest=seen)
    Seat.objects.update(claim_expires_at=asked.opened_at)
    with pytest.raises(ResolutionStale, match="ran out"):
        resolve_ticket(asked.pk, anna, APPROVE, claim_number=1, seen_digest=None)
    assert not Vote.objects.exists()


def test_a_seat_that_lapsed_goes_to_others_without_its_draft_or_back_with_it(anna: User, ben: User) -> None:
    ticket = hold_for_several(2, 2)
    cleo = make_member("cleo", "reviewer")
    claim_ticket(ticket.pk, anna)
    save_draft(ticket.pk, anna, Draft(note="mine"), claim_number=1)
    claim_ticket(ticket.pk, ben)
    Seat.objects.filter(person=anna).update(claim_expires_at=ticket.opened_at)
    back = claim_ticket(ticket.pk, anna)
    assert (back.own_seat.number, back.claim_number, Draft.from_json(back.draft_json).note) == (1, 3, "mine")
    with pytest.raises(ResolutionStale):
        save_draft(ticket.pk, anna, Draft(note="from another tab"), claim_number=1)

    Seat.objects.filter(person=anna).update(claim_expires_at=ticket.opened_at)
    other = claim_ticket(ticket.pk, cleo)
    assert (other.own_seat.number, other.draft_json) == (1, None)
    with pytest.raises(SeatsTaken):
        claim_ticket(ticket.pk, anna)
    with pytest.raises(ResolutionStale):
        save_draft(ticket.pk, anna, Draft(note="late"), claim_number=3)


def test_seats_are_renewed_and_given_back(asked: Ticket, anna: User, ben: User) -> None:
    claim_ticket(asked.pk, anna)
    Seat.objects.update(claim_expires_at=read_clock() + timedelta(seconds=1))
    kept = renew_claim(asked.pk, anna, claim_number=1, seen_digest=asked.seen_digest)
    assert kept.claim_expires_at is not None
    assert kept.claim_expires_at > read_clock() + timedelta(minutes=1)
    with pytest.raises(ResolutionStale):
        renew_claim(asked.pk, ben, claim_number=1, seen_digest=asked.seen_digest)

    release_ticket(asked.pk, anna)
    assert _now(asked).released_by == anna
    with pytest.raises(TicketNotClaimed):
        release_ticket(asked.pk, anna)
    assert claim_ticket(asked.pk, ben).own_seat.number == 2, "anna's draft stays hers while there are others"


def test_capacity_counts_seats(asked: Ticket, anna: User) -> None:
    ReviewerProfile.objects.create(user=anna, capacity=1)
    (other,) = hold()
    claim_ticket(asked.pk, anna)
    with pytest.raises(CapacityReached):
        claim_ticket(other.pk, anna)
    vote(asked, anna)
    assert claim_ticket(other.pk, anna).own_seat.number == 1, "a vote takes no room"
    (third,) = hold()
    Seat.objects.filter(has_voted=False).update(claim_expires_at=asked.opened_at)
    assert claim_ticket(third.pk, anna).own_seat.number == 1, "nor what ran out"


def test_a_seat_is_load_until_its_vote_or_its_end(asked: Ticket, anna: User, ben: User) -> None:
    def loads() -> dict[int, int]:
        return count_loads([anna.pk, ben.pk], read_clock())

    for person in (anna, ben):
        claim_ticket(asked.pk, person)
    assert loads() == {anna.pk: 1, ben.pk: 1}
    vote(asked, anna)
    assert loads() == {ben.pk: 1}
    Seat.objects.filter(has_voted=False).update(claim_expires_at=asked.opened_at)
    assert loads() == {}


def test_next_is_a_free_seat_and_none_where_one_voted(asked: Ticket, anna: User, ben: User) -> None:
    assert claim_next_ticket(anna, call_as(anna)).pk == asked.pk
    assert claim_next_ticket(ben, call_as(ben)).pk == asked.pk
    with pytest.raises(NoTicketFree):
        claim_next_ticket(ben, call_as(ben))
    vote(asked, anna)
    with pytest.raises(NoTicketFree):
        claim_next_ticket(anna, call_as(anna))


def test_votes_that_cannot_agree_go_to_a_lead_alone(
    asked: Ticket, anna: User, ben: User, cleo: User, lea: User
) -> None:
    ReviewQueue.objects.update(assignment="round_robin")
    vote(asked, anna)
    vote(asked, ben, SKIP)
    claim_ticket(asked.pk, lea)
    release_ticket(asked.pk, lea)
    split = vote(asked, cleo, EDIT, output=EDITED)

    assert (split.status, split.needs_lead, split.has_quorum) == ("open", True, False)
    assert "do not agree" in split.desk_note
    assert not Seat.objects.exists()
    assert len(_told("split")["votes"]) == 3
    assign_tickets()
    assert _now(asked).assigned_to is None
    dora = make_member("dora", "reviewer")
    with pytest.raises(LeadNeeded):
        claim_ticket(asked.pk, dora)
    with pytest.raises(NoTicketFree):
        claim_next_ticket(dora, call_as(dora))
    assert not list_offered_tickets(call_as(dora)).exists()
    with pytest.raises(AssigneeUnfit, match="leads its queue"):
        reassign_ticket(asked.pk, lea, dora)
    assert claim_next_ticket(lea, call_as(lea)).pk == asked.pk
    done = resolve_ticket(asked.pk, lea, ABORT, claim_number=None, seen_digest=None)
    assert (done.status, done.resolved_by) == ("resolved", lea)


@pytest.mark.parametrize("with_number", [True, False])
def test_a_lead_who_voted_decides_by_themselves_as_they_voted(
    anna: User, lea: User, *, with_number: bool
) -> None:
    asked = hold_for_several(2, 2)
    voted = claim_ticket(asked.pk, lea).claim_number
    resolve_ticket(asked.pk, lea, APPROVE, claim_number=voted, seen_digest=None)
    assert vote(asked, anna, SKIP).needs_lead

    again = resolve_ticket(asked.pk, lea, APPROVE, claim_number=voted, seen_digest=None)
    assert again.is_open, "the vote, sent twice, decides nothing"
    claimed = claim_ticket(asked.pk, lea)
    number = claimed.claim_number if with_number else None
    done = resolve_ticket(asked.pk, lea, APPROVE, claim_number=number, seen_digest=claimed.seen_digest)

    assert (done.status, done.resolution, done.resolved_by) == ("resolved", "approve", lea)
    assert Step.objects.get(pk=asked.step_id).status == "succeeded"


def test_too_few_people_make_it_a_leads_from_the_start(anna: User) -> None:
    ticket = hold_for_several()
    assert (ticket.seats, ticket.votes_needed, ticket.needs_lead, ticket.has_quorum) == (3, 2, True, False)
    assert "2 people would have to agree on it, and only 1 can decide it" in ticket.desk_note
    with pytest.raises(LeadNeeded):
        claim_ticket(ticket.pk, anna)
    lea = make_member("lea", "admin")
    assert vote(ticket, lea).status == "resolved"


def test_tags_that_a_queue_asks_for_count(anna: User, ben: User) -> None:
    ReviewQueue.objects.update(needs_all_tags=True)
    ReviewerProfile.objects.create(user=anna, tags=["french"])
    assert not hold_for_several().needs_lead, "the ticket has no tags"


def test_a_ticket_about_which_nothing_was_planned_is_decided_by_nobody_alone(
    anna: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any, hold: Any) -> Any:
        raise RuntimeError("no plan")

    monkeypatch.setattr(DatabaseEscalator, "plan_ticket", fail)
    assert hold_for_several().needs_lead
    ask_several(1, 1)
    assert not hold()[0].needs_lead
    ReviewQueue.objects.update(assignment="round_robin")
    assign_tickets()
    assert Ticket.objects.get(needs_lead=True).assigned_to is None, "not to somebody who may not take it"


def test_a_ticket_keeps_the_seats_it_opened_with(asked: Ticket, anna: User, ben: User) -> None:
    ReviewQueue.objects.update(seats=1, votes_needed=1, grace_seconds=60)
    assert vote(asked, anna).is_open
    assert vote(asked, ben).status == "resolved", "no grace period either"


def test_what_is_of_one_person_is_refused(asked: Ticket, anna: User, ben: User, lea: User) -> None:
    claim_ticket(asked.pk, anna)
    with pytest.raises(ClockRefused, match="Several people decide"):
        snooze_ticket(asked.pk, anna, read_clock() + timedelta(hours=1), "later", None)
    with pytest.raises(AssigneeUnfit, match="each on their own"):
        reassign_ticket(asked.pk, lea, ben)
    ReviewQueue.objects.update(seats=1, votes_needed=1)
    asked.queue.refresh_from_db()
    with pytest.raises(BulkBarred, match="several people"):
        claim_alike(asked, [asked.pk], anna, call_as(anna))
    ReviewQueue.objects.update(assignment="round_robin")
    assign_tickets()
    assert _now(asked).assigned_to is None


def test_withdrawal_ends_seats_and_keeps_votes(asked: Ticket, anna: User, ben: User) -> None:
    vote(asked, anna)
    claim_ticket(asked.pk, ben)
    cancel(asked.run_id)
    assert _now(asked).status == "withdrawn"
    assert not Seat.objects.exists()
    assert Vote.objects.count() == 1
    with pytest.raises(TicketWithdrawn):
        resolve_ticket(asked.pk, ben, APPROVE, claim_number=None, seen_digest=None)


def test_a_rule_waits_for_seats_and_then_ends_the_vote(asked: Ticket, anna: User) -> None:
    vote(asked, make_member("dora", "reviewer"))
    claim_ticket(asked.pk, anna)
    with pytest.raises(TicketTaken, match="a reviewer"):
        resolve_by_rule(asked.pk, ABORT)
    Seat.objects.filter(person=anna).update(claim_expires_at=asked.opened_at)
    assert resolve_by_rule(asked.pk, ABORT).resolved_rule == "breach"
    assert not Seat.objects.exists()


def test_who_is_switched_off_loses_the_seat(asked: Ticket, anna: User) -> None:
    claim_ticket(asked.pk, anna)
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assign_tickets()
    assert Seat.objects.get().claim_expires_at is None
    assert _told("released")["before"] == "anna"


def test_a_seat_that_went_to_somebody_else_is_not_taken_from_them(asked: Ticket, anna: User) -> None:
    claim_ticket(asked.pk, anna)
    before = Seat.objects.get()
    Seat.objects.update(person=make_member("dora", "reviewer"))
    free_seat(before, "gone")
    assert Seat.objects.get().claim_expires_at == before.claim_expires_at


def test_a_breach_that_reroutes_ends_open_seats_and_asks_who_is_left(anna: User, ben: User) -> None:
    with at_time(OPENED):
        ticket = hold_for_several(2, 2)
    other = make_queue(Project.objects.get(slug="default").pk, "others", "Others")
    other.is_restricted = True
    other.save()
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
    assert (moved.queue, moved.needs_lead) == (other, True), "nobody works there"
    assert not Seat.objects.exists()


def test_when_people_leave_the_next_look_gives_the_ticket_to_a_lead(asked: Ticket, anna: User) -> None:
    vote(asked, anna)
    look_at_tickets()
    assert _now(asked).has_quorum
    User.objects.exclude(pk=anna.pk).update(is_active=False)
    Ticket.objects.update(next_look_at=asked.opened_at)
    look_at_tickets()
    assert _now(asked).needs_lead


def test_a_ticket_from_before_is_decided_with_no_others_in_a_queue_where_several_decide(anna: User) -> None:
    (ticket,) = hold()
    ask_several()
    with pytest.raises(BulkBarred, match="several people"):
        claim_alike(_now(ticket), [ticket.pk], anna, call_as(anna))


def test_two_of_two_need_each_other(anna: User, ben: User) -> None:
    ticket = hold_for_several(2, 2)
    vote(ticket, anna)
    assert vote(ticket, ben, SKIP).needs_lead
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(needs_lead=False)
