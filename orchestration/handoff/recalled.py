"""Memories that a step is handed beside outputs: whole while there is room, then in short, then left out.

The best come first. What is cut is counted as what is cut of outputs: nobody is handed less than somebody can see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from agents.domain.notebook import Hit
from orchestration.counting import count_tokens
from orchestration.domain.losses import dump_loss, measure_loss
from orchestration.domain.receipts import HandoffLine, canonical, digest_text, stamp
from orchestration.domain.sharing import LEAST_SUMMARY_TOKENS
from orchestration.domain.summaries import Shortened
from orchestration.errors import HandoffTooLarge
from orchestration.handoff.shortening import Original, extract

LEFT_OUT: Final = "left out"
"""Who "summarised" a memory for which there was no room."""
SOURCE: Final = "memory:"
"""What a line of a memory begins with where a line of an output names a step, whose key has no colon."""
_NOTHING: Final = "null"


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory as it is handed over, and as its row and its line in the receipt tell it.

    What it says stands in no row but its own, so that it can be forgotten.

    Attributes: entry: what the agent gets; None: there was no room.  memory_id: None: nothing was found.
        digest: of the value, or of what is handed instead of it.
    """

    entry: dict[str, Any] | None
    memory_id: int | None
    source: str
    original_digest: str
    digest: str
    tokens_before: int
    tokens_after: int
    summarised_by: str = ""
    loss_json: str | None = None

    @property
    def row(self) -> dict[str, object]:
        """Return what its row has."""
        return {
            "original": self.original_digest,
            "digest": self.digest,
            "before": self.tokens_before,
            "after": self.tokens_after,
            "summarised_by": self.summarised_by,
            "loss": self.loss_json,
            "memory": self.memory_id,
            "source": self.source,
        }

    @property
    def line(self) -> HandoffLine:
        """Return what a receipt commits to."""
        return HandoffLine(
            self.source,
            self.digest,
            self.original_digest,
            self.tokens_before,
            self.tokens_after,
            self.summarised_by,
            self.loss_json,
        )


def find_nothing() -> Recalled:
    """Return what tells that memories were asked for, and that there were none."""
    digest = digest_text(_NOTHING)
    return Recalled(None, None, f"{SOURCE}nothing", digest, digest, 0, 0)


def fit_memories(hits: Sequence[Hit], room: int) -> list[Recalled]:
    """Return memories in at most so many tokens together, the best first; what does not fit is left out, and told."""
    found = []
    for hit in hits:
        one = _fit(hit, room)
        room -= one.tokens_after
        found.append(one)
    return found


def _fit(hit: Hit, room: int) -> Recalled:
    tokens = _count(_write(hit, hit.value))
    if tokens <= room:
        entry = _write(hit, hit.value)
        return Recalled(entry, hit.id, name_source(hit), hit.digest, hit.digest, tokens, tokens)
    short, made = _shorten(hit, room)
    return Recalled(
        entry=short,
        memory_id=hit.id,
        source=name_source(hit),
        original_digest=hit.digest,
        digest=made.digest,
        tokens_before=tokens,
        tokens_after=0 if short is None else _count(short),
        summarised_by=made.summarised_by,
        loss_json=made.loss_json,
    )


def _shorten(hit: Hit, room: int) -> tuple[dict[str, Any] | None, Shortened]:
    """Return a memory in sentences of it; None where so little room is left that they would say nothing."""
    text = canonical(hit.value)
    original = Original(hit.key, hit.value, hit.digest, len(text.encode()), {}, "")
    allowance = room - _count(_write(hit, ""))
    while allowance >= LEAST_SUMMARY_TOKENS:
        try:
            made = extract(original, allowance)
            handed_json = made.text
        except HandoffTooLarge:
            break
        entry = _write(hit, orjson.loads(handed_json))
        over = _count(entry) - room
        if over <= 0:
            return entry, made
        allowance -= over
    loss_json = dump_loss(measure_loss(hit.value, "", {}))
    return None, Shortened(_NOTHING, digest_text(_NOTHING), 0, LEFT_OUT, loss_json)


def _write(hit: Hit, value: Any) -> dict[str, Any]:
    return {
        "scope": str(hit.scope),
        "key": hit.key,
        "version": hit.version,
        "by": name_writer(hit),
        "at": stamp(hit.written_at),
        "value": value,
    }


def _count(entry: dict[str, Any]) -> int:
    return count_tokens(canonical(entry))


def name_source(hit: Hit) -> str:
    """Return what names a memory, and who wrote it, in its row and in receipts."""
    return f"{SOURCE}{hit.scope}/{hit.key}@{hit.version} by {name_writer(hit)}"


def name_writer(hit: Hit) -> str:
    """Return who wrote a memory."""
    if hit.run_id is None:
        return hit.person
    return f"{hit.agent} ({hit.step_key} of run {hit.run_id}, attempt {hit.attempt})"
