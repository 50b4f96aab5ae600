"""Recomputes a run's proof from its rows and names the first thing that does not fit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from orchestration.conf import get_signer
from orchestration.domain.receipts import ReceiptFacts, build_receipt, digest_text, stamp
from orchestration.domain.signing import verify_signature
from orchestration.domain.states import DONE, ReceiptKind, RunStatus
from orchestration.models import Event, Handoff, Receipt, Run, Seal, Step
from orchestration.runs.links import find_link_faults
from orchestration.runs.start import get_run
from orchestration.selectors.proof import load_attempt_lines, load_handoff_lines
from orchestration.transitions.release import Ending, read_seal_body


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a run's proof holds. `fault` names the first row and field that does not fit."""

    run_id: UUID
    receipts: int
    handoffs: int
    is_sealed: bool
    fault: str | None

    @property
    def holds(self) -> bool:
        """Return whether nothing was found."""
        return self.fault is None


def verify(run_id: UUID | str) -> Verdict:
    """Verify everything a run's proof covers: spec, input, outputs, hand-offs, receipts, history, seal.

    Raises: RunNotFound.
    """
    with transaction.atomic():
        if len(connection.savepoint_ids) == 0:
            # One view of all rows: a run that goes on meanwhile must not look tampered with.
            connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return _verify(get_run(run_id))


def _verify(run: Run) -> Verdict:
    return Verdict(
        run_id=run.pk,
        receipts=run.receipts.count(),
        handoffs=run.handoffs.count(),
        is_sealed=run.seals.filter(round=run.round).exists(),
        fault=next(_find_faults(run), None),
    )


def _find_faults(run: Run) -> Iterator[str]:
    if digest_text(run.workflow.spec_json) != run.workflow.digest:
        yield f"workflow {run.workflow}: spec_json does not match its digest"
    if digest_text(run.input_json) != run.input_digest:
        yield "run: input_json does not match its digest"
    yield from find_link_faults(run)
    for handoff in run.handoffs.select_related("from_step", "to_step").order_by("id"):
        yield from _handoff_faults(handoff)
    for step in run.steps.order_by("position"):
        yield from _step_faults(run, step)
    yield from _seal_faults(run)


def _handoff_faults(handoff: Handoff) -> Iterator[str]:
    place = f"hand-off {handoff.from_step.key} -> {handoff.to_step.key}"
    if handoff.original_digest != handoff.from_step.output_digest:
        yield f"{place}: original_digest is not that of the sender's output"
    handed = handoff.original_digest if handoff.summary_json is None else digest_text(handoff.summary_json)
    if handoff.digest != handed:
        yield f"{place}: digest is not that of what was handed over"
    if handoff.summary_json is None and handoff.tokens_after != handoff.tokens_before:
        yield f"{place}: tokens_after differs although nothing was shortened"
    if handoff.tokens_before != handoff.from_step.output_tokens:
        yield f"{place}: tokens_before differs from the sender's output_tokens"


def _step_faults(run: Run, step: Step) -> Iterator[str]:
    if step.status not in DONE:
        return
    place = f"step '{step.key}'"
    if step.output_json is None or digest_text(step.output_json) != step.output_digest:
        yield f"{place}: output_json does not match its digest"
    receipt = Receipt.objects.filter(step=step, round=run.round).first()
    if receipt is None:
        yield f"{place}: it is {step.status} but has no receipt"
        return
    if receipt.digest != digest_text(receipt.body_json) or receipt.digest != step.receipt_digest:
        yield f"{place}: the receipt's body_json does not match its digest"
        return
    if receipt.kind not in list(ReceiptKind):
        yield f"{place}: the receipt's kind '{receipt.kind}' is none"
        return
    said = json.loads(receipt.body_json)
    for field, value in json.loads(_rebuild(run, step, receipt, said)).items():
        if said.get(field) != value:
            yield f"{place}: the receipt's '{field}' does not fit the rows it was made from"


def _rebuild(run: Run, step: Step, receipt: Receipt, said: dict[str, str]) -> str:
    """Make the receipt anew from the rows; only who decided is taken from what it says."""
    output_digest = step.output_digest or ""
    by_person = str(said.get("actor", "")).startswith("person:")
    proposed = (
        (digest_text(step.proposed_json) if step.proposed_json is not None else None)
        if by_person
        else output_digest
    )
    return build_receipt(
        ReceiptFacts(
            run_id=str(run.pk),
            spec_digest=run.workflow.digest,
            step=step.key,
            round=run.round,
            revision=step.revision,
            kind=ReceiptKind(receipt.kind),
            attempt=step.attempt,
            actor=said.get("actor", ""),
            decision=said.get("decision", ""),
            parents=tuple(
                str(edge.predecessor.receipt_digest) for edge in step.edges_in.select_related("predecessor")
            ),
            received=load_handoff_lines(step.pk, step.attempt),
            attempts=load_attempt_lines(step.pk),
            proposed_digest=proposed,
            final_digest=output_digest,
            feedback_digest=digest_text(step.feedback) if step.feedback else None,
            finished_at=stamp(step.finished_at) if step.finished_at else "",
        )
    )


def _seal_faults(run: Run) -> Iterator[str]:
    seal = Seal.objects.filter(run=run, round=run.round).first()
    if run.status == RunStatus.RUNNING:
        return
    if seal is None:
        yield f"run: it is {run.status} but its round {run.round} is not sealed"
        return
    if digest_text(seal.body_json) != seal.root:
        yield "seal: body_json does not match its root"
    if seal.public_key != get_signer().public_key:
        yield "seal: it was signed by another key than this installation's (RINGMASTER_SIGNING_KEY)"
    if not verify_signature(seal.public_key, seal.root, seal.signature):
        yield "seal: the signature is not of this root"
    closing = Event.objects.filter(run=run, kind="run_closed").order_by("-id").first()
    ending = Ending(RunStatus(run.status), run.reason, run.finished_at or seal.sealed_at)
    now = json.loads(read_seal_body(run.pk, ending, closing.pk if closing else None))
    said = json.loads(seal.body_json)
    for field, value in now.items():
        if said.get(field) != value:
            yield f"seal: '{field}' does not fit the rows; {_SEAL_HINTS[field]}"


_SEAL_HINTS = {
    "run": "the run's own columns were changed",
    "steps": "a column of a step was changed",
    "events": "the history was changed",
    "former": "the seal of the round before was changed",
}
