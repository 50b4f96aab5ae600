"""Courses of events that lead through several things at once: too long for the machine to come to often."""

from collections.abc import Iterator

import pytest

from orchestration import StepSpec, Verify, runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Run, Step
from tests.machine.bodies import OK, Act
from tests.machine.world import World

FAIL = Act("low")
SPAWN = Act("spawn", 0, (StepSpec("part", agent="m.work"),))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.finish()
    world.leave()


def _start(world: World, *steps: StepSpec, kid: tuple[StepSpec, ...] = ()) -> Run:
    world.start((kid, steps) if kid else (steps,), 2)
    return Run.objects.get(pk=world.roots[-1])


def _perform(world: World, *acts: Act) -> None:
    for act in acts:
        world.perform(0, act, 0)
        world.check()


def _status(run: Run, key: str) -> str:
    return run.steps.get(key=key).status


def test_an_item_that_a_person_sent_back_is_done_in_the_next_round_of_a_cancelled_run(world: World) -> None:
    gate = Verify("m.verify", max_revisions=0)
    run = _start(
        world, StepSpec("each", agent="m.work", for_each="input.items", compensate="m.undo", verify=gate)
    )
    _perform(world, OK, OK, OK, FAIL, OK, OK, OK)
    world.resolve(0, ResolutionKind.SEND_BACK)
    runs.cancel(run.pk)
    world.check()

    runs.retry(run.pk)
    world.check()
    _perform(world, *[OK] * 12)

    run.refresh_from_db()
    assert run.status == "succeeded"


def test_a_run_that_is_aborted_again_in_its_second_round_undoes_again_what_it_did_again(world: World) -> None:
    run = _start(
        world,
        StepSpec("a", agent="m.work", compensate="m.undo"),
        StepSpec("each", agent="m.work", needs=["a"], for_each="[1, 2]", compensate="m.undo"),
        StepSpec("x", agent="m.work", needs=["each"], on_failure="abort"),
    )
    for number in (1, 2):
        while _status(run, "x") != "available":
            _perform(world, OK)
        _perform(world, Act("permanent"), OK, OK, OK)

        run.refresh_from_db()
        assert (run.status, run.round) == ("failed", number)
        assert runs.verify(run.pk).fault is None
        undone = Step.objects.filter(run=run, kind="compensation", status="succeeded")
        assert undone.count() == 3 * number
        runs.retry(run.pk)
        world.check()


def test_a_gated_step_that_spawned_is_revised_and_then_done_anew_for_a_later_step(world: World) -> None:
    gate = Verify("m.verify", max_revisions=1)
    run = _start(
        world,
        StepSpec("source", agent="m.work", max_reworks=2),
        StepSpec("draft", agent="m.work", needs=["source"], verify=gate),
        StepSpec("use", agent="m.work", needs=["draft"]),
    )
    _perform(world, OK, SPAWN, OK, OK, FAIL, OK)
    assert _status(run, "draft") == "available"
    _perform(world, SPAWN, OK, OK, OK, OK)
    assert _status(run, "draft") == "succeeded"

    _perform(world, Act("rework"))

    assert _status(run, "draft") == "available"
    world.verify(0)


def test_a_child_run_that_ended_while_it_alone_was_paused_ends_with_its_parent_s_resume(world: World) -> None:
    run = _start(world, StepSpec("child", workflow="kid0"), kid=(StepSpec("only", agent="m.work"),))
    _perform(world, OK)
    child = Run.objects.get(parent_step__run=run)
    world.begin(0, 0)
    runs.pause(child.pk)
    world.end(0, OK)
    world.settle()

    runs.pause(run.pk)
    runs.resume(run.pk)

    child.refresh_from_db()
    assert child.status == "succeeded"


LATE = {
    "its answer": (StepSpec("a", agent="m.work"), OK),
    "a failure that a person must look at": (StepSpec("a", agent="m.work"), Act("permanent")),
    "steps that it spawns": (StepSpec("a", agent="m.work"), SPAWN),
}


@pytest.mark.parametrize(("step", "act"), LATE.values(), ids=LATE)
def test_what_a_dead_worker_s_body_says_late_changes_nothing_while_the_step_is_done_anew(
    world: World, step: StepSpec, act: Act
) -> None:
    run = _start(world, step, StepSpec("behind", agent="m.work", needs=["a"]))
    world.begin(0, 0)

    world.overtake(0, act)

    world.check()
    late = run.steps.get(key="a")
    assert (late.status, late.attempt, late.output_json) == ("running", 2, None)
    assert run.steps.count() == 2
    world.end(0, OK)
    world.check()
    assert _status(run, "a") == "succeeded"
