"""The program of a heart's own process: it beats for worker processes, whatever holds their interpreter.

A thread of the worker would stop beating whenever a step keeps the interpreter's lock, as one bad regular expression
does; then all steps of a living process would be freed and begun again, without end. So the beat comes from outside.
The interpreter tells that it lives by a line on a socket; where it falls silent, the system tells why:

- it is stopped, or stands still: no beat, the lease runs out, and its steps are freed;
- it burns CPU: it is *blocked*. It keeps its lease, and its steps are freed one by one past their own deadline; the
  thread that burns the CPU names the step which is at fault. Long past that step's deadline the process is ended.

The session here holds the advisory locks of all processes that it serves: a thread worker, or the children of one
worker. When one dies its socket closes, and its lock is given back at once; when this process dies, all fall. It ends
when nobody is left to serve. Run by its path, so that it need not load the project: it must import none of it but
`looking.py` and `presence.py`, which import none of it either.
"""

import json
import os
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.util import module_from_spec, spec_from_file_location
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import psycopg

if TYPE_CHECKING or __package__:
    from orchestration import presence
    from orchestration.worker import looking
else:  # as a program: the packages around these two files would load Django and all

    def _load(path: str) -> Any:
        spec = spec_from_file_location(Path(path).stem, Path(__file__).parents[1] / path)
        module = sys.modules[spec.name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    presence = _load("presence.py")
    looking = _load("worker/looking.py")

_SILENT_BEATS: Final = 2
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Terms:
    """What the worker tells at the start. Durations are seconds.

    Attributes: owner: the process that started this one.  patience_seconds: how long after a step's deadline its thread
        counts as lost.  count_calls: the statement that notes how often agents were called.
    """

    conninfo: str
    owner: int
    heartbeat_seconds: float
    lease_seconds: float
    patience_seconds: float
    count_calls: str


@dataclass(slots=True)
class Ward:
    """A process that is served.

    Attributes: first, last: looks since it fell silent.  has_news: what it tells of its agents is not written yet.
    """

    channel: socket.socket
    memory: mmap
    presence: Any = None
    process: Any = None
    process_id: int | None = None
    is_locked: bool = False
    is_blocked: bool = False
    has_news: bool = False
    ticked_at: float = field(default_factory=time.monotonic)
    report: dict[str, Any] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    unread: bytes = b""
    first: looking.Look | None = None
    last: looking.Look | None = None

    def flights(self) -> list[looking.Flight]:
        """Return what its threads perform."""
        places = looking.PLACE.iter_unpack(
            self.memory[: len(self.memory) // looking.PLACE.size * looking.PLACE.size]
        )
        return [looking.Flight(*place) for place in places if place[1]]

    def say(self, **what: Any) -> None:
        """Tell it something; it may be unable to listen."""
        try:
            self.channel.send(json.dumps(what).encode() + b"\n", socket.MSG_DONTWAIT)
        except OSError:
            return  # its end of the socket is full or closed: the next look tells which


def is_beyond_help(ward: Ward, holder: looking.Flight | None, terms: Terms, now: float) -> bool:
    """Return whether a blocked process is to be ended: its step is lost, and nothing else can go on in it."""
    ends = [flight.ends_at for flight in ([holder] if holder else ward.flights())]
    return now > max(ends, default=ward.ticked_at + terms.lease_seconds) + terms.patience_seconds


class Pacemaker:
    """Serves the processes that come over the control socket until none is left."""

    def __init__(self, terms: Terms, control: socket.socket) -> None:
        """Prepare; nothing is opened before the first process comes."""
        self._terms = terms
        self._control = control
        self._is_open = True
        self._wards: list[Ward] = []
        self._session: psycopg.Connection[Any] | None = None
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, self._admit)
        self._round_at = 0.0

    def run(self) -> None:
        """Serve until nobody is left."""
        while self._wards or self._is_open:
            pause = max(self._round_at - time.monotonic(), 0.0)
            for key, _ in self._selector.select(pause):
                key.data()
            if time.monotonic() >= self._round_at:
                self._round_at = time.monotonic() + self._terms.heartbeat_seconds
                self._go_round()
        self._drop_session()

    def _admit(self) -> None:
        """Take a process's socket and memory; when the control socket closes, nobody can come any more."""
        sent, files, _, _ = socket.recv_fds(self._control, 1, 2)
        if not sent:
            self._close_control()
        elif len(files) == 2:
            channel = socket.socket(fileno=files[0])
            ward = Ward(channel, mmap(files[1], 0, access=ACCESS_READ))
            os.close(files[1])
            self._wards.append(ward)
            self._selector.register(channel, selectors.EVENT_READ, lambda: self._hear(ward))

    def _close_control(self) -> None:
        if self._is_open:
            self._is_open = False
            self._selector.unregister(self._control)

    def _hear(self, ward: Ward) -> None:
        """Read what a process says; act once, on the latest."""
        try:
            heard = ward.channel.recv(_CHUNK)
        except OSError:
            heard = b""
        if not heard:
            self._lose(ward)
            return
        *lines, ward.unread = (ward.unread + heard).split(b"\n")
        try:
            for line in lines:
                self._note(ward, json.loads(line))
        except psutil.NoSuchProcess:
            self._lose(ward)  # it died before its first words were read
            return
        if ward.report.get("leaves"):
            self._let_go(ward)
        elif lines:
            self._beat(ward)

    def _note(self, ward: Ward, said: dict[str, Any]) -> None:
        if "presence" in said:
            ward.presence = presence.Presence(**said["presence"])
            ward.process_id, ward.has_news = said["process_id"], True
            ward.process = psutil.Process(ward.presence.pid)
            return
        ward.calls.update(said.pop("calls", {}))
        told = {name: said.pop(name) for name in ("agents", "offers_json") if name in said}
        ward.presence = replace(ward.presence, **told)
        ward.has_news |= "offers_json" in told
        ward.report, ward.ticked_at = said, time.monotonic()
        ward.first = ward.last = None
        if ward.is_blocked:
            ward.is_blocked = False
            shout(f"{ward.presence.name}: the interpreter is free again")

    def _beat(self, ward: Ward) -> None:
        def write(session: psycopg.Connection[Any]) -> None:
            if ward.process_id is None or not self._renew(session, ward):
                ward.process_id = presence.enter_process(session, ward.presence, self._terms.lease_seconds)
                ward.is_locked = True
                ward.has_news = False
                ward.say(entered=ward.process_id)
            if ward.calls:
                session.execute(
                    self._terms.count_calls,
                    {"calls": json.dumps(dict(ward.calls)), "process": ward.process_id},
                )
                ward.calls.clear()

        self._insist(write)

    def _renew(self, session: psycopg.Connection[Any], ward: Ward) -> bool:
        self._lock(session, ward)
        report = ward.report
        is_present = presence.beat(
            session,
            ward.process_id or 0,
            busy=report.get("busy", 0),
            hung=report.get("hung", 0),
            agents=ward.presence.agents,
            # Long, and seldom another than before.
            offers_json=ward.presence.offers_json if ward.has_news else None,
            last_claim_at=_read_time(report.get("last_claim_at")),
            newest_dispatch_at=_read_time(report.get("newest_dispatch_at")),
        )
        ward.has_news &= not is_present
        return is_present

    def _lock(self, session: psycopg.Connection[Any], ward: Ward) -> None:
        """Take a process's lock, if it is free: a former session may still hold it, and is asked for with each beat."""
        ward.is_locked = ward.is_locked or presence.lock_process(session, ward.process_id or 0)

    def _go_round(self) -> None:
        """looking.Look after those that fell silent."""
        if os.getppid() != self._terms.owner:
            self._close_control()  # a forked child of an agent may still hold the other end
        now = time.monotonic()
        for ward in [ward for ward in self._wards if ward.process is not None]:
            try:
                if now - ward.ticked_at > _SILENT_BEATS * self._terms.heartbeat_seconds:
                    self._examine(ward, now)
            except looking.Gone:
                self._lose(ward)

    def _examine(self, ward: Ward, now: float) -> None:
        """Beat for a silent process if it works; a stopped one, or one that stands still, gets no beat."""
        seen = looking.look_at(ward.process)
        before, ward.last = ward.last, seen
        ward.first = ward.first or seen
        if seen is None or before is None or ward.first is None or not looking.is_working(before, seen):
            return
        holder = looking.find_holder(ward.first, seen, ward.flights())
        if not ward.is_blocked:
            ward.is_blocked = True
            by = f"step {holder.step}" if holder else "something that can't be told"
            shout(
                f"{ward.presence.name} is blocked: {by} holds its interpreter since {now - ward.ticked_at:.0f} s"
            )
        self._insist(lambda session: self._beat_blocked(session, ward, holder, now))
        if is_beyond_help(ward, holder, self._terms, now):
            self._end(ward, "blocked long past the deadline of the step that blocks it")

    def _beat_blocked(
        self, session: psycopg.Connection[Any], ward: Ward, holder: looking.Flight | None, now: float
    ) -> None:
        if ward.process_id is None:
            return  # it enters when it can speak again
        self._lock(session, ward)
        by = holder.step if holder else None
        presence.beat_blocked(session, ward.process_id, seconds=now - ward.ticked_at, by=by)

    def _end(self, ward: Ward, why: str) -> None:
        shout(f"{ward.presence.name} (pid {ward.presence.pid}) is ended: {why}; start it again")
        try:
            ward.process.kill()
        except psutil.NoSuchProcess:
            return

    def _let_go(self, ward: Ward) -> None:
        """Write that a process leaves in order, and say when that is done."""
        process_id = ward.process_id
        if process_id is not None:
            self._insist(lambda session: presence.leave_process(session, process_id))
        ward.say(left=True)
        self._lose(ward)

    def _lose(self, ward: Ward) -> None:
        """Give a process's lock back; who still finds its row open sees that it died."""
        self._wards.remove(ward)
        self._selector.unregister(ward.channel)
        ward.channel.close()
        process_id = ward.process_id
        if ward.is_locked and process_id is not None and self._session is not None:
            self._insist(lambda session: presence.unlock_process(session, process_id))

    def _insist(self, write: Callable[[psycopg.Connection[Any]], None]) -> None:
        """Write on the session; when that fails, change it for another at once: locks that are free mean death.

        A server that is read-only answers, and so does one that was made a replica: only a new session finds another.
        """
        try:
            write(self._session or self._open())
        except psycopg.Error as error:
            self._drop_session()
            with suppress(psycopg.Error):
                self._open()
            for ward in self._wards:
                ward.say(failed=str(error))

    def _open(self) -> psycopg.Connection[Any]:
        session = self._session = psycopg.connect(self._terms.conninfo, autocommit=True)
        for ward in self._wards:
            if ward.process_id is not None:
                self._lock(session, ward)
        return session

    def _drop_session(self) -> None:
        for ward in self._wards:
            ward.is_locked = False
        if self._session is not None:
            self._session.close()
            self._session = None


def shout(sentence: str) -> None:
    """Say something in the worker's own log: it may be unable to. Whoever read it may be gone, or never was there."""
    if sys.stderr is None:
        return
    with suppress(OSError):
        sys.stderr.write(
            f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} [warning] heart: {sentence}\n"
        )
        sys.stderr.flush()


def _read_time(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)


def main() -> None:
    """Serve whoever comes over the socket of this number; the terms come as one line."""
    for order in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        # Orders to end go to whole groups: the worker needs its heart until it has ended its steps.
        signal.signal(order, signal.SIG_IGN)
    terms = Terms(**json.loads(sys.stdin.readline()))
    with socket.socket(fileno=int(sys.argv[1])) as control:
        Pacemaker(terms, control).run()


if __name__ == "__main__":
    main()
