"""`show_run` tells what failed, what was decided by which rule, who answered, and what people made of it."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F

from agents import PermanentError, Result, Task
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Attempt, Decision
from orchestration.selectors.resolutions import find_resolution
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db

DESK = WorkflowSpec(
    name="desk",
    steps=(
        StepSpec("book", agent="test.book", compensate="test.cancel"),
        StepSpec(
            "draft", agent="test.model", fallback="test.template", verify=Verify("test.v", max_revisions=0)
        ),
        StepSpec("guess", agent="test.guess", needs=("draft",)),
        StepSpec("pay", agent="test.pay", needs=("guess",), on_failure="abort"),
    ),
)


def _fail(task: Task) -> object:
    raise PermanentError("out of words")


AGENTS: dict[str, Any] = {
    "test.book": lambda _: "booked",
    "test.cancel": lambda _: "cancelled",
    "test.model": _fail,
    "test.template": lambda _: "Dear customer",
    "test.v": lambda _: {"verdict": "FAIL", "reasons": ["rude"]},
    "test.guess": lambda _: Result("x", confidence=0.25),
    "test.pay": _fail,
}


def _resolve(done: FinishedRun, key: str, kind: ResolutionKind, **more: Any) -> FinishedRun:
    runs.resolve_step(done.steps[key].pk, kind=kind, actor="ada", resolution_id="1", **more)
    return drive(done.run.pk, agents=AGENTS)


def _live_through() -> FinishedRun:
    done = run_workflow(DESK, {}, agents=AGENTS)
    assert done.held == ["draft"]
    done = _resolve(done, "draft", ResolutionKind.EDIT, output="Dear Ada")
    assert done.held == ["guess"]
    done = _resolve(done, "guess", ResolutionKind.APPROVE)
    assert done.status == "failed"
    return done


def _show(done: FinishedRun, *arguments: str) -> str:
    out = StringIO()
    call_command("show_run", str(done.run.pk), *arguments, stdout=out)
    return out.getvalue()


def test_the_story_is_told_in_order_and_in_words() -> None:
    done = _live_through()
    said = json.loads(_show(done, "--json"))

    assert [(line["step"], line["words"]) for line in said["story"]] == _STORY


def test_the_story_keeps_its_order_when_the_clock_steps_back() -> None:
    done = _live_through()
    first = Attempt.objects.filter(step=done.steps["draft"]).order_by("id")[:1]
    with history_rewritten():
        Attempt.objects.filter(pk__in=first).update(finished_at=F("finished_at") + timedelta(hours=1))

    assert [line["words"] for line in json.loads(_show(done, "--json"))["story"]] == [
        words for _, words in _STORY
    ]


_FAILED = "failed (agents.errors.PermanentError: out of words)"
_HELPLESS = "the agent says that a retry can't help"
_STORY = [
    (
        "draft",
        (
            f"test.model {_FAILED}. To be done by another agent: {_HELPLESS}, another agent is asked "
            "[permanent_fallback]. 'test.template' is asked"
        ),
    ),
    (
        "draft",
        (
            "test.template answered. Waits: its verifiers look at the answer first [to_be_verified]. "
            "it waits for 1 step"
        ),
    ),
    ("draft?0", "test.v answered: FAIL; rude."),
    (
        "draft",
        (
            "test.template has what its steps gave. Held for a person: its verifiers failed the answer once more "
            "than allowed [revisions_exhausted]. rude"
        ),
    ),
    ("draft", "ada changed it and let it pass."),
    (
        "guess",
        (
            "test.guess answered, 25% sure. Held for a person: the agent is not confident enough [low_confidence]. "
            "the agent's confidence is 0.25, below 0.70"
        ),
    ),
    ("guess", "ada approved it, as it was."),
    (
        "pay",
        f"test.pay {_FAILED}. The run was aborted: {_HELPLESS}, and the step says to abort [permanent_abort].",
    ),
    (
        "",
        "The run was aborted; what it had done is undone, latest first: agents.errors.PermanentError: out of words.",
    ),
    (
        "undo:book",
        "test.cancel answered: what 'book' had done is undone.",
    ),
]


def test_the_terminal_shows_it_and_nothing_steers_the_terminal() -> None:
    def fail(task: Task) -> object:
        raise PermanentError("out of words\x1b[2J")

    text = _show(run_workflow(DESK, {}, agents=AGENTS | {"test.model": fail, "test.template": fail}))
    story = text[text.index("STORY") : text.index("ATTEMPTS")]
    assert "Held for a person" in story
    assert "\x1b" not in text
    assert r"out of words\x1b[2J" in story


def test_however_long_an_error_is_the_decision_can_be_read() -> None:
    def fail(task: Task) -> object:
        raise PermanentError("out of words " * 150)

    text = _show(run_workflow(DESK, {}, agents=AGENTS | {"test.model": fail}))
    story = text[text.index("STORY") : text.index("ATTEMPTS")]
    assert "another agent is asked [permanent_fallback]. 'test.template' is asked" in story


def test_what_a_rule_says_is_not_said_twice() -> None:
    spec = WorkflowSpec(
        name="said-once",
        steps=(StepSpec("sign", agent="human"), StepSpec("gift", agent="test.pay", when="1 > 2")),
    )
    said = json.loads(_show(run_workflow(spec, {}, agents=AGENTS), "--json"))
    assert [line["words"] for line in said["story"]] == [
        "human is for people to do. Held for a person: people do this step [human_step].",
        "test.pay was passed over. Skipped: its condition is false [condition_false]. 1 > 2",
    ]


def test_a_held_undo_is_said_to_keep_the_rest_waiting() -> None:
    trip = WorkflowSpec(
        name="trip",
        steps=(
            StepSpec("book", agent="test.book", compensate="test.pay"),
            StepSpec("more", agent="test.book", needs=("book",), compensate="test.pay"),
            StepSpec("pay", agent="test.pay", needs=("more",), on_failure="abort"),
        ),
    )
    done = run_workflow(trip, {}, agents=AGENTS)
    assert _show(done).splitlines()[-1] == (
        "next: undo:more held for a person, only people can move it: `manage.py list_tickets`"
    )


def test_who_overturned_a_decision_stands_with_it() -> None:
    done = _live_through()
    said = json.loads(_show(done, "--json"))
    resolved = {
        step["key"]: attempt["decision"]["resolved"]
        for step in said["steps"]
        for attempt in step["attempts"]
        if attempt["decision"]["resolved"]
    }
    assert {key: (one["resolution"], one["by"], one["overturns"]) for key, one in resolved.items()} == {
        "draft": ("edit", "ada", False),
        "guess": ("approve", "ada", True),
    }
    decision = Decision.objects.get(run=done.run, rule="low_confidence")
    found = find_resolution(decision, decision.attempt.number)
    assert found is not None
    assert (found.by, found.overturns) == ("ada", True)
    accepted = Decision.objects.get(run=done.run, step=done.steps["book"])
    assert find_resolution(accepted, 1) is None


def test_a_run_in_which_nothing_went_wrong_has_no_story() -> None:
    quiet = WorkflowSpec(name="quiet", steps=(StepSpec("a", agent="test.a"), StepSpec("b", agent="test.a")))
    done = run_workflow(quiet, {}, agents={"test.a": lambda _: 1})
    assert "STORY" not in _show(done)
    assert json.loads(_show(done, "--json"))["story"] == []
