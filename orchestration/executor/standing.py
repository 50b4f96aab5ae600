"""Where calls of one claim are written: on a connection of the engine's, outside whatever the agent does on its own.

In a run that is driven inside a transaction, as in a test, it is the connection that holds it.
"""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from django.db import DEFAULT_DB_ALIAS, connection, connections

from agents.errors import CallRefused
from agents.sessions import keep_for_engine

_INSIDE: Final = (
    "the call '{name}' is inside a transaction.atomic() of the agent's: it is kept whatever becomes of that, so make "
    "it before or after"
)
_ASIDE: Final = (
    "the call '{name}' is made on a thread of its own, and this run is known only to the transaction that drives it, "
    "as in a test: call from the agent's own thread, or let the test commit, as with django_db(transaction=True)"
)


class Standing:
    """How the thread stood that prepared an attempt: inside somebody's transaction, or in none."""

    def __init__(self) -> None:
        # Inside somebody's transaction nobody else sees these rows, and the engine has no other connection.
        self._depth = len(connection.atomic_blocks) if connection.in_atomic_block else None
        self._thread = threading.get_ident()

    def refuse_inside_transaction(self, name: str) -> None:
        """Refuse a call that could not be kept, or would be kept although its transaction is rolled back.

        Raises: CallRefused.
        """
        if self._depth is not None and threading.get_ident() != self._thread:
            raise CallRefused(_ASIDE.format(name=name))
        if len(connections[DEFAULT_DB_ALIAS].atomic_blocks) > (self._depth or 0):
            raise CallRefused(_INSIDE.format(name=name))

    def step_apart(self) -> AbstractContextManager[None]:
        """Lend the engine's connection."""
        return keep_for_engine() if self._depth is None else nullcontext()
