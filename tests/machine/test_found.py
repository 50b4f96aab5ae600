"""What the machine, the storm or a sceptical reading once found, each as a course of events of its own."""

from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model

from escalation import escrow
from escalation.errors import OwnRequest
from escalation.models import Ticket
from orchestration import StepSpec, Verify, runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Run, Step
from tests.machine.bodies import AGENTS, OK, Act
from tests.machine.world import World

FAIL = Act("low")


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.finish()
    world.leave()


def _start(world: World, *steps: StepSpec, kid: tuple[StepSpec, ...] = ()) -> Run:
    world.start((kid, steps) if kid else (steps,), 2)
    return Run.objects.get(pk=world.roots[-1])


def _step(run: Run, key: str) -> Step:
    return run.steps.get(key=key)


def test_a_run_cancelled_when_all_was_done_ends_again_when_it_is_retried(world: World) -> None:
    run = _start(world, StepSpec("only", agent="m.work"))
    world.begin(0, 0)
    runs.pause(run.pk)
    world.end(0, OK)
    runs.cancel(run.pk)

    runs.retry(run.pk)
    world.settle()

    run.refresh_from_db()
    assert (run.status, run.round) == ("succeeded", 2)


def test_a_gated_step_sent_back_by_a_person_is_done_anew(world: World) -> None:
    run = _start(world, StepSpec("draft", agent="m.work", verify=Verify("m.verify", max_revisions=0)))
    world.perform(0, OK, 0)
    world.perform(0, FAIL, 0)
    world.perform(0, OK, 0)
    assert _step(run, "draft").status == "held"

    world.resolve(0, ResolutionKind.SEND_BACK)
    bodies = len(AGENTS.log.starts)
    world.perform(0, OK, 0)

    assert [start.key for start in AGENTS.log.starts[bodies:]] == ["draft"]


def test_a_step_sent_back_by_a_person_starts_its_child_run_anew(world: World) -> None:
    run = _start(
        world,
        StepSpec("child", workflow="kid0"),
        kid=(StepSpec("fails", agent="m.work", on_failure="abort"),),
    )
    world.perform(0, OK, 0)
    world.perform(0, Act("permanent"), 0)
    world.settle()
    world.perform(0, OK, 0)
    assert _step(run, "child").status == "held"

    world.resolve(0, ResolutionKind.SEND_BACK)
    world.perform(0, OK, 0)

    assert Run.objects.filter(parent_step__run=run).count() == 2


def test_a_gated_step_that_spawned_is_judged_by_its_verifiers_alone(world: World) -> None:
    run = _start(world, StepSpec("draft", agent="m.work", verify=Verify("m.verify", max_revisions=0)))
    world.perform(0, Act("spawn", 0, (StepSpec("part", agent="m.work"),)), 0)

    world.finish()

    assert _step(run, "draft").accepted_by == "verdict"
    assert _step(run, "draft").output == {"output": [0], "spawned": {"part": []}}


def test_an_unsure_step_that_wanted_to_spawn_is_approved_in_the_form_in_which_others_read_it(
    world: World,
) -> None:
    run = _start(world, StepSpec("plan", agent="m.work"))
    world.perform(0, Act("unsure_spawn", 7, (StepSpec("part", agent="m.work"),)), 0)
    ticket = Ticket.objects.get(run=run)
    assert "it wanted to spawn 1 steps" in ticket.reason

    world.resolve(0, ResolutionKind.APPROVE)

    assert _step(run, "plan").output == {"output": [7], "spawned": {}}


def test_a_fork_does_again_what_the_other_run_had_undone(world: World) -> None:
    run = _start(
        world,
        StepSpec("kept", agent="m.work"),
        StepSpec("each", agent="m.work", for_each="[1, 2]", compensate="m.undo"),
        StepSpec("behind", agent="m.work", needs=["each", "kept"]),
        StepSpec("last", agent="m.work", needs=["behind"], on_failure="abort"),
    )
    while _step(run, "last").status != "available":
        world.perform(0, OK, 0)
    world.perform(0, Act("permanent"), 0)
    under_way = runs.fork(run.pk, "last")
    world.roots.append(under_way.pk)
    for _ in range(2):
        world.perform(0, OK, 0)
    run.refresh_from_db()
    assert run.status == "failed"

    fork = runs.fork(run.pk, "last")
    world.roots.append(fork.pk)

    for one in (under_way, fork):
        reused = Step.objects.filter(run=one, receipts__kind="reuse").values_list("key", flat=True)
        assert set(reused) == {"kept"}


def test_who_asked_for_a_run_decides_nothing_of_what_is_done_for_it_in_a_child_run(world: World) -> None:
    asker = get_user_model().objects.get_or_create(username="machine-asker")[0]
    run = _start(world, StepSpec("child", workflow="kid0"), kid=(StepSpec("unsure", agent="m.work"),))
    Run.objects.filter(pk=run.pk).update(requested_by=asker)
    world.perform(0, OK, 0)
    world.perform(0, FAIL, 0)
    ticket = Ticket.objects.get(run__parent_step__run=run)

    with pytest.raises(OwnRequest):
        escrow.claim_ticket(ticket.pk, asker)
