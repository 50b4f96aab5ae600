"""Whether the memories that steps were handed fit what is remembered. Part of `verify`.

A memory may be forgotten since: its digest stays, and what it said can't be compared any more.
"""

from collections.abc import Iterator

from orchestration.domain.receipts import digest_text
from orchestration.selectors.proof import ProofHandoff, ProofRows, RecalledMemory


def find_recall_faults(rows: ProofRows, handoff: ProofHandoff) -> Iterator[str]:
    """Yield what is wrong with a memory that a step was handed."""
    place = f"memory handed to '{rows.key_of(handoff.to_step_id)}', {handoff.source}"
    if handoff.from_step_id != handoff.to_step_id:
        yield f"{place}: from_step is not the step that recalled it"
    is_whole = handoff.digest == handoff.original_digest
    if is_whole != (handoff.loss_json is None):
        yield f"{place}: digest is not that of what was handed over"
    if is_whole and handoff.tokens_after != handoff.tokens_before:
        yield f"{place}: tokens_after differs although nothing was shortened"
    memory = rows.recalled.get(handoff.memory_id or 0)
    if memory is not None:
        yield from (f"{place}: {fault}" for fault in _compare(handoff, memory))


def _compare(handoff: ProofHandoff, memory: RecalledMemory) -> Iterator[str]:
    if not (handoff.source or "").startswith(f"memory:{memory.scope}/{memory.key}@{memory.version} by "):
        yield "source is not what names the memory"
    if handoff.original_digest != memory.digest:
        yield "original_digest is not that of the memory"
    if memory.value_json is not None and digest_text(memory.value_json) != memory.digest:
        yield "what is remembered is not what was"
