"""What was shortened on its way to a running step; written before the agent sees it."""

from dataclasses import asdict

from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
from orchestration.domain.work import Claim, Summary
from orchestration.transitions.vocabulary import is_held_by, lost

_SUMMARY = {
    "from_step_id": "bigint",
    "text": "text",
    "digest": "text",
    "tokens": "integer",
    "summarised_by": "text",
}
# The lock makes whoever would end the attempt meanwhile wait, and then read what was handed.
_SUMMARISED = f"""
WITH live AS (
    SELECT s.id FROM orchestration_step s WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s")} FOR SHARE
)
UPDATE orchestration_handoff h
SET summary_json = t.text, digest = t.digest, tokens_after = t.tokens, summarised_by = t.summarised_by
FROM {read_lines("summaries", _SUMMARY, "t")}, live
WHERE h.attempt_id = %(attempt_id)s AND h.from_step_id = t.from_step_id
RETURNING h.id
"""


def record_summaries(claim: Claim, summaries: list[Summary]) -> None:
    """Write what an attempt is handed instead of originals that are over its tokens.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    parameters = {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "summaries": dump_line([asdict(summary) for summary in summaries]),
    }
    if len(fetch_all(_SUMMARISED, parameters)) != len(summaries):
        raise lost(claim)
