"""The heartbeat: a thread with its own session, so that neither a busy pool nor a slow step can delay it.

The session holds the process's advisory lock. If the process dies the lock falls at once; if the network parts,
the lease runs out. A process that was declared dead meanwhile enters anew, under a new row: what it still has in
hand is fenced by the steps' tokens.
"""

import threading
import time
from contextlib import suppress
from typing import Any, Final

import psycopg
import structlog

from orchestration.conf import get_conf
from orchestration.transitions.presence import Presence, beat, enter_process, leave_process, lock_process
from orchestration.worker.host import WorkerHost
from orchestration.worker.sessions import open_session

log = structlog.get_logger(__name__)

_RETRY_SECONDS: Final = 1.0
_LOCK_PAUSE_SECONDS: Final = 0.05


class Heart:
    """Beats for one process until it is stopped."""

    def __init__(self, host: WorkerHost, presence: Presence) -> None:
        """Prepare; nothing is opened before `start`."""
        self._host = host
        self._presence = presence
        self._process_id: int | None = None
        self._session: psycopg.Connection[Any] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Start beating."""
        self._thread.start()

    def stop(self) -> None:
        """Leave in order: the row says so and the lock falls."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._beat_once()
            except Exception as error:  # noqa: BLE001 - a heart that stops kills its worker's claims
                log.warning(
                    "heartbeat_failed", name=self._presence.name, error=str(error), next="it is tried again"
                )
                self._begin_anew()
                self._stop.wait(min(_RETRY_SECONDS, get_conf().HEARTBEAT_SECONDS))
            else:
                self._stop.wait(get_conf().HEARTBEAT_SECONDS)
        self._leave()

    def _begin_anew(self) -> None:
        """Change the session for another, at once if that can be: a lock that is free for long means death.

        A server that is read-only answers, and so does one that was made a replica: only a new session finds another.
        """
        self._drop_session()
        with suppress(psycopg.Error):
            self._open()

    def _open(self) -> psycopg.Connection[Any]:
        session = self._session = open_session(f"ringmaster heart {self._presence.name}"[:60])
        if self._process_id is not None and not self._lock(session, self._process_id):
            self._process_id = None
        return session

    def _lock(self, session: psycopg.Connection[Any], process_id: int) -> bool:
        """Take the lock again; the server may need a moment to notice that the former session was closed."""
        until = time.monotonic() + _RETRY_SECONDS
        while not lock_process(session, process_id):
            if time.monotonic() > until or self._stop.wait(_LOCK_PAUSE_SECONDS):
                return False
        return True

    def _beat_once(self) -> None:
        session = self._session or self._open()
        report = self._host.report()
        if self._process_id is None or not beat(
            session,
            self._process_id,
            busy=report.busy,
            last_claim_at=report.last_claim_at,
            newest_dispatch_at=report.newest_dispatch_at,
        ):
            self._enter(session)

    def _enter(self, session: psycopg.Connection[Any]) -> None:
        self._process_id = enter_process(session, self._presence, get_conf().LEASE_SECONDS)
        self._host.enter(self._process_id)
        log.info("worker_entered", name=self._presence.name, process=self._process_id)

    def _leave(self) -> None:
        if self._session is not None and self._process_id is not None:
            try:
                leave_process(self._session, self._process_id)
            except psycopg.Error:
                log.warning("worker_left_unsaid", process=self._process_id, next="its lease runs out")
        self._drop_session()

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
