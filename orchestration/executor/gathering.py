"""Threads that want the same thing done let one of them do it for all: the group commit of a write-ahead log."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class NotDoneTogether(Exception):
    """It failed for a group, or others would have had to wait. Whether it happened is not known: look first."""


class _Turn(Generic[Item, Answer]):
    """One thread's wish, and where it waits: `group` is set when it is to lead, `answers` when it was done."""

    __slots__ = ("answers", "group", "item", "wake")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.answers: list[Answer] = []
        self.group: list[_Turn[Item, Answer]] = []
        self.wake = threading.Semaphore(0)


class Gathering(Generic[Item, Answer]):
    """Does what threads ask for, all that came while the last group was being done at once.

    Nobody waits for company: a thread that finds nobody at work begins at once, alone. The next group's first member
    leads it, on its own thread, so no thread works for others only.
    """

    def __init__(
        self, act: Callable[[list[Item]], Answer], *, most: int, step_aside: Callable[[], None]
    ) -> None:
        """Prepare for any number of threads.

        Args: act: does what all of a group want, entirely or not at all, and answers all of them.
            most: in one group.  step_aside: called by a thread before it waits for another, or lets another lead.
        """
        self._act: Final = act
        self._most: Final = most
        self._step_aside: Final = step_aside
        self._lock = threading.Lock()
        self._is_led = False
        self._waiting: list[_Turn[Item, Answer]] = []

    def take_part(self, item: Item) -> Answer:
        """Have one thing done, maybe together with others', and return the answer for all of them.

        Raises: NotDoneTogether: it failed for a group.  Anything else: what `act` raised for this thing alone.
        """
        turn: _Turn[Item, Answer] = _Turn(item)
        with self._lock:
            if self._is_led:
                self._waiting.append(turn)
            else:
                self._is_led = True
                turn.group = [turn]
        if not turn.group:
            # Enlisted: whatever comes now, somebody will count on this thread.
            with suppress(Exception):
                self._step_aside()
            turn.wake.acquire()
        if turn.group:
            self._lead(turn.group)
        if not turn.answers:
            raise NotDoneTogether
        return turn.answers[0]

    def _lead(self, group: list[_Turn[Item, Answer]]) -> None:
        try:
            answer = self._act([turn.item for turn in group])
            for turn in group:
                turn.answers.append(answer)
        except Exception as error:
            if len(group) == 1:
                raise
            log.warning("not_done_together", count=len(group), error=str(error), next="each is tried alone")
        finally:
            self._pass_on()
            for turn in group[1:]:
                turn.wake.release()

    def _pass_on(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._is_led = bool(group)
        if group:
            with suppress(Exception):
                self._step_aside()
            group[0].group = group
            group[0].wake.release()
