"""What a step does when its agent gave up: the next agent, and the deadlines that no further try outlives."""

import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from agents import PermanentError, Result, Task, TransientError
from orchestration import Retry, StepSpec, Verify, WorkflowSpec, runs
from orchestration.conf import get_conf
from orchestration.domain.states import AttemptOutcome, DecisionKind, ResolutionKind
from orchestration.domain.work import AttemptEnd, Claim, NextAgent
from orchestration.errors import ClaimLost
from orchestration.maintenance.scheduler import wake_answered
from orchestration.models import Attempt, Decision, Edge, Event, Run, Step
from orchestration.ports import load_escalator
from orchestration.testing import FinishedRun, drive, run_workflow
from orchestration.transitions import end
from tests.guards import cut
from tests.integration.orchestration.rig import AGENT, Rig, graph
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db


def _fail(task: Task) -> object:
    raise PermanentError("out of words")


def _flicker(task: Task) -> object:
    raise TransientError("come again")


CHAIN = WorkflowSpec(
    name="chain",
    steps=(
        StepSpec("draft", agent="test.model", fallback=("test.small", "test.template")),
        StepSpec("send", agent="test.send", needs=("draft",)),
    ),
)


def _run_chain(**agents: Callable[[Task], Any]) -> FinishedRun:
    known: dict[str, Callable[[Task], Any]] = {
        "test.model": _fail,
        "test.small": _flicker,
        "test.template": lambda _: "Dear customer",
        "test.send": lambda task: task.handoff["draft"],
    }
    return run_workflow(CHAIN, {}, agents=known | {f"test.{name}": agent for name, agent in agents.items()})


def test_agents_are_asked_in_turn_and_the_step_says_who_answered() -> None:
    done = _run_chain()

    assert done.status == "succeeded"
    assert done.outputs["send"] == "Dear customer"
    draft = done.steps["draft"]
    assert (draft.agent, draft.fallbacks, draft.failures) == ("test.template", 2, 0)
    tried = Attempt.objects.filter(step=draft).order_by("number").values_list("agent", "decision__rule")
    assert list(tried) == [
        ("test.model", "permanent_fallback"),
        ("test.small", "transient_retry"),
        ("test.small", "transient_retry"),
        ("test.small", "attempts_exhausted_fallback"),
        ("test.template", "no_confidence_asked"),
    ]
    due = Decision.objects.filter(step=draft, due_at__isnull=False).values_list("kind", flat=True)
    assert set(due) == {"retry"}
    told = Event.objects.filter(step=draft, kind="step_fell_back").order_by("id")
    assert [line.data_json for line in told] == [
        '{"from":"test.model","rule":"permanent_fallback","to":"test.small"}',
        '{"from":"test.small","rule":"attempts_exhausted_fallback","to":"test.template"}',
    ]
    assert runs.verify(done.run.pk).fault is None


def test_when_the_last_agent_gives_up_a_person_is_asked() -> None:
    done = _run_chain(template=_fail)

    assert done.held == ["draft"]
    last = Decision.objects.filter(run=done.run).latest("id")
    assert (last.kind, last.rule) == ("escalate", "permanent")


def test_the_next_agent_comes_with_its_own_terms() -> None:
    rig = Rig.begin(graph({"a": ()}))
    claim, before = rig.take("a"), rig.step("a")

    end.fall_back(claim, _gave_up(claim), NextAgent("test.next", "isolated", 5.0, {"gpu": 1}))

    after = rig.step("a")
    assert (before.agent, before.queue, before.timeout_seconds, before.pools) == (AGENT, "steps", 300.0, {})
    assert (after.agent, after.queue, after.timeout_seconds, after.pools) == (
        *("test.next", "isolated", 5.0, {"gpu": 1}),
    )
    # It must be rung for: under a task id of its own, and lost only from now on.
    assert after.dispatches == before.dispatches + 1
    assert after.dispatched_at != before.dispatched_at


def _gave_up(claim: Claim) -> AttemptEnd:
    return AttemptEnd(
        finished_at=claim.now(),
        outcome=AttemptOutcome.FAILED,
        kind=DecisionKind.FALLBACK,
        rule="permanent_fallback",
        inputs_json="{}",
    )


def test_what_a_step_had_grown_is_let_go_when_another_agent_does_it(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_COLLECTED_BYTES": 1_048_576}
    grown = WorkflowSpec(
        name="grown",
        steps=(
            StepSpec("plan", agent="test.model", fallback="test.template"),
            StepSpec("send", agent="test.send", needs=("plan",)),
        ),
    )

    def spawn(task: Task) -> Result:
        return Result("plan", spawn=[StepSpec("x", agent="test.large"), StepSpec("y", agent="test.large")])

    done = run_workflow(
        grown,
        {},
        agents={
            "test.model": spawn,
            # Each may be stored, both together may not: what collects them fails.
            "test.large": lambda _: "x" * 600_000,
            "test.template": lambda _: "short",
            "test.send": lambda task: task.handoff["plan"],
        },
    )

    assert (done.status, done.outputs["send"]) == ("succeeded", "short")
    plan = done.steps["plan"]
    assert (plan.agent, plan.stage, plan.predecessor_count) == ("test.template", "", 0)
    assert not Edge.objects.filter(successor=plan).exists()
    assert runs.verify(done.run.pk).fault is None


def test_a_gated_step_falls_back_and_is_verified_all_the_same() -> None:
    gated = WorkflowSpec(
        name="gated",
        steps=(
            StepSpec("draft", agent="test.model", fallback="test.template", verify=Verify("test.verifier")),
        ),
    )
    done = run_workflow(
        gated,
        {},
        agents={
            "test.model": _fail,
            "test.template": lambda _: "Dear customer",
            "test.verifier": lambda _: {"verdict": "PASS"},
        },
    )

    assert done.status == "succeeded"
    assert (done.steps["draft"].agent, done.steps["draft"].accepted_by) == ("test.template", "verdict")


def test_items_fall_back_one_by_one() -> None:
    def pick(task: Task) -> object:
        if task.item == 2:
            raise PermanentError("not mine")
        return f"model {task.item}"

    done = run_workflow(
        WorkflowSpec(
            name="items",
            steps=(StepSpec("each", agent="test.model", for_each="[1, 2, 3]", fallback="test.template"),),
        ),
        {},
        agents={"test.model": pick, "test.template": lambda task: f"template {task.item}"},
    )

    assert done.outputs["each"] == ["model 1", "template 2", "model 3"]
    assert [done.steps[f"each[{n}]"].fallbacks for n in range(3)] == [0, 1, 0]


LATE = WorkflowSpec(
    name="late",
    timeout_seconds=60,
    steps=(
        StepSpec("a", agent="test.a"),
        StepSpec("b", agent="test.b", needs=("a",)),
        StepSpec("c", agent="test.c", needs=("a",)),
        StepSpec("d", agent="test.d", needs=("b", "c")),
    ),
)


_AGENTS: dict[str, Callable[[Task], Any]] = {f"test.{key}": lambda task: task.step_key for key in "abcd"}


def _run_late() -> FinishedRun:
    """Run a workflow whose deadline passes while its first step is done."""

    def outlast(task: Task) -> str:
        Run.objects.filter(pk=task.run_id).update(deadline_at=Now())
        return "a"

    return run_workflow(LATE, {}, agents=_AGENTS | {"test.a": outlast})


def test_past_its_deadline_a_run_asks_one_person_and_the_rest_waits() -> None:
    done = _run_late()

    assert done.status == "running"
    assert done.held == ["b"]
    assert (done.steps["c"].status, done.steps["c"].waits_for) == ("available", "deadline")
    rules = Decision.objects.filter(run=done.run).order_by("id").values_list("rule", flat=True)
    assert list(rules) == ["no_confidence_asked", "run_deadline", "run_deadline_wait"]
    assert wake_answered() == 0


@pytest.mark.parametrize(
    ("resolution", "more"),
    [
        (ResolutionKind.EDIT, {"output": "by hand"}),
        (ResolutionKind.SEND_BACK, {"feedback": "do it all the same"}),
    ],
)
def test_a_person_lets_a_late_run_go_on(resolution: ResolutionKind, more: dict[str, Any]) -> None:
    late = _run_late()
    runs.resolve_step(late.steps["b"].pk, kind=resolution, actor="ada", resolution_id="1", **more)

    assert wake_answered() == 1
    done = drive(late.run.pk, agents=_AGENTS)

    assert done.status == "succeeded"
    assert done.outputs["b"] == more.get("output", "b")
    assert done.outputs["d"] == "d"
    assert runs.verify(done.run.pk).fault is None


def test_no_retry_outlives_the_step_s_own_deadline() -> None:
    calls = []

    def flicker(task: Task) -> object:
        calls.append(task.attempt)
        if len(calls) == 2:
            # As if the first try had begun a minute ago.
            with history_rewritten():
                Attempt.objects.filter(step__run_id=task.run_id, number=1).update(
                    started_at=Step.objects.get(run_id=task.run_id).run.created_at - timedelta(seconds=60)
                )
        raise TransientError("come again")

    spec = WorkflowSpec(
        name="short",
        steps=(StepSpec("a", agent="test.a", deadline_seconds=30, retry=Retry(max_attempts=50)),),
    )
    done = run_workflow(spec, {}, agents={"test.a": flicker})

    assert calls == [1, 2]
    assert done.held == ["a"]
    assert Decision.objects.filter(run=done.run).latest("id").rule == "deadline"


@pytest.mark.parametrize(
    ("fields", "rule", "status"),
    [
        ({}, "deadline", "held"),
        ({"critical": False}, "deadline_not_critical", "skipped"),
        ({"fallback": "test.b"}, "deadline", "held"),
    ],
)
def test_a_try_that_was_due_in_time_and_is_claimed_too_late_does_not_begin(
    fields: dict[str, Any], rule: str, status: str
) -> None:
    calls = []

    def flicker(task: Task) -> object:
        calls.append(task.attempt)
        # What the second try will see: as if no worker had been there for a minute.
        with history_rewritten():
            Attempt.objects.filter(step__run=UUID(task.run_id)).update(
                started_at=Now() - timedelta(seconds=60)
            )
        raise TransientError("come again")

    spec = WorkflowSpec(
        name="too-late", steps=(StepSpec("a", agent="test.a", deadline_seconds=30, **fields),)
    )
    done = run_workflow(spec, {}, agents={"test.a": flicker, "test.b": flicker})

    assert (calls, done.steps["a"].status) == ([1], status)
    rules = Decision.objects.filter(run=done.run).order_by("id").values_list("rule", flat=True)
    assert list(rules) == ["transient_retry", rule]
    assert runs.verify(done.run.pk).fault is None


def test_a_person_s_word_starts_the_step_s_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def flicker(task: Task) -> object:
        calls.append(task.attempt)
        if task.attempt == 2:
            a_minute_later = SimpleNamespace(monotonic=lambda: time.monotonic() + 60)
            monkeypatch.setattr("orchestration.domain.work.time", a_minute_later)
        raise TransientError("come again")

    spec = WorkflowSpec(name="anew", steps=(StepSpec("a", agent="test.a", deadline_seconds=30),))
    done = run_workflow(spec, {}, agents={"test.a": flicker})
    monkeypatch.undo()
    with history_rewritten():
        Attempt.objects.filter(step__run=done.run).update(started_at=Now() - timedelta(seconds=60))
    assert (done.held, calls) == (["a"], [1, 2])

    load_escalator(get_conf().ESCALATOR).withdraw_tickets([done.steps["a"].pk], "as a resolution closes it")
    runs.resolve_step(
        done.steps["a"].pk, kind=ResolutionKind.SEND_BACK, actor="ada", resolution_id="1", feedback="again"
    )
    done = drive(done.run.pk, agents={"test.a": flicker})
    assert (done.held, calls) == (["a"], [1, 2, 3, 4, 5])
    assert Decision.objects.filter(run=done.run).latest("id").rule == "attempts_exhausted"


def _end_time(task: Task) -> None:
    Run.objects.filter(pk=task.run_id).update(deadline_at=Now())


def test_no_retry_outlives_the_run_s_deadline() -> None:
    def busy(task: Task) -> object:
        raise TransientError("come in an hour", retry_after_seconds=3_600)

    spec = WorkflowSpec(
        name="late-try", timeout_seconds=600, steps=(StepSpec("a", agent="test.a", fallback="test.b"),)
    )
    done = run_workflow(spec, {}, agents={"test.a": busy, "test.b": lambda _: "b"})

    assert (done.status, done.outputs["a"]) == ("succeeded", "b")
    rules = Decision.objects.filter(run=done.run).order_by("id").values_list("rule", flat=True)
    assert list(rules) == ["deadline_fallback", "no_confidence_asked"]


def test_what_is_done_is_verified_and_undone_however_late_it_is() -> None:
    undone = []

    def write(task: Task) -> str:
        _end_time(task)
        return "draft"

    def cancel(task: Task) -> None:
        if task.attempt == 1:
            raise TransientError("busy")
        undone.append(task.step_key)

    spec = WorkflowSpec(
        name="late-gate",
        timeout_seconds=60,
        steps=(
            StepSpec("draft", agent="test.write", verify=Verify("test.verifier"), compensate="test.cancel"),
            StepSpec("send", agent="test.send", needs=("draft",), on_failure="abort"),
        ),
    )
    agents: dict[str, Callable[[Task], Any]] = {
        "test.write": write,
        "test.verifier": lambda _: {"verdict": "PASS"},
        "test.cancel": cancel,
        "test.send": lambda _: "sent",
    }
    done = run_workflow(spec, {}, agents=agents)

    assert done.steps["draft"].accepted_by == "verdict"
    assert Decision.objects.get(step=done.steps["send"]).rule == "run_deadline_abort"
    assert (done.status, undone) == ("failed", ["undo:draft"])


def test_a_person_s_own_step_is_asked_about_itself_however_late_it_is() -> None:
    spec = WorkflowSpec(
        name="late-form",
        timeout_seconds=60,
        steps=(StepSpec("a", agent="test.a"), StepSpec("sign", agent="human", needs=("a",))),
    )
    done = run_workflow(spec, {}, agents={"test.a": _end_time})
    assert done.held == ["sign"]
    assert Decision.objects.get(step=done.steps["sign"]).rule == "human_step"


def test_what_a_person_sent_back_is_done_while_another_ticket_still_asks() -> None:
    late = _run_late()
    # As if both had come at the same moment, and neither had seen the other ask.
    with history_rewritten():
        Decision.objects.filter(step=late.steps["b"]).update(rule="not_seen")
    Step.objects.filter(pk=late.steps["c"].pk).update(waits_for="")
    late = drive(late.run.pk, agents=_AGENTS)
    with history_rewritten():
        Decision.objects.filter(step=late.steps["b"], rule="not_seen").update(rule="run_deadline")
    assert late.held == ["b", "c"]

    runs.resolve_step(
        late.steps["b"].pk, kind=ResolutionKind.SEND_BACK, actor="ada", resolution_id="1", feedback="go on"
    )
    done = drive(late.run.pk, agents=_AGENTS)
    assert (done.steps["b"].status, done.held) == ("succeeded", ["c"])


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(hours=1)], ids=["steady clock", "it stepped back"])
def test_a_new_round_has_a_new_deadline_and_asks_anew(ahead: timedelta) -> None:
    late = _run_late()
    runs.resolve_step(late.steps["b"].pk, kind=ResolutionKind.ABORT, actor="ada", resolution_id="1")
    with history_rewritten():
        Decision.objects.filter(run=late.run).update(decided_at=F("decided_at") + ahead)
    runs.retry(late.run.pk)
    renewed = Run.objects.get(pk=late.run.pk).deadline_at
    assert renewed is not None
    assert late.run.deadline_at is not None
    assert renewed > late.run.deadline_at
    Run.objects.filter(pk=late.run.pk).update(deadline_at=Now())

    again = drive(late.run.pk, agents=_AGENTS)

    [held] = again.held
    other = again.steps["c" if held == "b" else "b"]
    assert (other.status, other.waits_for) == ("available", "deadline")


def test_a_paused_late_run_wakes_nothing() -> None:
    late = _run_late()
    runs.resolve_step(
        late.steps["b"].pk, kind=ResolutionKind.EDIT, actor="ada", resolution_id="1", output="by hand"
    )
    runs.pause(late.run.pk)
    assert wake_answered() == 0
    runs.resume(late.run.pk)
    assert wake_answered() == 1


@pytest.mark.parametrize("guard", [True, False])
def test_without_its_token_a_late_fall_back_would_take_the_step_from_its_next_claim(
    guard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not guard:
        monkeypatch.setattr(end, "_FALL_BACK", cut(end._FALL_BACK, " AND s.token = g.token"))
    rig = Rig.begin(graph({"a": ()}))
    old = rig.take("a")
    rig.free(old)
    new = rig.take("a")
    refused = (ClaimLost,) if guard else (IntegrityError,)  # the second net: one decision per attempt
    to = NextAgent(AGENT, "steps", 5.0, {})
    with pytest.raises(refused), transaction.atomic():
        end.fall_back(old, _gave_up(old), to)
    assert rig.step("a").token == new.token
    assert rig.step("a").fallbacks == 0
