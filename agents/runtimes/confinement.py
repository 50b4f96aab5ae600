"""Around every call: what an agent does to its thread ends with it.

Connections, context variables (language, time zone and what is bound to log lines among them) and the process itself,
if the agent forks. `belongings.py` has what belongs to the whole process, `children.py` the processes it starts.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import NoReturn, TypeVar

import structlog

from agents.errors import LeftTransactionOpen
from agents.runtimes.belongings import alone, watch
from agents.runtimes.children import own_children
from agents.sessions import put_away, take_aside

log = structlog.get_logger(__name__)
T = TypeVar("T")


def confine(agent: str, act: Callable[[], T]) -> T:
    """Call an agent in this thread, and leave the thread as it was.

    Raises: LeftTransactionOpen: it answered, but what it wrote is rolled back. Else whatever it raised.
    """
    if threading.current_thread() is threading.main_thread():
        with alone(agent), own_children(agent):
            return _call_apart(agent, act)
    number = watch.begin(agent)
    try:
        return _call_apart(agent, act)
    finally:
        watch.end(number)


def _call_apart(agent: str, act: Callable[[], T]) -> T:
    aside = take_aside()
    pid = os.getpid()
    try:
        answer = copy_context().run(act)
    except BaseException as error:
        end_forked_copy(pid, error)
        tell_lost(agent, put_away(aside))
        raise
    end_forked_copy(pid)
    refuse_lost(agent, put_away(aside))
    return answer


def tell_lost(agent: str, lost: list[str]) -> None:
    """Say whose work was rolled back."""
    if lost:
        log.warning(
            "transaction_left_open",
            agent=agent,
            lost=lost,
            next="what it wrote there was rolled back, and the connection put right",
        )


def refuse_lost(agent: str, lost: list[str]) -> None:
    """Take no answer from an agent whose work was rolled back.

    Raises: LeftTransactionOpen: with what it must do.
    """
    if lost:
        tell_lost(agent, lost)
        raise LeftTransactionOpen(
            f"{'; '.join(lost)}; what it wrote there was rolled back. Let it leave every transaction.atomic(), commit "
            "what it began, and turn autocommit on again, before it ends"
        )


@contextmanager
def ending_forked_copies() -> Iterator[None]:
    """End a process that an agent forked and that comes back here: only the one that claimed a step goes on."""
    pid = os.getpid()
    try:
        yield
    except BaseException as error:
        end_forked_copy(pid, error)
        raise
    end_forked_copy(pid)


def end_forked_copy(pid: int, error: BaseException | None = None) -> None:
    """End this process if it is not the one that made the call. `error`: with which the copy comes back."""
    if os.getpid() != pid:
        _end_process(error)


def _end_process(error: BaseException | None) -> NoReturn:
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        status = 1
        traceback.print_exception(error, file=sys.__stderr__)
    os._exit(status & 0xFF)
