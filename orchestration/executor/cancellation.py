"""What `task.cancelled` asks: whether the claim still lives. Must open none that stays open between two questions."""

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from django.db import Error, connection
from psycopg.pq import TransactionStatus

from agents.sessions import keep_for_engine
from orchestration.domain.work import Claim
from orchestration.outages import is_away
from orchestration.selectors.claims import is_claim_live

_LOOP_PATIENCE_SECONDS: Final = 0.5


def ask_whether_cancelled(claim: Claim) -> Callable[[], bool]:
    """Return the question for one claim; it may be asked from a thread or from a coroutine.

    While the database is away the answer is no: the agent goes on, and its write is refused if it must be.
    """
    if connection.in_atomic_block:
        return lambda: False  # a run driven in process: nobody else sees its rows, so nobody can cancel it
    return lambda: _ask_aside(claim) if _is_in_loop() else _ask(claim)


def _ask(claim: Claim) -> bool:
    """Ask where the agent has nothing to lose: on its connection if that is idle, else on one of the engine's."""
    session = connection.connection
    if session is not None and session.info.transaction_status is TransactionStatus.IDLE:
        try:
            return not is_claim_live(claim.step_id, claim.token)
        except Error as error:
            if is_away(error):
                connection.close()  # what broke would stay broken: the next question opens another
                return False
            # The agent changed how its connection reads statements, which is its own affair
    with keep_for_engine():
        try:
            return not is_claim_live(claim.step_id, claim.token)
        except Error as error:
            if not is_away(error):
                raise
            return False


def _ask_aside(claim: Claim) -> bool:
    """Ask on a thread of its own: Django refuses the database under a running loop.

    Not for long: while it waits, the loop turns for nobody.
    """
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_ask(claim)), daemon=True)
    thread.start()
    thread.join(_LOOP_PATIENCE_SECONDS)
    return bool(answers and answers[0])


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
