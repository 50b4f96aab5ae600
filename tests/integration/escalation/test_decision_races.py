"""Votes and decisions that wait meet what ends them, each way round: one has acted and not committed, the other waits.

Exactly one of them comes about, and ticket, step, receipt and audit say the same.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from structlog.testing import capture_logs

from escalation.errors import EscalationError, NothingPending, TicketResolved, TicketWithdrawn
from escalation.escrow import (
    DatabaseEscalator,
    claim_ticket,
    release_ticket,
    resolve_ticket,
    take_back_resolution,
)
from escalation.escrow.effect import carry_out_pending
from escalation.models import AuditLine, PendingResolution, ReviewQueue, Seat, Ticket, Vote
from orchestration.dispatch import mute_dispatch
from orchestration.errors import StepNotHeld
from orchestration.models import Receipt, Step
from orchestration.runs import cancel
from tests.integration.escalation.desk import hold
from tests.integration.escalation.test_pending import GRACE, approve, let_time_pass
from tests.integration.escalation.voting import APPROVE, SKIP, hold_for_several, vote
from tests.integration.orchestration.rig import race
from tests.people import make_member

pytestmark = pytest.mark.django_db(transaction=True)
Deed = Callable[[], Any]


def _meet(first: Deed, second: Deed) -> Any:
    """Return what came of the second, which waited for the first."""

    def act() -> Any:
        try:
            with mute_dispatch():
                return second()
        except (EscalationError, StepNotHeld) as error:
            return error

    with mute_dispatch():
        return race(first, act)


def _acts(ticket: Ticket, *acts: str) -> list[str]:
    lines = AuditLine.objects.filter(ticket_id=ticket.pk, act__in=acts).order_by("pk")
    return list(lines.values_list("act", flat=True))


def _stands(ticket: Ticket) -> tuple[str, str]:
    status = Ticket.objects.get(pk=ticket.pk).status
    step = Step.objects.get(pk=ticket.step_id)
    by_people = Receipt.objects.filter(step=step, body_json__contains="person:").count()
    assert by_people == (1 if step.status == "succeeded" else 0)
    return status, step.status


# Votes


@pytest.fixture
def seated(anna: User, ben: User) -> Ticket:
    """Two of three have to agree; anna has voted, and ben has a seat."""
    make_member("cleo", "reviewer")
    ticket = hold_for_several()
    vote(ticket, anna)
    claim_ticket(ticket.pk, ben)
    return ticket


def _end(ticket: Ticket, how: str) -> Deed:
    if how == "cancel":
        return lambda: cancel(ticket.run_id)
    return lambda: DatabaseEscalator().withdraw_tickets([ticket.step_id], "reset")


@pytest.mark.parametrize("how", ["cancel", "withdraw"])
@pytest.mark.parametrize("kind", [APPROVE, SKIP], ids=["deciding", "open"])
@pytest.mark.parametrize("voted_first", [True, False])
def test_a_vote_and_the_end_of_its_ticket(
    seated: Ticket, ben: User, how: str, kind: Any, *, voted_first: bool
) -> None:
    def cast() -> Any:
        return resolve_ticket(seated.pk, ben, kind, claim_number=None, seen_digest=None)

    if voted_first:
        answer = _meet(cast, _end(seated, how))
        assert not isinstance(answer, Exception)
    else:
        answer = _meet(_end(seated, how), cast)
        assert isinstance(answer, (TicketWithdrawn, StepNotHeld))

    is_decided = voted_first and kind is APPROVE
    after = "held" if how == "withdraw" else "cancelled"
    assert _stands(seated) == (("resolved", "succeeded") if is_decided else ("withdrawn", after))
    assert Vote.objects.count() == Ticket.objects.get(pk=seated.pk).votes_cast == (2 if voted_first else 1)
    assert _acts(seated, "voted", "resolved") == ["voted"] * Vote.objects.count() + ["resolved"] * is_decided
    assert not Seat.objects.exists()


def test_a_cancel_waits_for_a_desk_that_changes_a_ticket_twice(seated: Ticket, ben: User) -> None:
    """The keys of a row that is changed a second time are checked at the commit: the step may be locked by then."""

    def release_and_claim() -> None:
        release_ticket(seated.pk, ben)
        claim_ticket(seated.pk, ben)
        release_ticket(seated.pk, ben)

    with capture_logs() as said:
        assert not isinstance(_meet(release_and_claim, _end(seated, "cancel")), Exception)
    assert [line["event"] for line in said] == [], "it was ended by a deadlock, and tried again"
    assert _stands(seated) == ("withdrawn", "cancelled")


# Decisions that wait


@pytest.fixture
def due(anna: User) -> Ticket:
    """Decided by anna, and to take effect now."""
    (ticket,) = hold()
    ReviewQueue.objects.update(grace_seconds=GRACE)
    claim_ticket(ticket.pk, anna)
    approve(ticket, anna)
    let_time_pass(ticket)
    return ticket


_ENDS = ("took_back", "voided", "resolved")


@pytest.mark.parametrize("as_lead", [False, True])
@pytest.mark.parametrize("taken_back_first", [True, False])
def test_taking_back_and_the_effect(
    due: Ticket, anna: User, *, taken_back_first: bool, as_lead: bool
) -> None:
    who = make_member("lea", "admin") if as_lead else anna

    def take_back() -> Any:
        return take_back_resolution(due.pk, who, as_lead=as_lead)

    def take_effect() -> Any:
        return carry_out_pending(due.pk)

    if taken_back_first:
        assert _meet(take_back, take_effect) is False
        assert (_stands(due), _acts(due, *_ENDS)) == (("open", "held"), ["took_back"])
        assert Ticket.objects.get(pk=due.pk).claimed_by == anna
    else:
        assert isinstance(_meet(take_effect, take_back), TicketResolved)
        assert (_stands(due), _acts(due, *_ENDS)) == (("resolved", "succeeded"), ["resolved"])
    assert not PendingResolution.objects.exists()


@pytest.mark.parametrize("lead_first", [True, False])
def test_taking_back_and_the_override_of_a_lead(due: Ticket, anna: User, *, lead_first: bool) -> None:
    lea = make_member("lea", "admin")

    def take_back() -> Any:
        return take_back_resolution(due.pk, anna)

    def override() -> Any:
        return take_back_resolution(due.pk, lea, as_lead=True)

    answer = _meet(override, take_back) if lead_first else _meet(take_back, override)

    assert isinstance(answer, NothingPending)
    (line,) = AuditLine.objects.filter(act="took_back")
    assert line.actor_name == ("lea" if lead_first else "anna")
    assert (_stands(due), PendingResolution.objects.count()) == (("open", "held"), 0)
    assert Ticket.objects.get(pk=due.pk).claimed_by == anna


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_the_effect_and_the_cancelled_run(due: Ticket, *, cancelled_first: bool) -> None:
    def stop() -> Any:
        return cancel(due.run_id)

    def take_effect() -> Any:
        return carry_out_pending(due.pk)

    if cancelled_first:
        assert _meet(stop, take_effect) is False
        assert (_stands(due), _acts(due, *_ENDS)) == (("withdrawn", "cancelled"), ["voided"])
    else:
        assert not isinstance(_meet(take_effect, stop), Exception)
        assert (_stands(due), _acts(due, *_ENDS)) == (("resolved", "succeeded"), ["resolved"])
    assert not PendingResolution.objects.exists()
