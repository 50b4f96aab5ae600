"""A restricted queue's memory that a step was handed is hidden wherever that run tells of it, and so is its answer."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.function import FunctionModel

from agents import Call, Result, Task, model_agent
from escalation.models import Ticket
from orchestration import Recall, StepSpec, WorkflowSpec
from orchestration.journal import reading
from orchestration.models import Run
from orchestration.selectors import memories_shown
from orchestration.testing import run_workflow
from tests.integration.escalation.desk import hold
from tests.integration.escalation.restricted import SECRET, WITH_ROLE, approve, make_mia, read, restrict

pytestmark = pytest.mark.django_db

READS = WorkflowSpec(
    name="reads", steps=(StepSpec("use", agent="hidden.reader", recall=Recall("'of the parcel'")),)
)
ASKS = WorkflowSpec(
    name="asks",
    steps=(
        StepSpec("draft", agent="test.writer"),
        StepSpec("use", agent="test.facts", needs=("draft",), recall=Recall("steps.draft.body")),
        StepSpec("tell", agent="hidden.reader", needs=("draft",)),
    ),
)


@model_agent("hidden.reader")
def reader(durable: Any) -> Agent[Call, str]:
    def answer(*_: Any) -> ModelResponse:
        return ModelResponse(parts=[TextPart("done")])

    model = FunctionModel(answer, model_name="done")
    return Agent(model, deps_type=Call, capabilities=durable, name="reader")


def _write(task: Task) -> Result:
    task.remember("project", "parcel", {"note": SECRET}, search="news of the parcel")
    return Result({"body": SECRET}, confidence=0.5)


def _remember() -> tuple[Ticket, Run]:
    """Return a restricted ticket whose step remembered something, and a run that was handed it."""
    (ticket,) = hold(writer=_write)
    approve(restrict(ticket))
    done = run_workflow(READS, {})
    assert done.outputs == {"use": "done"}
    return ticket, done.run


@WITH_ROLE
def test_what_a_run_shared_shows_it_to_its_people_alone(*, has_role: bool) -> None:
    ticket, _ = _remember()
    mia = make_mia(ticket, has_role=has_role)
    page = read(mia, f"/admin/orchestration/run/{ticket.run_id}/change/?show=context")
    text = read(mia, f"/api/v1/runs/{ticket.run_id}/context")
    [row] = json.loads(text)["memories"]
    assert (SECRET in page, SECRET in text) == (has_role, has_role)
    assert "parcel" in page
    assert (row["key"], row["value"]) == ("parcel", {"note": SECRET} if has_role else None)
    assert (row["hidden"] is None, bool(row["search"])) == (has_role, has_role)


def test_the_command_shows_what_show_memory_shows() -> None:
    ticket, _ = _remember()
    for arguments in (("show_run", str(ticket.run_id), "--context"), ("show_memory", "--key", "parcel")):
        for more in ((), ("--json",)):
            out = StringIO()
            call_command(*arguments, *more, stdout=out)
            assert SECRET in out.getvalue(), arguments


@WITH_ROLE
def test_the_run_that_was_handed_it_shows_what_its_model_was_asked_to_them_alone(*, has_role: bool) -> None:
    ticket, run = _remember()
    mia = make_mia(ticket, has_role=has_role)
    [model] = run.calls.filter(kind="model")
    assert SECRET in model.request_json
    page = f"/admin/orchestration/run/{run.pk}"
    pages = [f"{page}/change/?show=calls", f"{page}/steps/use/", f"/api/v1/calls/{model.pk}"]
    assert [SECRET in read(mia, each) for each in pages] == [has_role] * len(pages)


def test_no_other_page_of_it_says_a_word_to_anybody() -> None:
    ticket, run = _remember()
    mia = make_mia(ticket, has_role=True)
    tabs = ("context", "handoffs", "memory", "trace", "history", "data", "attempts")
    told = [read(mia, f"/admin/orchestration/run/{run.pk}/change/?show={tab}") for tab in tabs]
    told += [
        read(mia, f"/api/v1/runs/{run.pk}/{what}") for what in ("context", "handoffs", "lineage", "events")
    ]
    assert [SECRET in text for text in told] == [False] * len(told)
    assert all("project/parcel@1 by test.writer" in told[place] for place in (0, 1, 3, 7, 8, 9))


@WITH_ROLE
def test_what_is_looked_for_in_its_words_is_hidden_too(*, has_role: bool) -> None:
    (ticket,) = hold(ASKS)
    done = approve(restrict(ticket))
    mia = make_mia(ticket, has_role=has_role)
    assert done.status == "succeeded"
    looked, asked = done.run.calls.get(name="recall"), done.run.calls.get(kind="model")
    assert SECRET in looked.request_json
    assert SECRET in asked.request_json
    page = f"/admin/orchestration/run/{done.run.pk}"
    pages = [f"{page}/change/?show=memory", f"{page}/steps/use/", f"{page}/steps/tell/"]
    pages += [f"{page}/change/?show=calls", *(f"/api/v1/calls/{call.pk}" for call in (looked, asked))]
    assert [SECRET in read(mia, each) for each in pages] == [has_role] * len(pages)


@pytest.mark.parametrize(
    ("module", "guard", "check"),
    [
        (memories_shown, "withhold", test_what_a_run_shared_shows_it_to_its_people_alone),
        (memories_shown, "withhold_handed", test_what_is_looked_for_in_its_words_is_hidden_too),
        (reading, "withhold_handed", test_what_is_looked_for_in_its_words_is_hidden_too),
        (
            reading,
            "withhold_recalled",
            test_the_run_that_was_handed_it_shows_what_its_model_was_asked_to_them_alone,
        ),
    ],
)
def test_without_its_guard_it_would_be_shown(
    module: Any, guard: str, check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, guard, lambda *_: {})
    with pytest.raises(AssertionError):
        check(has_role=False)
