"""One answer that a model is giving: what was said so far, and how much of it was told.

The event loop of an agent adds to it, and the telling thread takes from it. Adding is one append, which waits for
nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from agents.domain.classification import make_storable
from agents.domain.deltas import MOST_CHARACTERS, MOST_NAME, Delta
from agents.domain.masking import mask_so_far

WHOLE_SECONDS: Final = 2.0
"""So often all of an answer is told anew: for whoever came later, or has missed a piece."""
UNHEARD_SECONDS: Final = 1.0
"""So often it is tried whether somebody has begun to listen."""


class Speech:
    """What a model says in answer to one call.

    Args: run_id: whose watchers are told.  call: id of the call's row.  attempt: of the step.
        wake: called when there is something to tell.
    """

    def __init__(self, run_id: str, call: int, attempt: int, wake: Callable[[], None]) -> None:
        self.run_id = run_id
        self._call, self._attempt, self._wake = call, attempt, wake
        self._said: deque[str] = deque()
        self._wanted: deque[str] = deque()
        self._is_ended = False
        # From here on, the telling thread's own.
        self._text = self._masked = self._told = ""
        self._is_masked = True
        self._tools: tuple[str, ...] = ()
        self._is_heard, self._whole_at, self._due_at = False, 0.0, 0.0

    def say(self, text: str) -> None:
        """Add what came."""
        if text:
            self._said.append(text)
            self._wake()

    def want_tool(self, name: str) -> None:
        """Add the name of a tool that it wants called: a model may make one up, of any length."""
        self._wanted.append(make_storable(name)[:MOST_NAME])
        self._wake()

    def end(self) -> None:
        """Say that nothing more comes: the call has ended, however it did."""
        self._is_ended = True
        self._wake()

    def take(self, now: float) -> Delta | None:
        """Return what is to be told now; None: nothing yet. Whoever takes it says how many heard it."""
        is_over = self._is_ended
        self._gather()
        if is_over:
            return self._write(now, is_over=True)
        if self._is_heard:
            return self._write(now)
        # Nobody listened so far: only that there is something is told, until somebody does.
        return Delta(self._call, self._attempt, tools=self._tools) if now >= self._due_at else None

    def _write(self, now: float, *, is_over: bool = False) -> Delta | None:
        masked = self._mask(is_over=is_over)
        is_whole = now >= self._whole_at
        at = 0 if is_whole else len(self._told)
        tools, self._tools = self._tools, (*self._tools, *_drain(self._wanted))
        if not (is_whole or masked != self._told or tools != self._tools or is_over):
            return None
        if is_whole:
            self._whole_at = now + WHOLE_SECONDS
        self._told = masked
        return Delta(self._call, self._attempt, at, masked[at:], self._tools, is_over)

    def note_heard(self, readers: int | None, now: float) -> None:
        """Take note of how many processes were told; None: none could be."""
        if not readers:
            self._is_heard, self._due_at = False, now + UNHEARD_SECONDS
        elif not self._is_heard:
            self._is_heard, self._told, self._whole_at = True, "", 0.0
            self._wake()

    def _mask(self, *, is_over: bool) -> str:
        if not self._is_masked or is_over:
            self._masked = mask_so_far(self._text, is_whole=is_over)[:MOST_CHARACTERS]
            self._is_masked = True
        # What was told may have become a part of a secret: then nothing more is added. The row masks all of it.
        return self._masked if self._masked.startswith(self._told) else self._told

    def _gather(self) -> None:
        added = "".join(_drain(self._said))
        if added and len(self._text) < MOST_CHARACTERS:
            # Another program's text: what can't be JSON would keep the rest from being read.
            self._text += make_storable(added)
            self._is_masked = False


def _drain(queue: deque[str]) -> list[str]:
    return [queue.popleft() for _ in range(len(queue))]
