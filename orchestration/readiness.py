"""Whether this installation can work: the database, its migrations, the broker, the maintainer; each for itself.

Asked by probes and supervisors, so it is quick, waits for nobody, and says nothing that is secret.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from orchestration.broker import explain_openly, find_broker_fault
from orchestration.conf import get_conf
from orchestration.outages import is_full
from orchestration.ports import load_looks
from orchestration.selectors.leads import find_leadership
from orchestration.selectors.offers import list_standings

_KEPT_SECONDS: Final = 1.0
_CONNECT_SECONDS: Final = 2
_AWAY: Final = "it can't be reached, or does not answer"
_FULL: Final = "it has no connection left: end who holds them, or raise its max_connections"
_ASK: Final = "not well: `manage.py health {}` says why"
_STATEMENT = "SET statement_timeout = '2s'"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is needed. `is_vital`: without it nothing can be answered.  said: in words, without secrets."""

    name: str
    is_well: bool
    is_vital: bool
    said: str


def look_at_parts() -> list[Part]:
    """Return how each part stands now."""
    return [*_look_at_database(), _look_at_broker()]


def _look_at_database() -> list[Part]:
    aside = connection.copy()
    # A session of its own: a pool that is busy is not a database that is away, and would let the probe wait.
    aside.settings_dict["OPTIONS"].pop("pool", None)
    aside.settings_dict["OPTIONS"]["connect_timeout"] = _CONNECT_SECONDS
    try:
        with aside.cursor() as cursor:
            cursor.execute(_STATEMENT)
            cursor.execute("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean")
            [is_read_only] = cursor.fetchone()
        missing = len(set(_known_migrations()) - set(MigrationRecorder(aside).applied_migrations()))
    except DatabaseError as error:
        return [Part("database", is_well=False, is_vital=True, said=_FULL if is_full(error) else _AWAY)]
    finally:
        aside.close()
    database = "it answers, but takes no writes" if is_read_only else "it answers"
    migrations = f"{missing} are not applied: run `manage.py migrate`" if missing else "all are applied"
    return [
        Part("database", not is_read_only, is_vital=True, said=database),
        Part("migrations", not missing, is_vital=True, said=migrations),
        *([] if missing or is_read_only else [_look_at_maintainer(), _look_at_agents(), *_look_at_others()]),
    ]


def _look_at_maintainer() -> Part:
    leadership = find_leadership()
    return Part(
        "maintainer", leadership.leads, is_vital=False, said="one leads" if leadership.leads else "none leads"
    )


def _look_at_agents() -> Part:
    """Say whether present workers could build what they have; why not may name addresses, and is for operators."""
    unbuilt = sum(bool(standing.trouble) for standing in list_standings())
    said = f"{unbuilt} could be built by no worker: `manage.py list_agents --workers` says why"
    return Part(
        "agents",
        not unbuilt,
        is_vital=False,
        said=said if unbuilt else "none waits for a worker that can build it",
    )


def _look_at_others() -> list[Part]:
    """Say whether each of the others is well, without its words: they are for operators, and may name addresses."""
    return [
        Part(name, condition.is_well, is_vital=False, said="well" if condition.is_well else _ASK.format(name))
        for name, look in load_looks(get_conf().LOOKS).items()
        for condition in (look(),)
    ]


def _look_at_broker() -> Part:
    """Say whether messages can be sent, and why not in words of our own: an error's may name addresses."""
    fault = find_broker_fault(explain_openly)
    told = f"messages can't be sent; work is accepted, and rung for later; {fault}"
    return Part("broker", fault is None, is_vital=False, said="it takes messages" if fault is None else told)


def _known_migrations() -> list[tuple[str, str]]:
    if not _migrations:
        _migrations.extend(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    return _migrations


_migrations: Final[list[tuple[str, str]]] = []


class Readiness:
    """Answers many who ask at once by one look a second."""

    def __init__(
        self, look: Callable[[], list[Part]] = look_at_parts, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Know nothing yet. `clock`: seconds."""
        self._look = look
        self._clock = clock
        self._lock = threading.Lock()
        self._parts: list[Part] = []
        self._looked_at = 0.0

    def read(self) -> list[Part]:
        """Return how each part stood at most a second ago, or at the look under way; the first waits for its look."""
        if self._is_fresh():
            return self._parts
        if self._lock.acquire(blocking=not self._parts):
            try:
                if not self._is_fresh():
                    self._parts = self._look()
                    self._looked_at = self._clock()
            finally:
                self._lock.release()
        return self._parts

    def _is_fresh(self) -> bool:
        return bool(self._parts) and self._clock() - self._looked_at < _KEPT_SECONDS
