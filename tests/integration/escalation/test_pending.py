"""In a queue with a grace period a decision waits; it is taken back, void, or takes effect once, whatever meets it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from agents.invoke import override
from escalation.errors import (
    DecisionPending,
    EscalationError,
    NothingPending,
    NotYourDecision,
    TicketResolved,
    TicketTaken,
    TicketWithdrawn,
)
from escalation.escrow import (
    assign_free_ticket,
    claim_next_ticket,
    claim_ticket,
    pause_ticket,
    reassign_ticket,
    release_ticket,
    renew_claim,
    resolve_by_rule,
    resolve_ticket,
    snooze_ticket,
    take_back_resolution,
)
from escalation.escrow import effect as effects
from escalation.models import (
    AuditLine,
    Breach,
    PendingResolution,
    ReviewerProfile,
    ReviewQueue,
    Ticket,
    read_clock,
)
from escalation.selectors import list_offered_tickets, summarise_ticket
from escalation.watch import assign_tickets, carry_out_decisions, look_at_tickets, watch_tickets
from orchestration.domain.states import ResolutionKind
from orchestration.models import Receipt, Run, Step
from orchestration.runs import cancel
from orchestration.selectors.scope import call_as
from tests.integration.escalation.clocks import at_time
from tests.integration.escalation.desk import AGENTS, EDITED, PROPOSAL, go_on, hold, race
from tests.people import make_member

pytestmark = pytest.mark.django_db
GRACE = 60
OPENED, IN_TIME, TOO_LATE, LATER = (f"2026-11-23T09:{minute}" for minute in ("00", "04", "06", "30"))


def _slow_queue() -> None:
    ReviewQueue.objects.update(grace_seconds=GRACE)


@pytest.fixture
def held(ticket: Ticket, anna: User) -> Ticket:
    """Claimed by anna, in a queue with a grace period."""
    _slow_queue()
    return claim_ticket(ticket.pk, anna)


@pytest.fixture
def decided(held: Ticket, anna: User) -> Ticket:
    return approve(held, anna)


def approve(ticket: Ticket, who: User, **more: Any) -> Ticket:
    return resolve_ticket(ticket.pk, who, ResolutionKind.APPROVE, claim_number=1, seen_digest=None, **more)


def let_time_pass(ticket: Ticket) -> None:
    """Move a decision and its effect into the past; nobody may but the owner of the table."""
    with transaction.atomic(), connection.cursor() as cursor:
        # What waits for the end of the transaction would keep the table from being altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE escalation_pendingresolution DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE escalation_ticket DISABLE TRIGGER USER")
        for table, key in (("escalation_pendingresolution", "ticket_id"), ("escalation_ticket", "id")):
            cursor.execute(
                f"UPDATE {table} SET decided_at = decided_at - interval '1 hour' WHERE {key} = %s",
                [ticket.pk],
            )
        cursor.execute(
            "UPDATE escalation_pendingresolution SET takes_effect_at = takes_effect_at - interval '1 hour' "
            "WHERE ticket_id = %s",
            [ticket.pk],
        )
        cursor.execute("ALTER TABLE escalation_pendingresolution ENABLE TRIGGER USER")
        cursor.execute("ALTER TABLE escalation_ticket ENABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _acts(ticket: Ticket) -> list[str]:
    return list(AuditLine.objects.filter(ticket_id=ticket.pk).order_by("pk").values_list("act", flat=True))


def test_a_decision_waits_and_then_takes_effect_once(decided: Ticket, anna: User) -> None:
    step = Step.objects.get(pk=decided.step_id)
    assert (decided.status, step.status) == ("open", "held")
    pending = PendingResolution.objects.get()
    assert pending.takes_effect_at == pending.decided_at + timedelta(seconds=GRACE)
    assert pending.decided_at == decided.decided_at

    carry_out_decisions()
    assert not effects.carry_out_pending(decided.pk)
    assert Ticket.objects.get(pk=decided.pk).is_open, "it is too early"
    let_time_pass(decided)
    carry_out_decisions()
    carry_out_decisions()

    decided.refresh_from_db()
    step.refresh_from_db()
    assert (decided.status, decided.resolution, decided.resolved_by) == ("resolved", "approve", anna)
    assert (step.status, step.output) == ("succeeded", PROPOSAL)
    assert Receipt.objects.filter(step=step).count() == 1
    assert not PendingResolution.objects.exists()
    assert go_on(decided).steps["send"].status == "succeeded"
    assert _acts(decided) == ["claimed", "decided", "resolved"]


def test_the_same_decision_gets_the_same_answer_and_another_is_refused(decided: Ticket, anna: User) -> None:
    again = approve(decided, anna)
    assert (again.pk, again.decided_at) == (decided.pk, decided.decided_at)

    with pytest.raises(DecisionPending) as refused:
        resolve_ticket(decided.pk, anna, ResolutionKind.EDIT, claim_number=1, seen_digest=None, output=EDITED)
    assert {(one.what, one.now) for one in refused.value.changed} >= {
        ("decision", "approve"),
        ("decided_by", "anna"),
    }
    assert PendingResolution.objects.get().kind == "approve"

    let_time_pass(decided)
    carry_out_decisions()
    assert approve(decided, anna).status == "resolved", "in effect, it is still the same decision"


@pytest.mark.parametrize(
    "deed",
    [
        lambda ticket, _, other: claim_ticket(ticket.pk, other),
        lambda ticket, holder, _: claim_ticket(ticket.pk, holder),
        lambda ticket, holder, _: release_ticket(ticket.pk, holder),
        lambda ticket, holder, other: reassign_ticket(ticket.pk, holder, other),
        lambda ticket, holder, _: pause_ticket(ticket.pk, holder, "waits"),
        lambda ticket, holder, _: snooze_ticket(
            ticket.pk, holder, read_clock() + timedelta(hours=1), "later", None
        ),
        lambda ticket, holder, _: renew_claim(
            ticket.pk, holder, claim_number=1, seen_digest=ticket.seen_digest
        ),
    ],
    ids=["claim of another", "own claim", "release", "reassign", "pause", "snooze", "renew"],
)
def test_nothing_else_is_done_to_it_meanwhile(
    decided: Ticket, anna: User, ben: User, deed: Callable[..., Any]
) -> None:
    before = Ticket.objects.values().get(pk=decided.pk)
    with pytest.raises(DecisionPending, match="take it back"):
        deed(decided, anna, ben)
    assert Ticket.objects.values().get(pk=decided.pk) == before


def test_its_lease_does_not_run_out_however_late_the_maintainer_is(decided: Ticket, ben: User) -> None:
    past = decided.opened_at - timedelta(days=9)
    Ticket.objects.filter(pk=decided.pk).update(claim_expires_at=past)
    ReviewQueue.objects.update(assignment="round_robin")

    assert decided.pk not in list_offered_tickets(call_as(ben)).values_list("pk", flat=True)
    with pytest.raises(EscalationError, match="No ticket is free"):
        claim_next_ticket(ben, call_as(ben))
    with pytest.raises(TicketTaken):
        resolve_by_rule(decided.pk, ResolutionKind.ABORT)
    assign_tickets()
    assert not assign_free_ticket(decided, ben, read_clock())
    assert Ticket.objects.get(pk=decided.pk).assigned_to is None


def test_what_is_decided_takes_no_room_of_who_decided(decided: Ticket, anna: User) -> None:
    ReviewerProfile.objects.create(user=anna, capacity=1)
    (other,) = hold()
    assert claim_ticket(other.pk, anna).claimed_by == anna


def test_the_time_of_deciding_counts() -> None:
    anna = make_member("anna", "reviewer")
    with at_time(OPENED):
        (ticket,) = hold()
        _slow_queue()
        claim_ticket(ticket.pk, anna)
    with at_time(IN_TIME):
        approve(ticket, anna)
    watch_tickets()
    with at_time(LATER):
        Ticket.objects.update(next_look_at=ticket.opened_at)
        look_at_tickets()
        carry_out_decisions()

    ticket.refresh_from_db()
    assert ticket.status == "resolved"
    assert ticket.resolved_at is not None
    assert ticket.resolved_at > ticket.due_at
    assert not Breach.objects.filter(deadline="resolution").exists()


def test_a_decision_after_the_due_time_is_late() -> None:
    anna = make_member("anna", "reviewer")
    with at_time(OPENED):
        (ticket,) = hold()
        _slow_queue()
    with at_time(IN_TIME):
        claim_ticket(ticket.pk, anna)
    with at_time(TOO_LATE):
        approve(ticket, anna)
    assert Breach.objects.filter(deadline="resolution").count() == 1


def test_a_withdrawal_after_the_due_time_is_no_breach_of_what_was_decided_before() -> None:
    anna = make_member("anna", "reviewer")
    with at_time(OPENED):
        (ticket,) = hold()
        _slow_queue()
        claim_ticket(ticket.pk, anna)
    with at_time(IN_TIME):
        approve(ticket, anna)
    with at_time(LATER):
        cancel(ticket.run_id)
    assert not Breach.objects.filter(deadline="resolution").exists()


def test_a_decision_ends_the_pause_of_the_clocks(held: Ticket, anna: User) -> None:
    pause_ticket(held.pk, anna, "waits for the customer")
    assert approve(held, anna).paused_at is None


def test_taking_back_gives_the_ticket_back_with_its_draft(held: Ticket, anna: User) -> None:
    Ticket.objects.filter(pk=held.pk).update(draft_json='{"note": "hm"}')
    approve(held, anna)
    back = take_back_resolution(held.pk, anna)

    assert (back.status, back.decided_at, back.claimed_by, back.claim_number) == ("open", None, anna, 1)
    assert back.draft_json == '{"note": "hm"}'
    assert back.claim_expires_at is not None
    assert back.claim_expires_at < read_clock() + timedelta(hours=2), "an ordinary lease again"
    assert _acts(held) == ["claimed", "decided", "took_back"]
    with pytest.raises(NothingPending):
        take_back_resolution(held.pk, anna)
    assert resolve_ticket(
        held.pk, anna, ResolutionKind.EDIT, claim_number=1, seen_digest=None, output=EDITED
    ).decided_at


def test_a_colleague_takes_nothing_back_but_a_lead_does(decided: Ticket, ben: User) -> None:
    with pytest.raises(NotYourDecision, match="anna"):
        take_back_resolution(decided.pk, ben)
    assert PendingResolution.objects.exists()
    assert str(take_back_resolution(decided.pk, ben, as_lead=True).claimed_by) == "anna"
    assert AuditLine.objects.get(act="took_back").actor_name == "ben"


def test_what_took_effect_is_not_taken_back(decided: Ticket, anna: User) -> None:
    let_time_pass(decided)
    carry_out_decisions()
    with pytest.raises(TicketResolved):
        take_back_resolution(decided.pk, anna)


def test_a_cancelled_run_makes_it_void_and_says_so(decided: Ticket, anna: User) -> None:
    cancel(decided.run_id)

    decided.refresh_from_db()
    assert (decided.status, decided.decided_at) == ("withdrawn", None)
    assert "“approve” of anna did not take effect" in decided.desk_note
    assert "voided" in _acts(decided)
    let_nothing_happen(decided)
    with pytest.raises(TicketWithdrawn):
        take_back_resolution(decided.pk, anna)


def let_nothing_happen(ticket: Ticket) -> None:
    before = Ticket.objects.values().get(pk=ticket.pk)
    carry_out_decisions()
    assert Ticket.objects.values().get(pk=ticket.pk) == before
    assert not PendingResolution.objects.exists()


def test_an_account_that_was_switched_off_decides_nothing_any_more(decided: Ticket, anna: User) -> None:
    User.objects.filter(pk=anna.pk).update(is_active=False)
    let_time_pass(decided)
    carry_out_decisions()

    decided.refresh_from_db()
    assert (decided.status, decided.claimed_by, decided.decided_at) == ("open", None, None)
    assert "switched off" in decided.desk_note
    let_nothing_happen(decided)


def test_freeing_what_somebody_had_who_is_gone_makes_it_void(decided: Ticket, anna: User) -> None:
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assign_tickets()

    decided.refresh_from_db()
    assert (decided.status, decided.claimed_by, decided.decided_at) == ("open", None, None)
    assert "voided" in _acts(decided)


def test_what_is_decided_anew_between_look_and_lock_waits_for_the_next_look(
    decided: Ticket, anna: User
) -> None:
    let_time_pass(decided)
    lock = effects._lock_step

    def decide_anew(looked_at: PendingResolution) -> Any:
        take_back_resolution(decided.pk, anna)
        resolve_ticket(decided.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=None)
        let_time_pass(decided)
        return lock(looked_at)

    with patch.object(effects, "_lock_step", decide_anew):
        carry_out_decisions()
    assert Ticket.objects.get(pk=decided.pk).is_open, "what was locked may be too little for it"
    carry_out_decisions()
    assert Ticket.objects.get(pk=decided.pk).resolution == "skip"


def test_what_the_engine_refuses_by_then_is_void_and_is_told(held: Ticket, anna: User) -> None:
    ReviewQueue.objects.update(hand_on_agents=["test.sender"])
    with override(AGENTS):
        resolve_ticket(
            held.pk, anna, ResolutionKind.HAND_ON, claim_number=1, seen_digest=None, agent="test.sender"
        )
    let_time_pass(held)
    carry_out_decisions()  # nobody knows the agent here

    held.refresh_from_db()
    assert (held.status, held.decided_at, held.claimed_by) == ("open", None, anna)
    assert "did not take effect: agent: 'test.sender' is not known" in held.desk_note


def test_every_way_waits_and_takes_effect(ticket: Ticket, anna: User) -> None:
    _slow_queue()
    tickets: dict[ResolutionKind, dict[str, Any]] = {
        ResolutionKind.EDIT: {"output": EDITED},
        ResolutionKind.SEND_BACK: {"feedback": "be brief"},
        ResolutionKind.SKIP: {},
        ResolutionKind.CLOSE: {},
        ResolutionKind.ABORT: {},
    }
    made = {}
    for kind, given in tickets.items():
        (one,) = hold()
        claim_ticket(one.pk, anna)
        resolve_ticket(one.pk, anna, kind, claim_number=1, seen_digest=None, note="n", **given)
        assert Step.objects.get(pk=one.step_id).status == "held"
        made[kind] = one
    for one in made.values():
        let_time_pass(one)
    carry_out_decisions()

    for kind, one in made.items():
        one.refresh_from_db()
        assert (one.status, one.resolution, one.note) == ("resolved", kind, "n"), kind
    assert Step.objects.get(pk=made[ResolutionKind.EDIT].step_id).output == EDITED
    assert Run.objects.get(pk=made[ResolutionKind.CLOSE].run_id).status == "succeeded"
    assert Run.objects.get(pk=made[ResolutionKind.ABORT].run_id).status == "failed"
    assert made[ResolutionKind.SEND_BACK].feedback == "be brief"


def test_the_public_form_says_what_waits(decided: Ticket) -> None:
    pending = summarise_ticket(Ticket.objects.get(pk=decided.pk))["pending"]
    assert (pending["resolution"], pending["decided_by"]) == ("approve", "anna")
    take_back_resolution(decided.pk, User.objects.get(username="anna"))
    assert summarise_ticket(Ticket.objects.get(pk=decided.pk))["pending"] is None


def _commit(change: Callable[[], Any]) -> None:
    """Make a change, and ask what the end of the transaction would ask."""
    with transaction.atomic(), connection.cursor() as cursor:
        change()
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_ticket_and_decision_are_never_one_without_the_other(decided: Ticket) -> None:
    _commit(lambda: None)
    with connection.cursor() as cursor:
        # What was written so far is looked at: from here on, only what each change sets off.
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    changes: tuple[Callable[[], Any], ...] = (
        lambda: PendingResolution.objects.all().delete(),
        lambda: Ticket.objects.filter(pk=decided.pk).update(decided_at=None),
    )
    for change in changes:
        with pytest.raises(IntegrityError, match="do not agree"):
            _commit(change)
    with pytest.raises(IntegrityError, match="kept as they were written"), transaction.atomic():
        PendingResolution.objects.update(kind="abort")


# Two connections.


def _meet(inside: Callable[[], Any], ticket: Ticket) -> list[Any]:
    """Carry out a decision on another connection that waits, holding no lock yet, until `inside` has happened."""
    looked, go = threading.Event(), threading.Event()
    real = effects._carry_out

    def late(looked_at: PendingResolution) -> bool:
        looked.set()
        assert go.wait(30)
        return real(looked_at)

    def meanwhile() -> Any:
        assert looked.wait(30)
        try:
            return inside()
        finally:
            go.set()

    with patch.object(effects, "_carry_out", late):
        return race([lambda: effects.carry_out_pending(ticket.pk), meanwhile])


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_two_maintainers_carry_it_out_once(self, decided: Ticket) -> None:
        let_time_pass(decided)
        answers = race([lambda: effects.carry_out_pending(decided.pk)] * 8)
        assert sorted(answers, key=str) == [False] * 7 + [True]
        assert Receipt.objects.filter(step=decided.step_id).count() == 1

    def test_it_was_taken_back_after_the_look(self, decided: Ticket, anna: User) -> None:
        let_time_pass(decided)
        carried, _ = _meet(lambda: take_back_resolution(decided.pk, anna), decided)
        decided.refresh_from_db()
        assert (carried, decided.status) == (False, "open")

    def test_it_was_decided_anew_after_the_look(self, decided: Ticket, anna: User) -> None:
        let_time_pass(decided)

        def anew() -> None:
            take_back_resolution(decided.pk, anna)
            resolve_ticket(
                decided.pk, anna, ResolutionKind.EDIT, claim_number=1, seen_digest=None, output=EDITED
            )

        carried, _ = _meet(anew, decided)
        assert (carried, PendingResolution.objects.get().kind) == (False, "edit")

    def test_the_run_was_cancelled_after_the_look(self, decided: Ticket) -> None:
        let_time_pass(decided)
        carried, _ = _meet(lambda: cancel(decided.run_id), decided)
        decided.refresh_from_db()
        assert (carried, decided.status) == (False, "withdrawn")
        assert not Receipt.objects.filter(step=decided.step_id, kind="output").exists()

    def test_taking_back_effect_and_cancelling_at_once(self, decided: Ticket, anna: User) -> None:
        let_time_pass(decided)
        race(
            [
                lambda: effects.carry_out_pending(decided.pk),
                lambda: take_back_resolution(decided.pk, anna),
                lambda: cancel(decided.run_id),
            ]
        )
        decided.refresh_from_db()
        step = Step.objects.get(pk=decided.step_id)
        agree = {("withdrawn", "cancelled"), ("resolved", "succeeded")}
        assert (decided.status, step.status) in agree
        assert not PendingResolution.objects.exists()

    def test_fifty_who_decide_differently_leave_one_decision(self, held: Ticket, anna: User) -> None:
        kinds = [ResolutionKind.APPROVE, ResolutionKind.SKIP]

        def decide(kind: ResolutionKind) -> Callable[[], Any]:
            return lambda: resolve_ticket(held.pk, anna, kind, claim_number=1, seen_digest=None)

        answers = race([decide(kinds[place % 2]) for place in range(50)])
        assert sum(isinstance(answer, Ticket) for answer in answers) == 25
        assert sum(isinstance(answer, DecisionPending) for answer in answers) == 25
        assert PendingResolution.objects.count() == 1
