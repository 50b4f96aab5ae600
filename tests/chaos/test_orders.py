"""kill -9 of who cancels a tree of runs, of the maintainer that goes on with it, and of who orders its next round."""

from collections import Counter
from typing import Any

from agents.invoke import override
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run, Step
from orchestration.testing import run_workflow
from tests.chaos.arena import Arena
from tests.chaos.specs import step
from tests.processes import wait_for

LEVELS, WIDTH = 3, 50
ALL = 1 + LEVELS * WIDTH

LEAF = WorkflowSpec(name="tree-3", steps=(step("do"),))
MIDDLE = WorkflowSpec(name="tree-2", steps=(StepSpec("below", workflow="tree-3"),))
UPPER = WorkflowSpec(name="tree-1", steps=(StepSpec("below", workflow="tree-2"),))
TOP = WorkflowSpec(
    name="tree-0",
    steps=(
        StepSpec("all", workflow="tree-1", for_each="input.items"),
        step("last", ["all"]),
    ),
)


def _fail(_task: Any) -> None:
    raise ValueError("a person has to look at it")


def _plant() -> Run:
    """Start a tree in which every leaf waits for a person."""
    for spec in (LEAF, MIDDLE, UPPER):
        runs.publish(spec)
    planted = run_workflow(TOP, {"items": list(range(WIDTH))}, agents={"crash.step": _fail})
    assert _count(planted.run) == {"running": ALL}
    assert Ticket.objects.filter(run__root_id=planted.run.pk, status="open").count() == WIDTH
    return planted.run


def _count(root: Run) -> dict[str, int]:
    return dict(Counter(Run.objects.filter(root_id=root.pk).values_list("status", flat=True)))


def _cancelled(root: Run) -> int:
    return Run.objects.filter(root_id=root.pk, status="cancelled").count()


def test_a_tree_leaves_no_orphan_whoever_is_killed(arena: Arena) -> None:
    root = _plant()

    order = arena.starter.start("cancel", "manage.py", "cancel_run", str(root.pk), **arena.env)
    wait_for(lambda: _cancelled(root) >= 5, seconds=60, what="the cancel to be under way")
    order.kill()
    first = _cancelled(root)
    assert 5 <= first < ALL
    assert Run.objects.get(pk=root.pk).status == "cancelled"

    maintainer = arena.starter.maintainer(**arena.env)
    wait_for(lambda: _cancelled(root) >= first + 5, seconds=60, what="the maintainer to go on")
    maintainer.kill()
    assert _cancelled(root) < ALL

    arena.maintainer()
    wait_for(lambda: _cancelled(root) == ALL, seconds=60, what="every run of the tree to be cancelled")
    steps = Step.objects.filter(run__root_id=root.pk)
    assert not steps.exclude(status="cancelled").exists()
    assert not Ticket.objects.filter(run__root_id=root.pk, status="open").exists()
    assert [run.pk for run in _some(root) if runs.verify(run.pk).fault] == []

    # The order of the next round dies between its commit and its messages.
    with mute_dispatch(), override({}):
        runs.retry(root.pk)
    assert _count(root) == {"running": ALL}
    arena.worker()
    wait_for(lambda: _count(root) == {"succeeded": ALL}, seconds=120, what="the whole tree to succeed")
    assert set(Run.objects.filter(root_id=root.pk).values_list("round", flat=True)) == {2}
    assert set(steps.filter(key="do").values_list("status", flat=True)) == {"succeeded"}
    assert [run.pk for run in _some(root) if runs.verify(run.pk).fault] == []


def _some(root: Run) -> list[Run]:
    """Return the root and some of each level."""
    return list(Run.objects.filter(root_id=root.pk).order_by("depth", "created_at"))[::15]
