"""An abort and whatever else moves the run, at once: nothing done is forgotten, nothing is undone twice."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from orchestration import runs
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ClaimLost, StepNotHeld
from orchestration.holds import resolve_step
from orchestration.models import Step
from orchestration.transitions.tree import lock_run
from tests.integration.orchestration.rig import AGENT, Rig, _somebody_waits, graph, in_thread, race
from tests.processes import wait_for

pytestmark = pytest.mark.usefixtures("committed_db")

SPEC = graph({"a": (), "b": (), "behind": ["a"], "join": ["a", "b"]}, compensate=AGENT)
REFUSED = object()


def _refusable(act: Callable[[], Any]) -> Callable[[], Any]:
    def attempt() -> Any:
        try:
            return act()
        except (ClaimLost, StepNotHeld):
            return REFUSED

    return attempt


def _undone(rig: Rig) -> set[str]:
    return {key for key in rig.statuses() if key.startswith("undo:")}


def _undo_all(rig: Rig) -> None:
    while keys := [key for key, status in rig.statuses().items() if status == "available"]:
        rig.work_through(*keys)
    assert rig.run.status == "failed"
    assert runs.verify(rig.run_id).fault is None


def test_what_finished_while_the_abort_waited_is_undone() -> None:
    rig = Rig.begin(SPEC)
    done, broken = rig.take("a"), rig.take("b")

    race(lambda: rig.finish(done), lambda: rig.fail(broken))

    assert _undone(rig) == {"undo:a"}
    assert rig.statuses()["behind"] == "cancelled"
    _undo_all(rig)


def test_what_would_finish_after_the_abort_is_refused_and_not_undone() -> None:
    rig = Rig.begin(SPEC)
    rig.work_through("a")
    late, broken = rig.take("behind"), rig.take("b")

    assert race(lambda: rig.fail(broken), _refusable(lambda: rig.finish(late))) is REFUSED

    assert _undone(rig) == {"undo:a"}
    _undo_all(rig)


def test_of_two_aborts_one_undoes() -> None:
    rig = Rig.begin(SPEC)
    rig.work_through("a")
    one, other = rig.take("behind"), rig.take("b")

    assert race(lambda: rig.fail(one), _refusable(lambda: rig.fail(other))) is REFUSED

    assert _undone(rig) == {"undo:a"}
    _undo_all(rig)


def test_an_abort_waits_for_its_run_before_it_touches_its_step() -> None:
    """Whoever orders anything takes the run first and then its steps: the other way round both would stand still."""
    rig = Rig.begin(SPEC)
    broken = rig.take("b")
    with transaction.atomic():
        lock_run(rig.run_id)
        abort = in_thread(lambda: rig.fail(broken))
        wait_for(_somebody_waits, seconds=10, what="the abort to wait for the run")
        assert Step.objects.select_for_update(nowait=True).get(pk=rig.step("b").pk).status == "running"
    abort.result(timeout=20)
    assert rig.statuses()["b"] == "failed"


def test_of_an_agent_s_abort_and_a_person_s_one_undoes() -> None:
    rig = Rig.begin(SPEC)
    rig.work_through("a")
    rig.hold(rig.take("behind"))
    broken = rig.take("b")
    held = rig.step("behind").pk

    def abort() -> None:
        resolve_step(held, kind=ResolutionKind.ABORT, actor="ada", resolution_id="1")

    assert race(abort, _refusable(lambda: rig.fail(broken))) is REFUSED
    assert _undone(rig) == {"undo:a"}
    _undo_all(rig)


def test_a_cancel_of_a_run_that_undoes_itself_and_the_end_of_a_compensation() -> None:
    rig = Rig.begin(SPEC)
    rig.work_through("a")
    rig.fail(rig.take("b"))
    undo = rig.take("undo:a")

    assert race(lambda: runs.cancel(rig.run_id), _refusable(lambda: rig.finish(undo))) is REFUSED
    assert (rig.run.status, rig.statuses()["undo:a"]) == ("cancelled", "cancelled")
    assert runs.verify(rig.run_id).fault is None
