"""Recomputes a run's proof from its rows and names the first thing that does not fit.

One look at each table, however long the run. Read next: `receipts_fit.py`, `links.py`, `family.py`, `seals.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from orchestration.domain.receipts import digest_text
from orchestration.domain.states import LIVE_RUN, RunStatus
from orchestration.models import Run
from orchestration.runs.family import find_family_faults
from orchestration.runs.links import find_link_faults
from orchestration.runs.receipts_fit import (
    find_call_faults,
    find_handoff_faults,
    find_memory_faults,
    find_receipt_faults,
)
from orchestration.runs.seals import find_seal_faults
from orchestration.runs.starting import get_run
from orchestration.selectors.proof import ProofRows, load_proof
from orchestration.selectors.trees import find_result


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
    """Verify everything a run's proof covers: spec, input, outputs, hand-offs, receipts, history, seals, family.

    Raises: RunNotFound.
    """
    with open_view():
        return _verify(get_run(run_id))


@contextmanager
def open_view() -> Iterator[None]:
    """Give the body one view of all rows: a run that goes on meanwhile must not look tampered with."""
    with transaction.atomic():
        if len(connection.savepoint_ids) == 0:
            connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def find_fault(run: Run, rows: ProofRows) -> str | None:
    """Return the first thing of a run that does not fit, of rows that were read in one view."""
    return next(_find_faults(run, rows), None)


def _verify(run: Run) -> Verdict:
    rows = load_proof(run)
    return Verdict(
        run_id=run.pk,
        receipts=len(rows.receipts),
        handoffs=len(rows.handoffs),
        is_sealed=run.status not in LIVE_RUN and any(seal.round == run.round for seal in rows.seals),
        fault=find_fault(run, rows),
    )


def _result_faults(run: Run) -> Iterator[str]:
    result = find_result(run.pk)
    if result is None:
        if run.status == RunStatus.SUCCEEDED and run.workflow.output:
            yield "result: the run succeeded and its workflow says what it gives back, but that is not there"
        return
    if run.status != RunStatus.SUCCEEDED:
        yield f"result: the run is {run.status}, and has one"
    if result.output_json is not None and digest_text(result.output_json) != result.digest:
        yield "result: output_json does not match its digest"


def _find_faults(run: Run, rows: ProofRows) -> Iterator[str]:
    if digest_text(run.workflow.spec_json) != run.workflow.digest:
        yield f"workflow {run.workflow}: spec_json does not match its digest"
    if digest_text(run.input_json) != run.input_digest:
        yield "run: input_json does not match its digest"
    yield from find_link_faults(run, rows)
    yield from find_handoff_faults(rows)
    yield from find_call_faults(rows)
    yield from find_memory_faults(rows)
    yield from find_receipt_faults(rows)
    yield from find_family_faults(run, rows)
    yield from _result_faults(run)
    yield from find_seal_faults(run, rows)
