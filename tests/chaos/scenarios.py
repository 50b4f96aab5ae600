"""Courses of events that several tests need."""

from orchestration import WorkflowSpec
from orchestration.models import Run
from tests.chaos import hostile
from tests.chaos.arena import Arena
from tests.chaos.specs import step
from tests.processes import Child

GATED = WorkflowSpec(name="gated", steps=(step("only", gate="only"), step("after", ["only"])))
HARASSED = WorkflowSpec(
    name="harassed",
    steps=(step("here"), step("alone", ["here"], agent="crash.alone"), step("end", ["alone"])),
)


def suspend_beyond_the_lease(arena: Arena, *, mutant: str = "") -> Run:
    """Freeze a worker in a body, let another take the step over, and wake the first before the second is done.

    The run is over when this returns. A maintainer must be running, and no other worker.
    """
    frozen = arena.worker("frozen", mutant=mutant, supervise=False)
    run = arena.start(GATED)
    arena.wait_started(run, "only")
    other = arena.worker("other", supervise=False)
    try:
        frozen.suspend()
        arena.wait_started(run, "only", times=2)
        arena.open_gate("only", attempt=1)
        frozen.resume()
        arena.wait_until(lambda: _has_written(arena, run, frozen), "the late write, or its refusal")
        arena.open_gate("only", attempt=2)
        arena.wait_done(run)
        arena.wait_until(lambda: arena.count_events("late_write_refused", run), "the refusal")
    finally:
        frozen.kill()
        other.kill()
        for attempt in (1, 2):
            (arena.folder / "gates" / f"only.{attempt}").unlink(missing_ok=True)
    return run


def _has_written(arena: Arena, run: Run, child: Child) -> bool:
    written = arena.journal.lines("committed", run=str(run.pk), key="only", pid=child.pid)
    return bool(written) or arena.count_events("late_write_refused", run) > 0


def endure_strangers(arena: Arena, broker_url: str) -> None:
    """Flood both queues with what nobody's engine sent, before the workers start and while they live.

    They must neither end nor go deaf, and a true run beside it must be performed once.
    """
    # Earlier scenes of a shared arena may have killed some already.
    before = [one.restarts for one in arena.supervised]
    runs, kills = [], 0
    for _ in range(2):
        for one in arena.supervised:
            one.child.kill()
        kills += 1
        runs += arena.start_by_client(HARASSED, 1)
        _flood(broker_url, runs[-1])
        arena.wait_done(*runs, seconds=90)
        _flood(broker_url, runs[-1])
        runs += arena.start_by_client(HARASSED, 1)
        arena.wait_done(*runs, seconds=90)

    assert [one.restarts for one in arena.supervised] == [count + kills for count in before]
    assert arena.find_faults(runs) == []
    for one in arena.supervised:
        said = one.child.output()
        assert "Traceback" not in said
        assert 1 <= said.count("messages_refused") < 20


def _flood(broker_url: str, run: Run) -> None:
    first = run.steps.get(key="here").pk
    for queue in ("steps", "isolated"):
        assert hostile.send(broker_url, first, queue) > 200
        hostile.push_raw(broker_url, queue)
