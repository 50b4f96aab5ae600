"""What nobody foresaw, at every door of an attempt: one body, and at once a ticket with the true cause."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.db import connection, transaction
from structlog.testing import capture_logs

from agents import Result, Task
from agents.models import CountedFailure
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.models import Attempt, Decision, Event, Run, Step
from orchestration.testing import FinishedRun, run_workflow
from tests.integration.orchestration.bench import Bench, step_of

pytestmark = pytest.mark.django_db

# Not imported by name: the package has functions of these names.
perform, prepare, judging, conclude, grow, reading = (
    import_module(f"orchestration.executor.{name}")
    for name in ("pipeline", "prepare", "judging", "conclusion", "growing", "reading")
)

AGENT = "test.agent"
ONE = WorkflowSpec(name="one", steps=(StepSpec("a", agent=AGENT, fallback=("test.other",)),))


class Panic(BaseException):
    """As a library written in another language raises it: none of Exception."""


def make_mute() -> BaseException:
    """Return an exception that fails at everything it is asked; no test runner shall ask one of a module."""
    refuse = property(_raise(SystemExit(3)))
    mute: BaseException = type(
        "Mute", (Exception,), {"__str__": _raise(SystemExit(3)), "__class__": refuse}
    )()
    return mute


def _raise(error: BaseException) -> Any:
    def act(*_args: Any, **_more: Any) -> Any:
        raise error

    return act


ABSURD: dict[str, Callable[[], BaseException]] = {
    "Panic": lambda: Panic("the stack is gone"),
    "KeyError": lambda: KeyError("x"),
    "Mute": make_mute,
    "SystemExit": lambda: SystemExit(2),
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "BaseExceptionGroup": lambda: BaseExceptionGroup("x", [Panic()]),
}


@pytest.fixture
def bodies() -> list[str]:
    return []


@pytest.fixture
def bench(bodies: list[str]) -> Bench:
    def act(task: Task) -> str:
        bodies.append(task.step_key)
        return "done"

    return Bench.make({AGENT: act, "test.other": act})


def _attempt_of(run: Run) -> Attempt:
    [attempt] = Attempt.objects.filter(run=run)
    return attempt


def _assert_told(run: Run, word: str) -> None:
    """The step is held with its cause, by a named decision, and no agent is blamed."""
    step, attempt = step_of(run, "a"), _attempt_of(run)
    assert (step.status, attempt.outcome, attempt.failure_kind) == ("held", "failed", "engine_fault")
    assert word in f"{attempt.error_class}: {attempt.error_message}"
    decision = Decision.objects.get(attempt=attempt)
    assert (decision.kind, decision.rule) == ("escalate", "engine_fault")
    ticket = Ticket.objects.get(run=run)
    assert (ticket.status, ticket.rule) == ("open", "engine_fault")
    assert word in ticket.reason
    assert not CountedFailure.objects.filter(is_presumed=False).exists()
    assert not Event.objects.filter(run=run, kind="late_write_refused").exists()


@pytest.mark.parametrize("case", ABSURD)
@pytest.mark.parametrize(
    ("room", "name", "most_bodies"),
    [
        (perform, "prepare", 0),
        (prepare, "find_out_of_time", 0),
        (prepare, "ask_whether_cancelled", 0),
        (perform, "keep_away", 0),
        (perform, "lent_connection", 0),
        (perform, "invoke", 0),
        (perform, "note_call", 1),
        (judging, "count_seconds_left", 1),
        (conclude, "prove", 1),
        (conclude, "finish_together", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_at_every_door_it_is_a_ticket_at_once(
    bench: Bench,
    bodies: list[str],
    monkeypatch: pytest.MonkeyPatch,
    case: str,
    room: Any,
    name: str,
    most_bodies: int,
) -> None:
    run = bench.start(ONE)
    monkeypatch.setattr(room, name, _raise(ABSURD[case]()))
    began = time.monotonic()
    assert bench.perform(step_of(run, "a")) == "escalate"
    assert time.monotonic() - began < 1
    _assert_told(run, case)
    assert len(bodies) == most_bodies


def _refuse(*_: Any, **__: Any) -> Any:
    """Write what the database refuses: a transaction around it is then of no more use."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def test_a_write_that_the_database_refuses_is_a_ticket(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.start(ONE)
    monkeypatch.setattr(conclude, "finish_together", _refuse)
    assert bench.perform(step_of(run, "a")) == "escalate"
    _assert_told(run, "DataError: what came of it could not be written: division by zero")


def test_words_that_can_not_be_stored_are_left_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = conclude.hold_step

    def hold_if_bare(claim: Any, end: Any, *args: Any, **more: Any) -> None:
        if end.traceback_tail:
            _refuse()
        hold(claim, end, *args, **more)

    run = bench.start(ONE)
    monkeypatch.setattr(conclude, "finish_together", _raise(KeyError("x")))
    monkeypatch.setattr(conclude, "hold_step", hold_if_bare)
    assert bench.perform(step_of(run, "a")) == "escalate"
    _assert_told(run, "what came of it could not be written, nor could why")


def test_a_claim_that_passed_on_is_no_fault_and_ends_at_once() -> None:
    def call_off(task: Task) -> str:
        runs.cancel(task.run_id)
        return "too late"

    bench = Bench.make({AGENT: call_off})
    run = bench.start(WorkflowSpec(name="late", steps=(StepSpec("a", agent=AGENT),)))
    with capture_logs() as lines:
        assert bench.perform(step_of(run, "a")) == "refused"
    assert [line for line in lines if line["log_level"] == "error"] == []
    assert _attempt_of(run).outcome == "withdrawn"


def test_what_follows_an_end_is_no_fault_of_the_attempt(
    bench: Bench, bodies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench.start(
        WorkflowSpec(name="two", steps=(StepSpec("a", agent=AGENT), StepSpec("b", agent=AGENT, needs=("a",))))
    )
    monkeypatch.setattr(perform, "dispatch", _raise(KeyError("x")))
    assert bench.perform(step_of(run, "a")) == "accept"
    assert (step_of(run, "a").status, step_of(run, "b").status) == ("succeeded", "available")
    assert (bodies, _attempt_of(run).outcome) == (["a"], "answered")


def test_breakers_that_can_not_be_told_cost_no_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.start(ONE)
    monkeypatch.setattr("orchestration.executor.admission.note_success", _raise(KeyError("x")))
    assert bench.perform(step_of(run, "a")) == "accept"


def test_a_step_whose_time_was_over_before_its_agent_was_called_is_tried_again(
    bench: Bench, bodies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an outage: the maintainer may free it at any moment, so a body that began now would run twice."""
    run = bench.start(ONE)
    Step.objects.filter(run=run).update(timeout_seconds=0.05)
    real = perform.keep_away

    def keep_long(claim: Any) -> Any:
        time.sleep(0.1)
        return real(claim)

    monkeypatch.setattr(perform, "keep_away", keep_long)
    assert bench.perform(step_of(run, "a")) == "retry"
    attempt = _attempt_of(run)
    assert (bodies, attempt.failure_kind, attempt.decision.rule) == ([], "outage", "transient_retry")
    assert not CountedFailure.objects.filter(is_presumed=False).exists()


def _run(value: Any = None, /, **step: Any) -> FinishedRun:
    def act(task: Task) -> Any:
        return step.pop("answer") if "answer" in step else {"of": task.step_key}

    answer = step.pop("answer", None)
    spec = WorkflowSpec(name="odd", steps=(StepSpec("a", **({"agent": AGENT} | step)),))
    return run_workflow(spec, value, agents={AGENT: (lambda _task: answer) if answer is not None else act})


ODD_VALUES = [
    datetime(2026, 1, 1, tzinfo=UTC),
    b"x",
    float("inf"),
    float("nan"),
    {1: 2},
    2**60,
    "\x00",
    "\ud800",
    {3},
]


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
@pytest.mark.parametrize("place", ["person", "items", "child run"])
def test_a_computed_value_that_can_not_be_stored_is_a_ticket(
    monkeypatch: pytest.MonkeyPatch, value: Any, place: str
) -> None:
    """Whatever still gets through the expressions."""
    if place == "child run":
        runs.publish(WorkflowSpec(name="below", steps=(StepSpec("x", agent="human"),)))
    places: dict[str, dict[str, Any]] = {
        "person": {"agent": "human", "input": {"v": "1"}},
        "items": {"for_each": "[1]"},
        "child run": {"agent": "", "workflow": "below", "input": {"v": "1"}},
    }
    monkeypatch.setattr(reading, "evaluate", lambda *_: value)
    monkeypatch.setattr(grow, "evaluate", lambda *_: [value])
    done = _run(**places[place])
    attempt = Attempt.objects.get(step=done.steps["a"])
    assert (done.held, attempt.decision.kind) == (["a"], "escalate")
    assert attempt.failure_kind == "bad_input", attempt.error_message


@pytest.mark.parametrize(
    "answer",
    [
        Result({"text": "a" * 1_048_560}, spawn=[]),
        Result({"text": "a" * 1_048_560}, confidence=0.1, spawn=[]),
        Result({"text": "a" * 1_048_560}, spawn=[{"key": "b", "agent": AGENT}]),
    ],
    ids=["alone", "unsure", "with steps"],
)
def test_an_answer_too_large_for_what_it_is_stored_as_is_seen_before(answer: Result) -> None:
    done = _run(answer=answer)
    [attempt] = Attempt.objects.filter(step=done.steps["a"])
    assert (done.held, attempt.failure_kind, attempt.decision.rule) == (["a"], "unreadable", "unreadable")
    assert "larger than 1048576 bytes" in attempt.error_message


def test_an_answer_too_deep_for_what_it_is_stored_as_is_seen_before() -> None:
    nested: Any = 1
    for _ in range(32):
        nested = [nested]
    done = _run(answer=Result(nested, spawn=[]))
    assert (done.held, _attempt_of(done.run).failure_kind) == (["a"], "unreadable")


@pytest.mark.parametrize("value", [2**60, "\x00", "\ud800"], ids=repr)
def test_a_form_that_can_not_be_stored_is_refused_by_name(value: Any) -> None:
    asks = {"key": "ask", "agent": "human", "form": {"properties": {"n": {"default": value}}}}
    done = _run(answer=Result("x", spawn=[asks]))
    attempt = _attempt_of(done.run)
    assert (done.held, attempt.failure_kind) == (["a"], "unreadable")
    assert "step 'ask', form.properties.n.default: " in attempt.error_message


class Puzzle:
    """What no agent should want done."""

    def __getattribute__(self, name: str) -> Any:
        raise Panic(name)


def test_steps_that_can_not_even_be_looked_at_are_a_ticket() -> None:
    done = _run(answer=Result("x", spawn=[Puzzle()]))
    attempt = _attempt_of(done.run)
    assert done.held == ["a"]
    assert attempt.failure_kind in {"engine_fault", "unreadable"}


@pytest.mark.parametrize("case", ABSURD)
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_what_an_agent_raises_is_its_attempts_failure_whatever_it_is(case: str, *, is_async: bool) -> None:
    seen: list[int] = []

    def act(task: Task) -> Any:
        seen.append(task.attempt)
        error = ABSURD[case]()
        raise error

    async def act_async(task: Task) -> Any:
        return act(task)

    done = run_workflow(ONE, agents={AGENT: act_async if is_async else act, "test.other": lambda _: "fine"})
    attempts = Attempt.objects.filter(step=done.steps["a"]).order_by("number")
    assert (done.status, seen) == ("succeeded", [1])
    assert next((one.failure_kind, one.decision.rule) for one in attempts) == ("unknown", "unknown_fallback")


def test_the_hold_is_whole_or_not_at_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the plainest ending could be written: nothing is, and the maintainer goes on with it."""
    run = bench.start(ONE)
    monkeypatch.setattr("escalation.escrow.DatabaseEscalator.open_ticket", _raise(KeyError("x")))
    monkeypatch.setattr(conclude, "prove", _raise(KeyError("y")))
    with transaction.atomic():
        assert bench.perform(step_of(run, "a")) == "failed"
    assert Step.objects.get(run=run).status == "running"
    assert (_attempt_of(run).outcome, Ticket.objects.count()) == (None, 0)
