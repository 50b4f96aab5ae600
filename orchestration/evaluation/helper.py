"""Helper processes: started when first needed, kept warm, ended and replaced when an expression runs too long.

Each serves one thread at a time. A process that forks leaves its helpers to the parent. Read next: `child.py`.
"""

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Timer
from typing import Any, Final, Self
from weakref import WeakSet

from orchestration.domain.expressions import ExpressionFailed, shorten
from orchestration.evaluation.child import READY, WALL_FACTOR, read_message, write_message

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_START_SECONDS: Final = 60.0
_TOO_LONG: Final = frozenset({-signal.SIGPROF, -signal.SIGALRM})
# What ends a process that gets no more memory: the library itself, its stack, or Python.
_TOO_LARGE: Final = frozenset({-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, 1})
# Of an expression whose helper somebody else ended, as the system does when its memory is short.
_MOST_TRIES: Final = 2


class _Helper:
    """One process and its two pipes."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.evaluation.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=_ROOT,
            # Where this process finds its libraries, be it by PYTHONPATH; of its environment nothing else.
            env={"LANG": "C.UTF-8", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # A Ctrl-C is for its parent, whose end it sees.
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._asks, self._hears = self._process.stdin, self._process.stdout
        self._is_overdue = False
        with _Deadline(self._process, _START_SECONDS):
            self.is_ready = self._hears.read(len(READY)) == READY
        if not self.is_ready:
            self.end()

    def ask(self, source: str, values: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """Return the answer; None if the process ended over it."""
        # Its own timers end it first; this is for a process that was stopped.
        with _Deadline(self._process, seconds * WALL_FACTOR + _START_SECONDS) as deadline:
            try:
                write_message(self._asks, (source, values, seconds))  # type: ignore[arg-type]
                answer: dict[str, Any] = read_message(self._hears)  # type: ignore[arg-type]
            except (EOFError, OSError):
                self._is_overdue = deadline.has_passed
                return None
        return answer

    def end(self) -> None:
        """End the process."""
        self._close()
        self._process.kill()
        self._process.wait()

    def is_there(self) -> bool:
        """Return whether it has not ended meanwhile."""
        return self._process.poll() is None

    def tell_end(self, seconds: float) -> str:
        """Return in words why it ended over an expression; nothing if somebody else ended it."""
        ended_by = self._process.returncode
        if self._is_overdue or ended_by in _TOO_LONG:
            return f"takes more than {seconds:g} seconds of work"
        return "takes too much memory" if ended_by in _TOO_LARGE else ""

    def forget(self) -> None:
        """Let go of a process that is the parent's: an open pipe would keep it from seeing the parent's end."""
        self._close()
        self._process.returncode = 0

    def _close(self) -> None:
        self._asks.close()
        self._hears.close()


class _Deadline:
    """Ends a process when a block of code takes longer."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self._timer = Timer(seconds, self._pass)
        self._timer.daemon = True
        self.has_passed = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def _pass(self) -> None:
        self.has_passed = True
        self._process.kill()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


class Helpers:
    """The helpers of this process."""

    def __init__(self) -> None:
        """Start none yet."""
        self._forget()
        os.register_at_fork(after_in_child=self._leave)
        atexit.register(self.end)

    def evaluate(
        self,
        source: str,
        values: dict[str, Any],
        seconds: float,
        most: int,
        spend: Callable[[float], None] = lambda _: None,
    ) -> Any:
        """Evaluate an expression in a helper.

        Args: seconds: of work.  most: helpers at a time; who comes later waits.  spend: told how many it took.
        Raises: ExpressionFailed: also when it took more work, or more memory, than is allowed.
        """
        for _ in range(_MOST_TRIES):
            answer, fault = self._try(source, values, seconds, most)
            spend(seconds if answer is None else answer["spent"])
            if answer is not None:
                break
            if fault:
                advice = "use fewer loops or smaller patterns, or let an agent do it"
                raise ExpressionFailed(f"'{shorten(source)}': {fault}; {advice}")
        else:
            raise ExpressionFailed(
                f"'{shorten(source)}': the process that evaluates it was killed {_MOST_TRIES} times; the machine may "
                "be short of memory"
            )
        if "failed" in answer:
            raise ExpressionFailed(answer["failed"])
        return answer["value"]

    def _try(
        self, source: str, values: dict[str, Any], seconds: float, most: int
    ) -> tuple[dict[str, Any] | None, str]:
        """Return a helper's answer; or None, and in words what is wrong with the expression, if anything is."""
        helper = self._take(most)
        answer = None
        try:
            answer = helper.ask(source, values, seconds)
        finally:
            self._give_back(helper, is_whole=answer is not None)
        return answer, "" if answer is not None else helper.tell_end(seconds)

    def end(self) -> None:
        """End all of them."""
        for helper in list(self._all):
            helper.end()
        self._forget()

    def _take(self, most: int) -> _Helper:
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._busy < most)
            self._busy += 1
            while self._idle:
                helper = self._idle.pop()
                if helper.is_there():
                    return helper
                helper.end()
        try:
            helper = _Helper()
        except BaseException:
            self._free()
            raise
        self._all.add(helper)
        if not helper.is_ready:
            self._free()
            raise OSError(
                f"the process that evaluates expressions did not start: {sys.executable} in {_ROOT}"
            )
        return helper

    def _give_back(self, helper: _Helper, *, is_whole: bool) -> None:
        if not is_whole:
            helper.end()
        with self._changed:
            if is_whole:
                self._idle.append(helper)
        self._free()

    def _free(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify()

    def _leave(self) -> None:
        for helper in list(self._all):
            helper.forget()
        self._forget()

    def _forget(self) -> None:
        self._changed = Condition()
        self._idle: list[_Helper] = []
        self._busy = 0
        self._all: WeakSet[_Helper] = WeakSet()
