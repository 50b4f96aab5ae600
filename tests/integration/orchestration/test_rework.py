"""Work goes back: to a planned step, to a sibling, to one of several items, out of a group; bounded, and proven."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from agents import Result, Task
from escalation.models import Ticket
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.models import Event, PastOutput, Receipt, Step
from orchestration.selectors.run_details import list_past_outputs
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

_Agent = Callable[[Task], Any]


class _Crew:
    """Agents that note what they did; a critic that sends work back so often."""

    def __init__(self, back_to: str, times: int = 1) -> None:
        self.back_to = back_to
        self.times = times
        self.done: list[tuple[str, str | None]] = []
        self.keys: list[str] = []

    def work(self, task: Task) -> Any:
        self.done.append((task.step_key, task.feedback))
        self.keys.append(task.idempotency_key)
        return {"by": task.step_key, "after": task.feedback}

    def criticise(self, task: Task) -> Any:
        self.done.append((task.step_key, task.feedback))
        if self.times:
            self.times -= 1
            return Result.rework(self.back_to, ["too thin", "no source"])
        return {"good": True}

    def plan(self, task: Task) -> Any:
        self.done.append((task.step_key, task.feedback))
        return Result(
            {"plan": 1},
            spawn=[
                StepSpec("search", agent="test.work"),
                StepSpec("read", agent="test.work", needs=("search",)),
                StepSpec("other", agent="test.work"),
                StepSpec("check", agent="test.critic", needs=("read",)),
            ],
        )

    @property
    def agents(self) -> dict[str, _Agent]:
        return {
            "test.work": self.work,
            "test.critic": self.criticise,
            "test.plan": self.plan,
            "test.judge": lambda _task: {"verdict": "PASS", "reasons": []},
        }

    def names(self) -> list[str]:
        return [key for key, _ in self.done]


def _run(steps: tuple[StepSpec, ...], crew: _Crew, name: str) -> FinishedRun:
    return run_workflow(WorkflowSpec(name=name, steps=steps), {"items": [1, 2, 3]}, agents=crew.agents)


LINE = (
    StepSpec("fetch", agent="test.work"),
    StepSpec("aside", agent="test.work"),
    StepSpec("clean", agent="test.work", needs=("fetch",)),
    StepSpec("judge", agent="test.critic", needs=("clean",)),
    StepSpec("write", agent="test.work", needs=("judge", "aside")),
)


def test_a_step_and_all_behind_it_is_done_again_with_the_reasons() -> None:
    crew = _Crew("fetch")
    done = _run(LINE, crew, "rework-line")

    assert done.status == "succeeded"
    assert crew.names().count("aside") == 1
    assert [key for key in crew.names() if key != "aside"] == [
        "fetch",
        "clean",
        "judge",
        "fetch",
        "clean",
        "judge",
        "write",
    ]
    assert ("fetch", "too thin\nno source") in crew.done
    assert len(set(crew.keys)) == len(crew.keys)  # a new effect for each revision
    fetch, clean, judge = (done.steps[key] for key in ("fetch", "clean", "judge"))
    assert (fetch.revision, fetch.reworks, clean.revision, clean.reworks, judge.revision) == (1, 1, 1, 0, 1)
    assert done.steps["aside"].revision == 0
    past = PastOutput.objects.filter(run=done.run).order_by("step__position")
    assert [(one.step.key, one.round, one.revision) for one in past] == [("fetch", 1, 0), ("clean", 1, 0)]
    assert past[0].output_json == '{"after":null,"by":"fetch"}'
    with pytest.raises(DatabaseError, match="kept as they were written"), transaction.atomic():
        PastOutput.objects.filter(pk=past[0].pk).update(output_json="{}")
    assert Receipt.objects.filter(step=fetch).count() == 2
    decision = judge.decisions.order_by("id").first()
    assert decision is not None
    assert (decision.kind, decision.rule) == ("rework", "rework")
    told = Event.objects.filter(step=fetch, kind="step_reworked").get()
    assert told.data_json == '{"by":"judge","reasons":["too thin","no source"]}'
    assert runs.verify(done.run.pk).fault is None


def test_a_step_is_sent_back_so_often_and_then_a_person_decides() -> None:
    crew = _Crew("fetch", times=5)
    done = _run(LINE, crew, "rework-bound")

    assert done.held == ["judge"]
    assert done.steps["fetch"].reworks == 1
    ticket = Ticket.objects.get(run=done.run)
    assert ticket.rule == "rework_refused"
    assert "max_reworks is 1" in ticket.reason
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize(
    ("back_to", "words"), [("write", "waited for"), ("aside", "waited for"), ("nowhere", "waited for")]
)
def test_work_goes_back_only_to_what_was_waited_for(back_to: str, words: str) -> None:
    done = _run(LINE, _Crew(back_to), f"rework-{back_to}")
    assert done.held == ["judge"]
    assert words in Ticket.objects.get(run=done.run).reason
    assert not PastOutput.objects.filter(run=done.run).exists()


def test_a_held_step_that_depends_on_it_loses_its_ticket_and_a_running_one_its_claim() -> None:
    crew = _Crew("fetch")
    steps = (*LINE[:3], StepSpec("unsure", agent="test.unsure", needs=("fetch",)), *LINE[3:])
    spec = WorkflowSpec(name="rework-held", steps=steps)
    told = iter([Result({}, confidence=0.1), Result({}, confidence=0.9)])
    held_first = {**crew.agents, "test.unsure": lambda _task: next(told)}
    done = run_workflow(spec, {}, agents=held_first)

    assert done.status == "succeeded"
    ticket = Ticket.objects.get(run=done.run)
    assert (ticket.status, ticket.step.key) == ("withdrawn", "unsure")
    assert done.steps["unsure"].revision == 1
    assert runs.verify(done.run.pk).fault is None


def test_what_was_passed_over_is_asked_again() -> None:
    crew = _Crew("fetch")
    again = StepSpec("again", agent="test.work", needs=("fetch",), when="steps.fetch.after != null")
    steps = (*LINE[:3], again, replace(LINE[3], after=("again",)), LINE[4])
    done = _run(steps, crew, "rework-passed-over")

    assert done.status == "succeeded"
    assert (done.steps["again"].status, done.steps["again"].revision) == ("succeeded", 1)
    assert PastOutput.objects.get(step=done.steps["again"]).status == "skipped"
    assert crew.names().count("again") == 1
    assert runs.verify(done.run.pk).fault is None


def test_items_of_a_step_that_is_done_again_are_history() -> None:
    crew = _Crew("fetch")
    steps = (
        StepSpec("fetch", agent="test.work"),
        StepSpec("each", agent="test.work", for_each="input.items", needs=("fetch",)),
        StepSpec("judge", agent="test.critic", needs=("each",)),
    )
    done = _run(steps, crew, "rework-items")

    assert done.status == "succeeded"
    keys = set(Step.objects.filter(run=done.run, parent__key="each").values_list("key", flat=True))
    assert keys == {"each[0]", "each[1]", "each[2]", "each~1[0]", "each~1[1]", "each~1[2]"}
    assert [one["by"] for one in done.outputs["each"]] == ["each~1[0]", "each~1[1]", "each~1[2]"]
    assert done.steps["each"].predecessor_count == 4
    assert runs.verify(done.run.pk).fault is None


def test_one_item_is_done_again_and_the_others_stay() -> None:
    crew = _Crew("each[1]")
    steps = (
        StepSpec("each", agent="test.work", for_each="input.items"),
        StepSpec("judge", agent="test.critic", needs=("each",)),
    )
    done = _run(steps, crew, "rework-one-item")

    assert done.status == "succeeded"
    assert sorted(crew.names()) == ["each[0]", "each[1]", "each[1]", "each[2]", "judge", "judge"]
    assert [one["after"] for one in done.outputs["each"]] == [None, "too thin\nno source", None]
    assert runs.verify(done.run.pk).fault is None


def test_a_spawned_step_sends_back_its_sibling_and_their_parent_waits_on() -> None:
    crew = _Crew("search")
    steps = (StepSpec("plan", agent="test.plan"), StepSpec("write", agent="test.work", needs=("plan",)))
    done = _run(steps, crew, "rework-sibling")

    assert done.status == "succeeded"
    counted = {key: crew.names().count(key) for key in crew.names()}
    assert counted == {
        "plan": 1,
        "plan/search": 2,
        "plan/read": 2,
        "plan/other": 1,
        "plan/check": 2,
        "write": 1,
    }
    assert done.steps["plan"].revision == 0
    assert done.outputs["plan"]["spawned"]["search"]["after"] == "too thin\nno source"
    assert runs.verify(done.run.pk).fault is None


def test_a_spawned_step_sends_back_a_step_outside_and_its_parent_starts_afresh() -> None:
    crew = _Crew("fetch")
    steps = (
        StepSpec("fetch", agent="test.work"),
        StepSpec("plan", agent="test.plan", needs=("fetch",)),
        StepSpec("write", agent="test.work", needs=("plan",)),
    )
    done = _run(steps, crew, "rework-outside")

    assert done.status == "succeeded"
    assert crew.names().count("plan") == 2
    assert {"plan/search", "plan~1/search"} <= set(crew.names())
    check = Step.objects.get(run=done.run, key="plan/check")
    assert check.status == "cancelled"
    assert not check.edges_out.filter(is_child=True).exists()
    assert runs.verify(done.run.pk).fault is None


def test_a_later_step_sends_back_what_a_coordinator_spawned() -> None:
    crew = _Crew("plan/search")
    quiet = {**crew.agents, "test.plan": _plan_two(crew)}
    steps = (
        StepSpec("plan", agent="test.plan"),
        StepSpec("judge", agent="test.critic", needs=("plan",)),
        StepSpec("write", agent="test.work", needs=("judge",)),
    )
    done = run_workflow(WorkflowSpec(name="rework-spawned", steps=steps), {}, agents=quiet)

    assert done.status == "succeeded"
    counted = {key: crew.names().count(key) for key in crew.names()}
    assert counted == {"plan": 1, "plan/search": 2, "plan/other": 1, "judge": 2, "write": 1}
    assert done.steps["plan"].revision == 1
    assert PastOutput.objects.filter(step=done.steps["plan"]).count() == 1
    assert runs.verify(done.run.pk).fault is None


def _plan_two(crew: _Crew) -> _Agent:
    def plan(task: Task) -> Any:
        crew.done.append((task.step_key, task.feedback))
        return Result({}, spawn=[StepSpec("search", agent="test.work"), StepSpec("other", agent="test.work")])

    return plan


def test_a_gated_step_is_judged_again() -> None:
    crew = _Crew("draft")
    steps = (
        StepSpec("draft", agent="test.work", verify=Verify("test.judge")),
        StepSpec("critic", agent="test.critic", needs=("draft",)),
    )
    done = _run(steps, crew, "rework-gated")

    assert done.status == "succeeded"
    assert done.steps["draft"].accepted_by == "verdict"
    assert Step.objects.filter(run=done.run, kind="verifier").count() == 2
    assert runs.verify(done.run.pk).fault is None


def test_a_child_run_of_a_step_that_is_done_again_is_cancelled_and_another_started() -> None:
    crew = _Crew("fetch", times=1)
    asked = WorkflowSpec(name="rework-asked", steps=(StepSpec("do", agent="test.unsure"),))
    told = iter([Result({}, confidence=0.1), Result({}, confidence=0.9)])
    fakes = {**crew.agents, "test.unsure": lambda _task: next(told)}
    steps = (
        StepSpec("fetch", agent="test.work"),
        StepSpec("ask", workflow="rework-asked", after=("fetch",)),
        StepSpec("judge", agent="test.critic", needs=("fetch",)),
    )
    run_workflow(asked, {}, agents={"test.unsure": lambda _task: {}})
    done = run_workflow(WorkflowSpec(name="rework-child", steps=steps), {}, agents=fakes)

    done = drive(done.run.pk, agents=fakes)
    children = done.steps["ask"].child_runs.order_by("parent_attempt")
    assert [child.status for child in children] == ["cancelled", "succeeded"]
    assert done.status == "succeeded"
    assert runs.verify(done.run.pk).fault is None


def test_what_hangs_below_children_of_a_former_generation_stays_history() -> None:
    """A revised step lets go of its items with their verifiers; a later rework must not wake those."""
    crew = _Crew("fetch")
    verdicts = iter(["FAIL"])
    judged = {
        **crew.agents,
        "test.plan": lambda _task: Result({}, spawn=[_EACH]),
        "test.strict": lambda _task: {"verdict": next(verdicts, "PASS"), "reasons": ["thin"]},
    }
    steps = (
        StepSpec("fetch", agent="test.work"),
        StepSpec("plan", agent="test.plan", needs=("fetch",), verify=Verify("test.strict")),
        StepSpec("judge", agent="test.critic", needs=("plan",)),
    )
    done = run_workflow(WorkflowSpec(name="rework-nested", steps=steps), {}, agents=judged)

    assert done.status == "succeeded"
    grown = Step.objects.filter(run=done.run).exclude(kind="planned")
    assert set(grown.values_list("status", flat=True)) == {"succeeded"}
    assert set(grown.values_list("revision", flat=True)) == {0}
    for key in ("plan/each", "plan~1/each", "plan~2/each"):
        assert grown.filter(parent__key=key, kind="item").count() == 2
        assert grown.filter(parent__parent__key=key, kind="verifier").count() == 2
    current = grown.filter(edges_out__is_child=True)
    assert {key.partition("/")[0] for key in current.values_list("key", flat=True)} == {"plan~2", "plan~2?0"}
    assert runs.verify(done.run.pk).fault is None


_EACH = StepSpec("each", agent="test.work", for_each="[1, 2]", verify=Verify("test.judge"))


def test_what_was_put_out_before_is_listed_latest_first() -> None:
    fetch, *others = LINE
    done = _run((replace(fetch, max_reworks=2), *others), _Crew("fetch", times=2), "rework-listed")
    past = list_past_outputs(done.steps["fetch"].pk)
    assert [one.revision for one in past] == [1, 0]
