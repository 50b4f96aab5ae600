"""What an attempt is handed, written before its agent sees it: summaries, parts that were fetched, memories."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
from orchestration.domain.states import HandoffKind
from orchestration.domain.summaries import Shortened
from orchestration.domain.work import Claim, Predecessor
from orchestration.transitions.handoff import LIVE_CLAIM
from orchestration.transitions.vocabulary import lost

_SHORTENED = {
    "from_step_id": "bigint",
    "text": "text",
    "digest": "text",
    "tokens": "integer",
    "summarised_by": "text",
    "loss_json": "text",
}
_SUMMARISED = f"""
WITH live AS ({LIVE_CLAIM}
)
UPDATE orchestration_handoff h
SET summary_json = t.text, digest = t.digest, tokens_after = t.tokens, summarised_by = t.summarised_by,
    loss_json = t.loss_json
FROM {read_lines("summaries", _SHORTENED, "t")}, live
WHERE h.attempt_id = %(attempt_id)s AND h.from_step_id = t.from_step_id
RETURNING h.id
"""


def record_shortened(claim: Claim, shortened: Mapping[int, Shortened]) -> None:
    """Write what an attempt is handed instead of originals that are over its tokens, by the sender's step.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    parameters = {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "summaries": dump_line([asdict(one) | {"from_step_id": sender} for sender, one in shortened.items()]),
    }
    if len(fetch_all(_SUMMARISED, parameters)) != len(shortened):
        raise lost(claim)


_HANDED = {
    "sender": "bigint",
    "original": "text",
    "digest": "text",
    "before": "integer",
    "after": "integer",
    "summarised_by": "text",
    "loss": "text",
    "pointer": "text",
    "memory": "bigint",
    "source": "text",
    "at": "timestamptz",
}
# A preparation that is begun again after an outage may have written what was recalled.
_ADDED = f"""
WITH live AS ({LIVE_CLAIM}
), added AS (
    INSERT INTO orchestration_handoff (attempt_id, run_id, from_step_id, to_step_id, original_digest, digest,
        tokens_before, tokens_after, summarised_by, loss_json, kind, pointer, memory_id, source, handed_at)
    SELECT %(attempt_id)s, l.run_id, coalesce(t.sender, l.id), l.id, t.original, t.digest, t.before, t.after,
        t.summarised_by, t.loss, %(kind)s, t.pointer, t.memory, t.source, coalesce(t.at, clock_timestamp())
    FROM live l, {read_lines("handed", _HANDED, "t")} ON CONFLICT DO NOTHING
)
SELECT id FROM live
"""


def record_fetched(claim: Claim, sender: Predecessor, pointer: str, digest: str, tokens: int) -> None:
    """Write that an attempt was handed a part of an original.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    line = {
        "sender": sender.step_id,
        "original": sender.output_digest,
        "digest": digest,
        "before": sender.output_tokens,
        "after": tokens,
        "summarised_by": "",
        "pointer": pointer,
    }
    _add(claim, HandoffKind.FETCH, [line])


def record_recalled(claim: Claim, lines: Sequence[Mapping[str, object]]) -> None:
    """Write which memories an attempt is handed, as of when it began: lines of `_HANDED`.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    at = claim.claimed_at.isoformat()
    _add(claim, HandoffKind.RECALL, [{**line, "at": at} for line in lines])


def _add(claim: Claim, kind: HandoffKind, lines: Sequence[Mapping[str, object]]) -> None:
    parameters = {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "kind": kind,
        "handed": dump_line(lines),
    }
    if not fetch_all(_ADDED, parameters):
        raise lost(claim)
