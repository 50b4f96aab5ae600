"""What an agent reads beyond what it was handed, for one claim: parts of originals, and the run so far."""

import threading
from bisect import bisect_right
from collections import Counter
from itertools import islice
from typing import Any

import orjson

from agents.errors import CallRefused
from orchestration.conf import get_conf
from orchestration.domain.distances import FRESH_STEPS
from orchestration.domain.pointers import find_pointer_fault, resolve_pointer
from orchestration.domain.receipts import canonical, digest_text
from orchestration.domain.work import Claim, Predecessor
from orchestration.executor.journal import ClaimJournal
from orchestration.executor.summarising import compact
from orchestration.handoff import Handed, Recalled, count_tokens, write_digest
from orchestration.handoff.recording import record_fetched


class ClaimReader:
    """Reads for one claim; any thread may ask it.

    Args: handed: what was handed to the attempt.  fresh_steps: as the step's spec says.
    """

    def __init__(self, claim: Claim, journal: ClaimJournal, handed: Handed, fresh_steps: int | None) -> None:
        self._claim = claim
        self._journal = journal
        self._tokens = sum(line.tokens_after for line in handed.lines)
        self._is_shortened = any(line.digest != line.original_digest for line in handed.lines)
        self._fresh_steps = fresh_steps or FRESH_STEPS
        self._senders = {p.output_digest: p for p in claim.predecessors if p.carries_data and not p.is_child}
        self.recalled: tuple[Recalled, ...] = ()
        self._lock = threading.Lock()
        self._spent = 0
        self._unnoted: Counter[tuple[str, str]] = Counter()

    @property
    def room(self) -> int:
        """Return how many tokens are left of those that the step may be handed."""
        handed = sum(one.tokens_after for one in self.recalled)
        return self._claim.run.handoff_tokens - self._tokens - handed

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return the memories that were handed over."""
        return [one.entry for one in self.recalled if one.entry is not None]

    def fetch(self, of: str, pointer: str, limit: int) -> dict[str, Any]:
        """Return a part of an original that was handed to this attempt.

        Raises: CallRefused: it was not, nothing stands there, or it would be more than an attempt may fetch.
        """
        value, is_whole = cut_value(self._find(of, pointer), limit)
        tokens, most = count_tokens(canonical(value)), get_conf().FETCH_TOKENS
        with self._lock:
            if self._spent + tokens > most:
                raise CallRefused(
                    f"task.fetch: {tokens:,} tokens more are over FETCH_TOKENS; {self._spent:,} of {most:,} are used"
                )
            self._spent += tokens
            self._unnoted[of, pointer] += 1
        return {"value": value, "is_whole": is_whole}

    def _find(self, of: str, pointer: str) -> Any:
        sender = self._senders.get(of)
        if sender is None:
            raise CallRefused(self._refuse(of))
        fault = find_pointer_fault(pointer)
        if fault is not None:
            raise CallRefused(f"task.fetch: pointer {pointer[:60]!r} {fault}")
        try:
            return resolve_pointer(orjson.loads(sender.output_json), pointer)
        except LookupError:
            raise CallRefused(f"task.fetch: nothing stands at {pointer[:60]!r} of '{sender.key}'") from None

    def _refuse(self, of: str) -> str:
        # Its value must stay in one place, so that it can be forgotten; what is fetched is kept as a call's answer.
        for one in self.recalled:
            if of == one.original_digest and one.entry is not None:
                where = f'task.memory("{one.entry["scope"]}", "{one.entry["key"]}")'
                return f"task.fetch: {of[:12]} is of a memory: {where} reads it whole, as of the same moment"
        return (
            f"task.fetch: no original with digest {of[:64]!r} was handed to this attempt; give the `of` of what stands "
            "in task.handoff in short"
        )

    def note_fetched(self, of: str, pointer: str, answer: Any) -> None:
        """Write that this attempt was handed a part of an original, by this call or one that was kept.

        Raises: ClaimLost: the claim passed on.
        """
        sender = self._senders.get(of)
        if sender is None:  # kept of an attempt that was handed something else
            raise CallRefused(self._refuse(of))
        tokens = count_tokens(canonical(answer["value"]))
        with self._lock:
            if self._unnoted[of, pointer]:
                self._unnoted[of, pointer] -= 1
            else:
                self._spent += tokens
        self._journal.ask(lambda claim: _record(claim, sender, pointer, answer, tokens))

    @property
    def is_shortened(self) -> bool:
        """Return whether something was handed to this attempt in short."""
        return self._is_shortened

    def compact(self, said_json: str, allowance_tokens: int) -> dict[str, Any]:
        """Return what was said and done in a conversation in at most so many tokens, and what that lost."""
        return compact(self._journal.ask, said_json, allowance_tokens)

    def tell_so_far(self) -> str:
        """Return the run so far, within what is left of the tokens that the step may be handed."""
        handed = {sender.step_id for sender in self._senders.values()}
        return self._journal.ask(lambda claim: write_digest(claim, self.room, self._fresh_steps, handed))


def _record(claim: Claim, sender: Predecessor, pointer: str, answer: Any, tokens: int) -> None:
    record_fetched(claim, sender, pointer, digest_text(canonical(answer)), tokens)


def cut_value(value: Any, limit: int) -> tuple[Any, bool]:
    """Return as much of a value as has at most so many tokens, and whether that is all: of a list its beginning."""
    if count_tokens(canonical(value)) <= limit or not isinstance(value, str | list | dict):
        return value, True

    def take(number: int) -> Any:
        return dict(islice(value.items(), number)) if isinstance(value, dict) else value[:number]

    most = bisect_right(range(len(value)), limit, key=lambda n: count_tokens(canonical(take(n)))) - 1
    return take(max(most, 0)), False
