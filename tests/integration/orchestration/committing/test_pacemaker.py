"""What the heart's own process does for those it serves: beats, locks and words, with what the system says given."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from orchestration.models import WorkerProcess
from orchestration.presence import Presence, lock_process, unlock_process
from orchestration.worker import looking
from orchestration.worker.looking import PLACE, Look
from orchestration.worker.pacemaker import Pacemaker, Terms, Ward
from orchestration.worker.sessions import open_session, read_parameters
from tests.processes import wait_for

_THREAD, _STEP = 11, 501
_LONG = 1_000.0


class Served:
    """A process that came to the pacemaker, and its end of the socket."""

    def __init__(self, pacemaker: Pacemaker, control: socket.socket) -> None:
        self._pacemaker = pacemaker
        self.channel, theirs = socket.socketpair()
        memory = os.memfd_create("flights")
        os.ftruncate(memory, PLACE.size)
        os.pwrite(memory, PLACE.pack(_THREAD, _STEP, time.monotonic() + _LONG), 0)
        with theirs:
            socket.send_fds(control, [b"."], [theirs.fileno(), memory])
        os.close(memory)
        pacemaker._admit()
        self.ward: Ward = pacemaker._wards[-1]

    def enter(self, pid: int = 0, name: str = "served") -> WorkerProcess:
        presence = Presence(name, "host", pid or os.getpid(), ["steps"], ["x.y"], 4)
        first: dict[str, Any] = {"presence": asdict(presence), "process_id": None}
        self.tell(first, {"busy": 1})
        return WorkerProcess.objects.get(name=name)

    def tell(self, *lines: dict[str, Any]) -> None:
        self.channel.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        self._pacemaker._hear(self.ward)

    def fall_silent(self) -> None:
        self.ward.ticked_at -= 100


@pytest.fixture
def control() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def pacemaker(control: tuple[socket.socket, socket.socket]) -> Iterator[Pacemaker]:
    WorkerProcess.objects.all().delete()
    terms = Terms(
        make_conninfo(**read_parameters("heart")),
        os.getppid(),
        10.0,
        30.0,
        10.0,
        "SELECT %(calls)s, %(process)s",
    )
    made = Pacemaker(terms, control[1])
    yield made
    for ward in made._wards:
        ward.channel.close()
    made._drop_session()
    made._selector.close()


@pytest.fixture
def served(pacemaker: Pacemaker, control: tuple[socket.socket, socket.socket]) -> Iterator[Served]:
    one = Served(pacemaker, control[0])
    with one.channel:
        yield one


@pytest.fixture
def watcher() -> Iterator[psycopg.Connection[Any]]:
    with open_session("watcher") as session:
        yield session


def _looks(monkeypatch: pytest.MonkeyPatch, *used: float | None) -> None:
    """Let the system say how much CPU the step's thread had used, a second after another; None: stopped."""
    looks = [
        None if seconds is None else Look(float(at), {_THREAD: seconds}) for at, seconds in enumerate(used)
    ]
    monkeypatch.setattr(looking, "look_at", lambda _process: looks.pop(0))


def _is_free(watcher: psycopg.Connection[Any], process: WorkerProcess) -> bool:
    is_free = lock_process(watcher, process.pk)
    if is_free:
        unlock_process(watcher, process.pk)
    return is_free


def test_a_silent_process_that_works_is_beaten_for_as_blocked(
    pacemaker: Pacemaker, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = served.enter()
    served.fall_silent()
    _looks(monkeypatch, 1.0, 1.9)
    pacemaker._go_round()
    pacemaker._go_round()
    before = process.beat_at
    process.refresh_from_db()
    assert (process.blocked_by, process.blocked_until, process.beat_at > before) == (_STEP, None, True)


@pytest.mark.parametrize("used", [(1.0, 1.0, 1.0), (None, None, None), (1.0, None, 1.0)])
def test_one_that_stands_still_or_is_stopped_gets_no_beat(
    pacemaker: Pacemaker, served: Served, monkeypatch: pytest.MonkeyPatch, used: tuple[float | None, ...]
) -> None:
    process = served.enter()
    served.fall_silent()
    _looks(monkeypatch, *used)
    for _ in used:
        pacemaker._go_round()
    before = process.beat_at
    process.refresh_from_db()
    assert (process.beat_at, process.blocked_at, served.ward.is_blocked) == (before, None, False)


def test_one_that_speaks_is_not_looked_at(
    pacemaker: Pacemaker, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.enter()
    _looks(monkeypatch)  # a look would fail
    pacemaker._go_round()
    assert served.ward.first is None


def test_one_that_speaks_again_is_blocked_no_more_and_later_judged_afresh(
    pacemaker: Pacemaker, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = served.enter()
    served.fall_silent()
    _looks(monkeypatch, 1.0, 1.9, 50.0, 50.0)
    pacemaker._go_round()
    pacemaker._go_round()

    served.tell({"busy": 1})
    process.refresh_from_db()
    assert (process.blocked_until is not None, served.ward.is_blocked) == (True, False)

    # What it used while it spoke says nothing of the next silence.
    served.fall_silent()
    pacemaker._go_round()
    pacemaker._go_round()
    process.refresh_from_db()
    assert (process.blocked_until is not None, served.ward.is_blocked) == (True, False)


def test_one_that_has_no_row_yet_enters_when_it_speaks(
    pacemaker: Pacemaker, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.enter()
    WorkerProcess.objects.all().delete()
    served.ward.process_id = None
    served.fall_silent()
    _looks(monkeypatch, 1.0, 1.9)
    pacemaker._go_round()
    pacemaker._go_round()
    assert pacemaker._session is not None, "nothing failed"
    assert not WorkerProcess.objects.exists()
    served.tell({"busy": 1})
    assert WorkerProcess.objects.get().pk == served.ward.process_id


def test_a_lock_is_held_while_one_lives_and_given_back_at_once(
    pacemaker: Pacemaker,
    served: Served,
    control: tuple[socket.socket, socket.socket],
    watcher: psycopg.Connection[Any],
) -> None:
    # given: two processes of one heart
    other = Served(pacemaker, control[0])
    process, neighbour = served.enter(), other.enter(name="neighbour")
    assert not _is_free(watcher, process)

    # when: one dies
    served.channel.close()
    pacemaker._hear(served.ward)

    # then: its lock falls, the neighbour's does not
    assert (_is_free(watcher, process), _is_free(watcher, neighbour)) == (True, False)
    other.channel.close()


def test_a_session_that_broke_is_replaced_at_once_with_all_its_locks(
    pacemaker: Pacemaker,
    served: Served,
    control: tuple[socket.socket, socket.socket],
    watcher: psycopg.Connection[Any],
) -> None:
    other = Served(pacemaker, control[0])
    processes = [served.enter(), other.enter(name="neighbour")]
    assert pacemaker._session is not None
    watcher.execute("SELECT pg_terminate_backend(%s, 5000)", [pacemaker._session.info.backend_pid])
    assert [_is_free(watcher, process) for process in processes] == [True, True]

    served.tell({"busy": 1})

    assert [_is_free(watcher, process) for process in processes] == [False, False]
    assert b'"failed"' in served.channel.recv(65_536)
    other.channel.close()


def test_a_lock_that_a_ghost_holds_is_asked_for_with_each_beat(
    pacemaker: Pacemaker, served: Served, watcher: psycopg.Connection[Any]
) -> None:
    process = served.enter()
    with open_session("ghost") as ghost:
        pacemaker._drop_session()
        # The server lets go of a lock a moment after its session was closed.
        wait_for(lambda: lock_process(ghost, process.pk), what="the lock of the dropped session")
        served.tell({"busy": 1})
        assert not served.ward.is_locked

    def beat() -> bool:
        served.tell({"busy": 1})
        return served.ward.is_locked

    wait_for(beat, what="the lock of the ghost")
    assert not _is_free(watcher, process)


def test_one_that_died_before_its_first_words_were_read_disturbs_nobody(
    pacemaker: Pacemaker, served: Served
) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(20)
    presence = Presence("dead", "host", child.pid, ["steps"], ["x.y"], 4)
    served.tell({"presence": asdict(presence), "process_id": None}, {"busy": 0})
    assert pacemaker._wards == []
    assert not WorkerProcess.objects.exists()


def test_calls_are_reported_once(pacemaker: Pacemaker, served: Served) -> None:
    served.enter()
    served.tell({"busy": 1, "calls": {"a.b": 3}})
    assert not served.ward.calls


def test_when_its_owner_is_gone_nobody_can_come_any_more(
    pacemaker: Pacemaker, control: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_round() -> bool:
        pacemaker._go_round()
        return pacemaker._is_open

    assert go_round()
    # A forked child of an agent still holds the other end of the socket.
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert not go_round()
    pacemaker.run()
