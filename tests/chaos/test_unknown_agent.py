"""A step whose agent no worker knows waits, and goes on when a worker comes that knows it."""

from orchestration import StepSpec, WorkflowSpec
from tests.chaos.arena import APPS, Arena
from tests.chaos.lateapp import agents as late_agents  # noqa: F401 - publishing must know the agent
from tests.chaos.specs import step

LATE = WorkflowSpec(
    name="late",
    steps=(step("first"), StepSpec("late", agent="late.step", needs=("first",)), step("last", ["late"])),
)


def test_it_waits_and_goes_on(arena: Arena) -> None:
    arena.worker("old")
    arena.maintainer()
    run = arena.start(LATE)
    arena.wait_until(lambda: arena.count_events("step_waits", run), "the step to wait")
    waiting = run.steps.get(key="late")
    assert (waiting.status, waiting.attempt, waiting.waits_for) == ("available", 0, "agent")

    arena.worker("new", apps=f"{APPS},tests.chaos.lateapp")
    arena.wait_done(run)

    assert run.steps.get(key="late").output == "late was worth the wait"
    assert arena.find_faults([run]) == []
