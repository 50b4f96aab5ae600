"""The loop: try to lead, sweep every second, beat on.

Any number of maintainers may run; the one whose session holds the advisory lock works, the others wait for it to
fall. A sweep is safe to run twice and beside anything.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any, Final

import psycopg
import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections

from orchestration.conf import get_conf
from orchestration.database.insistence import reconnect
from orchestration.maintenance.companions import Companions
from orchestration.maintenance.mail import fail_circles, park_stuck, route_left, settle_left, start_left
from orchestration.maintenance.queues import (
    free_admissions,
    lift_budget_questions,
    wake_breaker_waiters,
    wake_budget_waiters,
    wake_pool_waiters,
)
from orchestration.maintenance.rescuer import free_overdue, free_stranded, lose_calls, ring_after_death
from orchestration.maintenance.scheduler import (
    cancel_orphans,
    end_waits,
    match_forgotten_signals,
    pause_strays,
    release_forgotten,
    ring_left,
    ring_lost,
    tell_parents,
    wake_answered,
    wake_due,
    wake_for_known_agents,
    wake_forgotten_answers,
)
from orchestration.maintenance.throttling import hold_back_agents
from orchestration.outages import is_away, is_of_statement
from orchestration.ports import load_duties
from orchestration.presence import leave_lead, note_lead, retire_dead, try_to_lead
from orchestration.worker.sessions import open_session

log = structlog.get_logger(__name__)
_DUTIES: Final[tuple[Callable[[], int], ...]] = (
    free_stranded,
    free_overdue,
    lose_calls,
    release_forgotten,
    cancel_orphans,
    tell_parents,
    pause_strays,
    wake_due,
    end_waits,
    match_forgotten_signals,
    wake_forgotten_answers,
    wake_for_known_agents,
    wake_answered,
    free_admissions,
    wake_pool_waiters,
    wake_breaker_waiters,
    lift_budget_questions,
    wake_budget_waiters,
    hold_back_agents,
    settle_left,
    route_left,
    park_stuck,
    start_left,
    fail_circles,
    ring_left,
    ring_lost,
)


def sweep(session: psycopg.Connection[Any], *, settles: bool = False) -> dict[str, int]:
    """Run every duty once; return what each found to do, by name.

    Args: session: the leader's own, for looking at others' locks.
        settles: the database was away a moment ago. Beats and deadlines that were missed then mean nothing before the
        workers had time to beat, and to write what they have finished.
    """
    conf = get_conf()
    dead = (
        []
        if settles
        else retire_dead(session, lease_seconds=conf.LEASE_SECONDS, heartbeat_seconds=conf.HEARTBEAT_SECONDS)
    )
    duties = [duty for duty in _DUTIES if not (settles and duty is free_overdue)]
    done = {duty.__name__: _run_duty(duty) for duty in duties}
    done |= {"processes_retired": len(dead), "rung_after_death": _run_duty(ring_after_death)}
    for outer_duty in load_duties(conf.MAINTENANCE_DUTIES):
        _run_duty(outer_duty)
    return {name: count for name, count in done.items() if count}


def _run_duty(duty: Callable[[], int | None]) -> int:
    """Run one duty; its fault must not keep the others from being done."""
    try:
        return duty() or 0
    except Exception as error:
        if is_away(error) and not is_of_statement(error):
            raise
        log.exception("duty_failed", duty=duty.__name__, next="it is tried again at the next sweep")
        return 0


class Maintainer:
    """Runs until stopped."""

    def __init__(self) -> None:
        """Prepare; nothing is opened before `run`."""
        self._stop = threading.Event()
        self._session: psycopg.Connection[Any] | None = None
        self._leads = False
        self._settled_at = 0.0
        self._noted_at = -inf
        self._companions = Companions()

    def stop(self) -> None:
        """End after the sweep under way."""
        self._stop.set()

    def run(self) -> None:
        """Lead and sweep until stopped; survives a database that goes away."""
        while not self._stop.is_set():
            try:
                self._step()
            except (psycopg.Error, DatabaseError) as error:
                log.warning("maintainer_interrupted", error=str(error), next="it tries again")
                if is_away(error):
                    self._settled_at = time.monotonic() + get_conf().LEASE_SECONDS
                self._drop_session()
                reconnect()
            except Exception:  # one faulty duty must not end rescue for all
                log.exception("maintainer_failed", next="it tries again at the next sweep")
            close_old_connections()
            self._stop.wait(get_conf().SWEEP_SECONDS)
        self._leave()

    def _step(self) -> None:
        if self._session is None:
            self._session = open_session("ringmaster maintainer")
        if not self._leads:
            self._leads = try_to_lead(self._session)
            if self._leads:
                log.info("maintainer_leads")
        if self._leads:
            self._note_lead(self._session)
            self._companions.start()
        if self._leads and (done := sweep(self._session, settles=time.monotonic() < self._settled_at)):
            log.info("maintainer_swept", **done)

    def _note_lead(self, session: psycopg.Connection[Any]) -> None:
        """Say every few seconds that it leads: a sweep is due more often, and nobody looks so closely."""
        now = time.monotonic()
        if now - self._noted_at >= get_conf().LEASE_SECONDS / 5:
            self._noted_at = now
            note_lead(session, socket.gethostname(), os.getpid())

    def _leave(self) -> None:
        if self._session is not None and self._leads:
            with suppress(psycopg.Error):  # then it is told by its silence
                leave_lead(self._session, socket.gethostname(), os.getpid())
        self._drop_session()

    def _drop_session(self) -> None:
        self._companions.stop()
        self._leads, self._noted_at = False, -inf
        if self._session is not None:
            self._session.close()
            self._session = None
