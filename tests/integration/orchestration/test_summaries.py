"""A summary is made once and shared; a `for_each` reads its list whole, also of a step that hands nothing."""

from typing import Any

import pytest
from django.conf import LazySettings

from agents import Result, Task, TransientError
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.models import Handoff
from orchestration.testing import FinishedRun, run_workflow

pytestmark = pytest.mark.django_db

_MADE: list[int] = []
_NUMBERS = list(range(20_000, 24_000))


def summarise(value: Any, allowance_tokens: int) -> tuple[str, str]:
    """Count the calls; no two summaries are in the same words, and none has a number of its own."""
    _MADE.append(allowance_tokens)
    return f"summary {'abc'[len(_MADE) - 1]}, from {value[0]}", "test.counting@1"


@pytest.fixture(autouse=True)
def _counted(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUMMARISER": f"{__name__}.summarise"}
    _MADE.clear()


def _fan(**fields: Any) -> WorkflowSpec:
    each = StepSpec("each", agent="test.each", for_each="steps.list.filter(n, n < 20003)", **fields)
    return WorkflowSpec(name="fans", steps=(StepSpec("list", agent="test.list"), each))


def _go(spec: WorkflowSpec, each: Any, numbers: Any = _NUMBERS) -> FinishedRun:
    return run_workflow(spec, {}, agents={"test.list": lambda _task: numbers, "test.each": each})


def test_all_items_are_handed_the_summary_that_their_step_was() -> None:
    seen: list[Any] = []

    def each(task: Task) -> Any:
        seen.append(task.handoff["list"]["summary"])
        return task.item

    done = _go(_fan(needs=("list",)), each)

    assert (done.status, done.outputs["each"]) == ("succeeded", [20_000, 20_001, 20_002])
    assert (len(_MADE), seen) == (1, ["summary a, from 20000"] * 3)
    rows = Handoff.objects.filter(run=done.run, from_step=done.steps["list"])
    assert len(rows) == 4
    assert len({(row.digest, row.summary_json, row.tokens_after, row.summarised_by) for row in rows}) == 1
    assert rows[0].summarised_by == "test.counting@1"
    assert runs.verify(done.run.pk).fault is None


def test_an_attempt_is_handed_the_summary_that_the_one_before_was() -> None:
    def each(task: Task) -> Any:
        if task.attempt == 1:
            raise TransientError("again")
        return task.handoff["list"]["summary"]

    steps = (
        StepSpec("list", agent="test.list"),
        StepSpec(
            "one", agent="test.each", needs=("list",), retry=Retry(backoff_base_seconds=0, jitter_seconds=0)
        ),
    )
    done = _go(WorkflowSpec(name="tries", steps=steps), each)

    assert (done.outputs["one"], len(_MADE)) == ("summary a, from 20000", 1)
    assert runs.verify(done.run.pk).fault is None


def test_what_was_done_anew_is_summarised_anew() -> None:
    given: list[list[int]] = [_NUMBERS, _NUMBERS[1:]]
    seen: list[Any] = []

    def judge(task: Task) -> Any:
        seen.append(task.handoff["list"]["summary"])
        return Result.rework("list", ["one less"]) if len(seen) == 1 else "good"

    steps = (StepSpec("list", agent="test.list"), StepSpec("judge", agent="test.judge", needs=("list",)))
    done = run_workflow(
        WorkflowSpec(name="anew", steps=steps),
        {},
        agents={"test.list": lambda _task: given.pop(0), "test.judge": judge},
    )

    assert (done.status, seen) == ("succeeded", ["summary a, from 20000", "summary b, from 20001"])
    assert runs.verify(done.run.pk).fault is None


def test_a_for_each_reads_the_list_of_a_step_that_hands_nothing() -> None:
    seen: list[Any] = []

    def each(task: Task) -> Any:
        seen.append((task.item, task.handoff))
        return task.item

    done = _go(_fan(after=("list",)), each)

    assert (done.status, done.outputs["each"]) == ("succeeded", [20_000, 20_001, 20_002])
    assert seen == [(20_000, {}), (20_001, {}), (20_002, {})]
    assert not _MADE
    assert not Handoff.objects.filter(run=done.run).exists()
    assert runs.verify(done.run.pk).fault is None


def test_a_for_each_is_passed_over_with_the_step_that_it_lists() -> None:
    steps = (
        StepSpec("list", agent="test.list", when="false"),
        StepSpec("aside", agent="test.list", when="false"),
        StepSpec("each", agent="test.each", after=("list", "aside"), for_each="steps.list"),
        StepSpec("other", agent="test.each", after=("aside",), for_each="[1]"),
    )
    done = _go(WorkflowSpec(name="nothing", steps=steps), lambda task: task.item)

    assert (done.status, done.steps["each"].skip_reason) == ("succeeded", "need_passed_over")
    assert (done.steps["other"].status, done.outputs["other"]) == ("succeeded", [1])
