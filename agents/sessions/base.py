"""Django's PostgreSQL backend, for processes in which agents run: its pool gets back no session with habits.

The engine's own connections go back as they are: it leaves nothing on them, and pays nothing.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Any, Final, cast

import psycopg
import structlog
from django.db import connections
from django.db.backends.postgresql import base
from psycopg import sql
from psycopg.pq import TransactionStatus

log = structlog.get_logger(__name__)

# All that DISCARD ALL does but for the prepared plans, which cost more than all else here.
_RESTORE: Final = (
    "CLOSE ALL; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; UNLISTEN *; "
    "SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; "
)
_OWN_PLANS: Final = "SELECT name FROM pg_prepared_statements WHERE from_sql"
# Of threads that ended without closing: their pool must hear of them, but not from the garbage collector.
_orphans: Final[deque[psycopg.Connection[Any]]] = deque()


class _Threads(threading.local):
    """Of each thread: whether it gives back what it takes from a pool."""

    def __init__(self) -> None:
        self.gives_back = threading.current_thread() is threading.main_thread()


_threads: Final = _Threads()
# Kept, not closed: whatever a forked child closed, it would close for its parent.
_inherited: Final[list[object]] = []


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection to one database.

    A thread that an agent started for itself has a connection beside the pool: nobody sees to it that such a thread
    gives back what it took, and a few that don't would keep the pool from the engine for as long as they live.

    Attributes: is_engines: set for those that no agent can reach; what is not known to be the engine's is put right.
    """

    hosts_agents = False
    """Set for the whole process by its first call of an agent: a web process never pays for putting right."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        self.is_engines = False
        self._is_beside_pool = False
        self._opened_by = 0
        self._taken_as: tuple[object, ...] = ()

    @property
    def pool(self) -> Any:
        """Return the pool that the connection comes from; None if it comes from none."""
        return None if self._is_beside_pool else super().pool

    def ensure_connection(self) -> None:
        """Connect, also when a connection beside the pool was lost: it has no request after which it is looked at."""
        session = self.connection if self._is_beside_pool and not self.in_atomic_block else None
        if session is not None and session.closed:
            self.close()
        super().ensure_connection()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection, from the pool if there is one."""
        self._is_beside_pool = self.hosts_agents and not _threads.gives_back
        self._opened_by = os.getpid()
        while _orphans:
            _return_orphan(_orphans.popleft())
        session = super().get_new_connection(conn_params)
        self._taken_as = _read_attributes(session)
        return session

    def _close(self) -> None:
        session = self.connection
        if session is not None and self.pool and self.hosts_agents and not self.is_engines:
            self._put_right(session)
        super()._close()  # type: ignore[misc]  # the stubs leave it out

    def _put_right(self, session: psycopg.Connection[Any]) -> None:
        """Make a session as it was when the pool gave it, or close it: then the pool opens another."""
        if session.closed:
            return
        try:
            if session.info.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                session.rollback()
            session.autocommit = True
            if _read_attributes(session) == self._taken_as:
                self._restore(session)
                return
            fault = "the connection object itself was changed"
        except psycopg.Error as error:
            fault = str(error)
        log.warning("connection_dropped", fault=fault, next="the pool opens another one")
        session.close()

    def _restore(self, session: psycopg.Connection[Any]) -> None:
        zone = sql.SQL("SET TIME ZONE {}; ").format(self.timezone_name) if self.timezone_name else sql.SQL("")
        query = sql.SQL(_RESTORE) + zone + sql.SQL(_OWN_PLANS)
        with psycopg.Cursor(session) as cursor:
            cursor.execute(query, prepare=False)
            while cursor.nextset():
                pass
            for (name,) in cursor.fetchall():
                cursor.execute(sql.SQL("DEALLOCATE {}").format(sql.Identifier(name)), prepare=False)
        self._configure_role(session)  # type: ignore[attr-defined]  # the stubs leave it out

    def __del__(self) -> None:
        """Leave to others what a thread took from the pool and never gave back; end what it has beside it."""
        session = getattr(self, "connection", None)
        if session is None:
            return
        if getattr(session, "_pool", None) is not None:
            _orphans.append(session)
        elif self._is_beside_pool and self._opened_by == os.getpid():
            session.close()


def share_pool() -> None:
    """Let this thread take connections from a pool: it gives back what it took when its work is done."""
    _threads.gives_back = True


def _read_attributes(session: Any) -> tuple[object, ...]:
    """Return what of a connection's Python side changes how later statements run."""
    return (
        session.autocommit,
        session.isolation_level,
        session.read_only,
        session.deferrable,
        session.row_factory,
        session.cursor_factory,
        session.server_cursor_factory,
        len(session._notice_handlers),  # noqa: SLF001 - there is no public way to see them
        len(session._notify_handlers),  # noqa: SLF001
    )


def _return_orphan(session: Any) -> None:
    pool = session._pool  # noqa: SLF001 - as Django's backend finds it
    session.close()
    pool.putconn(session)


def _forget_inherited() -> None:
    """Let a forked child open connections of its own: on its parent's both would read each other's answers."""
    pools = DatabaseWrapper._connection_pools  # type: ignore[attr-defined]  # noqa: SLF001 - Django's table of all pools
    _inherited.extend(pools.values())
    pools.clear()
    for wrapper in connections.all(initialized_only=True):
        if wrapper.connection is not None:
            _inherited.append(wrapper.connection)
            cast("Any", wrapper).connection = None


os.register_at_fork(after_in_child=_forget_inherited)
