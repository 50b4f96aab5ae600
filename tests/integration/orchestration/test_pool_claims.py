"""Steps that ask for slots: claimed in turn, never without, and never leaving one behind."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now

from agents import Task, agent
from agents.admission import find_rooms, set_pool_size, take_slots
from agents.domain.catalogue import catalogue
from agents.models import PoolSlot
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.work import Claim
from orchestration.executor.slots import claim_with_slots, ring_next
from orchestration.maintenance import queues
from orchestration.models import Attempt, Event, Run, Step, WorkerProcess
from orchestration.transitions import claim as claims
from orchestration.transitions import finish
from orchestration.transitions.claim import claim_step
from orchestration.transitions.finish import new_run_on
from tests.guards import cut
from tests.integration.orchestration.bench import Bench, step_of, waits
from tests.integration.orchestration.rig import AGENT, Rig, graph

pytestmark = pytest.mark.django_db

KEYS = ("a", "b", "c")


def draw(task: Task) -> str:
    return task.step_key


@pytest.fixture(autouse=True)
def _agents() -> Iterator[None]:
    before = dict(catalogue._declared)
    agent("test.draw", pools={"gpu": 1})(draw)
    agent("test.film", pools={"gpu": 2})(lambda task: task.step_key)
    agent(AGENT, pools={"gpu": 1})(lambda task: task.step_key)
    set_pool_size("gpu", 1)
    yield
    with catalogue._lock:
        catalogue._declared = before
        catalogue._rebuild()


@pytest.fixture
def bench() -> Bench:
    return Bench.make({"test.draw": draw, "test.film": draw})


def spec(*keys: str, name: str = "pictures", agent_name: str = "test.draw") -> WorkflowSpec:
    return WorkflowSpec(name=name, steps=tuple(StepSpec(key, agent=agent_name) for key in keys))


def claim(bench: Bench, step: Step) -> Claim | None:
    """Claim a step as a worker does that gets its message."""
    bid: dict[str, Any] = {"process_id": bench.process_id, "task_id": "t", "agents": sorted(bench.agents)}
    return claim_step(step.pk, **bid) or claim_with_slots(step.pk, **bid, token=uuid4())


def ring() -> list[str]:
    """Let the maintainer ring for those whose turn has come; return their keys."""
    before = dict(Step.objects.values_list("pk", "dispatches"))
    with mute_dispatch():
        queues.wake_pool_waiters()
    return [step.key for step in Step.objects.order_by("pk") if step.dispatches > before[step.pk]]


def test_a_step_runs_with_its_slots_and_gives_them_back(bench: Bench) -> None:
    seen = []

    def look(task: Task) -> None:
        seen.append(list(PoolSlot.objects.values_list("pool", "amount", "step", "holder")))

    run = bench.start(spec("a"))
    busy = Bench(bench.process_id, {"test.draw": look})
    assert busy.perform(step_of(run, "a")) == "accept"
    assert seen == [[("gpu", 1, step_of(run, "a").pk, f"pictures {str(run.pk)[:8]} / a")]]
    assert not PoolSlot.objects.exists()
    assert runs.get_run(run.pk).status == "succeeded"


def test_the_quick_claim_leaves_steps_with_slots_alone(bench: Bench) -> None:
    run = bench.start(spec("a"))
    bid: dict[str, Any] = {"process_id": bench.process_id, "task_id": "t", "agents": sorted(bench.agents)}
    assert claim_step(step_of(run, "a").pk, **bid) is None
    assert step_of(run, "a").status == "available"


def test_a_step_whose_pool_is_full_waits_and_nobody_rings_for_it(bench: Bench) -> None:
    run = bench.start(spec("a", "b"))
    assert claim(bench, step_of(run, "a")) is not None
    assert bench.perform(step_of(run, "b")) == "waits"
    assert bench.perform(step_of(run, "b")) == "waits"
    assert waits(run) == {"b": "pool"}
    assert not Attempt.objects.filter(step__key="b").exists()
    [event] = Event.objects.filter(run=run, kind="step_waits")
    assert event.data_json == '{"pools": {"gpu": 1}}'
    assert ring() == []
    assert find_rooms(["gpu"])["gpu"].held == 1
    out = StringIO()
    call_command("show_run", str(run.pk), stdout=out)
    assert "next: steps wait for slots of gpu: `manage.py pools` shows who holds them" in out.getvalue()


def test_all_are_served_in_turn(bench: Bench) -> None:
    run = bench.start(spec(*KEYS))
    blocker = uuid4()
    take_slots({"gpu": 1}, blocker, 0)
    for key in reversed(KEYS):
        assert bench.perform(step_of(run, key)) == "waits"
    PoolSlot.objects.filter(token=blocker).delete()
    served = []
    while rung := ring():
        served += rung
        for key in rung:
            assert bench.perform(step_of(run, key)) == "accept"
    # Whoever ends rings for the next, so that the maintainer rings only once.
    assert served == ["a"]
    while step := Step.objects.filter(run=run, waits_for="slot", status="available").first():
        served.append(step.key)
        assert bench.perform(step) == "accept"
    assert served == list(KEYS)
    assert runs.get_run(run.pk).status == "succeeded"


def test_a_slot_is_rung_for_once(bench: Bench) -> None:
    run = bench.start(spec("a", "b"))
    first = claim(bench, step_of(run, "a"))
    assert first is not None
    bench.perform(step_of(run, "b"))
    PoolSlot.objects.all().delete()
    assert ring() == ["b"]
    assert waits(run) == {"b": "slot"}
    assert ring() == []
    Step.objects.filter(run=run, key="b").update(dispatched_at=Now() - timedelta(hours=1))
    assert ring() == ["b"]


def test_a_newcomer_does_not_overtake_one_whose_message_is_under_way(bench: Bench) -> None:
    first = bench.start(spec("a", "b"))
    assert claim(bench, step_of(first, "a")) is not None
    bench.perform(step_of(first, "b"))
    PoolSlot.objects.all().delete()
    assert ring() == ["b"]
    newcomer = bench.start(spec("a", "b"))
    assert bench.perform(step_of(newcomer, "a")) == "waits"
    assert bench.perform(step_of(first, "b")) == "accept"


def test_a_run_of_higher_priority_goes_first(bench: Bench) -> None:
    low = bench.start(spec("a"))
    high = bench.start(spec("a"), priority=5)
    blocker = uuid4()
    take_slots({"gpu": 1}, blocker, 0)
    for run in (low, high):
        assert bench.perform(step_of(run, "a")) == "waits"
    PoolSlot.objects.filter(token=blocker).delete()
    with mute_dispatch():
        ring_next(["gpu"])
    assert (waits(low), waits(high)) == ({"a": "pool"}, {"a": "slot"})


def test_a_big_request_is_not_starved_by_small_ones(bench: Bench) -> None:
    set_pool_size("gpu", 2)
    small = bench.start(spec("a", "b", "c"))
    assert claim(bench, step_of(small, "a")) is not None
    big = bench.start(spec("x", name="films", agent_name="test.film"), priority=1)
    assert bench.perform(step_of(big, "x")) == "waits"
    assert bench.perform(step_of(small, "b")) == "waits"  # one slot is free, but the big one is first in line
    PoolSlot.objects.all().delete()
    assert bench.perform(step_of(small, "c")) == "waits"
    assert ring() == ["x"]
    assert bench.perform(step_of(big, "x")) == "accept"


def test_one_that_nobody_serves_blocks_nobody(bench: Bench) -> None:
    first = bench.start(spec("a", "b"))
    take_slots({"gpu": 1}, uuid4(), 0)
    bench.perform(step_of(first, "a"))
    PoolSlot.objects.all().delete()
    Step.objects.filter(run=first, key="a").update(queue="unserved")
    assert bench.perform(step_of(first, "b")) == "accept"


def test_a_step_of_a_paused_run_neither_waits_in_line_nor_is_rung_for(bench: Bench) -> None:
    run = bench.start(spec("a"))
    take_slots({"gpu": 1}, uuid4(), 0)
    bench.perform(step_of(run, "a"))
    PoolSlot.objects.all().delete()
    runs.pause(run.pk)
    assert ring() == []
    with mute_dispatch():
        runs.resume(run.pk)
    assert ring() == ["a"]


def test_a_step_that_asks_for_more_than_there_is_goes_to_a_person(bench: Bench) -> None:
    run = bench.start(spec("x", name="films", agent_name="test.film"))
    assert bench.perform(step_of(run, "x")) == "escalate"
    held = step_of(run, "x")
    assert held.status == "held"
    assert "asks for more slots than there are (2 of gpu)" in held.reason
    assert not PoolSlot.objects.exists()


def test_a_pool_that_was_closed_for_a_while_makes_wait(bench: Bench) -> None:
    set_pool_size("gpu", 0)
    run = bench.start(spec("a"))
    assert bench.perform(step_of(run, "a")) == "waits"
    set_pool_size("gpu", 1)
    assert ring() == ["a"]


def test_a_claim_that_is_refused_takes_nothing(bench: Bench) -> None:
    run = bench.start(spec("a"))
    WorkerProcess.objects.update(stopped_at=Now(), died=True)
    assert claim(bench, step_of(run, "a")) is None
    assert not PoolSlot.objects.exists()
    assert waits(run) == {"a": ""}


def test_a_step_with_slots_is_not_run_on(bench: Bench) -> None:
    rig = Rig.begin(graph({"a": (), "behind": ["a"]}))
    first = claim(Bench(rig.process_id, {AGENT: None}), rig.step("a"))
    assert first is not None
    done = rig.finish(first, run_on=new_run_on(rig.step("behind").pk, "t", [AGENT]))
    assert done.finished is not None
    assert done.finished.next_claim is None
    assert rig.step("behind").status == "available"


_ENDS: dict[str, Callable[[Rig, Claim], object]] = {
    "finish": lambda rig, claim: rig.finish(claim),
    "hold": lambda rig, claim: rig.hold(claim),
    "retry": lambda rig, claim: rig.retry(claim),
    "free": lambda rig, claim: rig.free(claim),
    "fail": lambda rig, claim: rig.fail(claim),
    "cancel": lambda rig, _: runs.cancel(rig.run_id),
}


def _end(name: str) -> None:
    rig = Rig.begin(graph({"a": (), "b": ()}))
    taken = claim(Bench(rig.process_id, {AGENT: None}), rig.step("a"))
    assert taken is not None
    assert PoolSlot.objects.filter(token=taken.token).count() == 1
    _ENDS[name](rig, taken)
    assert not PoolSlot.objects.exists()


@pytest.mark.parametrize("name", sorted(_ENDS))
def test_whatever_ends_a_claim_frees_its_slots(name: str) -> None:
    _end(name)


@pytest.mark.parametrize("name", sorted(_ENDS))
def test_without_the_trigger_a_slot_would_stay(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TRIGGER step_gives_back_its_slots ON orchestration_step")
    with pytest.raises(AssertionError):
        _end(name)


_NO_SLOTS = "AND (%(has_slots)s OR (s.stage <> '' OR s.pools = '{}'::jsonb))"


def test_without_its_guard_the_quick_claim_would_take_no_slots(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_CLAIM", cut(claims._CLAIM, _NO_SLOTS, "AND (%(has_slots)s OR true)"))
    with pytest.raises(AssertionError):
        test_the_quick_claim_leaves_steps_with_slots_alone(bench)


def test_without_its_guard_a_step_would_be_run_on_without_slots(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = "AND (t.stage <> '' OR t.pools = '{}'::jsonb)"
    monkeypatch.setattr(finish, "_FINISH", cut(finish._FINISH, guard))
    with pytest.raises(AssertionError):
        test_a_step_with_slots_is_not_run_on(bench)


def test_no_agent_is_called_without_the_slots_it_asks_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second net: should a claim come through without them, its attempt says so."""
    monkeypatch.setattr(claims, "_CLAIM", claims._CLAIM.replace(_NO_SLOTS, "AND (%(has_slots)s OR true)"))
    run = bench.start(spec("a"))
    assert bench.perform(step_of(run, "a")) == "escalate"
    assert Attempt.objects.get(step__run=run).failure_kind == "limit"


def test_what_a_lost_claim_left_behind_is_swept(bench: Bench) -> None:
    run = bench.start(spec("a"))
    live = claim(bench, step_of(run, "a"))
    assert live is not None
    set_pool_size("gpu", 2)
    take_slots({"gpu": 1}, uuid4(), 0)
    assert queues.free_admissions() == 1
    assert list(PoolSlot.objects.values_list("token", flat=True)) == [live.token]


def test_a_resumed_run_rings_its_waiting_steps_only_in_turn(bench: Bench) -> None:
    run: Run = bench.start(spec("a", "b"))
    assert claim(bench, step_of(run, "a")) is not None
    bench.perform(step_of(run, "b"))
    runs.pause(run.pk)
    with mute_dispatch():
        runs.resume(run.pk)
    assert waits(run) == {"b": "pool"}
