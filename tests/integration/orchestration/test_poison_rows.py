"""One row that the maintainer can't deal with never keeps it from the others."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import psycopg
import pytest
from django.db import InternalError, OperationalError

from escalation.models import Ticket
from orchestration.dispatch import mute_dispatch
from orchestration.maintenance import rescuer, scheduler
from orchestration.maintenance.each import do_each
from orchestration.models import Attempt, Step, WorkerProcess
from orchestration.runs import control
from orchestration.transitions.claim import load_claims, lock_claim
from tests.integration.orchestration.rig import Rig, graph
from tests.integration.orchestration.test_healing import _ago

pytestmark = pytest.mark.django_db
SPEC = graph({"a": (), "b": (), "c": ()})


@pytest.fixture
def rig() -> Iterator[Rig]:
    with mute_dispatch():
        yield Rig.begin(SPEC)


def _fail_at(poison: Any, act: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """Return the same act, which fails at one of the rows."""

    def guarded(row: Any, *args: Any, **more: Any) -> Any:
        named = row if isinstance(row, list) else [row.step_id]
        if poison in named:
            raise error
        return act(row, *args, **more)

    return guarded


@pytest.fixture
def overdue(rig: Rig) -> Rig:
    for key in ("a", "b", "c"):
        rig.take(key)
    Step.objects.filter(run=rig.run_id).update(deadline_at=_ago(60))
    return rig


def test_a_claim_that_can_not_be_concluded_is_held_and_the_others_are_freed(
    overdue: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = import_module("orchestration.executor.judging")
    poison = overdue.step("b").pk
    monkeypatch.setattr(
        module, "count_seconds_left", _fail_at(poison, module.count_seconds_left, KeyError("x"))
    )
    assert rescuer.free_overdue() == 3
    assert overdue.statuses() == {"a": "retryable", "b": "held", "c": "retryable"}
    told = Attempt.objects.get(step=poison)
    assert (told.failure_kind, told.error_message) == (
        "engine_fault",
        "what came of it could not be written: 'x'",
    )
    assert Ticket.objects.get(run=overdue.run_id).rule == "engine_fault"


def test_a_claim_that_can_not_be_read_leaves_the_others(
    overdue: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = overdue.step("b").pk
    monkeypatch.setattr(rescuer, "load_claims", _fail_at(poison, load_claims, KeyError("x")))
    assert rescuer.free_overdue() == 2
    assert overdue.statuses() == {"a": "retryable", "b": "running", "c": "retryable"}


def test_a_dead_workers_steps_are_freed_but_for_the_one_that_can_not_be(
    overdue: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    WorkerProcess.objects.filter(pk=overdue.process_id).update(stopped_at=_ago(1))
    poison = overdue.step("a").pk
    monkeypatch.setattr(rescuer, "lock_claim", _fail_at(poison, lock_claim, KeyError("x")))
    rung: list[int] = []
    monkeypatch.setattr(rescuer, "dispatch", rung.extend)
    assert rescuer.free_stranded() == 2
    assert overdue.statuses() == {"a": "running", "b": "available", "c": "available"}
    assert set(rung) == {overdue.step("b").pk, overdue.step("c").pk}


def test_a_release_that_fails_leaves_the_others(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def release(step_id: int, _signer: Any) -> list[Any]:
        seen.append(step_id)
        if step_id == 1:
            raise KeyError("x")
        return []

    monkeypatch.setattr(scheduler, "find_unreleased", lambda *_: [1, 2, 3])
    monkeypatch.setattr(scheduler, "release_step", release)
    scheduler.release_forgotten()
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    ("duty", "finds", "act"),
    [("tell_parents", "find_untold", "tell_parent"), ("pause_strays", "find_unpaused", "pause_stray")],
)
def test_a_run_that_fails_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch, duty: str, finds: str, act: str
) -> None:
    seen: list[int] = []

    def deal(run_id: int) -> Any:
        seen.append(run_id)
        if run_id == 1:
            raise KeyError("x")
        return [] if act == "tell_parent" else False

    monkeypatch.setattr(scheduler, finds, lambda *_: [1, 2])
    monkeypatch.setattr(scheduler, act, deal)
    getattr(scheduler, duty)()
    assert seen == [1, 2]


def test_an_orphan_that_fails_leaves_the_others_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    left, ended = [1, 2, 3], []

    def end(run_id: int, *_: Any) -> list[int]:
        if run_id == 1:
            raise KeyError("the first")
        left.remove(run_id)
        ended.append(run_id)
        return []

    monkeypatch.setattr(control, "find_orphans", lambda *_: list(left))
    monkeypatch.setattr(control, "end_orphan", end)
    with pytest.raises(KeyError, match="the first"):
        control.cancel_orphans()
    assert ended == [2, 3]


def _refused(error: type[psycopg.Error], django_error: type[Exception]) -> Exception:
    raised = django_error("refused")
    raised.__cause__ = error("refused")
    return raised


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (lambda: KeyError("x"), True),
        (lambda: _refused(psycopg.errors.QueryCanceled, OperationalError), True),
        (lambda: _refused(psycopg.errors.LockNotAvailable, OperationalError), True),
        (lambda: _refused(psycopg.errors.StatementTooComplex, OperationalError), True),
        (lambda: _refused(psycopg.errors.ReadOnlySqlTransaction, InternalError), False),
        (lambda: _refused(psycopg.errors.AdminShutdown, OperationalError), False),
        (lambda: OperationalError("the connection is lost"), False),
    ],
)
def test_a_sweep_ends_only_when_no_row_can_be_dealt_with(
    error: Callable[[], Exception], *, goes_on: bool
) -> None:
    seen: list[int] = []

    def act(row: int) -> None:
        seen.append(row)
        if row == 1:
            raise error()

    if goes_on:
        do_each("test", [1, 2], act)
    else:
        with pytest.raises((OperationalError, InternalError)):
            do_each("test", [1, 2], act)
    assert seen == ([1, 2] if goes_on else [1])
