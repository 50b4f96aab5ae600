"""Many workers at one pool, and a breaker that can't be told: what needs real commits."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection

from agents import agent
from agents.admission import set_pool_size
from agents.domain.catalogue import catalogue
from agents.models import PoolSlot
from orchestration import StepSpec, WorkflowSpec
from orchestration.dispatch import mute_dispatch
from orchestration.domain.work import Claim
from orchestration.executor import admission, ring_next
from orchestration.executor.slots import claim_with_slots
from orchestration.models import Step
from tests.integration.orchestration.bench import Bench
from tests.integration.orchestration.rig import Rig, graph, in_thread

pytestmark = pytest.mark.usefixtures("committed_db")

DRAW = "test.draw"
SIX = WorkflowSpec(name="six", steps=tuple(StepSpec(f"s{n}", agent=DRAW) for n in range(6)))


@pytest.fixture(autouse=True)
def _agents() -> Iterator[None]:
    before = dict(catalogue._declared)
    agent(DRAW, pools={"easel": 1})(lambda task: task.step_key)
    yield
    with catalogue._lock:
        catalogue._declared = before
        catalogue._rebuild()


def test_of_six_at_once_one_has_the_slot_and_the_others_wait_in_line() -> None:
    set_pool_size("easel", 1)
    bench = Bench.make({DRAW: lambda _: None})
    run = bench.start(SIX)
    steps = list(Step.objects.filter(run=run).order_by("pk"))
    bid: dict[str, Any] = {"process_id": bench.process_id, "task_id": "t", "agents": [DRAW]}

    def claim(step: Step) -> Claim | None:
        return claim_with_slots(step.pk, **bid, token=uuid4())

    threads = [in_thread(lambda step=step: claim(step)) for step in steps]  # type: ignore[misc]
    claims = [taken for thread in threads if (taken := thread.result(timeout=30)) is not None]

    assert len(claims) == 1
    assert [slot.token for slot in PoolSlot.objects.filter(pool="easel")] == [claims[0].token]
    waiting = Step.objects.filter(run=run, status="available", waits_for="pool")
    assert waiting.count() == 5
    # Two maintainers or finishers that look at once ring for one step, not for two.
    PoolSlot.objects.filter(pool="easel").delete()
    with mute_dispatch():
        assert ring_next(["easel"]) + ring_next(["easel"]) == 1
    assert Step.objects.filter(run=run, waits_for="slot").count() == 1


def test_a_breaker_that_can_not_be_told_keeps_no_attempt_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def be_away(*_: Any, **__: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    rig = Rig.begin(graph({"a": ()}))
    claim = rig.take("a")
    monkeypatch.setattr(admission, "note_failure", be_away)
    assert not connection.in_atomic_block
    rig.retry(claim)
    assert rig.statuses() == {"a": "retryable"}
