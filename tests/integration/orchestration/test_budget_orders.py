"""What people order about budgets: start with one, top one up, try again, fork; and what doors refuse."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agents import Task
from agents.domain.calls import Begun, CallKind, CallWish
from agents.domain.usage import CallUsage, Reservation
from agents.invoke import override
from escalation.models import Ticket
from orchestration import Budget, Retry, StepSpec, WorkflowSpec, runs
from orchestration.errors import IdempotencyConflict, InputInvalid, SpecInvalid
from orchestration.maintenance import queues
from orchestration.models import CallTry, Event, Pot, Run
from orchestration.testing import FinishedRun, drive, run_workflow
from orchestration.transitions.lift import lift_question
from tests.integration.orchestration.judge_budgets import judge_budgets

pytestmark = pytest.mark.django_db
_NAME = "test.caller"
_AT_ONCE = Retry(backoff_base_seconds=0, jitter_seconds=0)


@pytest.fixture(autouse=True)
def _judge() -> Any:
    yield
    judge_budgets()


def _spec(*steps: StepSpec, **fields: Any) -> WorkflowSpec:
    return WorkflowSpec(
        name="budget-orders", steps=steps or (StepSpec("work", agent=_NAME, retry=_AT_ONCE, **fields),)
    )


def _four(task: Task) -> list[int]:
    return [task.once("part", lambda n=n: n) for n in range(4)]


def _run(agent: Any = _four, budget: Budget = Budget(calls=2), **fields: Any) -> FinishedRun:  # noqa: B008 - frozen
    return run_workflow(_spec(**fields), agents={_NAME: agent}, budget=budget)


def _amounts() -> tuple[int, int, int, int, int]:
    pot = Pot.objects.latest("pk")
    return pot.limit, pot.reserved, pot.spent, pot.lost, pot.overrun


def _begin(task: Task, name: str, most: int) -> tuple[CallWish, Begun]:
    wish = CallWish(f"{name}#1", CallKind.ONCE, name, "[]")
    begun = task.calls.journal.begin(wish, Reservation(most))
    assert isinstance(begun, Begun)
    return wish, begun


def test_what_was_billed_beyond_the_limit_takes_what_comes_back_first() -> None:
    seen: list[Any] = []

    def work(task: Task) -> None:
        journal = task.calls.journal
        large, small = _begin(task, "large", 60), _begin(task, "small", 10)
        journal.end(*small, '"said"', CallUsage(70))  # 30 beyond what was free
        seen.append(_amounts())
        journal.end(*large, '"said"', CallUsage(20))  # 40 come back
        seen.append(_amounts())

    _run(work, Budget(tokens=100))
    assert seen == [(100, 60, 40, 0, 30), (100, 0, 90, 0, 0)]


def test_a_top_up_pays_what_was_billed_beyond_the_limit_before_anything_else() -> None:
    def work(task: Task) -> None:
        task.calls.journal.end(*_begin(task, "ask", 10), '"said"', CallUsage(150))
        _begin(task, "more", 10)

    done = _run(work, Budget(tokens=100))
    assert _amounts() == (100, 0, 100, 0, 50)
    runs.top_up(done.run.pk, tokens=30)
    assert _amounts() == (130, 0, 130, 0, 20)
    runs.top_up(done.run.pk, tokens=30)
    assert _amounts() == (160, 0, 150, 0, 0)


def test_a_question_that_comes_after_its_answer_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The top-up falls between the choice of who asks and the hold: it finds nobody to wake."""
    place = "orchestration.executor.conclusion"
    topped: list[int] = []

    def plan_late(_hold: Any) -> None:
        if not topped:
            topped.append(1)
            runs.top_up(Run.objects.latest("created_at").pk, calls=2)

    monkeypatch.setattr(f"{place}.plan_ticket", plan_late)
    done = _run()
    assert topped
    assert done.status == "succeeded"
    assert Ticket.objects.get().status == "withdrawn"
    assert "room again" in Ticket.objects.get().withdrawn_reason


def test_the_maintainer_withdraws_a_question_whose_answer_nobody_gave_on() -> None:
    done = _run()
    assert done.held == ["work"]
    assert queues.lift_budget_questions() == 0
    Pot.objects.update(limit=4)  # as of a process that died between the top-up and what follows it
    assert queues.lift_budget_questions() == 1
    assert Ticket.objects.get().status == "withdrawn"
    assert drive(done.run.pk, agents={_NAME: _four}).status == "succeeded"
    assert lift_question(done.steps["work"].pk, Pot.objects.get().pk, "again", by="ada") == []


def test_a_failed_run_is_topped_up_and_tried_again() -> None:
    done = _run(on_failure="abort")
    assert done.status == "failed"
    with pytest.raises(InputInvalid, match="tokens: the run has no limit of that"):
        runs.top_up(done.run.pk, tokens=1)
    runs.top_up(done.run.pk, calls=2)
    assert Event.objects.filter(run=done.run, kind="budget_topped_up").count() == 1
    runs.retry(done.run.pk)
    again = drive(done.run.pk, agents={_NAME: _four})
    assert again.outputs["work"] == [0, 1, 2, 3]
    assert CallTry.objects.filter(run=done.run).count() == 4  # none was made twice
    assert runs.verify(done.run.pk).fault is None


def test_a_cancelled_run_too() -> None:
    done = _run()
    runs.cancel(done.run.pk)
    runs.top_up(done.run.pk, calls=2)
    runs.retry(done.run.pk)
    assert drive(done.run.pk, agents={_NAME: _four}).status == "succeeded"


def test_the_same_key_with_another_budget_is_another_run() -> None:
    with override({_NAME: lambda _: 1}):
        runs.publish(_spec())

    def start(budget: Budget | None) -> Run:
        return runs.start("budget-orders", {}, idempotency_key="mail-1", budget=budget)

    first = start(Budget(usd="1.00"))
    assert start(Budget(usd="1.0")).pk == first.pk
    runs.top_up(first.pk, usd="5")
    assert start(Budget(usd="1")).pk == first.pk
    for other in (None, Budget(usd="2"), Budget(usd="1", calls=3)):
        with pytest.raises(IdempotencyConflict, match="with another budget; choose a new key"):
            start(other)
        with pytest.raises(IdempotencyConflict, match="with another budget"):
            runs.check_start("budget-orders", {}, idempotency_key="mail-1", budget=other)
    assert Run.objects.count() == 1


def test_a_top_up_under_a_key_counts_once() -> None:
    done = _run()
    for _ in range(2):
        assert [pot.limit for pot in runs.top_up(done.run.pk, calls=2, key="t-1")] == [4]
    for other in ({"calls": 3}, {"calls": 2, "step": "work"}):
        with pytest.raises((IdempotencyConflict, InputInvalid)):
            runs.top_up(done.run.pk, key="t-1", **other)
    with pytest.raises(IdempotencyConflict, match="came under the key 't-1'"):
        runs.top_up(done.run.pk, calls=3, key="t-1")
    with pytest.raises(InputInvalid, match="idempotency_key: must be"):
        runs.top_up(done.run.pk, calls=3, key="")
    assert runs.top_up(done.run.pk, calls=2, key="t-2")[0].limit == 6
    call_command("top_up", str(done.run.pk), "--calls", "2", "--key", "t-2", stdout=StringIO())
    assert Pot.objects.get().limit == 6
    with pytest.raises(CommandError, match="came under the key"):
        call_command("top_up", str(done.run.pk), "--calls", "9", "--key", "t-2")


def test_the_fork_of_a_child_run_may_use_what_the_budgets_above_leave() -> None:
    agents = {_NAME: lambda task: task.once("ask", lambda: 1)}
    leaf = WorkflowSpec(name="leaf", steps=(StepSpec("leaf", agent=_NAME),))
    with override(agents):
        runs.publish(leaf)
    spec = _spec(StepSpec("down", workflow="leaf", budget=Budget(calls=5)), StepSpec("own", agent=_NAME))
    done = run_workflow(spec, agents=agents, budget=Budget(calls=10, tokens=700))
    child = Run.objects.get(parent_step__key="down")
    fork = runs.fork(child.pk, "leaf")
    assert {pot.unit: (pot.limit, pot.spent) for pot in fork.pots.all()} == {
        "calls": (4, 0),
        "tokens": (700, 0),
    }
    assert drive(fork.pk, agents=agents).status == "succeeded"
    assert Pot.objects.get(run=done.run, step=None, unit="calls").spent == 2
    assert Pot.objects.get(run=fork, unit="calls").spent == 1


_NO_USD = (
    " 1 ",
    "1 ",
    "-1",
    "NaN",
    "Infinity",
    "1e400",
    "1E5",
    "+1",
    "0x10",
    "1,5",
    "1\n",
    "\u0661",
    "",
    "1" * 10,
    "0.0000001",
)
_NEVER_USD = (
    True,
    1.5,
    -1,
    10**5000,
    ["1"],
    {"usd": "1"},
    Decimal("NaN"),
    Decimal("1E+400"),
    Decimal("1E+999999"),
)


@pytest.mark.parametrize(
    "usd",
    [*_NO_USD, *_NEVER_USD],
    ids=lambda usd: repr(usd)[:20] if not isinstance(usd, int) else str(type(usd)),
)
def test_what_is_no_amount_of_dollars_is_refused_at_every_door(usd: Any) -> None:
    with override({_NAME: lambda _: 1}):
        runs.publish(_spec())
    for ask in (
        lambda: runs.start("budget-orders", {}, budget={"usd": usd}),
        lambda: runs.check_start("budget-orders", {}, budget={"usd": usd}),
        lambda: runs.top_up(_started().pk, usd=usd),
    ):
        with pytest.raises(InputInvalid, match="usd: "):
            ask()
    with pytest.raises((SpecInvalid, ValueError), match="usd"):
        _spec(budget={"usd": usd})
    if isinstance(usd, str):
        with pytest.raises(CommandError, match="--usd"):
            call_command("top_up", str(_started().pk), f"--usd={usd}")


@pytest.mark.parametrize(
    "count", [True, -1, 1.0, "1", 10**15, 10**5000, [1], Decimal(1)], ids=lambda count: type(count).__name__
)
def test_what_is_no_count_is_refused_at_every_door(count: Any) -> None:
    for field in ("tokens", "calls", "human_minutes"):
        with pytest.raises(InputInvalid, match=f"budget.{field}: .* must be a whole number from 0"):
            runs.top_up(_started().pk, **{field: count})
        with pytest.raises((SpecInvalid, ValueError), match="must be a whole number from 0"):
            _spec(budget={field: count})


def _started() -> Run:
    with override({_NAME: lambda _: 1}):
        runs.publish(_spec())
        run = Run.objects.order_by("created_at").first()
        return run or runs.start(
            "budget-orders", {}, budget=Budget(usd="1", tokens=1, calls=1, human_minutes=1)
        )
