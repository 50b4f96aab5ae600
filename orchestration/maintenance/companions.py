"""Threads beside the leader's sweep: duties that may wait for others, such as a mail server that hangs."""

import threading
from typing import Final

import structlog
from django.db import connection

from orchestration.conf import get_conf
from orchestration.ports import MaintenanceCompanion, load_companions

log = structlog.get_logger(__name__)
_PATIENCE_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 5.0


class Companions:
    """The companions of one who leads, each in a thread with a database connection of its own."""

    def __init__(self) -> None:
        """None is at work."""
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Let them work, unless they do."""
        if self._threads:
            return
        self._stop = threading.Event()
        for companion in load_companions(get_conf().MAINTENANCE_COMPANIONS):
            thread = threading.Thread(
                target=_accompany, args=(companion, self._stop), name=companion.__name__, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Tell them to end; who hangs is not waited for long, and what it holds is leased."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self._threads.clear()


def _accompany(companion: MaintenanceCompanion, stop: threading.Event) -> None:
    """Run a companion until it is told to end; a fault of its own ends it for a few seconds only."""
    while not stop.is_set():
        try:
            companion(stop)
        except Exception:
            log.exception(
                "companion_failed", companion=companion.__name__, next="it starts anew in a few seconds"
            )
            stop.wait(_PAUSE_SECONDS)
        finally:
            connection.close()
