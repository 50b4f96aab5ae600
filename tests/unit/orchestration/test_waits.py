"""Each wait has a line in its table, and what is asked of the tables comes out of their lines."""

import string
from dataclasses import replace

import pytest

from orchestration.admin.words import describe_wait
from orchestration.domain.states import Stage
from orchestration.domain.waits import (
    STAGES,
    UNTROUBLED,
    WAITS,
    GoesOn,
    WaitsFor,
    Waker,
    collects,
    find_stages,
    find_wait,
)


def test_every_word_has_its_line() -> None:
    assert set(WAITS) == set(WaitsFor) - {WaitsFor.NOTHING}
    assert set(STAGES) == set(Stage) - {Stage.FRESH}


@pytest.mark.parametrize("word", WAITS)
def test_a_wait_is_told_by_what_its_step_has(word: WaitsFor) -> None:
    wait = WAITS[word]
    named = {name for _, name, _, _ in string.Formatter().parse(wait.sentence) if name is not None}
    assert wait.wakes
    assert wait.words
    assert wait.sentence.endswith(".")
    assert named <= {"agent", "queue", "pools", "kept_away"}


def test_without_a_maintainer_every_wait_may_last_for_ever() -> None:
    assert all(wait.needs_maintainer for wait in WAITS.values())
    assert not replace(WAITS[WaitsFor.POOL], wakes=(Waker.HOLDER,)).needs_maintainer


def test_what_is_merely_not_sent_yet_is_no_trouble() -> None:
    assert UNTROUBLED == (WaitsFor.NOTHING, WaitsFor.RING)


@pytest.mark.parametrize("stage", Stage)
def test_a_step_collects_what_it_started_and_else_does_its_own_work(stage: Stage) -> None:
    assert collects(stage) is (stage not in {Stage.FRESH, Stage.CALLS, Stage.SUMMARIES})


def test_a_stage_may_say_that_its_step_works_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STAGES, Stage.CHILD_RUN, replace(STAGES[Stage.CHILD_RUN], goes_on=GoesOn.WORKS))
    assert not collects(Stage.CHILD_RUN)


def test_a_step_that_grew_steps_is_woken_by_them_and_one_with_a_child_run_by_that() -> None:
    assert find_stages(Waker.CHILDREN) == (
        Stage.ITEMS,
        Stage.SPAWNED,
        Stage.VERDICTS,
        Stage.SUMMARIES,
    )
    assert find_stages(Waker.CHILD_RUN) == (Stage.CHILD_RUN,)
    assert find_stages(Waker.ANSWERER) == (Stage.CALLS,)
    assert find_stages(Waker.MAINTAINER) == ()


def test_a_word_of_a_newer_release_breaks_no_page() -> None:
    assert find_wait("godot").words == "waits"
    assert describe_wait("godot") == "waits"
    assert find_wait("pool") is WAITS[WaitsFor.POOL]
