"""What one attempt notes down to be remembered, and what looking things up is: values, and the notebook. Pure.

Read next: `memories.py`, which checks what is noted; `recalling.py`, for what a task looks up.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from agents.errors import MemoryRefused

MOST_NOTES: Final = 200
MOST_NOTED_BYTES: Final = 1_048_576


class MemoryScope(StrEnum):
    """Whose a memory is: of an agent in all runs of a project, of one run, of the project, of an actor."""

    AGENT = "agent"
    RUN = "run"
    PROJECT = "project"
    ACTOR = "actor"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is to be remembered.

    Attributes: value_json: canonical JSON.  search: the text that a recall looks at.
        expected_version: it is kept only if the key's latest version is this one; 0: if there is none yet.
        about: whom it tells something about, by which all of that is found and forgotten.
    """

    scope: MemoryScope
    key: str
    value_json: str
    search: str
    expires_in_seconds: float | None = None
    expected_version: int | None = None
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that was found, with who wrote it.

    Attributes: version: from 1; each write of a key makes the next.  written_at: aware UTC.
        run_id, step_key, attempt, agent: of the attempt that wrote it; None and "" where a person did.
        person: who wrote it by hand; "".  score: by which a recall orders its hits; 0 where nothing was compared.
        id: of its row.
    """

    scope: MemoryScope
    key: str
    value: Any
    version: int
    written_at: datetime
    run_id: str | None
    step_key: str
    attempt: int | None
    agent: str
    person: str
    digest: str
    score: float = 0.0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found, as the journal keeps it: nothing of the value."""

    id: int
    digest: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked up. `key`: of one memory; "": those that are like a text, at most `limit`."""

    scope: MemoryScope
    key: str = ""
    like: str = ""
    limit: int = 1

    @property
    def is_recall(self) -> bool:
        """Return whether memories are compared with a text."""
        return not self.key


class Shelf(Protocol):
    """Where memories are, as one attempt sees them."""

    def take_pin(self) -> str:
        """Return the state of all memories as of now, as JSON by which later looks see the same."""

    def find(self, question: Question, pin_json: str) -> list[Found]:
        """Return what answers a question, the best first, as of a pin."""

    def open(self, found: list[Found]) -> list[Hit]:
        """Return memories with their values, in that order; what was forgotten meanwhile is left out."""

    def refuse(self, scope: MemoryScope) -> str:
        """Return why nothing of a scope can be kept or looked up here; "": it can."""


class BareShelf:
    """The shelf of a task that no engine made, as in a test of an agent's function: nothing is on it."""

    def take_pin(self) -> str:
        """Return a pin that says nothing."""
        return "{}"

    def find(self, question: Question, pin_json: str) -> list[Found]:  # noqa: ARG002 - the interface
        """Find nothing."""
        return []

    def open(self, found: list[Found]) -> list[Hit]:  # noqa: ARG002 - the interface
        """Return nothing."""
        return []

    def refuse(self, scope: MemoryScope) -> str:  # noqa: ARG002 - the interface
        """Refuse nothing."""
        return ""


class Notebook:
    """What one attempt noted down, and what it has looked up. Any thread may use it.

    What is noted within a call belongs to that call: a later attempt, for which the call is answered and not made,
    gets it from whoever keeps the call.

    Args: shelf: where memories are looked up.
    """

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.shelf: Shelf = BareShelf() if shelf is None else shelf
        self.lock = threading.RLock()
        self.seen: dict[str, list[Found]] = {}
        self.pin_json: str | None = None
        self._notes: list[tuple[str, Note]] = []
        self._bytes = 0

    def write(self, note: Note, prefix: str) -> None:
        """Note something down. `prefix`: what paths of calls begin with where that happens.

        Raises: MemoryRefused: it can't be kept here, or it is too much.
        """
        why = self.shelf.refuse(note.scope)
        if why:
            raise MemoryRefused(f"task.remember: scope: {why}")
        with self.lock:
            self._bytes += len(note.value_json) + len(note.search) + sum(map(len, note.about))
            if len(self._notes) >= MOST_NOTES:
                raise MemoryRefused(
                    f"task.remember: one attempt may note {MOST_NOTES} things; let it be several steps"
                )
            if self._bytes > MOST_NOTED_BYTES:
                raise MemoryRefused(
                    f"task.remember: what one attempt notes may have {MOST_NOTED_BYTES:,} characters together; keep "
                    "references to what is large"
                )
            self._notes.append((prefix, note))

    def drop(self, scope: MemoryScope, key: str) -> None:
        """Take back what was noted under a key outside of calls: another word comes in its place."""
        with self.lock:
            self._notes = [
                (prefix, note)
                for prefix, note in self._notes
                if prefix or (note.scope, note.key) != (scope, key)
            ]

    def list_notes(self, below: str = "") -> list[Note]:
        """Return what was noted, in its order; of a call, by what paths within it begin with."""
        with self.lock:
            return [note for prefix, note in self._notes if prefix.startswith(below)]
