"""Assignments, room, tags and leases: who is offered a ticket first, and how long it is theirs."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

from escalation.domain.draft import Draft
from escalation.errors import (
    AssigneeUnfit,
    CapacityReached,
    EscalationError,
    NoTicketFree,
    ResolutionStale,
    ReviewerInactive,
    TagsMissing,
    TicketAssigned,
    TicketNotClaimed,
    TicketTaken,
)
from escalation.escrow import (
    claim_next_ticket,
    claim_ticket,
    reassign_ticket,
    release_ticket,
    renew_claim,
    resolve_ticket,
    save_draft,
)
from escalation.models import AuditLine, Notice, ReviewerProfile, ReviewQueue, Ticket, read_clock
from escalation.watch import assign_tickets
from orchestration.domain.states import ResolutionKind
from orchestration.models import Project
from orchestration.selectors.scope import call_as
from tests.integration.escalation.desk import expire_claim, hold, race
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_turn(db: None) -> ReviewQueue:
    queue = ReviewQueue.objects.get(slug="default", project__slug="default")
    queue.assignment = "round_robin"
    queue.save()
    return queue


def _next(person: User) -> int:
    return claim_next_ticket(person, call_as(person)).pk


def _fresh(ticket: Ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def _acts(ticket: Ticket) -> list[tuple[str, str]]:
    return list(AuditLine.objects.filter(ticket=ticket).values_list("act", "actor_name"))


def test_a_queue_that_assigns_gives_tickets_in_turn(in_turn: ReviewQueue, anna: User, ben: User) -> None:
    tickets = [hold()[0] for _ in range(4)]

    assign_tickets()

    assert [_fresh(one).assigned_to for one in tickets] == [anna, ben, anna, ben]
    assert [_fresh(one).claimed_by for one in tickets] == [None] * 4
    assert _acts(tickets[0]) == [("assigned", "engine")]


def test_an_assignment_is_no_touch_and_ends_after_half_the_time_for_a_first_look(
    in_turn: ReviewQueue, ticket: Ticket, anna: User
) -> None:
    before = read_clock()
    assign_tickets()

    assigned = _fresh(ticket)
    assert (assigned.touched_at, assigned.claim_number) == (None, 0)
    assert assigned.assigned_until is not None
    assert timedelta(seconds=30) <= assigned.assigned_until - before < timedelta(seconds=40)
    assert assigned.due_at == ticket.due_at


def test_what_is_assigned_is_first_for_them_and_not_for_others(
    in_turn: ReviewQueue, anna: User, ben: User
) -> None:
    first, second = hold()[0], hold()[0]
    assign_tickets()
    assert (_fresh(first).assigned_to, _fresh(second).assigned_to) == (anna, ben)

    with pytest.raises(TicketAssigned, match="assigned to anna until"):
        claim_ticket(first.pk, ben)
    assert _next(ben) == second.pk
    with pytest.raises(NoTicketFree):
        _next(ben)
    assert _next(anna) == first.pk
    assert _fresh(first).assigned_to is None


def test_an_assignment_that_ended_frees_the_ticket_for_all(
    in_turn: ReviewQueue, ticket: Ticket, anna: User, ben: User
) -> None:
    assign_tickets()
    Ticket.objects.update(assigned_until=ticket.opened_at)
    assign_tickets()

    assert _next(ben) == ticket.pk


def test_what_was_assigned_is_taken_before_what_is_due_first(anna: User) -> None:
    early, late = hold()[0], hold()[0]
    reassign_ticket(late.pk, make_member("lena", "admin"), anna)

    assert [_next(anna), _next(anna)] == [late.pk, early.pk]


def test_a_pull_queue_assigns_nothing(ticket: Ticket, anna: User) -> None:
    assign_tickets()

    assert _fresh(ticket).assigned_to is None


def test_a_queue_with_votes_assigns_nothing(in_turn: ReviewQueue, ticket: Ticket, anna: User) -> None:
    ReviewQueue.objects.update(seats=3, votes_needed=2)
    assign_tickets()

    assert _fresh(ticket).assigned_to is None


def test_nobody_present_is_pull(in_turn: ReviewQueue, ticket: Ticket, anna: User) -> None:
    ReviewerProfile.objects.create(user=anna, absent_from=ticket.opened_at - timedelta(days=1))
    assign_tickets()
    assert _fresh(ticket).assigned_to is None

    ReviewerProfile.objects.update(absent_until=ticket.opened_at)
    assign_tickets()
    assert _fresh(ticket).assigned_to == anna


def test_a_substitute_stands_in(in_turn: ReviewQueue, anna: User, ben: User) -> None:
    ticket, other = hold()[0], hold()[0]
    assign_tickets()
    assert (_fresh(ticket).assigned_to, _fresh(other).assigned_to) == (anna, ben)
    ReviewerProfile.objects.create(
        user=anna, absent_from=ticket.opened_at - timedelta(days=1), substitute=ben
    )

    assign_tickets()

    assert _fresh(ticket).assigned_to == ben
    told = json.loads(AuditLine.objects.filter(ticket=ticket, act="assigned").latest("pk").data_json)
    assert told == {"to": "ben", "instead_of": "anna"}


def test_who_asked_for_the_work_is_never_assigned_it(in_turn: ReviewQueue, anna: User) -> None:
    (ticket,) = hold(requested_by=anna)
    assign_tickets()
    assert _fresh(ticket).assigned_to is None
    with pytest.raises(AssigneeUnfit, match="anna asked for the work"):
        reassign_ticket(ticket.pk, make_member("lena", "admin"), anna)

    assign_tickets()
    assert _fresh(ticket).assigned_to == User.objects.get(username="lena")


def test_who_gave_a_ticket_back_is_not_assigned_it_again(
    in_turn: ReviewQueue, ticket: Ticket, anna: User, ben: User
) -> None:
    assign_tickets()
    claim_ticket(ticket.pk, anna)
    release_ticket(ticket.pk, anna, "too much French")

    assign_tickets()

    assert _fresh(ticket).assigned_to == ben
    assert _acts(ticket) == [
        ("assigned", "engine"),
        ("claimed", "anna"),
        ("released", "anna"),
        ("assigned", "engine"),
    ]


def test_assignments_count_towards_somebodys_room(in_turn: ReviewQueue, anna: User) -> None:
    ReviewerProfile.objects.create(user=anna, capacity=2)
    tickets = [hold()[0] for _ in range(4)]
    claim_ticket(tickets[3].pk, anna)

    assign_tickets()

    assert [_fresh(one).assigned_to for one in tickets] == [anna, None, None, None]


def _move(tickets: list[Ticket], queue: ReviewQueue, **columns: Any) -> None:
    Ticket.objects.filter(pk__in=[one.pk for one in tickets]).update(queue=queue, **columns)


def _make_queue(**says: Any) -> ReviewQueue:
    project = Project.objects.get(slug="default")
    return ReviewQueue.objects.create(project=project, slug="other", name="Other", **says)


def test_a_queue_where_nobody_has_room_keeps_no_other_waiting(
    in_turn: ReviewQueue, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escalation.watch.assignments.SWEEP_LIMIT", 2)
    full = _make_queue(is_restricted=True, assignment="round_robin")
    stuck, free = [hold()[0] for _ in range(3)], hold()[0]
    _move(stuck, full)

    assign_tickets()

    assert _fresh(free).assigned_to == anna
    assert [_fresh(one).assigned_to for one in stuck] == [None] * 3


def test_each_queue_has_its_part_of_a_sweep(
    in_turn: ReviewQueue, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escalation.watch.assignments.SWEEP_LIMIT", 2)
    tickets = [hold()[0] for _ in range(4)]
    _move(tickets[2:], _make_queue(assignment="least_loaded"))

    assign_tickets()

    assert [_fresh(one).assigned_to for one in tickets] == [anna, None, anna, None]


def test_tickets_that_nobody_there_can_take_keep_no_others_waiting(
    in_turn: ReviewQueue, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escalation.watch.assignments.SWEEP_LIMIT", 1)
    ReviewQueue.objects.update(needs_all_tags=True)
    ReviewerProfile.objects.create(user=anna, tags=["fr", "vip"])
    (asked_for,) = hold(requested_by=anna)
    given_back, strange, known, plain = (hold()[0] for _ in range(4))
    _move([given_back], in_turn, released_by=anna)
    _move([strange], in_turn, tags=["fr", "legal"])
    _move([known], in_turn, tags=["fr"])

    assign_tickets()
    assert _fresh(known).assigned_to == anna
    assign_tickets()

    assert _fresh(plain).assigned_to == anna
    assert [_fresh(one).assigned_to for one in (asked_for, given_back, strange)] == [None] * 3


def test_who_is_given_a_ticket_by_a_lead_is_told(ticket: Ticket, anna: User) -> None:
    lead = make_member("lena", "admin")
    reassign_ticket(ticket.pk, lead, lead)
    reassign_ticket(ticket.pk, lead, anna)

    told = Notice.objects.get()
    assert (told.happening, told.person, told.ticket, told.queue_id) == (
        "assigned",
        anna,
        ticket,
        ticket.queue_id,
    )
    assert json.loads(told.data_json) == {"by": "lena"}


def test_the_least_loaded_is_assigned(in_turn: ReviewQueue, anna: User, ben: User) -> None:
    in_turn.assignment = "least_loaded"
    in_turn.save()
    claimed, free = hold()[0], hold()[0]
    claim_ticket(claimed.pk, anna)

    assign_tickets()

    assert _fresh(free).assigned_to == ben


def test_an_account_that_is_switched_off_frees_claims_and_assignments(
    in_turn: ReviewQueue, anna: User, ben: User
) -> None:
    claimed, assigned = hold()[0], hold()[0]
    claim_ticket(claimed.pk, anna)
    reassign_ticket(assigned.pk, make_member("lena", "admin"), anna)
    anna.is_active = False
    anna.save()

    assign_tickets()

    assert anna not in (_fresh(claimed).assigned_to, _fresh(assigned).assigned_to, _fresh(claimed).claimed_by)
    told = AuditLine.objects.filter(ticket=claimed, act="released").latest("pk")
    assert json.loads(told.data_json) == {"before": "anna", "why": "the account was switched off"}


def test_tags_keep_others_away_where_the_queue_says_so(in_turn: ReviewQueue, anna: User, ben: User) -> None:
    (ticket,) = hold()
    Ticket.objects.update(tags=["french", "refunds"])
    ReviewerProfile.objects.create(user=ben, tags=["refunds", "french", "wine"])
    ReviewQueue.objects.update(needs_all_tags=True)

    with pytest.raises(TagsMissing, match="french, refunds, which anna has not"):
        claim_ticket(ticket.pk, anna)
    with pytest.raises(TagsMissing):
        reassign_ticket(ticket.pk, make_member("lena", "admin"), anna)
    with pytest.raises(NoTicketFree):
        _next(anna)
    assign_tickets()
    assert _fresh(ticket).assigned_to == ben
    assert _next(ben) == ticket.pk


def test_tags_alone_keep_nobody_away(ticket: Ticket, anna: User) -> None:
    Ticket.objects.update(tags=["french"])

    assert _next(anna) == ticket.pk


def test_a_lead_takes_a_claimed_ticket_to_somebody_else(ticket: Ticket, anna: User, ben: User) -> None:
    lena = make_member("lena", "admin")
    claimed = claim_ticket(ticket.pk, anna)
    save_draft(ticket.pk, anna, Draft(note="half"), claim_number=1)

    reassign_ticket(ticket.pk, lena, ben, "anna is in a meeting")

    with pytest.raises(TicketNotClaimed):
        resolve_ticket(ticket.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=claimed.seen_digest)
    with pytest.raises(TicketAssigned):
        claim_ticket(ticket.pk, anna)
    taken = claim_ticket(ticket.pk, ben)
    assert (taken.claim_number, taken.assigned_to, "half" in (taken.draft_json or "")) == (2, None, True)
    told = AuditLine.objects.get(ticket=ticket, act="assigned")
    assert (told.actor_name, json.loads(told.data_json)) == (
        "lena",
        {"to": "ben", "before": "anna", "note": "anna is in a meeting"},
    )


def test_a_ticket_is_assigned_to_somebody_who_can_decide_it(ticket: Ticket, ben: User) -> None:
    lena, vera = make_member("lena", "admin"), make_member("vera", "viewer")

    with pytest.raises(AssigneeUnfit, match="vera may not decide tickets of the queue 'default'"):
        reassign_ticket(ticket.pk, lena, vera)
    ReviewerProfile.objects.create(user=ben, absent_from=ticket.opened_at, substitute=lena)
    with pytest.raises(AssigneeUnfit, match="ben is absent; lena stands in"):
        reassign_ticket(ticket.pk, lena, ben)
    ben.is_active = False
    ben.save()
    with pytest.raises(ReviewerInactive):
        reassign_ticket(ticket.pk, lena, ben)
    assert (_fresh(ticket).assigned_to, AuditLine.objects.count()) == (None, 0)


def test_nobody_holds_more_than_they_are_to(anna: User) -> None:
    ReviewerProfile.objects.create(user=anna, capacity=1)
    first, second = hold()[0], hold()[0]
    claim_ticket(first.pk, anna)

    with pytest.raises(CapacityReached, match="You hold 1 ticket, as many as you are to hold at once"):
        claim_ticket(second.pk, anna)
    with pytest.raises(CapacityReached):
        _next(anna)
    claim_ticket(first.pk, anna)
    expire_claim(first)
    assert claim_ticket(second.pk, anna).claimed_by == anna


def test_input_renews_a_claim_for_an_hour_at_most(ticket: Ticket, anna: User) -> None:
    claimed = claim_ticket(ticket.pk, anna)
    about_to_end = read_clock() + timedelta(seconds=5)
    Ticket.objects.update(claim_expires_at=about_to_end)

    renewed = renew_claim(ticket.pk, anna, claim_number=1, seen_digest=claimed.seen_digest)
    assert renewed.claim_expires_at is not None
    assert renewed.claim_expires_at > about_to_end

    begun_at = read_clock() - timedelta(minutes=58)
    Ticket.objects.update(claimed_at=begun_at, claim_expires_at=about_to_end)
    for _ in range(2):
        renewed = renew_claim(ticket.pk, anna, claim_number=1, seen_digest=claimed.seen_digest)
        assert renewed.claim_expires_at == begun_at + timedelta(minutes=60)
    assert (renewed.claim_number, renewed.claimed_at) == (1, begun_at)


def test_a_claim_that_ran_out_is_taken_again_with_its_draft(ticket: Ticket, anna: User, ben: User) -> None:
    claimed = claim_ticket(ticket.pk, anna)
    save_draft(ticket.pk, anna, Draft(note="half"), claim_number=1)
    expire_claim(ticket)
    Ticket.objects.update(claimed_at=read_clock() - timedelta(hours=2))

    with pytest.raises(ResolutionStale, match="no longer shows what you saw"):
        renew_claim(ticket.pk, anna, claim_number=1, seen_digest="0" * 64)
    again = renew_claim(ticket.pk, anna, claim_number=1, seen_digest=claimed.seen_digest)

    assert again.is_claimed_by(anna.pk, read_clock()), "for an hour from now"
    assert [act for act, _ in _acts(ticket)] == ["claimed", "edited", "claimed"]
    assert (again.claim_number, "half" in (again.draft_json or "")) == (1, True)
    resolve_ticket(ticket.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=claimed.seen_digest)


def test_a_claim_that_somebody_took_is_not_taken_again(ticket: Ticket, anna: User, ben: User) -> None:
    claimed = claim_ticket(ticket.pk, anna)
    expire_claim(ticket)
    claim_ticket(ticket.pk, ben)

    with pytest.raises(ResolutionStale, match="no longer under your claim 1"):
        renew_claim(ticket.pk, anna, claim_number=1, seen_digest=claimed.seen_digest)
    expire_claim(ticket)
    with pytest.raises(ResolutionStale):
        renew_claim(ticket.pk, anna, claim_number=1, seen_digest=claimed.seen_digest)


def test_neither_a_claim_given_back_nor_an_earlier_one_is_renewed(ticket: Ticket, anna: User) -> None:
    seen = claim_ticket(ticket.pk, anna).seen_digest
    release_ticket(ticket.pk, anna)
    with pytest.raises(ResolutionStale):
        renew_claim(ticket.pk, anna, claim_number=1, seen_digest=seen)
    claim_ticket(ticket.pk, anna)
    with pytest.raises(ResolutionStale):
        renew_claim(ticket.pk, anna, claim_number=1, seen_digest=seen)
    anna.is_active = False
    with pytest.raises(ReviewerInactive):
        renew_claim(ticket.pk, anna, claim_number=2, seen_digest=seen)


def test_taking_a_claim_again_needs_room(anna: User) -> None:
    ReviewerProfile.objects.create(user=anna, capacity=1)
    first, second = hold()[0], hold()[0]
    claim_ticket(first.pk, anna)
    expire_claim(first)
    claim_ticket(second.pk, anna)

    with pytest.raises(CapacityReached):
        renew_claim(first.pk, anna, claim_number=1, seen_digest=first.seen_digest)


def test_a_draft_is_told_once_when_it_is_begun(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    for text in ("a", "ab", "abc"):
        save_draft(ticket.pk, anna, Draft(note=text), claim_number=1)

    assert _acts(ticket) == [("claimed", "anna"), ("edited", "anna")]


@pytest.mark.django_db(transaction=True)
def test_fifty_claims_of_one_person_at_once_fill_their_room_and_no_more() -> None:
    anna = make_member("anna", "reviewer")
    ReviewerProfile.objects.create(user=anna, capacity=3)
    tickets = [hold()[0] for _ in range(10)]

    answers = race([partial(claim_ticket, tickets[i % 10].pk, anna) for i in range(50)])

    refused = [one for one in answers if isinstance(one, EscalationError)]
    assert {type(one) for one in refused} == {CapacityReached}
    assert not [one for one in answers if isinstance(one, Exception) and one not in refused]
    assert Ticket.objects.filter(claimed_by=anna).count() == 3


@pytest.mark.django_db(transaction=True)
def test_of_claim_assign_reassign_and_release_at_once_the_ticket_is_with_one() -> None:
    ReviewQueue.objects.update(assignment="round_robin")
    anna, ben = make_member("anna", "reviewer"), make_member("ben", "reviewer")
    lena = make_member("lena", "admin")
    for _ in range(5):
        (ticket,) = hold()
        answers = race(
            [
                partial(claim_ticket, ticket.pk, anna),
                assign_tickets,
                partial(reassign_ticket, ticket.pk, lena, ben),
                partial(release_ticket, ticket.pk, anna),
                partial(claim_ticket, ticket.pk, ben),
                assign_tickets,
            ]
        )

        faults = [one for one in answers if isinstance(one, Exception)]
        assert all(isinstance(one, TicketTaken | TicketAssigned | TicketNotClaimed) for one in faults), faults
        stands = _fresh(ticket)
        assert stands.claimed_by is None or stands.assigned_to is None
        acts = [act for act, _ in _acts(ticket)]
        assert acts.count("claimed") == stands.claim_number
        resolved = stands.claimed_by or stands.assigned_to
        if resolved is not None:
            release = claim_ticket(ticket.pk, resolved)
            resolve_ticket(
                ticket.pk, resolved, ResolutionKind.SKIP, claim_number=release.claim_number, seen_digest=None
            )


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_assign_once() -> None:
    ReviewQueue.objects.update(assignment="least_loaded")
    make_member("anna", "reviewer")
    make_member("ben", "reviewer")
    tickets = [hold()[0] for _ in range(5)]

    answers = race([assign_tickets] * 4)

    assert not [one for one in answers if one is not None]
    assert all(_fresh(one).assigned_to is not None for one in tickets)
    assert AuditLine.objects.filter(act="assigned").count() == 5
