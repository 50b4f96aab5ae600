"""Claims and finishes a step in one statement and commit with others that this process has at the same time.

A statement and a commit cost about the same for one step as for several. Each step is guarded by its own token as if
it were alone; what fails for several is tried again by each on its own. docs/adr/0016-finishing-together.md.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from django.db import OperationalError, connection

from orchestration.database.insistence import write_or_read
from orchestration.database.lines import is_locked
from orchestration.domain.signing import Signer
from orchestration.domain.work import AttemptEnd, Claim, FinalOutput, Finished, Released, RunOn
from orchestration.executor.gathering import Gathering, NotDoneTogether
from orchestration.transitions.claim import Claimed, claim_steps, dump_claim, find_claim, read_claim
from orchestration.transitions.ending import remembers
from orchestration.transitions.finish import (
    Written,
    dump_finish,
    finish_step,
    read_finish,
    reread_end,
    write_finishes,
)
from orchestration.transitions.release import look_behind, release_behind, release_step

_MOST_STEPS: Final = 32
# A long output goes alone: it would hold up those that have little to say.
_LONG_CHARACTERS: Final = 65_536


def claim_together(
    step_id: int, *, process_id: int, task_id: str, agents: list[str], token: UUID
) -> Claim | None:
    """Do what `claim_step` does, maybe for other threads' steps in the same statement."""
    line = dump_claim(step_id, process_id=process_id, task_id=task_id, agents=agents, token=token)
    if _goes_alone():
        return read_claim(claim_steps([line]), token)
    try:
        return read_claim(_CLAIMS.take_part(line), token)
    except NotDoneTogether:
        # The answer of a commit may have been lost: what happened is read, never guessed.
        again = find_claim(step_id, token) or read_claim(claim_steps([line]), token)
        return again or find_claim(step_id, token)


def finish_together(
    claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None = None
) -> Finished:
    """Do what `finish_step` does, maybe for other threads' steps in the same statement.

    Raises: ClaimLost. MemoryConflict: as of `finish_step`.
    """
    if _goes_alone() or len(final.output_json) > _LONG_CHARACTERS or remembers(end):
        return finish_step(claim, end, final, run_on)
    try:
        together = _FINISHES_WITH_EFFECTS if end.effects else _FINISHES
        written = together.take_part(dump_finish(claim, end, final, run_on))
    except NotDoneTogether:
        return write_or_read(
            lambda: finish_step(claim, end, final, run_on), lambda: reread_end(claim, end, run_on)
        )
    return read_finish(written, claim, final, run_on)


def release_together(step_id: int, signer: Signer) -> list[Released]:
    """Do what `release_step` does, maybe after one look for several threads' steps; each acts on its own."""
    if _goes_alone():
        return release_step(step_id, signer)
    try:
        seen = _LOOKS.take_part(step_id)
    except NotDoneTogether:
        return release_step(step_id, signer)
    return release_behind(step_id, seen.get(step_id), signer)


def _goes_alone() -> bool:
    """Tell whether to share with nobody: inside a transaction, or where there are no other threads.

    Signals stop the main thread at any point, as a soft time limit does in a prefork child: it must never lead.
    """
    return connection.in_atomic_block or threading.current_thread() is threading.main_thread()


def _give_back_connection() -> None:
    """Leave the connection to whoever leads: a burst of steps shall not open one each, nor hold all there are."""
    connection.close()


def _claim_all(lines: list[str]) -> Claimed:
    with _none_waits():
        return claim_steps(lines, waits=False)


def _finish_all(lines: list[str]) -> Written:
    with _none_waits():
        return write_finishes(lines, waits=False)


def _finish_all_with_effects(lines: list[str]) -> Written:
    with _none_waits():
        return write_finishes(lines, waits=False, has_effects=True)


@contextmanager
def _none_waits() -> Iterator[None]:
    """Let who meets a lock go on alone, also if nobody is with him: others come while he waits."""
    try:
        yield
    except OperationalError as error:
        if is_locked(error):
            raise NotDoneTogether from error
        raise


_CLAIMS: Final = Gathering(_claim_all, most=_MOST_STEPS, step_aside=_give_back_connection)
_FINISHES: Final = Gathering(_finish_all, most=_MOST_STEPS, step_aside=_give_back_connection)
_FINISHES_WITH_EFFECTS: Final = Gathering(
    _finish_all_with_effects, most=_MOST_STEPS, step_aside=_give_back_connection
)
_LOOKS: Final = Gathering(look_behind, most=_MOST_STEPS, step_aside=_give_back_connection)
