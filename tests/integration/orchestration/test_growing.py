"""Plans that grow: items, spawned steps, child runs, people's steps and gates, each on the real engine."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from agents import Result, Task
from agents.invoke import override
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.plan import MAX_KEY_CHARACTERS, name_child, name_compensation
from orchestration.domain.states import StepKind, StepStatus
from orchestration.models import Attempt, Decision, Run, Step, WorkerProcess
from orchestration.testing import FinishedRun, run_workflow

pytestmark = pytest.mark.django_db


def _spec(*steps: StepSpec, name: str = "growing") -> WorkflowSpec:
    return WorkflowSpec(name=name, steps=steps)


def _run(spec: WorkflowSpec, **agents: Any) -> FinishedRun:
    return run_workflow(spec, {}, agents={f"test.{name}": agent for name, agent in agents.items()})


def _publish(spec: WorkflowSpec, agent: str) -> None:
    with override({agent: lambda _: None}):
        runs.publish(spec)


FAN = _spec(
    StepSpec("list", agent="test.list"),
    StepSpec("each", agent="test.each", needs=["list"], for_each="steps.list", input={"n": "item"}),
    StepSpec("sum", agent="test.sum", needs=["each"]),
)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_a_for_each_does_every_item_once_and_keeps_their_order(count: int) -> None:
    seen: list[int | None] = []

    def each(task: Task) -> int:
        seen.append(task.index)
        assert task.item == task.input["n"]
        return int(task.item) * 10

    done = _run(FAN, list=lambda _: list(range(count)), each=each, sum=lambda task: sum(task.handoff["each"]))

    assert done.status == "succeeded"
    assert done.outputs["each"] == [n * 10 for n in range(count)]
    assert done.outputs["sum"] == sum(n * 10 for n in range(count))
    assert sorted(index for index in seen if index is not None) == list(range(count))
    assert Step.objects.filter(run=done.run, kind=StepKind.ITEM, status="succeeded").count() == count
    assert runs.verify(done.run.pk).fault is None


def test_one_held_item_stops_no_other() -> None:
    done = _run(
        FAN,
        list=lambda _: [0, 1, 2],
        each=lambda task: Result(task.item, confidence=0.1 if task.item == 1 else 0.9),
        sum=lambda _: 0,
    )

    assert done.status == "running"
    assert done.held == ["each[1]"]
    assert done.steps["each"].status == StepStatus.WAITING
    assert {done.steps[key].status for key in ("each[0]", "each[2]")} == {"succeeded"}


def test_spawned_steps_are_done_under_their_parent_and_may_spawn_in_turn() -> None:
    def plan(task: Task) -> Result:
        workers = [StepSpec(f"w{n}", agent="test.work", input={"n": f"item.numbers[{n}]"}) for n in range(3)]
        return Result(
            {"numbers": [5, 6, 7]}, spawn=[*workers, StepSpec("add", agent="test.add", needs=["w0", "w1"])]
        )

    def work(task: Task) -> object:
        if task.step_key == "plan/w2":
            return Result("deep", spawn=[StepSpec("leaf", agent="test.leaf")])
        return task.input["n"]

    done = _run(
        _spec(StepSpec("plan", agent="test.plan"), StepSpec("end", agent="test.end", needs=["plan"])),
        plan=plan,
        work=work,
        add=lambda task: task.handoff["w0"] + task.handoff["w1"],
        leaf=lambda task: "leaf of " + str(task.item),
        end=lambda task: task.handoff["plan"]["spawned"]["add"],
    )

    assert done.status == "succeeded"
    assert done.outputs["plan"]["spawned"] == {
        "w0": 5,
        "w1": 6,
        "w2": {"output": "deep", "spawned": {"leaf": "leaf of deep"}},
        "add": 11,
    }
    assert done.outputs["end"] == 11
    assert done.steps["plan/w2/leaf"].parent_id == done.steps["plan/w2"].pk
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize(
    ("spawn", "word"),
    [
        ([StepSpec("a", agent="test.nobody")], "unknown agent 'test.nobody'"),
        ([StepSpec("a", agent="test.plan", needs=["b"])], "no step 'b'"),
        ([{"key": "a"}], "name either an agent or a workflow"),
        (
            [StepSpec("a", agent="test.plan"), StepSpec("a", agent="test.plan")],
            "another step has the same key",
        ),
    ],
)
def test_a_wrong_spawn_is_a_decision_and_grows_nothing(spawn: list[object], word: str) -> None:
    done = _run(_spec(StepSpec("plan", agent="test.plan")), plan=lambda _: Result(1, spawn=spawn))

    assert done.held == ["plan"]
    decision = Decision.objects.get(run=done.run)
    assert (decision.kind, decision.rule) == ("escalate", "unreadable")
    assert word in decision.reason
    assert Step.objects.filter(run=done.run).count() == 1


def test_limits_refuse_by_a_decision(settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_FAN_OUT": 2}

    done = _run(FAN, list=lambda _: [1, 2, 3], each=lambda _: 1, sum=lambda _: 1)

    assert done.held == ["each"]
    decision = Decision.objects.get(run=done.run, step=done.steps["each"])
    assert decision.rule == "limit"
    assert "MAX_FAN_OUT" in decision.reason


def test_a_key_that_no_row_could_hold_is_refused_by_a_decision() -> None:
    """Each key stands behind those above it: where steps spawn steps that spawn, they add up."""

    def spawn(task: Task) -> Result:
        return Result(
            1, spawn=[StepSpec("b" * 100, agent="test.inner" if task.step_key == "a" * 99 else "test.leaf")]
        )

    wide = _spec(StepSpec("a" * 99, agent="test.outer"), name="wide-keys")
    done = _run(wide, outer=spawn, inner=spawn, leaf=lambda _: 1)

    assert done.held == ["a" * 99 + "/" + "b" * 100]
    decision = Decision.objects.get(run=done.run, step=done.steps[done.held[0]])
    assert (decision.rule, "shorter keys" in decision.reason) == ("limit", True)


def test_the_longest_key_leaves_room_for_what_is_added_to_it() -> None:
    longest = "k" * MAX_KEY_CHARACTERS
    added = [name_compensation(longest, 99_999, 99_999), name_child(longest, 99_999, StepKind.VERIFIER, 19)]
    limit = Step._meta.get_field("key").max_length
    assert all(len(key) <= (limit or 0) for key in added)


CHILD = _spec(StepSpec("double", agent="test.double", input={"n": "input.n"}), name="child")


def test_a_child_run_is_a_step_of_its_parent() -> None:
    with_children = _spec(
        StepSpec("list", agent="test.list"),
        StepSpec("kids", workflow="child", needs=["list"], for_each="steps.list", input={"n": "item"}),
    )
    _publish(CHILD, "test.double")

    done = _run(with_children, list=lambda _: [1, 2], double=lambda task: task.input["n"] * 2)

    assert done.status == "succeeded"
    assert done.outputs["kids"] == [{"double": 2}, {"double": 4}]
    children = Run.objects.filter(root_id=done.run.pk, depth=1)
    assert {child.parent_step.key for child in children if child.parent_step} == {"kids[0]", "kids[1]"}
    assert not Run.objects.filter(untold=True).exists()
    assert runs.verify(done.run.pk).fault is None


def test_a_child_run_that_fails_is_its_step_s_failure() -> None:
    child = _spec(StepSpec("boom", agent="test.boom", on_failure="abort"), name="child")
    _publish(child, "test.boom")

    def boom(task: Task) -> object:
        raise ValueError("no such thing")

    done = _run(_spec(StepSpec("kid", workflow="child")), boom=boom)

    assert done.held == ["kid"]
    assert Decision.objects.filter(run=done.run).latest("id").rule == "child_failed"


def test_an_unpublished_child_is_a_clear_failure() -> None:
    done = _run(_spec(StepSpec("kid", workflow="nobody")))

    assert done.held == ["kid"]
    assert "no workflow 'nobody' is published" in Decision.objects.get(run=done.run).reason


def test_a_person_s_step_is_a_ticket_at_once() -> None:
    done = _run(_spec(StepSpec("ask", agent="human", form={"type": "object"})))

    assert done.held == ["ask"]
    assert Attempt.objects.get(run=done.run).outcome == "asked"
    assert Decision.objects.get(run=done.run).rule == "human_step"


GATED = _spec(
    StepSpec("draft", agent="test.draft", verify=Verify(["test.v1", "test.v2"], max_revisions=1)),
    StepSpec("send", agent="test.send", needs=["draft"]),
)


def test_a_gate_passes_what_its_verifiers_pass() -> None:
    seen = []

    def verifier(task: Task) -> object:
        seen.append(task.input["output"])
        return {"verdict": "PASS", "reasons": []}

    done = _run(
        GATED, draft=lambda _: "text", v1=verifier, v2=verifier, send=lambda task: task.handoff["draft"]
    )

    assert done.status == "succeeded"
    assert seen == ["text", "text"]
    assert done.outputs["send"] == "text"
    assert done.steps["draft"].accepted_by == "verdict"
    assert runs.verify(done.run.pk).fault is None


def test_a_failed_verdict_revises_with_its_reasons_then_asks_a_person() -> None:
    feedback = []

    def draft(task: Task) -> str:
        feedback.append(task.feedback)
        return f"draft {len(feedback)}"

    done = _run(
        GATED,
        draft=draft,
        v1=lambda _: {"verdict": "PASS"},
        v2=lambda _: {"verdict": "FAIL", "reasons": ["too long"]},
        send=lambda _: "sent",
    )

    assert feedback == [None, "too long"]
    assert done.held == ["draft"]
    assert done.steps["draft"].proposed == "draft 2"
    rules = list(
        Decision.objects.filter(step=done.steps["draft"]).order_by("id").values_list("rule", flat=True)
    )
    assert rules == ["to_be_verified", "verifier_fail", "to_be_verified", "revisions_exhausted"]
    assert done.steps["send"].status == "pending"


@pytest.mark.parametrize("said", [None, "PASS", {"verdict": "pass"}, {"verdict": 1}, {}])
def test_what_can_t_be_read_as_a_pass_is_a_fail(said: object) -> None:
    done = _run(
        GATED, draft=lambda _: "x", v1=lambda _: said, v2=lambda _: {"verdict": "PASS"}, send=lambda _: 1
    )

    assert done.held == ["draft"]


def test_the_database_refuses_what_no_verdict_passed() -> None:
    done = _run(GATED, draft=lambda _: "x", v1=lambda _: None, v2=lambda _: None, send=lambda _: 1)
    step = done.steps["draft"]

    with pytest.raises(IntegrityError, match="step_gated_is_accepted"), transaction.atomic():
        Step.objects.filter(pk=step.pk).update(
            status="succeeded",
            finished_at=step.run.created_at,
            output_json='"x"',
            output_digest="0" * 64,
            receipt_digest="0" * 64,
        )


def _start_by_hand(step: Step) -> None:
    """Make a step running past the engine, as its claim would."""
    process = WorkerProcess.objects.create(name="hand", host="", pid=0, queues=[], agents=[], concurrency=1)
    now = step.run.created_at
    Step.objects.filter(pk=step.pk).update(
        status="running", token=uuid4(), process=process, claimed_at=now, deadline_at=now
    )


@pytest.mark.parametrize("edge", ["needs", "after"])
def test_the_database_refuses_to_start_what_stands_behind_an_open_gate(edge: str) -> None:
    order: dict[str, Any] = {edge: ("draft",)}
    spec = _spec(GATED.steps[0], StepSpec("send", agent="test.send", **order))
    done = _run(spec, draft=lambda _: "x", v1=lambda _: None, v2=lambda _: None, send=_never)
    assert done.held == ["draft"]

    with pytest.raises(IntegrityError, match="the output of draft has neither passed"), transaction.atomic():
        _start_by_hand(done.steps["send"])


def test_the_database_keeps_a_gate() -> None:
    done = _run(GATED, draft=lambda _: "x", v1=lambda _: None, v2=lambda _: None, send=_never)
    for key, gated in (("draft", False), ("send", True)):
        with pytest.raises(IntegrityError, match=f"step {key} is gated or not"), transaction.atomic():
            Step.objects.filter(pk=done.steps[key].pk).update(gated=gated)


def _never(task: Task) -> object:
    raise AssertionError(task.step_key)


@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b", "a" * 5_000])
def test_words_of_an_agent_that_can_t_be_stored_strand_no_step(bad: str) -> None:
    """What an agent names, spawns or gives as a reason becomes text of a decision, whatever it holds."""
    spawned = _run(
        _spec(StepSpec("plan", agent="test.plan"), name="spawns"),
        plan=lambda _: Result(1, spawn=[{"key": bad, "agent": bad}]),
    )
    sent_back = _run(
        _spec(StepSpec("a", agent="test.a"), StepSpec("b", agent="test.b", needs=["a"]), name="reworks"),
        a=lambda _: 1,
        b=lambda task: Result.rework("a", [bad]) if task.attempt == 1 else 2,
    )
    nowhere = _run(
        _spec(StepSpec("a", agent="test.a"), name="nowhere"), a=lambda _: Result.rework(bad, ["no"])
    )

    assert (spawned.held, nowhere.held) == (["plan"], ["a"])
    assert sent_back.status == "succeeded"
    assert sent_back.steps["a"].feedback
