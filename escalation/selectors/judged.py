"""On whose work a decision is a judgement, and whether the work stood: one definition for all that counts it.

SQL over a ticket `t` and its review queue `q`. The board, the ticket page and the calibration of thresholds ask by it.
"""

from typing import Final

from orchestration.domain.holds import HoldSubject
from orchestration.domain.states import ResolutionKind

JUDGED: Final = f"""(t.status = 'resolved' AND t.has_proposal AND t.resolved_rule = ''
    AND t.subject IN ('{HoldSubject.OUTPUT}', '{HoldSubject.AUDIT}'))"""
"""A person decided on what an agent proposed, or looked again at what was accepted unseen. A rule judges nobody, nor
does what people did in a step of theirs."""

# An edit of nothing but fields that the queue lets pass leaves the agent in the right.
STANDS: Final = f"""(CASE WHEN t.resolution = '{ResolutionKind.APPROVE}' THEN true
    WHEN t.resolution = '{ResolutionKind.EDIT}' AND q.passing_edits <> '{{}}' THEN COALESCE(
        jsonb_typeof(t.seen_json::jsonb) = 'object' AND jsonb_typeof(t.resolution_output_json::jsonb) = 'object'
        AND t.seen_json::jsonb - q.passing_edits::text[]
            = t.resolution_output_json::jsonb - q.passing_edits::text[], false)
    ELSE false END)"""
"""Of what was judged: what the agent proposed was right."""
