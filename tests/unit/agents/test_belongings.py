"""What belongs to the whole process is put back: at once where a call has it alone, else when none can need it."""

import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from agents.runtimes import belongings, confinement
from agents.runtimes.confinement import confine

_T = TypeVar("_T")


def _change_folder() -> None:
    os.chdir("/")


def _change_environment() -> None:
    os.environ["ACME_KEY"] = "of one tenant"
    os.environ.pop("HABIT_REMOVED")
    os.environ["HABIT_CHANGED"] = "after"


def _change_path() -> None:
    sys.path.insert(0, "/nowhere")


def _change_stream() -> None:
    sys.stdout = sys.__stderr__


def _change_time_limit() -> None:
    socket.setdefaulttimeout(0.001)


def _change_mask() -> None:
    os.umask(0)


def _change_handler() -> None:
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def _change_alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 60)


def _change_depth() -> None:
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)


def _change_interval() -> None:
    sys.setswitchinterval(2)


def _silence() -> None:
    logging.disable(logging.DEBUG)


def _look() -> list[Any]:
    mask = os.umask(0o77)
    os.umask(mask)
    return [
        Path.cwd(),
        dict(os.environ),
        list(sys.path),
        sys.stdout,
        socket.getdefaulttimeout(),
        gc.isenabled(),
        mask,
        signal.getsignal(signal.SIGUSR2),
        signal.getitimer(signal.ITIMER_REAL)[0],
        sys.getrecursionlimit(),
        sys.getswitchinterval(),
        logging.root.manager.disable,
    ]


_OF_MANY = [
    _change_folder,
    _change_environment,
    _change_path,
    _change_stream,
    _change_time_limit,
    gc.disable,
    _change_depth,
    _change_interval,
    _silence,
]
_OF_ONE = [_change_mask, _change_handler, _change_alarm]


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HABIT_REMOVED", "there")
    monkeypatch.setenv("HABIT_CHANGED", "before")


@pytest.mark.parametrize("change", [*_OF_MANY, *_OF_ONE])
def test_a_process_of_its_own_is_as_it_was(change: Callable[[], None]) -> None:
    before = _look()
    with capture_logs() as said:
        _call("acme.agent", change)
    assert _look() == before
    assert [(line["event"], line["agents"]) for line in said] == [("process_changed", ["acme.agent"])]


def _fail_elsewhere() -> None:
    _change_folder()
    raise ZeroDivisionError


def test_also_after_a_failure() -> None:
    before = _look()
    with pytest.raises(ZeroDivisionError):
        _call("acme.agent", _fail_elsewhere)
    assert _look() == before


def test_who_says_nothing_changed_nothing() -> None:
    with capture_logs() as said:
        _call("acme.agent", lambda: None)
    assert said == []


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    monkeypatch.setattr(confinement, "watch", belongings.Watch())
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.mark.parametrize("change", _OF_MANY)
def test_a_process_of_many_is_put_back_once_nobody_is_at_work_who_may_need_it(
    threads: ThreadPoolExecutor, change: Callable[[], None]
) -> None:
    # given: two calls at work, of which the first changes the process and ends
    before = _look()
    begun, end = threading.Event(), threading.Event()

    def neighbour() -> list[Any]:
        begun.set()
        end.wait(5)
        return _look()

    with capture_logs() as said:
        other = threads.submit(_call, "acme.neighbour", neighbour)
        assert begun.wait(5)
        threads.submit(_call, "acme.habit", change).result(5)

        # then: who is at work may have made it, and keeps it
        assert said == []
        end.set()
        assert other.result(5) != before

    # and: it is put back with the last of them, and both are named
    assert _look() == before
    assert [line["agents"] for line in said] == [["acme.habit", "acme.neighbour"]]


def test_who_comes_later_does_not_keep_it(threads: ThreadPoolExecutor) -> None:
    # given: a change that was made while one neighbour was at work, and a call that came after it
    before = _look()
    first, later = _Waiting(), _Waiting()
    at_work = threads.submit(_call, "acme.first", first.wait)
    assert first.begun.wait(5)
    threads.submit(_call, "acme.habit", _change_environment).result(5)
    came_later = threads.submit(_call, "acme.later", later.wait)
    assert later.begun.wait(5)
    assert _look() != before

    # when: the neighbour ends
    first.end.set()
    at_work.result(5)

    # then: it is put back, although the later one is still at work
    assert not came_later.done()
    assert _look() == before
    later.end.set()
    came_later.result(5)


class _Waiting:
    def __init__(self) -> None:
        self.begun, self.end = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.begun.set()
        assert self.end.wait(5)


def _call(agent: str, act: Callable[[], _T]) -> _T:
    return confine(agent, act)
