"""Threads that are lost to a step whose time is long over: found with each beat, replaced, and told of.

Such a step was freed by the maintainer; its thread goes on, since a thread can't be stopped. The message is
acknowledged, so that the broker sends another; a thread that comes back finds its place taken and ends. When as many
are lost as the pool has places, the process leaves in order: whoever supervises it starts it afresh.
"""

import sys
import traceback
from typing import Any, Final, Protocol

import structlog
from celery.worker import state

from orchestration.worker.flights import Flight, Flights

log = structlog.get_logger(__name__)

EXIT_CODE: Final = 70  # EX_SOFTWARE: not 0, so that a supervisor starts it again


class Replacing(Protocol):
    """A pool that can do without a thread."""

    def give_up(self, ident: int) -> bool:
        """Put another thread in the place of a lost one; False when it can't."""


def replace_lost(flights: Flights, executor: Replacing, patience_seconds: float) -> None:
    """Replace the threads that are lost since the last look, or let the process leave."""
    for flight in flights.lose_overdue(patience_seconds):
        _tell(flight)
        if not executor.give_up(flight.thread):
            _leave(flights)
            return
        _acknowledge(flight)


def _tell(flight: Flight) -> None:
    claim = flight.claim
    log.warning(
        "thread_lost",
        step=claim.step_id if claim else None,
        agent=claim.agent if claim else None,
        hangs_at=_find_place(flight.thread),
        next="another thread takes its place; give the agent's calls time limits, or run it on `isolated`",
    )


def _find_place(ident: int) -> str:
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - how Python documents it
    lines = traceback.extract_stack(frame)[-3:] if frame is not None else []
    return " < ".join(f"{line.filename}:{line.lineno} {line.name}" for line in reversed(lines))


def _acknowledge(flight: Flight) -> None:
    """Let the broker send another message instead of this one: its step is freed, and rung for anew."""
    request: Any = state.requests.get(flight.task_id)
    if request is not None:
        request.acknowledge()


def _leave(flights: Flights) -> None:
    # Celery's word for no order is None or False; 0 is one to end well, as SIGTERM gives it.
    if state.should_stop is not None and state.should_stop is not False:
        return
    _, lost = flights.count()
    log.critical(
        "worker_leaves",
        why=f"{lost} threads hang in steps that are long past their deadline",
        next="it ends in order with code 70; its supervisor starts it again",
    )
    state.should_stop = EXIT_CODE
