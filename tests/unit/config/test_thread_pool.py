"""A pool of threads that can do without those that hang."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any

import pytest

from config.thread_pool import Executor, TaskPool

_SECONDS = 10.0


class Hanging:
    """Calls that wait until they are let go."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.idents: list[int] = []

    def __call__(self) -> None:
        self.idents.append(threading.get_ident())
        self.begun.release()
        self.gate.wait(_SECONDS)


def fill(executor: Executor, count: int) -> Hanging:
    hanging = Hanging()
    for _ in range(count):
        executor.submit(hanging)
    for _ in range(count):
        assert hanging.begun.acquire(timeout=_SECONDS)
    return hanging


def test_calls_run_on_no_more_threads_than_there_may_be() -> None:
    executor = Executor(3)
    hanging = fill(executor, 3)
    waiting = executor.submit(lambda: "done")
    assert not wait([waiting], 0.05).done
    hanging.gate.set()
    assert waiting.result(_SECONDS) == "done"
    assert len(set(hanging.idents)) == 3
    executor.shutdown()


def test_an_idle_thread_is_used_again() -> None:
    executor = Executor(8)
    seen = set()
    for _ in range(20):
        seen.add(executor.submit(threading.get_ident).result(_SECONDS))
    assert len(seen) <= 2  # the next call may come a moment before the last thread is idle again
    executor.shutdown()


def test_an_error_is_the_future_s_and_the_thread_lives_on() -> None:
    executor = Executor(1)

    def fail() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        executor.submit(fail).result(_SECONDS)
    assert executor.submit(lambda: 1).result(_SECONDS) == 1
    executor.shutdown()


def test_a_lost_thread_has_a_substitute_for_what_waits() -> None:
    executor = Executor(2)
    hanging = fill(executor, 2)
    waiting = [executor.submit(lambda: 1) for _ in range(5)]
    assert executor.give_up(hanging.idents[0])
    assert [future.result(_SECONDS) for future in waiting] == [1] * 5
    hanging.gate.set()
    executor.shutdown()


def test_as_many_as_there_are_places_are_replaced_and_no_more() -> None:
    executor = Executor(1)
    first = fill(executor, 1)
    assert executor.give_up(first.idents[0])
    second = fill(executor, 1)
    assert not executor.give_up(second.idents[0])
    first.gate.set()
    second.gate.set()


def test_a_thread_that_comes_back_finds_its_place_taken() -> None:
    executor = Executor(1)
    lost = fill(executor, 1)
    executor.give_up(lost.idents[0])
    other = fill(executor, 1)
    lost.gate.set()
    back = next((one for one in threading.enumerate() if one.ident == lost.idents[0]), None)
    if back is not None:
        back.join(_SECONDS)
        assert not back.is_alive()
    other.gate.set()
    # its place is free again: another may be lost
    third = fill(executor, 1)
    assert executor.give_up(third.idents[0])
    third.gate.set()
    executor.shutdown()


def test_the_end_waits_for_what_is_under_way_and_not_for_what_is_lost() -> None:
    executor = Executor(2)
    lost = fill(executor, 1)
    busy = fill(executor, 1)
    unbegun: Future[int] = executor.submit(lambda: 1)
    executor.give_up(lost.idents[0])
    assert unbegun.result(_SECONDS) == 1

    ending = threading.Thread(target=executor.shutdown)
    ending.start()
    ending.join(0.3)
    assert ending.is_alive()
    busy.gate.set()
    ending.join(_SECONDS)
    assert not ending.is_alive()
    lost.gate.set()


def test_an_end_at_once_waits_for_nobody() -> None:
    pool = TaskPool(limit=1)
    busy = fill(pool.executor, 1)
    ending = threading.Thread(target=pool.on_stop)
    ending.start()
    ending.join(0.3)
    assert ending.is_alive()
    pool.terminate_job(None, "TERM")
    ending.join(_SECONDS)
    assert not ending.is_alive()
    busy.gate.set()


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Have the system give no more of them."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        yield


def test_a_thread_that_was_not_started_takes_no_place() -> None:
    # given: a call that was refused, since there is no thread at all
    executor = Executor(1)
    done: list[str] = []
    with no_more_threads(), pytest.raises(RuntimeError, match="can't start"):
        executor.submit(done.append, "refused")

    # then: once there may be threads another call has the place, and the refused one is not made after all
    executor.submit(done.append, "next").result(_SECONDS)
    assert done == ["next"]
    executor.shutdown()


def test_where_no_thread_can_be_added_the_others_take_the_work(caplog: pytest.LogCaptureFixture) -> None:
    executor = Executor(2)
    busy = fill(executor, 1)
    with no_more_threads():
        waiting = executor.submit(lambda: "done")
    assert "no thread was started: can't start new thread" in caplog.text
    busy.gate.set()
    assert waiting.result(_SECONDS) == "done"
    fill(executor, 2).gate.set()
    executor.shutdown()


def test_a_lost_thread_without_a_substitute_is_borne_while_another_lives() -> None:
    executor = Executor(2)
    hanging = fill(executor, 2)
    with no_more_threads():
        assert executor.give_up(hanging.idents[0])
        assert not executor.give_up(hanging.idents[1])
    assert executor.submit(lambda: "done").result(_SECONDS) == "done"
    hanging.gate.set()
    executor.shutdown()


def test_the_worker_hears_of_a_task_that_could_not_even_be_traced() -> None:
    def fail() -> None:
        raise RuntimeError("the broker is busy")

    told: list[Any] = []
    pool = TaskPool(limit=1)
    result = pool.on_apply(fail, (), callback=told.append)
    with pytest.raises(RuntimeError, match="busy"):
        result.get(_SECONDS)
    [(is_failed, info, _)] = told
    assert is_failed
    assert info.internal
    assert "the broker is busy" in str(info.exception)
    pool.on_stop()
