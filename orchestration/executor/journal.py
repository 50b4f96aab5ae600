"""The journal of one claim's calls: what was done is answered from it, what is made is written first.

Any thread of the agent may ask. On which connection the rows are written: `standing.py`.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TypeVar

import structlog

from agents.domain.calls import Begun, CallKind, CallWish, Kept, Until
from agents.domain.classification import MAX_MESSAGE_CHARACTERS, describe_error
from agents.domain.doubts import ask_about, read_answer
from agents.domain.invocation import Failed
from agents.domain.notebook import Note
from agents.domain.turned_away import was_turned_away
from agents.domain.usage import BudgetLeft, CallUsage, Reservation
from agents.errors import CallDiverged, CallLimit, ModelKeptAway, Suspended
from orchestration.conf import get_conf
from orchestration.dispatch import dispatch_after_commit
from orchestration.domain.budget import PotState, Short
from orchestration.domain.calls import CallsMade, CallState, OpenWait, TryState, digest_calls
from orchestration.domain.receipts import digest_text
from orchestration.domain.work import Claim, Facts
from orchestration.errors import ClaimLost
from orchestration.executor.admission import keep_model_away, note_model
from orchestration.executor.awaiting import find_answer
from orchestration.executor.funding import Funding
from orchestration.executor.patience import ask_patiently, write_patiently
from orchestration.executor.remembering import gather_notes, write_lines
from orchestration.executor.replaying import Edition, Replay
from orchestration.executor.standing import Standing
from orchestration.journal.callbacks import make_callback_url
from orchestration.journal.notes import keep_note
from orchestration.journal.reading import KeptCall, answer_from, load_begun_tools, load_kept_calls
from orchestration.journal.spending import sum_unreported
from orchestration.journal.writing import begin_call, end_call, end_try, was_ended
from orchestration.transitions.budget import wake_for_budget

log = structlog.get_logger(__name__)
T = TypeVar("T")


class ClaimJournal:
    """Keeps the calls of one claim.

    Args: has_calls: attempts before this one called something.  pots: what limits the step, if anything does.
        version: of the agent's contract.  conflicts: so often what the step remembered had changed meanwhile.

    Attributes:
        fault: what no agent may make light of: another call than before, or more than a step may make.
        waits: what is open, by path.  is_paused: the run was, when a call was to begin.
        kept_away: why a model was not asked; an agent that failed then waits for that.
    """

    def __init__(
        self,
        claim: Claim,
        *,
        has_calls: bool,
        pots: tuple[PotState, ...] = (),
        version: int = 1,
        conflicts: int = 0,
    ) -> None:
        self._claim = claim
        self.version = version
        self._funding = Funding(pots)
        self._standing = Standing()
        self._lock = threading.RLock()
        self._replay = Replay(
            claim,
            Edition(version, conflicts),
            lambda: self.ask(lambda held: load_kept_calls(held.step_id, held.renewals)) if has_calls else {},
            lambda: self.ask(lambda held: load_begun_tools(held.step_id, held.renewals, version)),
        )
        self._made = self._read_bytes = 0
        self._asks_models = False
        self._under_way: dict[int, CallWish] = {}
        self._left: set[str] = set()
        self.fault: CallDiverged | CallLimit | None = None
        self.waits: dict[str, OpenWait] = {}
        self.is_paused = False
        self.kept_away: Failed | None = None

    @property
    def budget(self) -> BudgetLeft:
        """Return what is left, as the last call found it."""
        return self._funding.left

    @property
    def short(self) -> Short | None:
        """Return the budget that a call did not fit into."""
        return self._funding.short

    @property
    def agent(self) -> str:
        """Return whose calls they are."""
        return self._claim.agent

    def begin(self, wish: CallWish, reservation: Reservation | None = None) -> Kept | Begun:
        """Return the answer of a call that was done, or write that it begins."""
        self._standing.refuse_inside_transaction(wish.name)
        with self._lock:
            self._asks_models |= wish.kind is CallKind.MODEL
            wish = self._replay.address(wish)
            kept = self._replay.find(wish)
            self._count(kept)
            wish = wish if kept is not None else self._take_over(wish)
        if kept is not None:
            return self._answer(wish, kept.request_digest, kept.response_json)
        return self._begin(wish, reservation)

    def _begin(self, wish: CallWish, reservation: Reservation | None) -> Kept | Begun:
        if wish.kind is CallKind.MODEL:
            self._ask_breaker(wish.name)
        funds = self._funding.draw(self._claim, wish, reservation)
        found = self.ask(lambda claim: begin_call(claim, claim.renewals, wish, funds, self.version))
        if found.is_paused and found.state is not CallState.DONE:
            self.is_paused = True
            raise Suspended(wish.path)
        self._funding.note_reserved(wish, found.reserved, len(self._under_way))
        if found.state is CallState.DONE or found.request_digest != wish.digest:
            return self._answer(wish, found.request_digest, found.response_json)
        if found.lost and not wish.is_repeatable:
            return self._clear(wish, found.lost, reservation)
        self._under_way[found.call_id] = wish
        return Begun(f"{self._claim.idempotency_key}:{wish.path}", found.call_id)

    def _take_over(self, wish: CallWish) -> CallWish:
        try:
            return self._replay.take_over(wish)
        except CallDiverged as other:
            self.fault = self.fault or other
            raise

    def _clear(self, wish: CallWish, lost: int, reservation: Reservation | None) -> Kept | Begun:
        """Ask a person whether a call happened; end it with what it returned, or let it be made again."""
        doubt = ask_about(wish, lost)
        cleared = read_answer(doubt.path, self.wait(doubt, Until()).response_json)
        begun = self._begin(replace(wish, is_repeatable=True), reservation)
        if cleared.response_json is None or isinstance(begun, Kept):
            return begun
        response_json = cleared.response_json.join(wish.envelope)
        self.end(wish, begun, response_json)
        return Kept(response_json)

    def leave(self, path: str) -> None:
        """Take note that the agent's code does not wait there any more."""
        with self._lock:
            self._left.add(path)
            self.waits.pop(path, None)

    @property
    def is_suspended(self) -> bool:
        """Return whether something is waited for, a budget among it, or the run is paused."""
        return bool(self.waits) or self.is_paused or self.short is not None

    def wait(self, wish: CallWish, until: Until) -> Kept:
        """Return what a wait was answered with, or write that it is open."""
        self._standing.refuse_inside_transaction(wish.name)
        # A person let the step go on since: each time it is waited for anew, under a path of its own.
        for number in count():
            here = wish if number == 0 else replace(wish, path=f"{wish.path}~{number}")
            answer = self._wait_here(wish.path, here, until)
            if answer is not None:
                return answer
        raise AssertionError("a count has no end")

    def _wait_here(self, asked: str, wish: CallWish, until: Until) -> Kept | None:
        """As `wait`; None: it is waited for anew. `asked`: the path that the agent's code knows."""
        with self._lock:
            wish = self._replay.address(wish)
            kept = self._replay.kept.get(wish.path)
            self._count(kept)
        if kept is not None:
            return None if kept.is_past else self._answer(wish, kept.request_digest, kept.response_json)
        found = find_answer(self.ask, wish, until, self.version)
        if found.is_past:
            return None
        if found.response_json is None and found.request_digest == wish.digest:
            with self._lock:
                if asked not in self._left:
                    self.waits[asked] = OpenWait(wish.path, wish.kind, wish.name, wish.request_json)
            raise Suspended(wish.path)
        answer = self._answer(wish, found.request_digest, found.response_json)
        with self._lock:
            self._replay.keep(wish, answer.response_json)
        return answer

    def is_held_up(self, parked: set[str]) -> bool:
        """Return whether something is waited for beside what the agent did not look at any more (`parked`)."""
        return bool(self.waits.keys() - parked) or self.is_paused or self.short is not None

    def make_callback(self, name: str, expires_seconds: float) -> str:
        """Return an address at which whoever has it may send a signal to the run."""
        expires_at = self._claim.now() + timedelta(seconds=expires_seconds)
        return make_callback_url(self._claim.run.run_id, name, expires_at)

    def _wake(self) -> None:
        """Let those go on for whom a call that has ended left something; else the maintainer does."""
        pots = self._funding.pots
        if not pots:
            return
        try:
            dispatch_after_commit(self.ask(lambda _: wake_for_budget(pots)))
        except Exception as error:  # noqa: BLE001 - what was called is kept: that is what counts
            log.warning("budget_not_told", step=self._claim.step_id, error=describe_error(error))

    def end(self, wish: CallWish, begun: Begun, response_json: str, usage: CallUsage | None = None) -> None:
        """Write the answer of a call that was begun, and what it used.

        Raises: ClaimLost: the claim passed on; what was called is told as lost.
        """
        claim, digest, wish = self._claim, digest_text(response_json), self._under_way.get(begun.row, wish)

        def write() -> bool:
            pots = end_call(
                claim,
                begun.row,
                response_json=response_json,
                response_digest=digest,
                usage=usage,
                is_booked=bool(self._funding.pots),
            )
            self._funding.note(pots)
            return True

        try:
            with self._standing.step_apart():
                write_patiently(claim, write, lambda: was_ended(claim, begun.row) or None, doing="end a call")
        except ClaimLost:
            self._end_try(begun, TryState.LOST, "it answered when its claim had passed on", usage)
            raise
        except Exception as error:
            # It is paid for, whatever becomes of its answer.
            self._end_try(begun, TryState.FAILED, describe_error(error)[:MAX_MESSAGE_CHARACTERS], usage)
            raise
        self._under_way.pop(begun.row, None)
        with self._lock:
            self._replay.keep(wish, response_json)
        self._tell_breaker(wish)
        self._wake()

    def keep_notes(self, wish: CallWish, begun: Begun, notes: list[Note]) -> None:
        """Keep what was noted within a call, before its answer is written."""
        path = self._under_way.get(begun.row, wish).path
        lines = write_lines(self._claim, notes)
        self.ask(lambda claim: keep_note(claim, path, lines))

    def gather_notes(self, notes: list[Note], facts: Facts) -> Facts:
        """Return an attempt's facts with all that it wants to be remembered."""
        return gather_notes(self._claim, self.ask, notes, self._replay.met, facts)

    def fail(
        self,
        wish: CallWish,
        begun: Begun,
        error: Exception,
        usage: CallUsage | None = None,
    ) -> None:
        """Write that a call that was begun has no answer, and what it used all the same."""
        self._tell_breaker(wish, error)
        if usage is None and wish.kind is CallKind.MODEL and was_turned_away(error):
            usage = CallUsage(cost_micro_usd=0)
        self._end_try(begun, TryState.FAILED, describe_error(error)[:MAX_MESSAGE_CHARACTERS], usage)

    def withdraw(self, wish: CallWish, begun: Begun) -> None:  # noqa: ARG002 - the interface
        """Write that a call was left because something within it waits."""
        self._end_try(begun, TryState.WITHDRAWN, "something within it waits", None)

    @property
    def known(self) -> tuple[str, ...]:
        """Return the paths of all calls whose answers this attempt could have had."""
        with self._lock:
            return self._replay.known

    def summarise(self) -> CallsMade | None:
        """Return what the step's receipt says of its calls: all that were done, by whichever attempt."""
        with self._lock:
            return digest_calls(self._claim.renewals, (call.line for call in self._replay.kept.values()))

    def find_used(self) -> CallUsage | None:
        """Return what the models that were asked used, and no attempt has reported; None: none was asked."""
        return self.ask(lambda claim: sum_unreported(claim.step_id)) if self._asks_models else None

    def _ask_breaker(self, model: str) -> None:
        """Refuse a request to a model that failed too often. Raises: ModelKeptAway: it did."""
        refused = self.ask(lambda claim: keep_model_away(claim, model))
        if refused is not None:
            self.kept_away = refused
            raise ModelKeptAway(refused.message)

    def _tell_breaker(self, wish: CallWish, error: Exception | None = None) -> None:
        if wish.kind is CallKind.MODEL:
            with self._standing.step_apart():
                note_model(self._claim, wish.name, error)

    def _answer(self, wish: CallWish, request_digest: str, response_json: str | None) -> Kept:
        answer = answer_from(wish, request_digest, response_json)
        if isinstance(answer, Kept):
            return answer
        self.fault = self.fault or answer
        raise answer

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

    def _end_try(self, begun: Begun, state: TryState, why: str, usage: CallUsage | None) -> None:
        """Tell how a try ended; if that can't be written the maintainer tells that it is lost."""
        self._under_way.pop(begun.row, None)
        try:
            self.ask(lambda claim: end_try(claim, begun.row, state=state, error=why, usage=usage))
            self._wake()
        except Exception as error:  # noqa: BLE001 - what the agent raised must not be hidden by it
            log.warning("try_not_ended", step=self._claim.step_id, error=describe_error(error))

    def ask(self, ask: Callable[[Claim], T]) -> T:
        """Ask the database for the claim, on a connection of the engine's, as long as it is away."""
        with self._standing.step_apart():
            return ask_patiently(self._claim, ask, doing="keep a call")
