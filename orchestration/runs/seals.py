"""Whether the seals of a run's rounds hold: signature, chain, history, the last one's every row. Part of `verify`."""

import json
from collections.abc import Iterator
from itertools import pairwise

from orchestration.conf import get_former_keys, get_signer
from orchestration.domain.receipts import digest_text
from orchestration.domain.signing import verify_signature
from orchestration.domain.states import LIVE_RUN, RunStatus
from orchestration.models import Event, Run, Seal
from orchestration.selectors.proof import ProofRows
from orchestration.selectors.sealed import RunEnd, read_history_digest, read_seal_body
from orchestration.transitions.seal import describe_closing

# What is told late, and a top-up, which a run may get between its end and its next round.
_BETWEEN = frozenset({"late_write_refused", "budget_topped_up", "budget_used_up"})


def find_seal_faults(run: Run, rows: ProofRows) -> Iterator[str]:
    """Yield what is wrong with the ends of a run's rounds."""
    is_live = run.status in LIVE_RUN
    closings = [line for line in rows.events if line.kind == "run_closed"]
    sealed = run.round - 1 if is_live else run.round
    if [seal.round for seal in rows.seals] != list(range(1, sealed + 1)):
        yield f"run: it is {run.status} in round {run.round}, but its rounds are not sealed so far"
        return
    if len(closings) != sealed:
        yield "history: the line run_closed is missing, or there is one too many"
        return
    for seal, closing in zip(rows.seals, closings, strict=True):
        yield from _signature_faults(seal)
        yield from _closing_faults(seal, closing)
        if seal.round < run.round:
            yield from _past_faults(run, seal, closing)
    for before, after in pairwise(rows.seals):
        if json.loads(after.body_json).get("former") != before.root:
            yield f"seal of round {after.round}: 'former' is not the root of the round before"
    yield from _order_faults(rows, closings, is_live=is_live)
    if not is_live:
        yield from _last_faults(run, rows.seals[-1], closings[-1])


def _closing_faults(seal: Seal, closing: Event) -> Iterator[str]:
    ended = json.loads(seal.body_json)["run"]
    told = (closing.step_id, closing.attempt, closing.data_json, closing.at)
    if told != (None, None, describe_closing(ended["status"]), seal.sealed_at):
        yield "history: the line run_closed does not fit the run's end, or sealed_at is not when it ended"
    if ended["round"] != seal.round:
        yield f"seal of round {seal.round}: it is of another round"


def _signature_faults(seal: Seal) -> Iterator[str]:
    if digest_text(seal.body_json) != seal.root:
        yield "seal: body_json does not match its root"
    if seal.public_key not in (get_signer().public_key, *get_former_keys()):
        yield (
            "seal: it was signed by another key than this installation's (RINGMASTER_SIGNING_KEY); if it was its own "
            "before, name it in FORMER_SIGNING_KEYS (list_signing_keys shows it)"
        )
    if not verify_signature(seal.public_key, seal.root, seal.signature):
        yield "seal: the signature is not of this root"


def _past_faults(run: Run, seal: Seal, closing: Event) -> Iterator[str]:
    """Of a former round only its history still stands as it was."""
    if json.loads(seal.body_json)["events"] != read_history_digest(run.pk, closing.pk):
        yield f"seal of round {seal.round}: 'events' does not fit the rows; {_HINTS['events']}"


def _order_faults(rows: ProofRows, closings: list[Event], *, is_live: bool) -> Iterator[str]:
    """Yield lines that stand behind an end: only few kinds may, or the beginning of the next round."""
    lines = [line for line in rows.events if line.kind not in _BETWEEN]
    for line, following in pairwise([*lines, None]):
        if line is None or line.kind != "run_closed":
            continue
        is_last = line.pk == closings[-1].pk and not is_live
        if is_last and following is not None:
            yield f"history: the line {following.kind} stands behind the run's end"
        if not is_last and (following is None or following.kind != "run_retried"):
            yield "history: a round begins without the line run_retried"


def _last_faults(run: Run, seal: Seal, closing: Event) -> Iterator[str]:
    if seal.sealed_at != run.finished_at:
        yield "seal: sealed_at is not when the run ended"
    ending = RunEnd(RunStatus(run.status), run.reason, run.finished_at or seal.sealed_at)
    said = json.loads(seal.body_json)
    now = json.loads(read_seal_body(run.pk, ending, closing.pk))
    for field in (*now, *(said.keys() - now.keys())):
        if said.get(field) != now.get(field):
            yield f"seal: '{field}' does not fit the rows; {_HINTS.get(field, 'it was added')}"


_HINTS = {
    "format": "it was changed, or sealed by another release",
    "run": "the run's own columns were changed",
    "result": "the run's result was changed",
    "steps": "a column of a step was changed",
    "beside": "an edge of a grown step, a past output or a try that came to nothing was changed",
    "events": "the history was changed",
    "former": "the seal of the round before was changed",
}
