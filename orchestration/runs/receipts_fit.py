"""Whether receipts and hand-offs fit the rows they were made from. Part of `verify`.

What a step put out last is made anew field by field. Of what was superseded, and of steps that an earlier generation
grew, the plan around them has changed since: there only what is still told by rows of that time is compared.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from typing import Any

from orchestration.domain.calls import CallsMade
from orchestration.domain.losses import MEASURE, measure_loss
from orchestration.domain.receipts import ReceiptFacts, build_receipt, digest_text, stamp
from orchestration.domain.states import DONE, ReceiptKind, Stage
from orchestration.domain.work import PERSON
from orchestration.models import PastOutput, Receipt, Step
from orchestration.runs.recalls_fit import find_recall_faults
from orchestration.selectors.proof import MemoryName, ProofHandoff, ProofRows

_CHANGED_SINCE = frozenset({"parents", "feedback", "proposed", "decision", "actor"})


def find_handoff_faults(rows: ProofRows) -> Iterator[str]:
    """Yield what is wrong with what steps were handed."""
    for handoff in rows.handoffs:
        yield from (_handoff_faults if handoff.source is None else find_recall_faults)(rows, handoff)


def _handoff_faults(rows: ProofRows, handoff: ProofHandoff) -> Iterator[str]:
    place = f"hand-off {rows.key_of(handoff.from_step_id)} -> {rows.key_of(handoff.to_step_id)}"
    sender = rows.steps.get(handoff.from_step_id)
    if sender is None:
        yield f"{place}: the sender is no step of this run"
        return
    is_latest = handoff.original_digest == sender.output_digest
    if not is_latest and handoff.original_digest not in {
        past.output_digest for past in rows.past_of.get(sender.pk, ())
    }:
        yield f"{place}: original_digest is not that of the sender's output"
    handed = handoff.original_digest if handoff.summary_json is None else digest_text(handoff.summary_json)
    if handoff.digest != handed:
        yield f"{place}: digest is not that of what was handed over"
    if handoff.pointer is not None:
        yield f"{place}: pointer is set although nothing was fetched"
    if handoff.summary_json is not None and _lost_otherwise(sender, rows, handoff):
        yield f"{place}: loss_json is not what original and summary say"
    if handoff.summary_json is None and handoff.tokens_after != handoff.tokens_before:
        yield f"{place}: tokens_after differs although nothing was shortened"
    if is_latest and handoff.tokens_before != sender.output_tokens:
        yield f"{place}: tokens_before differs from the sender's output_tokens"


def _lost_otherwise(sender: Step, rows: ProofRows, handoff: ProofHandoff) -> bool:
    """Tell whether the losses of a summary were counted otherwise than its original and its text say."""
    originals = {sender.output_digest: sender.output_json} | {
        past.output_digest: past.output_json for past in rows.past_of.get(sender.pk, ())
    }
    original_json = originals.get(handoff.original_digest)
    try:
        told = json.loads(handoff.loss_json) if handoff.loss_json else {}
        # Of a summary that was made before losses were counted, or by other rules, nothing can be said.
        if told.get("measure") != MEASURE or original_json is None:
            return False
        handed = json.loads(handoff.summary_json or "{}")
        counted = measure_loss(json.loads(original_json), handed["summary"], handed.get("pinned", {}))
    except (ValueError, LookupError, TypeError, AttributeError):
        return True  # somebody changed one of the texts
    return any(told.get(name) != count for name, count in asdict(counted).items())


def find_call_faults(rows: ProofRows) -> Iterator[str]:
    """Yield what is wrong with what steps called: texts that are not those of their digests."""
    for call in rows.calls:
        place = f"step '{rows.key_of(call.step_id)}', call {call.path}"
        if call.run_id != rows.run.pk:
            yield f"{place}: its run is another"
        if digest_text(call.request_json) != call.request_digest:
            yield f"{place}: request_json does not match its digest"
        if call.response_json is not None and digest_text(call.response_json) != call.response_digest:
            yield f"{place}: response_json does not match its digest"


def find_memory_faults(rows: ProofRows) -> Iterator[str]:
    """Yield what is wrong with what steps remembered: values that changed, versions that came or went."""
    named = {(one.step_id, line) for one in rows.receipts for line in _list_memories(one)}
    there = {(memory.step_id, memory.line) for memory in rows.memories}
    for memory in rows.memories:
        place = _place_memory(rows, memory.step_id, memory.line)
        if memory.run_id != rows.run.pk:
            yield f"{place}: its run is another"
        if memory.value_json is not None and digest_text(memory.value_json) != memory.digest:
            yield f"{place}: value_json does not match its digest"
        if (memory.step_id, memory.line) not in named:
            yield f"{place}: no receipt of the step names it with this digest"
    for step_id, line in sorted(named - there):
        yield f"{_place_memory(rows, step_id, line)}: a receipt names it with another digest, or it is gone"


def _list_memories(receipt: Receipt) -> list[MemoryName]:
    said = json.loads(receipt.body_json).get("memories", ()) if '"memories"' in receipt.body_json else ()
    return [(scope, scope_id, key, version, digest) for scope, scope_id, key, version, digest in said]


def _place_memory(rows: ProofRows, step_id: int, line: MemoryName) -> str:
    scope, _, key, version, _ = line
    return f"step '{rows.key_of(step_id)}', memory '{key}' v{version} ({scope})"


def find_receipt_faults(rows: ProofRows) -> Iterator[str]:
    """Yield what is wrong with outputs and their receipts, those of the past included."""
    check = _Check(rows)
    for step in rows.steps.values():
        yield from check.step(step)
    for past in rows.past_outputs:
        yield from check.past(past)
    for receipt in rows.receipts:
        if receipt.pk not in check.used:
            yield f"step '{rows.key_of(receipt.step_id)}': a receipt of round {receipt.round} is of no output"


class _Check:
    """One pass over a run's receipts; `used` are those that an output names."""

    def __init__(self, rows: ProofRows) -> None:
        self.rows = rows
        self.used: set[int] = set()

    @cached_property
    def known(self) -> set[str]:
        """Return the digests of all receipts of the run."""
        return {receipt.digest for receipt in self.rows.receipts}

    def step(self, step: Step) -> Iterator[str]:
        """Yield the faults of what a step put out last."""
        if step.status not in DONE:
            return
        place = f"step '{step.key}'"
        if step.output_json is None or digest_text(step.output_json) != step.output_digest:
            yield f"{place}: output_json does not match its digest"
        receipt = self._find(step.pk, step.receipt_digest)
        if receipt is None:
            yield f"{place}: it is {step.status} but has no receipt"
            return
        if step.pk in self.rows.attached:
            yield from self._compare(place, step, receipt, step.revision, frozenset())
        else:
            yield from self._compare(place, step, receipt, step.revision, frozenset({"parents"}))

    def past(self, past: PastOutput) -> Iterator[str]:
        """Yield the faults of what a step had put out before it was sent back."""
        step = self.rows.steps[past.step_id]
        place = f"step '{step.key}', past output of {past}"
        if past.run_id != self.rows.run.pk:
            yield f"{place}: its run is another"
        if digest_text(past.output_json) != past.output_digest:
            yield f"{place}: output_json does not match its digest"
        receipt = self._find(step.pk, past.receipt_digest)
        if receipt is None or (receipt.round, receipt.revision) != (past.round, past.revision):
            yield f"{place}: it has no receipt of its round and revision"
            return
        yield from self._compare(place, past, receipt, past.revision, _CHANGED_SINCE)

    def _find(self, step_id: int, digest: str | None) -> Receipt | None:
        found = next((r for r in self.rows.receipts_of.get(step_id, ()) if r.digest == digest), None)
        if found is not None:
            self.used.add(found.pk)
        return found

    def _compare(
        self, place: str, put_out: Step | PastOutput, receipt: Receipt, revision: int, untold: frozenset[str]
    ) -> Iterator[str]:
        if receipt.digest != digest_text(receipt.body_json):
            yield f"{place}: the receipt's body_json does not match its digest"
            return
        if receipt.kind not in list(ReceiptKind) or receipt.revision != revision:
            yield f"{place}: the receipt's kind '{receipt.kind}' or its revision is not what it says"
            return
        said = json.loads(receipt.body_json)
        made = json.loads(self._rebuild(put_out, receipt, said))
        for field in [*made, *(name for name in said if name not in made)]:
            if field not in untold and said.get(field) != made.get(field):
                yield f"{place}: the receipt's '{field}' does not fit the rows it was made from"
        if "parents" in untold and not set(said.get("parents", ())) <= self.known:
            yield f"{place}: the receipt names one as its parent that is not there"

    def _rebuild(self, put_out: Step | PastOutput, receipt: Receipt, said: dict[str, Any]) -> str:
        """Make the receipt anew from the rows; only who decided is taken from what it says."""
        step = put_out if isinstance(put_out, Step) else self.rows.steps[put_out.step_id]
        output_digest = put_out.output_digest or ""
        attempt = step.attempt if put_out is step else int(said.get("attempt", 0))
        return build_receipt(
            ReceiptFacts(
                run_id=str(self.rows.run.pk),
                spec_digest=self.rows.run.workflow.digest,
                step=step.key,
                round=receipt.round,
                revision=receipt.revision,
                kind=ReceiptKind(receipt.kind),
                attempt=attempt,
                actor=said.get("actor", ""),
                decision=said.get("decision", ""),
                parents=self._parents(step),
                received=self.rows.handoff_lines(step.pk, attempt),
                attempts=self.rows.attempt_lines(step.pk, attempt),
                proposed_digest=_proposed(step, said, output_digest),
                final_digest=output_digest,
                feedback_digest=digest_text(step.feedback) if step.feedback else None,
                finished_at=stamp(put_out.finished_at) if put_out.finished_at else "",
                calls=self._calls(put_out, step, said),
                memories=said.get("memories", ()),  # compared with their rows by `find_memory_faults`
            )
        )

    def _calls(self, put_out: Step | PastOutput, step: Step, said: dict[str, Any]) -> CallsMade | None:
        """Return what was called for an output; of a past one only the receipt tells which journal was its."""
        told = said.get("calls")
        if isinstance(told, dict):
            return self.rows.calls_made(step.pk, int(told.get("journal", 0)))
        return self.rows.calls_made(step.pk, step.renewals) if put_out is step else None

    def _parents(self, step: Step) -> tuple[str, ...]:
        edges = self.rows.edges_in.get(step.pk, ())
        before = [self.rows.steps.get(edge.predecessor_id) for edge in edges]
        return tuple(str(one.receipt_digest if one else None) for one in before)


def _proposed(step: Step, said: dict[str, Any], output_digest: str) -> str | None:
    if not str(said.get("actor", "")).startswith((PERSON, "rule:")):
        return output_digest
    if step.proposed_json is None or step.stage == Stage.SPAWNED:
        return None  # what a spawning agent said was never a proposal by itself
    return digest_text(step.proposed_json)
