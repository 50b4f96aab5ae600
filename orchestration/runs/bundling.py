"""Puts a run and all runs below it into one file that proves itself. Read next: `domain/bundle.py`, which verifies it.

Nothing new is signed: a bundle carries the signed roots as they were made when each round closed, and the text behind
every digest that is reached from them.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from orchestration.domain.bundle import verify_file, write_file
from orchestration.domain.events import EventKind
from orchestration.domain.receipts import digest_lines, digest_received, digest_text
from orchestration.domain.states import DONE, LIVE_RUN, RunStatus
from orchestration.errors import BundleRefused
from orchestration.models import Receipt, Run
from orchestration.runs.starting import get_run
from orchestration.runs.verifying import find_fault, open_view
from orchestration.selectors.kin import walk_down
from orchestration.selectors.proof import ProofRows, load_proof
from orchestration.selectors.sealed import RunEnd, read_history_digest, read_seal_body
from orchestration.selectors.trees import find_result


def bundle(run_id: UUID | str, *, digests_only: bool = False) -> bytes:
    """Return the bundle's file of an ended run and of all runs below it.

    Args: digests_only: leave out what agents and people wrote (inputs, outputs, items, proposals, feedback, summaries,
        requests and responses of calls, memories): their digests stay, so that whoever has a text can show that it was
        this one.

    Raises: RunNotFound.  BundleRefused: a run goes on, or its proof does not hold.
    """
    with open_view():
        keeper = _Keeper()
        runs = [_keep_run(get_run(one), keeper) for one in walk_down(get_run(run_id).pk)]
    data = keeper.write(runs, digests_only=digests_only)
    fault = verify_file(data).fault
    if fault is not None:
        raise BundleRefused(f"run {run_id} holds, but its bundle would not; please report this: {fault}")
    return data


class _Keeper:
    """Texts by their digests.

    `records`: what the proof is made of.  `contents`: what it is about.  `lost`: contents of which only a receipt still
    tells, as their rows hold what came after.
    """

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.contents: dict[str, str] = {}
        self.lost: set[str] = set()

    def keep_record(self, text: str) -> str:
        digest = digest_text(text)
        self.records[digest] = text
        return digest

    def write(self, runs: list[dict[str, Any]], *, digests_only: bool) -> bytes:
        kept = self.records if digests_only else self.contents | self.records
        return write_file(runs, kept, (self.contents.keys() | self.lost) - kept.keys())


def _keep_run(run: Run, keeper: _Keeper) -> dict[str, Any]:
    if run.status in LIVE_RUN:
        raise BundleRefused(
            f"run {run.pk} is {run.status}: only what has ended is sealed; wait for it, or cancel it"
        )
    rows = load_proof(run)
    fault = find_fault(run, rows)
    if fault is not None:
        raise BundleRefused(f"run {run.pk} does not hold, so a bundle of it would prove nothing: {fault}")
    _keep_seals(run, rows, keeper)
    keeper.contents |= {digest_text(text): text for text in _list_contents(run, rows) if text is not None}
    for receipt in rows.receipts:
        _keep_receipt(receipt, rows, keeper)
    # A memory may be forgotten since, and what was handed of one stands in no row.
    recalled = [one for one in rows.handoffs if one.source is not None]
    keeper.lost |= {
        text for one in recalled for text in (one.original_digest, one.digest)
    } - keeper.contents.keys()
    seals = [
        {"root": seal.root, "signature": seal.signature, "public_key": seal.public_key} for seal in rows.seals
    ]
    return {"id": str(run.pk), "seals": seals}


def _keep_seals(run: Run, rows: ProofRows, keeper: _Keeper) -> None:
    closings = [line.pk for line in rows.events if line.kind == EventKind.RUN_CLOSED]
    for seal, closing in zip(rows.seals, closings, strict=True):
        keeper.keep_record(seal.body_json)
        read_history_digest(run.pk, closing, keeper.keep_record)
    ending = RunEnd(RunStatus(run.status), run.reason, rows.seals[-1].sealed_at)
    read_seal_body(run.pk, ending, closings[-1], keeper.keep_record)
    keeper.keep_record(run.workflow.spec_json)


def _keep_receipt(receipt: Receipt, rows: ProofRows, keeper: _Keeper) -> None:
    keeper.keep_record(receipt.body_json)
    said = json.loads(receipt.body_json)
    attempt = int(said["attempt"])
    digest_received(rows.handoff_lines(receipt.step_id, attempt), keeper.keep_record)
    digest_lines(rows.attempt_lines(receipt.step_id, attempt), keeper.keep_record)
    if "calls" in said:
        journal = int(said["calls"]["journal"])
        rows.calls_made(receipt.step_id, journal, keeper.keep_record)
        for call in rows.calls_done(receipt.step_id, journal):
            texts = (call.request_json, call.response_json or "")
            keeper.contents |= {digest_text(text): text for text in texts}
    for *_, digest in said.get("memories", ()):
        value_json = rows.value_of(receipt.step_id, digest)
        if value_json is None:  # forgotten
            keeper.lost.add(digest)
        else:
            keeper.contents[digest] = value_json
    # What was proposed, and told to whoever did it anew, stays in a step's row until the next time.
    keeper.lost |= {said[name] for name in ("proposed", "feedback") if said[name]} - keeper.contents.keys()


def _list_contents(run: Run, rows: ProofRows) -> Iterator[str | None]:
    yield run.input_json
    result = find_result(run.pk)
    yield result.output_json if result else None
    for step in rows.steps.values():
        yield from (step.output_json, step.proposed_json, step.item_json, step.spec_json)
        yield step.feedback if step.feedback and step.status in DONE else None
    yield from (past.output_json for past in rows.past_outputs)
    yield from (handoff.summary_json for handoff in rows.handoffs)
    yield from (memory.value_json for memory in rows.recalled.values())
    if any(handoff.source is not None and handoff.memory_id is None for handoff in rows.handoffs):
        yield "null"
