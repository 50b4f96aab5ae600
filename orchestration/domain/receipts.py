"""Receipts: a Merkle DAG over what every step received and produced, and the seal over a whole round.

SHA-256 over canonical JSON (RFC 8785). A receipt names the receipts of what its step received, so parallel steps
never contend for a chain's head; the seal's root covers all of them, the run's input and its history, and is
signed. Whoever changes a stored byte must break a digest or forge a signature. Read next:
`orchestration/runs/verifying.py`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from agents.domain.canonical import RECORD_BYTES, canonical_json, canonical_record
from orchestration.domain.states import ReceiptKind

Digest: TypeAlias = Callable[[str], str]
"""Text to SHA-256: `digest_text`, or the `keep` of somebody who needs the texts behind the digests."""


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8 bytes as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_value(value: Any, digest: Digest = digest_text) -> str:
    """Return the SHA-256 of a record's canonical form as 64 hex digits."""
    return digest(canonical_record(value))


def canonical(value: Any) -> str:
    """Return a JSON value's canonical form (RFC 8785)."""
    return canonical_json(value, max_bytes=RECORD_BYTES)


def stamp(moment: datetime) -> str:
    """Return a moment as text that is the same for equal moments: UTC, microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class HandoffLine(NamedTuple):
    """One received hand-off, as a receipt commits to it."""

    from_step: str
    digest: str
    original_digest: str
    tokens_before: int
    tokens_after: int
    summarised_by: str
    loss_json: str | None = None

    @property
    def columns(self) -> tuple[Any, ...]:
        """Return what is digested: of what was handed whole what it always was."""
        return tuple(self) if self.loss_json is not None else tuple(self)[:-1]


class AttemptLine(NamedTuple):
    """One attempt and its decision, as a receipt commits to them. Times as `stamp` gives them."""

    number: int
    token: str
    task_id: str
    started_at: str
    finished_at: str
    outcome: str
    agent: str
    agent_version: int | None
    confidence: float | None
    usage_json: str
    failure_kind: str
    error_class: str
    error_message: str
    traceback_tail: str
    rule: str
    decision: str
    reason: str
    inputs_json: str
    due_at: str | None


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What a receipt is made of.

    Attributes: actor: "agent:<name>@<version>" or "person:<username>".
        decision: the id of the resolution for a person, "attempt:<n>" for the policy.
        received: hand-offs of the final attempt.  parents: receipts of all predecessors.
        calls: number and digest of the journal of its calls; None: nothing was called.
        memories: what was remembered with it: scope, whose, key, version and digest of each, in that order.
    """

    run_id: str
    spec_digest: str
    step: str
    round: int
    revision: int
    kind: ReceiptKind
    attempt: int
    actor: str
    decision: str
    parents: tuple[str, ...]
    received: tuple[HandoffLine, ...]
    attempts: tuple[AttemptLine, ...]
    proposed_digest: str | None
    final_digest: str
    feedback_digest: str | None
    finished_at: str
    calls: Mapping[str, int | str] | None = None
    memories: Sequence[Sequence[str | int]] = ()


def build_receipt(facts: ReceiptFacts) -> str:
    """Return a receipt's body as canonical JSON; its digest is `digest_text` of it."""
    # A step whose agent called and remembered nothing has the receipt that it always had.
    calls = {} if facts.calls is None else {"calls": dict(facts.calls)}
    memories = {"memories": [list(line) for line in facts.memories]} if facts.memories else {}
    return canonical_record(
        calls
        | memories
        | {
            "run": facts.run_id,
            "spec": facts.spec_digest,
            "step": facts.step,
            "round": facts.round,
            "revision": facts.revision,
            "kind": str(facts.kind),
            "attempt": facts.attempt,
            "actor": facts.actor,
            "decision": facts.decision,
            "parents": sorted(facts.parents),
            "received": digest_received(facts.received),
            "attempts": digest_lines(facts.attempts),
            "proposed": facts.proposed_digest,
            "final": facts.final_digest,
            "feedback": facts.feedback_digest,
            "finished_at": facts.finished_at,
        }
    )


def add_memories(receipt_json: str, memories: Iterable[Mapping[str, Any]]) -> str:
    """Return a receipt that names what is remembered with its output: of each the version, and no value."""
    names = ("scope", "scope_id", "key", "version", "digest")
    said = {"memories": sorted([line[name] for name in names] for line in memories)}
    return canonical_record(json.loads(receipt_json) | said)


def digest_received(lines: Iterable[HandoffLine], digest: Digest = digest_text) -> str:
    """Return one digest over what a step was handed."""
    return digest_lines((line.columns for line in lines), digest)


def digest_lines(lines: Iterable[tuple[Any, ...]], digest: Digest = digest_text) -> str:
    """Return one digest over lines of columns, sorted by their first column."""
    return digest_value([tuple(line) for line in sorted(lines, key=itemgetter(0))], digest)


SEAL_FORMAT = 3
"""Which columns a seal covers; a seal says its format."""


@dataclass(frozen=True, slots=True)
class SealFacts:
    """What a round's seal covers.

    Attributes: run: the run's own columns by name.  steps: one line of columns per step, by key.
        events_digest: over the whole history up to the closing.  former_root: of the round before, if any.
        beside: digests of what stands in no step's line and in no receipt, by name.
        result: of the run, where it has one of its own.
    """

    run: Mapping[str, Any]
    steps: Sequence[Sequence[Any]]
    events_digest: str
    former_root: str | None
    beside: Mapping[str, str | None]
    result: Mapping[str, str | None] | None = None


def build_seal(facts: SealFacts, digest: Digest = digest_text) -> str:
    """Return a seal's body as canonical JSON; the root is `digest_text` of it."""
    said = {} if facts.result is None else {"result": dict(facts.result)}
    return canonical(
        said
        | {
            "format": SEAL_FORMAT,
            "run": dict(facts.run),
            "steps": digest_value([list(line) for line in facts.steps], digest),
            "beside": facts.beside,
            "events": facts.events_digest,
            "former": facts.former_root,
        }
    )


def digest_events(lines: Sequence[Sequence[Any]], digest: Digest = digest_text) -> str:
    """Return the digest over a run's history: [id, kind, step id, attempt, data, time] each, by id."""
    return digest_value([list(line) for line in lines], digest)
