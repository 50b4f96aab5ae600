"""kill -9 under a budget over a tree of three levels: no pot says anything else than the calls below it, at any moment.

Each seed dies at calls that it chooses, and kills a worker with all that it does besides; CHAOS_SEEDS=10 takes minutes.
"""

import json
import os
import random
import signal
from typing import Any

import pytest
from django.db import connection

from orchestration import Budget, StepSpec, WorkflowSpec, runs
from orchestration.budgets import find_asked
from orchestration.domain.budget import FIELDS, Unit
from orchestration.models import CallTry, Pot, Run, Step
from tests.chaos.arena import Arena
from tests.chaos.crashapp.spending import CALLS, name_call
from tests.integration.escalation.people_judge import judge_people
from tests.integration.orchestration.judge_budgets import judge_budgets
from tests.processes import SHORT_TIMES

SEEDS = int(os.environ.get("CHAOS_SEEDS", "1"))
# So many deaths of one process must not look like crashes of one step.
_PATIENT = json.dumps({**SHORT_TIMES, "CRASH_LIMIT": 100})
_POINTS = ("call_begun", "call_paid", "call_ended")
_NAMES = [name_call(key, number) for key in ("top", "own", "leaf[0]", "leaf[1]") for number in range(CALLS)]
_ALL = 7 * CALLS  # of the top, and of two branches with a step of their own and two leaves each
_MORE = {Unit.CALLS: 3, Unit.TOKENS: 400, Unit.MICRO_USD: 5_000}


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    for name in ("one", "two"):
        arena.worker(name, RINGMASTER_OVERRIDES=_PATIENT)
    arena.isolated_worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.maintainer(RINGMASTER_OVERRIDES=_PATIENT)
    return arena


def _start() -> Run:
    spend: dict[str, Any] = {"agent": "crash.spend"}
    leaf = WorkflowSpec(name="spend-leaf", steps=(StepSpec("leaf", for_each="input.list", **spend),))
    down = StepSpec(
        "down", workflow="spend-leaf", input={"list": "[1, 2]"}, budget=Budget(tokens=450, calls=50)
    )
    branch = WorkflowSpec(name="spend-branch", steps=(down, StepSpec("own", **spend)))
    root = WorkflowSpec(
        name="spend-root",
        steps=(
            StepSpec("left", workflow="spend-branch", budget=Budget(calls=8)),
            StepSpec("right", workflow="spend-branch"),
            StepSpec("top", **spend),
        ),
    )
    for spec in (leaf, branch, root):
        runs.publish(spec)
    # Too little of each: somebody waits for calls under way, and somebody asks.
    return runs.start(root.name, {}, budget=Budget(usd="0.01", tokens=1_000, calls=100, human_minutes=1))


def _top_up(run: Run) -> int:
    """Give what is asked for, without the ticket; return how often."""
    count = 0
    for step in Step.objects.filter(run__root_id=run.pk, status="held"):
        asked = find_asked(step.pk)
        if asked is not None:
            more = max(asked.missing, _MORE[asked.unit])
            amount: Any = f"{more / 1_000_000:f}" if asked.unit is Unit.MICRO_USD else more
            runs.top_up(asked.run_id, step=asked.step_key, **{FIELDS[asked.unit]: amount})
            count += 1
    return count


@pytest.mark.parametrize("seed", range(SEEDS))
def test_workers_killed_under_a_budget_of_three_levels_leave_each_pot_right(
    workers: Arena, seed: int
) -> None:
    chance = random.Random(seed)
    deaths = list(zip(chance.sample(_POINTS, 2), chance.sample(_NAMES, 2), strict=True))
    kill_at, killed, samples, given = chance.randrange(2, _ALL // 2), 0, 0, 0
    for point, name in deaths:
        workers.arm(point, name)
    before = len(workers.journal.lines("killed"))
    run = _start()

    def turn() -> bool:
        nonlocal killed, samples, given
        judge_budgets()  # in one statement: what it sees is one moment
        samples += 1
        if not killed and CallTry.objects.filter(run__root_id=run.pk).count() >= kill_at:
            victim = chance.choice([one.child for one in workers.supervised if one.child.is_running])
            victim.signal_group(signal.SIGKILL)
            killed = 1
        given += _top_up(run)
        return not Run.objects.filter(root_id=run.pk, status="running").exists()

    workers.wait_until(turn, "the end of the tree", seconds=240)

    assert len(workers.journal.lines("killed")) - before == len(deaths), deaths
    assert killed
    assert given
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert judge_budgets()
    assert judge_people()
    pots = Pot.objects.filter(run__root_id=run.pk)
    assert {(pot.reserved, pot.unmet) for pot in pots} == {(0, 0)}
    tries = CallTry.objects.filter(run__root_id=run.pk)
    assert tries.filter(state="done").count() == _ALL
    lost = tries.filter(state="lost").count()
    assert lost >= sum(point != "call_ended" for point, _ in deaths)
    whole = pots.get(run=run, step=None, unit=Unit.CALLS)
    assert (whole.spent, whole.lost) == (_ALL, lost)
    assert samples > len(deaths)
    for one in Run.objects.filter(root_id=run.pk):
        assert runs.verify(one.pk).fault is None
    connection.close()
