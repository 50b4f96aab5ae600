"""Gives a call connections of its own and puts them away after it.

An agent finds no connection in its thread: what it asks for is made for it, and is whatever is there when it ends. So
one that asks for none costs next to nothing, and no habit of one that does can reach the engine's. Inside a transaction
that somebody else holds, as in a test of a whole run, it works in that one, and only its own blocks are undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import psycopg
import structlog
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from agents.sessions.base import DatabaseWrapper

log = structlog.get_logger(__name__)

_OPEN: Final = frozenset({TransactionStatus.INTRANS, TransactionStatus.INERROR, TransactionStatus.ACTIVE})


@dataclass(slots=True)
class Aside:
    """The thread's own connections during a call: `kept` out of reach, `shared` inside others' blocks, so deep."""

    kept: dict[str, BaseDatabaseWrapper]
    shared: dict[BaseDatabaseWrapper, int]


def _connections_here() -> dict[str, BaseDatabaseWrapper]:
    """Return this thread's connections by alias: the table itself.

    Django's own way in looks for a running loop at each look, which took longer than all the rest of a call.
    """
    table: dict[str, BaseDatabaseWrapper] = vars(cast("Any", connections)._connections._storage)  # noqa: SLF001
    return table


def take_aside() -> Aside:
    """Put this thread's connections out of reach of the agent that is called next."""
    if not DatabaseWrapper.hosts_agents:
        DatabaseWrapper.hosts_agents = True
    here = _connections_here()
    aside = Aside({}, {})
    for alias, wrapper in list(here.items()):
        if wrapper.in_atomic_block:
            aside.shared[wrapper] = len(wrapper.atomic_blocks)
        else:
            cast("Any", wrapper).is_engines = True
            aside.kept[alias] = here.pop(alias)
    return aside


def put_away(aside: Aside | None = None) -> list[str]:
    """End this thread's connections of a call and put back its own.

    Args: aside: what `take_aside` returned; nothing on a thread that only ever works for agents.
    Returns: what was left open and is lost now, in words, one for each database.
    """
    here = _connections_here()
    shared = aside.shared if aside is not None else {}
    lost = []
    try:
        for alias, wrapper in list(here.items()):
            if wrapper in shared:
                lost.append(_unwind(wrapper, shared[wrapper]))
            else:
                del here[alias]
                lost.append(_end(wrapper))
    finally:
        if aside is not None:
            here.update(aside.kept)
    return [fault for fault in lost if fault]


@contextmanager
def keep_for_engine() -> Iterator[None]:
    """Let the engine ask the database something in the middle of a call, apart from what the agent does there."""
    here = _connections_here()
    theirs = dict(here)
    here.clear()
    try:
        yield
    finally:
        for wrapper in here.values():
            cast("Any", wrapper).is_engines = True
            wrapper.close()
        here.clear()
        here.update(theirs)


def _end(wrapper: BaseDatabaseWrapper) -> str:
    """Close a connection that an agent used; return what was lost with it."""
    try:
        fault = _find_lost(wrapper)
        wrapper.close()
    except (Error, psycopg.Error) as error:
        # Nobody can reach it any more; its pool hears of it when it is collected.
        log.warning("connection_lost", database=wrapper.alias, error=str(error))
        return ""
    return fault


def _find_lost(wrapper: BaseDatabaseWrapper) -> str:
    session = wrapper.connection
    if session is None:
        return ""
    if isinstance(session, psycopg.Connection):
        is_open = session.info.transaction_status in _OPEN and _may_have_written(session)
    else:
        is_open = wrapper.in_atomic_block or not wrapper.autocommit
    if is_open:
        return f"it ended inside a transaction that it had begun on the database '{wrapper.alias}'"
    return ""


def _may_have_written(session: psycopg.Connection[Any]) -> bool:
    """Return whether an open transaction did more than read; of one that can't be asked it is not known."""
    if session.info.transaction_status is not TransactionStatus.INTRANS:
        return True
    row = psycopg.Cursor(session).execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone()
    return bool(row and row[0])


def _unwind(wrapper: BaseDatabaseWrapper, depth: int) -> str:
    """Roll back the blocks that an agent opened inside another's transaction, and left open."""
    if len(wrapper.atomic_blocks) <= depth:
        return ""
    while len(wrapper.atomic_blocks) > depth:
        wrapper.atomic_blocks[-1].__exit__(RuntimeError, RuntimeError("left open"), None)
    return f"it ended inside a transaction that it had begun on the database '{wrapper.alias}'"
