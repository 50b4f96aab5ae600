"""The judge is worth something: with a guard taken out of the engine, the same scenario shows a fault.

The token's mutant stands beside its test, in test_suspension.py.
"""

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module

import pytest
from django.db import connection, transaction

from orchestration.dispatch import dispatch
from orchestration.domain.work import Released
from orchestration.models import Run
from tests.chaos.arena import Arena
from tests.chaos.specs import ring_spec, step

pytestmark = pytest.mark.breaks_guards

_start = import_module("orchestration.runs.starting")
RING = ring_spec("ring", seconds=0.15)


@pytest.fixture(scope="module")
def maintained(arena: Arena) -> Arena:
    arena.maintainer()
    return arena


def test_without_the_attempt_row_the_judge_sees_it(maintained: Arena) -> None:
    worker = maintained.worker(mutant="claim_without_attempt", supervise=False)
    run = maintained.start(RING)
    maintained.wait_started(run, "a1")
    worker.kill()

    assert "a1: its body started without an attempt on record" in maintained.judge.find_faults(run)


def test_without_the_unreleased_mark_a_crash_before_the_release_strands_the_join(maintained: Arena) -> None:
    maintained.arm("before_release", "fan4")
    first = maintained.worker(mutant="finish_without_mark", supervise=False)
    ring = ring_spec("one-by-one", seconds=0.15, fan=("fan4", "fan5"))
    # The last before the join for sure: whoever ends after it would look, and find the join.
    last = step("fan4", ["a3"], seconds=1.0)
    steps = tuple(last if other.key == last.key else other for other in ring.steps)
    run = maintained.start(replace(ring, steps=steps))
    maintained.wait_until(lambda: not first.is_running, "the crash")
    second = maintained.worker(mutant="finish_without_mark", supervise=False)
    maintained.wait_until(lambda: _is_forgotten(run), "the maintainer to pass by")
    second.kill()

    assert "join: it is still pending" in maintained.judge.find_faults(run, most_starts=2)


def _is_forgotten(run: Run) -> bool:
    """Tell whether everything before the join has been done for longer than any repair takes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), max(finished_at) < clock_timestamp() - interval '4 seconds'"
            " FROM orchestration_step WHERE run_id = %s AND status = 'succeeded'",
            [run.pk],
        )
        done, is_long_ago = cursor.fetchone()
    return bool(done == 5 and is_long_ago)


def _dispatch_at_once(released: Iterable[Released | int]) -> None:
    dispatch([item if isinstance(item, int) else item.step_id for item in released])


@pytest.mark.parametrize("is_mutant", [False, True], ids=["the engine", "dispatching before the commit"])
def test_a_message_sent_before_the_commit_finds_no_row(
    maintained: Arena, monkeypatch: pytest.MonkeyPatch, is_mutant: bool
) -> None:
    if is_mutant:
        monkeypatch.setattr(_start, "dispatch_after_commit", _dispatch_at_once)
    worker = maintained.worker("after-commit", supervise=False)
    with transaction.atomic():
        run = maintained.start(RING)
        step_id = run.steps.get(key="a1").pk
        if is_mutant:
            maintained.wait_until(
                lambda: maintained.journal.lines("answered", step=step_id), "the early message"
            )
    maintained.wait_done(run)
    worker.kill()

    words = [line.word for line in maintained.journal.lines("answered", step=step_id)]
    assert ("unknown" in words) is is_mutant
    assert maintained.find_faults([run]) == []
