"""Does something for each of many rows, so that one that can't be dealt with never keeps the others."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import structlog

from orchestration.outages import is_away, is_of_statement

log = structlog.get_logger(__name__)
Item = TypeVar("Item")
Answer = TypeVar("Answer")

A_WHILE: Final = 0.5
"""Seconds that one duty may take of a sweep, however much there is to do: the same sweep rescues steps."""


def for_a_while(items: Iterable[Item], seconds: float = A_WHILE) -> Iterator[Item]:
    """Yield items, the first in any case, until the time is up; the next sweep finds those that are left."""
    ends_at = time.monotonic() + seconds
    for place, item in enumerate(items):
        if place and time.monotonic() >= ends_at:
            return
        yield item


def in_any_order(items: Iterable[Item]) -> list[Item]:
    """Return items in another order each time, so that those that fail with each sweep keep no others waiting."""
    mixed = list(items)
    random.shuffle(mixed)
    return mixed


def do_each(what: str, items: Iterable[Item], act: Callable[[Item], Answer]) -> list[Answer]:
    """Act on each item and return the answers; where it fails the log says so, and the next sweep tries again.

    Raises: django.db.Error: the database is away, so that no item can be dealt with.
    """
    answers = []
    for item in items:
        try:
            answers.append(act(item))
        except Exception as error:
            if is_away(error) and not is_of_statement(error):
                raise
            log.exception(
                "row_not_done", duty=what, row=str(item)[:100], next="it is tried again at the next sweep"
            )
    return answers
