"""What the steps of a run shared: on one page, by the API and at a shell."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from agents import Task
from orchestration import Budget, Recall, StepSpec, WorkflowSpec, memory
from orchestration.models import Run
from orchestration.testing import run_workflow
from tests.integration.orchestration_admin.conftest import text_of

pytestmark = pytest.mark.django_db

SHARING = WorkflowSpec(
    name="sharing",
    steps=(
        StepSpec("facts", agent="ctx.facts"),
        StepSpec("write", agent="ctx.write", needs=("facts",), recall=Recall("'tone of Ada'")),
    ),
)


def share() -> Run:
    """Return a run whose steps share what there is to be shared."""
    memory.remember("project", "customer/7", {"tone": "short"}, search="the tone of Ada", through="desk")

    def facts(task: Task) -> Any:
        task.remember("run", "seen", ["<b>A-1042</b>"])
        return {"order": "A-1042", "text": "The lamp is broken. " * 2_000}

    def write(task: Task) -> Any:
        return task.fetch(task.handoff["facts"]["of"], "/order")

    agents = {"ctx.facts": facts, "ctx.write": write}
    return run_workflow(SHARING, {}, agents=agents, budget=Budget(calls=50)).run


def test_the_tab_shows_all_that_was_shared(operator: Client) -> None:
    run = share()
    answer = operator.get(f"/admin/orchestration/run/{run.pk}/change/", {"show": "context"})
    text = text_of(answer)
    assert answer.status_code == 200
    for words in (
        "<dt>A step may be handed</dt><dd>4000 tokens</dd>",
        "<dt>Outputs handed over</dt><dd>1</dd>",
        "<dt>Memories</dt><dd>1</dd>",
        "<dt>Fetched again</dt><dd>1, ",
        ">seen</a>",
        "&lt;b&gt;A-1042&lt;/b&gt;",
        "memory:project/customer/7@1 by desk",
        "fetched: /order",
        "values kept",
        "left of 50",
        "was handed what &#x27;facts&#x27; put out",
    ):
        assert words in text, words
    assert "style=" not in answer.content.decode().partition("rm-stack")[2]


def test_the_page_of_a_step_tells_a_memory_as_received_alone(operator: Client) -> None:
    run = share()
    page = operator.get(f"/admin/orchestration/run/{run.pk}/steps/write/")
    assert [line.row.sender for line in page.context["received"]] == [
        "facts", "memory:project/customer/7@1 by desk", "facts",
    ]  # fmt: skip
    assert page.context["passed_on"] == []


def test_a_run_that_shared_nothing_says_so(operator: Client) -> None:
    spec = WorkflowSpec(name="alone", steps=(StepSpec("one", agent="ctx.one"),))
    run = run_workflow(spec, {}, agents={"ctx.one": lambda _task: 1}).run
    text = text_of(operator.get(f"/admin/orchestration/run/{run.pk}/change/", {"show": "context"}))
    for words in ("Nothing is remembered of this run", "Nothing was handed over yet", "No run of this tree"):
        assert words in text, text


def test_what_is_forgotten_is_not_shown(operator: Client) -> None:
    run = share()
    memory.forget(reason="asked for", key="seen")
    text = text_of(operator.get(f"/admin/orchestration/run/{run.pk}/change/", {"show": "context"}))
    assert "forgotten</span>" in text
    assert "A-1042&lt;/b&gt;" not in text


def test_the_api_tells_the_same(operator: Client) -> None:
    run = share()
    said = operator.get(f"/api/v1/runs/{run.pk}/context").json()
    assert said["handoff_tokens"] == 4_000
    assert {name: said["handed"][name] for name in ("handoffs", "shortened", "fetched", "recalled")} == {
        "handoffs": 1, "shortened": 1, "fetched": 1, "recalled": 1,
    }  # fmt: skip
    assert said["handed"]["lost"]["identifiers"] == 1
    [own] = said["memories"]
    assert (own["key"], own["step"], own["value"]) == ("seen", "facts", ["<b>A-1042</b>"])
    assert [(row["kind"], row["recalled"]) for row in said["handoffs"]] == [
        ("output", None), ("recall", "memory:project/customer/7@1 by desk"), ("fetch", None),
    ]  # fmt: skip
    assert [pot["unit"] for pot in said["budgets"]] == ["calls"]
    assert said["trace"][-1]["name"] == "run_closed"


def test_show_run_tells_the_same() -> None:
    run = share()
    out = StringIO()
    call_command("show_run", str(run.pk), "--context", stdout=out)
    text = " ".join(out.getvalue().split())
    for words in (
        "a step may be handed 4,000 tokens",
        "1 outputs and 1 memories, 1 in short",
        "fetched /order of facts",
        "fetched /order of what 'facts' put out, ",
    ):
        assert words in text, text
    out = StringIO()
    call_command("show_run", str(run.pk), "--context", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert (said["handed"]["recalled"], said["memories"][0]["key"]) == (1, "seen")
    assert [row["from"] for row in said["handoffs"]] == [
        "facts", "memory:project/customer/7@1 by desk", "facts",
    ]  # fmt: skip
