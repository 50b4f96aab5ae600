"""What a model says and a row can't keep: the model is asked for something else, as for any invalid arguments."""

import json
import math
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent

from agents import Call, model_agent
from agents.domain.scripts import ToolWish
from orchestration import Budget, StepSpec, WorkflowSpec, runs
from orchestration.models import Call as CallRow
from orchestration.testing import FinishedRun, call, run_workflow, scripted

pytestmark = pytest.mark.django_db

NOTED: list[Any] = []


class Noted(BaseModel):
    value: Any


@pytest.fixture(autouse=True)
def _forget() -> None:
    NOTED.clear()


@model_agent("modelled.noting")
def noting(durable: Any) -> Agent[Call, Noted]:
    agent = Agent(
        "fast",
        output_type=Noted,
        deps_type=Call,
        capabilities=durable,
        name="noting",
        retries={"tools": 2, "output": 2},
    )

    def check(_ctx: Any, value: Any) -> None:
        NOTED.append(f"checked {value}")

    @agent.tool_plain
    def note(value: Any) -> str:
        NOTED.append(value)
        return "noted"

    @agent.tool_plain(args_validator=check)
    def note_checked(value: Any) -> str:
        NOTED.append(value)
        return "noted"

    @agent.tool_plain(requires_approval=True)
    def pay(value: Any) -> str:
        return f"paid {value}"

    return agent


def _run(script: Any, **more: Any) -> FinishedRun:
    spec = WorkflowSpec(name="noting", steps=(StepSpec("work", agent="modelled.noting"),))
    return run_workflow(spec, models={"fast": scripted(script)}, **more)


_UNKEPT = {
    "nan": math.nan,
    "infinite": 1e400,
    "nul": "a\x00b",
    "half": "a\ud800",
    "large": 2**60,
    "name": {"a\x00": 1},
    "deep": json.loads("[" * 40 + "]" * 40),
}


def _list_asked() -> list[str]:
    return list(CallRow.objects.filter(kind="model").order_by("pk").values_list("request_json", flat=True))


@pytest.mark.parametrize("tool", ["note", "note_checked", "pay"])
@pytest.mark.parametrize("value", _UNKEPT.values(), ids=_UNKEPT)
@pytest.mark.parametrize("is_text", [False, True], ids=["object", "text"])
def test_arguments_that_can_not_be_kept_are_asked_for_again(tool: str, value: Any, is_text: bool) -> None:
    given: Any = json.dumps({"value": value}) if is_text else {"value": value}
    done = _run(
        [ToolWish(tool, given), call("note", value=1), {"value": "end"}], budget=Budget(tokens=100_000)
    )
    assert (done.status, done.outputs.get("work")) == ("succeeded", {"value": "end"}), done.steps[
        "work"
    ].reason
    assert NOTED == [1]
    assert done.calls("work") == ["model", "model", "tool:note", "model"]
    assert "can't be kept" in _list_asked()[1] or "Invalid JSON" in _list_asked()[1]
    assert runs.verify(done.run.pk).fault is None


def test_text_of_the_outer_json_is_kept_as_well() -> None:
    """Arguments come as text within JSON: what is escaped there once stands plain in them."""
    done = _run([ToolWish("note", '{"value": "a\x00\ud800"}'), {"value": "end"}])  # type: ignore[arg-type]
    assert done.status == "succeeded"
    assert NOTED == []


@pytest.mark.parametrize("value", _UNKEPT.values(), ids=_UNKEPT)
def test_an_output_that_can_not_be_kept_is_asked_for_again(value: Any) -> None:
    done = _run([{"value": value}, {"value": 2}])
    assert (done.status, done.outputs.get("work")) == ("succeeded", {"value": 2}), done.steps["work"].reason
    assert done.calls("work") == ["model", "model"]


@pytest.mark.parametrize(
    "answer", [call("note", value=math.nan), {"value": math.nan}], ids=["tool", "output"]
)
def test_a_model_that_gives_nothing_else_is_unreadable(answer: Any) -> None:
    done = _run([answer] * 9)
    assert done.held == ["work"]
    attempt = done.steps["work"].attempts.get()
    assert attempt.failure_kind == "unreadable"
    assert done.calls("work") == ["model"] * 3
    assert NOTED == []


def test_what_a_model_tells_of_it_stays_text_that_can_be_kept() -> None:
    done = _run(["a\x00b \ud800", {"value": 2}])
    assert done.status == "succeeded"
    assert "a\ufffdb \ufffd" in str(CallRow.objects.order_by("pk")[0].response_json)
