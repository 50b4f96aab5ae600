"""The commands that order something of a run, and what a dry run of publishing tells."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from agents import Result
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Attempt, Event, Run, Workflow
from orchestration.publishing import specs as publishing
from orchestration.runs import compare
from orchestration.testing import run_workflow
from orchestration.transitions.waiting import mark_unknown_agent
from tests.integration.orchestration.rig import AGENT, Rig, graph
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db

SPEC = graph({"a": (), "b": ["a"]})


@pytest.fixture
def rig() -> Rig:
    return Rig.begin(SPEC)


def _call(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_each_order_says_how_the_run_stands_then(rig: Rig) -> None:
    run = str(rig.run_id)
    User.objects.create_user("anna")
    assert _call("pause_run", run) == f"run {run} is paused, in round 1\n"
    assert _call("resume_run", run) == f"run {run} is running, in round 1\n"
    assert _call("cancel_run", run[:8], "--reason", "wrong", "--as", "anna") == (
        f"run {run} is cancelled, in round 1\n"
    )
    assert _call("retry_run", run) == f"run {run} is running, in round 2\n"
    told = Event.objects.get(run=rig.run_id, kind="run_cancelled").data_json
    assert told == '{"by":"anna","reason":"wrong"}'


def test_a_fork_is_named(rig: Rig) -> None:
    rig.work_through("a")
    with override({AGENT: lambda _task: None}), mute_dispatch():
        said = json.loads(_call("fork_run", str(rig.run_id), "--from", "b", "--key", "f", "--json"))
    fork = Run.objects.get(forked_from=rig.run_id)
    assert said == {
        "id": str(fork.pk),
        "workflow": SPEC.name,
        "status": "running",
        "round": 1,
        "reason": "",
        "forked_from": str(rig.run_id),
        "forked_from_step": "b",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("retry_run",), "only a failed or cancelled one is retried"),
        (("fork_run", "--from", "x"), "--from: workflow"),
        (("fork_run", "--from", "a", "--input", "{"), "--input: no valid JSON"),
        (("cancel_run", "--as", "nobody"), "--as: there is no user 'nobody'"),
    ],
)
def test_an_order_is_refused_in_words(rig: Rig, words: tuple[str, ...], message: str) -> None:
    command, *more = words
    with pytest.raises(CommandError, match=message):
        _call(command, str(rig.run_id), *more)
    assert rig.run.status == "running"
    assert rig.fault() is None


_OLD = WorkflowSpec(name="compared", steps=(StepSpec("a", agent=AGENT),))
_NEW = replace(_OLD, steps=(StepSpec("a", agent=AGENT, timeout_seconds=7.0),))


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> list[WorkflowSpec]:
    """What the code defines."""
    specs: list[WorkflowSpec] = []
    for module in (compare, publishing):
        monkeypatch.setattr(module, "find_code_specs", lambda: specs)
    monkeypatch.setattr(publishing, "find_code_topics", list)
    return specs


def test_a_dry_run_shows_what_would_change(code: list[WorkflowSpec]) -> None:
    with override({AGENT: lambda _task: None}):
        code.append(_OLD)
        assert [(one.kind, one.version, one.diff) for one in runs.compare_code_specs()] == [("new", None, "")]
        runs.publish(_OLD)
        assert [one.kind for one in runs.compare_code_specs()] == ["unchanged"]
        code[0] = _NEW
        [change] = runs.compare_code_specs()
    assert (change.kind, change.version) == ("changed", 1)
    assert "--- compared v1" in change.diff
    assert '+      "timeout_seconds": 7' in change.diff
    assert Workflow.objects.filter(name="compared").count() == 1


def test_a_dry_run_prints_the_difference_line_by_line(code: list[WorkflowSpec]) -> None:
    code += [_NEW, replace(_OLD, name="unlike")]
    with override({AGENT: lambda _task: None}):
        runs.publish(_OLD)
        lines = _call("publish_workflows", "--dry-run").splitlines()
    assert lines[:3] == ["compared v2: would be published", "  --- compared v1", "  +++ the code"]
    assert '  +      "timeout_seconds": 7' in lines
    assert lines[-1] == "unlike v1: would be published"


def test_a_dry_run_names_agents_of_another_version_and_steps_that_would_wait(
    code: list[WorkflowSpec],
) -> None:
    code.append(_OLD)
    with override({AGENT: lambda _task: None}):
        run_workflow(_OLD)
        with mute_dispatch():
            runs.start("compared", {})
        with history_rewritten():
            Attempt.objects.filter(run__workflow_name="compared").update(agent_version=7)
        [change] = runs.compare_code_specs()
        assert change.agents == (compare.AgentChange(AGENT, 7, 1),)
        assert change.waiting == {}
    [change] = runs.compare_code_specs()  # code without the agent
    assert change.waiting == {AGENT: 1}


def test_a_step_whose_agent_nobody_knows_is_shown_to_wait(rig: Rig) -> None:
    assert mark_unknown_agent(rig.step("a").pk, ["others"])
    assert rig.step("a").waits_for == "agent"
    said = _call("show_run", str(rig.run_id))
    assert f"no worker that is running knows {AGENT}" in said


def test_show_run_tells_that_an_attempt_was_called_off(rig: Rig) -> None:
    rig.take("a")
    runs.cancel(rig.run_id, "wrong customer")
    [_, line] = json.loads(_call("show_run", str(rig.run_id), "--json"))["story"]
    assert (line["step"], line["attempt"]) == ("a", "1")
    assert line["words"].startswith(f"{AGENT} was called off. Withdrawn: ")


def test_show_run_tells_of_the_runs_around_it_and_of_past_outputs() -> None:
    back = iter([Result.rework("fetch", "too old")])
    agents = {
        "test.work": lambda task: {"after": task.feedback},
        "test.critic": lambda _task: next(back, Result({})),
    }
    below = WorkflowSpec(name="shown-child", steps=(StepSpec("do", agent="test.work"),))
    above = WorkflowSpec(
        name="shown",
        steps=(
            StepSpec("fetch", agent="test.work"),
            StepSpec("ask", workflow="shown-child", after=("fetch",)),
            StepSpec("critic", agent="test.critic", needs=("fetch",), after=("ask",)),
        ),
    )
    with override(agents), mute_dispatch():
        runs.publish(below)
        done = run_workflow(above, agents=agents)
        fork = runs.fork(done.run.pk, from_step="critic")
    child = Run.objects.filter(parent_step__run=done.run).order_by("-parent_attempt")[0]

    said = json.loads(_call("show_run", str(done.run.pk), "--json"))
    assert [one["step"] for one in said["children"]] == ["ask", "ask"]
    assert said["children"][1]["run"] == str(child.pk)
    assert said["forks"] == [str(fork.pk)]
    [past] = said["steps"][0]["past_outputs"]
    assert (past["revision"], past["output"]) == (0, {"after": None})
    below_said = json.loads(_call("show_run", str(child.pk), "--json"))
    assert below_said["parent"] == {"run": str(done.run.pk), "step": "ask"}
    assert json.loads(_call("show_run", str(fork.pk), "--json"))["forked_from_step"] == "critic"

    words = _call("show_run", str(done.run.pk))
    assert "CHILD RUNS" in words
    assert "PAST OUTPUTS" in words
    assert f"started by step ask of run {done.run.pk}" in _call("show_run", str(child.pk))
    assert f"forked from run {done.run.pk}, from step critic" in _call("show_run", str(fork.pk))
