"""What agents do to real workers is gone when the next step comes."""

import os
from pathlib import Path
from typing import Any

import pytest

from orchestration import StepSpec, WorkflowSpec
from orchestration.models import Attempt, Run
from tests.chaos.arena import APPS, Arena
from tests.chaos.habitapp import agents as habit_agents  # noqa: F401 - publishing must know these agents
from tests.processes import wait_for


def _one(agent: str) -> WorkflowSpec:
    return WorkflowSpec(name=agent.replace(".", "-").replace("_", "-"), steps=(StepSpec("one", agent=agent),))


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    """One thread worker with a small pool, and one with processes, of which one child takes all steps."""
    arena.env |= {"RINGMASTER_SECRETS": "MY_SECRET", "MY_SECRET": "x", "MODEL_KEY": "theirs"}
    apps = f"{APPS},tests.chaos.habitapp"
    arena.worker("steps", apps=apps, concurrency=2)
    arena.worker("isolated", queue="isolated", pool="prefork", concurrency=1, apps=apps)
    arena.env["RINGMASTER_APPS"] = apps
    arena.maintainer()
    return arena


def _output(arena: Arena, agent: str, value: dict[str, Any] | None = None) -> Any:
    run = arena.start(_one(agent), value)
    arena.wait_done(run)
    return run.steps.get(key="one").output


@pytest.mark.parametrize(
    "habit", ["SET search_path TO nowhere", "SET ROLE pg_monitor", "SET TIME ZONE 'Asia/Tokyo'", "atomic"]
)
def test_the_connections_of_a_worker_stay_as_they_were(workers: Arena, habit: str) -> None:
    before = _output(workers, "habit.look")
    odd = [workers.start(_one("habit.leave"), {"habit": habit}) for _ in range(4)]
    if habit == "atomic":
        for run in odd:
            held = workers.wait_status(run, "one", "held")
            assert "what it wrote there was rolled back" in held.reason
    else:
        workers.wait_done(*odd)
    runs = [workers.start(_one("habit.look")) for _ in range(12)]
    workers.wait_done(*runs)
    assert [run.steps.get(key="one").output for run in runs] == [before] * 12
    assert set(_numbers(runs)) == {1}


def _numbers(runs: list[Run]) -> list[int]:
    return list(Attempt.objects.filter(step__run__in=runs).values_list("number", flat=True))


def test_the_parent_of_a_fork_has_the_step(workers: Arena) -> None:
    run = workers.start(_one("habit.fork"))
    workers.wait_done(run)
    assert run.steps.get(key="one").output == "the parent's"
    assert len(workers.journal.lines("start", run=str(run.pk))) == 1


def test_an_isolated_agent_may_use_processes(workers: Arena) -> None:
    assert _output(workers, "habit.pool") == {"executor": [1, 2], "pool": [3, 4], "fork": 0, "spawn": 0}


def test_a_process_that_it_leaves_is_ended(workers: Arena) -> None:
    child = _output(workers, "habit.leave_child")
    wait_for(lambda: _is_gone(child), what="the end of what it left")


def test_a_process_that_it_forked_dies_with_its_worker(workers: Arena) -> None:
    run = workers.start(_one("habit.die_with_child"))
    workers.wait_status(run, "one", "held")
    children = [line.facts["child"] for line in workers.journal.lines("child", run=str(run.pk))]
    assert len(children) == 3
    wait_for(lambda: all(map(_is_gone, children)), what="the end of what it forked")


def _is_gone(pid: int) -> bool:
    try:
        return "(Z)" in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").replace(") Z ", ") (Z) ")
    except FileNotFoundError:
        return True


def test_its_process_is_put_back_and_shows_no_secrets(workers: Arena) -> None:
    before = _output(workers, "habit.look_around")
    _output(workers, "habit.change_process")
    assert _output(workers, "habit.look_around") == before
    assert before == {
        "folder": str(Path.cwd()),
        "umask": before["umask"],
        "tenant": None,
        "handler": False,
        "environment": [],
        "proc": [],
        "own": "theirs",
        "child": "False",
        "database": True,
    }
    assert "DATABASE_URL" not in os.environ or before["environment"] == []
