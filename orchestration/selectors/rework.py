"""Where work can go back to from a step: what it waited for, directly or not."""

from dataclasses import dataclass

from django.db import connection

from orchestration.domain.plan import local_name


@dataclass(frozen=True, slots=True)
class Earlier:
    """A step that stands behind another one's back, and how often it was sent back by later ones already."""

    step_id: int
    key: str
    parent_id: int | None
    kind: str
    spec_key: str
    spec_json: str | None
    agent: str
    reworks: int
    parent_stage: str


# A grown step also waited for what those that grew it waited for; they themselves wait for it.
_EARLIER = """
WITH RECURSIVE seed AS (
    SELECT id, parent_id FROM orchestration_step WHERE id = %(step)s
    UNION SELECT p.id, p.parent_id FROM seed s JOIN orchestration_step p ON p.id = s.parent_id
), earlier AS (
    SELECT e.predecessor_id AS id FROM seed s JOIN orchestration_edge e ON e.successor_id = s.id AND NOT e.is_child
    UNION SELECT e.predecessor_id FROM earlier b JOIN orchestration_edge e ON e.successor_id = b.id
)
SELECT s.id, s.key, s.parent_id, s.kind, s.spec_key, s.spec_json, s.agent, s.reworks, coalesce(p.stage, '')
FROM earlier b JOIN orchestration_step s ON s.id = b.id LEFT JOIN orchestration_step p ON p.id = s.parent_id
WHERE s.kind = 'planned' OR EXISTS (SELECT 1 FROM orchestration_edge o WHERE o.predecessor_id = s.id AND o.is_child)
ORDER BY s.id
"""
_PARENTS = """
WITH RECURSIVE above AS (
    SELECT parent_id, depth FROM orchestration_step WHERE id = %(step)s
    UNION SELECT p.parent_id, p.depth FROM above a JOIN orchestration_step p ON p.id = a.parent_id
)
SELECT parent_id FROM above ORDER BY depth DESC
"""


def find_earlier(step_id: int, name: str) -> Earlier | None:
    """Return the step that another one calls by this name: a sibling, else one beside its parent, and so up.

    Args: name: as the workflow or the spawning agent named it, or a step's whole key.
    """
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, {"step": step_id})
        earlier = [Earlier(*row) for row in cursor.fetchall()]
        cursor.execute(_PARENTS, {"step": step_id})
        scopes = [row[0] for row in cursor.fetchall()]
    for scope in scopes:
        for step in earlier:
            if step.parent_id == scope and name in (step.key, local_name(step.key)):
                return step
    return next((step for step in earlier if step.key == name), None)
