"""What a running step is handed instead of whole originals, written before its agent sees it."""

from collections.abc import Mapping
from dataclasses import asdict

from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
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


_FETCHED = f"""
WITH live AS ({LIVE_CLAIM}
)
INSERT INTO orchestration_handoff (attempt_id, run_id, from_step_id, to_step_id, original_digest, digest,
    tokens_before, tokens_after, summarised_by, kind, pointer, handed_at)
SELECT %(attempt_id)s, l.run_id, %(sender)s, l.id, %(original)s, %(digest)s, %(before)s, %(after)s, '', 'fetch',
    %(pointer)s, clock_timestamp() FROM live l RETURNING id
"""


def record_fetched(claim: Claim, sender: Predecessor, pointer: str, digest: str, tokens: int) -> None:
    """Write that an attempt was handed a part of an original.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    parameters = {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "sender": sender.step_id,
        "original": sender.output_digest,
        "digest": digest,
        "before": sender.output_tokens,
        "after": tokens,
        "pointer": pointer,
    }
    if not fetch_all(_FETCHED, parameters):
        raise lost(claim)
