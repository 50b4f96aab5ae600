"""A changed agent under a journal that is under way: a ticket, or, with a raised version, a fresh journal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai import Agent, RunContext, Tool
from pydantic_ai.tools import ToolDefinition

from agents import Call, Task, TransientError, agent, model_agent
from agents.domain.catalogue import catalogue
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.models import Call as CallRow
from orchestration.testing import FinishedRun, call, run_workflow, scripted

pytestmark = pytest.mark.django_db


class Outside:
    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.keys: list[str] = []
        self.words = "first words"
        self.fails: list[str] = []

    def reach(self, what: str, key: str) -> str:
        self.made[what] += 1
        self.keys.append(key)
        if what in self.fails:
            self.fails.remove(what)
            raise TransientError("no answer")
        return f"did {what}"


OUTSIDE = Outside()


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    OUTSIDE.__init__()  # type: ignore[misc]
    monkeypatch.setattr(catalogue, "_declared", dict(catalogue._declared))
    yield
    catalogue._rebuild()


@model_agent("modelled.versioned")
def versioned(durable: Any) -> Agent[Call, str]:
    async def describe(_ctx: RunContext[Call], tool: ToolDefinition) -> ToolDefinition:
        return replace(tool, description=OUTSIDE.words)

    def look(ctx: RunContext[Call], n: int) -> str:
        return OUTSIDE.reach(f"look {n}", ctx.deps.key)

    def pay(ctx: RunContext[Call], euro: int) -> str:
        return OUTSIDE.reach(f"pay {euro}", ctx.deps.key)

    effects = {"effects": ["pays"], "reversible": False}
    tools: Any = [Tool[Call](look, prepare=describe), Tool[Call](pay, metadata=effects)]
    return Agent("fast", deps_type=Call, capabilities=durable, name="versioned", tools=tools)


def _change(name: str, version: int) -> None:
    """Change what the agent asks, as a deployment does; with another version or without."""
    OUTSIDE.words = "other words"
    known = catalogue.find(name)
    assert known is not None
    catalogue._declared[name] = replace(known, contract=replace(known.contract, version=version))
    catalogue._rebuild()


def _run(first: list[Any], second: list[Any], version: int) -> FinishedRun:
    """Let an agent answer by one script, change while its model fails, and go on by another."""
    state = {"changed": False}

    def answer(_messages: Any, n: int) -> Any:
        if not state["changed"] and n == len(first):
            state["changed"] = True
            _change("modelled.versioned", version)
            return TransientError("down")
        return (second if state["changed"] else first)[n]

    retry = Retry(max_attempts=3, backoff_base_seconds=0, jitter_seconds=0)
    spec = WorkflowSpec(name="versioned", steps=(StepSpec("work", agent="modelled.versioned", retry=retry),))
    return run_workflow(spec, models={"fast": scripted(answer)})


_PAID = [[call("look", n=1), call("pay", euro=5)]]


def test_a_change_without_a_raised_version_goes_to_a_person() -> None:
    done = _run(_PAID, [*_PAID, "done"], 1)
    assert done.held == ["work"]
    assert done.steps["work"].decisions.latest("pk").rule == "journal_diverged"
    assert OUTSIDE.made == {"look 1": 1, "pay 5": 1}


@pytest.mark.parametrize(
    "second", [_PAID, [[call("pay", euro=5)], [call("look", n=2)]]], ids=["same", "other ids"]
)
def test_a_raised_version_asks_anew_and_does_no_effect_once_more(second: list[Any]) -> None:
    done = _run(_PAID, [*second, "done"], 2)
    assert (done.status, done.outputs) == ("succeeded", {"work": "done"}), done.steps["work"].reason
    assert OUTSIDE.made["pay 5"] == 1
    assert OUTSIDE.made["look 1"] == (2 if second is _PAID else 1)
    rows = CallRow.objects.order_by("pk").values_list("path", "version")
    assert ("versioned__model.request#1", 1) in rows
    assert ("versioned__model.request#1~v2", 2) in rows
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize("is_done", [True, False])
def test_another_effect_than_a_former_version_had_goes_to_a_person(is_done: bool) -> None:
    OUTSIDE.fails = [] if is_done else ["pay 5"]
    first: list[Any] = [[call("pay", euro=5)]]
    if is_done:
        done = _run(first, [[call("pay", euro=6)], "done"], 2)
    else:
        done = _run_changed_by_a_tool(first, [[call("pay", euro=6)], "done"])
    assert done.held == ["work"]
    decision = done.steps["work"].decisions.latest("pk")
    assert decision.rule == "journal_diverged"
    assert (
        "before the agent or what it remembers changed it was called with other arguments, as t.call_1#1"
        in decision.reason
    )
    assert OUTSIDE.made == {"pay 5": 1}


def _run_changed_by_a_tool(first: list[Any], second: list[Any]) -> FinishedRun:
    """Let the tool fail that the first answer wants called, and the agent be changed before it is tried again."""

    def answer(_messages: Any, n: int) -> Any:
        if not OUTSIDE.made:
            return first[n]
        _change("modelled.versioned", 2)
        return second[n]

    _raise_at_failure()
    retry = Retry(max_attempts=3, backoff_base_seconds=0, jitter_seconds=0)
    spec = WorkflowSpec(name="versioned", steps=(StepSpec("work", agent="modelled.versioned", retry=retry),))
    return run_workflow(spec, models={"fast": scripted(answer)})


def _raise_at_failure() -> None:
    reach = OUTSIDE.reach

    def failing(what: str, key: str) -> str:
        try:
            return reach(what, key)
        except TransientError:
            _change("modelled.versioned", 2)
            raise

    OUTSIDE.reach = failing  # type: ignore[method-assign]


def test_an_effect_that_a_former_version_had_under_way_is_tried_again_under_its_key() -> None:
    OUTSIDE.fails = ["pay 5"]
    done = _run_changed_by_a_tool([[call("pay", euro=5)]], [[call("look", n=1), call("pay", euro=5)], "done"])
    assert done.status == "succeeded", done.steps["work"].reason
    assert OUTSIDE.made == {"pay 5": 2, "look 1": 1}
    assert len(set(OUTSIDE.keys)) == 2
    assert CallRow.objects.filter(name="pay").count() == 1
    assert runs.verify(done.run.pk).fault is None


def test_a_journal_of_a_raised_version_is_replayed_as_any() -> None:
    """Of its own calls, too, only what was not done is made again."""
    _change("modelled.versioned", 2)
    failing = ["down"]

    def answer(_messages: Any, n: int) -> Any:
        if n == 1 and failing:
            return TransientError(failing.pop())
        return [*_PAID, "done"][n]

    retry = Retry(max_attempts=3, backoff_base_seconds=0, jitter_seconds=0)
    spec = WorkflowSpec(name="versioned", steps=(StepSpec("work", agent="modelled.versioned", retry=retry),))
    done = run_workflow(spec, models={"fast": scripted(answer)})
    assert done.status == "succeeded"
    assert OUTSIDE.made == {"look 1": 1, "pay 5": 1}
    assert CallRow.objects.count() == 4


@agent("modelled.caller")
def calling(task: Task) -> Any:
    answers = [task.once("charge", OUTSIDE.reach, f"charge {5 if task.attempt < 3 else 6}", "")]
    if task.attempt < 3:
        _change("modelled.caller", 2)
        raise TransientError("down")
    return answers


def test_what_a_function_called_once_is_never_called_anew_for_a_raised_version() -> None:
    retry = Retry(max_attempts=4, backoff_base_seconds=0, jitter_seconds=0)
    done = run_workflow(
        WorkflowSpec(name="caller", steps=(StepSpec("work", agent="modelled.caller", retry=retry),))
    )
    assert OUTSIDE.made == {"charge 5": 1}
    assert done.held == ["work"]
    assert done.steps["work"].decisions.latest("pk").rule == "journal_diverged"
