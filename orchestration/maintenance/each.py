"""Does something for each of many rows, so that one that can't be dealt with never keeps the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from orchestration.outages import is_away, is_of_statement

log = structlog.get_logger(__name__)
Item = TypeVar("Item")
Answer = TypeVar("Answer")


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
