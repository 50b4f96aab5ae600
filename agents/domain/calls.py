"""Calls that an agent makes once: what names one, and who keeps its answer. Pure.

An agent's code runs again from its top after a crash or a retry; a call that was done is then answered, not made. Read
next: `agents/domain/calling.py`, which makes calls, and `orchestration/executor/journal.py`, which keeps them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from agents.domain.interruption import is_suspension
from agents.domain.notebook import Note, Notebook, Shelf
from agents.domain.usage import BudgetLeft, CallUsage, Reservation
from agents.errors import CallDiverged, CallRefused, Suspended

MOST_NAME: Final = 100
MOST_PATH: Final = 600
# What a path is made of, and what can't be seen, has no place in its parts.
_NAME: Final = re.compile(r"[^/#\[\]\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,100}")


class CallKind(StrEnum):
    """What a call is. `once`: of a function.  `memory`: a look.  The last five wait: a time, signal, person, actor."""

    ONCE = "once"
    MODEL = "model"
    TOOL = "tool"
    MEMORY = "memory"
    TIMER = "timer"
    SIGNAL = "signal"
    ASK = "ask"
    APPROVAL = "approval"
    MESSAGE = "message"


WAITS: Final = frozenset({CallKind.TIMER, CallKind.SIGNAL, CallKind.ASK, CallKind.APPROVAL, CallKind.MESSAGE})
"""Calls that nobody makes: they stay open until something answers them."""


@dataclass(frozen=True, slots=True)
class CallWish:
    """A call that an agent wants to make.

    Attributes: path: names it within its step.  request_json: canonical JSON of what is asked.
        is_repeatable: False: where nobody knows whether it happened, a person is asked before it is made again.
        has_effects: it does something outside, which a raised version of the agent does not do once more.
        envelope: what stands before and behind a value that a person says it returned, to make it an answer.
    """

    path: str
    kind: CallKind
    name: str
    request_json: str
    is_repeatable: bool = True
    has_effects: bool = False
    envelope: tuple[str, str] = ("", "")

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what is asked as 64 hex digits."""
        return hashlib.sha256(self.request_json.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Until:
    """When a wait is over by itself: after some seconds from its first beginning, or at a moment; never without both.

    Whichever of the two is given counts from the first time; a later attempt can't move it.
    """

    seconds: float | None = None
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The call was done: this is its answer, as canonical JSON."""

    response_json: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The call is to be made.

    Attributes: key: the same for every try of it, for targets that honour keys.  row: by which its keeper knows it.
    """

    key: str
    row: int = 0


class CallJournal(Protocol):
    """Keeps the calls of one attempt. Any thread may ask it."""

    @property
    def budget(self) -> BudgetLeft:
        """What is left, as its last call found it."""

    def begin(self, wish: CallWish, reservation: Reservation | None = None) -> Kept | Begun:
        """Return the answer of a call that was done, or write that it begins, and that it may use so much at most.

        Raises: CallDiverged: another call was done under this path.  CallRefused: it can't be made now.
        """

    def end(self, wish: CallWish, begun: Begun, response_json: str, usage: CallUsage | None = None) -> None:
        """Write the answer of a call that was begun, and what it used where that is known."""

    def fail(self, wish: CallWish, begun: Begun, error: Exception, usage: CallUsage | None = None) -> None:
        """Write that a call that was begun has no answer; a later attempt makes it again."""

    def withdraw(self, wish: CallWish, begun: Begun) -> None:
        """Write that a call was left unfinished because something within it waits: it cost nothing by itself."""

    def wait(self, wish: CallWish, until: Until) -> Kept:
        """Return what a wait was answered with, or write that it is open.

        Raises: Suspended: nothing has answered it yet.  CallDiverged. CallRefused.
        """

    def leave(self, path: str) -> None:
        """Take note that the agent's code does not wait there any more: what it waited beside came first."""

    def keep_notes(self, wish: CallWish, begun: Begun, notes: list[Note]) -> None:
        """Keep what was noted within a call, before its answer is written."""

    @property
    def is_suspended(self) -> bool:
        """Whether a wait is open, or the run is paused: the attempt will end without an answer."""

    def make_callback(self, name: str, expires_seconds: float) -> str:
        """Return an address at which whoever has it may send a signal to the run, for so long."""


class MemoryJournal:
    """The journal of a task that no engine made, as in a test of an agent's function: it lasts as long as the task."""

    def __init__(self, key: str = "") -> None:
        self._key = key
        self._done: dict[str, tuple[str, str]] = {}
        self.budget = BudgetLeft()

    def begin(self, wish: CallWish, reservation: Reservation | None = None) -> Kept | Begun:  # noqa: ARG002
        """Return the answer of a call that was done, or let it be made."""
        done = self._done.get(wish.path)
        if done is None:
            return Begun(f"{self._key}:{wish.path}")
        if done[0] != wish.digest:
            raise CallDiverged(wish.path)
        return Kept(done[1])

    def end(self, wish: CallWish, begun: Begun, response_json: str, usage: CallUsage | None = None) -> None:  # noqa: ARG002
        """Keep the answer."""
        self._done[wish.path] = (wish.digest, response_json)

    def fail(self, wish: CallWish, begun: Begun, error: Exception, usage: CallUsage | None = None) -> None:
        """Forget that it was begun."""

    def withdraw(self, wish: CallWish, begun: Begun) -> None:
        """Forget that it was begun."""

    def wait(self, wish: CallWish, until: Until) -> Kept:  # noqa: ARG002 - the interface
        """Let time pass at once.

        Raises: CallRefused: it waits for somebody, and nobody can answer here.
        """
        if wish.kind is CallKind.TIMER:
            return Kept("null")
        raise CallRefused(
            f"nobody can answer {wish.path} outside an engine: run it in a workflow, as with run_workflow() and drive()"
        )

    def leave(self, path: str) -> None:
        """Nothing is waited for here."""

    def keep_notes(self, wish: CallWish, begun: Begun, notes: list[Note]) -> None:
        """No other attempt needs them."""

    @property
    def is_suspended(self) -> bool:
        """Return False: nothing stays open here."""
        return False

    def make_callback(self, name: str, expires_seconds: float) -> str:  # noqa: ARG002 - the interface
        """Return an address that leads nowhere."""
        return f"http://localhost/callback-of-no-engine/{name}"


class Calls:
    """The calls of one attempt: gives each its path and asks the journal.

    Args: journal: who keeps them.  shelf: where memories are looked up.

    Attributes:
        notebook: what is to be remembered, and what was looked up.
        parked: waits beside which other branches go on; if they are open their code has not been told yet.
        settling: who looks whether others go on.
        is_cut: some code was told so, and the attempt ends without an answer.  is_over: the agent has ended.
    """

    def __init__(self, journal: CallJournal, shelf: Shelf | None = None) -> None:
        self.journal = journal
        self.notebook = Notebook(shelf)
        self._root = _Place(self, "")
        self._lock = threading.Lock()
        self._under_way = 0
        self.parked: set[str] = set()
        self.settling: asyncio.Future[None] | None = None
        self.is_cut = self.is_over = False

    @property
    def are_under_way(self) -> bool:
        """Return whether a call of any thread or task has begun and not come to its end."""
        return self._under_way > 0

    @contextmanager
    def count_under_way(self) -> Iterator[None]:
        """Count a call as under way until it has come to its end."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def __deepcopy__(self, _memo: object) -> Calls:
        """A copy of a task makes the same calls."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a task that no engine made go to another process; it remembers nothing there.

        Raises: CallRefused: the engine's can't: what is called there would not be kept.
        """
        if isinstance(self.journal, MemoryJournal):
            return Calls, (MemoryJournal(),)
        raise CallRefused(
            "a task can't go to another process: hand over what is needed of it, and call from here"
        )

    def find_prefix(self) -> str:
        """Return what paths of calls begin with here: within which call this context is."""
        here = _HERE.get()
        return here.prefix if here is not None and here.calls is self else ""

    @contextmanager
    def take_path(self, name: str, key: str | None, kind: CallKind = CallKind.ONCE) -> Iterator[str]:
        """Lend the path of a call while it is made; what is called meanwhile in its context is below it.

        Raises: CallRefused: the name or the key is none, the same call is being made already, or something would wait
            inside a call.  Suspended: one is being handled.
        """
        part = _name_part(name, key, kind)
        refuse_unwinding(part)
        parent = _HERE.get()
        if parent is None or parent.calls is not self:
            parent = self._root
        if kind in WAITS and parent is not self._root:
            raise CallRefused(
                f"'{part}' waits inside a call, which would be made again after the wait: take it out, before or after"
            )
        path = parent.enter(part)
        token = _HERE.set(_Place(self, f"{path}/"))
        try:
            yield path
        finally:
            _HERE.reset(token)
            parent.leave(part)


class _Place:
    """Where calls are made: at the top of an agent's code, or within another call."""

    def __init__(self, calls: Calls, prefix: str) -> None:
        self.calls = calls
        self.prefix = prefix
        self._made: Counter[str] = Counter()
        self._under_way: set[str] = set()
        self._lock = threading.Lock()

    def enter(self, part: str) -> str:
        with self._lock:
            if part in self._under_way:
                raise CallRefused(
                    f"the call '{part}' is being made already, and which of two comes first would be chance: give each "
                    "a key of its own, as in task.once(name, function, ..., key='7')"
                )
            path = f"{self.prefix}{part}#{self._made[part] + 1}"
            if len(path) > MOST_PATH:
                raise CallRefused(
                    f"the call '{part}' is nested too deep: its path is over {MOST_PATH:,} characters"
                )
            self._made[part] += 1
            self._under_way.add(part)
            return path

    def leave(self, part: str) -> None:
        with self._lock:
            self._under_way.discard(part)


_HERE: Final[ContextVar[_Place | None]] = ContextVar("agents_call_place", default=None)


def refuse_unwinding(part: str) -> None:
    """Let nothing be called by what cleans up while an attempt is suspended: the work is not over.

    Raises: Suspended.
    """
    handled = sys.exception()
    if handled is not None and is_suspension(handled):
        raise Suspended(part)


def _name_part(name: str, key: str | None, kind: CallKind) -> str:
    """Return what stands in a path for a call: the kinds have names of their own."""
    part = check_part("name", name)
    if kind is not CallKind.ONCE:
        part = str(kind) if part == kind else f"{kind}:{part}"
    return part if key is None else f"{part}[{check_part('key', key)}]"


def check_part(what: str, value: object) -> str:
    """Return what names a call or a signal.

    Raises: CallRefused: it is no such text.
    """
    if isinstance(value, str) and value.strip() and _NAME.fullmatch(value):
        return value
    raise CallRefused(
        f"a call's {what} is text of 1 to {MOST_NAME} visible characters without / # [ ]: not {value!r:.80}"
    )
