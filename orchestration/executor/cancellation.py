"""What `task.cancelled` asks: whether the claim still lives. Must open none that stays open between two questions."""

import asyncio
import threading
from collections.abc import Callable

from django.db import connection

from orchestration.domain.work import Claim
from orchestration.selectors.claims import is_claim_live
from orchestration.transitions.statements import DATABASE_AWAY


def ask_whether_cancelled(claim: Claim) -> Callable[[], bool]:
    """Return the question for one claim; it may be asked from a thread or from a coroutine.

    While the database is away the answer is no: the agent goes on, and its write is refused if it must be.
    """
    if connection.in_atomic_block:
        return lambda: False  # a run driven in process: nobody else sees its rows, so nobody can cancel it
    return lambda: _ask_aside(claim) if _is_in_loop() else _ask(claim)


def _ask(claim: Claim) -> bool:
    was_open = connection.connection is not None
    try:
        return not is_claim_live(claim.step_id, claim.token)
    except DATABASE_AWAY:
        was_open = False  # what broke would stay broken: the next question opens another
        return False
    finally:
        if not was_open:
            connection.close()


def _ask_aside(claim: Claim) -> bool:
    """Ask on a thread of its own: Django refuses the database under a running loop."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_ask(claim)))
    thread.start()
    thread.join()
    return bool(answers and answers[0])


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
