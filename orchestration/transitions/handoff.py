"""What was shortened on its way to a running step; written before the agent sees it."""

from orchestration.database.statements import fetch_all
from orchestration.domain.work import Claim, Summary
from orchestration.errors import ClaimLost

# The lock makes whoever would end the attempt meanwhile wait, and then read what was handed.
_SUMMARISED = """
WITH live AS (
    SELECT id FROM orchestration_step
    WHERE id = %(step)s AND status = 'running' AND token = %(token)s FOR SHARE
)
UPDATE orchestration_handoff h
SET summary_json = t.text, digest = t.digest, tokens_after = t.tokens, summarised_by = t.name
FROM unnest(%(from)s::bigint[], %(texts)s::text[], %(digests)s::text[], %(tokens)s::int[], %(names)s::text[])
         AS t(step_id, text, digest, tokens, name), live
WHERE h.attempt_id = %(attempt_id)s AND h.from_step_id = t.step_id
RETURNING h.id
"""


def record_summaries(claim: Claim, summaries: list[Summary]) -> None:
    """Write what an attempt is handed instead of originals that are over the budget.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    parameters = {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "from": [s.from_step_id for s in summaries],
        "texts": [s.text for s in summaries],
        "digests": [s.digest for s in summaries],
        "tokens": [s.tokens for s in summaries],
        "names": [s.summarised_by for s in summaries],
    }
    if len(fetch_all(_SUMMARISED, parameters)) != len(summaries):
        raise ClaimLost(f"step {claim.step_id} is no longer held by token {claim.token}")
