"""People's time meets itself: tickets of one budget close at once; and who closes one waits for no budget before."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from agents.invoke import override
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import Budget, StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.models import Pot
from orchestration.testing import run_workflow
from tests.integration.escalation.desk import AGENTS
from tests.integration.escalation.people_judge import judge_people, settle
from tests.integration.orchestration.rig import in_thread, race

pytestmark = pytest.mark.django_db(transaction=True)
_ENDS = (ResolutionKind.APPROVE, ResolutionKind.SEND_BACK, ResolutionKind.ABORT)


def hold_pair(anna: User) -> list[Ticket]:
    """Return claimed tickets of two child runs, which share nothing but the budget above them."""
    with override(AGENTS):
        runs.publish(WorkflowSpec(name="small", steps=(StepSpec("draft", agent="test.writer"),)))
    spec = WorkflowSpec(name="large", steps=tuple(StepSpec(key, workflow="small") for key in ("a", "b")))
    with mute_dispatch():
        run_workflow(spec, agents=AGENTS, budget=Budget(human_minutes=60))
        return [claim_ticket(ticket.pk, anna) for ticket in Ticket.objects.order_by("pk")]


@pytest.fixture
def pair(anna: User) -> list[Ticket]:
    return hold_pair(anna)


def _close(ticket: Ticket, user: User, kind: ResolutionKind, *, books: bool = False) -> Callable[[], None]:
    def act() -> None:
        with mute_dispatch(), transaction.atomic():
            resolve_ticket(
                ticket.pk, user, kind, claim_number=1, seen_digest=ticket.seen_digest, **_given(kind)
            )
            if books:
                settle()

    return act


def _given(kind: ResolutionKind) -> dict[str, Any]:
    return {"feedback": "be brief"} if kind is ResolutionKind.SEND_BACK else {}


def test_of_two_that_close_at_once_both_are_counted(pair: list[Ticket], anna: User) -> None:
    assert Pot.objects.get().reserved == 600
    first, second = (_close(ticket, anna, ResolutionKind.SEND_BACK, books=True) for ticket in pair)

    race(first, second)

    pot = Pot.objects.get()
    assert (pot.reserved, judge_people()) == (0, 1)
    assert pot.spent >= 2  # a begun second of each


@pytest.mark.parametrize("kind", _ENDS)
def test_who_closes_a_ticket_waits_for_no_budget_before_the_commit(
    pair: list[Ticket], anna: User, kind: ResolutionKind
) -> None:
    def act() -> str:
        with transaction.atomic():
            _close(pair[0], anna, kind)()
            transaction.set_rollback(True)
        return "went through"

    with transaction.atomic():
        Pot.objects.select_for_update().get()
        # What it would wait for is held until it has answered.
        assert in_thread(act).result(timeout=60) == "went through"
    assert judge_people() == 1
    assert Pot.objects.get().reserved == 600
