"""Whole runs, in process: what each kind of step and outcome leads to."""

from typing import Any

import pytest

from agents import PermanentError, Result, Task, TransientError
from escalation.models import Ticket
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.holds import resolve_step
from orchestration.models import Attempt
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

AGENT = "test.agent"
SOON = Retry(backoff_base_seconds=0.0, jitter_seconds=0.0)


def _run(*steps: StepSpec, act: Any = None, value: dict[str, Any] | None = None) -> FinishedRun:
    agents = {AGENT: act or (lambda task: {"of": task.step_key})}
    finished = run_workflow(WorkflowSpec(name="demo", steps=steps), value, agents=agents)
    assert runs.verify(finished.run.pk).fault is None
    return finished


def _step(key: str, *needs: str, **fields: Any) -> StepSpec:
    return StepSpec(key, agent=AGENT, needs=needs, **fields)


def _rules(finished: FinishedRun, key: str) -> list[tuple[str | None, str]]:
    tries = Attempt.objects.filter(step=finished.steps[key]).select_related("decision").order_by("number")
    return [(attempt.outcome, attempt.decision.rule) for attempt in tries]


def _tickets(finished: FinishedRun) -> list[tuple[str, str]]:
    return [
        (ticket.step.key, ticket.rule) for ticket in Ticket.objects.filter(run=finished.run).order_by("pk")
    ]


def test_a_chain_hands_each_output_to_the_next() -> None:
    seen: list[Any] = []

    def act(task: Task) -> dict[str, str]:
        seen.append((task.step_key, dict(task.handoff), task.run_input))
        return {"of": task.step_key}

    finished = _run(_step("a"), _step("b", "a"), _step("c", "b"), act=act, value={"n": 1})

    assert finished.status == "succeeded"
    assert seen == [
        ("a", {}, {"n": 1}),
        ("b", {"a": {"of": "a"}}, {"n": 1}),
        ("c", {"b": {"of": "b"}}, {"n": 1}),
    ]


def test_a_join_gets_every_branch_once() -> None:
    branches = [f"b{n}" for n in range(5)]
    got: list[dict[str, Any]] = []

    def act(task: Task) -> str:
        if task.step_key == "join":
            got.append(dict(task.handoff))
        return task.step_key

    finished = _run(_step("plan"), *(_step(b, "plan") for b in branches), _step("join", *branches), act=act)

    assert finished.status == "succeeded"
    assert got == [{branch: branch for branch in branches}]


def test_after_orders_without_handing_over() -> None:
    got = {}

    def act(task: Task) -> None:
        got[task.step_key] = dict(task.handoff)

    _run(_step("a"), StepSpec("b", agent=AGENT, after=("a",)), act=act)
    assert got == {"a": {}, "b": {}}


def test_inputs_are_what_their_expressions_say() -> None:
    got: dict[str, Any] = {}

    def act(task: Task) -> dict[str, int]:
        got[task.step_key] = task.input
        return {"n": 2}

    doubled = _step("b", "a", input={"twice": "steps.a.n * 2", "who": "input.name"})
    _run(_step("a"), doubled, act=act, value={"name": "ada"})
    assert got == {"a": {}, "b": {"twice": 4, "who": "ada"}}


@pytest.mark.parametrize("expression", ["input.absent", "1 / (input.n - 1)"])
def test_an_input_that_fails_is_bad_input_and_a_ticket(expression: str) -> None:
    finished = _run(_step("a", input={"x": expression}), value={"n": 1})
    assert finished.held == ["a"]
    assert _tickets(finished) == [("a", "bad_input")]


def test_a_false_condition_takes_along_those_that_need_it_but_not_those_that_may_miss_it() -> None:
    finished = _run(
        _step("a"),
        _step("b", "a", when="steps.a.of == 'x'"),
        _step("needs_b", "b"),
        _step("may_miss_b", "a", "b", optional=("b",)),
        StepSpec("after_b", agent=AGENT, after=("b",)),
    )
    assert finished.status == "succeeded"
    assert {key: (step.status, step.skip_reason) for key, step in finished.steps.items()} == {
        "a": ("succeeded", ""),
        "b": ("skipped", "condition_false"),
        "needs_b": ("skipped", "need_passed_over"),
        "may_miss_b": ("succeeded", ""),
        "after_b": ("succeeded", ""),
    }
    assert finished.outputs["b"] is None


def test_an_uncritical_failure_hands_on_null() -> None:
    def act(task: Task) -> Any:
        if task.step_key == "stock":
            raise ValueError("no such stock")
        return dict(task.handoff)

    finished = _run(_step("stock", critical=False), _step("draft", "stock"), act=act)
    assert finished.status == "succeeded"
    assert finished.outputs["draft"] == {"stock": None}
    assert finished.steps["stock"].skip_reason == "bad_input_not_critical"
    assert _tickets(finished) == []


def test_a_transient_failure_is_tried_again_until_it_succeeds() -> None:
    tries: list[tuple[int, str]] = []

    def act(task: Task) -> str:
        tries.append((task.attempt, task.idempotency_key))
        if task.attempt < 3:
            raise TransientError("busy")
        return "done"

    finished = _run(_step("a", retry=SOON), act=act)
    assert finished.status == "succeeded"
    assert [number for number, _ in tries] == [1, 2, 3]
    assert len({key for _, key in tries}) == 1
    assert _rules(finished, "a") == [
        ("failed", "transient_retry"),
        ("failed", "transient_retry"),
        ("answered", "no_confidence_asked"),
    ]


def _raise(error: BaseException) -> Any:
    def act(task: Task) -> Any:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "rule", "tries"),
    [
        (_raise(TransientError("busy")), "attempts_exhausted", 3),
        (_raise(ValueError("no such customer")), "bad_input", 1),
        (_raise(PermanentError("gone")), "permanent", 1),
        (_raise(RuntimeError("a bug")), "unknown", 1),
        (lambda _task: float("nan"), "unreadable", 1),
        (lambda _task: {"x": 2**53}, "unreadable", 1),
        (lambda _task: "nul \x00", "unreadable", 1),
        (lambda _task: object(), "unreadable", 1),
        (lambda _task: Result("?", confidence=0.69), "low_confidence", 1),
    ],
)
def test_what_the_engine_can_not_settle_becomes_one_ticket(act: Any, rule: str, tries: int) -> None:
    finished = _run(_step("a", retry=SOON), _step("b", "a"), act=act)
    assert (finished.status, finished.held) == ("running", ["a"])
    assert _tickets(finished) == [("a", rule)]
    assert len(_rules(finished, "a")) == tries
    assert finished.steps["b"].status == "pending"


def test_an_abort_fails_the_run_and_cancels_what_is_open() -> None:
    def act(task: Task) -> str:
        if task.step_key == "bad":
            raise ValueError("no")
        return "ok"

    finished = _run(_step("good"), _step("bad", on_failure="abort"), _step("end", "good", "bad"), act=act)
    assert finished.status == "failed"
    assert {key: step.status for key, step in finished.steps.items()} == {
        "good": "succeeded",
        "bad": "failed",
        "end": "cancelled",
    }
    assert finished.run.reason == "ValueError: no"


def test_an_abort_withdraws_the_tickets_of_the_run() -> None:
    def act(task: Task) -> Result:
        if task.step_key == "bad":
            raise ValueError("no")
        return Result("?", confidence=0.1)

    finished = _run(_step("unsure"), _step("bad", on_failure="abort"), act=act)
    assert finished.status == "failed"
    assert [ticket.status for ticket in Ticket.objects.filter(run=finished.run)] == ["withdrawn"]


def _resolve(finished: FinishedRun, key: str, kind: ResolutionKind, **more: Any) -> None:
    resolve_step(finished.steps[key].pk, kind=kind, actor="anna", resolution_id="ticket-1", **more)


@pytest.mark.parametrize(
    ("kind", "more", "status", "output"),
    [
        (ResolutionKind.APPROVE, {}, "succeeded", "draft 1"),
        (ResolutionKind.EDIT, {"output": "better"}, "succeeded", "better"),
        (ResolutionKind.SKIP, {}, "skipped", None),
        (ResolutionKind.SEND_BACK, {"feedback": "shorter"}, "succeeded", "draft 2 (shorter)"),
    ],
)
def test_a_held_step_goes_on_as_a_person_decides(
    kind: ResolutionKind, more: dict[str, Any], status: str, output: Any
) -> None:
    keys: list[str] = []

    def act(task: Task) -> Result:
        if task.step_key == "b":
            return Result(dict(task.handoff))
        keys.append(task.idempotency_key)
        said = f"draft 2 ({task.feedback})" if task.feedback else "draft 1"
        return Result(said, confidence=0.9 if task.feedback else 0.1)

    held = _run(_step("a"), _step("b", "a"), act=act)
    assert held.held == ["a"]
    _resolve(held, "a", kind, **more)
    finished = drive(held.run.pk, agents={AGENT: act})

    assert finished.status == "succeeded"
    assert (finished.steps["a"].status, finished.outputs["a"]) == (status, output)
    # A person's skip takes along who needs the output, as a false condition does.
    assert finished.outputs["b"] == (None if kind is ResolutionKind.SKIP else {"a": output})
    assert len(set(keys)) == len(keys)
    assert runs.verify(held.run.pk).fault is None


def test_a_person_can_end_the_run() -> None:
    held = _run(_step("a"), _step("b", "a"), act=_raise(ValueError("no")))
    _resolve(held, "a", ResolutionKind.ABORT, reason="not worth it")
    run = runs.get_run(held.run.pk)
    assert (run.status, run.reason) == ("failed", "not worth it")
    assert runs.verify(run.pk).fault is None


def test_hand_offs_over_the_budget_are_shortened_and_say_so() -> None:
    got: dict[str, Any] = {}
    long = "The lamp came on Monday. Its glass was broken. " * 1_000

    def act(task: Task) -> Any:
        got[task.step_key] = dict(task.handoff)
        return {"long": long, "short": "hello"}.get(task.step_key, "done")

    finished = _run(_step("long"), _step("short"), _step("end", "long", "short"), act=act)
    assert finished.status == "succeeded"
    assert got["end"]["short"] == "hello"
    assert got["end"]["long"]["of"] == finished.steps["long"].output_digest
    assert got["end"]["long"]["summary"].startswith("The lamp came on Monday.")
    rows = finished.run.handoffs.filter(to_step=finished.steps["end"])
    assert sum(row.tokens_after for row in rows) <= 4_000 < sum(row.tokens_before for row in rows)
    assert finished.outputs["long"] == long
