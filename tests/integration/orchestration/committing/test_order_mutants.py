"""For each guard of the orders: what it guards holds, and with the guard taken out the very same check fails."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError
from django.test import override_settings

from agents.domain.invocation import FailureKind, SentBack
from agents.invoke import override
from orchestration import runs
from orchestration.conf import get_signer
from orchestration.database.statements import BY_KEY
from orchestration.domain.receipts import canonical
from orchestration.domain.states import DecisionKind, RunStatus, StepStatus
from orchestration.domain.work import Facts
from orchestration.errors import ClaimLost, RunNotFailed
from orchestration.executor.judging import Seen, judge
from orchestration.executor.prepare import get_step_spec
from orchestration.models import Attempt, Run, Step, Usage
from orchestration.selectors.left import Fate, find_orphans
from orchestration.transitions import control, expand, release, renew, rework, seal, stop
from tests.guards import cut
from tests.integration.orchestration.committing.test_order_races import (
    REFUSED,
    Scene,
    check_whole,
    growing,
    join_ready,
    running,
)
from tests.integration.orchestration.rig import AGENT, Rig, answer, graph, race


def _meet(first: str, second: str) -> Scene:
    scene = growing()
    race(lambda: scene.act(first), lambda: scene.act(second))
    return scene


def a_cancel_sees_the_children_of_who_grows() -> None:
    check_whole(_meet("expand", "cancel"), "cancel")


def a_pause_sees_the_child_run_of_who_starts_one() -> None:
    check_whole(_meet("start_child", "pause"), "pause")


def a_child_is_born_paused_under_a_paused_run() -> None:
    scene = growing()
    scene.pause()
    scene.act("start_child")
    check_whole(scene, "pause")


def a_reset_join_is_not_released() -> None:
    scene = join_ready()
    answer = SentBack("top", ("again",), AGENT, 1)
    assert race(lambda: scene.conclude("many", answer), lambda: scene.act("release")) is REFUSED
    assert scene.rig.step("join").status == StepStatus.PENDING


def a_seal_has_the_orders_that_came_between() -> None:
    rig = Rig.begin(graph({"a": ()}))
    rig.finish(rig.take("a"))

    def pause_and_resume() -> None:
        control.pause_tree(rig.run_id, event_json="{}")
        control.resume_tree(rig.run_id, event_json="{}")

    race(pause_and_resume, lambda: rig.release("a"))
    assert rig.run.status == RunStatus.SUCCEEDED
    assert rig.fault() is None


def an_orphan_that_is_waited_for_again_is_left_alone() -> None:
    scene = growing()
    scene.act("start_child")
    event = canonical({})
    stop.cancel_run(scene.rig.run_id, "enough", get_signer(), event_json=event)
    [orphan] = find_orphans(10, scene.rig.run_id)
    runs.retry(scene.rig.run_id)
    control.end_orphan(orphan, get_signer(), lambda _done: [])
    assert Run.objects.get(pk=orphan).status == RunStatus.RUNNING


def a_late_rework_is_refused() -> None:
    scene = running()
    old = scene.claims["b"]
    scene.rig.free(old)
    try:
        _send_back(scene, limit=5)
    except ClaimLost:
        assert scene.rig.step("top").status == StepStatus.SUCCEEDED
        return
    except DatabaseError as error:
        raise AssertionError("only the second net held") from error
    raise AssertionError("a rework under a lost claim was taken")


def a_step_is_sent_back_only_so_often() -> None:
    scene = running()
    with pytest.raises(ClaimLost):
        _send_back(scene, limit=0)
    assert scene.rig.step("b").status == StepStatus.RUNNING


def _send_back(scene: Scene, limit: int) -> None:
    claim = scene.claims["b"]
    end = judge(claim, get_step_spec(claim), Facts(), SentBack("top", ("again",), AGENT, 1), Seen()).end
    assert end.kind is DecisionKind.REWORK
    top = scene.rig.step("top")
    rework.rework_run(claim, end, rework.ReworkOrder(top.pk, "top", limit, ("again",)))


def two_that_spawn_keep_the_limit_together() -> None:
    _keeps_the_limit(lambda scene: scene.conclude("b", _SPAWNS), "b", agent_cost="0.5")


def one_with_items_counts_what_another_spawned() -> None:
    _keeps_the_limit(lambda scene: scene.expand(), "many", agent_cost=None)


def _keeps_the_limit(second: Callable[[Scene], Any], key: str, *, agent_cost: str | None) -> None:
    scene = growing()
    steps = Step.objects.filter(run=scene.rig.run_id)
    conf = settings.RINGMASTER | {"MAX_RUN_STEPS": steps.count() + 3}
    with override_settings(RINGMASTER=conf), override({AGENT: lambda _task: None}):
        race(lambda: scene.conclude("a", _SPAWNS), lambda: second(scene))
    assert steps.filter(parent__key="a").count() == 2
    assert steps.filter(parent__key=key).count() == 0
    assert scene.rig.step(key).status == StepStatus.HELD
    end = Attempt.objects.get(step=scene.rig.step(key))
    assert end.failure_kind == FailureKind.LIMIT
    assert "MAX_RUN_STEPS" in end.error_message
    assert Usage.objects.filter(attempt=end).values_list("cost_usd", flat=True).first() == (
        None if agent_cost is None else Decimal(agent_cost)
    )
    assert scene.rig.fault() is None


def a_live_run_gets_no_new_round() -> None:
    scene = running()
    with pytest.raises(RunNotFailed):
        renew.renew_tree(scene.rig.run_id, {}, event_json="{}")


def a_cancelled_run_is_not_cancelled_again() -> None:
    scene = running()
    scene.cancel()
    scene.cancel()
    assert scene.rig.run.events.filter(kind="run_cancelled").count() == 1


pytestmark = pytest.mark.breaks_guards

Check = Callable[[], None]
_SPAWNS = replace(
    answer("two"),
    usage={"cost_usd": "0.5"},
    spawn=tuple({"key": key, "agent": AGENT} for key in ("left", "right")),
)
_LOCK = "FOR NO KEY UPDATE"
_STATEMENTS: list[tuple[Check, Any, str, str, str]] = [
    (a_cancel_sees_the_children_of_who_grows, expand, "_LIVE", _LOCK, ""),
    (a_cancel_sees_the_children_of_who_grows, stop, "_LOCK", _LOCK, ""),
    (a_pause_sees_the_child_run_of_who_starts_one, expand, "_LIVE", _LOCK, ""),
    (
        a_child_is_born_paused_under_a_paused_run,
        expand,
        "_LIVE",
        "SELECT status",
        "SELECT 'running' AS status",
    ),
    (a_reset_join_is_not_released, release, "_RELEASE", f"AND {release.NOT_RESET_MEANWHILE}", ""),
    (a_seal_has_the_orders_that_came_between, seal, "_LOCK_FACTS", f"{_LOCK} OF r", ""),
    (two_that_spawn_keep_the_limit_together, expand, "_LIVE", _LOCK, ""),
    (two_that_spawn_keep_the_limit_together, expand, "_COUNT", "count(*)", "0"),
    (one_with_items_counts_what_another_spawned, expand, "_COUNT", "count(*)", "0"),
    (a_step_is_sent_back_only_so_often, rework, "_SEND_TO", "AND s.reworks < %(limit)s", ""),
]


@pytest.mark.parametrize(
    ("check", "module", "name", "guard", "instead"),
    [pytest.param(*one, id=f"{one[0].__name__}, {one[2]}") for one in _STATEMENTS],
)
def test_a_guard_is_missed_when_it_is_gone(
    check: Check, module: Any, name: str, guard: str, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check()
    monkeypatch.setattr(module, name, cut(getattr(module, name), guard, instead))
    _must_fail(check)


_FUNCTIONS: list[tuple[Check, Any, str, Any]] = [
    (an_orphan_that_is_waited_for_again_is_left_alone, control, "find_fate", lambda _run_id: Fate.CANCEL),
    (a_live_run_gets_no_new_round, renew, "RETRYABLE", tuple(RunStatus)),
    (a_cancelled_run_is_not_cancelled_again, stop, "LIVE_RUN", frozenset(RunStatus)),
]


@pytest.mark.parametrize(
    ("check", "module", "name", "instead"),
    [pytest.param(*one, id=one[0].__name__) for one in _FUNCTIONS],
)
def test_a_look_is_missed_when_it_is_gone(
    check: Check, module: Any, name: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    check()
    monkeypatch.setattr(module, name, instead)
    _must_fail(check)


def test_without_the_token_a_late_rework_would_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    a_late_rework_is_refused()
    monkeypatch.setattr(rework, "lock_claim", lambda _claim: None)
    a_late_rework_is_refused()  # the statement itself names the token too
    without = cut(rework._END, f"s.status = 'running' {BY_KEY} AND s.token = g.token", "true")
    monkeypatch.setattr(rework, "_END", without)
    _must_fail(a_late_rework_is_refused)


def _must_fail(check: Check) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check()
