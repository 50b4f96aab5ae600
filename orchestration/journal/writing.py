"""The calls of a claimed step, from begun to done. Each function is one statement, and one commit.

A call begins and ends only while the step is held under the claim's token; the lock that a beginning takes on the
step's row lets no call begin after the commit of a cancel. Read next: `orchestration/executor/journal.py`.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from django.db import transaction

from agents.domain.calls import CallWish
from agents.domain.usage import CallUsage, Reservation
from orchestration.budgets.booking import ENDED, book
from orchestration.budgets.reading import read_states
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.budget import PotState, Short
from orchestration.domain.calls import CallState
from orchestration.domain.work import Claim
from orchestration.transitions.budget import reserve
from orchestration.transitions.vocabulary import is_held_by, lost

_BEGIN: Final = f"""
WITH held AS MATERIALIZED (
    SELECT s.id, s.run_id, r.status = 'paused' AND NOT %(nested)s AS is_paused
    FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s::uuid")} FOR SHARE OF s
), taken AS (
    INSERT INTO orchestration_call
        (step_id, run_id, journal, version, path, kind, name, request_json, request_digest, state, begun_at)
    SELECT id, run_id, %(journal)s::integer, %(version)s::integer, %(path)s::text, %(kind)s::text, %(name)s::text,
        %(request)s::text, %(digest)s::text, 'begun', clock_timestamp() FROM held WHERE NOT is_paused
    ON CONFLICT (step_id, journal, path) DO NOTHING RETURNING id
), met AS (
    SELECT c.id, c.state, c.request_digest, c.response_json FROM orchestration_call c JOIN held h ON c.step_id = h.id
    WHERE c.journal = %(journal)s::integer AND c.path = %(path)s::text
), lost AS (
    SELECT count(*) AS number FROM orchestration_calltry t JOIN met m ON t.call_id = m.id WHERE t.state = 'lost'
), made AS (
    SELECT id FROM taken UNION ALL SELECT id FROM met
    WHERE state = 'begun' AND request_digest = %(digest)s::text AND (%(repeatable)s OR (SELECT number FROM lost) = 0)
), tried AS (
    INSERT INTO orchestration_calltry (call_id, step_id, run_id, number, attempt, token, state, begun_at)
    SELECT m.id, h.id, h.run_id,
        1 + (SELECT count(*) FROM orchestration_calltry t WHERE t.call_id = m.id), %(attempt)s::integer,
        %(token)s::uuid, 'begun', clock_timestamp() FROM made m, held h WHERE NOT h.is_paused
    ON CONFLICT (call_id, token) DO NOTHING RETURNING id
)
SELECT h.id IS NOT NULL AS is_held, coalesce(h.is_paused, false) AS is_paused, coalesce(t.id, m.id, 0) AS call,
    coalesce(m.state, 'begun') AS state, coalesce(m.request_digest, %(digest)s::text) AS digest, m.response_json,
    (SELECT id FROM tried) AS tried, (SELECT number FROM lost) AS lost
FROM (SELECT 1) one LEFT JOIN held h ON true LEFT JOIN taken t ON true LEFT JOIN met m ON true
"""


@dataclass(frozen=True, slots=True)
class CallFound:
    """What the beginning of a call found.

    Attributes: call_id: its row.  state: `done`: it was answered before, and nothing was begun.
        request_digest: of what was asked the first time; another than now: nothing was begun.
        is_paused: the run is, and nothing was begun.
        lost: so many tries of which nobody knows; nothing was begun where the call can't be repeated.
        reserved: the pots that it was booked in; or the one that it does not fit into, and nothing was begun.
    """

    call_id: int
    state: CallState
    request_digest: str
    response_json: str | None
    is_paused: bool
    lost: int = 0
    reserved: Short | tuple[PotState, ...] = ()


@dataclass(frozen=True, slots=True)
class Funds:
    """What a call is paid from: `pots`, by their ids, and what it needs of them at most.

    Attributes: is_must: it is made also where it does not fit, and then books nothing.
    """

    pots: tuple[int, ...]
    reservation: Reservation
    is_must: bool = False


def begin_call(
    claim: Claim, journal: int, wish: CallWish, funds: Funds | None = None, version: int = 1
) -> CallFound:
    """Write that a claimed step's call begins, or find it answered. Once more under the same claim it changes nothing.

    Args: funds: of a step that something limits. Where the call does not fit, nothing is written.
        version: of the agent's contract.
    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    if funds is None:
        return _begin(claim, journal, wish, version)[0]
    with transaction.atomic():
        found, try_id = _begin(claim, journal, wish, version)
        if try_id is None:  # it was done, or has reserved already
            return found
        reserved = reserve(claim, try_id, funds.pots, funds.reservation)
        if isinstance(reserved, Short):
            transaction.set_rollback(not funds.is_must)
            return found if funds.is_must else replace(found, reserved=reserved)
        return replace(found, reserved=reserved)


def _begin(claim: Claim, journal: int, wish: CallWish, version: int) -> tuple[CallFound, int | None]:
    """Return what the beginning of a call found, and the try that it wrote, if any."""
    row = fetch_one(
        _BEGIN,
        {
            "step": claim.step_id,
            "token": claim.token,
            "attempt": claim.attempt,
            "journal": journal,
            "version": version,
            "path": wish.path,
            "kind": wish.kind,
            "name": wish.name,
            "request": wish.request_json,
            "digest": wish.digest,
            # What a call calls belongs to it, and it is finished.
            "nested": "/" in wish.path,
            "repeatable": wish.is_repeatable,
        },
    )
    if not row.is_held:
        raise lost(claim)
    found = CallFound(row.call, CallState(row.state), row.digest, row.response_json, row.is_paused, row.lost)
    return found, row.tried


_USAGE: Final = {
    "input_tokens": "bigint", "output_tokens": "bigint", "cache_read_tokens": "bigint", "cache_write_tokens": "bigint",
    "reasoning_tokens": "bigint", "cost_micro_usd": "bigint", "provider": "text", "model": "text",
    "response_id": "text", "finish_reason": "text",
}  # fmt: skip
_SET_USAGE: Final = ", ".join(f"{name} = %({name})s::{kind}" for name, kind in _USAGE.items())
_SET_COST: Final = "tokens = %(tokens)s::bigint, cost_micro_usd = %(cost_micro_usd)s::bigint"


def _describe(usage: CallUsage | None) -> dict[str, Any]:
    """Return what a call used as the statements take it; nothing said of it is NULL."""
    if usage is None:
        return dict.fromkeys(_USAGE) | {"tokens": None}
    return asdict(usage) | {"tokens": usage.tokens}


_END_ANY: Final = f"""
WITH held AS MATERIALIZED (
    SELECT s.id FROM orchestration_step s
    WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s::uuid")} FOR SHARE
), done AS (
    UPDATE orchestration_call c
    SET state = 'done', ended_at = clock_timestamp(), response_json = %(response)s, response_digest = %(digest)s,
        {_SET_USAGE}
    FROM held h, orchestration_calltry t
    WHERE c.id = %(call)s AND c.step_id = h.id AND c.state = 'begun'
      AND t.call_id = c.id AND t.token = %(token)s::uuid AND t.state = 'begun' RETURNING c.id
), tried AS (
    UPDATE orchestration_calltry t SET state = 'done', ended_at = clock_timestamp(), {_SET_COST}
    FROM done d WHERE t.call_id = d.id AND t.token = %(token)s::uuid RETURNING {ENDED}
)@booked
SELECT id FROM done
"""
_BOOKED: Final = "".join(f", {name} AS ({sql}\n)" for name, sql in book("tried").items())
_END: Final = _END_ANY.replace("@booked", "")
_END_BOOKED: Final = _END_ANY.replace("@booked", _BOOKED).replace(
    "SELECT id FROM done", "SELECT b.* FROM done LEFT JOIN booked b ON true"
)
_WAS_ENDED: Final = """
SELECT t.id FROM orchestration_calltry t
WHERE t.call_id = %(call)s AND t.token = %(token)s::uuid AND t.state = 'done'
"""


def end_call(
    claim: Claim,
    call_id: int,
    *,
    response_json: str,
    response_digest: str,
    usage: CallUsage | None = None,
    is_booked: bool = False,
) -> tuple[PotState, ...]:
    """Write the answer of a call that this claim began, and what it used.

    Args: is_booked: something limits the step: what the call reserved is settled with it.
    Returns: the pots that it was settled in, as they stand now.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    about = {"step": claim.step_id, "token": claim.token, "call": call_id}
    said = {"response": response_json, "digest": response_digest} | _describe(usage)
    rows = fetch_all(_END_BOOKED if is_booked else _END, about | said)
    if not rows:
        raise lost(claim)
    return read_states(row for row in rows if is_booked and row.id is not None)


def was_ended(claim: Claim, call_id: int) -> bool:
    """Return whether this claim's try of a call is written as answered: one whose answer was lost is found so."""
    return bool(fetch_all(_WAS_ENDED, {"call": call_id, "token": claim.token}))


_END_TRY: Final = f"""
WITH tried AS (
    UPDATE orchestration_calltry t SET state = %(state)s, ended_at = clock_timestamp(), error = %(error)s, {_SET_COST}
    WHERE t.call_id = %(call)s AND t.token = %(token)s::uuid AND t.state = 'begun' RETURNING t.id, {ENDED}
){_BOOKED}
SELECT id FROM tried
"""


# Whoever freed the step has told it as lost, at all that it had reserved: what it really cost is learnt once.
_LEARN: Final = f"""
WITH tried AS (
    UPDATE orchestration_calltry t SET error = %(error)s, {_SET_COST}
    WHERE t.call_id = %(call)s AND t.token = %(token)s::uuid AND t.state = 'lost'
      AND t.tokens IS NULL AND t.cost_micro_usd IS NULL
      AND (%(tokens)s::bigint IS NOT NULL OR %(cost_micro_usd)s::bigint IS NOT NULL) RETURNING t.id, {ENDED}
)@booked
SELECT id FROM tried
""".replace("@booked", "".join(f", {name} AS ({sql}\n)" for name, sql in book("tried", is_late=True).items()))


def end_try(claim: Claim, call_id: int, *, state: str, error: str, usage: CallUsage | None = None) -> None:
    """Write that this claim's try of a call came to nothing; whoever was quicker stays right, but for what it cost."""
    about = {"call": call_id, "token": claim.token, "state": state, "error": error}
    if not fetch_all(_END_TRY, about | _describe(usage)) and usage is not None:
        fetch_all(_LEARN, about | _describe(usage))


_LOSE: Final = f"""
WITH tried AS (
    UPDATE orchestration_calltry t SET state = 'lost', ended_at = clock_timestamp(), error = %(error)s
    WHERE t.state = 'begun' AND NOT EXISTS (
        SELECT 1 FROM orchestration_step s WHERE s.id = t.step_id AND s.status = 'running' AND s.token = t.token)
    RETURNING t.id, {ENDED}
){_BOOKED}
SELECT id FROM tried
"""


def lose_tries(error: str) -> int:
    """Write as lost the tries whose claim has ended, and return how many: nobody can complete them any more."""
    return len(fetch_all(_LOSE, {"error": error}))
