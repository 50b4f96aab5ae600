"""What keeps a decision that waits from taking effect wrongly: another was made, or what was judged has changed."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from agents.invoke import override
from escalation.errors import DecisionPending, ReviewerInactive
from escalation.escrow import (
    claim_ticket,
    free_ticket,
    reassign_ticket,
    replan_ticket,
    resolve_ticket,
    resume_ticket,
    take_back_resolution,
    wake_ticket,
)
from escalation.escrow import effect as effects
from escalation.models import AuditLine, ClockWarning, PendingResolution, ReviewQueue, Ticket, read_clock
from escalation.watch import carry_out_decisions, clocks
from orchestration.domain.states import ResolutionKind
from orchestration.models import Step
from tests.integration.escalation.clocks import at_time
from tests.integration.escalation.desk import AGENTS, hold
from tests.integration.escalation.test_pending import GRACE, approve, let_time_pass
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(ticket: Ticket, anna: User) -> Ticket:
    ReviewQueue.objects.update(grace_seconds=GRACE)
    return claim_ticket(ticket.pk, anna)


@pytest.fixture
def decided(held: Ticket, anna: User) -> Ticket:
    return approve(held, anna)


def test_what_was_judged_and_has_changed_since_is_not_let_through(decided: Ticket, anna: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orchestration_step SET proposed_json = '{}' WHERE id = %s", [decided.step_id])
    let_time_pass(decided)
    carry_out_decisions()

    decided.refresh_from_db()
    assert (decided.status, decided.decided_at, decided.claimed_by) == ("open", None, anna)
    assert "no longer shows what you saw" in decided.desk_note
    assert Step.objects.get(pk=decided.step_id).status == "held"


def test_a_refusal_voids_what_was_looked_at_and_no_later_decision(held: Ticket, anna: User) -> None:
    ReviewQueue.objects.update(hand_on_agents=["test.sender"])
    with override(AGENTS):
        resolve_ticket(
            held.pk, anna, ResolutionKind.HAND_ON, claim_number=1, seen_digest=None, agent="test.sender"
        )
    let_time_pass(held)
    void = effects._void

    def decide_anew(*call: Any) -> None:
        take_back_resolution(held.pk, anna)
        resolve_ticket(held.pk, anna, ResolutionKind.SKIP, claim_number=1, seen_digest=None)
        void(*call)

    with patch.object(effects, "_void", decide_anew):
        carry_out_decisions()  # nobody knows the agent here
    assert PendingResolution.objects.get().kind == "skip"
    assert not AuditLine.objects.filter(act="voided").exists()


def test_an_account_that_is_switched_off_takes_nothing_back(decided: Ticket, anna: User) -> None:
    anna.is_active = False
    with pytest.raises(ReviewerInactive):
        take_back_resolution(decided.pk, anna)
    assert PendingResolution.objects.exists()


def test_the_same_decision_of_somebody_else_is_another(decided: Ticket, ben: User) -> None:
    with pytest.raises(DecisionPending):
        approve(decided, ben)


def test_lists_show_it_as_held_until_it_took_effect(decided: Ticket) -> None:
    assert decided.claim_expires_at is not None
    assert decided.claim_expires_at > PendingResolution.objects.get().takes_effect_at + timedelta(hours=1)


def test_what_is_taken_back_is_looked_at_again_and_renewed_from_then(decided: Ticket, anna: User) -> None:
    before = read_clock()
    back = take_back_resolution(decided.pk, anna)
    assert back.next_look_at is not None
    assert back.claimed_at is not None
    assert min(back.next_look_at, back.claimed_at) > before


def test_who_came_after_whoever_is_gone_keeps_their_decision(ticket: Ticket, anna: User, ben: User) -> None:
    ReviewQueue.objects.update(grace_seconds=GRACE)
    stale = claim_ticket(ticket.pk, anna)
    reassign_ticket(ticket.pk, make_member("lea", "admin"), ben)
    claim_ticket(ticket.pk, ben)
    resolve_ticket(ticket.pk, ben, ResolutionKind.SKIP, claim_number=2, seen_digest=None)

    assert not free_ticket(stale, "the account was switched off")
    assert PendingResolution.objects.get().decided_by == ben


@pytest.mark.parametrize("deed", [wake_ticket, resume_ticket, replan_ticket])
def test_nothing_is_done_to_its_clocks_meanwhile(decided: Ticket, ben: User, deed: Any) -> None:
    with pytest.raises(DecisionPending):
        deed(decided.pk, ben)


def test_it_takes_effect_later_than_it_was_made(held: Ticket, anna: User) -> None:
    now = read_clock()
    with pytest.raises(IntegrityError, match="pending_takes_effect_later"), transaction.atomic():
        PendingResolution.objects.create(
            ticket=held, kind="skip", claim_number=1, decided_by=anna, decided_at=now, takes_effect_at=now
        )


def test_a_look_that_was_about_to_come_tells_nothing_of_what_is_decided(anna: User) -> None:
    with at_time("2026-11-23T09:00"):
        (ticket,) = hold()
        ReviewQueue.objects.update(grace_seconds=GRACE)
        claim_ticket(ticket.pk, anna)
    with at_time("2026-11-23T09:01"):
        approve(ticket, anna)
    with at_time("2026-11-23T09:30"):
        clocks._look([ticket.pk], {})
    assert not ClockWarning.objects.exists()
