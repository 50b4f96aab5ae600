"""kill -9 while plans grow, while they collect, between a child run's end and telling its parent, and after orders."""

import json
from collections.abc import Iterable

import pytest
from django.db.models import QuerySet

from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.models import Run
from tests.chaos.arena import Arena, Supervised
from tests.chaos.crashapp import points
from tests.chaos.judge import count_starts
from tests.chaos.specs import step
from tests.processes import SHORT_TIMES, Child

KID = WorkflowSpec(name="crash-kid", steps=(step("a"), step("b", ["a"])))
GROWING = WorkflowSpec(
    name="crash-growing",
    steps=(
        step("list"),
        StepSpec("each", agent="crash.step", needs=["list"], for_each="[1, 2, 3]", input={"seconds": "0.05"}),
        StepSpec("kids", workflow=KID.name, needs=["list"], for_each="[1, 2]"),
        StepSpec("plan", agent="crash.grow", needs=["list"], input={"levels": "1"}),
        step("end", ["each", "kids", "plan"]),
    ),
)
# Far apart in the plan: a process that comes back after one comes to the next.
GROUPS = [
    pytest.param(
        [("before_growth", "each"), ("after_growth", "kids"), ("collecting", "kids[0]"), ("before_release", "each[1]")],
        id="items and child runs",
    ),
    pytest.param(
        [("after_growth", "each"), ("before_growth", "kids[0]"), ("before_told", "kids[1]"), ("collecting", "each")],
        id="between commit and publish",
    ),
    pytest.param(
        [("before_growth", "plan"), ("after_growth", "plan/w0"), ("in_body", "plan/w0/w1"), ("collecting", "plan/w0")],
        id="spawned steps",
    ),
    pytest.param(
        [("after_growth", "kids[1]"), ("after_told", "kids[0]"), ("before_publish", "plan/w1"), ("collecting", "plan")],
        id="the rest",
    ),
]  # fmt: skip
# Four deaths of one process must not look like four crashes of one step.
_PATIENT = json.dumps({**SHORT_TIMES, "CRASH_LIMIT": 20})


@pytest.fixture(scope="module")
def crowd(arena: Arena) -> Arena:
    runs.publish(KID)
    arena.worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.isolated_worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.supervised.append(_supervise_maintainer(arena))
    return arena


def _supervise_maintainer(arena: Arena) -> Supervised:
    def start() -> Child:
        return arena.starter.maintainer(**arena.env, RINGMASTER_OVERRIDES=_PATIENT)

    child = start()
    child.wait_for_output("maintainer_leads")
    return Supervised(start, child)


@pytest.mark.parametrize("deaths", GROUPS)
def test_a_worker_killed_while_plans_grow_orphans_and_doubles_nothing(
    crowd: Arena, deaths: list[tuple[str, str]]
) -> None:
    for point, key in deaths:
        crowd.arm(point, key)

    started = crowd.start_many(GROWING, 2)
    crowd.wait_done(*started, seconds=90)

    for point, key in deaths:
        assert len(crowd.journal.lines("killed", point=point, key=key)) == 1
    tree = list(_find_tree(started))
    assert len(tree) == 2 * 3
    assert crowd.find_faults(tree, most_starts=1 + len(deaths)) == []


PLAIN = WorkflowSpec(
    name="crash-plain", steps=(step("first"), step("wait", ["first"], gate="plain"), step("last", ["wait"]))
)


def test_an_order_is_carried_out_whose_carrier_dies_with_nothing_dispatched(crowd: Arena) -> None:
    run = crowd.start(PLAIN)
    crowd.wait_started(run, "wait")
    runs.cancel(run.pk)
    crowd.open_gate("plain", attempt=1)
    crowd.open_gate("plain", attempt=2)

    _order(crowd, "retry_run", run)
    crowd.wait_done(run)
    _order(crowd, "fork_run", run, "--from", "last")
    fork = Run.objects.get(forked_from=run)
    crowd.wait_done(fork)

    for one in (run, fork):
        one.refresh_from_db()
        assert (one.status, runs.verify(one.pk).fault) == ("succeeded", None)
    assert run.round == 2
    assert count_starts(crowd.journal, fork) == {"last": 1}
    assert len(crowd.journal.lines("killed", point="after_order")) == 2


def _order(arena: Arena, command: str, run: Run, *options: str) -> None:
    """Let a process of its own carry out an order, and die with it committed."""
    arena.arm("after_order", "*")
    env = {**arena.env, points.CLIENT_VARIABLE: "1"}
    client = arena.starter.start("client", "manage.py", command, str(run.pk), *options, **env)
    arena.wait_until(lambda: not client.is_running, f"the end of {command}")
    assert client.popen.returncode == -9, client.output()


def _find_tree(roots: Iterable[Run]) -> QuerySet[Run]:
    return Run.objects.filter(root_id__in=[run.pk for run in roots]).order_by("depth", "created_at")
