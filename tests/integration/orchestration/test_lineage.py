"""Everything that happened to a run stands in one list, in the order in which it happened."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from agents import Result, Task, TransientError
from agents.invoke import override
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.models import Attempt, CallTry, Decision, Event, Handoff, LineageKind, LineageLine, Run
from orchestration.selectors.lineage import LineageQuery, list_lineage
from orchestration.selectors.lineage_words import tell_line
from orchestration.testing import run_workflow

pytestmark = pytest.mark.django_db

_CHILD = WorkflowSpec(name="traced-child", steps=(StepSpec("only", agent="test.only"),))
_SPEC = WorkflowSpec(
    name="traced",
    steps=(
        StepSpec("orders", agent="test.flaky", retry=Retry(backoff_base_seconds=0, jitter_seconds=0)),
        StepSpec("below", workflow="traced-child", after=("orders",)),
        StepSpec("draft", agent="test.draft", needs=("orders",), after=("below",)),
    ),
)


def _flaky(task: Task) -> Any:
    task.once("look", lambda: 7)
    if task.attempt == 1:
        raise TransientError("try again")
    task.sleep(3600)
    return Result({"orders": 2}, confidence=0.9)


_AGENTS = {
    "test.flaky": _flaky,
    "test.only": lambda _task: {},
    "test.draft": lambda task: {"of": task.handoff},
}


@pytest.fixture
def run() -> Run:
    """A run with a retry, a call, a wait, a hand-off and a run below it."""
    with override(_AGENTS):
        runs.publish(_CHILD)
    done = run_workflow(_SPEC, {}, agents=_AGENTS)
    assert done.status == "succeeded"
    return done.run


def test_every_row_of_every_kind_is_in_it_once(run: Run) -> None:
    lines = list(list_lineage(LineageQuery(run)))
    told = [line.pk for line in lines]
    assert len(told) == len(set(told))
    tables = {
        "event": Event.objects.filter(run=run),
        "decision": Decision.objects.filter(run=run),
        "handoff": Handoff.objects.filter(run=run),
        "call": CallTry.objects.filter(run=run, call__kind="once"),
        "wait": run.calls.filter(kind="timer"),
    }
    for kind, rows in tables.items():
        assert rows.exists(), kind
        assert {pk for pk in told if pk.startswith(f"{kind}-")} >= {f"{kind}-{row.pk}" for row in rows}
    others = {
        LineageKind.MESSAGE,
        LineageKind.DELIVERY,
        LineageKind.MEMORY,
        LineageKind.LOOK,
        LineageKind.TICKET,
    }
    assert {line.kind for line in lines} == set(LineageKind) - others


def test_it_is_in_order_and_an_attempt_reads_from_its_claim_to_its_end(run: Run) -> None:
    lines = list(list_lineage(LineageQuery(run)))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    draft = [line for line in lines if line.step and line.step.key == "draft"]
    assert [(line.kind, line.name) for line in draft] == [
        ("event", "step_claimed"),
        ("handoff", "orders"),
        ("decision", draft[2].name),
        ("event", "step_succeeded"),
    ]
    assert Attempt.objects.get(step__run=run, step__key="draft").decision.rule == draft[2].name
    words = " | ".join(tell_line(line) for line in lines)
    assert "called look#1, try 1: done" in words
    assert "was handed what 'orders' put out" in words
    assert "waits at timer#1, and was answered later" in words
    assert "decided: " in words


def test_it_is_narrowed_by_step_kind_time_and_agent(run: Run) -> None:
    lines = list(list_lineage(LineageQuery(run)))
    middle = lines[len(lines) // 2].at
    late = list(list_lineage(LineageQuery(run, since=middle)))
    early = list(list_lineage(LineageQuery(run, until=middle)))
    assert [line.pk for line in (*early, *late)] == [line.pk for line in lines]
    assert {line.kind for line in list_lineage(LineageQuery(run, kinds=["call", "wait"]))} == {"call", "wait"}
    assert {line.step.key for line in list_lineage(LineageQuery(run, step="draft")) if line.step} == {"draft"}
    assert list(list_lineage(LineageQuery(run, agent="test.draft"))) == list(
        list_lineage(LineageQuery(run, step="draft"))
    )
    assert not list_lineage(LineageQuery(run, since=lines[-1].at + timedelta(seconds=1))).exists()


def test_runs_below_are_in_it_where_asked(run: Run) -> None:
    own = set(list_lineage(LineageQuery(run)).values_list("run", flat=True))
    all_runs = set(list_lineage(LineageQuery(run, below=True)).values_list("run", flat=True))
    child = Run.objects.get(parent_step__run=run)
    assert (own, all_runs) == ({run.pk}, {run.pk, child.pk})


def test_a_run_is_read_by_its_indexes(run: Run) -> None:
    plan = LineageLine.objects.filter(run=run.pk).explain()
    assert (
        "orchestration_lineage" not in plan
    )  # the view is opened, and the condition reaches each of its tables
    assert plan.count("run_id = ") + plan.count("run_id)") >= 4


def test_the_command_tells_it_and_names_what_can_fit(run: Run) -> None:
    out = StringIO()
    call_command("trace", str(run.pk), "--below", stdout=out)
    assert "called look#1, try 1: done" in out.getvalue()
    out = StringIO()
    call_command("trace", str(run.pk), "--step=draft", "--kind=decision", "--json", stdout=out)
    [line] = json.loads(out.getvalue())
    assert (line["kind"], line["step"], line["run"], line["data"]["kind"]) == (
        "decision",
        "draft",
        str(run.pk),
        "accept",
    )
    out = StringIO()
    call_command("trace", str(run.pk), "--until=2020-01-01", stdout=out)
    assert out.getvalue() == "Nothing fits: leave out a filter.\n"
    with pytest.raises(
        CommandError, match=r"--step: nothing in this run is named 'none'; there are below, draft, orders"
    ):
        call_command("trace", str(run.pk), "--step=none")
    with pytest.raises(CommandError, match="--agent: nothing in this run is named"):
        call_command("trace", str(run.pk), "--agent=a\x00")


def test_the_page_shows_it_and_keeps_its_filters(run: Run, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(f"/admin/orchestration/run/{run.pk}/change/?show=trace&below=1&kind=call&step=orders")
    text = page.content.decode()
    assert "called look#1, try 1: done" in text
    assert "step claimed" not in text
    assert "show=trace&amp;kind=wait&amp;step=orders&amp;below=1#details" in text
    assert f"about=run&amp;name={run.pk}&amp;kind=call&amp;step=orders&amp;below=1" in text
    odd = client.get(f"/admin/orchestration/run/{run.pk}/change/?show=trace&kind=none&step=none&page=x")
    assert "Nothing fits." in odd.content.decode()
