"""What is noted within a call: kept before its answer, so that a later attempt, which does not make it, has both."""

from collections.abc import Sequence
from typing import Final

import orjson

from orchestration.database.statements import fetch_all
from orchestration.domain.work import Claim
from orchestration.memory.lines import MemoryLine
from orchestration.transitions.vocabulary import is_held_by, lost

_KEEP: Final = f"""
WITH held AS MATERIALIZED (
    SELECT s.id FROM orchestration_step s WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s::uuid")} FOR SHARE
)
INSERT INTO orchestration_memorydraft (step_id, journal, path, project_id, lines_json)
SELECT id, %(journal)s::integer, %(path)s::text, %(project)s::bigint, %(lines)s::text FROM held
ON CONFLICT (step_id, journal, path) DO UPDATE SET lines_json = excluded.lines_json RETURNING id
"""


def keep_note(claim: Claim, path: str, lines: Sequence[MemoryLine]) -> None:
    """Keep what was noted within a call of a claimed step; once more it replaces what was.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    about = {"step": claim.step_id, "token": claim.token, "journal": claim.renewals, "path": path}
    noted = orjson.dumps({"lines": list(lines)}).decode()
    if not fetch_all(_KEEP, about | {"project": claim.run.project_id, "lines": noted}):
        raise lost(claim)
