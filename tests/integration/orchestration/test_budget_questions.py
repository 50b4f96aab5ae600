"""Who asks a person about which budget, and that nobody waits for one who waits for them."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import Task
from agents.domain.calls import Begun, CallKind, CallWish
from agents.domain.usage import CallUsage, Reservation
from escalation import escrow
from escalation.models import Ticket
from orchestration import Budget, Retry, StepSpec, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.maintenance import leader
from orchestration.models import Pot
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.integration.orchestration.judge_budgets import judge_budgets

pytestmark = pytest.mark.django_db
_NAME = "test.spender"


@pytest.fixture(autouse=True)
def _judge() -> Any:
    yield
    judge_budgets()


def _spend(task: Task, unit: str, amount: int = 10) -> None:
    """Make a call that needs, and uses, so many tokens or millionths of a dollar."""
    name = f"{unit}-{task.step_key}"
    is_money = unit == "usd"
    wish = CallWish(f"{name}#1", CallKind.ONCE, name, "[]")
    most = Reservation(0, amount) if is_money else Reservation(amount)
    begun = task.calls.journal.begin(wish, most)
    if isinstance(begun, Begun):
        used = CallUsage(0, 0, cost_micro_usd=amount) if is_money else CallUsage(amount, cost_micro_usd=0)
        task.calls.journal.end(wish, begun, '"said"', used)


def _run(work: Any, keys: str = "ab", budget: Budget = Budget(usd="0", tokens=0)) -> FinishedRun:  # noqa: B008 - frozen
    at_once = Retry(backoff_base_seconds=0, jitter_seconds=0)
    steps = tuple(StepSpec(key, agent=_NAME, retry=at_once) for key in keys)
    return run_workflow(WorkflowSpec(name="askers", steps=steps), agents={_NAME: work}, budget=budget)


def _go_on(done: FinishedRun, work: Any) -> FinishedRun:
    for duty in leader._DUTIES:
        duty()
    return drive(done.run.pk, agents={_NAME: work})


def _asked_about() -> dict[str, str]:
    open_tickets = Ticket.objects.filter(status="open", step__status="held").order_by("step__key")
    return {ticket.step.key: ticket.seen["budget"]["unit"] for ticket in open_tickets}


def test_two_that_asked_about_each_others_budget_before_do_not_wait_for_each_other() -> None:
    def cross(task: Task) -> str:
        first, second = ("usd", "tokens") if task.step_key == "a" else ("tokens", "usd")
        _spend(task, first)
        _spend(task, second, 20)
        return "spent"

    done = _run(cross)
    assert _asked_about() == {"a": "micro_usd", "b": "tokens"}
    runs.top_up(done.run.pk, usd="0.00001")
    done = _go_on(done, cross)
    assert (_asked_about(), done.steps["a"].waits_for) == ({"b": "tokens"}, "budget")
    runs.top_up(done.run.pk, tokens=10)
    done = _go_on(done, cross)
    done = _go_on(done, cross)
    assert _asked_about() == {"a": "tokens", "b": "micro_usd"}
    runs.top_up(done.run.pk, usd="0.00002", tokens=20)
    assert _go_on(done, cross).status == "succeeded"


def test_who_asked_and_went_on_to_wait_for_something_else_leaves_the_question_to_the_next() -> None:
    def work(task: Task) -> str:
        _spend(task, "tokens")
        if task.step_key == "a":
            task.wait_for("go")
        return "spent"

    done = _run(work)
    assert _asked_about() == {"a": "tokens"}
    runs.top_up(done.run.pk, tokens=10)
    done = _go_on(done, work)
    assert done.steps["a"].status == "waiting"
    assert _asked_about() == {"b": "tokens"}
    runs.top_up(done.run.pk, tokens=10)
    done = _go_on(done, work)
    runs.signal(done.run.pk, "go")
    assert _go_on(done, work).status == "succeeded"


def test_who_asked_before_and_waits_for_the_same_budget_is_passed_by_who_stands_before_it() -> None:
    def work(task: Task) -> str:
        _spend(task, "tokens")
        return "spent"

    done = _run(work, "cba")
    assert _asked_about() == {"c": "tokens"}
    Pot.objects.filter(unit="tokens").update(
        asked_step=done.steps["a"].pk
    )  # and then it waited for calls under way
    runs.resolve_step(done.steps["c"].pk, kind=ResolutionKind.SKIP, actor="ada", resolution_id="1")
    done = _go_on(done, work)
    assert _asked_about() == {"b": "tokens"}
    assert done.steps["a"].waits_for == "budget"


def test_a_top_up_of_one_budget_leaves_the_question_about_another() -> None:
    def work(task: Task) -> str:
        _spend(task, "usd")
        _spend(task, "tokens")
        return "spent"

    done = _run(work, "a")
    runs.top_up(done.run.pk, usd="0.00001")
    done = _go_on(done, work)
    assert _asked_about() == {"a": "tokens"}
    [ticket] = Ticket.objects.filter(status="open")
    runs.top_up(done.run.pk, usd="1")
    ticket.refresh_from_db()
    assert ticket.status == "open"
    runs.top_up(done.run.pk, tokens=10)
    ticket.refresh_from_db()
    assert ticket.status == "withdrawn"
    assert _go_on(done, work).status == "succeeded"


def test_who_was_told_to_finish_with_what_there_is_asks_no_more() -> None:
    def work(task: Task) -> str:
        if not task.feedback:
            _spend(task, "tokens")
        elif task.step_key == "a":
            task.wait_for("go")
        return "spent"

    done = _run(work)
    assert _asked_about() == {"a": "tokens"}
    ada = User.objects.create_user("ada", is_superuser=True)
    held = escrow.claim_ticket(Ticket.objects.get().pk, ada)
    seen: dict[str, Any] = {"claim_number": held.claim_number, "seen_digest": held.seen_digest}
    escrow.resolve_ticket(held.pk, ada, kind=ResolutionKind.SEND_BACK, feedback="be brief", **seen)
    done = _go_on(done, work)
    assert done.steps["a"].status == "waiting"
    assert _asked_about() == {"b": "tokens"}
