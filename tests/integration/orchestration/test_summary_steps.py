"""An agent makes summaries in steps of their own; whatever becomes of it, the run goes on."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from agents import PermanentError, Result, Task, TransientError
from agents.invoke import override
from orchestration import Budget, Retry, StepSpec, Verify, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.bundle import verify_file
from orchestration.executor.conclusion import conclude_surely
from orchestration.executor.prepare import prepare
from orchestration.models import Decision, Handoff, Receipt, Step, Summary, WorkerProcess
from orchestration.testing import FinishedRun, drive, run_workflow
from orchestration.transitions.claim import claim_step
from tests.integration.orchestration.rig import AGENT, Rig
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db

_MAKER = "test.summariser"
_FACTS = {"order_id": "A-1042", "amount": 120, "days": 14, "text": "The lamp is broken. " * 2_000}
_GOOD = "Order A-1042 over 120: the lamp is broken."
_ASKED: list[Task] = []


@pytest.fixture(autouse=True)
def _by_an_agent(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUMMARISER_AGENT": _MAKER}
    _ASKED.clear()


def _say(text: Any, **more: Any) -> Callable[[Task], Any]:
    def summarise(task: Task) -> Result:
        _ASKED.append(task)
        return Result({"text": text}, **more)

    return summarise


def _go(*steps: StepSpec, maker: Callable[[Task], Any], **agents: Any) -> FinishedRun:
    spec = WorkflowSpec(name="summed", steps=(StepSpec("facts", agent="test.facts"), *steps))
    budget = agents.pop("budget", None)
    given = {
        "test.facts": lambda _task: _FACTS,
        "test.use": lambda task: task.handoff["facts"],
        _MAKER: maker,
    }
    given |= {f"test.{name}": act for name, act in agents.items()}
    return run_workflow(spec, {}, agents=given, budget=budget)


def _use(key: str = "use", **fields: Any) -> StepSpec:
    return StepSpec(key, agent="test.use", needs=("facts",), **fields)


def _rules(run: Any, key: str) -> list[str]:
    return list(Decision.objects.filter(run=run, step__key=key).order_by("pk").values_list("rule", flat=True))


def _holds(done: FinishedRun) -> None:
    assert runs.verify(done.run.pk).fault is None
    assert verify_file(runs.bundle(done.run.pk)).fault is None


def test_a_summary_is_a_step_with_a_decision_a_cost_and_a_receipt() -> None:
    done = _go(
        _use(pin={"facts": ["/amount"]}), maker=_say(_GOOD, usage={"cost_usd": "0.0125", "input_tokens": 9})
    )

    assert (done.status, done.outputs["use"]["summary"]) == ("succeeded", _GOOD)
    assert done.outputs["use"]["pinned"] == {"/amount": 120}
    step = done.steps["use^facts"]
    assert (step.kind, step.status, step.agent, step.parent) == (
        "summary",
        "succeeded",
        _MAKER,
        done.steps["use"],
    )
    assert (_rules(done.run, "use"), done.steps["use"].stage) == (["summaries", "no_confidence_asked"], "")
    assert Receipt.objects.filter(step=step).count() == 1
    row = Handoff.objects.get(to_step=done.steps["use"], attempt__number=2)
    assert row.loss is not None
    assert (row.summarised_by, row.loss["cost_micro_usd"], row.loss["missing_numbers"]) == (
        f"{_MAKER}@1", 12_500, 1,
    )  # fmt: skip
    whole = Handoff.objects.get(to_step=step)
    assert (whole.tokens_after, whole.summary_json) == (whole.tokens_before, None)
    _holds(done)


def test_it_is_asked_for_the_value_in_so_many_tokens_with_the_pins() -> None:
    _go(_use(pin={"facts": ["/order_id"]}), maker=_say(_GOOD))
    [task] = _ASKED
    assert task.input["value"] == _FACTS
    assert task.input["pins"] == {"/order_id": "A-1042"}
    assert 3_800 < task.input["allowance_tokens"] < 4_000
    assert dict(task.handoff) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Order A-1042 over 125.", "invented_numbers"),
        ("", "empty"),
        (None, "no_text"),
        (["a", "list"], "no_text"),
        ("x " * 400_000, "too_long"),
        ('{"allowance_tokens": 120}', "repeats_prompt"),
    ],
)
def test_words_that_are_no_good_are_paid_for_once_and_not_handed_over(text: Any, why: str) -> None:
    done = _go(_use("a"), _use("b"), maker=_say(text))
    assert (done.status, len(_ASKED)) == ("succeeded", 1)
    assert "The lamp is broken." in done.outputs["a"]["summary"] == done.outputs["b"]["summary"]
    assert (done.steps["a^facts"].status, _rules(done.run, "a^facts")) == ("skipped", ["summary_fell_back"])
    row = Handoff.objects.get(to_step=done.steps["a"], attempt__number=2)
    assert (row.loss or {})["fell_back"] == why
    _holds(done)


def _fail(error: Exception) -> Callable[[Task], Any]:
    def summarise(task: Task) -> None:
        _ASKED.append(task)
        raise error

    return summarise


def _send_back(task: Task) -> Any:
    _ASKED.append(task)
    return Result.rework("facts", ["it is too long"])


def _ask_somebody(task: Task) -> Any:
    _ASKED.append(task)
    return task.ask_person("May I?")


@pytest.mark.parametrize(
    ("maker", "calls"),
    [
        (_fail(PermanentError("no")), 1),
        (_fail(TransientError("later")), 2),
        (_fail(ValueError("what?")), 1),
        (_say(_GOOD, confidence=0.1), 1),
        (_send_back, 1),
        (_ask_somebody, 1),
    ],
)  # fmt: skip
def test_no_run_stops_for_a_summary(maker: Callable[[Task], Any], calls: int) -> None:
    done = _go(_use(), maker=maker)
    assert (done.status, done.held, len(_ASKED)) == ("succeeded", [], calls)
    assert done.steps["use^facts"].status in ("skipped", "succeeded")
    assert done.outputs["use"]["of"] == done.steps["facts"].output_digest
    _holds(done)


def test_a_summariser_that_is_over_budget_is_done_without() -> None:
    def calls(task: Task) -> Any:
        _ASKED.append(task)
        return Result({"text": task.once("ask", lambda: _GOOD)})

    done = _go(_use(), maker=calls, budget=Budget(calls=0))
    assert (done.status, done.held, _rules(done.run, "use^facts")) == ("succeeded", [], ["summary_fell_back"])
    _holds(done)


def test_ten_receivers_a_retry_a_new_run_and_a_fork_cost_one_call() -> None:
    def use(task: Task) -> Any:
        if (task.step_key, task.attempt) == ("use3", 2):
            raise TransientError("again")
        return task.handoff["facts"]["summary"]

    steps = [_use(f"use{n}", retry=Retry(backoff_base_seconds=0, jitter_seconds=0)) for n in range(10)]
    done = _go(*steps, maker=_say(_GOOD), use=use)
    assert (done.status, len(_ASKED), Summary.objects.count()) == ("succeeded", 1, 1)
    assert {done.outputs[step.key] for step in steps} == {_GOOD}
    _holds(done)

    again = _go(*steps, maker=_say("Another."), use=use)
    fork = runs.fork(done.run.pk, from_step="use0")
    drive(fork.pk, agents={"test.use": use, _MAKER: _say("Another.")})
    assert (again.outputs["use1"], len(_ASKED)) == (_GOOD, 1)
    assert Step.objects.filter(kind="summary", run__in=[again.run, fork]).count() == 0


def test_items_and_verifiers_are_handed_what_the_one_that_grew_them_was() -> None:
    each = StepSpec(
        "each",
        agent="test.use",
        needs=("facts",),
        for_each="[1, 2, 3]",
        verify=Verify("test.judge"),
    )
    judge = {"verdict": "PASS", "reasons": []}
    done = _go(each, maker=_say(_GOOD), judge=lambda _task: judge)
    assert (done.status, len(_ASKED)) == ("succeeded", 1)
    assert [one["summary"] for one in done.outputs["each"]] == [_GOOD] * 3
    _holds(done)


def test_what_was_done_anew_is_summarised_anew_and_the_former_step_stays() -> None:
    given = [_FACTS, _FACTS | {"order_id": "A-1043"}]

    def use(task: Task) -> Any:
        return Result.rework("facts", ["another"]) if not task.feedback and len(given) == 1 else "good"

    def maker(task: Task) -> Any:
        _ASKED.append(task)
        return Result({"text": f"It is {task.input['value']['order_id']}."})

    done = _go(_use(), maker=maker, facts=lambda _task: given.pop(0), use=use)
    assert (done.status, len(_ASKED)) == ("succeeded", 2)
    assert {key for key in done.steps if "^" in key} == {"use^facts", "use~1^facts.3"}
    _holds(done)


def test_two_at_once_ask_once() -> None:
    spec = WorkflowSpec(
        name="summed",
        steps=(StepSpec("facts", agent=AGENT), *(StepSpec(k, agent=AGENT, needs=("facts",)) for k in "ab")),
    )
    rig = Rig.begin(spec)
    rig.finish(rig.take("facts"), _FACTS)
    agents = {AGENT: lambda task: task.handoff["facts"]["summary"], _MAKER: _say(_GOOD)}
    WorkerProcess.objects.filter(pk=rig.process_id).update(agents=[AGENT, _MAKER])
    with override(agents), mute_dispatch():

        def begin(key: str, agent: str) -> Any:
            claim = claim_step(rig.step(key).pk, process_id=rig.process_id, task_id=key, agents=[agent])
            assert claim is not None
            return claim, prepare(claim)

        for key in "ab":
            claim, prepared = begin(key, AGENT)
            conclude_surely(claim, prepared.spec, prepared.facts, prepared.task)
        assert (rig.statuses()["a"], rig.statuses()["b^facts"]) == ("waiting", "available")
        first, _ = begin("a^facts", _MAKER)
        second, prepared = begin("b^facts", _MAKER)
        conclude_surely(second, prepared.spec, prepared.facts, prepared.task)
        assert (rig.statuses()["b^facts"], _rules(rig.run_id, "b^facts")) == (
            "retryable",
            ["summary_under_way"],
        )
        # The first one's worker dies: another attempt begins, and its first claim can write nothing any more.
        rig.free(first)
    done = drive(rig.run_id, agents=agents)
    assert (done.status, len(_ASKED), done.outputs["b"]) == ("succeeded", 1, _GOOD)
    assert _rules(rig.run_id, "b^facts")[-1] in ("summary_kept", "no_confidence_asked")
    _holds(done)


def test_a_process_that_does_not_know_the_agent_makes_summaries_in_place(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUMMARISER_AGENT": "test.nobody"}
    done = _go(_use(), maker=_say(_GOOD))
    assert (done.status, list(done.steps), len(_ASKED)) == ("succeeded", ["facts", "use"], 0)


def test_a_summary_that_was_changed_after_it_was_handed_over_is_found() -> None:
    done = _go(_use(), maker=_say(_GOOD))
    row = Handoff.objects.get(to_step=done.steps["use"], attempt__number=2)
    with history_rewritten():
        Handoff.objects.filter(pk=row.pk).update(
            summary_json=json.dumps(
                json.loads(row.summary_json or "") | {"summary": "Order A-1042 over 120."}
            )
        )
    assert "digest is not that of what was handed over" in (runs.verify(done.run.pk).fault or "")
