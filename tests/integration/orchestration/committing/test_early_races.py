"""An early end against whatever else happens to the run at that moment: one final state, and the proof holds."""

import pytest
from django.db import transaction

from orchestration import runs
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ClaimLost, RunFinal, StepNotHeld
from orchestration.models import Event, Run, RunResult, Step
from tests.integration.escalation.desk import race
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db(transaction=True)
SPEC = graph({"a": (), "b": ["a"], "c": ()})


def _check(rig: Rig) -> None:
    """Nothing is open, the run ended once, and what it tells of itself fits."""
    assert rig.run.status == "succeeded"
    statuses = set(Step.objects.filter(run=rig.run_id).values_list("status", flat=True))
    assert statuses <= {"succeeded", "cancelled"}
    assert RunResult.objects.filter(run=rig.run_id).count() == 1
    assert Event.objects.filter(run=rig.run_id, kind="run_closed").count() == 1
    assert rig.fault() is None


@pytest.mark.parametrize("_again", range(3))
def test_against_a_step_that_finishes(_again: int) -> None:
    rig = Rig.begin(SPEC)
    claim = rig.take("a")

    finished, _ = race([lambda: rig.finish(claim, 1), lambda: runs.finish(rig.run_id, "done")])

    assert rig.statuses()["a"] == ("cancelled" if isinstance(finished, ClaimLost) else "succeeded")
    assert rig.statuses()["b"] == "cancelled"
    _check(rig)


def test_against_a_claim() -> None:
    rig = Rig.begin(SPEC)
    race([lambda: rig.claim("a"), lambda: runs.finish(rig.run_id, "done")])
    _check(rig)


def test_against_a_cancel_one_of_the_two_counts() -> None:
    rig = Rig.begin(SPEC)

    cancelled, finished = race([lambda: runs.cancel(rig.run_id), lambda: runs.finish(rig.run_id, "done")])

    lost = [answer for answer in (cancelled, finished) if isinstance(answer, RunFinal)]
    assert len(lost) == 1
    run = Run.objects.get(pk=rig.run_id)
    assert (run.status == "succeeded") is isinstance(cancelled, RunFinal)
    assert RunResult.objects.filter(run=run).exists() is (run.status == "succeeded")
    assert rig.fault() is None


def test_the_same_order_many_times_at_once_ends_the_run_once() -> None:
    rig = Rig.begin(SPEC)
    answers = race([lambda: runs.finish(rig.run_id, "done")] * 6)
    assert {answer.finished_at for answer in answers} == {rig.run.finished_at}
    _check(rig)


def test_against_a_persons_decision() -> None:
    rig = Rig.begin(SPEC)
    rig.hold(rig.take("a"))
    step = rig.step("a").pk

    def approve() -> None:
        with transaction.atomic():
            runs.resolve_step(step, kind=ResolutionKind.APPROVE, actor="ada", resolution_id="1")

    decided, _ = race([approve, lambda: runs.finish(rig.run_id, "done")])

    assert decided is None or isinstance(decided, StepNotHeld)
    assert rig.statuses()["a"] == ("succeeded" if decided is None else "cancelled")
    _check(rig)


def test_against_a_pause() -> None:
    rig = Rig.begin(SPEC)
    race([lambda: runs.pause(rig.run_id), lambda: runs.finish(rig.run_id, "done")])
    _check(rig)
