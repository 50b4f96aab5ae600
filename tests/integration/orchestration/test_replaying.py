"""Stored decisions made again: by the same rules they are the same, by changed numbers it is shown what would be."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agents import PermanentError, Result, Task, TransientError
from orchestration import Retry, StepSpec, Verify, WorkflowSpec
from orchestration.models import Decision, Run
from orchestration.testing import FinishedRun, run_workflow
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db

DESK = WorkflowSpec(
    name="desk",
    steps=(
        StepSpec("fetch", agent="test.fetch", retry=Retry(max_attempts=2), critical=False),
        StepSpec("guess", agent="test.guess"),
        StepSpec("draft", agent="test.draft", verify=Verify("test.verifier", max_revisions=1)),
        StepSpec("each", agent="test.each", for_each="[1, 2]", fallback="test.spare"),
    ),
)


def _flicker(task: Task) -> object:
    raise TransientError("come again")


def _odd(task: Task) -> object:
    if task.item == 2:
        raise PermanentError("not mine")
    return task.item


def _run_desk() -> FinishedRun:
    return run_workflow(
        DESK,
        {},
        agents={
            "test.fetch": _flicker,
            "test.guess": lambda _: Result("x", confidence=0.75),
            "test.draft": lambda _: "text",
            "test.verifier": lambda _: {"verdict": "FAIL", "reasons": ["too long"]},
            "test.each": _odd,
            "test.spare": lambda task: task.item,
        },
    )


def _replay(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("replay_decisions", *arguments, "--json", stdout=out)
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


def test_by_the_same_policy_all_is_the_same() -> None:
    done = _run_desk()
    said = _replay("--workflow", "desk")

    assert (said["changed"], said["untold"]) == (0, 0)
    grown = Decision.objects.filter(run=done.run, kind="wait").count()
    collected = Decision.objects.filter(run=done.run, rule="items_done").count()
    assert said["unchanged"] == Decision.objects.filter(run=done.run).count() - grown - collected
    rules = {line["old_rule"] for line in said["decisions"]}
    assert rules >= {
        "transient_retry",
        "attempts_exhausted_not_critical",
        "confident",
        "verifier_fail",
        "revisions_exhausted",
        "permanent_fallback",
    }


@pytest.mark.parametrize(
    ("policy", "step", "old", "new"),
    [
        (
            {"steps": {"fetch": {"retry": {"max_attempts": 5}}}},
            "fetch",
            "attempts_exhausted_not_critical",
            "transient_retry",
        ),
        (
            {"steps": {"fetch": {"critical": True}}},
            "fetch",
            "attempts_exhausted_not_critical",
            "attempts_exhausted",
        ),
        ({"default_min_confidence": 0.8}, "guess", "confident", "low_confidence"),
        (
            {"steps": {"draft": {"verify": {"max_revisions": 2}}}},
            "draft",
            "revisions_exhausted",
            "verifier_fail",
        ),
        ({"steps": {"each": {"fallback": []}}}, "each", "permanent_fallback", "permanent"),
        ({"steps": {"*": {"min_confidence": 0.9}}}, "guess", "confident", "low_confidence"),
        (
            {"steps": {"fetch": {"deadline_seconds": 0.5}}},
            "fetch",
            "transient_retry",
            "deadline_not_critical",
        ),
    ],
)
def test_by_another_policy_it_is_shown_what_would_be(
    policy: dict[str, Any], step: str, old: str, new: str, tmp_path: Path
) -> None:
    _run_desk()
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(policy), encoding="utf-8")

    said = _replay("--policy", str(file))

    changed = [line for line in said["decisions"] if line["is_changed"]]
    assert (step, old, new) in [(line["step"], line["old_rule"], line["new_rule"]) for line in changed]
    assert said["decisions"][0]["is_changed"]
    assert Decision.objects.filter(rule=old, step__spec_key=step).count() == next(
        line["count"] for line in changed if line["step"] == step and line["old_rule"] == old
    )


def test_a_longer_deadline_lets_more_tries_begin() -> None:
    short = WorkflowSpec(
        name="short",
        steps=(StepSpec("a", agent="test.a", deadline_seconds=1, retry=Retry(max_attempts=3)),),
    )
    done = run_workflow(short, {}, agents={"test.a": _flicker})
    assert list(Decision.objects.filter(run=done.run).values_list("rule", flat=True)) == ["deadline"]

    for wanted, rule in ((60, "transient_retry"), (None, "transient_retry"), (0.9, "deadline")):
        said = _replay("--policy", json.dumps({"steps": {"a": {"deadline_seconds": wanted}}}))
        assert [line["new_rule"] for line in said["decisions"]] == [rule]
    # The run's own deadline stays.
    Run.objects.filter(pk=done.run.pk).update(deadline_at=done.run.created_at + timedelta(seconds=1))
    said = _replay("--policy", '{"steps": {"a": {"deadline_seconds": 60}}}')
    assert [line["new_rule"] for line in said["decisions"]] == ["deadline"]


def test_the_table_marks_what_changes() -> None:
    done = _run_desk()
    out = StringIO()
    call_command("replay_decisions", "--policy", '{"default_min_confidence": 0.8}', stdout=out)
    first = out.getvalue().splitlines()[1]
    assert first.split() == [
        *("!", "desk", "guess", "1", "accept", "(confident)", "escalate", "(low_confidence)"),
        *(str(done.run.pk), "guess", "1"),
    ]
    assert "1 of 10 decisions would be others (!), 9 the same." in out.getvalue()


def test_another_agent_to_fall_back_on_is_another_decision() -> None:
    _run_desk()
    said = _replay("--policy", '{"steps": {"each": {"fallback": ["test.other"]}}}')
    [line] = [line for line in said["decisions"] if line["is_changed"]]
    assert (line["new_rule"], line["old_agent"], line["new_agent"]) == (
        *("permanent_fallback", "test.spare", "test.other"),
    )
    out = StringIO()
    call_command("replay_decisions", stdout=out)
    assert "=  desk      each   1      fallback (permanent_fallback) test.spare" in out.getvalue()


def test_a_misspelled_step_is_told() -> None:
    _run_desk()
    said = _replay("--policy", '{"steps": {"drafft": {"critical": false}, "draft": {}, "*": {}}}')
    assert said["unmatched"] == ["drafft"]


def test_what_is_older_or_of_another_workflow_is_left_out() -> None:
    done = _run_desk()
    with history_rewritten():
        Decision.objects.filter(run=done.run).update(decided_at="2020-01-01T00:00:00Z")
    for since in ("1h", "2020-01-02", "2020-01-01T00:00:01Z"):
        assert _replay("--since", since)["decisions"] == [], since
    assert _replay("--since", "2020-01-01")["decisions"] != []


def test_a_decision_of_an_older_release_is_counted_apart() -> None:
    done = _run_desk()
    with history_rewritten():
        Decision.objects.filter(run=done.run, step=done.steps["guess"]).update(inputs_json='{"failures":0}')
    assert _replay()["untold"] == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (
            ("--since", "yesterday"),
            "--since: give a time, such as .* or give hours or days, .* not 'yesterday'",
        ),
        (("--since", "2w"), "--since: give a time"),
        (("--workflow", "nobody"), "no workflow 'nobody'"),
        (("--policy", "/nowhere.json"), "--policy: can't read /nowhere.json"),
        (("--policy", "{"), "--policy: no valid JSON"),
        (("--policy", "{}", "--policy", '{"step": {}}'), "unknown; known are steps"),
        (("--policy", '{"steps": {"a": {"agent": "x"}}}'), "decides nothing"),
        (("--policy", '{"steps": {"*": {"retry": {"max_attempts": 0}}}}'), "max_attempts"),
        (("--policy", '{"steps": {"*": {"min_confidence": 5}}}'), "min_confidence: must be between 0 and 1"),
        (("--policy", '{"steps": {"draft": {"deadline_seconds": -4}}}'), "deadline_seconds: must be above 0"),
        (
            ("--policy", '{"steps": {"draft": {"verify": {"rule": "majority"}}}}'),
            "an object of max_revisions",
        ),
        (("--policy", '{"steps": {"draft": {"verify": null}}}'), "an object of max_revisions"),
        (("--policy", '{"steps": []}'), "must map a step's key"),
        (("--policy", '{"default_min_confidence": 2}'), "from 0 to 1"),
        (("--policy", '{"crash_limit": true}'), "from 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments: tuple[str, ...], word: str) -> None:
    _run_desk()
    with pytest.raises(CommandError, match=word):
        call_command("replay_decisions", *arguments)
