"""What the maintainer finds: lost messages, unknown agents, dead workers, overdue steps, forgotten releases."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Now

from agents.models import CountedFailure
from escalation.models import Ticket
from orchestration.dispatch import mute_dispatch
from orchestration.maintenance.rescuer import free_overdue, free_stranded
from orchestration.maintenance.scheduler import release_forgotten, wake_due
from orchestration.models import Attempt, Step, WorkerProcess
from orchestration.transitions.claim import claim_step
from orchestration.transitions.heal import ring_lost_steps, ring_suspects_of, wake_known_agents
from orchestration.transitions.waiting import mark_unknown_agent
from tests.integration.orchestration.rig import AGENT, Rig, graph

pytestmark = pytest.mark.django_db

SPEC = graph({"a": (), "b": (), "join": ["a", "b"]})
PATIENCE = 5.0


def _ago(seconds: float | None) -> Any:
    return None if seconds is None else Now() - Value(timedelta(seconds=seconds))


@pytest.fixture
def rig() -> Any:
    with mute_dispatch():
        yield Rig.begin(SPEC)


def _set_step(rig: Rig, key: str, **fields: Any) -> None:
    Step.objects.filter(pk=rig.step(key).pk).update(**fields)


def _set_worker(rig: Rig, **fields: Any) -> None:
    WorkerProcess.objects.filter(pk=rig.process_id).update(**fields)


@pytest.mark.parametrize(
    ("dispatched", "worker", "is_lost"),
    [
        # Overtaken: one sent 5 s later on the same queue was claimed, however busy the worker is.
        (20, {"newest": 14.9, "busy": 8, "last_claim": 0}, True),
        (20, {"newest": 15.1, "busy": 8, "last_claim": 0}, False),
        # Idle, and claimed nothing for 5 s.
        (6, {"newest": None, "busy": 0, "last_claim": None}, True),
        (6, {"newest": 60, "busy": 7, "last_claim": 6}, True),
        (6, {"newest": 60, "busy": 7, "last_claim": 4}, False),
        # Busy and not overtaken: merely queued, for as long as it takes.
        (3_600, {"newest": 3_600, "busy": 8, "last_claim": 60}, False),
        # Just sent.
        (4, {"newest": 0, "busy": 0, "last_claim": None}, False),
    ],
)
def test_a_message_is_lost_when_overtaken_or_when_a_worker_idles(
    rig: Rig, dispatched: float, worker: dict[str, Any], is_lost: bool
) -> None:
    _set_step(rig, "a", dispatched_at=_ago(dispatched))
    _set_step(rig, "b", dispatched_at=Now())
    _set_worker(
        rig,
        busy=worker["busy"],
        newest_dispatch_at=_ago(worker["newest"]),
        last_claim_at=_ago(worker["last_claim"]),
    )
    assert ring_lost_steps(PATIENCE, 10) == ([rig.step("a").pk] if is_lost else [])
    assert rig.step("a").dispatches == (2 if is_lost else 1)
    assert rig.events("a") == (["step_rung_again"] if is_lost else [])


@pytest.mark.parametrize(
    ("step", "worker"),
    [
        ({}, {"queues": ["isolated"]}),
        ({}, {"stopped_at": Now()}),
        ({"waits_for": "agent"}, {}),
        ({"dispatches": 5}, {}),  # rung in vain before: the patience grows
    ],
)
def test_what_is_not_lost_is_not_rung_again(rig: Rig, step: dict[str, Any], worker: dict[str, Any]) -> None:
    _set_step(rig, "a", dispatched_at=_ago(20), **step)
    _set_step(rig, "b", dispatched_at=Now())
    _set_worker(rig, **worker)
    assert ring_lost_steps(PATIENCE, 10) == []


def test_at_most_so_many_are_rung_in_a_sweep_the_oldest_first(rig: Rig) -> None:
    _set_step(rig, "a", dispatched_at=_ago(20))
    _set_step(rig, "b", dispatched_at=_ago(30))
    assert ring_lost_steps(PATIENCE, 1) == [rig.step("b").pk]
    assert ring_lost_steps(PATIENCE, 1) == [rig.step("a").pk]
    assert ring_lost_steps(PATIENCE, 1) == []


def test_ringing_again_breaks_the_chord_of_the_join(rig: Rig) -> None:
    _set_step(rig, "join", chord_intact=True)
    _set_step(rig, "a", dispatched_at=_ago(20))
    ring_lost_steps(PATIENCE, 10)
    assert not rig.step("join").chord_intact


def test_a_dead_worker_may_have_swallowed_what_was_sent_shortly_before(rig: Rig) -> None:
    _set_worker(rig, beat_at=_ago(10), stopped_at=_ago(1))
    _set_step(rig, "a", dispatched_at=_ago(12))
    _set_step(rig, "b", dispatched_at=_ago(30))
    assert ring_suspects_of(rig.process_id, 7.0, 10) == [rig.step("a").pk]


def test_an_unknown_agents_step_waits_until_a_present_worker_knows_it(rig: Rig) -> None:
    step = rig.step("a")
    assert claim_step(step.pk, process_id=rig.process_id, task_id="t", agents=["another"]) is None
    assert mark_unknown_agent(step.pk, ["another"])
    assert not mark_unknown_agent(step.pk, ["another"])
    assert rig.step("a").waits_for == "agent"
    assert rig.events("a") == ["step_waits"]

    _set_worker(rig, agents=["another"])
    assert wake_known_agents() == []
    _set_worker(rig, agents=["another", AGENT], stopped_at=Now())
    assert wake_known_agents() == []
    _set_worker(rig, stopped_at=None)
    assert wake_known_agents() == [step.pk]
    assert (rig.step("a").waits_for, rig.step("a").dispatches) == ("", 2)
    assert rig.claim("a") is not None


def test_a_waiting_step_may_be_claimed_by_whoever_knows_its_agent(rig: Rig) -> None:
    mark_unknown_agent(rig.step("a").pk, ["another"])
    assert rig.claim("a") is not None
    assert rig.step("a").waits_for == ""


def test_a_retry_wakes_when_it_is_due_and_not_before(rig: Rig) -> None:
    rig.retry(rig.take("a"))
    assert wake_due() == 0
    _set_step(rig, "a", due_at=_ago(0))
    assert wake_due() == 1
    assert rig.statuses()["a"] == "available"
    assert rig.step("a").due_at is None


def test_a_dead_workers_only_step_is_freed_and_blamed(rig: Rig) -> None:
    rig.take("a")
    assert free_stranded() == 0
    _set_worker(rig, stopped_at=Now(), died=True)
    assert free_stranded() == 1
    step = rig.step("a")
    assert (step.status, step.crashes, step.queue, step.failures) == ("available", 1, "steps", 0)
    assert Attempt.objects.get(step=step).outcome == "crashed"
    assert free_stranded() == 0


@pytest.mark.parametrize(("is_served", "queue"), [(True, "isolated"), (False, "steps")])
def test_neighbours_in_a_dead_process_are_suspects_and_not_blamed(
    rig: Rig, is_served: bool, queue: str
) -> None:
    if is_served:
        WorkerProcess.objects.create(
            name="alone", host="", pid=0, queues=["isolated"], agents=[AGENT], concurrency=1
        )
    rig.take("a")
    rig.take("b")
    _set_worker(rig, stopped_at=Now(), died=True)
    assert free_stranded() == 2
    assert {(s.crashes, s.queue, s.status) for s in map(rig.step, "ab")} == {(0, queue, "available")}


def test_the_third_crash_of_its_own_is_a_ticket(rig: Rig) -> None:
    _set_step(rig, "a", crashes=2)
    rig.take("a")
    _set_worker(rig, stopped_at=Now(), died=True)
    assert free_stranded() == 1
    assert rig.statuses()["a"] == "held"
    assert [ticket.rule for ticket in Ticket.objects.filter(run=rig.run_id)] == ["crash_limit"]


def test_a_step_past_deadline_and_grace_is_freed_whatever_its_worker_says(rig: Rig, settings: Any) -> None:
    settings.RINGMASTER = {"DEADLINE_GRACE_SECONDS": 5.0}
    old = rig.take("a")
    _set_step(rig, "a", deadline_at=_ago(4))
    assert free_overdue() == 0
    _set_step(rig, "a", deadline_at=_ago(6))
    assert free_overdue() == 1
    assert rig.statuses()["a"] == "retryable"
    attempt = Attempt.objects.get(pk=old.attempt_id)
    assert (attempt.failure_kind, attempt.decision.rule) == ("timeout", "transient_retry")


@pytest.fixture
def isolated() -> None:
    """Have somebody who takes suspects alone."""
    WorkerProcess.objects.create(
        name="alone", host="", pid=0, queues=["isolated"], agents=[AGENT], concurrency=1
    )


def _after(rig: Rig, key: str) -> tuple[str, str, int, int]:
    step = rig.step(key)
    return step.status, step.queue, step.crashes, step.failures


@pytest.mark.usefixtures("isolated")
def test_of_a_process_that_died_blocked_only_the_step_at_fault_is_blamed(rig: Rig) -> None:
    rig.take("a")
    rig.take("b")
    blocked = {"blocked_at": _ago(9), "blocked_by": rig.step("b").pk}
    _set_worker(rig, stopped_at=Now(), died=True, **blocked)
    assert free_stranded() == 2
    assert _after(rig, "a") == ("available", "steps", 0, 0)
    assert _after(rig, "b") == ("available", "isolated", 1, 0)
    said = dict(Attempt.objects.values_list("step__key", "error_message"))
    assert said["a"].startswith("another step held the interpreter")
    assert said["b"].startswith("it held the interpreter")
    # The agent of both is the same: it failed once.
    assert CountedFailure.objects.count() == 1


@pytest.mark.usefixtures("isolated")
@pytest.mark.parametrize("block", [{"blocked_by": None}, {"blocked_by": 1, "blocked_until": _ago(5)}])
def test_of_one_that_died_of_who_knows_what_all_are_suspects(rig: Rig, block: dict[str, Any]) -> None:
    rig.take("a")
    rig.take("b")
    _set_worker(rig, stopped_at=Now(), died=True, blocked_at=_ago(9), **block)
    assert free_stranded() == 2
    assert _after(rig, "a") == _after(rig, "b") == ("available", "isolated", 0, 0)


@pytest.mark.usefixtures("isolated")
@pytest.mark.parametrize(
    ("block", "expected"),
    [
        # It lasts: the one at fault, another step, who knows what.
        ({"blocked_at": _ago(9), "blocked_by": "a"}, ("available", "isolated", 1, 0)),
        ({"blocked_at": _ago(9), "blocked_by": "b"}, ("available", "steps", 0, 0)),
        ({"blocked_at": _ago(9), "blocked_by": None}, ("available", "isolated", 0, 0)),
        # It was over when the time was, or shorter than the grace, or has not begun by then: no excuse.
        (
            {"blocked_at": _ago(70), "blocked_until": _ago(61), "blocked_by": "b"},
            ("retryable", "steps", 0, 1),
        ),
        (
            {"blocked_at": _ago(9), "blocked_until": _ago(4.5), "blocked_by": "b"},
            ("retryable", "steps", 0, 1),
        ),
        ({"blocked_at": _ago(5.5), "blocked_by": "b"}, ("retryable", "steps", 0, 1)),
        ({"blocked_at": None}, ("retryable", "steps", 0, 1)),
    ],
)
def test_what_is_overdue_in_a_blocked_process_is_judged_by_who_blocks_it(
    rig: Rig, settings: Any, block: dict[str, Any], expected: tuple[str, str, int, int]
) -> None:
    settings.RINGMASTER = {"DEADLINE_GRACE_SECONDS": 5.0}
    rig.take("a")
    _set_step(rig, "a", claimed_at=_ago(60), deadline_at=_ago(6))
    by = block.get("blocked_by")
    _set_worker(rig, **block | {"blocked_by": rig.step(by).pk if by else None})
    assert free_overdue() == 1
    assert _after(rig, "a") == expected


def test_a_forgotten_release_is_made_up_for(rig: Rig) -> None:
    for key in "ab":
        rig.finish(rig.take(key))
    assert rig.statuses()["join"] == "pending"
    assert release_forgotten() == 0
    Step.objects.filter(run=rig.run_id, unreleased=True).update(finished_at=_ago(2))
    assert release_forgotten() >= 1
    assert rig.statuses()["join"] == "available"
    assert release_forgotten() == 0


def test_a_forgotten_end_closes_the_run() -> None:
    rig = Rig.begin(graph({"a": ()}))
    rig.finish(rig.take("a"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orchestration_step SET unreleased = true WHERE run_id = %s", [rig.run_id])
    assert rig.run.status == "running"
    assert rig.release("a") == []
    assert rig.run.status == "succeeded"
    assert rig.fault() is None
