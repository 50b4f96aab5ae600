"""The journal of one claim's calls: what was done is answered from it, what is made is written first.

Any thread of the agent may ask. The rows are written on a connection of the engine's, outside whatever the agent does
on its own; in a run that is driven inside a transaction, as in a test, on the one that holds it.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, connection, connections

from agents.domain.calls import Begun, CallKind, CallWish, Kept, read_response
from agents.domain.classification import MAX_MESSAGE_CHARACTERS, describe_error, describe_refusal
from agents.domain.invocation import Answered, Failed, FailureKind, Task, Usage
from agents.domain.usage import CallUsage
from agents.errors import CallDiverged, CallLimit, CallRefused
from agents.sessions import keep_for_engine
from orchestration.conf import get_conf
from orchestration.domain.calls import CallsMade, CallState, TryState, digest_calls
from orchestration.domain.policy import Ending
from orchestration.domain.receipts import digest_text
from orchestration.domain.work import Claim, Facts
from orchestration.errors import ClaimLost
from orchestration.executor.patience import ask_patiently, write_patiently
from orchestration.journal.reading import KeptCall, load_kept_calls
from orchestration.journal.spending import sum_unreported
from orchestration.journal.writing import begin_call, end_call, end_try, was_ended

log = structlog.get_logger(__name__)
T = TypeVar("T")
_INSIDE: Final = (
    "the call '{name}' is inside a transaction.atomic() of the agent's: it is kept whatever becomes of that, so make "
    "it before or after"
)


class ClaimJournal:
    """Keeps the calls of one claim.

    Args: has_calls: attempts before this one called something.
    Attributes: fault: what no agent may make light of: another call than before, or more than a step may make.
    """

    def __init__(self, claim: Claim, *, has_calls: bool) -> None:
        self._claim = claim
        # Inside somebody's transaction nobody else sees these rows, and the engine has no other connection.
        self._depth = len(connection.atomic_blocks) if connection.in_atomic_block else None
        self._lock = threading.RLock()
        self._kept: dict[str, KeptCall] | None = None if has_calls else {}
        self._made = self._read_bytes = 0
        self._asks_models = False
        self.fault: CallDiverged | CallLimit | None = None

    @property
    def agent(self) -> str:
        """Return whose calls they are."""
        return self._claim.agent

    def begin(self, wish: CallWish) -> Kept | Begun:
        """Return the answer of a call that was done, or write that it begins."""
        self._refuse_inside_transaction(wish.name)
        with self._lock:
            self._asks_models |= wish.kind is CallKind.MODEL
            kept = self._read().get(wish.path)
            self._count(kept)
        if kept is not None:
            return self._answer(wish, kept.request_digest, kept.response_json)
        found = self._ask(
            lambda claim: begin_call(
                claim,
                claim.renewals,
                path=wish.path,
                kind=wish.kind,
                name=wish.name,
                request_json=wish.request_json,
                request_digest=wish.digest,
            )
        )
        if found.state is CallState.DONE or found.request_digest != wish.digest:
            return self._answer(wish, found.request_digest, found.response_json)
        return Begun(f"{self._claim.idempotency_key}:{wish.path}", found.call_id)

    def end(self, wish: CallWish, begun: Begun, response_json: str, usage: CallUsage | None = None) -> None:
        """Write the answer of a call that was begun, and what it used.

        Raises: ClaimLost: the claim passed on; what was called is told as lost.
        """
        claim, digest = self._claim, digest_text(response_json)

        def write() -> bool:
            end_call(claim, begun.row, response_json=response_json, response_digest=digest, usage=usage)
            return True

        try:
            with self._apart():
                write_patiently(claim, write, lambda: was_ended(claim, begun.row) or None, doing="end a call")
        except ClaimLost:
            self._end_try(begun, TryState.LOST, "it answered when its claim had passed on", usage)
            raise
        with self._lock:
            self._read()[wish.path] = KeptCall(wish.path, wish.name, wish.digest, digest, response_json)

    def fail(
        self,
        wish: CallWish,  # noqa: ARG002 - the interface
        begun: Begun,
        error: Exception,
        usage: CallUsage | None = None,
    ) -> None:
        """Write that a call that was begun has no answer, and what it used all the same."""
        self._end_try(begun, TryState.FAILED, describe_error(error)[:MAX_MESSAGE_CHARACTERS], usage)

    def summarise(self) -> CallsMade | None:
        """Return what the step's receipt says of its calls: all that were done, by whichever attempt."""
        with self._lock:
            return digest_calls(self._claim.renewals, (call.line for call in self._read().values()))

    def find_used(self) -> CallUsage | None:
        """Return what the models that were asked used, and no attempt has reported; None: none was asked."""
        return self._ask(lambda claim: sum_unreported(claim.step_id)) if self._asks_models else None

    def _answer(self, wish: CallWish, request_digest: str, response_json: str | None) -> Kept:
        answer = _read_answer(wish, request_digest, response_json)
        if isinstance(answer, Kept):
            return answer
        self.fault = self.fault or answer
        raise answer

    def _read(self) -> dict[str, KeptCall]:
        if self._kept is None:
            self._kept = self._ask(lambda claim: load_kept_calls(claim.step_id, claim.renewals))
        return self._kept

    def _count(self, kept: KeptCall | None) -> None:
        conf = get_conf()
        self._made += 1
        self._read_bytes += len(kept.response_json) if kept is not None else 0
        if self._made > conf.CALLS_PER_ATTEMPT:
            self._refuse(f"it makes more than {conf.CALLS_PER_ATTEMPT:,} calls; let it be several steps")
        if self._read_bytes > conf.CALL_BYTES_PER_ATTEMPT:
            self._refuse(
                f"the answers of its calls are over {conf.CALL_BYTES_PER_ATTEMPT:,} characters; let calls return less"
            )

    def _refuse(self, why: str) -> None:
        self.fault = self.fault or CallLimit(why)
        raise CallLimit(why)

    def _refuse_inside_transaction(self, name: str) -> None:
        if len(connections[DEFAULT_DB_ALIAS].atomic_blocks) > (self._depth or 0):
            raise CallRefused(_INSIDE.format(name=name))

    def _end_try(self, begun: Begun, state: TryState, why: str, usage: CallUsage | None) -> None:
        """Tell how a try ended; if that can't be written the maintainer tells that it is lost."""
        try:
            self._ask(lambda claim: end_try(claim, begun.row, state=state, error=why, usage=usage))
        except Exception as error:  # noqa: BLE001 - what the agent raised must not be hidden by it
            log.warning("try_not_ended", step=self._claim.step_id, error=describe_error(error))

    def _ask(self, ask: Callable[[Claim], T]) -> T:
        with self._apart():
            return ask_patiently(self._claim, ask, doing="keep a call")

    def _apart(self) -> AbstractContextManager[None]:
        return keep_for_engine() if self._depth is None else nullcontext()


def _read_answer(wish: CallWish, request_digest: str, response_json: str | None) -> Kept | CallDiverged:
    """Return what is stored under a path, or why it is no answer to what is asked now."""
    if request_digest != wish.digest or response_json is None:
        return CallDiverged(wish.path)
    try:
        read_response(wish.path, response_json)
    except CallDiverged as unreadable:
        return unreadable
    return Kept(response_json)


def settle_calls(task: Task, outcome: Ending, facts: Facts) -> tuple[Ending, Facts]:
    """Return how a call of an agent ended, and what is known of it, once what it called is looked at.

    An agent that went on after another call than before was found, or beyond the limits, has no outcome of its own.
    """
    journal = task.calls.journal
    if not isinstance(journal, ClaimJournal):
        return outcome, facts
    made = journal.summarise()
    told = facts if made is None else replace(facts, calls=made)
    if isinstance(outcome, Answered | Failed):
        outcome = replace(outcome, usage=_add(outcome.usage, journal.find_used()))
    if journal.fault is None:
        return outcome, told
    kind = FailureKind.DIVERGED if isinstance(journal.fault, CallDiverged) else FailureKind.LIMIT
    fault = describe_refusal(
        kind,
        str(journal.fault),
        journal.agent,
        agent_version=getattr(outcome, "agent_version", None),
        error_class=type(journal.fault).__name__,
    )
    return replace(fault, usage=getattr(outcome, "usage", {})), told


def _add(said: Usage, used: CallUsage | None) -> Usage:
    """Return what an agent says of its own, and what its models used: the sum where it says the same things."""
    if used is None:
        return said
    told = {name: getattr(used, name) + int(said.get(name, 0)) for name in ("input_tokens", "output_tokens")}
    if used.cost_usd is None:
        return {**said, **told}
    return {**said, **told, "cost_usd": f"{Decimal(used.cost_usd) + Decimal(said.get('cost_usd', 0)):f}"}
