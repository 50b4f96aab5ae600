"""Threads that want the same thing done: nobody waits for company, and what comes meanwhile is done at once."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from orchestration.executor.gathering import Gathering, NotDoneTogether

_PATIENCE_SECONDS = 10.0


class _Work:
    """Does what it is asked for when it is let; remembers in which groups."""

    def __init__(self, *, fails: Callable[[list[int]], BaseException | None] = lambda _: None) -> None:
        self.groups: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)
        self.waiting = threading.Semaphore(0)
        self._fails = fails

    def act(self, items: list[int]) -> str:
        self.groups.append(items)
        self.begun.release()
        assert self.allowed.acquire(timeout=_PATIENCE_SECONDS)
        error = self._fails(items)
        if error is not None:
            raise error
        return f"done {items}"

    def gather(self, *, most: int = 8) -> Gathering[int, str]:
        return Gathering(self.act, most=most, step_aside=self.waiting.release)


def _ask(gathering: Gathering[int, str], item: int) -> "Future[str]":
    future: Future[str] = Future()

    def run() -> None:
        try:
            future.set_result(gathering.take_part(item))
        except BaseException as error:  # noqa: BLE001 - handed to whoever looks
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def _ask_while_busy(work: _Work, gathering: Gathering[int, str], *items: int) -> list["Future[str]"]:
    """Have the first thing begun, and the others come while it is being done, in their order."""
    asked = [_ask(gathering, items[0])]
    assert work.begun.acquire(timeout=_PATIENCE_SECONDS)
    for item in items[1:]:
        asked.append(_ask(gathering, item))
        assert work.waiting.acquire(timeout=_PATIENCE_SECONDS)
    return asked


def _answers(asked: list["Future[str]"]) -> list[str | type[BaseException]]:
    return [
        type(error) if (error := one.exception(_PATIENCE_SECONDS)) is not None else one.result()
        for one in asked
    ]


def test_who_finds_nobody_at_work_begins_at_once_alone() -> None:
    work = _Work()
    gathering = work.gather()
    for item in (1, 2):
        work.allowed.release()
        assert gathering.take_part(item) == f"done [{item}]"
    assert work.groups == [[1], [2]]
    assert not work.waiting.acquire(blocking=False)


def test_those_that_come_meanwhile_are_done_at_once() -> None:
    work = _Work()
    asked = _ask_while_busy(work, work.gather(), 1, 2, 3, 4)
    work.allowed.release(2)
    assert _answers(asked) == ["done [1]", *["done [2, 3, 4]"] * 3]


def test_a_group_has_its_limit_and_nobody_is_left_behind() -> None:
    work = _Work()
    asked = _ask_while_busy(work, work.gather(most=2), 1, 2, 3, 4, 5, 6)
    work.allowed.release(4)
    _answers(asked)
    assert work.groups == [[1], [2, 3], [4, 5], [6]]


def test_what_fails_for_several_is_told_to_each_and_the_next_go_on() -> None:
    work = _Work(fails=lambda items: ValueError("one of them") if 3 in items else None)
    gathering = work.gather(most=2)
    asked = _ask_while_busy(work, gathering, 1, 2, 3, 4, 5)
    work.allowed.release(3)
    assert _answers(asked) == ["done [1]", NotDoneTogether, NotDoneTogether, *["done [4, 5]"] * 2]


def test_what_fails_alone_is_told_as_it_was() -> None:
    work = _Work(fails=lambda _: ValueError("mine"))
    work.allowed.release()
    with pytest.raises(ValueError, match="mine"):
        work.gather().take_part(1)


def test_a_leader_that_is_stopped_takes_nobody_along() -> None:
    work = _Work(fails=lambda items: SystemExit() if 2 in items else None)
    gathering = work.gather(most=2)
    asked = _ask_while_busy(work, gathering, 1, 2, 3, 4)
    work.allowed.release(3)
    assert _answers(asked) == ["done [1]", SystemExit, NotDoneTogether, "done [4]"]
    work.allowed.release()
    assert gathering.take_part(5) == "done [5]"


def test_who_can_t_step_aside_cleanly_still_counts() -> None:
    work = _Work()

    def step_aside() -> None:
        work.waiting.release()
        raise KeyError("the pool is being replaced")

    gathering = Gathering(work.act, most=2, step_aside=step_aside)
    asked = _ask_while_busy(work, gathering, 1, 2, 3, 4)
    work.allowed.release(3)
    assert _answers(asked) == ["done [1]", *["done [2, 3]"] * 2, "done [4]"]
